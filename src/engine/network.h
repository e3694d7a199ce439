// A net that runs: its definition, its weights packed for the kernels, and the kernels.
#ifndef MTCNN_ENGINE_NETWORK_H_
#define MTCNN_ENGINE_NETWORK_H_

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model_data.h"
#include "kernels/kernels.h"
#include "mtcnn/types.h"
#include "nets/net_spec.h"
#include "util/aligned.h"

namespace mtcnn {

// What a channel's values lie between.
struct ChannelRange {
  float low = 0, high = 0;
};

// Immutable; run() may be called from many threads, each with scratch of its own.
class Network {
 public:
  // `heads`: those to compute, in the order in which run() shall write them. Requires data that has the
  // net's tensors with these heads, as validate() checks it. Keeps nothing of `data`.
  Network(const NetSpec& net, const ModelData& data, const Kernels& kernels,
          std::initializer_list<std::string_view> heads);

  const NetSpec& spec() const { return *net_; }

  // Values of all heads at one position.
  int outputs() const { return outputs_; }

  // Rows and columns of positions at which the heads are computed, for an input of this size: 1 x 1
  // at the net's own; more for a larger input, which needs a fully convolutional net.
  Size positions(Size input) const;

  // Floats of scratch that run() needs.
  std::size_t scratch_size(Size input, int count) const;

  // Runs `count` inputs of the same size, each height x width x channels (channels last, without
  // gaps), and writes count x rows x columns x outputs() raw values (logits, offsets). Reads up to
  // kSlack floats past the end of `inputs` and touches as many past that of `outputs`.
  void run(const float* inputs, int count, Size input, float* scratch, float* outputs) const;

  // The same, and the range of 0 and each channel of what the net's layers on maps give: as many as the net has layers. A PReLU's is at its
  // convolution's index, that of a convolution and pool computed at once at the pool's; all others are empty.
  std::vector<std::vector<ChannelRange>> measure(const float* inputs, int count, Size input, float* scratch,
                                                 float* outputs) const;

 private:
  // By which kernel a convolution is computed; kThin: with the pool behind it.
  enum class Algorithm { kPlain, kWinograd, kThin };

  // A layer and the PReLU or ReLU behind it, and the pool behind those.
  struct Step {
    const Layer* layer = nullptr;
    const Layer* pool = nullptr;
    MapShape input{}, output{};  // at the net's own size
    AlignedFloats weights;  // group after group, packed as ConvArgs says, or as the algorithm's arguments do
    Algorithm algorithm = Algorithm::kPlain;
    AlignedFloats bias;    // a group's blocks, then the next group's
    AlignedFloats slopes;  // likewise, or empty
  };

  // Without heads, so that run() gives the features: what a branch is for. `name`: what the names of the
  // net's tensors begin with.
  Network(const NetSpec& net, const std::string& name, const ModelData& data, const Kernels& kernels);

  static Step pack(const Layer& layer, MapShape input, const ModelData& data, const std::string& name,
                   const Layer* activation, Algorithm algorithm);
  Algorithm algorithm_for(const Layer& layer, MapShape input, const Layer* next) const;
  static MapShape shape_behind(const Step& step, MapShape input);
  std::size_t layer_of(const Step& step) const;
  void run(const float* inputs, int count, Size input, float* scratch, float* outputs, int output_stride,
           std::vector<std::vector<ChannelRange>>* ranges = nullptr) const;
  void run_spatial(const Step& step, MapShape input, const float* in, float* spare, float* out) const;
  void run_dense(const Step& step, int count, const float* in, float* out, int output_stride) const;
  std::size_t map_size(Size input) const;
  std::size_t spare_size(Size input) const;
  std::size_t feature_size(Size input) const;
  std::size_t halved_size(Size input, int count) const;

  const NetSpec* net_;
  const Kernels* kernels_;
  std::vector<Step> spatial_;  // layers on maps: one input at a time, while it is in cache
  std::vector<Step> dense_;    // all inputs at once, so that the weights are read once
  std::size_t own_ = 0;        // dense_[own_ - 1] gives the features of the net itself, without its branch's
  std::unique_ptr<const Network> branch_;  // or null
  std::size_t hidden_ = 0;                 // channels of the widest dense layer or features below the heads
  int outputs_ = 0;
};

}  // namespace mtcnn

#endif  // MTCNN_ENGINE_NETWORK_H_
