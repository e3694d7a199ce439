#ifndef MTCNN_MODEL_H_
#define MTCNN_MODEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mtcnn/export.h"
#include "mtcnn/result.h"

namespace mtcnn {

// How a P-Net cell is turned into a window, and how windows are cut (docs/architecture.md).
enum class CellGeometry {
  kExact,    // the field that the network sees, in fractions of a pixel: models trained here
  kRelease,  // whole pixels, as in detect_face.m of the authors' release: imported weights
};

struct NetInfo {
  std::string name;             // "pnet", "rnet", "onet", "lnet"
  std::int64_t parameters = 0;  // weights, biases and slopes
};

struct ModelInfo {
  int format_version = 0;
  std::string architecture;  // hash of the layers of all nets, 16 hexadecimal digits
  CellGeometry geometry = CellGeometry::kExact;
  float pixel_mean = 127.5f;  // the nets' input is (pixel - pixel_mean) * pixel_scale
  float pixel_scale = 1 / 128.0f;
  std::array<float, 3> thresholds{};            // default score thresholds of P-, R- and O-Net
  std::vector<NetInfo> nets;                    // in the order of the cascade
  std::map<std::string, std::string> metadata;  // all else that the file says ("provenance", ...)
};

struct ModelData;  // internal

// The weights of a cascade. Immutable; copies share the weights and are cheap.
class MTCNN_EXPORT Model {
 public:
  // Reads a model file (safetensors, see docs/model-format.md).
  // Errors: kIo if it can't be read; kFormat, with what was expected, if it is truncated, names
  // unknown or missing tensors, has other shapes than the nets, or holds a NaN or an infinity;
  // kLimit if it is larger than 64 MiB; kUnsupported for a newer format version; kOutOfMemory.
  static Result<Model> load(const std::string& path);

  // The same from memory. `name` stands for the file in messages.
  static Result<Model> parse(std::span<const std::byte> bytes, const std::string& name = "model");

  // The model built into the library. Errors: kUnsupported if this build has none.
  static Result<Model> builtin();

  // The model as the bytes of a model file: parse(serialize()) gives the same model.
  std::vector<std::byte> serialize() const;

  // Writes a model file, through a temporary file beside it, so that an interrupted save leaves
  // the old one whole. Errors: kIo.
  Status save(const std::string& path) const;

  ModelInfo info() const;

  // Internal: for this project's own converters, trainer and tests.
  explicit Model(std::shared_ptr<const ModelData> data);
  const ModelData& data() const { return *data_; }

 private:
  std::shared_ptr<const ModelData> data_;
};

}  // namespace mtcnn

#endif  // MTCNN_MODEL_H_
