#include "nets/net_spec.h"

#include <cstdio>

namespace mtcnn {

MapShape output_shape(const Layer& layer, MapShape in) {
  switch (layer.kind) {
    case LayerKind::kConv: return {layer.outputs, in.height - layer.kernel + 1, in.width - layer.kernel + 1};
    case LayerKind::kMaxPool: {
      const auto pooled = [&](int n) {
        return n < layer.kernel ? 1 : (n - layer.kernel + layer.stride - 1) / layer.stride + 1;
      };
      return {in.channels, pooled(in.height), pooled(in.width)};
    }
    case LayerKind::kDense: return {layer.outputs, 1, 1};
    case LayerKind::kPrelu:
    case LayerKind::kDropout: break;
  }
  return in;
}

MapShape feature_shape(const NetSpec& net, int height, int width) {
  MapShape shape{net.channels, height, width};
  for (const Layer& layer : net.layers) shape = output_shape(layer, shape);
  return shape;
}

std::vector<ParameterSpec> parameters(const NetSpec& net) {
  std::vector<ParameterSpec> list;
  const auto add = [&](const Layer& layer, MapShape in) {
    const std::string prefix = std::string(net.name) + "." + layer.name;
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
      case LayerKind::kDropout: break;
    }
  };
  MapShape shape{net.channels, net.side, net.side};
  for (const Layer& layer : net.layers) {
    add(layer, shape);
    shape = output_shape(layer, shape);
  }
  for (const Layer& head : net.heads) add(head, shape);
  return list;
}

std::string describe(const NetSpec& net) {
  static constexpr const char* kKinds[] = {"conv", "prelu", "maxpool", "dense", "dropout"};
  std::string text = std::string(net.name) + " " + std::to_string(net.channels) + "x" +
                     std::to_string(net.side) + "x" + std::to_string(net.side) + "\n";
  const auto add = [&](const Layer& layer) {
    text += std::string(layer.name) + " " + kKinds[static_cast<int>(layer.kind)] +
            " outputs=" + std::to_string(layer.outputs) + " kernel=" + std::to_string(layer.kernel) +
            " stride=" + std::to_string(layer.stride) + " groups=" + std::to_string(layer.groups) +
            (layer.optional ? " optional" : "") + "\n";
  };
  for (const Layer& layer : net.layers) {
    if (layer.kind != LayerKind::kDropout) add(layer);
  }
  text += "heads\n";
  for (const Layer& head : net.heads) add(head);
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
