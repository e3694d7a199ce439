// The model file: safetensors, with the cascade's settings in its metadata (docs/model-format.md).
#ifndef MTCNN_ENGINE_SAFETENSORS_H_
#define MTCNN_ENGINE_SAFETENSORS_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "engine/model_data.h"

namespace mtcnn {

inline constexpr int kModelFormatVersion = 1;
inline constexpr std::size_t kMaxModelBytes = std::size_t{64} << 20;

// Reads and validates. Errors: as Model::load() lists them; `name` is the file, for messages.
Result<ModelData> parse_safetensors(std::span<const std::byte> bytes, const std::string& name);

// Requires validated data. The bytes depend on the data alone.
std::vector<std::byte> write_safetensors(const ModelData& data);

}  // namespace mtcnn

#endif  // MTCNN_ENGINE_SAFETENSORS_H_
