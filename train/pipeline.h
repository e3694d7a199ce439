// The whole training (paper, section II.C): P-Net, mining, R-Net, mining, O-Net; after a stop, on from where
// it stood.
//
// The output folder holds: config.toml, what the run was told; metrics.jsonl, a line for each event;
// report.html, the same to look at (page.h), and NET-samples.png, what the sampler cut for each net;
// P-, R- and O-Net's NET.checkpoint while they learn, NET.mined and NET.own-N, mined windows;
// NET.safetensors, the model as soon as that net is done (nets that are not are random); and in the end
// model.safetensors, once it was evaluated. Every file is the old one or the new one at any moment.
#ifndef MTCNN_TRAIN_PIPELINE_H_
#define MTCNN_TRAIN_PIPELINE_H_

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "mtcnn/result.h"
#include "train/config.h"

namespace mtcnn {

struct TrainProgress {
  std::string doing;  // "P-Net", "mining for R-Net", ...
  std::int64_t done = 0, total = 0;
  std::string unit;         // what is counted
  double per_second = 0;    // recently
  double seconds_left = 0;  // of this part; 0: not known
  // While a net learns: recent means.
  double loss = 0, classification = 0, box = 0, landmarks = 0, accuracy = 0;
};

struct TrainEvents {
  std::function<void(const TrainProgress&)> progress;  // every few seconds
  std::function<void(const std::string& line)> note;   // what a person would want to read, once
  // Once true: saves a checkpoint and returns, within a step (with several processes: 16 steps) or a photograph. What was
  // found of a check or of mining until then is dropped.
  const std::atomic<bool>* stop = nullptr;
};

struct TrainRun {
  std::array<bool, 3> stages{true, true, true};  // which to train; the ones before must be done already
  // Forget what the output folder holds of the first of these nets and of those behind it, once the sets were read.
  bool restart = false;
};

// Trains what is not done yet, together with the processes that mpirun started with this one (train/ranks.h). To be
// called once in a process. Returns whether all that was asked for is done, false if it was stopped.
// Errors: kInvalidArgument if the folder belongs to another configuration, or a stage before is missing; those of
// reading the sets and of Ranks::join(); kIo; kFormat if the loss is no longer a number or no sample can be cut.
Result<bool> train(const TrainConfig& config, const TrainRun& run, const TrainEvents& events);

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_PIPELINE_H_
