// A convolution in bytes, for screening.
#ifndef MTCNN_ENGINE_ROUGH_LAYER_H_
#define MTCNN_ENGINE_ROUGH_LAYER_H_

#include <cstdint>
#include <vector>

#include "engine/network.h"
#include "kernels/kernels.h"
#include "util/aligned.h"

namespace mtcnn {

// What the bytes of a channel stand for: (byte - zero) * step.
struct ByteScale {
  float step = 1;
  int zero = 0;
};

// The scale on which values in this range, and 0, are bytes.
ByteScale byte_scale(ChannelRange range);

// The scales of a map whose channels have these ranges on the painted picture. Photographs may drive a channel further, but hardly one that is
// weak there to where the strongest are: either end of a range is taken to be at least half of the map's.
std::vector<ByteScale> byte_scales(const std::vector<ChannelRange>& ranges);

struct RoughLayer {
  int kernel = 0, quads = 0, outputs = 0;
  AlignedBytes weights;                          // as ScreenConvArgs says
  AlignedFloats scale, bias, bend, slope, lift;  // likewise

  // `weights`: [output][channel][row][column]. `input` has a scale for each channel, `output` one for each output, in which the
  // outputs' values are given; none: in units.
  RoughLayer(const std::vector<float>& weights, const std::vector<float>& bias,
             const std::vector<float>& slopes, int kernel, const std::vector<ByteScale>& input,
             const std::vector<ByteScale>& output);

  // With all that is the layer's.
  ScreenConvArgs args() const;
};

// The picture on which screening measures itself: kPaintedSide^2 pixels of 0 to 255, channels last. It has the edges, corners, plain,
// busy and strongly coloured places of photographs, and the nets' maps of it about the range that they have on photographs.
inline constexpr int kPaintedSide = 168;
std::vector<float> painted_picture();

// How far a rough difference of logits may be off: half as much again as the worst error on that picture, and at least `factor` times the root mean
// square error (docs/performance.md has what photographs need). Infinite or NaN if an error is.
float screening_margin(float worst, float typical, float factor);

}  // namespace mtcnn

#endif  // MTCNN_ENGINE_ROUGH_LAYER_H_
