#include "engine/rough_layer.h"

#include <algorithm>
#include <cmath>

#include "kernels/kernels.h"

namespace mtcnn {
namespace {

// Numbers that look random and are the same everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  float operator()(float low, float high) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * static_cast<float>(state_ >> 40) * 0x1p-24f;
  }

 private:
  std::uint64_t state_;
};

constexpr int kPaintedFace = 24;  // the squares of the faces

constexpr float kLeastRange = .5f;

}  // namespace

// "Dead leaves": rectangles and ellipses of all sizes and colours that cover one another, some of them noise; then, in every other
// square of kPaintedFace pixels, what could be a face, for most of what R-Net is shown is like one.
std::vector<float> painted_picture() {
  constexpr int side = kPaintedSide;
  constexpr int kLeaves = 500;
  std::vector<float> pixels(static_cast<std::size_t>(3 * side * side), 128.f);
  // Half of its width and of its height; colour(channel) is asked for every pixel.
  const auto paint = [&](float x, float y, float width, float height, float angle, bool round,
                         auto&& colour) {
    const float c = std::cos(angle), s = std::sin(angle);
    const float across = 1 / width, down = 1 / height;
    const float reach = round ? std::max(width, height) : std::hypot(width, height);
    const int left = std::max(static_cast<int>(x - reach), 0);
    const int right = std::min(static_cast<int>(x + reach) + 1, side);
    const int top = std::max(static_cast<int>(y - reach), 0);
    const int bottom = std::min(static_cast<int>(y + reach) + 1, side);
    for (int row = top; row < bottom; ++row) {
      for (int column = left; column < right; ++column) {
        const float dx = static_cast<float>(column) - x, dy = static_cast<float>(row) - y;
        const float u = std::abs(dx * c + dy * s) * across, v = std::abs(dy * c - dx * s) * down;
        if (round ? u * u + v * v >= 1 : u >= 1 || v >= 1) continue;
        for (int channel = 0; channel < 3; ++channel) {
          pixels[static_cast<std::size_t>((row * side + column) * 3 + channel)] = colour(channel);
        }
      }
    }
  };
  Dice dice(1);
  for (int leaf = 0; leaf < kLeaves; ++leaf) {
    // Ever smaller ones, so that none hides all others.
    const float largest = 1 - static_cast<float>(leaf) / kLeaves;
    const float width = 2 * std::pow(15.f, dice(0, 1) * largest);
    const float height = width * dice(.5f, 1.5f);
    const float x = dice(0, static_cast<float>(side)), y = dice(0, static_cast<float>(side));
    const float angle = dice(0, 3.14f);
    const bool round = dice(0, 1) < .5f;
    float colours[3];
    const float grey = dice(0, 255);
    const float kind = dice(0, 1);
    const bool noisy = kind >= .9f;
    // Its own: what a leaf covers changes no other leaf.
    Dice noise(static_cast<std::uint64_t>(leaf));
    for (float& value : colours) {
      const float own = dice(-1, 1);
      value = kind < .15f  ? 0
              : kind < .3f ? 255
              : kind < .5f ? std::clamp(128 + 200 * own, 0.f, 255.f)  // strong: a third of them 0 or 255
                           : std::clamp(grey + 60 * own, 0.f, 255.f);
    }
    paint(x, y, width, height, angle, round,
          [&](int channel) { return noisy ? noise(0, 255) : colours[channel]; });
  }
  constexpr float kHalf = kPaintedFace / 2.f;
  constexpr int kAcross = side / kPaintedFace;
  for (int square = 0; square < kAcross * kAcross; square += 2) {
    const int column = square % kAcross, row = square / kAcross;
    const float x = static_cast<float>(column * kPaintedFace) + kHalf + dice(-2, 2);
    const float y = static_cast<float>(row * kPaintedFace) + kHalf + dice(-2, 2);
    const float w = kHalf * dice(.55f, .8f), h = w * dice(1.1f, 1.4f);
    const float light = dice(50, 250), hair = dice(0, 150);
    const float skin[] = {light, light * dice(.6f, .95f), light * dice(.45f, .9f)};
    const auto part = [&](float right, float below, float width, float height, float share) {
      paint(x + right * w, y + below * h, width * w, height * h, 0, true,
            [&](int channel) { return share * skin[channel]; });
    };
    paint(x, y - .3f * h, 1.15f * w, h, 0, true, [&](int) { return hair; });
    part(0, 0, 1, 1, 1);
    for (const float eye : {-.4f, .4f}) {
      part(eye, -.32f, .28f, .08f, .5f);
      part(eye, -.15f, .2f, .12f, .25f);
    }
    part(0, .15f, .12f, .22f, .8f);
    part(0, .52f, .38f, .1f, .5f);
  }
  return pixels;
}

float screening_margin(float worst, float typical, float factor) {
  // The worst of few samples is not the worst that there is: the root mean square is the steadier measure.
  if (!std::isfinite(typical))
    return typical;  // the worst may have been overlooked: nothing compares with NaN
  return std::max(1.5f * worst, factor * typical);
}

ByteScale byte_scale(ChannelRange range) {
  const float low = std::min(range.low, 0.f), high = std::max(range.high, 0.f);
  const float step = std::max(high - low, 1e-20f) / 255;
  if (!std::isfinite(step))
    return {step, 0};  // all that is made of it will be infinite or NaN, the margin too
  return {step, static_cast<int>(std::clamp(std::nearbyint(-low / step), 0.f, 255.f))};
}

std::vector<ByteScale> byte_scales(const std::vector<ChannelRange>& ranges) {
  ChannelRange all;
  for (const auto& [low, high] : ranges) all = {std::min(all.low, low), std::max(all.high, high)};
  std::vector<ByteScale> scales;
  for (const auto& [low, high] : ranges) {
    scales.push_back(
        byte_scale({std::min(low, kLeastRange * all.low), std::max(high, kLeastRange * all.high)}));
  }
  return scales;
}

RoughLayer::RoughLayer(const std::vector<float>& all, const std::vector<float>& biases,
                       const std::vector<float>& prelu, int side, const std::vector<ByteScale>& input,
                       const std::vector<ByteScale>& output)
    : kernel(side), quads(static_cast<int>(input.size() + 3) / 4) {
  const std::size_t channels = input.size(), taps = static_cast<std::size_t>(side * side);
  const std::size_t real = biases.size();
  const std::size_t padded = (real + kScreenBlock - 1) / kScreenBlock * kScreenBlock;
  outputs = static_cast<int>(padded);
  weights.assign(static_cast<std::size_t>(kernel * kernel * quads * 4) * padded, 0);
  for (AlignedFloats* values : {&scale, &bias, &bend, &slope, &lift}) values->assign(padded, 0.f);
  for (std::size_t o = 0; o < real; ++o) {
    const float* const own = all.data() + o * channels * taps;
    // A weight times the step of what it is multiplied with.
    const auto weight = [&](std::size_t c, std::size_t tap) { return own[c * taps + tap] * input[c].step; };
    float most = 1e-20f;
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t tap = 0; tap < taps; ++tap) most = std::max(most, std::abs(weight(c, tap)));
    }
    const float unit = most / 127;
    int zeros = 0;
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t tap = 0; tap < taps; ++tap) {
        const float times = weight(c, tap) / unit;
        // Where the product overflows, the scale is infinite, and so is the margin or NaN.
        const int value = std::isfinite(times) ? static_cast<int>(std::nearbyint(times)) : 0;
        const std::size_t y = tap / static_cast<std::size_t>(side), x = tap % static_cast<std::size_t>(side);
        const std::size_t place =
            ((y * static_cast<std::size_t>(quads) + c / 4) * static_cast<std::size_t>(side) + x) * padded + o;
        weights[place * 4 + c % 4] = static_cast<std::int8_t>(value);
        zeros += value * input[c].zero;
      }
    }
    const ByteScale to = output.empty() ? ByteScale{} : output[o];
    scale[o] = unit / to.step;
    bend[o] = static_cast<float>(to.zero);
    bias[o] = (biases[o] - unit * static_cast<float>(zeros)) / to.step + bend[o];
    slope[o] = prelu[o];
    lift[o] = bend[o] * (1 - prelu[o]);
  }
}

ScreenConvArgs RoughLayer::args() const {
  return {.kernel_rows = kernel,
          .kernel_columns = kernel,
          .quads = quads,
          .outputs = outputs,
          .weights = weights.data(),
          .scale = scale.data(),
          .bias = bias.data(),
          .bend = bend.data(),
          .slope = slope.data(),
          .lift = lift.data()};
}

}  // namespace mtcnn
