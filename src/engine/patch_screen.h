// R-Net in bytes, for many windows at once: which of them are surely below the threshold, so that Network need not look at them.
// What the bytes stand for and how far the scores are off is measured as ScreenedNetwork does it.
#ifndef MTCNN_ENGINE_PATCH_SCREEN_H_
#define MTCNN_ENGINE_PATCH_SCREEN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/model_data.h"
#include "engine/network.h"
#include "engine/rough_layer.h"
#include "kernels/kernels.h"
#include "util/aligned.h"

namespace mtcnn {

// Immutable; run() may be called from many threads, each with scratch of its own.
class PatchScreen {
 public:
  // Requires kernels that can screen, a net of convolutions and pools on the input and one dense layer, all with PReLUs, data that
  // has the net's tensors, and that net as it runs, the head "class" first.
  PatchScreen(const NetSpec& net, const ModelData& data, const Kernels& kernels, const Network& network);

  // As of ScreenedNetwork.
  float margin() const { return margin_; }
  float worst_error() const { return worst_error_; }
  float typical_error() const { return typical_error_; }
  bool pays(float bound) const;

  // Words of scratch that run() needs.
  std::size_t scratch_size() const { return 2 * map_size_; }

  // Writes the rough difference of logits (face - background) of `count` inputs, at most kScreenLanes, channels last without gaps,
  // to scores, which has room for kScreenLanes. Reads up to kSlack floats past the inputs' end. Requires a finite margin.
  void run(const float* inputs, int count, std::uint32_t* scratch, float* scores) const;

 private:
  // A pool has no weights; the last step gives the scores.
  struct Step {
    int layer = -1;  // of layers_
    int size = 0, stride = 1;
    int quads = 0;              // of what it looks at
    int input = 0, output = 0;  // sides of the maps
  };

  const Kernels* kernels_;
  std::vector<Step> steps_;
  std::vector<RoughLayer> layers_;
  int side_ = 0;
  ByteScale input_;
  std::size_t map_size_ = 0;
  AlignedFloats mix_;
  float mix_offset_ = 0;
  float margin_ = 0, worst_error_ = 0, typical_error_ = 0;
};

}  // namespace mtcnn

#endif  // MTCNN_ENGINE_PATCH_SCREEN_H_
