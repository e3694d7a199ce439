#include "image/resample.h"

#include <algorithm>
#include <cmath>

#include "image/view.h"

namespace mtcnn {
namespace {

// Appends one input pixel's share to the output pixel that is being described.
void add_tap(AxisTaps& taps, std::size_t output, int input, int limit, double weight) {
  if (input < 0 || input >= limit || weight == 0) return;
  if (taps.count[output] == 0) taps.first[output] = input;
  const int next = taps.first[output] + taps.count[output];
  if (input < next) {
    // Two taps clamped onto the same pixel.
    taps.weight.back() += static_cast<float>(weight);
    return;
  }
  taps.weight.push_back(static_cast<float>(weight));
  ++taps.count[output];
}

}  // namespace

void make_taps(double low, double high, int size, int begin, int end, int limit, AxisTaps& taps) {
  const std::size_t count = static_cast<std::size_t>(end - begin);
  taps.first.assign(count, 0);
  taps.count.assign(count, 0);
  taps.offset.assign(count, 0);
  taps.weight.clear();
  taps.begin = limit;
  taps.end = 0;
  const double step = (high - low) / size;
  const int lowest = static_cast<int>(std::floor(low));
  const int highest = static_cast<int>(std::ceil(high)) - 1;
  for (std::size_t i = 0; i < count; ++i) {
    const double index = static_cast<double>(begin) + static_cast<double>(i);
    taps.offset[i] = static_cast<int>(taps.weight.size());
    if (step > 1) {
      const double from = low + index * step;
      const double to = std::min(low + (index + 1) * step, high);
      const int last = std::min(static_cast<int>(std::ceil(to)), limit) - 1;
      for (int x = std::max(static_cast<int>(std::floor(from)), 0); x <= last; ++x) {
        const double share = std::min(to, x + 1.0) - std::max(from, double(x));
        add_tap(taps, i, x, limit, std::max(share, 0.0) / (to - from));
      }
    } else {
      const double centre = low + (index + .5) * step - .5;
      const int left = static_cast<int>(std::floor(centre));
      const double share = centre - left;
      add_tap(taps, i, std::clamp(left, lowest, highest), limit, 1 - share);
      add_tap(taps, i, std::clamp(left + 1, lowest, highest), limit, share);
    }
    if (taps.count[i] > 0) {
      taps.begin = std::min(taps.begin, taps.first[i]);
      taps.end = std::max(taps.end, taps.first[i] + taps.count[i]);
    }
  }
  if (taps.end == 0) taps.begin = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (taps.count[i] == 0) taps.first[i] = taps.begin;
  }
}

// Rows first: that half runs over whole rows of bytes, at full vector width, and leaves the other
// half with no more rows than the output has.
void resample_row(const ImageView& rgb, const AxisTaps& horizontal, const AxisTaps& vertical, std::size_t y,
                  float mean, float scale, const Kernels& kernels, ResampleScratch& scratch, float* output) {
  const int left = horizontal.begin;
  const int width = horizontal.end - left;
  const int rows = vertical.count[y];
  scratch.row.resize(std::size_t{3} * static_cast<std::size_t>(width) + kSlack);
  scratch.sources.clear();
  for (int r = 0; r < rows; ++r) {
    scratch.sources.push_back(row(rgb, vertical.first[y] + r) + std::ptrdiff_t{3} * left);
  }
  kernels.blend_rows({.sources = scratch.sources.data(),
                      .weights = vertical.weight.data() + vertical.offset[y],
                      .rows = rows,
                      .count = 3 * width,
                      .output = scratch.row.data()});
  kernels.blend_columns({.row = scratch.row.data(),
                         .origin = left,
                         .columns = static_cast<int>(horizontal.count.size()),
                         .first = horizontal.first.data(),
                         .counts = horizontal.count.data(),
                         .weight_offsets = horizontal.offset.data(),
                         .weights = horizontal.weight.data(),
                         .mean = mean,
                         .scale = scale,
                         .output = output});
}

void resample(const ImageView& rgb, const AxisTaps& horizontal, const AxisTaps& vertical, float mean,
              float scale, const Kernels& kernels, ResampleScratch& scratch, float* output) {
  const std::size_t row_size = 3 * horizontal.count.size();
  for (std::size_t y = 0; y < vertical.count.size(); ++y) {
    resample_row(rgb, horizontal, vertical, y, mean, scale, kernels, scratch, output + y * row_size);
  }
}

}  // namespace mtcnn
