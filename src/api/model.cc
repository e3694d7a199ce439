#include "mtcnn/model.h"

#include <new>
#include <utility>

#include "engine/model_data.h"
#include "engine/safetensors.h"
#include "mtcnn/version.h"
#include "util/file.h"
#include "util/out_of_memory.h"

#ifdef MTCNN_BUILTIN_MODEL_SYMBOL
extern "C" const std::byte mtcnn_builtin_model_begin[];
extern "C" const std::byte mtcnn_builtin_model_end[];
#endif

namespace mtcnn {

#define MTCNN_TEXT(x) #x
#define MTCNN_VERSION_TEXT(major, minor, patch) MTCNN_TEXT(major) "." MTCNN_TEXT(minor) "." MTCNN_TEXT(patch)

const char* version() {
  return MTCNN_VERSION_TEXT(MTCNN_VERSION_MAJOR, MTCNN_VERSION_MINOR, MTCNN_VERSION_PATCH);
}

Model::Model(std::shared_ptr<const ModelData> data) : data_(std::move(data)) {}

Result<Model> Model::parse(std::span<const std::byte> bytes, const std::string& name) try {
  Result<ModelData> data = parse_safetensors(bytes, name);
  if (!data) return data.error();
  return Model(std::make_shared<const ModelData>(*std::move(data)));
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Result<Model> Model::load(const std::string& path) try {
  const Result<std::vector<std::byte>> bytes = read_file(path, kMaxModelBytes);
  if (!bytes) return bytes.error();
  return parse(*bytes, path);
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Result<Model> Model::builtin() {
#ifdef MTCNN_BUILTIN_MODEL_SYMBOL
  return parse({mtcnn_builtin_model_begin, mtcnn_builtin_model_end}, "built-in model");
#else
  return Error{ErrorCode::kUnsupported, "this build has no built-in model: give a model file"};
#endif
}

std::vector<std::byte> Model::serialize() const { return write_safetensors(*data_); }

Status Model::save(const std::string& path) const try {
  return write_file(path, serialize(), true);
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

ModelInfo Model::info() const {
  const std::vector<const NetSpec*> nets = nets_of(*data_);
  ModelInfo info;
  info.format_version = kModelFormatVersion;
  info.architecture = architecture_hash(nets);
  info.geometry = data_->geometry;
  info.pixel_mean = data_->pixel_mean;
  info.pixel_scale = data_->pixel_scale;
  info.thresholds = data_->thresholds;
  for (const NetSpec* net : nets) {
    NetInfo& entry = info.nets.emplace_back(NetInfo{net->name, 0});
    const std::string prefix = std::string(net->name) + ".";
    for (const auto& [name, tensor] : data_->tensors) {
      if (name.starts_with(prefix)) entry.parameters += static_cast<std::int64_t>(tensor.values.size());
    }
  }
  info.metadata = data_->metadata;
  return info;
}

}  // namespace mtcnn
