#include "apps/anonymize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mtcnn {
namespace {

struct Area {
  int left, top, right, bottom;  // half-open, inside the image
  int width() const { return right - left; }
  int height() const { return bottom - top; }
};

// The mean of the 2 radius + 1 pixels about each of `count` pixels that lie `step` bytes apart; ends count once more for
// those that are not there.
void blur_line(std::uint8_t* pixels, std::ptrdiff_t step, int count, int radius,
               std::vector<std::uint8_t>& line) {
  line.resize(static_cast<std::size_t>(count));
  for (int channel = 0; channel < 3; ++channel) {
    std::uint8_t* const p = pixels + channel;
    for (int i = 0; i < count; ++i) line[static_cast<std::size_t>(i)] = p[i * step];
    const auto at = [&](int i) { return int{line[static_cast<std::size_t>(std::clamp(i, 0, count - 1))]}; };
    const int size = 2 * radius + 1;
    int sum = size / 2;  // rounds
    for (int i = -radius; i <= radius; ++i) sum += at(i);
    for (int i = 0; i < count; ++i) {
      p[i * step] = static_cast<std::uint8_t>(sum / size);
      sum += at(i + radius + 1) - at(i - radius);
    }
  }
}

void blur(Image& image, const Area& area, const Box& wanted) {
  const std::ptrdiff_t stride = std::ptrdiff_t{3} * image.width;
  const int width = area.width(), height = area.height();
  std::vector<std::uint8_t> copy(std::size_t{3} * static_cast<std::size_t>(width) *
                                 static_cast<std::size_t>(height)),
      line;
  const std::ptrdiff_t row = std::ptrdiff_t{3} * width;
  for (int y = 0; y < height; ++y) {
    std::copy_n(image.rgb.data() + (area.top + y) * stride + std::ptrdiff_t{3} * area.left, row,
                copy.data() + y * row);
  }
  const int radius =
      std::max(1, static_cast<int>(std::lround(std::max(wanted.width(), wanted.height()) / 12)));
  // Three means make nearly a Gaussian.
  for (int pass = 0; pass < 3; ++pass) {
    for (int y = 0; y < height; ++y) blur_line(copy.data() + y * row, 3, width, radius, line);
    for (int x = 0; x < width; ++x) blur_line(copy.data() + std::ptrdiff_t{3} * x, row, height, radius, line);
  }
  const double a = wanted.width() / 2.0, b = wanted.height() / 2.0;
  const double middle_x = wanted.left + a, middle_y = wanted.top + b;
  for (int y = 0; y < height; ++y) {
    const double v = (area.top + y + .5 - middle_y) / b;
    const double reach = a * std::sqrt(std::max(0.0, 1 - v * v));
    const int begin = std::clamp(static_cast<int>(std::floor(middle_x - reach)), area.left, area.right);
    const int end = std::clamp(static_cast<int>(std::ceil(middle_x + reach)), begin, area.right);
    std::copy_n(copy.data() + y * row + std::ptrdiff_t{3} * (begin - area.left), 3 * (end - begin),
                image.rgb.data() + (area.top + y) * stride + std::ptrdiff_t{3} * begin);
  }
}

void pixelate(Image& image, const Area& area, const Box& wanted) {
  const int cell = std::max(1, static_cast<int>(std::ceil(std::max(wanted.width(), wanted.height()) / 8)));
  const std::ptrdiff_t stride = std::ptrdiff_t{3} * image.width;
  for (int top = area.top; top < area.bottom; top += cell) {
    for (int left = area.left; left < area.right; left += cell) {
      const int right = std::min(left + cell, area.right), bottom = std::min(top + cell, area.bottom);
      const int count = (right - left) * (bottom - top);
      std::array<std::int64_t, 3> sum{};
      for (int y = top; y < bottom; ++y) {
        for (int x = left; x < right; ++x) {
          for (std::size_t c = 0; c < 3; ++c)
            sum[c] += image.rgb[static_cast<std::size_t>(y * stride + 3 * x) + c];
        }
      }
      for (int y = top; y < bottom; ++y) {
        for (int x = left; x < right; ++x) {
          for (std::size_t c = 0; c < 3; ++c) {
            image.rgb[static_cast<std::size_t>(y * stride + 3 * x) + c] =
                static_cast<std::uint8_t>((sum[c] + count / 2) / count);
          }
        }
      }
    }
  }
}

}  // namespace

void anonymize(Image& image, const Box& box, float margin, Cover how) {
  const float dx = margin * box.width(), dy = margin * box.height();
  const Box wanted{box.left - dx, box.top - dy, box.right + dx, box.bottom + dy};
  // Written so that NaN fails.
  if (!(wanted.left < wanted.right && wanted.top < wanted.bottom)) return;
  const auto inside = [](float value, int most) {
    return static_cast<int>(std::clamp(value, 0.f, static_cast<float>(most)));
  };
  const Area area{inside(std::floor(wanted.left), image.width), inside(std::floor(wanted.top), image.height),
                  inside(std::ceil(wanted.right), image.width),
                  inside(std::ceil(wanted.bottom), image.height)};
  if (area.width() <= 0 || area.height() <= 0) return;
  switch (how) {
    case Cover::kBlur: blur(image, area, wanted); break;
    case Cover::kPixelate: pixelate(image, area, wanted); break;
    case Cover::kBlack:
      for (int y = area.top; y < area.bottom; ++y) {
        std::fill_n(image.rgb.data() + (std::ptrdiff_t{y} * image.width + area.left) * 3, 3 * area.width(),
                    std::uint8_t{0});
      }
      break;
  }
}

}  // namespace mtcnn
