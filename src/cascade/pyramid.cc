#include "cascade/pyramid.h"

#include <algorithm>
#include <cmath>

namespace mtcnn {

void pyramid_levels(Size image, double min_face, double max_face, double factor,
                    std::vector<PyramidLevel>& levels) {
  levels.clear();
  const double largest_scale = kCellSize / min_face;
  double short_side = std::min(image.width, image.height) * largest_scale;
  for (int k = 0; short_side >= kCellSize; ++k, short_side *= factor) {
    const double scale = largest_scale * std::pow(factor, k);
    // Not 12 / scale, which rounding may leave above a max_face that equals min_face.
    if (max_face > 0 && min_face / std::pow(factor, k) > max_face) break;
    PyramidLevel level;
    level.size = {static_cast<int>(std::ceil(image.width * scale)),
                  static_cast<int>(std::ceil(image.height * scale))};
    level.scale = {scale, static_cast<double>(level.size.width) / image.width,
                   static_cast<double>(level.size.height) / image.height};
    levels.push_back(level);
  }
}

}  // namespace mtcnn
