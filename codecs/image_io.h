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

// What the header of an image declares is checked against these before anything of that size is
// allocated. Decoding takes 3 bytes a pixel, and while it runs up to 12 more, depending on the
// format.
struct DecodeLimits {
  std::size_t max_file_bytes = std::size_t{1} << 30;
  std::int64_t max_pixels = std::int64_t{1} << 27;  // width x height
};

// Reads an image, recognised by content, and turns it upright (EXIF orientation of JPEG, PNG and
// WebP). Alpha is dropped, not blended; 16 bits become 8, rounded; grey becomes RGB. Colour
// profiles and gamma are ignored.
//   JPEG: baseline, progressive and arithmetic; grey, RGB, YCbCr, CMYK, YCCK; 8 bits.
//   PNG: all kinds. WebP: lossy, lossless, the first frame of an animation.
//   BMP: uncompressed, 1 to 32 bits. PNM: P1 to P6. GIF: the first frame, on black.
// The whole image or an error: a file that ends early or whose pixels are damaged is refused, even
// if a viewer would show a part. (Only a text PNM cut within its last number can't be told from a
// whole one.) Errors, all naming the file: kIo; kFormat, with what is wrong; kUnsupported for
// another kind of file; kLimit, naming the limit; kOutOfMemory.
Result<Image> load_image(const std::string& path, const DecodeLimits& limits = {});

// The same from memory. `name` stands for the file in messages.
Result<Image> decode_image(std::span<const std::byte> bytes, const std::string& name,
                           const DecodeLimits& limits = {});

// The image as a file of this kind: .png, .jpg or .jpeg (quality 92, colours at full resolution), .webp
// (quality 92), .bmp, .ppm, in upper or lower case; a grey image as RGB. Errors: kInvalidArgument
// for another kind, a view without pixels, or a format other than kRgb8 and kGray8; kLimit for an
// image larger than the format can hold; kOutOfMemory.
Result<std::vector<std::byte>> encode_image(const ImageView& image, std::string_view extension);

// A JPEG file of this quality, 0 to 100, with the colours at half the resolution, as cameras and web
// sites write them: for the trainer, whose nets must know what that does to small faces. Requires an
// image that is not empty. May throw std::bad_alloc. Errors: kLimit for an image larger than 65,500
// pixels on a side; kOutOfMemory.
Result<std::vector<std::byte>> encode_jpeg(const Image& image, int quality);

// Writes encode_image() by the path's ending. `path` holds the old file or the new one, never a
// part. Errors: those of encode_image(), naming the file; kIo.
Status save_image(const std::string& path, const ImageView& image);

// Lower-case endings that load_image() reads, with the dot: what a folder is searched for.
std::span<const std::string_view> image_extensions();

}  // namespace mtcnn

#endif  // MTCNN_CODECS_IMAGE_IO_H_
