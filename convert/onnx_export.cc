// Writes the nets as ONNX, opset 13. Dense layers are written as convolutions over their whole
// input, which is what they are: our order of weights needs no change, L-Net's groups and P-Net's
// sliding heads come for free.
#include <array>
#include <cassert>
#include <cstdint>
#include <initializer_list>
#include <protozero/pbf_writer.hpp>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "convert/onnx_format.h"
#include "convert/settings.h"
#include "convert/writers.h"

namespace mtcnn {
namespace {

using protozero::pbf_writer;

constexpr int kIrVersion = 7;
constexpr int kOpset = 13;

class GraphWriter {
 public:
  explicit GraphWriter(std::string& out) : graph_(out) {}

  void initializer(const std::string& name, const std::vector<std::int64_t>& dims,
                   const std::vector<float>& values) {
    pbf_writer tensor(graph_, onnx::graph::kInitializer);
    tensor.add_packed_int64(onnx::tensor::kDims, dims.begin(), dims.end());
    tensor.add_int32(onnx::tensor::kDataType, onnx::kFloat);
    tensor.add_string(onnx::tensor::kName, name);
    tensor.add_bytes(onnx::tensor::kRaw, reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(float));
  }

  using Attributes = std::initializer_list<std::pair<const char*, std::vector<std::int64_t>>>;
  // Attributes of one value are integers, of more lists.
  void node(const char* op, std::initializer_list<std::string> inputs, const std::string& output,
            Attributes attributes = {}) {
    pbf_writer node(graph_, onnx::graph::kNode);
    for (const std::string& input : inputs) node.add_string(onnx::node::kInput, input);
    node.add_string(onnx::node::kOutput, output);
    node.add_string(onnx::node::kName, output);
    node.add_string(onnx::node::kOp, op);
    for (const auto& [name, values] : attributes) {
      pbf_writer attribute(node, onnx::node::kAttribute);
      attribute.add_string(onnx::attribute::kName, name);
      if (values.size() == 1) {
        attribute.add_int64(onnx::attribute::kInt, values[0]);
        attribute.add_int32(onnx::attribute::kType, onnx::kAttributeInt);
      } else {
        attribute.add_packed_int64(onnx::attribute::kInts, values.begin(), values.end());
        attribute.add_int32(onnx::attribute::kType, onnx::kAttributeInts);
      }
    }
  }

  struct Dim {
    std::int64_t size = 0;  // 0: any, with this name
    const char* name = "";
  };
  void value(int tag, const std::string& name, std::span<const Dim> dims) {
    pbf_writer value(graph_, static_cast<protozero::pbf_tag_type>(tag));
    value.add_string(onnx::value::kName, name);
    pbf_writer type(value, onnx::value::kType);
    pbf_writer tensor(type, onnx::type::kTensor);
    tensor.add_int32(onnx::tensor_type::kElement, onnx::kFloat);
    pbf_writer shape(tensor, onnx::tensor_type::kShape);
    for (const Dim& dim : dims) {
      pbf_writer message(shape, onnx::shape::kDim);
      if (dim.size > 0) {
        message.add_int64(onnx::dim::kValue, dim.size);
      } else {
        message.add_string(onnx::dim::kParam, dim.name);
      }
    }
  }

  void name(const char* text) { graph_.add_string(onnx::graph::kName, text); }

 private:
  pbf_writer graph_;
};

std::string write_graph(const ModelData& data, const NetSpec& net) {
  using Dim = GraphWriter::Dim;
  std::string out;
  GraphWriter graph(out);
  graph.name(net.name);
  const Dim batch{0, "batch"};
  const bool sliding = net.fully_convolutional;
  graph.value(onnx::graph::kInput, "image",
              std::array{batch, Dim{net.channels}, sliding ? Dim{0, "height"} : Dim{net.side},
                         sliding ? Dim{0, "width"} : Dim{net.side}});

  std::string at = "image";  // the value that the next node takes, and its shape
  MapShape map{net.channels, net.side, net.side};
  const auto conv = [&](const Layer& layer, const std::string& output) {
    const std::string prefix = std::string(net.name) + "." + layer.name;
    const bool dense = layer.kind == LayerKind::kDense;
    const std::int64_t height = dense ? map.height : layer.kernel;
    const std::int64_t width = dense ? map.width : layer.kernel;
    graph.initializer(prefix + ".weight", {layer.outputs, map.channels / layer.groups, height, width},
                      data.tensors.at(prefix + ".weight").values);
    graph.initializer(prefix + ".bias", {layer.outputs}, data.tensors.at(prefix + ".bias").values);
    graph.node("Conv", {at, prefix + ".weight", prefix + ".bias"}, output,
               {{"kernel_shape", {height, width}}, {"group", {layer.groups}}});
  };

  for (const Layer& layer : net.layers) {
    switch (layer.kind) {
      case LayerKind::kConv:
      case LayerKind::kDense: conv(layer, layer.name); break;
      case LayerKind::kPrelu: {
        const std::string slopes = std::string(net.name) + "." + layer.name + ".weight";
        graph.initializer(slopes, {map.channels, 1, 1}, data.tensors.at(slopes).values);
        graph.node("PRelu", {at, slopes}, layer.name);
        break;
      }
      case LayerKind::kMaxPool:
        graph.node("MaxPool", {at}, layer.name,
                   {{"kernel_shape", {layer.kernel, layer.kernel}},
                    {"strides", {layer.stride, layer.stride}},
                    {"ceil_mode", {1}}});
        break;
      case LayerKind::kDropout: continue;
      case LayerKind::kRelu:
      case LayerKind::kLrn: assert(false); continue;  // only in nets that are no part of a model
    }
    at = layer.name;
    map = output_shape(layer, map);
  }

  for (const Layer& head : net.heads) {
    if (!data.tensors.contains(std::string(net.name) + "." + head.name + ".weight")) continue;
    const bool classes = std::string_view(head.name) == "class";
    const std::string output = classes ? "probabilities" : head.name;
    std::string value = output + ".conv";
    conv(head, value);
    if (!sliding) {
      graph.node("Flatten", {value}, output + ".flat", {{"axis", {1}}});
      value = output + ".flat";
    }
    if (classes) {
      graph.node("Softmax", {value}, output, {{"axis", {1}}});
    } else {
      graph.node("Identity", {value}, output);
    }
    std::vector<Dim> dims{batch, Dim{head.outputs}};
    if (sliding) dims.insert(dims.end(), {Dim{0, "rows"}, Dim{0, "columns"}});
    graph.value(onnx::graph::kOutput, output, dims);
  }
  return out;
}

}  // namespace

std::string write_onnx(const ModelData& data, const NetSpec& net) {
  std::string out;
  pbf_writer model(out);
  model.add_int64(onnx::model::kIrVersion, kIrVersion);
  model.add_string(onnx::model::kProducer, "mtcnn");
  model.add_string(onnx::model::kDoc, "Upright RGB image, [batch, channel, row, column], as (pixel - " +
                                          std::to_string(data.pixel_mean) + ") * " +
                                          std::to_string(data.pixel_scale));
  {
    pbf_writer opset(model, onnx::model::kOpsets);
    opset.add_string(onnx::opset::kDomain, "");
    opset.add_int64(onnx::opset::kVersion, kOpset);
  }
  model.add_message(onnx::model::kGraph, write_graph(data, net));
  {
    pbf_writer property(model, onnx::model::kMetadata);
    property.add_string(onnx::property::kKey, kOnnxSettingsKey);
    property.add_string(onnx::property::kValue, write_settings(data));
  }
  return out;
}

}  // namespace mtcnn
