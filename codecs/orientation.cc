#include "codecs/orientation.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "codecs/codec.h"

namespace mtcnn {

// Every orientation is a walk through the stored pixels: a pixel to start from, a step for each
// column and a step for each row of the upright image.
Image apply_orientation(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool turned = orientation >= 5;  // the stored rows are the picture's columns
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const std::ptrdiff_t stride = std::ptrdiff_t{3} * image.width;
  const std::ptrdiff_t across = from_right ? -3 : 3;           // along a stored row
  const std::ptrdiff_t down = from_bottom ? -stride : stride;  // along a stored column
  const std::uint8_t* start =
      image.rgb.data() + (from_right ? stride - 3 : 0) + (from_bottom ? (image.height - 1) * stride : 0);
  const std::ptrdiff_t column_step = turned ? down : across;
  const std::ptrdiff_t row_step = turned ? across : down;

  Image upright = turned ? make_image(image.height, image.width) : make_image(image.width, image.height);
  std::uint8_t* to = upright.rgb.data();
  const std::ptrdiff_t to_stride = std::ptrdiff_t{3} * upright.width;
  // In tiles: when turned, neighbours in one image are a row apart in the other, and whole rows
  // would drop out of the cache before their next pixel is needed.
  constexpr int kTile = 32;
  for (int top = 0; top < upright.height; top += kTile) {
    for (int left = 0; left < upright.width; left += kTile) {
      const int bottom = std::min(top + kTile, upright.height);
      const int right = std::min(left + kTile, upright.width);
      for (int y = top; y < bottom; ++y) {
        const std::uint8_t* from = start + y * row_step + left * column_step;
        std::uint8_t* pixel = to + y * to_stride + 3 * left;
        for (int x = left; x < right; ++x, from += column_step, pixel += 3) {
          pixel[0] = from[0];
          pixel[1] = from[1];
          pixel[2] = from[2];
        }
      }
    }
  }
  return upright;
}

}  // namespace mtcnn
