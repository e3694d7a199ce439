// The image loader: any bytes give a whole image of a size within the limit, or an error that says
// which file and why.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "codecs/image_io.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  mtcnn::DecodeLimits limits;
  limits.max_pixels = 1 << 22;
  const mtcnn::Result<mtcnn::Image> image = mtcnn::decode_image(bytes, "fuzz", limits);
  if (!image) {
    if (!image.error().message.starts_with("fuzz: ")) std::abort();
    return 0;
  }
  const std::int64_t pixels = std::int64_t{image->width} * image->height;
  if (image->width <= 0 || image->height <= 0 || pixels > limits.max_pixels ||
      image->rgb.size() != 3 * static_cast<std::size_t>(pixels)) {
    std::abort();
  }
  return 0;
}
