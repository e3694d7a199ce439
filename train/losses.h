// What training minimises (paper, section II.C): classification, box regression and landmarks, each
// over the samples that teach it, with online hard sample mining for the first.
#ifndef MTCNN_TRAIN_LOSSES_H_
#define MTCNN_TRAIN_LOSSES_H_

#include <array>
#include <span>

#include <torch/types.h>

#include "train/ranks.h"
#include "train/samples.h"

namespace mtcnn {

// A batch's targets as tensors of one row a sample.
struct Targets {
  torch::Tensor label;      // 1: face, 0: not; of a calibration sample its pattern; int64
  torch::Tensor classify;   // 1 where the sample teaches classification (negatives, positives), else 0
  torch::Tensor regress;    // ... boxes (positives, parts)
  torch::Tensor align;      // ... points (landmark faces)
  torch::Tensor box;        // batch x 4
  torch::Tensor landmarks;  // batch x 10
};
Targets make_targets(std::span<const SampleTarget> samples, torch::Device device);

struct Losses {
  // What is to be differentiated: summed over all ranks, it is the loss of the joined batch.
  torch::Tensor total;
  // Means over the samples of all ranks that teach it: cross-entropy of the hard ones, squared distance of the
  // four offsets, of the ten coordinates (or LossOptions::landmark_distance). 0 if there is none.
  double classification = 0, box = 0, landmarks = 0;
  double accuracy = 0;  // share of negatives and positives that are told right
};

struct LossOptions {
  std::array<double, 3> weights{1, .5, .5};  // the paper's alpha
  // Online hard sample mining: only this share of the samples that teach classification counts, those with the greatest
  // cross-entropy in the joined batch; 1: all.
  double hard_share = .7;
  // Of landmarks: the sum of the five points' distances, in place of its square over all coordinates.
  bool landmark_distance = false;
};

// `outputs`: of the heads class (or calibration) and, as far as there are any, box and landmarks.
Losses compute_losses(std::span<const torch::Tensor> outputs, const Targets& targets,
                      const LossOptions& options, Ranks& ranks);

// The mask of that: 1 for the floor(share x candidates), but at least one, with the greatest losses among those
// where `candidates` is 1, over all ranks; equal ones at the border all count. No gradients.
torch::Tensor hard_samples(const torch::Tensor& losses, const torch::Tensor& candidates, double share,
                           Ranks& ranks);

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_LOSSES_H_
