#include "train/augment.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "engine/model_data.h"

namespace mtcnn {
namespace {

constexpr int kSide = 24;
constexpr float kMean = kPixelMean, kScale = kPixelScale;
constexpr float kDarkest = -kMean * kScale, kBrightest = kMean * kScale;
using Pixels24 = std::vector<float>;

// Of all brightnesses.
Pixels24 colourful(std::uint64_t seed) {
  Random random{seed};
  Pixels24 pixels;
  for (int i = 0; i < kSide * kSide * 3; ++i)
    pixels.push_back(static_cast<float>(random.uniform(kDarkest, kBrightest)));
  return pixels;
}

Pixels24 changed(const AugmentConfig& config, const Pixels24& pixels, std::uint64_t seed) {
  Pixels24 result = pixels;
  Random random{seed, 1};
  change_pixels(config, false, kSide, kMean, kScale, random, result.data());
  return result;
}

bool in_range(const Pixels24& pixels) {
  return std::all_of(pixels.begin(), pixels.end(),
                     [](float p) { return p >= kDarkest - 1e-6f && p <= kBrightest + 1e-6f; });
}

TEST_CASE("without changes there are none") {
  const Pixels24 pixels = colourful(1);
  CHECK(changed(AugmentConfig::none(), pixels, 1) == pixels);
}

TEST_CASE("grey crops are as bright as they were, in every channel") {
  AugmentConfig config = AugmentConfig::none();
  config.grey = 1;
  const Pixels24 pixels = colourful(1), grey = changed(config, pixels, 1);
  float worst = 0;
  for (std::size_t i = 0; i < pixels.size(); i += 3) {
    const float luma = .299f * pixels[i] + .587f * pixels[i + 1] + .114f * pixels[i + 2];
    for (std::size_t c = 0; c < 3; ++c) worst = std::max(worst, std::abs(grey[i + c] - luma));
  }
  CHECK(worst < 1e-4f);
}

TEST_CASE("a patch hides a rectangle, in one colour, and nothing else") {
  AugmentConfig config = AugmentConfig::none();
  config.occlude = 1;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Pixels24 pixels = colourful(seed), hidden = changed(config, pixels, seed);
    int left = kSide, top = kSide, right = -1, bottom = -1;
    for (int i = 0; i < kSide * kSide; ++i) {
      if (std::equal(pixels.begin() + 3 * i, pixels.begin() + 3 * i + 3, hidden.begin() + 3 * i)) continue;
      left = std::min(left, i % kSide);
      right = std::max(right, i % kSide);
      top = std::min(top, i / kSide);
      bottom = std::max(bottom, i / kSide);
    }
    REQUIRE(right >= left);
    CHECK((right - left < kSide / 2 && bottom - top < kSide / 2));
    CHECK((right - left >= 2 && bottom - top >= 2));
    const auto first = hidden.begin() + 3 * (top * kSide + left);
    bool constant = true;
    for (int y = top; y <= bottom; ++y) {
      for (int x = left; x <= right; ++x)
        constant = constant && std::equal(first, first + 3, hidden.begin() + 3 * (y * kSide + x));
    }
    CHECK(constant);
    CHECK(in_range(hidden));
  }
}

TEST_CASE("colours and noise change pixels, which stay pixels") {
  for (const bool noise : {false, true}) {
    CAPTURE(noise);
    AugmentConfig config = AugmentConfig::none();
    (noise ? config.noise : config.colour) = 1;
    double mean_change = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const Pixels24 pixels = colourful(seed), other = changed(config, pixels, seed);
      CHECK(other != pixels);
      CHECK(in_range(other));
      for (std::size_t i = 0; i < pixels.size(); ++i) mean_change += other[i] - pixels[i];
    }
    // Noise makes nothing brighter or darker; colours differ from crop to crop.
    mean_change /= 50. * kSide * kSide * 3;
    if (noise) CHECK(std::abs(mean_change) < 2 * kScale);
  }
  AugmentConfig config = AugmentConfig::none();
  config.colour = 1;
  CHECK(changed(config, colourful(1), 1) != changed(config, colourful(1), 2));
}

// Mean square of the differences between neighbours.
double roughness(const Pixels24& pixels) {
  double sum = 0;
  for (int y = 0; y < kSide; ++y) {
    for (int i = 3; i < 3 * kSide; ++i) {
      const float* const p = pixels.data() + 3 * kSide * y + i;
      sum += (p[0] - p[-3]) * (p[0] - p[-3]);
    }
  }
  return sum / (3 * kSide * (kSide - 1));
}

// A window of as many pixels as the net sees, of a soft slope with noise.
Pixels24 seen_through(const View& view) {
  Image photograph{100, 80, {}};
  Random random{5};
  for (int y = 0; y < 80; ++y) {
    for (int i = 0; i < 300; ++i) {
      const int column = i / 3;
      photograph.rgb.push_back(static_cast<std::uint8_t>(60 + column + random.uniform(0, 60)));
    }
  }
  PatchScratch patch;
  AugmentScratch scratch;
  Pixels24 pixels(kSide * kSide * 3 + kSlack);
  cut_view(photograph.view(), {30, 20, 30 + kSide, 20 + kSide}, view, kSide, kMean, kScale,
           *find_kernels("auto"), patch, scratch, pixels.data());
  pixels.resize(kSide * kSide * 3);
  return pixels;
}

double difference(const Pixels24& a, const Pixels24& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

TEST_CASE("blurred crops and those of few pixels are smoother, and of the same place") {
  const Pixels24 sharp = seen_through({});
  for (const bool blurred : {false, true}) {
    CAPTURE(blurred);
    View view;
    (blurred ? view.blur : view.resolution) = blurred ? 1 : 9;
    const Pixels24 soft = seen_through(view);
    CHECK(roughness(soft) < .4 * roughness(sharp));
    CHECK(difference(soft, sharp) < 20 * kScale);
    CHECK(in_range(soft));
  }
  // The more, the smoother.
  View little, much;
  little.blur = .4;
  much.blur = 1.2;
  CHECK(roughness(seen_through(much)) < roughness(seen_through(little)));
}

TEST_CASE("JPEG leaves its traces, the more the lower the quality") {
  const Pixels24 plain = seen_through({});
  View good, bad;
  good.jpeg = 80;
  bad.jpeg = 20;
  const Pixels24 slightly = seen_through(good), badly = seen_through(bad);
  CHECK(difference(slightly, plain) > .5 * kScale);
  CHECK(difference(slightly, plain) < difference(badly, plain));
  CHECK(difference(badly, plain) < 20 * kScale);
  CHECK((in_range(slightly) && in_range(badly)));
}

TEST_CASE("views are drawn within their limits, with their probabilities") {
  AugmentConfig config = AugmentConfig::none();
  config.rotate = config.low_resolution = config.blur = config.jpeg = config.flip = .5;
  config.rotate_by = 20;
  int turned = 0, coarse = 0, blurred = 0, compressed = 0, mirrored = 0;
  constexpr int kViews = 2000;
  for (std::uint64_t seed = 0; seed < kViews; ++seed) {
    Random random{seed, 2};
    const View view = draw_view(config, kSide, random);
    CHECK(std::abs(view.radians) <= .35);
    CHECK((view.resolution == 0 || (view.resolution >= 8 && view.resolution <= kSide)));
    CHECK((view.blur == 0 || (view.blur >= .3 && view.blur <= 1.2)));
    CHECK((view.jpeg == 0 || (view.jpeg >= 20 && view.jpeg <= 80)));
    turned += view.radians != 0;
    coarse += view.resolution != 0;
    blurred += view.blur != 0;
    compressed += view.jpeg != 0;
    mirrored += view.flip;
  }
  for (const int count : {turned, coarse, blurred, compressed, mirrored})
    CHECK(count == doctest::Approx(.5 * kViews).epsilon(.1));
}

}  // namespace
}  // namespace mtcnn
