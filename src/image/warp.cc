// A pixel of the copy is a square in the image, turned and `step` pixels wide.
//
// Up to kMaxSupersampled it is averaged over a grid of bilinear samples, close enough that each
// sample's share of the square fits into one pixel: a single sample, plain bilinear interpolation,
// where the copy is not smaller; exactly the pixels' mean where the square is a whole block of
// them.
//
// Beyond that samples would cost several times what reading every pixel once costs, and absurd
// transforms would need any number of them: there every row of pixels counts as far as it lies in
// the square.
#include "image/warp.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstddef>

#include "geometry/similarity.h"
#include "image/view.h"

namespace mtcnn {
namespace {

using Complex = std::complex<double>;

constexpr double kMaxSupersampled = 8;
// A step of 2 + this still counts as 2: transforms come as floats.
constexpr double kStepTolerance = 1e-3;

struct Source {
  ImageView image;
  int pixel_bytes = 0;
  std::array<int, 3> channels{};
  std::array<float, 3> fill{};
};

using Colour = std::array<float, 3>;

// The smallest upright rectangle around a square.
struct Bounds {
  double left, top, right, bottom;
  // At least `inset` within the image's edges.
  bool within(const ImageView& image, double inset) const {
    return left >= inset && top >= inset && right <= image.width - inset && bottom <= image.height - inset;
  }
  // So far from the image that even interpolation, which reaches half a pixel beyond it, sees
  // nothing of it.
  bool away_from(const ImageView& image) const {
    return !(right > -.5 && bottom > -.5 && left < image.width + .5 && top < image.height + .5);
  }
};

// Narrows low <= x < high to where 0 <= value + rate * x < 1.
void narrow(double value, double rate, double& low, double& high) {
  if (rate == 0) {
    if (!(value >= 0 && value < 1)) high = low;
    return;
  }
  const double a = -value / rate;
  const double b = (1 - value) / rate;
  low = std::max(low, std::min(a, b));
  high = std::min(high, std::max(a, b));
}

// Adds the bilinear value at (x, y), in units where pixel centres are whole numbers. kInside: the
// caller knows that 0 <= x <= width - 1 and likewise y; otherwise pixels beyond the edges are fill.
template <bool kInside>
void add_sample(const Source& source, double x, double y, Colour& sum) {
  const ImageView& image = source.image;
  if constexpr (!kInside) {
    if (!(x > -1 && x < image.width && y > -1 && y < image.height)) {
      for (std::size_t c = 0; c < 3; ++c) sum[c] += source.fill[c];
      return;
    }
  }
  const int left = kInside ? static_cast<int>(x) : static_cast<int>(std::floor(x));
  const int top = kInside ? static_cast<int>(y) : static_cast<int>(std::floor(y));
  const float right_share = static_cast<float>(x - left);
  const float bottom_share = static_cast<float>(y - top);
  if constexpr (kInside) {
    // On the last column or row the neighbour's share is zero: read the pixel itself instead.
    const std::uint8_t* upper = row(image, top) + std::ptrdiff_t{left} * source.pixel_bytes;
    const std::uint8_t* lower = upper + (top + 1 < image.height ? image.row_stride : 0);
    const int next = left + 1 < image.width ? source.pixel_bytes : 0;
    for (std::size_t c = 0; c < 3; ++c) {
      const int channel = source.channels[c];
      const float a = upper[channel];
      const float b = upper[next + channel];
      const float d = lower[channel];
      const float e = lower[next + channel];
      const float above = a + right_share * (b - a);
      const float below = d + right_share * (e - d);
      sum[c] += above + bottom_share * (below - above);
    }
  } else {
    for (int dy = 0; dy < 2; ++dy) {
      for (int dx = 0; dx < 2; ++dx) {
        const float share = (dx ? right_share : 1 - right_share) * (dy ? bottom_share : 1 - bottom_share);
        const int column = left + dx;
        const int line = top + dy;
        const bool in = column >= 0 && column < image.width && line >= 0 && line < image.height;
        const std::uint8_t* pixel =
            in ? row(image, line) + std::ptrdiff_t{column} * source.pixel_bytes : nullptr;
        for (std::size_t c = 0; c < 3; ++c) {
          sum[c] += share * (in ? static_cast<float>(pixel[source.channels[c]]) : source.fill[c]);
        }
      }
    }
  }
}

// Mean of samples x samples bilinear values, spread evenly over the square at `corner` with the
// sides `side` and i * `side`.
template <bool kInside>
Colour sample_square(const Source& source, Complex corner, Complex side, int samples) {
  const Complex across = side / static_cast<double>(samples);
  const Complex down = across * Complex(0, 1);
  const Complex first = corner + .5 * (across + down) - Complex(.5, .5);
  Colour sum{};
  for (int v = 0; v < samples; ++v) {
    const Complex start = first + static_cast<double>(v) * down;
    for (int u = 0; u < samples; ++u) {
      add_sample<kInside>(source, start.real() + u * across.real(), start.imag() + u * across.imag(), sum);
    }
  }
  for (float& value : sum) value /= static_cast<float>(samples * samples);
  return sum;
}

// Mean of the image over the square, whose bounds are given, blended with fill by the area off the
// image.
Colour average_square(const Source& source, Complex corner, Complex side, const Bounds& bounds) {
  const ImageView& image = source.image;
  const double top = std::max(bounds.top, 0.0);
  const double bottom = std::min(bounds.bottom, static_cast<double>(image.height));
  // Along a row the square's own coordinates u + i v = (x + i y - corner) / side are linear in x;
  // the square is where both u and v are in [0, 1).
  const Complex slope = 1.0 / side;
  std::array<double, 3> sum{};
  double area = 0;
  for (int y = static_cast<int>(top); y < bottom; ++y) {
    const double from = std::max(top, static_cast<double>(y));
    const double to = std::min(bottom, y + 1.0);
    // The row's part of the square is taken to be as wide everywhere as in its middle, which errs
    // only in the rows of the corners.
    const Complex at_zero = (Complex(0, .5 * (from + to)) - corner) * slope;
    double low = 0;
    double high = image.width;
    narrow(at_zero.real(), slope.real(), low, high);
    narrow(at_zero.imag(), slope.imag(), low, high);
    if (!(low < high)) continue;
    area += (to - from) * (high - low);

    const int first = static_cast<int>(low);
    const int last = static_cast<int>(high);
    const std::uint8_t* pixel = row(image, y) + std::ptrdiff_t{first} * source.pixel_bytes;
    std::array<double, 3> row_sum{};
    const auto add_part = [&](double width) {
      for (std::size_t c = 0; c < 3; ++c) row_sum[c] += width * pixel[source.channels[c]];
    };
    if (first == last) {
      add_part(high - low);
    } else {
      add_part(first + 1 - low);
      std::array<std::uint64_t, 3> whole{};
      pixel += source.pixel_bytes;
      for (int x = first + 1; x < last; ++x, pixel += source.pixel_bytes) {
        for (std::size_t c = 0; c < 3; ++c) whole[c] += pixel[source.channels[c]];
      }
      for (std::size_t c = 0; c < 3; ++c) row_sum[c] += static_cast<double>(whole[c]);
      if (high > last) add_part(high - last);
    }
    for (std::size_t c = 0; c < 3; ++c) sum[c] += (to - from) * row_sum[c];
  }
  if (!(area > 0)) return source.fill;
  const bool inside = bounds.within(image, 0);
  const double share = inside ? 1 : std::min(1.0, area / std::norm(side));
  Colour result;
  for (std::size_t c = 0; c < 3; ++c) {
    result[c] = static_cast<float>(share * sum[c] / area + (1 - share) * source.fill[c]);
  }
  return result;
}

}  // namespace

void warp(const ImageView& image, const Similarity& to_image, Size size,
          std::span<const std::uint8_t, 3> fill, std::uint8_t* rgb) {
  const ChannelOrder order = channel_order(image.format);
  Source source{image, bytes_per_pixel(image.format), {order.red, order.green, order.blue}, {}};
  for (std::size_t c = 0; c < 3; ++c) source.fill[c] = fill[c];

  const Complex side(to_image.a, to_image.b);
  const Complex shift(to_image.tx, to_image.ty);
  const double step = scale_of(to_image);
  // Half a square's extent along both axes of the image.
  const double reach = .5 * (std::abs(side.real()) + std::abs(side.imag()));
  const bool supersample = step <= kMaxSupersampled;
  const int samples = step <= 1 + kStepTolerance ? 1
                      : supersample              ? static_cast<int>(std::ceil(2 * reach - kStepTolerance))
                                                 : 0;

  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x, rgb += 3) {
      const Complex corner = side * Complex(x, y) + shift;
      const Complex middle = side * Complex(x + .5, y + .5) + shift;
      const Bounds bounds{middle.real() - reach, middle.imag() - reach, middle.real() + reach,
                          middle.imag() + reach};
      Colour colour;
      if (bounds.away_from(image)) {
        colour = source.fill;
      } else if (!supersample) {
        colour = average_square(source, corner, side, bounds);
      } else if (bounds.within(image, .5)) {  // so that no sample needs a neighbour beyond the edge
        colour = sample_square<true>(source, corner, side, samples);
      } else {
        colour = sample_square<false>(source, corner, side, samples);
      }
      for (std::size_t c = 0; c < 3; ++c) rgb[c] = static_cast<std::uint8_t>(colour[c] + .5f);
    }
  }
}

}  // namespace mtcnn
