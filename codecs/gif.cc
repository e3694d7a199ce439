// The first frame of a GIF, through stb_image.
//
// stb_image takes a file that ends early for a picture that ends early. So it gets a file of our
// making: the first frame alone, known to be complete, with no transparent colour and no
// background. It then leaves exactly those pixels at alpha 0 that the data did not reach. (Dropping
// the transparent colour is also what "alpha is dropped" means here.)
#include <climits>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_NO_FAILURE_STRINGS  // kept in a global of each thread; our own message says as much
#include <stb_image.h>

#include "codecs/codec.h"

namespace mtcnn {
namespace {

constexpr std::size_t kScreen = 13;      // signature and screen descriptor
constexpr std::size_t kDescriptor = 10;  // image descriptor with its introducer

struct FirstFrame {
  std::size_t begin = 0;  // of the image descriptor
  std::size_t end = 0;    // behind the terminator of the pixel data
};

// Bytes of the colour table that the flags of a descriptor announce.
std::size_t table_bytes(std::byte flags) {
  const unsigned bits = std::to_integer<unsigned>(flags);
  return bits & 0x80 ? std::size_t{3} * (2u << (bits & 7)) : 0;
}

// The offset behind a chain of sub-blocks, or nothing if the file ends within it.
std::optional<std::size_t> skip_blocks(std::span<const std::byte> bytes, std::size_t at) {
  while (at < bytes.size()) {
    const std::size_t length = std::to_integer<std::size_t>(bytes[at]);
    at += 1 + length;
    if (length == 0) return at;
  }
  return std::nullopt;
}

std::optional<FirstFrame> find_first_frame(std::span<const std::byte> bytes) {
  std::size_t at = kScreen + table_bytes(bytes[10]);
  while (at < bytes.size()) {
    if (bytes[at] == std::byte{0x21}) {  // extension: introducer, label, sub-blocks
      const auto next = skip_blocks(bytes, at + 2);
      if (!next) return std::nullopt;
      at = *next;
    } else if (bytes[at] == std::byte{0x2c} && at + kDescriptor <= bytes.size()) {
      const auto end = skip_blocks(bytes, at + kDescriptor + table_bytes(bytes[at + 9]) + 1);
      if (!end) return std::nullopt;
      return FirstFrame{at, *end};
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

bool recognises(std::span<const std::byte> bytes) {
  return starts_with(bytes, "GIF87a") || starts_with(bytes, "GIF89a");
}

Result<DecodedImage> decode(const ImageFile& file) {
  const auto error = [&](const char* what) {
    return file_error(ErrorCode::kFormat, file.name, std::string("can't decode GIF: ") + what);
  };
  if (file.size() < kScreen) return error("premature end of file");
  const int width = static_cast<int>(read_le16(file.bytes, 6));
  const int height = static_cast<int>(read_le16(file.bytes, 8));
  if (const Status size = check_size(file, width, height); !size) return size.error();
  const std::optional<FirstFrame> frame = find_first_frame(file.bytes);
  if (!frame) return error("no complete frame: premature end of file, or corrupt blocks");
  const std::size_t left = read_le16(file.bytes, frame->begin + 1);
  const std::size_t top = read_le16(file.bytes, frame->begin + 3);
  const std::size_t right = left + read_le16(file.bytes, frame->begin + 5);
  const std::size_t bottom = top + read_le16(file.bytes, frame->begin + 7);
  if (left == right || top == bottom || right > static_cast<std::size_t>(width) ||
      bottom > static_cast<std::size_t>(height)) {
    return error("an empty frame, or one outside the picture");
  }

  std::vector<std::byte> bytes(
      file.bytes.begin(),
      file.bytes.begin() + static_cast<std::ptrdiff_t>(kScreen + table_bytes(file.bytes[10])));
  bytes[11] = std::byte{0};  // index of the background colour; 0 is "none" to stb_image
  bytes.insert(bytes.end(), file.bytes.begin() + static_cast<std::ptrdiff_t>(frame->begin),
               file.bytes.begin() + static_cast<std::ptrdiff_t>(frame->end));
  if (bytes.size() > INT_MAX) {
    return file_error(ErrorCode::kLimit, file.name, "GIF larger than 2 GiB");
  }

  int got_width = 0;
  int got_height = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> rgba(
      stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()),
                            &got_width, &got_height, nullptr, 4),
      stbi_image_free);
  if (!rgba || got_width != width || got_height != height) return error("corrupt pixels");

  DecodedImage decoded;
  decoded.image = make_image(width, height);
  const stbi_uc* from = rgba.get();
  std::uint8_t* to = decoded.image.rgb.data();
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y) {
    for (std::size_t x = 0; x < static_cast<std::size_t>(width); ++x, from += 4, to += 3) {
      const bool inside = x >= left && x < right && y >= top && y < bottom;
      if (inside && from[3] == 0) return error("corrupt pixels: too few, or of no colour");
      for (int c = 0; c < 3; ++c) to[c] = from[c];
    }
  }
  return decoded;
}

constexpr std::string_view kExtensions[] = {".gif"};

}  // namespace

const Codec kGifCodec{"GIF", kExtensions, {}, recognises, decode, nullptr};

}  // namespace mtcnn
