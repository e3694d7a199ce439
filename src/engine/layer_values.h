// For both kinds of network, while they pack their weights.
#ifndef MTCNN_ENGINE_LAYER_VALUES_H_
#define MTCNN_ENGINE_LAYER_VALUES_H_

#include <cassert>
#include <string>
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

}  // namespace mtcnn

#endif  // MTCNN_ENGINE_LAYER_VALUES_H_
