// mtcnn-train: what `mtcnn train` runs. A program of its own, so that libtorch is loaded by it alone.
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/progress.h"
#include "apps/text.h"
#include "train/experiments.h"
#include "train/pipeline.h"
#include "util/file.h"

namespace mtcnn {
namespace {

std::atomic<bool> stop_asked = false;

void on_signal(int) {
  // A second time, the program ends at once; the last checkpoint is there.
  if (stop_asked.exchange(true)) std::_Exit(kExitFailed);
}

int write_example(const std::string& file) {
  const std::string text = example_config();
  if (file == "-") {
    std::fputs(text.c_str(), stdout);
    return kExitOk;
  }
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    std::fprintf(stderr, "mtcnn train: %s: is there already, expected a new file\n", printable(file).c_str());
    return kExitFailed;
  }
  const Status status = write_file(file, {reinterpret_cast<const std::byte*>(text.data()), text.size()});
  if (!status) {
    std::fprintf(stderr, "mtcnn train: %s\n", status.error().message.c_str());
    return kExitFailed;
  }
  std::printf("Wrote %s: name your photographs in it, then run mtcnn train --config %s\n",
              printable(file).c_str(), printable(file).c_str());
  return kExitOk;
}

// The table to stdout; the figures, for machines, and the curves into the output folder.
int print_experiment(const TrainConfig& config, const ExperimentOptions& options,
                     const Result<ExperimentResult>& result) {
  if (!result) {
    std::fprintf(stderr, "mtcnn train: %s\n", printable(result.error().message).c_str());
    return result.error().code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailed;
  }
  std::printf("Of %zu validation crops:\n%s", result->crops, experiment_table(options, *result).c_str());
  const std::string name = config.output + "/experiment-" + experiment_name(options.experiment);
  const std::pair<std::string, std::string> files[] = {{name + ".json", experiment_json(options, *result)},
                                                       {name + ".svg", experiment_chart(options, *result)}};
  std::error_code error;  // write_file() says what is wrong
  std::filesystem::create_directories(config.output, error);
  for (const auto& [file, text] : files) {
    const Status status = write_file(file, {reinterpret_cast<const std::byte*>(text.data()), text.size()});
    if (!status) {
      std::fprintf(stderr, "mtcnn train: %s\n", printable(status.error().message).c_str());
      return kExitFailed;
    }
    std::printf("Wrote %s\n", printable(file).c_str());
  }
  return kExitOk;
}

int run(int argc, const char* const* argv) {
  CLI::App app("Trains P-Net, R-Net and O-Net from nothing, each on what the ones before let through.",
               "mtcnn train");
  std::string config_file, init, output, stage;
  int threads = -1;
  bool restart = false;
  add_text(app, "--config", config_file, "settings and photographs, a TOML file");
  app.add_option("--init", init,
                 "write a config file with all settings and what they mean, and stop (-: to the terminal)")
      ->expected(0, 1)
      ->default_str("-");
  add_text(app, "--output", output, "folder for what is written, in place of the config file's");
  app.add_option("--stage", stage, "train this net alone; those before must be done")
      ->check(CLI::IsMember({"pnet", "rnet", "onet"}));
  app.add_option("--threads", threads, "processor cores to use, 0 for all; in place of the config file's")
      ->check(whole_number(0, 1024));
  ExperimentOptions trial;
  std::optional<Experiment> experiment;
  std::vector<double> samples;
  const std::map<std::string, Experiment> experiments{{"table1", Experiment::kTable1},
                                                      {"hard-mining", Experiment::kHardMining},
                                                      {"joint-landmarks", Experiment::kJointLandmarks},
                                                      {"calibration", Experiment::kCalibration}};
  app.add_option("--experiment", experiment,
                 "with the finished model, repeat a comparison of the paper in place of training: table1 "
                 "(the baselines' nets beside P-, R- and O-Net), hard-mining or joint-landmarks (O-Net "
                 "with and without); or calibration (the baselines' calibration nets, without a model)")
      ->transform(CLI::CheckedTransformer(experiments)
                      .description("table1, hard-mining, joint-landmarks or calibration"));
  app.add_option("--samples", samples, "of an experiment: samples that P-, R- and O-Net learn from")
      ->expected(3)
      ->delimiter(',')
      ->check(in_range(1, 1e12));
  app.add_option("--seeds", trial.seeds, "of an experiment: runs of each net")->check(whole_number(1, 100));
  app.add_flag(
      "--restart", restart,
      "forget what the output folder holds, with --stage that net's and those of the nets behind it; without "
      "this a training goes on where it was stopped");
  app.footer(
      "Stopped with Ctrl-C, or killed, the same command goes on from the last checkpoint.\n"
      "Started by mpirun, the processes train together.\n"
      "Exit status: 0 done, 1 stopped or failed, 2 wrong usage.");
  if (const auto status = parse_command_line(app, argc, argv)) return *status;
  if (app.count("--init") > 0) return write_example(init.empty() ? "-" : init);
  if (config_file.empty()) return usage_error("train", "--config is missing; --init writes a first one");
  Result<TrainConfig> config = load_config(config_file);
  if (!config) return usage_error("train", config.error().message);
  if (!output.empty()) config->output = output;
  if (threads >= 0) config->threads = threads;

  struct sigaction action {};
  action.sa_handler = on_signal;
  for (const int number : {SIGINT, SIGTERM}) sigaction(number, &action, nullptr);

  TrainRun what;
  what.restart = restart;
  if (!stage.empty()) what.stages = {stage == "pnet", stage == "rnet", stage == "onet"};
  std::unique_ptr<Progress> line;
  std::string doing;
  const auto start = std::chrono::steady_clock::now();
  TrainEvents events;
  events.stop = &stop_asked;
  events.progress = [&](const TrainProgress& progress) {
    if (progress.doing != doing) line.reset();
    if (!line) line = std::make_unique<Progress>(progress.total, progress.unit);
    doing = progress.doing;
    std::string more = progress.doing;
    if (progress.loss > 0) {
      more += "  loss " + format_fixed(progress.loss, 4) + " (class " +
              format_fixed(progress.classification, 4) + ", box " + format_fixed(progress.box, 4) +
              ", points " + format_fixed(progress.landmarks, 4) + ")";
    }
    line->at(progress.done, {progress.per_second, progress.seconds_left}, more);
  };
  events.note = [&](const std::string& text) {
    if (line) line->hide();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::fprintf(stderr, "[%6.1f min] %s\n", seconds / 60, printable(text).c_str());
  };
  if (experiment) {
    trial.experiment = *experiment;
    if (!samples.empty()) std::copy(samples.begin(), samples.end(), trial.samples.begin());
    const Result<ExperimentResult> result = run_experiment(*config, trial, events);
    line.reset();
    return print_experiment(*config, trial, result);
  }
  const Result<bool> done = train(*config, what, events);
  line.reset();
  if (!done) {
    std::fprintf(stderr, "mtcnn train: %s\n", printable(done.error().message).c_str());
    return done.error().code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailed;
  }
  if (!*done) {
    std::fprintf(stderr, "mtcnn train: stopped; the same command goes on from here\n");
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace
}  // namespace mtcnn

int main(int argc, char** argv) {
  // OpenMP's threads, on which libtorch computes, spin while they wait for the next batch, and take the processor from
  // the threads that cut it. What tells them not to is read before main() begins: hence a second beginning.
  if (setenv("OMP_WAIT_POLICY", "passive", 0) == 0 && std::getenv("MTCNN_TRAIN_BEGUN") == nullptr) {
    setenv("MTCNN_TRAIN_BEGUN", "1", 1);
    execv("/proc/self/exe", argv);
  }
#ifdef __GLIBC__
  // Else each step's large tensors are mapped anew, and their pages zeroed: a sixth of O-Net's time.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
  try {
    return mtcnn::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mtcnn train: %s\n", error.what());
    return mtcnn::kExitFailed;
  }
}
