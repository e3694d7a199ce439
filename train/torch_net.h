// A net of nets/ as libtorch computes it: same layers, same order, same parameters by the same names.
#ifndef MTCNN_TRAIN_TORCH_NET_H_
#define MTCNN_TRAIN_TORCH_NET_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "engine/model_data.h"
#include "nets/net_spec.h"

namespace mtcnn {

class TorchNet {
 public:
  // Random weights, a function of the seed: normal, with the variance that keeps a signal's through layers of PReLU (He et
  // al. 2015); slopes .25; heads small.
  TorchNet(const NetSpec& net, std::uint64_t seed, torch::Device device = torch::kCPU);

  // Requires a batch x channels x side x side input. Returns the outputs of `heads`, in this order, batch
  // x outputs each, floats. `seeds`: one for each of the batch, from which it draws what dropout takes away; none: no dropout. `type`: what
  // stands before the first dense layer or head computes in, kFloat or kBFloat16; the rest, all weights and their gradients are
  // floats (mixed precision as torch's autocast has it, but alike in every version of libtorch).
  std::vector<torch::Tensor> forward(const torch::Tensor& input, const std::vector<std::string>& heads,
                                     std::span<const std::uint64_t> seeds = {},
                                     torch::ScalarType type = torch::kFloat) const;

  // By the names of parameters(net), in that order; all want gradients.
  const std::vector<std::pair<std::string, torch::Tensor>>& parameters() const { return parameters_; }
  std::vector<torch::Tensor> tensors() const;

  // Copies the weights from and to a model's. `load` requires that all but optional ones are there.
  void load(const ModelData& data);
  void save(ModelData& data, bool optional_heads) const;

  const NetSpec& spec() const { return *net_; }

 private:
  // `net`: the net's name, or which branch of it.
  torch::Tensor parameter(const std::string& net, std::string_view layer, const char* kind) const;
  torch::Tensor features(const NetSpec& net, const std::string& name, const torch::Tensor& input,
                         std::span<const std::uint64_t> seeds) const;

  const NetSpec* net_;
  std::vector<std::pair<std::string, torch::Tensor>> parameters_;
};

// PReLU over the channels of a batch x channels (x height x width) tensor, by slopes that are floats. On a CPU several times faster than torch's own
// on channels-last maps, which are what it wants.
torch::Tensor prelu(const torch::Tensor& input, const torch::Tensor& slopes);

// Copies a tensor's values into a model's.
Tensor to_tensor(const torch::Tensor& values);

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_TORCH_NET_H_
