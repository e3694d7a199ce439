#include "train/experiments.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <thread>

#include "engine/network.h"
#include "eval/svg_plot.h"
#include "mtcnn/model.h"
#include "nets/baseline_nets.h"
#include "nets/mtcnn_nets.h"
#include "train/batches.h"
#include "train/check.h"
#include "train/mining.h"
#include "train/net_trainer.h"
#include "train/ranks.h"
#include "util/aligned.h"

namespace mtcnn {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kCurvePoints = 10;
constexpr int kValidationBatch = 1024;
constexpr int kValidationBatches = 16;
constexpr int kPasses = 300;      // as the paper counts
constexpr int kTimedRepeats = 9;  // of those; in turn for the nets that are compared
// Sets the streams of samples apart from those of the training itself.
constexpr std::uint64_t kTrainStream = 100, kValidationStream = 200;

// What learns, and how it differs from the other nets of its stage.
struct Contestant {
  std::string name;
  std::size_t stage = 0;
  const NetSpec* net = nullptr;
  StageConfig config;
};

std::vector<Contestant> contestants(const TrainConfig& config, Experiment experiment) {
  std::vector<Contestant> list;
  if (experiment == Experiment::kTable1) {
    const StageConfig* stages[] = {&config.pnet, &config.rnet, &config.onet};
    const NetSpec* baselines[] = {&k12Net, &k24Net, &k48Net};
    const NetSpec* nets[] = {&kPNet, &kRNet, &kONet};
    const char* names[][2] = {{"12-net", "P-Net"}, {"24-net", "R-Net"}, {"48-net", "O-Net"}};
    for (std::size_t stage = 0; stage < 3; ++stage) {
      StageConfig alone = *stages[stage];
      // What the baselines have: a class.
      alone.loss_weights = {1, 0, 0};
      alone.landmarks = false;
      list.push_back({names[stage][0], stage, baselines[stage], alone});
      list.push_back({names[stage][1], stage, nets[stage], alone});
    }
    return list;
  }
  if (experiment == Experiment::kCalibration) {
    const StageConfig* stages[] = {&config.pnet, &config.rnet, &config.onet};
    const NetSpec* nets[] = {&k12Calibration, &k24Calibration, &k48Calibration};
    const char* names[] = {"12-calibration-net", "24-calibration-net", "48-calibration-net"};
    for (std::size_t stage = 0; stage < 3; ++stage) {
      StageConfig alone = *stages[stage];
      alone.loss_weights = {1, 0, 0};
      alone.hard_share = 1;
      alone.landmarks = false;
      list.push_back({names[stage], stage, nets[stage], alone});
    }
    return list;
  }
  StageConfig with = config.onet, without = config.onet;
  with.landmarks = without.landmarks = true;
  if (experiment == Experiment::kHardMining) {
    without.hard_share = 1;
  } else {
    // The landmark faces stay in the batches, so that both see the same of all else.
    without.loss_weights[2] = 0;
  }
  const std::string what = experiment == Experiment::kHardMining ? "hard mining" : "landmarks";
  list.push_back({"O-Net without " + what, 2, &kONet, without});
  list.push_back({"O-Net with " + what, 2, &kONet, with});
  return list;
}

bool has_head(const NetSpec& net, const char* name) {
  return std::any_of(net.heads.begin(), net.heads.end(),
                     [&](const Layer& head) { return std::string(head.name) == name; });
}

// Of O-Nets, which are judged within the cascade too.
bool is_of_cascade(Experiment experiment) {
  return experiment == Experiment::kHardMining || experiment == Experiment::kJointLandmarks;
}

constexpr std::array<double, kSampleKinds> kOnlyCalibration{0, 0, 0, 0, 1};

Error stopped() { return {ErrorCode::kIo, "stopped: an experiment begins anew"}; }

class Laboratory {
 public:
  Laboratory(const TrainConfig& config, const ExperimentOptions& options, const TrainEvents& events,
             Ranks& ranks)
      : config_(config),
        options_(options),
        events_(events),
        ranks_(ranks),
        threads_(config.threads > 0 ? config.threads
                                    : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
        images_(static_cast<std::size_t>(config.data.cache_gib * 0x1p30), config.data.max_side),
        validation_config_(config) {
    // Validation crops are as the cascade cuts them.
    validation_config_.augment = AugmentConfig::none();
  }

  Result<ExperimentResult> run();

 private:
  Result<MinedWindows> windows(const Photographs& photographs, std::size_t stage);
  // Leaves the weights in `data`, among those of the finished model.
  Result<Trial> trial(const Contestant& contestant, int seed, const Sampler& sampler,
                      const std::vector<Batch>& crops, ModelData& data);
  void measure(const NetSpec& net, const ModelData& data, std::span<const Batch> crops, Trial& trial) const;
  double time_passes(const NetSpec& net, const ModelData& data) const;
  bool stop() const { return events_.stop && *events_.stop; }
  void note(const std::string& text) const {
    if (events_.note) events_.note(text);
  }

  TrainConfig config_;
  ExperimentOptions options_;
  const TrainEvents& events_;
  Ranks& ranks_;
  int threads_;
  ImageCache images_;
  TrainConfig validation_config_;
  Photographs photographs_, validation_;
  ModelData model_;
};

// What the nets before `stage` let through, as the training itself mines it: its own windows, where they are still there.
Result<MinedWindows> Laboratory::windows(const Photographs& photographs, std::size_t stage) {
  MiningOptions options = mining_options(config_, Mine::kNext, static_cast<int>(stage));
  options.threads = threads_;
  options.stop = events_.stop;
  const char* const files[] = {nullptr, "rnet.mined", "onet.mined"};
  Result<MinedWindows> old = load_mined((std::filesystem::path(config_.output) / files[stage]).string(),
                                        mining_key(model_, options, photographs), photographs.list.size());
  if (old) return old;
  note("searching " + std::to_string(photographs.list.size()) +
       " photographs for what the nets before let through");
  MinedWindows found = mine(model_, options, photographs, images_);
  if (stop()) return stopped();
  return found;
}

// Accuracy and box error on the validation crops, by the engine.
void Laboratory::measure(const NetSpec& net, const ModelData& data, std::span<const Batch> crops,
                         Trial& trial) const {
  const bool boxes = has_head(net, "box"), calibration = has_head(net, "calibration");
  const Kernels& kernels = *find_kernels("auto");
  const Network network = calibration ? Network(net, data, kernels, {"calibration"})
                          : boxes     ? Network(net, data, kernels, {"class", "box"})
                                      : Network(net, data, kernels, {"class"});
  const std::size_t outputs = static_cast<std::size_t>(network.outputs());
  std::size_t right = 0, judged = 0, regressed = 0;
  double distance = 0;
  for (const Batch& batch : crops) {
    const int count = static_cast<int>(batch.targets.size());
    const Size size{batch.side, batch.side};
    AlignedFloats scratch(network.scratch_size(size, count)),
        out(static_cast<std::size_t>(count) * outputs + kSlack);
    network.run(batch.pixels.data(), count, size, scratch.data(), out.data());
    for (std::size_t i = 0; i < batch.targets.size(); ++i) {
      const SampleTarget& target = batch.targets[i];
      if (calibration) {
        const float* const scores = out.data() + outputs * i;
        ++judged;
        right += std::max_element(scores, scores + outputs) - scores == target.pattern;
        continue;
      }
      const bool face = target.kind == SampleKind::kPositive;
      if (face || target.kind == SampleKind::kNegative) {
        ++judged;
        right += (out[outputs * i + 1] > out[outputs * i]) == face;
      }
      if (boxes && (face || target.kind == SampleKind::kPart)) {
        ++regressed;
        for (std::size_t k = 0; k < 4; ++k) {
          const double off = double{out[outputs * i + 2 + k]} - target.box[k];
          distance += off * off;
        }
      }
    }
  }
  trial.accuracy = static_cast<double>(right) / static_cast<double>(judged);
  trial.box_error =
      boxes ? distance / static_cast<double>(regressed) : std::numeric_limits<double>::quiet_NaN();
}

double Laboratory::time_passes(const NetSpec& net, const ModelData& data) const {
  const Network network(net, data, *find_kernels("auto"), {"class"});
  const Size size{net.side, net.side};
  const AlignedFloats input(static_cast<std::size_t>(net.side * net.side * 3) + kSlack);
  AlignedFloats scratch(network.scratch_size(size, 1)),
      out(static_cast<std::size_t>(network.outputs()) + kSlack);
  const auto start = Clock::now();
  for (int i = 0; i < kPasses; ++i) network.run(input.data(), 1, size, scratch.data(), out.data());
  return 1e3 * std::chrono::duration<double>(Clock::now() - start).count();
}

Result<Trial> Laboratory::trial(const Contestant& contestant, int seed, const Sampler& sampler,
                                const std::vector<Batch>& crops, ModelData& data) {
  const NetSpec& net = *contestant.net;
  StageConfig stage = contestant.config;
  auto created = NetTrainer::create(net, stage, config_.seed + static_cast<std::uint64_t>(seed),
                                    config_.device, threads_, ranks_);
  if (!created) return created.error();
  NetTrainer& trainer = **created;
  std::array<double, kSampleKinds> ratio{};
  std::copy(config_.samples.ratio.begin(), config_.samples.ratio.end(), ratio.begin());
  if (!stage.landmarks) ratio[static_cast<std::size_t>(SampleKind::kLandmark)] = 0;
  // Only what teaches something to either of the nets that are compared.
  if (stage.loss_weights[1] == 0) ratio[static_cast<std::size_t>(SampleKind::kPart)] = 0;
  if (has_head(net, "calibration")) ratio = kOnlyCalibration;
  Result<BatchPlan> planned = plan_batch(sampler, ratio, stage.batch, 0, 1);
  if (!planned) return planned.error();
  BatchPlan& plan = *planned;
  std::int64_t batch = 0;
  for (const int count : plan.counts) batch += count;
  const std::int64_t steps = std::max<std::int64_t>(
      kCurvePoints,
      static_cast<std::int64_t>(options_.samples[contestant.stage] / static_cast<double>(batch)));
  plan.plain_from = plain_from(steps, stage.plain_share);

  Trial trial;
  trial.name = contestant.name;
  trial.stage = contestant.stage;
  trial.seed = seed;
  trial.samples = static_cast<double>(steps * batch);
  data = model_;
  BatchQueue queue(sampler, plan, net.side, 0, steps, threads_, contestant.stage > 0);
  const auto start = Clock::now();
  for (std::int64_t step = 0; step < steps; ++step) {
    if (stop()) return stopped();
    const Result<Batch> cut = queue.next();
    if (!cut) return cut.error();
    const Result<StepResult> result =
        trainer.step(*cut, static_cast<double>(step) / static_cast<double>(steps));
    if (!result) return result.error();
    const std::int64_t done = step + 1;
    if (events_.progress && done % 8 == 0) {
      TrainProgress progress;
      progress.doing = contestant.name;
      progress.done = done * batch;
      progress.total = steps * batch;
      progress.unit = "samples";
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      progress.per_second = static_cast<double>(done * batch) / seconds;
      progress.seconds_left = static_cast<double>(steps - done) * seconds / static_cast<double>(done);
      progress.loss = result->total;
      progress.classification = result->classification;
      progress.box = result->box;
      progress.landmarks = result->landmarks;
      events_.progress(progress);
    }
    if (done * kCurvePoints / steps != step * kCurvePoints / steps) {
      trainer.save(data, true);
      // A part of the crops, the same at every point, is enough for a curve.
      measure(net, data, std::span<const Batch>(crops).first(crops.size() / 4), trial);
      trial.curve.push_back(trial.accuracy);
    }
  }
  measure(net, data, crops, trial);
  if (is_of_cascade(options_.experiment)) {
    CheckOptions check_options;
    check_options.stages = 3;
    check_options.search = config_.checking;
    std::copy(model_.thresholds.begin(), model_.thresholds.end(), check_options.thresholds.begin());
    check_options.thresholds[2] = kLeastChecked;
    check_options.threads = threads_;
    const CheckResult found = check(data, check_options, validation_, images_);
    trial.average_precision = found.average_precision;
    trial.landmark_error = found.landmark_error;
  }
  char text[200];
  std::snprintf(text, sizeof text, "%s, run %d: %.2f %% of the validation crops told right",
                trial.name.c_str(), seed + 1, 100 * trial.accuracy);
  note(text);
  return trial;
}

Result<ExperimentResult> Laboratory::run() {
  if (ranks_.size() > 1)
    return Error{ErrorCode::kInvalidArgument, "experiments run in one process, not under mpirun"};
  if (config_.validation.empty())
    return Error{ErrorCode::kInvalidArgument, "an experiment needs [[validation]] sets"};
  const bool calibration = options_.experiment == Experiment::kCalibration;
  if (!calibration) {
    const std::string file = (std::filesystem::path(config_.output) / "model.safetensors").string();
    const Result<Model> model = Model::load(file);
    if (!model) {
      return Error{ErrorCode::kInvalidArgument,
                   "an experiment needs the finished model of this config: " + model.error().message};
    }
    model_ = model->data();
  }
  Result<Photographs> read = read_photographs(config_.sets, config_.data.min_face);
  if (!read) return read.error();
  photographs_ = std::move(*read);
  read = read_photographs(config_.validation, config_.checking.min_face);
  if (!read) return read.error();
  validation_ = std::move(*read);
  for (const Photographs* part : {&photographs_, &validation_}) {
    for (const std::string& line : part->missing) note(line);
  }

  const std::vector<Contestant> list = contestants(config_, options_.experiment);
  ExperimentResult result;
  for (std::size_t stage = 0; stage < 3; ++stage) {
    const auto of_stage =
        std::find_if(list.begin(), list.end(), [&](const Contestant& c) { return c.stage == stage; });
    if (of_stage == list.end()) continue;
    const int side = of_stage->net->side;
    const double face_share = of_stage->config.face_share;
    MinedWindows windows_to_learn, windows_to_judge;
    const bool mines = stage > 0 && !calibration;
    if (mines) {
      Result<MinedWindows> found = windows(photographs_, stage);
      if (!found) return found.error();
      windows_to_learn = std::move(*found);
      found = windows(validation_, stage);
      if (!found) return found.error();
      windows_to_judge = std::move(*found);
    }
    Sampler judge(validation_, images_, validation_config_, side, kValidationStream + stage, face_share);
    if (mines) judge.use_windows(windows_to_judge);
    std::array<double, kSampleKinds> ratio{};
    std::copy_n(config_.samples.ratio.begin(), 3, ratio.begin());
    if (calibration) ratio = kOnlyCalibration;
    const Result<BatchPlan> planned = plan_batch(judge, ratio, kValidationBatch, 0, 1);
    if (!planned) return planned.error();
    const BatchPlan& plan = *planned;
    std::vector<Batch> crops;
    SamplerScratch scratch;
    for (int i = 0; i < kValidationBatches; ++i) {
      Result<Batch> batch = make_batch(judge, plan, side, i, scratch);
      if (!batch) return batch.error();
      crops.push_back(std::move(*batch));
    }
    result.crops = 0;
    for (const SampleKind kind : {SampleKind::kNegative, SampleKind::kPositive, SampleKind::kCalibration})
      result.crops +=
          static_cast<std::size_t>(kValidationBatches * plan.counts[static_cast<std::size_t>(kind)]);
    std::vector<const Contestant*> here;
    for (const Contestant& contestant : list) {
      if (contestant.stage == stage) here.push_back(&contestant);
    }
    std::vector<ModelData> learned(here.size());
    const std::size_t first_trial = result.trials.size();
    for (int seed = 0; seed < options_.seeds; ++seed) {
      TrainConfig seeded = config_;
      seeded.seed += static_cast<std::uint64_t>(seed);
      Sampler sampler(photographs_, images_, seeded, side, kTrainStream + stage, face_share);
      if (mines) sampler.use_windows(windows_to_learn);
      for (std::size_t i = 0; i < here.size(); ++i) {
        Result<Trial> found = trial(*here[i], seed, sampler, crops, learned[i]);
        if (!found) return found.error();
        result.trials.push_back(std::move(*found));
      }
    }
    if (options_.experiment != Experiment::kTable1) continue;
    std::vector<std::vector<double>> times(here.size());
    for (int repeat = 0; repeat < kTimedRepeats; ++repeat) {
      for (std::size_t i = 0; i < here.size(); ++i)
        times[i].push_back(time_passes(*here[i]->net, learned[i]));
    }
    for (std::size_t i = 0; i < here.size(); ++i) {
      std::nth_element(times[i].begin(), times[i].begin() + kTimedRepeats / 2, times[i].end());
      for (std::size_t t = first_trial + i; t < result.trials.size(); t += here.size()) {
        result.trials[t].milliseconds = times[i][kTimedRepeats / 2];
      }
    }
  }
  return result;
}

// Of the nets, in order, once for all seeds.
std::vector<std::string> names_of(const ExperimentResult& result) {
  std::vector<std::string> names;
  for (const Trial& trial : result.trials) {
    if (std::find(names.begin(), names.end(), trial.name) == names.end()) names.push_back(trial.name);
  }
  return names;
}

// "95.41 %", "95.41 % ± 0.12" of several: the mean, and the sample standard deviation.
std::string spread(const std::vector<double>& values, double unit, int digits, const char* suffix) {
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  for (const double value : values) squares += (value - mean) * (value - mean);
  char text[80];
  int length = std::snprintf(text, sizeof text, "%.*f%s", digits, unit * mean, suffix);
  if (values.size() > 1) {
    std::snprintf(text + length, sizeof text - static_cast<std::size_t>(length), " ± %.*f", digits,
                  unit * std::sqrt(squares / static_cast<double>(values.size() - 1)));
  }
  return text;
}

}  // namespace

const char* experiment_name(Experiment experiment) {
  switch (experiment) {
    case Experiment::kTable1: return "table1";
    case Experiment::kHardMining: return "hard-mining";
    case Experiment::kJointLandmarks: return "joint-landmarks";
    case Experiment::kCalibration: return "calibration";
  }
  return "";
}

Result<ExperimentResult> run_experiment(const TrainConfig& config, const ExperimentOptions& options,
                                        const TrainEvents& events) {
  const auto ranks = Ranks::join();
  if (!ranks) return ranks.error();
  return Laboratory(config, options, events, **ranks).run();
}

std::string experiment_json(const ExperimentOptions& options, const ExperimentResult& result) {
  nlohmann::ordered_json trials = nlohmann::ordered_json::array();
  for (const Trial& trial : result.trials) {
    trials.push_back({{"name", trial.name},
                      {"seed", trial.seed},
                      {"samples", trial.samples},
                      {"accuracy", trial.accuracy},
                      {"box_error", trial.box_error},  // NaN: null
                      {"curve", trial.curve},
                      {"average_precision", trial.average_precision},
                      {"landmark_error", trial.landmark_error},
                      {"milliseconds", trial.milliseconds}});
  }
  return nlohmann::ordered_json{
             {"experiment", experiment_name(options.experiment)}, {"crops", result.crops}, {"trials", trials}}
             .dump(1) +
         "\n";
}

std::string experiment_chart(const ExperimentOptions& options, const ExperimentResult& result) {
  SvgPlot plot;
  plot.title = std::string(experiment_name(options.experiment)) + ": validation accuracy";
  plot.description =
      "Share of the validation crops that each net tells right, over the share of its samples; " +
      std::string(options.seeds > 1 ? "means over the runs." : "one run each.");
  plot.x = {"share of the samples", 0, 1, false, true};
  double least = 1, most = 0;
  for (const std::string& name : names_of(result)) {
    SvgSeries series;
    series.name = name;
    series.style = plot.series.size();
    std::vector<double> sum, accuracy;
    for (const Trial& trial : result.trials) {
      if (trial.name != name) continue;
      accuracy.push_back(trial.accuracy);
      sum.resize(trial.curve.size());
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += trial.curve[i];
    }
    for (std::size_t i = 0; i < sum.size(); ++i) {
      const double mean = sum[i] / static_cast<double>(accuracy.size());
      series.points.emplace_back(static_cast<double>(i + 1) / static_cast<double>(sum.size()), mean);
      least = std::min(least, mean);
      most = std::max(most, mean);
    }
    series.figure = spread(accuracy, 100, 2, " %");
    plot.series.push_back(std::move(series));
  }
  // From a multiple of five per cent to another.
  const double low = std::min(std::floor(20 * least), 19.), high = std::ceil(20 * most);
  plot.y = {"told right", least <= most ? low / 20 : 0, least <= most ? std::max(high, low + 1) / 20 : 1,
            false, true};
  return svg_file(plot);
}

std::string experiment_table(const ExperimentOptions& options, const ExperimentResult& result) {
  const bool table1 = options.experiment == Experiment::kTable1;
  std::string text =
      table1 ? "| net | samples | 300 forward passes | validation accuracy |\n|---|---|---|---|\n"
      : !is_of_cascade(options.experiment)
          ? "| net | samples | validation accuracy |\n|---|---|---|\n"
          : "| net | samples | validation accuracy | box error | cascade's average precision | points off "
            "by |\n|---|---|---|---|---|---|\n";
  for (const std::string& name : names_of(result)) {
    std::vector<double> accuracy, box, precision, landmarks;
    double samples = 0, milliseconds = 0;
    for (const Trial& trial : result.trials) {
      if (trial.name != name) continue;
      accuracy.push_back(trial.accuracy);
      box.push_back(trial.box_error);
      precision.push_back(trial.average_precision);
      landmarks.push_back(trial.landmark_error);
      samples = trial.samples;
      milliseconds = trial.milliseconds;
    }
    char count[40];
    std::snprintf(count, sizeof count, "%.2f M", 1e-6 * samples);
    text += "| " + name + " | " + count + " | ";
    if (table1) {
      char time[40];
      std::snprintf(time, sizeof time, "%.2f ms", milliseconds);
      text += std::string(time) + " | " + spread(accuracy, 100, 2, " %") + " |\n";
    } else if (!is_of_cascade(options.experiment)) {
      text += spread(accuracy, 100, 2, " %") + " |\n";
    } else {
      text += spread(accuracy, 100, 2, " %") + " | " + spread(box, 1, 5, "") + " | " +
              spread(precision, 1, 4, "") + " | " + spread(landmarks, 100, 2, " %") + " |\n";
    }
  }
  return text;
}

}  // namespace mtcnn
