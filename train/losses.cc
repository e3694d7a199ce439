#include "train/losses.h"

#include <torch/torch.h>

namespace mtcnn {

Targets make_targets(std::span<const SampleTarget> samples, torch::Device device) {
  const auto count = static_cast<std::int64_t>(samples.size());
  Targets t;
  t.label = torch::zeros({count}, torch::kLong);
  t.classify = torch::zeros({count});
  t.regress = torch::zeros({count});
  t.align = torch::zeros({count});
  t.box = torch::zeros({count, 4});
  t.landmarks = torch::zeros({count, 10});
  for (std::int64_t i = 0; i < count; ++i) {
    const SampleTarget& sample = samples[static_cast<std::size_t>(i)];
    const bool positive = sample.kind == SampleKind::kPositive;
    const bool calibration = sample.kind == SampleKind::kCalibration;
    t.label.data_ptr<std::int64_t>()[i] = calibration ? sample.pattern : positive;
    t.classify.data_ptr<float>()[i] = calibration || positive || sample.kind == SampleKind::kNegative;
    t.regress.data_ptr<float>()[i] = positive || sample.kind == SampleKind::kPart;
    t.align.data_ptr<float>()[i] = sample.kind == SampleKind::kLandmark;
    std::copy(sample.box.begin(), sample.box.end(), t.box.data_ptr<float>() + 4 * i);
    std::copy(sample.landmarks.begin(), sample.landmarks.end(), t.landmarks.data_ptr<float>() + 10 * i);
  }
  for (torch::Tensor* tensor : {&t.label, &t.classify, &t.regress, &t.align, &t.box, &t.landmarks}) {
    *tensor = tensor->to(device);
  }
  return t;
}

torch::Tensor hard_samples(const torch::Tensor& losses, const torch::Tensor& candidates, double share,
                           Ranks& ranks) {
  const torch::NoGradGuard no_gradients;
  // A rank's samples that are no candidates stand below all others, so that every rank sends as many values.
  const torch::Tensor own = torch::where(candidates > 0, losses, torch::full_like(losses, -1));
  const torch::Tensor all = ranks.gather(own.detach());
  const auto count = static_cast<double>((all >= 0).sum().item<std::int64_t>());
  if (count == 0) return torch::zeros_like(candidates);
  const auto keep = std::max<std::int64_t>(1, static_cast<std::int64_t>(share * count + 1e-6));
  const torch::Tensor least = std::get<0>(all.topk(keep)).min();
  return candidates * (own >= least);
}

Losses compute_losses(std::span<const torch::Tensor> outputs, const Targets& targets,
                      const LossOptions& options, Ranks& ranks) {
  const auto& [weights, hard_share, landmark_distance] = options;
  const torch::Tensor entropy = torch::nn::functional::cross_entropy(
      outputs[0], targets.label, torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
  const torch::Tensor counted =
      hard_share < 1 ? hard_samples(entropy, targets.classify, hard_share, ranks) : targets.classify;
  const torch::Tensor right = (outputs[0].argmax(1) == targets.label) * targets.classify;
  torch::Tensor box = torch::zeros({}, entropy.options()), landmarks = box;
  if (outputs.size() > 1) box = ((outputs[1] - targets.box).square().sum(1) * targets.regress).sum();
  if (outputs.size() > 2) {
    const torch::Tensor squares = (outputs[2] - targets.landmarks).square();
    // Five x, then five y. The square root has no gradient at 0.
    constexpr double kTiny = 1e-8;
    const torch::Tensor each =
        landmark_distance ? (squares.view({-1, 2, 5}).sum(1) + kTiny).sqrt().sum(1) : squares.sum(1);
    landmarks = (each * targets.align).sum();
  }
  const torch::Tensor classification = (entropy * counted).sum();

  // One exchange: the sums and what they are divided by.
  const torch::Tensor sums =
      torch::stack({classification.detach(), counted.sum(), box.detach(), targets.regress.sum(),
                    landmarks.detach(), targets.align.sum(), right.sum(), targets.classify.sum()})
          .to(torch::kCPU, torch::kDouble);
  ranks.sum(sums);
  const double* const s = sums.data_ptr<double>();
  const auto count = [&](int i) { return std::max(s[i], 1.0); };
  Losses losses;
  losses.total = classification * (weights[0] / count(1)) + box * (weights[1] / count(3)) +
                 landmarks * (weights[2] / count(5));
  losses.classification = s[0] / count(1);
  losses.box = s[2] / count(3);
  losses.landmarks = s[4] / count(5);
  losses.accuracy = s[6] / count(7);
  return losses;
}

}  // namespace mtcnn
