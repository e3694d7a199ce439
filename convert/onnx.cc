// Reads ONNX: the weights are in named tensors, which layer each belongs to is in the graph. Two
// families are known: our own exports (upright, marked by the settings that they carry), and Keras
// ports of the release, input [batch, height, width, channels], which see a transposed image.
// Nothing in the graph of any other says which way up its images are, so it is refused.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <protozero/pbf_reader.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "convert/onnx_format.h"
#include "convert/readers.h"
#include "convert/settings.h"

namespace mtcnn {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::tag_and_type;

constexpr auto kBytes = pbf_wire_type::length_delimited;
constexpr auto kVarint = pbf_wire_type::varint;
constexpr auto kFixed32 = pbf_wire_type::fixed32;

// Far above a net's 30 nodes.
constexpr std::size_t kMaxNodes = 1000;

Error bad(const std::string& file, const std::string& what) {
  return {ErrorCode::kFormat, file + ": " + what};
}

pbf_reader message_of(std::span<const std::byte> bytes) {
  return pbf_reader(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

struct Node {
  std::string op;
  std::vector<std::string> inputs;
  std::string output;  // the first; no node of these nets has more
  std::vector<std::int64_t> perm;
  std::int64_t trans_b = 0;
};

struct Graph {
  std::vector<Node> nodes;
  std::map<std::string, Tensor> initializers;
  // Those of the graph's inputs that are no initializers; sizes that are not fixed are 0.
  std::map<std::string, std::vector<std::int64_t>> inputs;
  std::string settings;
};

Result<std::pair<std::string, Tensor>> read_tensor(pbf_reader message, std::int64_t& budget,
                                                   const std::string& file) {
  std::string name;
  std::vector<std::int64_t> dims;
  std::vector<std::byte> data;
  std::int64_t type = 0;
  bool external = false;
  const auto append = [&](const char* from, std::size_t size) {
    const auto* begin = reinterpret_cast<const std::byte*>(from);
    data.insert(data.end(), begin, begin + size);
  };
  const auto add_dim = [&](std::int64_t n) {
    if (dims.size() <= 8) dims.push_back(n);  // one more than gather() takes
  };
  while (message.next()) {
    switch (message.tag_and_type()) {
      case tag_and_type(onnx::tensor::kName, kBytes): name = message.get_string(); break;
      case tag_and_type(onnx::tensor::kDims, kVarint): add_dim(message.get_int64()); break;
      case tag_and_type(onnx::tensor::kDims, kBytes):
        for (const std::int64_t n : message.get_packed_int64()) add_dim(n);
        break;
      case tag_and_type(onnx::tensor::kDataType, kVarint): type = message.get_int32(); break;
      case tag_and_type(onnx::tensor::kLocation, kVarint):
        external = message.get_int32() == onnx::kExternal;
        break;
      case tag_and_type(onnx::tensor::kRaw, kBytes):
      case tag_and_type(onnx::tensor::kFloats, kBytes): {
        const protozero::data_view view = message.get_view();
        append(view.data(), view.size());
        break;
      }
      case tag_and_type(onnx::tensor::kFloats, kFixed32): {
        const float value = message.get_float();
        append(reinterpret_cast<const char*>(&value), sizeof value);
        break;
      }
      default: message.skip();
    }
  }
  const std::string what = file + ": initializer \"" + name.substr(0, 80) + "\"";
  if (external) return bad(what, "keeps its data in another file, expected it inside");
  // Sizes for Reshape and the like are integers: no weights.
  if (type != onnx::kFloat) return std::pair(std::move(name), Tensor{});
  Result<Tensor> tensor = gather_dense(data, dims, false, budget, what);
  if (!tensor) return tensor.error();
  return std::pair(std::move(name), *std::move(tensor));
}

Node read_node(pbf_reader message) {
  Node node;
  while (message.next()) {
    switch (message.tag_and_type()) {
      case tag_and_type(onnx::node::kInput, kBytes):
        if (node.inputs.size() < 16) {
          node.inputs.push_back(message.get_string());
        } else {
          message.skip();
        }
        break;
      case tag_and_type(onnx::node::kOutput, kBytes): {
        std::string output = message.get_string();
        if (node.output.empty()) node.output = std::move(output);
        break;
      }
      case tag_and_type(onnx::node::kOp, kBytes): node.op = message.get_string(); break;
      case tag_and_type(onnx::node::kAttribute, kBytes): {
        pbf_reader attribute = message.get_message();
        std::string name;
        std::vector<std::int64_t> ints;
        const auto add = [&](std::int64_t n) {
          if (ints.size() < 16) ints.push_back(n);
        };
        while (attribute.next()) {
          switch (attribute.tag_and_type()) {
            case tag_and_type(onnx::attribute::kName, kBytes): name = attribute.get_string(); break;
            case tag_and_type(onnx::attribute::kInt, kVarint):
            case tag_and_type(onnx::attribute::kInts, kVarint): add(attribute.get_int64()); break;
            case tag_and_type(onnx::attribute::kInts, kBytes):
              for (const std::int64_t n : attribute.get_packed_int64()) add(n);
              break;
            default: attribute.skip();
          }
        }
        if (name == "perm") node.perm = ints;
        if (name == "transB" && !ints.empty()) node.trans_b = ints[0];
        break;
      }
      default: message.skip();
    }
  }
  return node;
}

// The one field `tag` of a message, itself a message; empty if it is missing.
pbf_reader child(pbf_reader message, int tag) {
  pbf_reader found;
  while (message.next()) {
    if (message.tag() == static_cast<protozero::pbf_tag_type>(tag) && message.wire_type() == kBytes) {
      found = message.get_message();
    } else {
      message.skip();
    }
  }
  return found;
}

void read_input(const pbf_reader& message, Graph& graph) {
  std::string name;
  for (pbf_reader copy = message; copy.next();) {
    if (copy.tag_and_type() == tag_and_type(onnx::value::kName, kBytes)) {
      name = copy.get_string();
    } else {
      copy.skip();
    }
  }
  pbf_reader shape =
      child(child(child(message, onnx::value::kType), onnx::type::kTensor), onnx::tensor_type::kShape);
  std::vector<std::int64_t> sizes;
  while (shape.next()) {
    if (shape.tag_and_type() != tag_and_type(onnx::shape::kDim, kBytes) || sizes.size() > 8) {
      shape.skip();
      continue;
    }
    std::int64_t size = 0;
    pbf_reader dim = shape.get_message();
    while (dim.next()) {
      if (dim.tag_and_type() == tag_and_type(onnx::dim::kValue, kVarint)) {
        size = dim.get_int64();
      } else {
        dim.skip();
      }
    }
    sizes.push_back(size);
  }
  graph.inputs[name] = sizes;
}

Result<Graph> read_model(std::span<const std::byte> bytes, const std::string& file) {
  Graph graph;
  std::int64_t budget = kMaxImportValues;
  std::size_t entries = 0;
  pbf_reader message = message_of(bytes);
  while (message.next()) {
    if (message.tag_and_type() == tag_and_type(onnx::model::kMetadata, kBytes)) {
      pbf_reader property = message.get_message();
      std::string key, text;
      while (property.next()) {
        if (property.tag_and_type() == tag_and_type(onnx::property::kKey, kBytes)) {
          key = property.get_string();
        } else if (property.tag_and_type() == tag_and_type(onnx::property::kValue, kBytes)) {
          text = property.get_string();
        } else {
          property.skip();
        }
      }
      if (key == kOnnxSettingsKey) graph.settings = text;
      continue;
    }
    if (message.tag_and_type() != tag_and_type(onnx::model::kGraph, kBytes)) {
      message.skip();
      continue;
    }
    pbf_reader part = message.get_message();
    while (part.next()) {
      if (++entries > 4 * kMaxNodes || graph.nodes.size() > kMaxNodes) {
        return Error{ErrorCode::kLimit, file + ": has more than " + std::to_string(kMaxNodes) + " nodes"};
      }
      switch (part.tag_and_type()) {
        case tag_and_type(onnx::graph::kNode, kBytes):
          graph.nodes.push_back(read_node(part.get_message()));
          break;
        case tag_and_type(onnx::graph::kInput, kBytes): read_input(part.get_message(), graph); break;
        case tag_and_type(onnx::graph::kInitializer, kBytes): {
          auto tensor = read_tensor(part.get_message(), budget, file);
          if (!tensor) return tensor.error();
          graph.initializers.insert(*std::move(tensor));
          break;
        }
        default: part.skip();
      }
    }
  }
  for (const auto& [name, tensor] : graph.initializers) graph.inputs.erase(name);
  return graph;
}

// A layer with weights, and what hangs on it.
struct WeightLayer {
  Tensor weight, bias, slopes;  // without shape: none
  int source = -1;              // the layer whose output it sees; -1: the image
  bool channels_last = false;   // its input, if it is dense
};

// A value of the graph: the layer it comes from and its order.
struct Origin {
  int layer = -1;
  bool channels_last = false;
};

Result<std::vector<WeightLayer>> follow(Graph& graph, const std::string& image, const std::string& file) {
  std::vector<WeightLayer> layers;
  std::map<std::string, Origin> origins{{image, {}}};
  for (Node& node : graph.nodes) {
    const std::string where =
        file + ": " + node.op.substr(0, 40) + " node of \"" + node.output.substr(0, 80) + "\"";
    // The value that the node works on, and its parameters.
    const Origin* origin = nullptr;
    std::vector<Tensor> parameters;
    for (const std::string& input : node.inputs) {
      const auto value = origins.find(input);
      const auto constant = graph.initializers.find(input);
      if (value != origins.end() && !origin) {
        origin = &value->second;
      } else if (constant != graph.initializers.end() && !constant->second.shape.empty()) {
        // Taken, not copied: each belongs to one layer.
        parameters.push_back(std::move(constant->second));
        graph.initializers.erase(constant);
      } else if (constant == graph.initializers.end()) {
        return bad(where, "expected inputs from a node before it");
      }
    }
    if (!origin) return bad(where, "expected an input from a node before it");
    Origin result = *origin;

    if (node.op == "Conv" || node.op == "Gemm" || node.op == "MatMul") {
      const bool conv = node.op == "Conv";
      if (parameters.empty() || parameters.size() > 2 || parameters[0].shape.size() != (conv ? 4u : 2u)) {
        return bad(where, "expected weights and a bias");
      }
      WeightLayer layer;
      layer.source = origin->layer;
      layer.channels_last = origin->channels_last;
      layer.weight = std::move(parameters[0]);
      if (!conv && node.trans_b == 0) layer.weight = outputs_first(std::move(layer.weight));
      if (parameters.size() > 1) layer.bias = std::move(parameters[1]);
      layers.push_back(std::move(layer));
      result = {static_cast<int>(layers.size()) - 1, false};
    } else if (node.op == "Add" || node.op == "PRelu") {
      if (parameters.size() != 1 || origin->layer < 0) return bad(where, "expected one parameter");
      WeightLayer& layer = layers[static_cast<std::size_t>(origin->layer)];
      Tensor& place = node.op == "Add" ? layer.bias : layer.slopes;
      if (!place.shape.empty()) return bad(where, "expected one for each layer");
      place = std::move(parameters[0]);
    } else if (node.op == "Transpose") {
      static constexpr std::array<std::int64_t, 4> kToLast{0, 2, 3, 1}, kToFirst{0, 3, 1, 2};
      const bool to_last = std::equal(node.perm.begin(), node.perm.end(), kToLast.begin(), kToLast.end());
      if (!to_last && !std::equal(node.perm.begin(), node.perm.end(), kToFirst.begin(), kToFirst.end())) {
        return bad(where, "expected channels moved to the end or back");
      }
      result.channels_last = to_last;
    } else if (node.op != "MaxPool" && node.op != "Flatten" && node.op != "Reshape" && node.op != "Softmax" &&
               node.op != "Identity") {
      return Error{ErrorCode::kUnsupported, where + ": no net of MTCNN has such a node"};
    }
    origins[node.output] = result;
  }
  return layers;
}

Result<RawNet> read_graph(std::span<const std::byte> bytes, const std::string& file) {
  Result<Graph> graph = read_model(bytes, file);
  if (!graph) return graph.error();
  if (graph->inputs.size() != 1) return bad(file, "expected one input, the image");
  const auto [image, shape] = *graph->inputs.begin();
  const bool own = !graph->settings.empty();
  if (!own && (shape.size() != 4 || shape[3] != 3)) {
    return Error{ErrorCode::kUnsupported,
                 file + ": its input is " + shape_text(shape) +
                     ", expected [batch, height, width, 3] as in Keras ports, or a file that this project "
                     "wrote: nothing in the file says whether its images are upright"};
  }
  Result<std::vector<WeightLayer>> layers = follow(*graph, image, file);
  if (!layers) return layers.error();

  RawNet raw;
  raw.settings = graph->settings;
  raw.layout = {.swap_kernels = !own, .columns_first = !own, .channels_last = false};
  int number = 0;
  int last = -1;  // index of the last layer that has slopes: the next one must see its output
  for (std::size_t i = 0; i < layers->size(); ++i) {
    WeightLayer& layer = (*layers)[i];
    const bool hidden = !layer.slopes.shape.empty();
    const std::int64_t outputs = layer.weight.shape[0];
    // L-Net's one head has ten outputs too.
    const std::string role = hidden                        ? std::to_string(++number)
                             : outputs == kClassOutputs    ? "class"
                             : outputs == kBoxOutputs      ? "box"
                             : outputs == kLandmarkOutputs ? "landmarks"
                                                           : "";
    if (role.empty() || raw.tensors.contains(role + ".weight") || layer.source != last) {
      return bad(file, "layer of weights " + shape_text(layer.weight.shape) +
                           ": expected layers with PReLU, one after the other, then heads of 2, 4 and "
                           "10 outputs");
    }
    // Only dense layers on the last convolution see a map that was transposed back.
    if (layer.weight.shape.size() == 2 && layer.channels_last) raw.layout.channels_last = true;
    raw.tensors[role + ".weight"] = std::move(layer.weight);
    if (!layer.bias.shape.empty()) raw.tensors[role + ".bias"] = std::move(layer.bias);
    if (hidden) {
      raw.tensors[role + ".slopes"] = std::move(layer.slopes);
      last = static_cast<int>(i);
    }
  }
  return raw;
}

}  // namespace

bool looks_like_onnx(std::span<const std::byte> bytes) {
  bool version = false;
  try {
    pbf_reader message = message_of(bytes);
    while (message.next()) {
      if (message.tag_and_type() == tag_and_type(onnx::model::kIrVersion, kVarint)) version = true;
      if (message.tag_and_type() == tag_and_type(onnx::model::kGraph, kBytes)) return version;
      message.skip();
    }
  } catch (const protozero::exception&) {
  }
  return false;
}

Result<RawNet> read_onnx(std::span<const std::byte> bytes, const std::string& file) {
  try {
    return read_graph(bytes, file);
  } catch (const protozero::exception& e) {
    return bad(file, std::string("is truncated or no ONNX model (") + e.what() + ")");
  }
}

}  // namespace mtcnn
