// Models and images that the tests make for themselves.
#ifndef MTCNN_TESTS_SUPPORT_RANDOM_MODEL_H_
#define MTCNN_TESTS_SUPPORT_RANDOM_MODEL_H_

#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "engine/model_data.h"
#include "mtcnn/types.h"

namespace mtcnn::test {

// Weights drawn so that activations keep their size from layer to layer. The nets know nothing of
// faces, but find "some" in noise, which is what tests of the machinery need.
inline ModelData random_weights(unsigned seed, std::span<const NetSpec* const> nets) {
  std::mt19937 random(seed);
  ModelData data;
  data.thresholds = {.6f, .4f, .4f};
  data.metadata["provenance"] = "random, for tests";
  for (const NetSpec* net : nets) {
    for (const ParameterSpec& parameter : parameters(*net)) {
      Tensor tensor;
      tensor.shape = parameter.shape;
      std::size_t count = 1, fan_in = 1;
      for (std::size_t i = 0; i < parameter.shape.size(); ++i) {
        count *= static_cast<std::size_t>(parameter.shape[i]);
        if (i > 0) fan_in *= static_cast<std::size_t>(parameter.shape[i]);
      }
      const bool vector = parameter.shape.size() == 1;
      const bool box = parameter.name.find(".box.") != std::string::npos;
      const float spread = (vector ? .2f : std::sqrt(2.f / static_cast<float>(fan_in))) * (box ? .1f : 1);
      std::normal_distribution<float> normal(0, spread);
      tensor.values.resize(count);
      for (float& value : tensor.values) value = normal(random);
      data.tensors.emplace(parameter.name, std::move(tensor));
    }
  }
  return data;
}

inline ModelData random_model(unsigned seed, bool with_lnet = false) {
  const NetSpec* const nets[] = {&kPNet, &kRNet, &kONet, &kLNet};
  return random_weights(seed, std::span(nets).first(with_lnet ? 4 : 3));
}

// Smooth blobs with some noise on top: something for every level of a pyramid.
inline std::vector<std::uint8_t> random_pixels(int width, int height, int channels, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(0, 1);
  float waves[6][4];
  for (auto& wave : waves)
    for (float& value : wave) value = uniform(random);
  std::vector<std::uint8_t> pixels;
  pixels.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                 static_cast<std::size_t>(channels));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        float value = 128 + 40 * (uniform(random) - .5f);
        for (const auto& wave : waves) {
          value +=
              25 * std::sin(static_cast<float>(x) * wave[0] * .4f + static_cast<float>(y) * wave[1] * .4f +
                            static_cast<float>(c) * wave[2] + 6 * wave[3]);
        }
        pixels.push_back(static_cast<std::uint8_t>(std::fmin(std::fmax(value, 0.f), 255.f)));
      }
    }
  }
  return pixels;
}

}  // namespace mtcnn::test

#endif  // MTCNN_TESTS_SUPPORT_RANDOM_MODEL_H_
