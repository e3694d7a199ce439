// Boxes and their overlaps: the only definitions in the project, for the cascade, the sampler and
// the evaluation alike.
#ifndef MTCNN_GEOMETRY_BOX_H_
#define MTCNN_GEOMETRY_BOX_H_

#include <algorithm>

#include "mtcnn/types.h"

namespace mtcnn {

inline float area(const Box& box) { return box.width() * box.height(); }

// Whether a box is larger than a square of this side (DetectorOptions::max_face). 0: no limit.
inline bool exceeds(const Box& box, float side) { return side > 0 && area(box) > side * side; }

// 0 if the boxes do not meet.
inline float intersection(const Box& a, const Box& b) {
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}

// Intersection over union, 0 to 1. 0 if both boxes are empty.
inline float iou(const Box& a, const Box& b) {
  const float shared = intersection(a, b);
  return shared > 0 ? shared / (area(a) + area(b) - shared) : 0;
}

// Intersection over the smaller area, 0 to 1: 1 for a box inside another.
inline float overlap_of_smaller(const Box& a, const Box& b) {
  const float shared = intersection(a, b);
  return shared > 0 ? shared / std::min(area(a), area(b)) : 0;
}

// The square on the box's centre with the box's longer side.
inline Box squared(const Box& box) {
  const float side = std::max(box.width(), box.height());
  const float left = box.left + box.width() * .5f - side * .5f;
  const float top = box.top + box.height() * .5f - side * .5f;
  return {left, top, left + side, top + side};
}

inline Box clipped(const Box& box, Size image) {
  const float width = static_cast<float>(image.width);
  const float height = static_cast<float>(image.height);
  return {std::clamp(box.left, 0.f, width), std::clamp(box.top, 0.f, height),
          std::clamp(box.right, 0.f, width), std::clamp(box.bottom, 0.f, height)};
}

}  // namespace mtcnn

#endif  // MTCNN_GEOMETRY_BOX_H_
