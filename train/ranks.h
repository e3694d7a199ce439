// Processes that train one net together: each computes a part of every batch, and their gradients are
// summed. Over MPI, which starts them: `mpirun -n 4 mtcnn train ...`.
#ifndef MTCNN_TRAIN_RANKS_H_
#define MTCNN_TRAIN_RANKS_H_

#include <cstddef>
#include <memory>
#include <vector>

#include <torch/types.h>

#include "mtcnn/result.h"

namespace mtcnn {

class Ranks {
 public:
  // The processes that mpirun (or srun, ...) started with this one; this one alone if none did. To be made once
  // in a process. Errors: kUnsupported if there are others, but this build has no MPI.
  static Result<std::unique_ptr<Ranks>> join();
  // This process alone.
  Ranks() = default;
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }

  // All ranks must make the same calls in the same order; each waits for all. If another rank has died, MPI ends
  // this one too.

  // Replaces the values, float or double, by their sums over all ranks. Any device.
  void sum(const torch::Tensor& values);
  // The float values of all ranks, which must be as many, one behind the other.
  torch::Tensor gather(const torch::Tensor& values);
  // All ranks' bytes, by rank.
  std::vector<std::vector<std::byte>> gather(const std::vector<std::byte>& bytes);
  void wait();

  // For a rank that can't go on: ends all processes, this one too, since the others would wait for it forever.
  // Does nothing if it is alone.
  void end_all();

 private:
  int rank_ = 0, size_ = 1;
  bool started_ = false;  // MPI, by us
};

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_RANKS_H_
