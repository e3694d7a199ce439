// What a codec is, and what codecs share. Of this folder only; everybody else uses image_io.h.
//
// A new codec is one file that defines a Codec, its declaration below and its line in the table of
// image_io.cc.
#ifndef MTCNN_CODECS_CODEC_H_
#define MTCNN_CODECS_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/image_io.h"
#include "mtcnn/result.h"

namespace mtcnn {

// A whole image file, still encoded. Refers to what decode_image() was given.
struct ImageFile {
  std::span<const std::byte> bytes;
  const std::string& name;  // for messages
  const DecodeLimits& limits;

  const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(bytes.data()); }
  std::size_t size() const { return bytes.size(); }
};

// Pixels as they lie in the file, and how to turn them (exif.h).
struct DecodedImage {
  Image image;
  int orientation = 1;
};

struct Codec {
  std::string_view name;  // of the format, for messages

  // Lower-case endings with the dot: of files of this format, and of those that encode() writes.
  std::span<const std::string_view> extensions;
  std::span<const std::string_view> save_extensions;

  // Whether the content begins like a file of this format.
  bool (*recognises)(std::span<const std::byte> bytes);

  // Requires recognises(file.bytes). Checks the declared size with check_size() before it allocates
  // anything of that size. The whole image or an error: never a part of it. May throw
  // std::bad_alloc, which decode_image() turns into kOutOfMemory.
  // Errors: kFormat, kUnsupported, kLimit, kOutOfMemory, all through file_error().
  Result<DecodedImage> (*decode)(const ImageFile& file);

  // The image as a file of this format; `name` is for messages. Requires an image that is not
  // empty. Null if save_extensions is empty. May throw std::bad_alloc.
  // Errors: kLimit for an image larger than the format can hold; kOutOfMemory.
  Result<std::vector<std::byte>> (*encode)(const Image& image, const std::string& name);
};

// Quality of the lossy formats that save_image() writes, 0 to 100.
inline constexpr int kSaveQuality = 92;

extern const Codec kJpegCodec;
extern const Codec kPngCodec;
extern const Codec kWebpCodec;
extern const Codec kBmpCodec;
extern const Codec kGifCodec;
extern const Codec kPnmCodec;

// "NAME: WHAT".
Error file_error(ErrorCode code, const std::string& name, std::string_view what);

// Errors: kFormat if a side is not positive; kLimit, naming the limit, above limits.max_pixels.
Status check_size(const ImageFile& file, std::int64_t width, std::int64_t height);

// A black image. Requires positive sides whose product check_size() has passed.
Image make_image(std::int64_t width, std::int64_t height);

bool starts_with(std::span<const std::byte> bytes, std::string_view prefix);

// The unsigned little-endian numbers at `at`. Require that they lie within `bytes`.
std::uint32_t read_le16(std::span<const std::byte> bytes, std::size_t at);
std::uint32_t read_le32(std::span<const std::byte> bytes, std::size_t at);

}  // namespace mtcnn

#endif  // MTCNN_CODECS_CODEC_H_
