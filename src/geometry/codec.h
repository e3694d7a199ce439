// What the nets regress, and how it is read: boxes as offsets of their edges in units of the
// window's size, points in units of the window (paper, section II.B; release).
#ifndef MTCNN_GEOMETRY_CODEC_H_
#define MTCNN_GEOMETRY_CODEC_H_

#include <array>

#include "mtcnn/types.h"

namespace mtcnn {

// Of left, top, right and bottom.
using BoxOffsets = std::array<float, 4>;
// x1..x5, y1..y5: the order of the nets' output.
using LandmarkOffsets = std::array<float, 10>;

// Requires a window of positive size.
inline BoxOffsets encode_offsets(const Box& window, const Box& truth) {
  const float width = window.width();
  const float height = window.height();
  return {(truth.left - window.left) / width, (truth.top - window.top) / height,
          (truth.right - window.right) / width, (truth.bottom - window.bottom) / height};
}

// `unit` is the size that the offsets are multiples of: the window's own, but for the release's
// P-Net (geometry/cell_grid.h).
inline Box decode_offsets(const Box& window, const BoxOffsets& offsets, Point unit) {
  return {window.left + offsets[0] * unit.x, window.top + offsets[1] * unit.y,
          window.right + offsets[2] * unit.x, window.bottom + offsets[3] * unit.y};
}
inline Box decode_offsets(const Box& window, const BoxOffsets& offsets) {
  return decode_offsets(window, offsets, {window.width(), window.height()});
}

// Requires a window of positive size.
inline LandmarkOffsets encode_landmarks(const Box& window, const Landmarks& points) {
  LandmarkOffsets offsets;
  for (std::size_t i = 0; i < 5; ++i) {
    offsets[i] = (points[i].x - window.left) / window.width();
    offsets[i + 5] = (points[i].y - window.top) / window.height();
  }
  return offsets;
}

inline Landmarks decode_landmarks(const Box& window, const LandmarkOffsets& offsets) {
  Landmarks points;
  for (std::size_t i = 0; i < 5; ++i) {
    points[i] = {window.left + window.width() * offsets[i], window.top + window.height() * offsets[i + 5]};
  }
  return points;
}

// The offsets of the same face in the mirrored window: x turned round, left and right points exchanged.
inline LandmarkOffsets mirrored(const LandmarkOffsets& offsets) {
  constexpr std::size_t kTwin[] = {1, 0, 2, 4, 3};
  LandmarkOffsets result;
  for (std::size_t i = 0; i < 5; ++i) {
    result[i] = 1 - offsets[kTwin[i]];
    result[i + 5] = offsets[kTwin[i] + 5];
  }
  return result;
}

// The offsets of the same box in the mirrored window.
inline BoxOffsets mirrored(const BoxOffsets& offsets) {
  return {-offsets[2], offsets[1], -offsets[0], offsets[3]};
}

}  // namespace mtcnn

#endif  // MTCNN_GEOMETRY_CODEC_H_
