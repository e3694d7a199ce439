#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "image/convert.h"
#include "image/patch.h"
#include "image/resample.h"
#include "image/view.h"

namespace mtcnn {
namespace {

using doctest::Approx;

const Kernels& scalar() { return *find_kernels("scalar"); }

std::vector<std::uint8_t> noise(int count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count));
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

ImageView rgb_view(const std::vector<std::uint8_t>& bytes, int width, int height) {
  return {bytes.data(), width, height, std::ptrdiff_t{3} * width, PixelFormat::kRgb8};
}

// Pixel value with zeros outside.
double pixel(const ImageView& image, int x, int y, int c) {
  if (x < 0 || y < 0 || x >= image.width || y >= image.height) return 0;
  return row(image, y)[3 * x + c];
}

// The definition of a patch's pixel, computed the slow way: the mean over the area that it covers
// along an axis that shrinks, linear interpolation along one that grows.
std::vector<std::pair<int, double>> plain_taps(double low, double high, int size, int index) {
  std::vector<std::pair<int, double>> taps;
  const double step = (high - low) / size;
  if (step > 1) {
    for (int x = static_cast<int>(std::floor(low)) - 1; x <= static_cast<int>(std::ceil(high)); ++x) {
      const double shared =
          std::min<double>(x + 1, low + (index + 1) * step) - std::max<double>(x, low + index * step);
      if (shared > 0) taps.push_back({x, shared / step});
    }
  } else {
    const int first = static_cast<int>(std::floor(low));
    const int last = static_cast<int>(std::ceil(high)) - 1;
    const double centre = low + (index + .5) * step - .5;
    const int left = static_cast<int>(std::floor(centre));
    taps.push_back({std::clamp(left, first, last), 1 - (centre - left)});
    taps.push_back({std::clamp(left + 1, first, last), centre - left});
  }
  return taps;
}

double plain_patch(const ImageView& image, const Box& box, int side, int x, int y, int c) {
  double sum = 0;
  for (const auto& [v, wv] : plain_taps(box.top, box.bottom, side, y)) {
    for (const auto& [u, wu] : plain_taps(box.left, box.right, side, x)) {
      sum += wv * wu * pixel(image, u, v, c);
    }
  }
  return sum;
}

TEST_CASE("views are checked") {
  const std::vector<std::uint8_t> bytes(300);
  ImageView view = rgb_view(bytes, 10, 10);
  CHECK(check_view(view).ok());
  ImageView none = view;
  none.data = nullptr;
  CHECK(!check_view(none).ok());
  ImageView narrow = view;
  narrow.row_stride = 29;
  CHECK(!check_view(narrow).ok());
  ImageView empty = view;
  empty.height = 0;
  CHECK(!check_view(empty).ok());
  ImageView strange = view;
  strange.format = static_cast<PixelFormat>(77);
  CHECK(!check_view(strange).ok());
  ImageView vast = view;
  vast.width = vast.height = 1 << 20;
  vast.row_stride = std::ptrdiff_t{3} << 20;
  const Status refused = check_view(vast);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::kLimit);
}

TEST_CASE("every pixel format becomes the same RGB") {
  const int width = 5, height = 3;
  const std::vector<std::uint8_t> rgb = noise(3 * width * height, 1);
  std::vector<std::uint8_t> buffer;
  const ImageView plain = rgb_view(rgb, width, height);
  CHECK(as_rgb(plain, buffer).data == rgb.data());  // no copy
  struct Case {
    PixelFormat format;
    std::vector<int> channels;
  };  // -1: alpha
  for (const Case& c : {Case{PixelFormat::kBgr8, {2, 1, 0}}, Case{PixelFormat::kRgba8, {0, 1, 2, -1}},
                        Case{PixelFormat::kBgra8, {2, 1, 0, -1}}}) {
    std::vector<std::uint8_t> bytes;
    for (int i = 0; i < width * height; ++i) {
      for (const int channel : c.channels) {
        bytes.push_back(channel < 0 ? 99 : rgb[static_cast<std::size_t>(3 * i + channel)]);
      }
    }
    const int step = bytes_per_pixel(c.format);
    REQUIRE(step == static_cast<int>(c.channels.size()));
    const ImageView out =
        as_rgb({bytes.data(), width, height, std::ptrdiff_t{step} * width, c.format}, buffer);
    CHECK(std::equal(rgb.begin(), rgb.end(), out.data));
    // Bottom-up.
    const ImageView turned = as_rgb(
        {bytes.data() + step * width * (height - 1), width, height, -std::ptrdiff_t{step} * width, c.format},
        buffer);
    CHECK(std::equal(row(turned, 0), row(turned, 0) + 3 * width, rgb.end() - 3 * width));
  }
  const std::vector<std::uint8_t> grey{7, 9};
  ImageView out = as_rgb({grey.data(), 2, 1, 2, PixelFormat::kGray8}, buffer);
  CHECK(std::vector<std::uint8_t>(out.data, out.data + 6) == std::vector<std::uint8_t>{7, 7, 7, 9, 9, 9});
  out = as_rgb({grey.data(), 1, 1, 2, PixelFormat::kGrayAlpha8}, buffer);
  CHECK(std::vector<std::uint8_t>(out.data, out.data + 3) == std::vector<std::uint8_t>{7, 7, 7});
}

TEST_CASE("taps inside the image sum to one") {
  AxisTaps taps;
  std::mt19937 random(2);
  std::uniform_real_distribution<double> place(0, 40);
  for (int round = 0; round < 500; ++round) {
    double low = place(random), high = place(random);
    if (low > high) std::swap(low, high);
    if (high - low < .01) continue;
    const int size = 1 + static_cast<int>(random() % 60);
    make_taps(low, high, size, 0, size, 40, taps);
    for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i) {
      double sum = 0;
      for (int t = 0; t < taps.count; ++t)
        sum += taps.weight[i * static_cast<std::size_t>(taps.count) + static_cast<std::size_t>(t)];
      CHECK(sum == Approx(1).epsilon(1e-5));
      CHECK(taps.first[i] >= taps.begin);
      CHECK(taps.first[i] + taps.count <= taps.end);
    }
  }
}

TEST_CASE("shrinking by a whole number is the mean of the blocks") {
  const std::vector<std::uint8_t> bytes = noise(3 * 12 * 8, 3);
  const ImageView image = rgb_view(bytes, 12, 8);
  AxisTaps horizontal, vertical;
  make_taps(0, 12, 4, 0, 4, 12, horizontal);
  make_taps(0, 8, 4, 0, 4, 8, vertical);
  ResampleScratch scratch;
  std::vector<float> out(4 * 4 * 3 + kSlack);
  resample(image, horizontal, vertical, 0, 1, scalar(), scratch, out.data());
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 4; ++x) {
      double mean = 0;
      for (int v = 0; v < 2; ++v)
        for (int u = 0; u < 3; ++u) mean += pixel(image, 3 * x + u, 2 * y + v, 1) / 6;
      CHECK(out[static_cast<std::size_t>((y * 4 + x) * 3 + 1)] == Approx(mean).epsilon(1e-5));
    }
  }
}

TEST_CASE("patches are what their definition says, inside, across and outside the image") {
  const int width = 37, height = 29;
  const std::vector<std::uint8_t> bytes = noise(3 * width * height, 4);
  const ImageView image = rgb_view(bytes, width, height);
  std::mt19937 random(5);
  std::uniform_real_distribution<float> place(-20, 40), extent(.5f, 60);
  PatchScratch scratch;
  for (const Kernels* kernels : available_kernels()) {
    CAPTURE(kernels->name);
    for (int round = 0; round < 60; ++round) {
      const int side = round % 3 == 0 ? 12 : round % 3 == 1 ? 24 : 7;
      Box box{place(random), place(random), 0, 0};
      box.right = box.left + extent(random);
      box.bottom = box.top + extent(random);
      if (round % 2) {
        for (float* edge : {&box.left, &box.top, &box.right, &box.bottom}) *edge = std::floor(*edge);
        if (box.width() < 1 || box.height() < 1) continue;
      }
      REQUIRE(is_patchable(box));
      std::vector<float> out(static_cast<std::size_t>(side * side * 3) + kSlack);
      read_patch(image, box, side, 127.5f, 1 / 128.f, *kernels, scratch, out.data());
      double worst = 0;
      for (int y = 0; y < side; ++y) {
        for (int x = 0; x < side; ++x) {
          for (int c = 0; c < 3; ++c) {
            const double expected = (plain_patch(image, box, side, x, y, c) - 127.5) / 128;
            worst =
                std::max(worst, std::abs(expected - out[static_cast<std::size_t>((y * side + x) * 3 + c)]));
          }
        }
      }
      CHECK(worst < 1e-4);
    }
  }
}

TEST_CASE("a patch of its own size is the pixels themselves") {
  const std::vector<std::uint8_t> bytes = noise(3 * 24 * 24, 6);
  PatchScratch scratch;
  std::vector<float> out(24 * 24 * 3 + kSlack);
  read_patch(rgb_view(bytes, 24, 24), {0, 0, 24, 24}, 24, 127.5f, 1 / 128.f, scalar(), scratch, out.data());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    CHECK(out[i] == (static_cast<float>(bytes[i]) - 127.5f) / 128);
  }
}

TEST_CASE("boxes that no arithmetic could bear are told apart") {
  CHECK(is_patchable({0, 0, 1, 1}));
  CHECK(is_patchable({-100, -100, -50, -50}));
  CHECK(!is_patchable({0, 0, 0, 1}));
  CHECK(!is_patchable({5, 5, 3, 9}));
  CHECK(!is_patchable({0, 0, NAN, 1}));
  CHECK(!is_patchable({0, 0, INFINITY, 1}));
  CHECK(!is_patchable({-1e20f, 0, 1e20f, 1}));
}

}  // namespace
}  // namespace mtcnn
