// What the calibration nets of nets/baseline_nets.h tell apart: 45 patterns of how a window lies about its
// face, and the box that follows (Li et al., CVPR 2015, section 3.2).
#ifndef MTCNN_GEOMETRY_CALIBRATION_H_
#define MTCNN_GEOMETRY_CALIBRATION_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "mtcnn/types.h"

namespace mtcnn {

// A window (x, y, w, h: its left top corner and size) with this pattern is `scale` times as large as the
// face's box and lies dx, dy of that box's size to the right and below: the box is
// (x - dx w / scale, y - dy h / scale, w / scale, h / scale).
struct CalibrationPattern {
  float scale = 1, dx = 0, dy = 0;
  friend bool operator==(const CalibrationPattern&, const CalibrationPattern&) = default;
};

inline constexpr std::array<float, 5> kCalibrationScales{.83f, .91f, 1.f, 1.1f, 1.21f};
inline constexpr std::array<float, 3> kCalibrationShifts{-.17f, 0.f, .17f};

// All of them, by the number of the net's output: scale by scale, in each dx by dx, in each dy by dy.
inline constexpr auto kCalibrationPatterns = [] {
  std::array<CalibrationPattern,
             kCalibrationScales.size() * kCalibrationShifts.size() * kCalibrationShifts.size()>
      patterns;
  std::size_t i = 0;
  for (const float scale : kCalibrationScales) {
    for (const float dx : kCalibrationShifts) {
      for (const float dy : kCalibrationShifts) patterns[i++] = {scale, dx, dy};
    }
  }
  return patterns;
}();

// The box that a window with this pattern stands for.
inline Box calibrated(const Box& window, const CalibrationPattern& pattern) {
  const float width = window.width() / pattern.scale;
  const float height = window.height() / pattern.scale;
  const float left = window.left - pattern.dx * width;
  const float top = window.top - pattern.dy * height;
  return {left, top, left + width, top + height};
}

// The window with this pattern about a box: calibrated() gives the box again. For training.
inline Box disturbed(const Box& box, const CalibrationPattern& pattern) {
  const float left = box.left + pattern.dx * box.width();
  const float top = box.top + pattern.dy * box.height();
  return {left, top, left + pattern.scale * box.width(), top + pattern.scale * box.height()};
}

// The number of the pattern that is nearest to how `window` lies about `truth`; the scale is that of the
// areas' roots, and its distance that of the logarithms. Requires boxes of positive size.
inline std::size_t calibration_label(const Box& window, const Box& truth) {
  const auto nearest = [](const auto& values, const auto& distance) {
    const auto nearer = [&](float a, float b) { return distance(a) < distance(b); };
    return static_cast<std::size_t>(std::min_element(values.begin(), values.end(), nearer) - values.begin());
  };
  const float scale = std::sqrt(window.width() / truth.width()) * std::sqrt(window.height() / truth.height());
  const float dx = (window.left - truth.left) / truth.width();
  const float dy = (window.top - truth.top) / truth.height();
  const std::size_t s =
      nearest(kCalibrationScales, [&](float value) { return std::abs(std::log(scale / value)); });
  const std::size_t x = nearest(kCalibrationShifts, [&](float value) { return std::abs(dx - value); });
  const std::size_t y = nearest(kCalibrationShifts, [&](float value) { return std::abs(dy - value); });
  return (s * kCalibrationShifts.size() + x) * kCalibrationShifts.size() + y;
}

// The calibration step: the box by the mean of those patterns whose score is above the threshold, or the
// window as it is if none is.
inline Box calibrated(const Box& window, std::span<const float, kCalibrationPatterns.size()> scores,
                      float threshold) {
  CalibrationPattern sum{0, 0, 0};
  float count = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!(scores[i] > threshold)) continue;
    sum.scale += kCalibrationPatterns[i].scale;
    sum.dx += kCalibrationPatterns[i].dx;
    sum.dy += kCalibrationPatterns[i].dy;
    ++count;
  }
  if (count == 0) return window;
  return calibrated(window, {sum.scale / count, sum.dx / count, sum.dy / count});
}

}  // namespace mtcnn

#endif  // MTCNN_GEOMETRY_CALIBRATION_H_
