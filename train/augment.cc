#include "train/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "image/warp.h"

namespace mtcnn {
namespace {

constexpr double kLeastResolution = 8;  // pixels on a side
constexpr double kMostBlur = .06;       // standard deviation, of the side

// A normal distribution's weights over -radius .. radius.
std::vector<float> blur_weights(double deviation) {
  const int radius = std::max(1, static_cast<int>(std::ceil(2.5 * deviation)));
  std::vector<float> weights;
  float sum = 0;
  for (int i = -radius; i <= radius; ++i) {
    weights.push_back(static_cast<float>(std::exp(-i * i / (2 * deviation * deviation))));
    sum += weights.back();
  }
  for (float& weight : weights) weight /= sum;
  return weights;
}

// Along one axis: `count` lines of `length` pixels, both strides in bytes.
void blur_axis(std::uint8_t* pixels, int count, int line_stride, int length, int stride,
               const std::vector<float>& weights, std::vector<std::uint8_t>& buffer) {
  const int radius = static_cast<int>(weights.size()) / 2;
  buffer.resize(static_cast<std::size_t>(length) * 3);
  for (int line = 0; line < count; ++line) {
    std::uint8_t* const start = pixels + std::ptrdiff_t{line} * line_stride;
    for (int i = 0; i < length; ++i) {
      for (int c = 0; c < 3; ++c) {
        float sum = 0;
        for (int k = -radius; k <= radius; ++k) {
          sum += weights[static_cast<std::size_t>(k + radius)] *
                 static_cast<float>(start[std::ptrdiff_t{std::clamp(i + k, 0, length - 1)} * stride + c]);
        }
        buffer[static_cast<std::size_t>(i * 3 + c)] = static_cast<std::uint8_t>(sum + .5f);
      }
    }
    for (int i = 0; i < length; ++i)
      std::copy_n(buffer.data() + i * 3, 3, start + std::ptrdiff_t{i} * stride);
  }
}

void blur(Image& image, double deviation, std::vector<std::uint8_t>& buffer) {
  const std::vector<float> weights = blur_weights(deviation);
  blur_axis(image.rgb.data(), image.height, 3 * image.width, image.width, 3, weights, buffer);
  blur_axis(image.rgb.data(), image.width, 3, image.height, 3 * image.width, weights, buffer);
}

// A window as an 8-bit picture.
void take_picture(const ImageView& photograph, const Box& window, int size, const Kernels& kernels,
                  PatchScratch& patch, std::vector<float>& floats, Image& picture) {
  const std::size_t count = std::size_t{3} * static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  floats.resize(count + kSlack);
  read_patch(photograph, window, size, 0, 1, kernels, patch, floats.data());
  picture.width = picture.height = size;
  picture.rgb.resize(count);
  std::transform(floats.begin(), floats.begin() + static_cast<std::ptrdiff_t>(count), picture.rgb.begin(),
                 [](float value) { return static_cast<std::uint8_t>(value + .5f); });
}

void compress(Image& image, int quality) {
  const Result<std::vector<std::byte>> bytes = encode_jpeg(image, quality);
  if (!bytes) return;
  Result<Image> decoded = decode_image(*bytes, ".jpg");
  if (decoded) image = std::move(*decoded);
}

}  // namespace

View draw_view(const AugmentConfig& config, int side, Random& random) {
  View view;
  view.flip = random.chance(config.flip);
  if (random.chance(config.rotate)) {
    view.radians = random.uniform(-config.rotate_by, config.rotate_by) * std::numbers::pi / 180;
  }
  // A face keeps features: of four pixels, or smoothed over a tenth of P-Net's twelve, there are none left.
  if (random.chance(config.low_resolution)) {
    view.resolution = side * random.uniform(std::clamp(kLeastResolution / side, .3, 1.), 1);
  }
  if (random.chance(config.blur)) view.blur = random.uniform(.3, std::min(1.2, kMostBlur * side));
  if (random.chance(config.jpeg)) view.jpeg = static_cast<int>(random.uniform(20, 80));
  return view;
}

Point turned(const View& view, Point point) {
  if (view.radians == 0) return point;
  const double x = point.x - view.pivot.x, y = point.y - view.pivot.y;
  const double c = std::cos(view.radians), s = std::sin(view.radians);
  return {static_cast<float>(view.pivot.x + c * x - s * y), static_cast<float>(view.pivot.y + s * x + c * y)};
}

void cut_view(const ImageView& photograph, const Box& window, const View& view, int side, float mean,
              float scale, const Kernels& kernels, PatchScratch& patch, AugmentScratch& scratch,
              float* pixels) {
  if (view.radians == 0 && view.resolution == 0 && view.blur == 0 && view.jpeg == 0) {
    return read_patch(photograph, window, side, mean, scale, kernels, patch, pixels);
  }
  // By way of a picture of the window: no finer than the photograph, no coarser than needed.
  double resolution = std::min<double>(window.width(), 2 * side);
  if (view.resolution > 0) resolution = std::min(resolution, view.resolution);
  const int size = std::max(4, static_cast<int>(std::lround(resolution)));
  Image& picture = scratch.picture;
  if (view.radians == 0) {
    take_picture(photograph, window, size, kernels, patch, scratch.floats, picture);
  } else {
    // The upright square around the turned window first, which is quick to shrink, then the turn.
    const double c = std::cos(view.radians), s = std::sin(view.radians);
    const double x = .5 * (window.left + window.right) - view.pivot.x;
    const double y = .5 * (window.top + window.bottom) - view.pivot.y;
    const double middle_x = view.pivot.x + c * x + s * y, middle_y = view.pivot.y - s * x + c * y;
    const double wider = std::abs(c) + std::abs(s);
    const double half = .5 * wider * window.width();
    const Box around{static_cast<float>(middle_x - half), static_cast<float>(middle_y - half),
                     static_cast<float>(middle_x + half), static_cast<float>(middle_y + half)};
    const int around_size = static_cast<int>(std::ceil(wider * size));
    take_picture(photograph, around, around_size, kernels, patch, scratch.floats, scratch.around);
    // From the picture's pixels to those of the square, about both middles.
    const double pixel = around_size / (wider * size);
    Similarity to_around;
    to_around.a = static_cast<float>(c * pixel);
    to_around.b = static_cast<float>(-s * pixel);
    to_around.tx = static_cast<float>(.5 * (around_size - pixel * size * (c + s)));
    to_around.ty = static_cast<float>(.5 * (around_size - pixel * size * (c - s)));
    picture.width = picture.height = size;
    picture.rgb.resize(static_cast<std::size_t>(size) * static_cast<std::size_t>(size) * 3);
    constexpr std::array<std::uint8_t, 3> kOutside{0, 0, 0};  // as read_patch() has it
    warp(scratch.around.view(), to_around, {size, size}, kOutside, picture.rgb.data());
  }
  if (view.blur > 0) blur(picture, view.blur * size / side, scratch.buffer);
  if (view.jpeg > 0) compress(picture, view.jpeg);
  const float end = static_cast<float>(size);
  read_patch(picture.view(), {0, 0, end, end}, side, mean, scale, kernels, patch, pixels);
}

void change_pixels(const AugmentConfig& config, bool flip, int side, float mean, float scale, Random& random,
                   float* pixels) {
  const int count = side * side;
  const bool colour = random.chance(config.colour);
  const bool grey = random.chance(config.grey);
  const bool noise = random.chance(config.noise);
  if (colour || grey || noise) {
    // Light (a factor), contrast and brightness around the middle, saturation, tint.
    float gain[3] = {1, 1, 1};
    float contrast = 1, brightness = 0, saturation = 1;
    if (colour) {
      const double light = random.uniform(-.5, .2);
      for (float& g : gain) g = static_cast<float>(std::exp(light + .06 * random.normal()));
      contrast = static_cast<float>(std::exp(random.uniform(-.4, .2)));
      brightness = static_cast<float>(random.uniform(-25, 25));
      saturation = static_cast<float>(random.uniform(.3, 1.4));
    }
    if (grey) saturation = 0;
    const float noise_deviation = noise ? static_cast<float>(random.uniform(2, 14)) : 0;
    const bool grey_noise = grey || random.chance(.5);
    for (int i = 0; i < count; ++i) {
      float* const p = pixels + 3 * i;
      float v[3];
      for (int c = 0; c < 3; ++c)
        v[c] = ((p[c] / scale + mean) * gain[c] - mean) * contrast + mean + brightness;
      const float luma = .299f * v[0] + .587f * v[1] + .114f * v[2];
      float grain = 0;
      if (noise) grain = noise_deviation * static_cast<float>(random.normal());
      for (int c = 0; c < 3; ++c) {
        if (noise && !grey_noise && c > 0) grain = noise_deviation * static_cast<float>(random.normal());
        const float value = luma + saturation * (v[c] - luma) + grain;
        p[c] = (std::clamp(value, 0.f, 255.f) - mean) * scale;
      }
    }
  }
  if (random.chance(config.occlude)) {
    const auto length = [&] { return std::max(1, static_cast<int>(side * random.uniform(.15, .5))); };
    const int width = length(), height = length();
    const int left = static_cast<int>(random.uniform(0, side - width + 1));
    const int top = static_cast<int>(random.uniform(0, side - height + 1));
    float value[3];
    for (float& v : value) v = (static_cast<float>(random.uniform(0, 255)) - mean) * scale;
    for (int y = top; y < top + height; ++y) {
      for (int x = left; x < left + width; ++x) std::copy_n(value, 3, pixels + 3 * (y * side + x));
    }
  }
  if (flip) {
    for (int y = 0; y < side; ++y) {
      float* const row = pixels + 3 * y * side;
      for (int left = 0, right = side - 1; left < right; ++left, --right) {
        std::swap_ranges(row + 3 * left, row + 3 * left + 3, row + 3 * right);
      }
    }
  }
}

}  // namespace mtcnn
