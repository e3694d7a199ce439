#include "convert/assemble.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstring>
#include <utility>

namespace mtcnn {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the importers copy little-endian floats as they are");

Error bad(const std::string& file, const std::string& what) {
  return {ErrorCode::kFormat, file + ": " + what};
}

// The number at the end of a layer's name in the net's definition: every layer with parameters has
// one.
std::string number_of(std::string_view name) {
  return std::string(name.substr(name.find_first_of("0123456789")));
}

std::vector<std::int64_t> without_ones(std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> kept;
  for (const std::int64_t n : shape) {
    if (n != 1) kept.push_back(n);
  }
  return kept;
}

void swap_kernel_axes(Tensor& tensor) {
  const std::int64_t height = tensor.shape[2];
  const std::int64_t width = tensor.shape[3];
  // Kernels are square: transposing in place swaps the two triangles.
  for (std::size_t at = 0; at < tensor.values.size(); at += static_cast<std::size_t>(height * width)) {
    float* kernel = tensor.values.data() + at;
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < y; ++x) std::swap(kernel[y * width + x], kernel[x * height + y]);
    }
  }
}

// The inputs of a dense layer on a map, from the source's order to channel, row, column.
void reorder_inputs(Tensor& tensor, MapShape map, const SourceLayout& layout) {
  const int first = layout.columns_first ? map.width : map.height;
  const int second = layout.columns_first ? map.height : map.width;
  const std::size_t inputs = static_cast<std::size_t>(map.channels) * first * second;
  std::vector<float> row(inputs);
  for (std::size_t at = 0; at < tensor.values.size(); at += inputs) {
    const float* source = tensor.values.data() + at;
    std::size_t to = 0;
    for (int c = 0; c < map.channels; ++c) {
      for (int y = 0; y < map.height; ++y) {
        for (int x = 0; x < map.width; ++x) {
          const int a = layout.columns_first ? x : y;
          const int b = layout.columns_first ? y : x;
          row[to++] = source[layout.channels_last ? (a * second + b) * map.channels + c
                                                  : (c * first + a) * second + b];
        }
      }
    }
    std::memcpy(tensor.values.data() + at, row.data(), inputs * sizeof(float));
  }
}

}  // namespace

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + std::to_string(shape[i]);
  }
  return text + "]";
}

std::string display_name(const NetSpec& net) {
  std::string name = net.name;  // "pnet"
  name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return name.substr(0, 1) + "-Net";
}

std::optional<LayerName> parse_layer_name(std::string_view name) {
  std::string lower(name.substr(0, 32));
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::string_view rest = lower;
  LayerName layer;
  for (const std::string_view prefix : {"conv", "dense", "fc", "prelu"}) {
    if (!rest.starts_with(prefix)) continue;
    rest.remove_prefix(prefix.size());
    layer.slopes = prefix == "prelu";
    // One digit each: no net has ten layers.
    const auto digit = [&](int& value) {
      if (rest.empty() || rest[0] < '1' || rest[0] > '9') return false;
      value = rest[0] - '0';
      rest.remove_prefix(1);
      return true;
    };
    if (!digit(layer.number)) return std::nullopt;
    if (rest.empty()) return layer;
    if (rest[0] != '-' && rest[0] != '_') return std::nullopt;
    rest.remove_prefix(1);
    if (!digit(layer.branch) || !rest.empty()) return std::nullopt;
    return layer;
  }
  return std::nullopt;
}

std::string role_of(const LayerName& layer) {
  switch (layer.branch) {
    case 0: return std::to_string(layer.number);
    case 1: return "class";
    case 2: return "box";
    case 3: return "landmarks";
    default: return {};
  }
}

Result<Tensor> gather(std::span<const std::byte> data, std::span<const std::int64_t> shape,
                      std::span<const std::int64_t> strides, std::int64_t offset, std::int64_t& budget,
                      const std::string& what) {
  const std::string where =
      what + " of shape " + shape_text(shape.first(std::min<std::size_t>(shape.size(), 8)));
  if (shape.size() > 8 || shape.size() != strides.size()) {
    return bad(where, "expected at most 8 dimensions and a stride for each");
  }
  const std::int64_t available = static_cast<std::int64_t>(data.size() / sizeof(float));
  std::int64_t count = 1;
  std::int64_t last = offset;  // index of the last value
  if (offset < 0 || offset > available) return bad(where, "begins outside its data");
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 1 || shape[i] > budget / count) {
      return bad(where, "expected sizes of at least 1 and at most " + std::to_string(kMaxImportValues) +
                            " values in the file");
    }
    count *= shape[i];
    if (strides[i] < 0 || strides[i] > available) return bad(where, "has strides outside its data");
    // At most 2^24 x 2^24: far from overflow.
    last += (shape[i] - 1) * strides[i];
    if (last >= available) break;
  }
  if (last >= available) {
    return bad(where, "its data is too short: " + std::to_string(available) + " values");
  }
  budget -= count;

  Tensor tensor{{shape.begin(), shape.end()}, std::vector<float>(static_cast<std::size_t>(count))};
  std::vector<std::int64_t> index(shape.size(), 0);
  std::int64_t at = offset;
  for (float& value : tensor.values) {
    std::memcpy(&value, data.data() + static_cast<std::size_t>(at) * sizeof(float), sizeof(float));
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return tensor;
}

Result<Tensor> gather_dense(std::span<const std::byte> data, std::span<const std::int64_t> shape,
                            bool fortran, std::int64_t& budget, const std::string& what) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t step = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::size_t axis = fortran ? i : shape.size() - 1 - i;
    strides[axis] = step;
    if (shape[axis] > 0 && step <= kMaxImportValues / shape[axis]) step *= shape[axis];
    // A shape that does not fit is gather()'s to refuse.
  }
  return gather(data, shape, strides, 0, budget, what);
}

Tensor permute(const Tensor& tensor, std::span<const int> axes) {
  std::vector<std::int64_t> strides(tensor.shape.size());
  std::int64_t step = 1;
  for (std::size_t i = tensor.shape.size(); i-- > 0;) {
    strides[i] = step;
    step *= tensor.shape[i];
  }
  std::vector<std::int64_t> shape, moved;
  for (const int axis : axes) {
    shape.push_back(tensor.shape[static_cast<std::size_t>(axis)]);
    moved.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  std::int64_t budget = kMaxImportValues;
  auto result = gather(std::as_bytes(std::span(tensor.values)), shape, moved, 0, budget, "tensor");
  return std::move(result).value();  // in range by construction
}

Tensor outputs_first(Tensor tensor) {
  static constexpr int kConv[] = {3, 2, 0, 1};
  static constexpr int kDense[] = {1, 0};
  if (tensor.shape.size() == 4) return permute(tensor, kConv);
  if (tensor.shape.size() == 2) return permute(tensor, kDense);
  return tensor;
}

Result<const NetSpec*> recognise(const RawNet& raw, const std::string& file) {
  const auto first = raw.tensors.find("1.weight");
  const std::int64_t outputs =
      first == raw.tensors.end() || first->second.shape.empty() ? 0 : first->second.shape[0];
  std::string expected;
  for (const NetSpec* net : {&kPNet, &kRNet, &kONet, &kLNet}) {
    if (net->layers[0].outputs == outputs) return net;
    expected += (expected.empty() ? "" : ", ") + std::to_string(net->layers[0].outputs) + " (" +
                display_name(*net) + ")";
  }
  if (outputs == 0) return bad(file, "has no weights of a first convolution, expected a net of MTCNN");
  return bad(
      file, "its first convolution has " + std::to_string(outputs) + " outputs, expected one of " + expected);
}

Status assemble(RawNet raw, const NetSpec& net, const std::string& file, ModelData& data) {
  const auto take = [&](const std::string& role, const Layer& layer, const char* part,
                        MapShape map) -> Status {
    const std::string name = std::string(net.name) + "." + layer.name + "." +
                             (std::string_view(part) == "slopes" ? "weight" : part);
    std::vector<std::int64_t> shape;
    for (const ParameterSpec& parameter : parameters(net)) {
      if (parameter.name == name) shape = parameter.shape;
    }
    const auto it = raw.tensors.find(role + "." + part);
    if (it == raw.tensors.end()) {
      if (layer.optional) return std::monostate{};
      return bad(file,
                 "has no " + std::string(part) + " of layer " + layer.name + " of " + display_name(net));
    }
    Tensor tensor = std::move(it->second);
    raw.tensors.erase(it);
    if (layer.optional && raw.drop_optional_heads) return std::monostate{};
    if (layer.kind == LayerKind::kDense && tensor.shape.size() == 4 && tensor.shape[2] == map.height &&
        tensor.shape[3] == map.width) {
      // Written as a convolution over all of its input: the same values.
      tensor.shape = {tensor.shape[0], tensor.shape[1] * map.height * map.width};
    }
    if (without_ones(tensor.shape) != shape) {
      return bad(file, std::string(part) + " of layer " + layer.name + " of " + display_name(net) +
                           " have shape " + shape_text(tensor.shape) + ", expected " + shape_text(shape));
    }
    tensor.shape = shape;
    if (std::string_view(part) == "weight") {
      if (layer.kind == LayerKind::kConv && raw.layout.swap_kernels) swap_kernel_axes(tensor);
      if (layer.kind == LayerKind::kDense && map.height * map.width > 1) {
        reorder_inputs(tensor, map, raw.layout);
      }
    }
    data.tensors[name] = std::move(tensor);
    return std::monostate{};
  };

  MapShape map{net.channels, net.side, net.side};
  for (const Layer& layer : net.layers) {
    if (layer.kind == LayerKind::kPrelu) {
      if (Status s = take(number_of(layer.name), layer, "slopes", map); !s) return s;
    } else if (layer.kind == LayerKind::kConv || layer.kind == LayerKind::kDense) {
      if (Status s = take(number_of(layer.name), layer, "weight", map); !s) return s;
      if (Status s = take(number_of(layer.name), layer, "bias", map); !s) return s;
    }
    map = output_shape(layer, map);
  }
  for (const Layer& head : net.heads) {
    if (Status s = take(head.name, head, "weight", map); !s) return s;
    if (Status s = take(head.name, head, "bias", map); !s) return s;
  }
  if (!raw.tensors.empty()) {
    return bad(file, "holds \"" + raw.tensors.begin()->first + "\" of a layer that " + display_name(net) +
                         " does not have");
  }
  return std::monostate{};
}

Result<RawNet> net_in_keras_order(std::vector<Tensor> arrays, const std::string& file) {
  // Kernel and bias; then slopes, or it is a head. Slopes of maps are [1, 1, channels], kernels
  // have an even number of dimensions.
  RawNet raw;
  int number = 0;
  for (std::size_t i = 0; i < arrays.size();) {
    const auto is_kernel = [&](std::size_t j) { return arrays[j].shape.size() % 2 == 0; };
    if (!is_kernel(i) || i + 1 >= arrays.size() || is_kernel(i + 1)) {
      return bad(file, "array " + std::to_string(i) + " of shape " + shape_text(arrays[i].shape) +
                           ": expected a kernel and its bias");
    }
    const std::int64_t outputs = arrays[i].shape.empty() ? 0 : arrays[i].shape.back();
    const bool hidden = i + 2 < arrays.size() && !is_kernel(i + 2);
    const std::string role = hidden                        ? std::to_string(++number)
                             : outputs == kClassOutputs    ? "class"
                             : outputs == kBoxOutputs      ? "box"
                             : outputs == kLandmarkOutputs ? "landmarks"
                                                           : "";
    if (role.empty() || raw.tensors.contains(role + ".weight")) {
      return bad(file, "array " + std::to_string(i) + " of shape " + shape_text(arrays[i].shape) +
                           ": expected heads of 2, 4 and 10 outputs");
    }
    raw.tensors[role + ".weight"] = outputs_first(std::move(arrays[i]));
    raw.tensors[role + ".bias"] = std::move(arrays[i + 1]);
    if (hidden) raw.tensors[role + ".slopes"] = std::move(arrays[i + 2]);
    i += hidden ? 3 : 2;
  }
  return raw;
}

}  // namespace mtcnn
