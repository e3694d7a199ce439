// For all kinds of network, while they pack their weights.
#ifndef MTCNN_ENGINE_LAYER_VALUES_H_
#define MTCNN_ENGINE_LAYER_VALUES_H_

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model_data.h"
#include "nets/net_spec.h"

namespace mtcnn {

// The values of the tensor NET.LAYER.KIND. Requires that there is one.
inline const std::vector<float>& values_of(const ModelData& data, const std::string& net, const Layer& layer,
                                           const char* kind) {
  const auto it = data.tensors.find(net + "." + layer.name + "." + kind);
  assert(it != data.tensors.end());
  return it->second.values;
}

// The head of this name. Requires that there is one.
inline const Layer& head_of(const NetSpec& net, std::string_view name) {
  const auto head = std::find_if(net.heads.begin(), net.heads.end(),
                                 [&](const Layer& candidate) { return candidate.name == name; });
  assert(head != net.heads.end());
  return *head;
}

// For Winograd's algorithm: what stands at its places, kernel after kernel, for 3 x 3 ones.
template <std::size_t Places>
std::vector<float> winograd_kernels(const std::vector<float>& weights,
                                    std::array<float, Places> (*places_of)(const std::array<float, 9>&)) {
  std::vector<float> all;
  for (std::size_t i = 0; i < weights.size(); i += 9) {
    std::array<float, 9> kernel;
    std::copy_n(weights.data() + i, 9, kernel.begin());
    const auto places = places_of(kernel);
    all.insert(all.end(), places.begin(), places.end());
  }
  return all;
}

}  // namespace mtcnn

#endif  // MTCNN_ENGINE_LAYER_VALUES_H_
