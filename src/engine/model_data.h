// What a model file holds, in memory.
#ifndef MTCNN_ENGINE_MODEL_DATA_H_
#define MTCNN_ENGINE_MODEL_DATA_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "mtcnn/model.h"
#include "nets/mtcnn_nets.h"

namespace mtcnn {

struct Tensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;  // row-major
};

// What pixels become before any net sees them: (value - mean) * scale. Of the release, and of all nets that are trained here.
inline constexpr float kPixelMean = 127.5f, kPixelScale = 1 / 128.f;

struct ModelData {
  CellGeometry geometry = CellGeometry::kExact;
  float pixel_mean = kPixelMean;
  float pixel_scale = kPixelScale;
  std::array<float, 3> thresholds{.6f, .7f, .7f};
  // Anything else worth keeping, above all "provenance": where the weights come from.
  std::map<std::string, std::string> metadata;
  // By the names and in the shapes of parameters(net), for upright images.
  std::map<std::string, Tensor> tensors;
};

// The nets that the data has tensors of: P-, R- and O-Net always, L-Net if any tensor is its own.
std::vector<const NetSpec*> nets_of(const ModelData& data);

// Checks names, shapes and values against nets_of(). `name` is the file, for messages.
Status validate(const ModelData& data, const std::string& name);

}  // namespace mtcnn

#endif  // MTCNN_ENGINE_MODEL_DATA_H_
