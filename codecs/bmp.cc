// BMP, uncompressed. Our own reader: stb_image's takes any file that ends early for a whole one,
// shows whatever lay on its stack for colours that the palette lacks, and refuses legal gaps
// between header and pixels. Checking all that beforehand is longer than reading the pixels.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <span>

#include "codecs/codec.h"

namespace mtcnn {
namespace {

constexpr std::size_t kFileHeader = 14;

// The bits of a pixel that hold one colour, and what scales them to 0..255.
struct Channel {
  std::uint32_t mask = 0;

  std::uint8_t value(std::uint32_t pixel) const {
    if (mask == 0) return 0;
    const int shift = std::countr_zero(mask);
    const std::uint64_t most = mask >> shift;
    const std::uint64_t v = (pixel & mask) >> shift;
    return static_cast<std::uint8_t>((v * 255 + most / 2) / most);
  }
};

struct Header {
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool top_down = false;
  std::uint32_t bits = 0;          // of a pixel
  std::size_t pixels = 0;          // offset of the first row
  std::size_t palette = 0;         // offset; the palette ends where the pixels begin, or earlier
  std::size_t palette_stride = 4;  // bytes of one colour: blue, green, red
  std::size_t palette_colours = 0;
  Channel red, green, blue;  // of 16 and 32 bits
};

Result<Header> read_header(const ImageFile& file) {
  const auto error = [&](ErrorCode code, const std::string& what) {
    return file_error(code, file.name, "can't decode BMP: " + what);
  };
  const std::span<const std::byte> bytes = file.bytes;
  if (bytes.size() < kFileHeader + 12) return error(ErrorCode::kFormat, "premature end of file");
  Header header;
  header.pixels = read_le32(bytes, 10);
  const std::size_t info_size = read_le32(bytes, 14);
  const bool core = info_size == 12;  // OS/2 and Windows 2
  // 40 bytes and the extensions of it; what the longer ones add (colour space) is not used.
  if (!core && (info_size < 40 || info_size > 256)) {
    return error(ErrorCode::kUnsupported, "a header of " + std::to_string(info_size) + " bytes");
  }
  if (bytes.size() < kFileHeader + info_size) {
    return error(ErrorCode::kFormat, "premature end of file");
  }

  std::uint32_t compression = 0;
  std::uint32_t colours = 0;
  if (core) {
    header.width = read_le16(bytes, 18);
    header.height = read_le16(bytes, 20);
    header.bits = read_le16(bytes, 24);
  } else {
    header.width = static_cast<std::int32_t>(read_le32(bytes, 18));
    header.height = static_cast<std::int32_t>(read_le32(bytes, 22));
    header.bits = read_le16(bytes, 28);
    compression = read_le32(bytes, 30);
    colours = read_le32(bytes, 46);
  }
  header.top_down = header.height < 0;
  header.height = std::abs(header.height);
  if (const Status size = check_size(file, header.width, header.height); !size) return size.error();

  switch (header.bits) {
    case 1:
    case 4:
    case 8:
    case 16:
    case 24:
    case 32: break;
    default: return error(ErrorCode::kUnsupported, std::to_string(header.bits) + " bits a pixel");
  }
  constexpr std::uint32_t kBitFields = 3;
  const bool masked = header.bits == 16 || header.bits == 32;
  if (compression != 0 && !(compression == kBitFields && masked)) {
    return error(ErrorCode::kUnsupported,
                 "compressed (method " + std::to_string(compression) + "), expected an uncompressed one");
  }
  header.palette = kFileHeader + info_size;
  if (compression == kBitFields) {
    // Behind the 40 bytes, whether or not the header is said to include them.
    constexpr std::size_t kMasks = kFileHeader + 40;
    if (bytes.size() < kMasks + 12) return error(ErrorCode::kFormat, "premature end of file");
    header.red.mask = read_le32(bytes, kMasks);
    header.green.mask = read_le32(bytes, kMasks + 4);
    header.blue.mask = read_le32(bytes, kMasks + 8);
  } else if (header.bits == 16) {
    header.red.mask = 0x7c00;
    header.green.mask = 0x03e0;
    header.blue.mask = 0x001f;
  } else {
    header.red.mask = 0xff0000;
    header.green.mask = 0x00ff00;
    header.blue.mask = 0x0000ff;
  }
  if (header.pixels < header.palette) return error(ErrorCode::kFormat, "pixels within the header");
  if (header.bits <= 8) {
    header.palette_stride = core ? 3 : 4;
    const std::size_t most = std::size_t{1} << header.bits;
    const std::size_t room = (header.pixels - header.palette) / header.palette_stride;
    header.palette_colours = std::min(colours == 0 ? most : std::min<std::size_t>(colours, most), room);
  }
  return header;
}

bool recognises(std::span<const std::byte> bytes) { return starts_with(bytes, "BM"); }

Result<DecodedImage> decode(const ImageFile& file) {
  const Result<Header> parsed = read_header(file);
  if (!parsed) return parsed.error();
  const Header& header = *parsed;
  const auto width = static_cast<std::size_t>(header.width);
  const auto height = static_cast<std::size_t>(header.height);
  // Rows are padded to 4 bytes; some writers leave the padding of the last one out.
  const std::size_t row_bytes = (width * header.bits + 7) / 8;
  const std::size_t stride = (row_bytes + 3) / 4 * 4;
  if (header.pixels > file.size() || file.size() - header.pixels < stride * (height - 1) + row_bytes) {
    return file_error(ErrorCode::kFormat, file.name, "can't decode BMP: premature end of file");
  }

  DecodedImage decoded;
  decoded.image = make_image(header.width, header.height);
  std::uint8_t* to = decoded.image.rgb.data();
  const std::uint8_t* palette = file.data() + header.palette;
  for (std::size_t y = 0; y < height; ++y) {
    const std::size_t stored = header.top_down ? y : height - 1 - y;
    const std::uint8_t* row = file.data() + header.pixels + stored * stride;
    for (std::size_t x = 0; x < width; ++x, to += 3) {
      if (header.bits <= 8) {
        const std::size_t bit = x * header.bits;  // the leftmost pixel is in the highest bits
        const std::size_t index = row[bit / 8] >> (8 - header.bits - bit % 8) & ((1u << header.bits) - 1);
        if (index >= header.palette_colours) {
          return file_error(ErrorCode::kFormat, file.name,
                            "can't decode BMP: colour " + std::to_string(index) + " of a palette of " +
                                std::to_string(header.palette_colours));
        }
        const std::uint8_t* colour = palette + index * header.palette_stride;
        for (int c = 0; c < 3; ++c) to[c] = colour[2 - c];
      } else if (header.bits == 24) {
        for (int c = 0; c < 3; ++c) to[c] = row[3 * x + static_cast<std::size_t>(2 - c)];
      } else {
        const std::size_t at = header.pixels + stored * stride + x * (header.bits / 8);
        const std::uint32_t pixel = header.bits == 16 ? read_le16(file.bytes, at) : read_le32(file.bytes, at);
        to[0] = header.red.value(pixel);
        to[1] = header.green.value(pixel);
        to[2] = header.blue.value(pixel);
      }
    }
  }
  return decoded;
}

Result<std::vector<std::byte>> encode(const Image& image, const std::string& name) {
  const auto width = static_cast<std::size_t>(image.width);
  const auto height = static_cast<std::size_t>(image.height);
  constexpr std::size_t kHeaders = kFileHeader + 40;
  const std::size_t stride = (3 * width + 3) / 4 * 4;
  const std::size_t size = kHeaders + stride * height;
  if (size > 0xffffffff) {
    return file_error(ErrorCode::kLimit, name, "can't encode BMP: larger than 4 GiB");
  }
  std::vector<std::byte> bytes(size);
  const auto put = [&](std::size_t at, std::size_t value, int count) {
    for (int i = 0; i < count; ++i) {
      bytes[at + static_cast<std::size_t>(i)] = static_cast<std::byte>(value >> 8 * i);
    }
  };
  put(0, 'B', 1);
  put(1, 'M', 1);
  put(2, size, 4);
  put(10, kHeaders, 4);
  put(14, 40, 4);
  put(18, width, 4);
  put(22, height, 4);  // positive: the bottom row comes first, which every reader understands
  put(26, 1, 2);       // planes
  put(28, 24, 2);      // bits a pixel
  put(34, stride * height, 4);
  for (std::size_t y = 0; y < height; ++y) {
    const std::uint8_t* from = image.rgb.data() + 3 * width * (height - 1 - y);
    std::byte* to = bytes.data() + kHeaders + stride * y;
    for (std::size_t x = 0; x < width; ++x, from += 3, to += 3) {
      for (int c = 0; c < 3; ++c) to[c] = static_cast<std::byte>(from[2 - c]);
    }
  }
  return bytes;
}

constexpr std::string_view kExtensions[] = {".bmp"};

}  // namespace

const Codec kBmpCodec{"BMP", kExtensions, kExtensions, recognises, decode, encode};

}  // namespace mtcnn
