#include "apps/anonymize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <numbers>
#include <utility>
#include <vector>

namespace mtcnn {
namespace {

// A lost face stays covered for so long, and for so many frames.
constexpr double kCoveredSeconds = 1 / 3.;
constexpr std::int64_t kCoveredFrames = 5;

struct Area {
  int left, top, right, bottom;  // half-open, inside the image
  int width() const { return right - left; }
  int height() const { return bottom - top; }
};

Area inside(const Image& image, const Box& box) {
  const auto cut = [](float value, int most) {
    return static_cast<int>(std::clamp(value, 0.f, static_cast<float>(most)));
  };
  return {cut(std::floor(box.left), image.width), cut(std::floor(box.top), image.height),
          cut(std::ceil(box.right), image.width), cut(std::ceil(box.bottom), image.height)};
}

Box enlarged(const Box& box, float share) {
  const float dx = share * box.width(), dy = share * box.height();
  return {box.left - dx, box.top - dy, box.right + dx, box.bottom + dy};
}

Box around(const Box& a, const Box& b) {
  return {std::min(a.left, b.left), std::min(a.top, b.top), std::max(a.right, b.right),
          std::max(a.bottom, b.bottom)};
}

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

void blur(Image& image, const Box& wanted) {
  // Around the ellipse through the corners.
  const Box box = enlarged(wanted, std::numbers::sqrt2_v<float> / 2 - .5f);
  const Area area = inside(image, box);
  if (area.width() <= 0 || area.height() <= 0) return;
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
  const double a = box.width() / 2.0, b = box.height() / 2.0;
  const double middle_x = box.left + a, middle_y = box.top + b;
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
  const Box wanted = enlarged(box, margin);
  // Written so that NaN fails.
  if (!(wanted.left < wanted.right && wanted.top < wanted.bottom)) return;
  const Area area = inside(image, wanted);
  switch (how) {
    case Cover::kBlur: blur(image, wanted); break;
    case Cover::kPixelate: pixelate(image, area, wanted); break;
    case Cover::kBlack:
      for (int y = area.top; y < area.bottom; ++y) {
        std::fill_n(image.rgb.data() + (std::ptrdiff_t{y} * image.width + area.left) * 3, 3 * area.width(),
                    std::uint8_t{0});
      }
      break;
  }
}

void Covers::add(double seconds, std::span<const TrackedFace> faces, std::span<const LostFace> lost) {
  waiting_.emplace_back();
  const std::int64_t now = frames_++;
  // Of those behind frame `begin` and before this one, the frames that are still here.
  const auto earlier = [&](std::int64_t begin, const Box& box) {
    const auto count = std::min(now - begin - 1, static_cast<std::int64_t>(waiting_.size()) - 1);
    for (std::int64_t i = 1; i <= count; ++i) waiting_.end()[-1 - i].push_back(box);
  };
  for (const TrackedFace& face : faces) {
    const Box& box = face.face.box;
    const auto known = last_.find(face.id);
    if (known == last_.end()) {
      earlier(-1, box);
    } else {
      earlier(known->second.frame, around(known->second.box, box));
    }
    last_[face.id] = {box, box, seconds, now, now};
  }
  for (const LostFace& face : lost) {
    const auto known = last_.find(face.id);
    if (known == last_.end()) continue;
    known->second.all = around(known->second.all, face.expected);
    known->second.known = now;
  }
  for (auto entry = last_.begin(); entry != last_.end();) {
    const Last& last = entry->second;
    const bool covered = seconds - last.seconds <= kCoveredSeconds || now - last.frame <= kCoveredFrames;
    if (covered) waiting_.back().push_back(last.all);
    entry = covered || last.known == now ? std::next(entry) : last_.erase(entry);
  }
}

std::vector<Box> Covers::take() {
  std::vector<Box> places = std::move(waiting_.front());
  waiting_.pop_front();
  return places;
}

}  // namespace mtcnn
