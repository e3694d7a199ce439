#include "engine/model_data.h"

#include <cmath>
#include <set>

namespace mtcnn {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + std::to_string(shape[i]);
  }
  return text + "]";
}

Error bad(const std::string& name, const std::string& what) {
  return {ErrorCode::kFormat, name + ": " + what};
}

}  // namespace

std::vector<const NetSpec*> nets_of(const ModelData& data) {
  std::vector<const NetSpec*> nets{&kPNet, &kRNet, &kONet};
  const auto lnet = data.tensors.lower_bound("lnet.");
  if (lnet != data.tensors.end() && lnet->first.starts_with("lnet.")) nets.push_back(&kLNet);
  return nets;
}

Status validate(const ModelData& data, const std::string& name) {
  if (!std::isfinite(data.pixel_mean) || !std::isfinite(data.pixel_scale) || data.pixel_scale <= 0) {
    return bad(name, "the pixel normalisation must be a finite mean and a positive scale");
  }
  for (const float t : data.thresholds) {
    if (!(t >= 0 && t <= 1)) return bad(name, "default thresholds must lie in 0 to 1");
  }
  std::set<std::string> known;
  for (const NetSpec* net : nets_of(data)) {
    for (const ParameterSpec& parameter : parameters(*net)) {
      known.insert(parameter.name);
      const auto it = data.tensors.find(parameter.name);
      if (it == data.tensors.end()) {
        // An optional head is there as a whole or not at all.
        const std::string head = parameter.name.substr(0, parameter.name.rfind('.') + 1);
        const auto part = data.tensors.lower_bound(head);
        const bool begun = part != data.tensors.end() && part->first.starts_with(head);
        if (parameter.optional && !begun) continue;
        return bad(name, "tensor \"" + parameter.name + "\" is missing");
      }
      const Tensor& tensor = it->second;
      if (tensor.shape != parameter.shape) {
        return bad(name, "tensor \"" + parameter.name + "\" has shape " + shape_text(tensor.shape) +
                             ", expected " + shape_text(parameter.shape));
      }
      std::int64_t count = 1;
      for (const std::int64_t n : tensor.shape) count *= n;
      if (static_cast<std::int64_t>(tensor.values.size()) != count) {
        return bad(name, "tensor \"" + parameter.name + "\" has " + std::to_string(tensor.values.size()) +
                             " values, expected " + std::to_string(count));
      }
      for (const float v : tensor.values) {
        if (!std::isfinite(v)) {
          return bad(name, "tensor \"" + parameter.name + "\" holds a NaN or an infinity");
        }
      }
    }
  }
  for (const auto& [tensor, unused] : data.tensors) {
    if (!known.contains(tensor)) {
      return bad(name, "tensor \"" + tensor + "\" belongs to no net of the cascade");
    }
  }
  return std::monostate{};
}

}  // namespace mtcnn
