// One net that learns: weights, their running mean, optimiser, and the step that a batch makes.
#ifndef MTCNN_TRAIN_NET_TRAINER_H_
#define MTCNN_TRAIN_NET_TRAINER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/model_data.h"
#include "mtcnn/result.h"
#include "nets/net_spec.h"
#include "train/batches.h"
#include "train/config.h"

namespace mtcnn {

class Ranks;

// Means over a step's batch, of all ranks (losses.h).
struct StepResult {
  double total = 0, classification = 0, box = 0, landmarks = 0;
  double accuracy = 0;
  double learning_rate = 0;
};

class NetTrainer {
 public:
  // Random weights, a function of the seed; every rank must give the same. `threads` for libtorch. Errors:
  // kUnsupported for a device that is not there.
  static Result<std::unique_ptr<NetTrainer>> create(const NetSpec& net, const StageConfig& config,
                                                    std::uint64_t seed, const std::string& device,
                                                    int threads, Ranks& ranks);
  ~NetTrainer();

  // Begins with a model's weights of this net, in place of random ones; a head that the model does not have stays random. Returns how
  // many PReLU slopes were below 0: they are 0 now, as step() keeps them. Requires that there was no step().
  int start(const ModelData& data);

  // One update by one rank's part of a batch. `progress`: share of the whole training that is done, 0 to 1, which
  // sets the learning rate. Errors: kFormat if the loss is not finite, which leaves the weights as they were.
  Result<StepResult> step(const Batch& batch, double progress);

  // The running mean of the weights into a model's tensors.
  void save(ModelData& data, bool optional_heads) const;

  // All that is needed to go on as if nothing had happened, and back. Errors: kFormat if the bytes are of another net or
  // optimiser, or damaged.
  std::vector<std::byte> checkpoint() const;
  Status restore(std::span<const std::byte> bytes, const std::string& name);

 private:
  struct State;
  explicit NetTrainer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// "2.13.0", and what it computes with.
std::string libtorch_version();

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_NET_TRAINER_H_
