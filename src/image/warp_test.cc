#include "image/warp.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <random>
#include <vector>

#include "geometry/similarity.h"
#include "image/view.h"

namespace mtcnn {
namespace {

constexpr std::uint8_t kBlack[3] = {0, 0, 0};

struct Rgb {
  Rgb(int w, int h)
      : width(w), height(h), bytes(static_cast<std::size_t>(w) * static_cast<std::size_t>(h) * 3) {}
  std::uint8_t& at(int x, int y, int c) {
    return bytes[(static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                  static_cast<std::size_t>(x)) *
                     3 +
                 static_cast<std::size_t>(c)];
  }
  int at(int x, int y, int c) const { return const_cast<Rgb*>(this)->at(x, y, c); }
  ImageView view() const {
    return {bytes.data(), width, height, std::ptrdiff_t{3} * width, PixelFormat::kRgb8};
  }
  int width, height;
  std::vector<std::uint8_t> bytes;
};

Rgb noise(int width, int height) {
  Rgb image(width, height);
  std::mt19937 engine(7);
  for (std::uint8_t& byte : image.bytes) byte = static_cast<std::uint8_t>(engine() >> 24);
  return image;
}

Rgb warped(const Rgb& image, const Similarity& to_image, int width, int height,
           std::span<const std::uint8_t, 3> fill = kBlack) {
  Rgb out(width, height);
  warp(image.view(), to_image, {width, height}, fill, out.bytes.data());
  return out;
}

Similarity turned(double degrees, double scale, double tx, double ty) {
  const double angle = degrees * 3.14159265358979 / 180;
  return {static_cast<float>(scale * std::cos(angle)), static_cast<float>(scale * std::sin(angle)),
          static_cast<float>(tx), static_cast<float>(ty)};
}

// The transform that turns and scales about the middles of both.
Similarity about_middles(double degrees, double step, Size copy, Size image) {
  const Similarity turn = turned(degrees, step, 0, 0);
  const Point middle =
      turn.apply({.5f * static_cast<float>(copy.width), .5f * static_cast<float>(copy.height)});
  return {turn.a, turn.b, .5f * static_cast<float>(image.width) - middle.x,
          .5f * static_cast<float>(image.height) - middle.y};
}

int largest_difference(const Rgb& a, const Rgb& b) {
  REQUIRE(a.bytes.size() == b.bytes.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.bytes.size(); ++i)
    largest = std::max(largest, std::abs(a.bytes[i] - b.bytes[i]));
  return largest;
}

TEST_CASE("check_view says what is wrong") {
  std::uint8_t bytes[64] = {};
  const ImageView good{bytes, 4, 4, 12, PixelFormat::kRgb8};
  CHECK(check_view(good).ok());
  const auto code_of = [](const ImageView& view) {
    const Status status = check_view(view);
    REQUIRE_FALSE(status.ok());
    CHECK_FALSE(status.error().message.empty());
    return status.error().code;
  };
  ImageView view = good;
  view.data = nullptr;
  CHECK(code_of(view) == ErrorCode::kInvalidArgument);
  for (const int bad : {0, -1, -2147483647 - 1}) {
    view = good;
    view.width = bad;
    CHECK(code_of(view) == ErrorCode::kInvalidArgument);
    view = good;
    view.height = bad;
    CHECK(code_of(view) == ErrorCode::kInvalidArgument);
  }
  for (const int bad : {-1, 6, 99}) {
    view = good;
    view.format = static_cast<PixelFormat>(bad);
    CHECK(code_of(view) == ErrorCode::kInvalidArgument);
  }
  for (const std::ptrdiff_t bad : {11, 0, 1, -11}) {
    view = good;
    view.row_stride = bad;
    CHECK(code_of(view) == ErrorCode::kInvalidArgument);
  }
  view = good;
  view.row_stride = PTRDIFF_MIN;
  CHECK(code_of(view) == ErrorCode::kInvalidArgument);
  view.row_stride = PTRDIFF_MAX;
  CHECK(code_of(view) == ErrorCode::kInvalidArgument);
  view = good;
  view.row_stride = -12;
  CHECK(check_view(view).ok());
  view = {bytes, 1 << 14, 1 << 14, 3 << 14, PixelFormat::kRgb8};
  CHECK(check_view(view).ok());
  view.height += 1;
  CHECK(code_of(view) == ErrorCode::kLimit);
  view = {bytes, 2147483647, 2147483647, PTRDIFF_MAX / 4, PixelFormat::kRgba8};
  CHECK(code_of(view) == ErrorCode::kLimit);
}

TEST_CASE("whole-pixel shifts and quarter turns copy the pixels") {
  const Rgb image = noise(23, 17);
  const Rgb same = warped(image, {}, 23, 17);
  CHECK(same.bytes == image.bytes);
  const std::uint8_t fill[3] = {1, 2, 3};
  const Rgb shifted = warped(image, {1, 0, 5, -3}, 23, 17, fill);
  const Rgb quarter = warped(image, {0, 1, 23, 0}, 17, 23);  // (x, y) -> (23 - y, x)
  for (int y = 0; y < 17; ++y) {
    for (int x = 0; x < 23; ++x) {
      for (int c = 0; c < 3; ++c) {
        const bool in = x + 5 < 23 && y - 3 >= 0;
        CHECK(int{shifted.at(x, y, c)} == (in ? int{image.at(x + 5, y - 3, c)} : fill[c]));
        CHECK(int{quarter.at(y, 22 - x, c)} == int{image.at(x, y, c)});
      }
    }
  }
}

TEST_CASE("a half-pixel shift averages neighbours, with fill at the border") {
  Rgb image(2, 1);
  for (int c = 0; c < 3; ++c) {
    image.at(0, 0, c) = 100;
    image.at(1, 0, c) = 200;
  }
  const std::uint8_t fill[3] = {40, 50, 60};
  const Rgb out = warped(image, {1, 0, -.5f, 0}, 4, 1, fill);
  const int expected[4][3] = {{70, 75, 80}, {150, 150, 150}, {120, 125, 130}, {40, 50, 60}};
  for (int x = 0; x < 4; ++x) {
    for (int c = 0; c < 3; ++c) CHECK(int{out.at(x, 0, c)} == expected[x][c]);
  }
}

TEST_CASE("a linear ramp stays linear under any transform") {
  // Bilinear interpolation and averages over symmetric areas both give a linear function's value at
  // the middle of the pixel: an answer that knows nothing of how the averages are taken.
  Rgb image(1200, 1100);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      image.at(x, y, 0) = static_cast<std::uint8_t>(x / 5);
      image.at(x, y, 1) = static_cast<std::uint8_t>(y / 5);
      image.at(x, y, 2) = static_cast<std::uint8_t>((x + y) / 10);
    }
  }
  for (const double step : {.1, .7, 1.0, 1.4, 2.5, 7.3, 7.9, 8.2, 25.7}) {
    for (const double degrees : {0.0, 30.0, 45.0, 90.0, 123.0, 200.0, -77.0}) {
      const Size size{21, 19};
      const Similarity to_image = about_middles(degrees, step, size, {image.width, image.height});
      const Rgb out = warped(image, to_image, size.width, size.height);
      double worst = 0;
      for (int y = 0; y < size.height; ++y) {
        for (int x = 0; x < size.width; ++x) {
          const Point p = to_image.apply({static_cast<float>(x) + .5f, static_cast<float>(y) + .5f});
          // The ramp has steps of 5 pixels: x / 5 rounded down is (x - 2) / 5 on average, at pixel
          // centre x + .5; rounding errors of one level remain where the average is over few
          // pixels.
          worst = std::max(worst, std::abs(out.at(x, y, 0) - (p.x - 2.5) / 5));
          worst = std::max(worst, std::abs(out.at(x, y, 1) - (p.y - 2.5) / 5));
          worst = std::max(worst, std::abs(out.at(x, y, 2) - (p.x + p.y - 5.5) / 10));
        }
      }
      CAPTURE(step);
      CAPTURE(degrees);
      CHECK(worst < (step < 7 ? 1.1 : .75));
    }
  }
}

TEST_CASE("shrinking by a whole number is the mean of the block") {
  for (const int factor : {2, 3, 4, 5, 7, 8, 9, 16, 17, 37}) {
    const Rgb image = noise(6 * factor, 5 * factor);
    const Rgb out = warped(image, {static_cast<float>(factor), 0, 0, 0}, 6, 5);
    CAPTURE(factor);
    int largest = 0;
    for (int y = 0; y < 5; ++y) {
      for (int x = 0; x < 6; ++x) {
        for (int c = 0; c < 3; ++c) {
          int sum = 0;
          for (int v = 0; v < factor; ++v) {
            for (int u = 0; u < factor; ++u) sum += image.at(x * factor + u, y * factor + v, c);
          }
          const double mean = static_cast<double>(sum) / (factor * factor);
          largest = std::max(largest, std::abs(out.at(x, y, c) - static_cast<int>(mean + .5)));
        }
      }
    }
    CHECK(largest <= 1);
  }
}

TEST_CASE("a fine checkerboard shrinks to grey") {
  // What a perfect average over the square leaves: straight and even, nothing; straight and odd,
  // one pixel of one colour too many, 127.5 / step^2; turned by 45 degrees, where all pixels along
  // a side have one colour, up to such a row of step / sqrt(2) pixels on two sides: 127.5 * sqrt(2)
  // / step.
  Rgb image(640, 640);
  for (int y = 0; y < 640; ++y) {
    for (int x = 0; x < 640; ++x) {
      for (int c = 0; c < 3; ++c) image.at(x, y, c) = (x + y) % 2 ? 255 : 0;
    }
  }
  for (const double step : {2.0, 3.0, 4.0, 5.5, 7.9, 8.0, 8.1, 13.3, 16.5, 24.0}) {
    for (const double degrees : {0.0, 10.0, 45.0, 67.0}) {
      const Size size{16, 16};
      const Similarity to_image = about_middles(degrees, step, size, {640, 640});
      const Rgb out = warped(image, to_image, 16, 16);
      int largest = 0;
      for (const std::uint8_t value : out.bytes) largest = std::max(largest, std::abs(value - 127));
      CAPTURE(step);
      CAPTURE(degrees);
      const bool even = std::fmod(step, 2.0) == 0;
      CHECK(largest <= 2 + (degrees != 0 ? 181 / step : even ? 0 : 128 / (step * step)));
    }
  }
}

TEST_CASE("the mean brightness is kept") {
  const Rgb image = noise(301, 257);
  double before[3] = {};
  for (std::size_t i = 0; i < image.bytes.size(); ++i) before[i % 3] += image.bytes[i];
  for (const double step : {.8, 1.0, 1.3, 2.0, 3.7, 7.9, 8.2, 16.4, 23.0, 60.0}) {
    for (const double degrees : {0.0, 17.0, 45.0, 100.0}) {
      // Large enough to hold all of the image, in black.
      const int side = static_cast<int>(420 / step) + 4;
      const Rgb out = warped(image, about_middles(degrees, step, {side, side}, {301, 257}), side, side);
      double after[3] = {};
      for (std::size_t i = 0; i < out.bytes.size(); ++i) after[i % 3] += out.bytes[i] * step * step;
      CAPTURE(step);
      CAPTURE(degrees);
      for (int c = 0; c < 3; ++c) CHECK(after[c] / before[c] == doctest::Approx(1).epsilon(.004));
    }
  }
}

TEST_CASE("the average is over the pixel's own area") {
  // Against midpoint sums of the image as squares of constant colour, far finer than a pixel:
  // another reconstruction than the bilinear one, so equal only as far as averages go.
  const Rgb image = noise(400, 400);
  for (const double step : {4.3, 7.7, 8.4, 12.1, 19.8}) {
    for (const double degrees : {0.0, 20.0, 45.0}) {
      const Size size{8, 8};
      const Similarity to_image = about_middles(degrees, step, size, {400, 400});
      const Rgb out = warped(image, to_image, 8, 8);
      const int fine = 200;
      double squares = 0;
      for (int y = 0; y < 8; ++y) {
        for (int x = 0; x < 8; ++x) {
          double sum = 0;
          for (int v = 0; v < fine; ++v) {
            for (int u = 0; u < fine; ++u) {
              const Point p = to_image.apply({static_cast<float>(x) + (static_cast<float>(u) + .5f) / fine,
                                              static_cast<float>(y) + (static_cast<float>(v) + .5f) / fine});
              sum += image.at(static_cast<int>(p.x), static_cast<int>(p.y), 0);
            }
          }
          const double difference = out.at(x, y, 0) - sum / (fine * fine);
          squares += difference * difference;
        }
      }
      // White noise of deviation 74 is the worst case: averaging n pixels leaves 74 / sqrt(n), and
      // what is treated differently are parts of the 4 * step pixels on the rim.
      const double allowed = 74 * std::sqrt(4 * step) / (step * step) * .25 + .5;
      CAPTURE(step);
      CAPTURE(degrees);
      CHECK(std::sqrt(squares / 64) < allowed);
    }
  }
}

TEST_CASE("beyond the edges the image continues in the fill colour") {
  // The same picture on a large canvas of that colour must give the same copy.
  const Rgb image = noise(90, 70);
  const std::uint8_t fill[3] = {200, 30, 90};
  constexpr int kBorder = 1000;
  Rgb canvas(90 + 2 * kBorder, 70 + 2 * kBorder);
  for (int y = 0; y < canvas.height; ++y) {
    for (int x = 0; x < canvas.width; ++x) {
      const int sx = x - kBorder;
      const int sy = y - kBorder;
      const bool in = sx >= 0 && sx < 90 && sy >= 0 && sy < 70;
      for (int c = 0; c < 3; ++c) canvas.at(x, y, c) = in ? image.at(sx, sy, c) : fill[c];
    }
  }
  for (const double step : {.3, 1.0, 1.7, 5.0, 7.8, 8.5, 18.5, 40.0}) {
    for (const double degrees : {0.0, 33.0, 45.0, 180.0}) {
      const Similarity to_image = about_middles(degrees, step, {30, 30}, {90, 40});
      const Similarity to_canvas{to_image.a, to_image.b, to_image.tx + kBorder, to_image.ty + kBorder};
      const Rgb on_image = warped(image, to_image, 30, 30, fill);
      const Rgb on_canvas = warped(canvas, to_canvas, 30, 30, fill);
      CAPTURE(step);
      CAPTURE(degrees);
      CHECK(largest_difference(on_image, on_canvas) <= 1);
    }
  }
}

TEST_CASE("the share of the image in a large pixel is its area") {
  // One pixel of the copy, turned by 45 degrees, its middle on an edge, then on a corner of a white
  // image.
  Rgb image(200, 200);
  std::fill(image.bytes.begin(), image.bytes.end(), std::uint8_t{255});
  const auto value_at = [&](double degrees, double x, double y) {
    Similarity to_image = turned(degrees, 40, 0, 0);
    const Point middle = to_image.apply({.5f, .5f});
    to_image.tx = static_cast<float>(x) - middle.x;
    to_image.ty = static_cast<float>(y) - middle.y;
    return int{warped(image, to_image, 1, 1).at(0, 0, 1)};
  };
  CHECK(value_at(45, 100, 100) == 255);
  CHECK(value_at(45, 0, 100) == 128);  // half
  CHECK(value_at(45, 100, 200) == 128);
  CHECK(value_at(45, 200, 0) == 64);  // a quarter
  CHECK(value_at(0, 0, 200) == 64);
  CHECK(value_at(0, 10, 100) == 191);   // three quarters
  CHECK(value_at(0, 190, 190) == 143);  // 9 sixteenths
  CHECK(value_at(0, -20, 100) == 0);
  CHECK(value_at(30, -100, -100) == 0);
}

TEST_CASE("no transform takes for ever") {
  const Rgb image = noise(3000, 2000);
  const std::uint8_t fill[3] = {9, 8, 7};
  const auto start = std::chrono::steady_clock::now();
  for (const float step : {1e-30f, 1e-6f, 30.f, 1e4f, 1e9f, 1e18f, 1e37f}) {
    for (const float turn : {0.f, .7f}) {
      const Similarity to_image{step, turn * step, 1000, 1000};
      REQUIRE(is_invertible(to_image));
      const Rgb out = warped(image, to_image, 112, 112, fill);
      if (step > 1e8f) {  // the image is a speck
        CHECK(int{out.at(0, 0, 0)} == 9);
        CHECK(int{out.at(111, 111, 2)} == 7);
      }
    }
  }
  // Far away.
  const Rgb away = warped(image, {1, 0, 1e30f, -1e30f}, 112, 112, fill);
  CHECK(std::count(away.bytes.begin(), away.bytes.end(), 9) == 112 * 112);
  // Sampling every step of the worst of these would take minutes; this takes far less than a
  // second.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

}  // namespace
}  // namespace mtcnn
