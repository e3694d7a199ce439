#ifndef MTCNN_TYPES_H_
#define MTCNN_TYPES_H_

#include <array>
#include <cstddef>
#include <cstdint>

// Coordinates, here and everywhere in the library: pixels of the upright image, x to the right, y
// down. Pixel column i covers [i, i + 1), so the left edge of the image is 0 and its right edge is
// its width; boxes are half-open edges, never "last pixel included", and a point in the middle of
// the top-left pixel is (0.5, 0.5).
namespace mtcnn {

struct Point {
  float x = 0;
  float y = 0;
  friend bool operator==(const Point&, const Point&) = default;
};

struct Box {
  float left = 0;
  float top = 0;
  float right = 0;
  float bottom = 0;
  float width() const { return right - left; }
  float height() const { return bottom - top; }
  friend bool operator==(const Box&, const Box&) = default;
};

// Left eye, right eye, nose, left mouth corner, right mouth corner, as the viewer sees them: the
// left eye is the one nearer to the left edge of an upright face.
using Landmarks = std::array<Point, 5>;

struct Face {
  Box box;
  float score = 0;  // O-Net's probability of a face, 0 to 1
  Landmarks landmarks{};
  friend bool operator==(const Face&, const Face&) = default;
};

struct Size {
  int width = 0;
  int height = 0;
  friend bool operator==(const Size&, const Size&) = default;
};

enum class PixelFormat : int {
  kGray8 = 0,
  kRgb8 = 1,
  kBgr8 = 2,
  kRgba8 = 3,       // alpha is ignored
  kBgra8 = 4,       // alpha is ignored
  kGrayAlpha8 = 5,  // alpha is ignored
};

// Bytes of one pixel; 0 for a value outside the enumeration.
constexpr int bytes_per_pixel(PixelFormat format) {
  switch (format) {
    case PixelFormat::kGray8: return 1;
    case PixelFormat::kGrayAlpha8: return 2;
    case PixelFormat::kRgb8:
    case PixelFormat::kBgr8: return 3;
    case PixelFormat::kRgba8:
    case PixelFormat::kBgra8: return 4;
  }
  return 0;
}

// Somebody else's pixels, read only: `height` rows of `width` pixels. Row y starts at
// data + y * row_stride; row_stride is in bytes and may be negative (bottom-up images).
struct ImageView {
  const std::uint8_t* data = nullptr;
  int width = 0;
  int height = 0;
  std::ptrdiff_t row_stride = 0;
  PixelFormat format = PixelFormat::kRgb8;
};

}  // namespace mtcnn

#endif  // MTCNN_TYPES_H_
