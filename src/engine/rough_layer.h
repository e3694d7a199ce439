// A convolution in bytes, for screening.
#ifndef MTCNN_ENGINE_ROUGH_LAYER_H_
#define MTCNN_ENGINE_ROUGH_LAYER_H_

#include <cstdint>
#include <vector>

#include "util/aligned.h"

namespace mtcnn {

// What the bytes of a map stand for: (byte - zero) * step.
struct ByteScale {
  float step = 1;
  int zero = 0;
};

// The scale on which values from `low` to `high`, and 0, are bytes.
ByteScale byte_scale(float low, float high);

struct RoughLayer {
  ByteScale input;
  int kernel = 0, quads = 0, outputs = 0;
  AlignedBytes weights;               // as ScreenConvArgs says
  AlignedFloats scale, bias, slopes;  // likewise

  // `weights`: [output][channel][row][column]. Values are given in steps of `output_step`.
  RoughLayer(const std::vector<float>& weights, const std::vector<float>& bias,
             const std::vector<float>& slopes, int channels, int kernel, ByteScale input, float output_step);
};

// The picture on which screening measures itself: kPaintedSide^2 pixels of 0 to 255, channels last. It has the edges, corners, plain and
// busy places of photographs, and the nets' maps of it the range that they have on photographs.
inline constexpr int kPaintedSide = 168;
std::vector<float> painted_picture();

// How far a rough difference of logits may be off: twice the worst error on that picture, and at least `factor` times the root mean
// square error. Photographs need about half of it (docs/performance.md). Infinite or NaN if an error is.
float screening_margin(float worst, float typical, float factor);

}  // namespace mtcnn

#endif  // MTCNN_ENGINE_ROUGH_LAYER_H_
