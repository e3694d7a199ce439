// What every function that takes an ImageView from outside does with it first.
#ifndef MTCNN_IMAGE_VIEW_H_
#define MTCNN_IMAGE_VIEW_H_

#include <cstddef>
#include <cstdint>

#include "mtcnn/result.h"
#include "mtcnn/types.h"

namespace mtcnn {

inline constexpr std::int64_t kMaxImagePixels = std::int64_t{1} << 28;

// Errors: kInvalidArgument for no data, a width or height below 1, an unknown format, or a stride
// whose magnitude is less than a row's bytes; kLimit above kMaxImagePixels. A view that passes can
// be indexed with row() without overflow.
Status check_view(const ImageView& image);

// The first byte of row y. Requires a checked view and 0 <= y < height.
inline const std::uint8_t* row(const ImageView& image, int y) {
  return image.data + std::ptrdiff_t{y} * image.row_stride;
}

// Which byte of a pixel holds which colour; grey counts as all three.
struct ChannelOrder {
  int red = 0;
  int green = 0;
  int blue = 0;
};
constexpr ChannelOrder channel_order(PixelFormat format) {
  switch (format) {
    case PixelFormat::kGray8:
    case PixelFormat::kGrayAlpha8: return {0, 0, 0};
    case PixelFormat::kRgb8:
    case PixelFormat::kRgba8: return {0, 1, 2};
    case PixelFormat::kBgr8:
    case PixelFormat::kBgra8: return {2, 1, 0};
  }
  return {};
}

}  // namespace mtcnn

#endif  // MTCNN_IMAGE_VIEW_H_
