#include "nets/net_spec.h"

#include <cassert>
#include <cstdio>

namespace mtcnn {

MapShape output_shape(const Layer& layer, MapShape in) {
  switch (layer.kind) {
    case LayerKind::kConv: {
      const int less = layer.kernel - 1 - 2 * layer.padding;
      return {layer.outputs, in.height - less, in.width - less};
    }
    case LayerKind::kMaxPool: {
      const auto pooled = [&](int n) {
        return n < layer.kernel ? 1 : (n - layer.kernel + layer.stride - 1) / layer.stride + 1;
      };
      return {in.channels, pooled(in.height), pooled(in.width)};
    }
    case LayerKind::kDense: return {layer.outputs, 1, 1};
    case LayerKind::kPrelu:
    case LayerKind::kDropout:
    case LayerKind::kRelu:
    case LayerKind::kLrn: break;
  }
  return in;
}

MapShape feature_shape(const NetSpec& net, int height, int width) {
  MapShape shape{net.channels, height, width};
  for (const Layer& layer : net.layers) shape = output_shape(layer, shape);
  if (net.branch) {
    assert(net.branch->side * 2 == net.side && net.branch->channels == net.channels);
    assert(shape.height == 1 && shape.width == 1);
    shape.channels += feature_shape(*net.branch, height / 2, width / 2).channels;
  }
  return shape;
}

namespace {

// `name` is the net's, or says which branch of which net it is. A branch's heads are not used.
void add_parameters(const NetSpec& net, const std::string& name, bool with_heads,
                    std::vector<ParameterSpec>& list) {
  const auto add = [&](const Layer& layer, MapShape in) {
    const std::string prefix = name + "." + layer.name;
    switch (layer.kind) {
      case LayerKind::kConv:
        list.push_back({prefix + ".weight",
                        {layer.outputs, in.channels / layer.groups, layer.kernel, layer.kernel},
                        layer.optional});
        list.push_back({prefix + ".bias", {layer.outputs}, layer.optional});
        break;
      case LayerKind::kDense:
        list.push_back({prefix + ".weight",
                        {layer.outputs, std::int64_t{in.channels} * in.height * in.width / layer.groups},
                        layer.optional});
        list.push_back({prefix + ".bias", {layer.outputs}, layer.optional});
        break;
      case LayerKind::kPrelu: list.push_back({prefix + ".weight", {in.channels}, layer.optional}); break;
      case LayerKind::kMaxPool:
      case LayerKind::kDropout:
      case LayerKind::kRelu:
      case LayerKind::kLrn: break;
    }
  };
  MapShape shape{net.channels, net.side, net.side};
  for (const Layer& layer : net.layers) {
    add(layer, shape);
    shape = output_shape(layer, shape);
  }
  if (net.branch) add_parameters(*net.branch, name + ".branch", false, list);
  if (!with_heads) return;
  for (const Layer& head : net.heads) add(head, feature_shape(net, net.side, net.side));
}

std::string describe(const Layer& layer) {
  static constexpr const char* kKinds[] = {"conv", "prelu", "maxpool", "dense", "dropout", "relu", "lrn"};
  std::string text = std::string(layer.name) + " " + kKinds[static_cast<int>(layer.kind)] +
                     " outputs=" + std::to_string(layer.outputs) + " kernel=" + std::to_string(layer.kernel) +
                     " stride=" + std::to_string(layer.stride) + " groups=" + std::to_string(layer.groups);
  // Younger than model files: said only where they say something.
  if (layer.padding != 0) text += " padding=" + std::to_string(layer.padding);
  if (layer.kind == LayerKind::kLrn) {
    char alpha[32];
    std::snprintf(alpha, sizeof alpha, " alpha=%.9g", static_cast<double>(layer.alpha));
    text += alpha;
  }
  return text + (layer.optional ? " optional" : "") + "\n";
}

// All but the heads.
std::string describe_trunk(const NetSpec& net) {
  std::string text = std::string(net.name) + " " + std::to_string(net.channels) + "x" +
                     std::to_string(net.side) + "x" + std::to_string(net.side) + "\n";
  for (const Layer& layer : net.layers) {
    if (layer.kind != LayerKind::kDropout) text += describe(layer);
  }
  if (net.branch) text += "branch\n" + describe_trunk(*net.branch);
  return text;
}

}  // namespace

std::vector<ParameterSpec> parameters(const NetSpec& net) {
  std::vector<ParameterSpec> list;
  add_parameters(net, net.name, true, list);
  return list;
}

std::string describe(const NetSpec& net) {
  std::string text = describe_trunk(net) + "heads\n";
  for (const Layer& head : net.heads) text += describe(head);
  return text;
}

std::string architecture_hash(std::span<const NetSpec* const> nets) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const NetSpec* net : nets) {
    for (const char c : describe(*net)) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    }
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

}  // namespace mtcnn
