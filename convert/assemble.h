// The common end of all importers: one net's tensors, named by role, into ModelData.
#ifndef MTCNN_CONVERT_ASSEMBLE_H_
#define MTCNN_CONVERT_ASSEMBLE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model_data.h"
#include "mtcnn/result.h"

namespace mtcnn {

// Most values that one file may make: as many floats as fit into the largest file. Views can repeat
// the same bytes, so the size of the file alone does not bound them.
inline constexpr std::int64_t kMaxImportValues = std::int64_t{16} << 20;

// How a source differs from ours. The release was trained on column-major images; some ports turned
// its kernels upright and kept the order of the first dense layer's inputs.
struct SourceLayout {
  bool swap_kernels = false;   // kernels are [.., column, row]
  bool columns_first = false;  // dense inputs run over columns in the outer loop, rows in the inner one
  bool channels_last = false;  // dense inputs have the channel innermost, else outermost
};

// One net as a file has it.
struct RawNet {
  // By role: "1.weight", "1.bias", "1.slopes" for the layers in order, convolutions and dense ones
  // alike; "class.weight", "box.bias", "landmarks.weight" for the heads. Convolutions are [outputs,
  // inputs, first spatial axis, second], dense layers [outputs, inputs] or as a convolution over
  // all of their input; sides of 1 may be added or left out.
  std::map<std::string, Tensor> tensors;
  SourceLayout layout;
  // Leave out heads that the cascade has no use for (the release's R-Net carries one, untrained).
  bool drop_optional_heads = false;
  // Of our own files: the settings that they carry (settings.h). Empty: the release's.
  std::string settings;
};

// "conv4-2", "PReLU1", "dense5_1", "fc4": the layer names of the Caffe release and its ports.
struct LayerName {
  bool slopes = false;
  int number = 0;
  int branch = 0;  // after "-" or "_"; 0: none
};
std::optional<LayerName> parse_layer_name(std::string_view name);

// The role of a layer of P-, R- or O-Net: "4", or "class", "box", "landmarks" for branches 1, 2, 3.
// Empty for any other branch.
std::string role_of(const LayerName& layer);

// Tensor from raw little-endian float32: element [i, j, ..] lies at offset + i * strides[0] + j *
// strides[1] + .. values. Takes the number of its values off `budget`.
// Errors: kFormat, after `what`, if the shape is absurd, the data too short or the budget spent.
Result<Tensor> gather(std::span<const std::byte> data, std::span<const std::int64_t> shape,
                      std::span<const std::int64_t> strides, std::int64_t offset, std::int64_t& budget,
                      const std::string& what);

// gather() for dense row-major or (`fortran`) column-major data.
Result<Tensor> gather_dense(std::span<const std::byte> data, std::span<const std::int64_t> shape,
                            bool fortran, std::int64_t& budget, const std::string& what);

// Axis i of the result is axis axes[i] of `tensor`. Requires a permutation of its axes.
Tensor permute(const Tensor& tensor, std::span<const int> axes);

// A Keras or TensorFlow weight, [height, width, in, out] or [in, out], with the outputs first:
// [out, in, height, width] or [out, in]. Anything else is returned as it is.
Tensor outputs_first(Tensor tensor);

// A net whose arrays come in the order in which Keras gives a model's weights: kernel and bias of each layer, slopes behind those
// that have a PReLU. Its layout is for the caller to say.
// Errors: kFormat, naming `file` and the array.
Result<RawNet> net_in_keras_order(std::vector<Tensor> arrays, const std::string& file);

// The net that `raw` is, by the outputs of its first layer.
// Errors: kFormat naming `file` and what was expected.
Result<const NetSpec*> recognise(const RawNet& raw, const std::string& file);

// Moves the tensors of `raw`, which is a `net`, into `data`, turned upright.
// Errors: kFormat, naming `file` and the layer, if one is missing, has another shape or is too
// many.
Status assemble(RawNet raw, const NetSpec& net, const std::string& file, ModelData& data);

std::string shape_text(std::span<const std::int64_t> shape);  // "[64, 3, 3]"

// For messages: "P-Net".
std::string display_name(const NetSpec& net);

}  // namespace mtcnn

#endif  // MTCNN_CONVERT_ASSEMBLE_H_
