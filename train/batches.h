// Batches of samples, cut by threads of their own ahead of the training step that uses them.
#ifndef MTCNN_TRAIN_BATCHES_H_
#define MTCNN_TRAIN_BATCHES_H_

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "mtcnn/result.h"
#include "train/samples.h"
#include "util/aligned.h"

namespace mtcnn {

struct Batch {
  int side = 0;
  AlignedFloats pixels;               // count x side x side x 3, channels last, and kSlack
  std::vector<SampleTarget> targets;  // by kind
};

// How a batch is made up.
struct BatchPlan {
  std::array<int, kSampleKinds> counts{};  // over all ranks
  int rank = 0, ranks = 1;
  std::int64_t plain_from = std::numeric_limits<std::int64_t>::max();  // the first step with plain crops
  // The part of a kind's samples that is this rank's: [begin, end) of its count.
  int begin(std::size_t kind) const;
  int end(std::size_t kind) const;
};
// Shares `size` out by the ratio among the kinds that the sampler has. Errors: kFormat if there would be neither negatives and
// positives nor calibration windows, as of sets whose weights are 0.
Result<BatchPlan> plan_batch(const Sampler& sampler, const std::array<double, kSampleKinds>& ratio, int size,
                             int rank, int ranks);

// The first of so many steps at which crops are plain.
std::int64_t plain_from(std::int64_t steps, double plain_share);

// Step s's samples of a kind with count n are those at positions s n to (s + 1) n - 1.
Result<Batch> make_batch(const Sampler& sampler, const BatchPlan& plan, int side, std::int64_t step,
                         SamplerScratch& scratch);

// Delivers the batches of steps `first`, `first` + 1 ... in order. The sampler must outlive it. `yield`: its threads give
// the processor to the training step, for nets whose step takes longer than cutting its batch.
class BatchQueue {
 public:
  BatchQueue(const Sampler& sampler, const BatchPlan& plan, int side, std::int64_t first, std::int64_t last,
             int threads, bool yield = true);
  ~BatchQueue();
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  // Waits for the next one. Requires that there is one left.
  Result<Batch> next();

  double seconds_waited() const { return waited_; }  // in next()
  double seconds_cutting() const;                    // processor time of the threads

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
  double waited_ = 0;
};

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_BATCHES_H_
