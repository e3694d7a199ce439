// Resizing, for the pyramid and for patches alike: each output pixel is a weighted sum of a few input
// rows and columns. Where the image shrinks along an axis, it is the mean over the pixel's own area;
// where it grows, linear interpolation between pixel centres (release: imResample; the same as
// OpenCV's INTER_AREA and INTER_LINEAR on floats).
#ifndef MTCNN_IMAGE_RESAMPLE_H_
#define MTCNN_IMAGE_RESAMPLE_H_

#include <span>
#include <vector>

#include "kernels/kernels.h"
#include "mtcnn/types.h"
#include "util/aligned.h"

namespace mtcnn {

// Which input pixels each output pixel along one axis is made of. Input outside the image is left
// out, that is, it counts as 0. All outputs have as many taps, so that loops over them have one length; what an
// output does not need has a weight of 0.
struct AxisTaps {
  int count = 0;              // taps of each output
  std::vector<int> first;     // input index of each output's first tap
  std::vector<float> weight;  // of each output, `count`
  int begin = 0, end = 0;     // the input range that any tap touches, [begin, end)
};

// Taps that map the input interval [low, high) onto outputs [begin, end) of `size` equal pixels.
// `limit`: number of input pixels there are. At the interval's ends growing does not look beyond the
// pixels that the interval touches. Requires low < high, 0 <= begin <= end <= size. Allocates only to grow.
void make_taps(double low, double high, int size, int begin, int end, int limit, AxisTaps& taps);

struct ResampleScratch {
  std::vector<const std::uint8_t*> sources;
  AlignedFloats rows;
};

// How many rows it pays to make at once.
inline constexpr int kResampleRows = 4;

// Writes rows x columns x 3 floats, (value - mean) * scale: `rows` rows from `y` on of those that `vertical` has. Writes
// up to kSlack floats past the end. Requires kRgb8.
void resample_rows(const ImageView& rgb, const AxisTaps& horizontal, const AxisTaps& vertical, std::size_t y,
                   int rows, float mean, float scale, const Kernels& kernels, ResampleScratch& scratch,
                   float* output);

// Writes rows x columns x 3 floats, (value - mean) * scale, of an RGB image through the taps of both
// axes. Writes up to kSlack floats past the end. Requires kRgb8.
void resample(const ImageView& rgb, const AxisTaps& horizontal, const AxisTaps& vertical, float mean,
              float scale, const Kernels& kernels, ResampleScratch& scratch, float* output);

}  // namespace mtcnn

#endif  // MTCNN_IMAGE_RESAMPLE_H_
