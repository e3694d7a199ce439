#include "codecs/image_io.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "codecs/codec.h"
#include "codecs/orientation.h"
#include "util/file.h"

namespace mtcnn {
namespace {

constexpr const Codec* kCodecs[] = {
    &kJpegCodec, &kPngCodec, &kWebpCodec, &kBmpCodec, &kGifCodec, &kPnmCodec,
};

Result<Image> decode_unguarded(const ImageFile& file) {
  if (file.bytes.empty()) {
    return file_error(ErrorCode::kFormat, file.name, "is empty, expected an image");
  }
  for (const Codec* codec : kCodecs) {
    if (!codec->recognises(file.bytes)) continue;
    Result<DecodedImage> decoded = codec->decode(file);
    if (!decoded) return decoded.error();
    return apply_orientation(std::move(decoded->image), decoded->orientation);
  }
  std::string names;
  for (const Codec* codec : kCodecs) names.append(names.empty() ? "" : ", ").append(codec->name);
  return file_error(ErrorCode::kUnsupported, file.name,
                    "is not an image of a known kind, expected one of " + names);
}

Error out_of_memory(const std::string& name) {
  return file_error(ErrorCode::kOutOfMemory, name, "not enough memory for this image");
}

std::string lower_case_ending(std::string_view path) {
  const std::size_t dot = path.find_last_of("./");
  if (dot == std::string_view::npos || path[dot] == '/') return {};
  std::string ending(path.substr(dot));
  for (char& c : ending) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return ending;
}

// The view's pixels as every encoder takes them.
Result<Image> pack(const ImageView& view, const std::string& path) {
  if (view.format != PixelFormat::kRgb8 && view.format != PixelFormat::kGray8) {
    return file_error(ErrorCode::kInvalidArgument, path, "can't save: expected an RGB or grey image");
  }
  const std::ptrdiff_t pixel_bytes = bytes_per_pixel(view.format);
  if (view.data == nullptr || view.width <= 0 || view.height <= 0 ||
      std::max(view.row_stride, -view.row_stride) < pixel_bytes * view.width) {
    return file_error(ErrorCode::kInvalidArgument, path,
                      "can't save: the image has no pixels, or rows shorter than its width");
  }
  Image image = make_image(view.width, view.height);
  std::uint8_t* to = image.rgb.data();
  for (int y = 0; y < view.height; ++y) {
    const std::uint8_t* row = view.data + y * view.row_stride;
    if (view.format == PixelFormat::kRgb8) {
      to = std::copy_n(row, 3 * static_cast<std::size_t>(view.width), to);
    } else {
      for (int x = 0; x < view.width; ++x) to = std::fill_n(to, 3, row[x]);
    }
  }
  return image;
}

// By the ending of `name`, which is also how messages begin.
Result<std::vector<std::byte>> encode_unguarded(const ImageView& view, const std::string& name) {
  const std::string ending = lower_case_ending(name);
  std::string known;
  for (const Codec* codec : kCodecs) {
    for (const std::string_view extension : codec->save_extensions) {
      known.append(known.empty() ? "" : ", ").append(extension);
      if (ending != extension) continue;
      const Result<Image> image = pack(view, name);
      if (!image) return image.error();
      return codec->encode(*image, name);
    }
  }
  return file_error(ErrorCode::kInvalidArgument, name, "can't save: the name must end in one of " + known);
}

Status save_unguarded(const std::string& path, const ImageView& view) {
  const Result<std::vector<std::byte>> bytes = encode_unguarded(view, path);
  if (!bytes) return bytes.error();
  return write_file(path, *bytes);
}

}  // namespace

// One catch for each function that faces outwards: the codecs are free to use std::vector.
Result<Image> decode_image(std::span<const std::byte> bytes, const std::string& name,
                           const DecodeLimits& limits) {
  try {
    if (bytes.size() > limits.max_file_bytes) {
      return file_error(ErrorCode::kLimit, name,
                        "has " + std::to_string(bytes.size()) + " bytes, at most " +
                            std::to_string(limits.max_file_bytes) + " are read");
    }
    return decode_unguarded({bytes, name, limits});
  } catch (const std::bad_alloc&) {
    return out_of_memory(name);
  }
}

Result<Image> load_image(const std::string& path, const DecodeLimits& limits) {
  try {
    const Result<std::vector<std::byte>> bytes = read_file(path, limits.max_file_bytes);
    if (!bytes) return bytes.error();
    return decode_unguarded({*bytes, path, limits});
  } catch (const std::bad_alloc&) {
    return out_of_memory(path);
  }
}

Result<std::vector<std::byte>> encode_image(const ImageView& image, std::string_view extension) {
  const std::string name(extension);
  try {
    return encode_unguarded(image, name);
  } catch (const std::bad_alloc&) {
    return out_of_memory(name);
  }
}

Status save_image(const std::string& path, const ImageView& image) {
  try {
    return save_unguarded(path, image);
  } catch (const std::bad_alloc&) {
    return out_of_memory(path);
  }
}

std::span<const std::string_view> image_extensions() {
  static const std::vector<std::string_view> all = [] {
    std::vector<std::string_view> list;
    for (const Codec* codec : kCodecs) {
      list.insert(list.end(), codec->extensions.begin(), codec->extensions.end());
    }
    return list;
  }();
  return all;
}

Error file_error(ErrorCode code, const std::string& name, std::string_view what) {
  return {code, name + ": " + std::string(what)};
}

Status check_size(const ImageFile& file, std::int64_t width, std::int64_t height) {
  const std::string size = std::to_string(width) + " x " + std::to_string(height) + " pixels";
  if (width <= 0 || height <= 0) {
    return file_error(ErrorCode::kFormat, file.name, "declares " + size);
  }
  // Sides beyond int would not fit Image, nor their product 64 bits.
  constexpr std::int64_t kMaxSide = std::numeric_limits<int>::max();
  if (width > kMaxSide || height > kMaxSide || width * height > file.limits.max_pixels) {
    return file_error(
        ErrorCode::kLimit, file.name,
        "declares " + size + ", the limit is " + std::to_string(file.limits.max_pixels) + " pixels");
  }
  return std::monostate{};
}

Image make_image(std::int64_t width, std::int64_t height) {
  // A size that no vector can have throws another exception than the one that decode_image()
  // awaits.
  if (static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height) >
      std::vector<std::uint8_t>().max_size() / 3) {
    throw std::bad_alloc();
  }
  Image image;
  image.width = static_cast<int>(width);
  image.height = static_cast<int>(height);
  image.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  return image;
}

bool starts_with(std::span<const std::byte> bytes, std::string_view prefix) {
  return bytes.size() >= prefix.size() && std::memcmp(bytes.data(), prefix.data(), prefix.size()) == 0;
}

std::uint32_t read_le16(std::span<const std::byte> bytes, std::size_t at) {
  return std::to_integer<std::uint32_t>(bytes[at]) | std::to_integer<std::uint32_t>(bytes[at + 1]) << 8;
}

std::uint32_t read_le32(std::span<const std::byte> bytes, std::size_t at) {
  return read_le16(bytes, at) | read_le16(bytes, at + 2) << 16;
}

}  // namespace mtcnn
