// Image files to pixels and back. Not part of the core library: the program, the evaluation, the
// trainer and the tests use it.
#ifndef MTCNN_CODECS_IMAGE_IO_H_
#define MTCNN_CODECS_IMAGE_IO_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mtcnn/result.h"
#include "mtcnn/types.h"

namespace mtcnn {

// An image of our own: 8-bit RGB, rows without padding, upright.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;
  ImageView view() const {
    return {rgb.data(), width, height, std::ptrdiff_t{3} * width, PixelFormat::kRgb8};
  }
};

struct DecodeLimits {
  std::size_t max_file_bytes = std::size_t{1} << 30;
  std::int64_t max_pixels = std::int64_t{1} << 27;  // declared width x height, checked before anything is allocated
};

// Reads JPEG (baseline, progressive, grey, CMYK), PNG (all kinds), WebP, BMP, PNM and the first frame
// of a GIF, recognised by content, and turns it upright (EXIF orientation). Alpha is dropped, 16 bits
// become 8, grey becomes RGB.
// Errors: kIo; kFormat, naming the file and what is wrong with it; kUnsupported for another kind of
// file; kLimit.
Result<Image> load_image(const std::string& path, const DecodeLimits& limits = {});
Result<Image> decode_image(std::span<const std::byte> bytes, const std::string& name,
                           const DecodeLimits& limits = {});

// Writes by the path's ending: .png, .jpg or .jpeg (quality 92), .webp, .bmp, .ppm. Errors: kIo;
// kInvalidArgument for another ending.
Status save_image(const std::string& path, const ImageView& image);

// Lower-case endings that load_image() reads, with the dot: what a folder is searched for.
std::span<const std::string_view> image_extensions();

}  // namespace mtcnn

#endif  // MTCNN_CODECS_IMAGE_IO_H_
