#include "image/view.h"

#include <limits>
#include <string>

namespace mtcnn {

Status check_view(const ImageView& image) {
  const auto invalid = [](std::string message) {
    return Error{ErrorCode::kInvalidArgument, "image: " + std::move(message)};
  };
  if (image.width < 1 || image.height < 1) {
    return invalid("is " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                   " pixels, expected at least 1 x 1");
  }
  if (image.data == nullptr) return invalid("data is null");
  const int pixel_bytes = bytes_per_pixel(image.format);
  if (pixel_bytes == 0) {
    return invalid("unknown pixel format " + std::to_string(static_cast<int>(image.format)));
  }
  if (std::int64_t{image.width} * image.height > kMaxImagePixels) {
    return Error{ErrorCode::kLimit, "image: is " + std::to_string(image.width) + " x " +
                                        std::to_string(image.height) + " pixels, at most " +
                                        std::to_string(kMaxImagePixels) + " are taken"};
  }
  // The row's bytes fit an int after the check above. Comparing both signs avoids negating the
  // least ptrdiff_t.
  const std::ptrdiff_t row_bytes = std::ptrdiff_t{image.width} * pixel_bytes;
  const std::ptrdiff_t stride = image.row_stride;
  if (stride < row_bytes && stride > -row_bytes) {
    return invalid("row_stride is " + std::to_string(stride) + " bytes, but a row has " +
                   std::to_string(row_bytes));
  }
  // row() must not overflow, whatever the caller wrote into the stride.
  const std::ptrdiff_t reach = std::numeric_limits<std::ptrdiff_t>::max() / image.height;
  if (stride > reach || stride < -reach) {
    return invalid("row_stride is " + std::to_string(stride) + " bytes, which no memory can hold");
  }
  return std::monostate{};
}

}  // namespace mtcnn
