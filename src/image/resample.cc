#include "image/resample.h"

#include <algorithm>
#include <utility>

#include "image/view.h"

namespace mtcnn {
namespace {

// std::floor and std::ceil are calls where the compiler may not ask for SSE4.1, and there are a few for every tap.
int floor_of(double value) {
  const int whole = static_cast<int>(value);
  return whole > value ? whole - 1 : whole;
}
int ceil_of(double value) {
  const int whole = static_cast<int>(value);
  return whole < value ? whole + 1 : whole;
}

}  // namespace

void make_taps(double low, double high, int size, int begin, int end, int limit, AxisTaps& taps) {
  const std::size_t outputs = static_cast<std::size_t>(end - begin);
  const double step = (high - low) / size;
  const bool shrinks = step > 1;
  const auto edge = [&](std::size_t i) { return low + (begin + static_cast<double>(i)) * step; };
  // The inputs that output i is made of, [first, last]. Their number is counted, not computed: a bound would be one too
  // many where the step is a whole number, and rounding makes it differ.
  const auto inputs_of = [&](std::size_t i, double& from, double& to) -> std::pair<int, int> {
    if (shrinks) {
      from = edge(i);
      to = std::min(edge(i + 1), high);
      return {std::max(floor_of(from), 0), std::min(ceil_of(to), limit) - 1};
    }
    const int left = floor_of(edge(i) + .5 * step - .5);
    return {std::max(left, 0), std::min(left + 1, limit - 1)};
  };
  double from = 0, to = 0;
  int count = 0;
  for (std::size_t i = 0; i < outputs; ++i) {
    const auto [first, last] = inputs_of(i, from, to);
    count = std::max(count, last - first + 1);
  }
  taps.count = count;
  taps.first.resize(outputs);
  taps.weight.assign(outputs * static_cast<std::size_t>(count), 0.f);
  taps.begin = limit;
  taps.end = 0;
  const int lowest = floor_of(low);
  const int highest = ceil_of(high) - 1;
  for (std::size_t i = 0; i < outputs; ++i) {
    const auto [first, last] = inputs_of(i, from, to);
    // Not beyond the image, where there is nothing to read. Wholly outside of it all weights stay 0.
    const int start = std::clamp(first, 0, limit - count);
    const auto weight = [&](int input) -> float& {
      return taps.weight[i * static_cast<std::size_t>(count) + static_cast<std::size_t>(input - start)];
    };
    taps.first[i] = start;
    if (shrinks) {
      const double share = 1 / (to - from);
      for (int x = first; x <= last; ++x) {
        weight(x) =
            static_cast<float>(std::max(std::min(to, x + 1.0) - std::max(from, double(x)), 0.0) * share);
      }
    } else {
      const double centre = edge(i) + .5 * step - .5;
      const int left = floor_of(centre);
      const double share = centre - left;
      // At the interval's ends both may be the same pixel.
      for (const auto& [x, part] : {std::pair(left, 1 - share), std::pair(left + 1, share)}) {
        const int input = std::clamp(x, lowest, highest);
        if (input >= 0 && input < limit) weight(input) += static_cast<float>(part);
      }
    }
    taps.begin = std::min(taps.begin, start);
    taps.end = std::max(taps.end, start + count);
  }
  if (taps.end == 0) taps.begin = 0;
}

// Rows first: that half runs over whole rows of bytes, at full vector width, and leaves the other
// half with no more rows than the output has.
void resample_rows(const ImageView& rgb, const AxisTaps& horizontal, const AxisTaps& vertical, std::size_t y,
                   int rows, float mean, float scale, const Kernels& kernels, ResampleScratch& scratch,
                   float* output) {
  const int left = horizontal.begin;
  const int width = horizontal.end - left;
  const int columns = static_cast<int>(horizontal.first.size());
  const std::ptrdiff_t stride = std::ptrdiff_t{3} * width + kSlack;
  scratch.rows.resize(static_cast<std::size_t>(stride * rows));
  for (int i = 0; i < rows; ++i) {
    const std::size_t at = y + static_cast<std::size_t>(i);
    const float* weights = vertical.weight.data() + at * static_cast<std::size_t>(vertical.count);
    int first = 0, last = vertical.count;
    while (first < last && weights[first] == 0) ++first;
    while (first < last && weights[last - 1] == 0) --last;
    scratch.sources.clear();
    for (int r = first; r < last; ++r) {
      scratch.sources.push_back(row(rgb, vertical.first[at] + r) + std::ptrdiff_t{3} * left);
    }
    kernels.blend_rows({.sources = scratch.sources.data(),
                        .weights = weights + first,
                        .rows = last - first,
                        .count = 3 * width,
                        .output = scratch.rows.data() + i * stride});
  }
  kernels.blend_columns({.input = scratch.rows.data(),
                         .input_stride = stride,
                         .rows = rows,
                         .origin = left,
                         .columns = columns,
                         .taps = horizontal.count,
                         .first = horizontal.first.data(),
                         .weights = horizontal.weight.data(),
                         .mean = mean,
                         .scale = scale,
                         .output = output,
                         .output_stride = std::ptrdiff_t{3} * columns});
}

void resample(const ImageView& rgb, const AxisTaps& horizontal, const AxisTaps& vertical, float mean,
              float scale, const Kernels& kernels, ResampleScratch& scratch, float* output) {
  const int rows = static_cast<int>(vertical.first.size());
  for (int y = 0; y < rows; y += kResampleRows) {
    resample_rows(rgb, horizontal, vertical, static_cast<std::size_t>(y), std::min(kResampleRows, rows - y),
                  mean, scale, kernels, scratch,
                  output + 3 * horizontal.first.size() * static_cast<std::size_t>(y));
  }
}

}  // namespace mtcnn
