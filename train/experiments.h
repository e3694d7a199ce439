// The paper's comparisons again: nets that learn from the same samples and are judged by the same photographs.
#ifndef MTCNN_TRAIN_EXPERIMENTS_H_
#define MTCNN_TRAIN_EXPERIMENTS_H_

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "mtcnn/result.h"
#include "train/config.h"
#include "train/pipeline.h"

namespace mtcnn {

enum class Experiment {
  // Table I: 12-net and P-Net, 24-net and R-Net, 48-net and O-Net, by classification alone.
  kTable1,
  // Section III.B: O-Net with and without online hard sample mining.
  kHardMining,
  // Section III.C: O-Net with and without landmarks in its loss.
  kJointLandmarks,
  // The calibration nets that stand beside the baselines of Table I (Li et al., CVPR 2015): how a window lies about its face.
  kCalibration,
};

const char* experiment_name(
    Experiment experiment);  // "table1", "hard-mining", "joint-landmarks", "calibration"

struct ExperimentOptions {
  Experiment experiment = Experiment::kTable1;
  std::array<double, 3> samples{2e6, 1e6, 3e5};  // that each net of a stage learns from
  int seeds = 1;  // runs of each net, each with other weights and other samples
};

// What one net gave.
struct Trial {
  std::string name;       // "12-net", "O-Net without hard sample mining", ...
  std::size_t stage = 0;  // 0 to 2: what its samples were cut for
  int seed = 0;
  double samples = 0;
  // Of crops of the validation photographs, in the ratio of the config, mined with the nets before: share of
  // negatives and positives told right, with calibration nets of the 45 patterns; mean squared distance of the four offsets of positives and parts, NaN if
  // the net has no such head.
  double accuracy = 0, box_error = 0;
  // The accuracy on the way, at equal distances, of a quarter of the crops.
  std::vector<double> curve;
  // O-Net's experiments: the whole cascade with this O-Net on the validation photographs (check.h).
  double average_precision = 0, landmark_error = 0;
  // Table I: 300 forward passes of one input each by the engine on one thread, milliseconds, the median of several runs.
  double milliseconds = 0;
};

struct ExperimentResult {
  std::size_t crops = 0;  // validation crops that an accuracy is of
  std::vector<Trial> trials;
};

// Runs in the output folder of a training that is done, whose nets mine the samples of R-Net and O-Net; calibration nets,
// which learn from faces alone, need none. Keeps nothing.
// Errors: kInvalidArgument if there is no finished model or no validation set, or if mpirun started several
// processes; those of train(). Stopped (events.stop): kIo.
Result<ExperimentResult> run_experiment(const TrainConfig& config, const ExperimentOptions& options,
                                        const TrainEvents& events);

// The result as a file, for machines: {"experiment", "crops", "trials": [{"name", ...}]}.
std::string experiment_json(const ExperimentOptions& options, const ExperimentResult& result);

// The accuracies on the way, means over the seeds, as a picture: an SVG file's content.
std::string experiment_chart(const ExperimentOptions& options, const ExperimentResult& result);

// As a table in Markdown, over the seeds: mean, and the spread where there are several.
std::string experiment_table(const ExperimentOptions& options, const ExperimentResult& result);

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_EXPERIMENTS_H_
