#include "train/pipeline.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "eval/stages.h"
#include "mtcnn/detector.h"
#include "mtcnn/model.h"
#include "mtcnn/version.h"
#include "nets/mtcnn_nets.h"
#include "train/batches.h"
#include "train/check.h"
#include "train/fingerprint.h"
#include "train/mining.h"
#include "train/net_trainer.h"
#include "train/page.h"
#include "train/ranks.h"
#include "train/sample_sheet.h"
#include "util/file.h"

namespace mtcnn {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr const char* kTitles[] = {"P-Net", "R-Net", "O-Net"};
constexpr double kCheckpointSeconds = 60;  // between two checkpoints
constexpr double kLowScore =
    .3;  // of O-Net, where kTimesMore times as many false positives pass as at its threshold
constexpr double kReportSeconds = 5;  // between two lines of metrics
constexpr std::size_t kLargestFile = std::size_t{1} << 34;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string_view text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Of this process so far, bytes.
std::size_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

const NetSpec& net_of(std::size_t stage) {
  static constexpr const NetSpec* kNets[] = {&kPNet, &kRNet, &kONet};
  return *kNets[stage];
}

Json to_json(const CheckResult& check) {
  return {{"images", check.images},
          {"faces", check.faces},
          {"figure", check.figure},
          {"recall", check.recall},
          {"windows", check.windows},
          {"threshold", check.threshold},
          {"threshold_of_more", check.threshold_of_more},
          {"recall_of_all", check.recall_of_all},
          {"windows_of_all", check.windows_of_all},
          {"average_precision", check.average_precision},
          {"average_precision_of_all", check.average_precision_of_all},
          {"landmark_error", check.landmark_error},
          {"landmark_faces", check.landmark_faces}};
}

// Means since the last report.
struct Means {
  StepResult sum;
  double count = 0;
  void add(const StepResult& step) {
    sum.total += step.total;
    sum.classification += step.classification;
    sum.box += step.box;
    sum.landmarks += step.landmarks;
    sum.accuracy += step.accuracy;
    sum.learning_rate = step.learning_rate;
    ++count;
  }
  StepResult mean() const {
    const double n = std::max(count, 1.0);
    return {sum.total / n,     sum.classification / n, sum.box / n,
            sum.landmarks / n, sum.accuracy / n,       sum.learning_rate};
  }
};

std::size_t first_stage(const TrainRun& run) {
  return static_cast<std::size_t>(std::find(run.stages.begin(), run.stages.end(), true) - run.stages.begin());
}

// How many threads there are and where folders and files lie changes nothing that is learned: photographs and the weights that a net begins with
// have fingerprints of their own.
std::string text_without_places(TrainConfig config) {
  config.threads = 0;
  config.output = "";
  for (std::vector<SetConfig>* sets : {&config.sets, &config.validation}) {
    for (SetConfig& set : *sets) set.labels = set.images = set.landmarks = "";
  }
  for (StageConfig* stage : {&config.pnet, &config.rnet, &config.onet}) {
    stage->start_from = std::filesystem::path(stage->start_from).filename().string();
  }
  return config_text(config);
}

// Crops are cut with the same mean and scale for all nets.
Status check_pixels(const ModelData& model, const std::string& name) {
  if (model.pixel_mean == kPixelMean && model.pixel_scale == kPixelScale) return std::monostate{};
  return Error{ErrorCode::kUnsupported,
               name + ": a model for pixels of another mean and scale than the trainer's"};
}

std::uint64_t fingerprint_of(const ModelData& model) {
  Fingerprint sum;
  for (const auto& [name, tensor] : model.tensors) {
    sum.add(name);
    sum.add(std::as_bytes(std::span(tensor.values)));
  }
  return sum.value();
}

// Two trainings in one folder would write over each other's checkpoints. Holds until the end of the process at the latest, so that
// a kill leaves no lock behind.
class FolderLock {
 public:
  FolderLock() = default;
  ~FolderLock() {
    if (folder_ >= 0) close(folder_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  // False if another process holds it. A file system without locks has none to offer: true.
  bool take(const std::string& folder) {
    folder_ = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder_ < 0 || flock(folder_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
  }

 private:
  int folder_ = -1;
};

class Pipeline {
 public:
  Pipeline(const TrainConfig& config, const TrainEvents& events, Ranks& ranks)
      : config_(config),
        events_(events),
        ranks_(ranks),
        threads_(config.threads > 0 ? config.threads
                                    : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
        images_(static_cast<std::size_t>(config.data.cache_gib * 0x1p30), config.data.max_side) {}

  Result<bool> run(const TrainRun& run);

 private:
  // What checks found best so far.
  struct Best {
    double figure = -1;
    std::int64_t step = -1;
    double threshold = 0, threshold_of_more = 0;  // CheckResult's
    std::int64_t checked = 0;                     // the step of the last check, good or not
    std::string start;                            // what it began with, or empty
    ModelData weights;                            // tensors of this net alone
  };

  std::string path(const std::string& name) const {
    return (std::filesystem::path(config_.output) / name).string();
  }
  bool stopped() const { return events_.stop && *events_.stop; }
  bool first() const { return ranks_.rank() == 0; }
  // Whether it holds for every rank.
  bool all_ranks(bool holds) const;
  void note(const std::string& text) const {
    if (first() && events_.note) events_.note(text);
  }
  void record(const Json& line) const;
  void write_page() const;
  void write_sheet(const NetSpec& net, const Sampler& sampler, const BatchPlan& plan,
                   std::int64_t step) const;
  const StageConfig& stage_config(std::size_t stage) const {
    return stage == 0 ? config_.pnet : stage == 1 ? config_.rnet : config_.onet;
  }

  Status prepare(const TrainRun& run);
  Status read_sets();
  Status compare_settings() const;
  Status compare_nets_before(std::size_t stage) const;
  Status read_starts(const TrainRun& run);
  void forget(std::size_t from) const;
  void remove_own(std::size_t stage) const;
  Result<bool> finish();
  bool is_finished(const Model& model) const;
  Result<std::optional<std::string>> evaluate(const Model& model);
  Result<ModelData> model_before(std::size_t stage) const;
  // Nothing if it was stopped.
  Result<std::optional<MinedWindows>> mined(std::size_t stage, Mine what, int round, const ModelData& model);
  Result<bool> train_stage(std::size_t stage, ModelData& model);
  void calibrate(std::size_t stage, Best& best) const;
  Status save_model(const ModelData& data, const std::string& check, const std::string& name) const;
  Status save_checkpoint(std::size_t stage, const NetTrainer& trainer, std::int64_t step,
                         const Best& best) const;
  Result<std::int64_t> load_checkpoint(std::size_t stage, NetTrainer& trainer, Best& best) const;

  const TrainConfig& config_;
  const TrainEvents& events_;
  Ranks& ranks_;
  int threads_;
  FolderLock lock_;
  ImageCache images_;
  Photographs photographs_, validation_;
  std::array<std::optional<ModelData>, 3> starts_;
  std::string config_hash_;
};

bool Pipeline::all_ranks(bool holds) const {
  if (ranks_.size() == 1) return holds;
  const std::vector<std::vector<std::byte>> words = ranks_.gather(std::vector<std::byte>{std::byte{holds}});
  return std::all_of(words.begin(), words.end(), [](const auto& word) { return word[0] == std::byte{1}; });
}

void Pipeline::record(const Json& line) const {
  if (!first()) return;
  // Appended in one write: what a kill can leave is a last line that is cut short, which readers skip. The next begins
  // on a line of its own.
  if (std::FILE* const file = std::fopen(path("metrics.jsonl").c_str(), "a+")) {
    const bool torn = std::fseek(file, -1, SEEK_END) == 0 && std::fgetc(file) != '\n';
    const std::string text = (torn ? "\n" : "") + line.dump() + "\n";
    std::fseek(file, 0, SEEK_END);  // from reading to writing
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  }
}

// A run does not end because its page could not be written.
void Pipeline::write_page() const {
  if (!first()) return;
  if (Status status = write_training_page(config_.output); !status) note(status.error().message);
}

void Pipeline::write_sheet(const NetSpec& net, const Sampler& sampler, const BatchPlan& plan,
                           std::int64_t step) const {
  if (!first()) return;
  SamplerScratch scratch;
  const Result<Batch> batch = make_batch(sampler, sheet_plan(plan), net.side, step, scratch);
  if (!batch) return;  // training says so, too
  if (Status status = save_image(path(std::string(net.name) + "-samples.png"), sample_sheet(*batch).view());
      !status) {
    note(status.error().message);
  }
}

// Those of the run that the folder holds.
Status Pipeline::compare_settings() const {
  const std::string file = path("config.toml");
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::monostate{};
  const Result<std::vector<std::byte>> old = read_file(file, std::size_t{1} << 24);
  if (!old) return old.error();
  // As they are read: a setting that was not there yet had its default.
  const Result<TrainConfig> before = parse_config(std::string(text_of(*old)), file, "");
  if (before && text_without_places(*before) == text_without_places(config_)) return std::monostate{};
  return Error{ErrorCode::kInvalidArgument,
               config_.output +
                   ": holds a training with other settings (config.toml there): give another output folder, "
                   "or --restart to begin anew"};
}

// Nets that are kept must be those that the settings speak of.
Status Pipeline::compare_nets_before(std::size_t stage) const {
  const std::string file = path("config.toml");
  const Result<std::vector<std::byte>> old = read_file(file, std::size_t{1} << 24);
  if (!old || stage == 0) return std::monostate{};  // nothing to compare with
  Result<TrainConfig> before = parse_config(std::string(text_of(*old)), file, "");
  if (!before) return std::monostate{};
  // All others may change.
  TrainConfig mixed = config_;
  mixed.pnet = before->pnet;
  if (stage > 1) mixed.rnet = before->rnet;
  if (text_without_places(mixed) == text_without_places(config_)) return std::monostate{};
  return Error{ErrorCode::kInvalidArgument,
               config_.output + ": the nets before " + kTitles[stage] +
                   " were trained with other settings (config.toml there), expected the same, or --restart "
                   "from the first that changes"};
}

void Pipeline::remove_own(std::size_t stage) const {
  std::error_code error;
  for (int round = 0; round < 100; ++round)
    std::filesystem::remove(path(std::string(net_of(stage).name) + ".own-" + std::to_string(round)), error);
}

// What the nets from this one on left, and what is of the whole.
void Pipeline::forget(std::size_t from) const {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<std::string> nets;
  // From the end, so that a kill on the way leaves nothing that is of nets which are gone.
  for (const char* name : {"report.html", "model.safetensors"}) fs::remove(path(name), error);
  for (std::size_t stage = 3; stage-- > from;) {
    nets.emplace_back(net_of(stage).name);
    for (const char* ending : {".safetensors", ".checkpoint", ".mined", "-samples.png"})
      fs::remove(path(nets.back() + ending), error);
    remove_own(stage);
  }
  const std::string metrics = path("metrics.jsonl");
  const Result<std::vector<std::byte>> lines = read_file(metrics, kLargestFile);
  fs::remove(metrics, error);
  if (from == 0 || !lines) return;
  std::string kept;
  for (std::string_view rest = text_of(*lines); !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object() || json.value("event", "") == "result") continue;
    if (std::find(nets.begin(), nets.end(), json.value("net", "")) != nets.end()) continue;
    kept.append(line).append("\n");
  }
  if (Status status = write_file(metrics, bytes_of(kept)); !status) note(status.error().message);
}

Status Pipeline::read_sets() {
  Result<Photographs> read = read_photographs(config_.sets, config_.data.min_face);
  if (!read) return read.error();
  photographs_ = std::move(*read);
  if (!config_.validation.empty()) {
    read = read_photographs(config_.validation, config_.checking.min_face);
    if (!read) return read.error();
    validation_ = std::move(*read);
  }
  std::size_t shown = 0;
  for (const Photographs* part : {&photographs_, &validation_}) {
    for (const Problem& problem : part->problems) {
      if (++shown <= 20) note(problem.text());
    }
  }
  if (shown > 20) note("... and " + std::to_string(shown - 20) + " more labels that can't be used");
  for (const Photographs* part : {&photographs_, &validation_}) {
    for (const std::string& line : part->missing) note(line);
  }
  return std::monostate{};
}

// Before anything is forgotten or learned. Not needed any more by a net that is done or has a checkpoint.
Status Pipeline::read_starts(const TrainRun& run) {
  for (std::size_t stage = 0; stage < 3; ++stage) {
    const std::string& file = stage_config(stage).start_from;
    if (!run.stages[stage] || file.empty()) continue;
    const std::string name = path(net_of(stage).name);
    std::error_code error;
    if (!run.restart && (std::filesystem::exists(name + ".safetensors", error) ||
                         std::filesystem::exists(name + ".checkpoint", error))) {
      continue;
    }
    // --restart removes what the folder holds.
    if (std::filesystem::equivalent(std::filesystem::path(file).parent_path(), config_.output, error)) {
      return Error{ErrorCode::kInvalidArgument,
                   file + ": start_from is a file of the output folder, expected one elsewhere"};
    }
    const Result<Model> model = Model::load(file);
    if (!model) return model.error();
    if (Status status = check_pixels(model->data(), file); !status) return status;
    starts_[stage] = model->data();
  }
  return std::monostate{};
}

Status Pipeline::prepare(const TrainRun& run) {
  namespace fs = std::filesystem;
  std::error_code error;
  TrainConfig told = config_;
  told.threads = 0;
  told.output = "";
  const std::string text = config_text(told);
  Fingerprint hash;
  hash.add(text_without_places(config_));
  config_hash_ = hexadecimal(hash.value());
  if (first()) {
    fs::create_directories(config_.output, error);
    if (error) return Error{ErrorCode::kIo, config_.output + ": can't make the folder: " + error.message()};
    if (!lock_.take(config_.output)) {
      return Error{ErrorCode::kInvalidArgument,
                   config_.output + ": another training is at work in this folder"};
    }
    remove_leftovers(config_.output);
    const Status same = run.restart ? compare_nets_before(first_stage(run)) : compare_settings();
    if (!same) return same;
  }
  if (Status status = read_starts(run); !status) return status;
  if (Status status = read_sets(); !status) return status;
  std::size_t faces = 0, points = 0, ignored = 0;
  for (const Photograph& photograph : photographs_.list) {
    faces += photograph.faces.size();
    ignored += photograph.ignored.size();
    for (const LabelledFace& face : photograph.faces) points += face.landmarks.has_value();
  }
  note(std::to_string(photographs_.list.size()) + " photographs with " + std::to_string(faces) + " faces, " +
       std::to_string(points) + " of them with points, and " + std::to_string(ignored) +
       " ignored regions; " + std::to_string(validation_.list.size()) + " photographs to check with");
  if (faces == 0)
    return Error{ErrorCode::kFormat, "the training sets have no face of " +
                                         std::to_string(config_.data.min_face) + " pixels or more"};
  // Only now that there is something to begin anew with.
  if (first()) {
    if (run.restart) forget(first_stage(run));
    // Over the old one, not instead of it: a kill in between leaves settings that what is there is compared with.
    if (run.restart || !fs::exists(path("config.toml"), error)) {
      if (Status status = write_file(path("config.toml"), bytes_of(text), true); !status) return status;
    }
  }
  // Each rank reads for itself. The others wait here for what the first one removes.
  Fingerprint all;
  all.add(fingerprint(photographs_));
  for (const auto& model : starts_) {
    if (model) all.add(fingerprint_of(*model));
  }
  const std::uint64_t own = all.value();
  const auto* from = reinterpret_cast<const std::byte*>(&own);
  const std::vector<std::vector<std::byte>> of_ranks =
      ranks_.gather(std::vector<std::byte>(from, from + sizeof own));
  if (std::any_of(of_ranks.begin(), of_ranks.end(), [&](const auto& other) { return other != of_ranks[0]; }))
    return Error{ErrorCode::kFormat, "the processes read different photographs, labels or start_from"};
  record({{"event", "start"},
          {"photographs", photographs_.list.size()},
          {"faces", faces},
          {"faces_with_points", points},
          {"ignored", ignored},
          {"validation", validation_.list.size()},
          {"threads", threads_},
          {"ranks", ranks_.size()},
          {"libtorch", libtorch_version()}});
  return std::monostate{};
}

// The last model that is done, or random weights: every net's tensors must be there for a model to be one.
Result<ModelData> Pipeline::model_before(std::size_t stage) const {
  if (stage > 0) {
    const std::string name = path(std::string(net_of(stage - 1).name) + ".safetensors");
    const Result<Model> model = Model::load(name);
    if (!model) {
      return Error{ErrorCode::kInvalidArgument, std::string(kTitles[stage]) + " needs a trained " +
                                                    kTitles[stage - 1] + ": " + model.error().message};
    }
    if (Status status = check_pixels(model->data(), name); !status) return status.error();
    return model->data();
  }
  ModelData model;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto trainer =
        NetTrainer::create(net_of(i), stage_config(i), config_.seed + i, "cpu", threads_, ranks_);
    if (!trainer) return trainer.error();
    (*trainer)->save(model, false);
  }
  model.geometry = CellGeometry::kExact;
  for (std::size_t i = 0; i < 3; ++i) {
    model.thresholds[i] = static_cast<float>(config_.thresholds[i]);
  }
  return model;
}

// With where it comes from. `check`: the figures of the last one; empty if there was none.
Status Pipeline::save_model(const ModelData& data, const std::string& check, const std::string& name) const {
  if (!first()) return std::monostate{};
  ModelData model = data;
  std::string sets;
  for (const SetConfig& set : config_.sets) sets += (sets.empty() ? "" : ", ") + set.name;
  model.metadata["provenance"] = "trained by mtcnn train on " + sets;
  model.metadata["trainer"] = std::string("mtcnn ") + version() + ", libtorch " + libtorch_version();
  model.metadata["seed"] = std::to_string(config_.seed);
  model.metadata["config_hash"] = config_hash_;
  model.metadata["check"] = check;
  if (check.empty()) model.metadata.erase("check");
  return Model(std::make_shared<const ModelData>(std::move(model))).save(path(name));
}

Result<std::optional<MinedWindows>> Pipeline::mined(std::size_t stage, Mine what, int round,
                                                    const ModelData& model) {
  const std::string net = net_of(stage).name;
  const std::string file = path(what == Mine::kNext ? net + ".mined" : net + ".own-" + std::to_string(round));
  MiningOptions options =
      mining_options(config_, what, static_cast<int>(what == Mine::kNext ? stage : stage + 1));
  options.threads = threads_;
  options.stop = events_.stop;
  const std::string key = mining_key(model, options, photographs_);
  Result<MinedWindows> old = load_mined(file, key, photographs_.list.size());
  if (all_ranks(old.ok())) return std::optional(std::move(*old));

  const auto start = Clock::now();
  const std::string doing = what == Mine::kNext
                                ? "mining for " + std::string(kTitles[stage])
                                : "mining " + std::string(kTitles[stage]) + "'s false positives";
  const std::size_t parts = static_cast<std::size_t>(ranks_.size());
  MinedWindows windows = mine(model, options, photographs_, images_, static_cast<std::size_t>(ranks_.rank()),
                              parts, [&](std::size_t done) {
                                if (!events_.progress || !first()) return;
                                TrainProgress progress;
                                progress.doing = doing;
                                progress.done = static_cast<std::int64_t>(done);
                                progress.total = static_cast<std::int64_t>(photographs_.list.size() / parts);
                                progress.unit = "photographs";
                                const double seconds = seconds_since(start);
                                progress.per_second = static_cast<double>(done) / seconds;
                                progress.seconds_left =
                                    static_cast<double>(progress.total - progress.done) / progress.per_second;
                                events_.progress(progress);
                              });
  if (!all_ranks(!stopped())) return std::optional<MinedWindows>();
  if (parts > 1) {
    // Every rank gets the others' parts.
    std::vector<std::byte> own;
    for (std::size_t i = static_cast<std::size_t>(ranks_.rank()); i < windows.size(); i += parts) {
      const std::uint64_t count = windows[i].size();
      const auto* head = reinterpret_cast<const std::byte*>(&count);
      own.insert(own.end(), head, head + sizeof count);
      const auto* data = reinterpret_cast<const std::byte*>(windows[i].data());
      own.insert(own.end(), data, data + count * sizeof(ScoredBox));
    }
    const std::vector<std::vector<std::byte>> all = ranks_.gather(own);
    for (std::size_t rank = 0; rank < parts; ++rank) {
      const std::byte* from = all[rank].data();
      for (std::size_t i = rank; i < windows.size(); i += parts) {
        std::uint64_t count = 0;
        std::copy_n(from, sizeof count, reinterpret_cast<std::byte*>(&count));
        from += sizeof count;
        windows[i].resize(count);
        std::copy_n(from, count * sizeof(ScoredBox), reinterpret_cast<std::byte*>(windows[i].data()));
        from += count * sizeof(ScoredBox);
      }
    }
  }
  std::size_t total = 0;
  for (const std::vector<ScoredBox>& list : windows) total += list.size();
  const double seconds = seconds_since(start);
  char text[200];
  std::snprintf(text, sizeof text, "%s: %zu windows of %zu photographs in %.0f s", doing.c_str(), total,
                windows.size(), seconds);
  note(text);
  record({{"event", "mined"},
          {"net", net},
          {"what", what == Mine::kNext ? "next" : "own"},
          {"round", round},
          {"windows", total},
          {"seconds", seconds}});
  if (first()) {
    if (Status status = save_mined(file, key, windows); !status) return status.error();
  }
  return std::optional(std::move(windows));
}

// Where it stood, what checks found best, and the trainer's own bytes; all in one file, so that they belong
// together.
Status Pipeline::save_checkpoint(std::size_t stage, const NetTrainer& trainer, std::int64_t step,
                                 const Best& best) const {
  if (!first()) return std::monostate{};
  const std::vector<std::byte> state = trainer.checkpoint();
  Json head{{"step", step},
            {"best_figure", best.figure},
            {"best_step", best.step},
            {"best_threshold", best.threshold},
            {"best_threshold_of_more", best.threshold_of_more},
            {"checked", best.checked},
            {"start", best.start},
            {"photographs", hexadecimal(fingerprint(photographs_))},
            {"ranks", ranks_.size()},
            {"bytes", state.size()}};
  std::vector<std::byte> weights;
  for (const ParameterSpec& parameter : parameters(net_of(stage))) {
    const auto found = best.weights.tensors.find(parameter.name);
    if (found == best.weights.tensors.end()) continue;
    head["best"].push_back({parameter.name, found->second.values.size()});
    const auto* from = reinterpret_cast<const std::byte*>(found->second.values.data());
    weights.insert(weights.end(), from, from + found->second.values.size() * sizeof(float));
  }
  Fingerprint sum;
  sum.add(head.dump());
  sum.add(state);
  sum.add(weights);
  head["sum"] = hexadecimal(sum.value());
  const std::string text = head.dump() + "\n";
  std::vector<std::byte> file(bytes_of(text).begin(), bytes_of(text).end());
  file.insert(file.end(), state.begin(), state.end());
  file.insert(file.end(), weights.begin(), weights.end());
  return write_file(path(std::string(net_of(stage).name) + ".checkpoint"), file, true);
}

// The step to go on from; 0 without a checkpoint.
Result<std::int64_t> Pipeline::load_checkpoint(std::size_t stage, NetTrainer& trainer, Best& best) const {
  const std::string name = path(std::string(net_of(stage).name) + ".checkpoint");
  std::error_code error;
  if (!std::filesystem::exists(name, error)) return std::int64_t{0};
  const Result<std::vector<std::byte>> file = read_file(name, kLargestFile);
  if (!file) return file.error();
  const Error damaged{ErrorCode::kFormat,
                      name + ": not a checkpoint of this training; --restart begins anew"};
  const auto line = std::find(file->begin(), file->end(), std::byte{'\n'});
  const std::string text(reinterpret_cast<const char*>(file->data()),
                         static_cast<std::size_t>(line - file->begin()));
  Json head = Json::parse(text, nullptr, false);
  if (line == file->end() || !head.is_object()) return damaged;
  const Json told = head["sum"];
  head.erase("sum");
  std::span<const std::byte> rest(line + 1, file->end());
  const std::size_t size = head.contains("bytes") && head["bytes"].is_number_unsigned()
                               ? head["bytes"].get<std::size_t>()
                               : rest.size() + 1;
  if (size > rest.size()) return damaged;
  Fingerprint sum;
  sum.add(head.dump());
  sum.add(rest.first(size));
  sum.add(rest.subspan(size));
  // From here on all is as it was written.
  if (told != hexadecimal(sum.value())) return damaged;
  if (head.value("photographs", "") != hexadecimal(fingerprint(photographs_))) {
    return Error{ErrorCode::kInvalidArgument,
                 name + ": was learning from other photographs or labels; --restart begins anew"};
  }
  if (head.value("ranks", 0) != ranks_.size()) {
    return Error{ErrorCode::kInvalidArgument,
                 name + ": is of a training by " + std::to_string(head.value("ranks", 0)) +
                     " processes, which have other samples; --restart begins anew"};
  }
  if (Status status = trainer.restore(rest.first(size), name); !status) return status.error();
  rest = rest.subspan(size);
  best.figure = head.value("best_figure", -1.0);
  best.step = head.value("best_step", std::int64_t{-1});
  best.threshold = head.value("best_threshold", 0.0);
  best.threshold_of_more = head.value("best_threshold_of_more", 0.0);
  best.checked = head.value("checked", std::int64_t{0});
  best.start = head.value("start", "");
  trainer.save(best.weights, true);  // for the shapes
  if (best.step >= 0) {
    for (const Json& entry : head.value("best", Json::array())) {
      std::vector<float>& values = best.weights.tensors[entry[0].get<std::string>()].values;
      if (values.size() != entry[1].get<std::size_t>() || rest.size() < values.size() * sizeof(float))
        return damaged;
      std::copy_n(rest.data(), values.size() * sizeof(float), reinterpret_cast<std::byte*>(values.data()));
      rest = rest.subspan(values.size() * sizeof(float));
    }
  }
  return head.value("step", std::int64_t{0});
}

// So that a threshold means about the same whatever the net learned from: hard samples, above all mined ones, press all
// scores down, and a net that learned long is sure of nearly all it says.
void Pipeline::calibrate(std::size_t stage, Best& best) const {
  if (best.figure < 0) return;
  const double passing = stage_config(stage).check_windows, threshold = config_.thresholds[stage];
  const std::string title = kTitles[stage];
  if (!(best.threshold > 0 && best.threshold < 1)) {
    note(
        title + ": scores are left as they are, " +
        (best.threshold > 0 ? "what passes has a score of 1" : "fewer than check_windows pass at any score"));
    return;
  }
  const std::string head = std::string(net_of(stage).name) + ".class.";
  std::vector<float>& bias = best.weights.tensors.at(head + "bias").values;
  char text[240];
  int length = std::snprintf(text, sizeof text,
                             "%s: scores moved from %.3f to %.3f, where %g %s an image pass", title.c_str(),
                             best.threshold, threshold, passing, stage < 2 ? "windows" : "false positives");
  const ScoreMove move = score_move(best.threshold, best.threshold_of_more, threshold, kLowScore);
  if (move.factor < 1) {
    std::snprintf(text + length, sizeof text - static_cast<std::size_t>(length),
                  ", and from %.3f to %.3f, where %g do", best.threshold_of_more, kLowScore,
                  passing * static_cast<double>(kTimesMore));
  }
  for (std::vector<float>* values : {&best.weights.tensors.at(head + "weight").values, &bias}) {
    for (float& value : *values) value = static_cast<float>(value * move.factor);
  }
  bias[1] += static_cast<float>(move.shift);
  note(text);
}

Result<bool> Pipeline::train_stage(std::size_t stage, ModelData& model) {
  const StageConfig& config = stage_config(stage);
  const NetSpec& net = net_of(stage);
  const auto start = Clock::now();
  auto created = NetTrainer::create(net, config, config_.seed + stage, config_.device, threads_, ranks_);
  if (!created) return created.error();
  NetTrainer& trainer = **created;
  Best best;
  const Result<std::int64_t> begun = load_checkpoint(stage, trainer, best);
  if (!begun) return begun.error();
  std::int64_t step = *begun;
  if (step > 0) {
    note(std::string(kTitles[stage]) + ": on from step " + std::to_string(step));
  } else {
    if (starts_[stage]) {
      const int below = trainer.start(*starts_[stage]);
      best.start = std::filesystem::path(config.start_from).filename().string() + ", weights " +
                   hexadecimal(fingerprint_of(*starts_[stage]));
      note(std::string(kTitles[stage]) + ": begins with the weights of " + config.start_from +
           (below > 0 ? "; " + std::to_string(below) + " slopes below 0 are 0 now" : ""));
    }
    // What is there was mined by another training of this net.
    if (first()) remove_own(stage);
    ranks_.wait();
  }

  Sampler sampler(photographs_, images_, config_, net.side, stage, config.face_share);
  if (stage > 0) {
    const Result<std::optional<MinedWindows>> windows = mined(stage, Mine::kNext, 0, model);
    if (!windows) return windows.error();
    if (!*windows) return false;
    sampler.use_windows(**windows);
  }
  std::array<double, kSampleKinds> ratio{};
  std::copy(config_.samples.ratio.begin(), config_.samples.ratio.end(), ratio.begin());
  if (!config.landmarks) ratio[static_cast<std::size_t>(SampleKind::kLandmark)] = 0;
  Result<BatchPlan> planned = plan_batch(sampler, ratio, config.batch, ranks_.rank(), ranks_.size());
  if (!planned) return planned.error();
  BatchPlan& plan = *planned;
  std::int64_t batch = 0;
  for (const int count : plan.counts) batch += count;
  const std::int64_t steps = std::max<std::int64_t>(
      config.rounds, static_cast<std::int64_t>(config.samples / static_cast<double>(batch)));
  plan.plain_from = plain_from(steps, config.plain_share);
  const auto round_end = [&](int round) { return steps * (round + 1) / config.rounds; };
  const auto is_check = [&](std::int64_t s) {
    return s == steps || (s * config.checks / steps) != ((s - 1) * config.checks / steps);
  };

  const auto check_is_due = [&] {
    return step > 0 && step > best.checked && is_check(step) && !validation_.list.empty();
  };
  // False if it was stopped.
  const auto run_check = [&] {
    ModelData current = model;
    trainer.save(current, config.keep_landmarks || stage == 2);
    CheckOptions options;
    options.stages = static_cast<int>(stage + 1);
    options.search = config_.checking;
    std::copy(model.thresholds.begin(), model.thresholds.end(), options.thresholds.begin());
    options.thresholds[stage] = kLeastChecked;
    options.windows_per_image = config.check_windows;
    options.threads = threads_;
    if (ranks_.size() == 1) options.stop = events_.stop;
    const auto check_start = Clock::now();
    const CheckResult found = check(current, options, validation_, images_);
    // Half a check; it is made anew from the checkpoint.
    if (options.stop && stopped()) return false;
    best.checked = step;
    Json line{{"event", "check"}, {"net", net.name}, {"step", step}, {"samples", step * batch}};
    line.update(to_json(found));
    line["seconds"] = seconds_since(check_start);
    record(line);
    write_page();
    char text[300];
    if (stage < 2) {
      std::snprintf(
          text, sizeof text,
          "%s at %.2f M samples: keeps %.2f %% of the faces with %.0f windows an image (%.2f %% with %.0f)",
          kTitles[stage], 1e-6 * static_cast<double>(step * batch), 100 * found.recall, found.windows,
          100 * found.recall_of_all, found.windows_of_all);
    } else {
      std::snprintf(
          text, sizeof text,
          "%s at %.2f M samples: average precision %.4f (mean of the sets %.4f), points off by %.2f %% of the eyes' distance",
          kTitles[stage], 1e-6 * static_cast<double>(step * batch), found.average_precision_of_all,
          found.average_precision, 100 * found.landmark_error);
    }
    note(text);
    // The later of two that are equal has learned more.
    if (found.figure >= best.figure) {
      best.figure = found.figure;
      best.step = step;
      best.threshold = found.threshold;
      best.threshold_of_more = found.threshold_of_more;
      trainer.save(best.weights, true);
    }
    return true;
  };
  // A kill while photographs are searched costs no more than the search. False if it was stopped.
  const auto check_and_save = [&]() -> Result<bool> {
    if (Status status = save_checkpoint(stage, trainer, step, best); !status) return status.error();
    if (!run_check()) return false;
    if (Status status = save_checkpoint(stage, trainer, step, best); !status) return status.error();
    return true;
  };
  if (check_is_due()) {
    const Result<bool> checked = check_and_save();
    if (!checked || !*checked) return checked;
  }

  for (int round = 0; round < config.rounds; ++round) {
    if (round > 0) {
      // What the net takes for faces now, as it goes into the model.
      ModelData current = model;
      trainer.save(current, config.keep_landmarks || stage == 2);
      if (step < round_end(round - 1)) return Error{ErrorCode::kFormat, "a round was left out"};
      const Result<std::optional<MinedWindows>> own = mined(stage, Mine::kOwn, round, current);
      if (!own) return own.error();
      if (!*own) return false;  // the checkpoint of the round's end is there
      sampler.use_negatives(**own);
    }
    if (step >= round_end(round)) continue;
    Json kinds;
    for (std::size_t kind = 0; kind < kSampleKinds; ++kind) {
      kinds[kind_name(static_cast<SampleKind>(kind))] = {
          {"in_batch", plan.counts[kind]}, {"mined", sampler.mined(static_cast<SampleKind>(kind))}};
    }
    record({{"event", "round"},
            {"net", net.name},
            {"round", round},
            {"step", step},
            {"steps", steps},
            {"kinds", kinds}});

    write_sheet(net, sampler, plan, step);
    write_page();

    // P-Net's steps are so short that it waits for its samples.
    BatchQueue queue(sampler, plan, net.side, step, round_end(round), threads_, stage > 0);
    auto reported = Clock::now(), saved = Clock::now();
    const auto round_start = Clock::now();
    std::int64_t reported_step = step;
    const std::int64_t round_step = step;
    double reported_wait = 0, reported_cutting = 0;
    Means means;
    while (step < round_end(round)) {
      const Result<Batch> cut = queue.next();
      if (!cut) return cut.error();
      const Result<StepResult> result =
          trainer.step(*cut, static_cast<double>(step) / static_cast<double>(steps));
      if (!result) return result.error();
      means.add(*result);
      ++step;

      const double seconds = seconds_since(reported);
      if (seconds >= kReportSeconds || step == round_end(round)) {
        const StepResult mean = means.mean();
        const double rate = static_cast<double>((step - reported_step) * batch) / seconds;
        const double wait = queue.seconds_waited() - reported_wait,
                     cutting = queue.seconds_cutting() - reported_cutting;
        record({{"event", "step"},
                {"net", net.name},
                {"step", step},
                {"samples", step * batch},
                {"loss", mean.total},
                {"classification", mean.classification},
                {"box", mean.box},
                {"landmarks", mean.landmarks},
                {"accuracy", mean.accuracy},
                {"learning_rate", mean.learning_rate},
                {"samples_per_second", rate},
                {"waited_for_samples", wait / seconds},
                {"cutting_cores", cutting / seconds},
                {"peak_memory", peak_memory()},
                {"image_cache", images_.bytes()}});
        if (events_.progress && first()) {
          TrainProgress progress;
          progress.doing = kTitles[stage];
          progress.done = step * batch;
          progress.total = steps * batch;
          progress.unit = "samples";
          progress.per_second = rate;
          progress.seconds_left = static_cast<double>(steps - step) * seconds_since(round_start) /
                                  static_cast<double>(step - round_step);
          progress.loss = mean.total;
          progress.classification = mean.classification;
          progress.box = mean.box;
          progress.landmarks = mean.landmarks;
          progress.accuracy = mean.accuracy;
          events_.progress(progress);
        }
        means = {};
        reported = Clock::now();
        reported_step = step;
        reported_wait += wait;
        reported_cutting += cutting;
      }
      if (check_is_due()) {
        const auto check_start = Clock::now();
        const Result<bool> checked = check_and_save();
        if (!checked || !*checked) return checked;
        reported += Clock::now() - check_start;
        saved = Clock::now();
      }
      // All ranks must agree on when to stop: the first one's word counts.
      std::vector<std::byte> word{stopped() ? std::byte{1} : std::byte{0}};
      bool stop = word[0] == std::byte{1};
      if (ranks_.size() > 1 && step % 16 == 0) stop = ranks_.gather(word)[0][0] == std::byte{1};
      if (ranks_.size() > 1 && step % 16 != 0) stop = false;
      if (stop || step == round_end(round) || seconds_since(saved) >= kCheckpointSeconds) {
        if (Status status = save_checkpoint(stage, trainer, step, best); !status) return status.error();
        saved = Clock::now();
      }
      if (stop && step < steps) return false;
    }
  }

  if (best.step < 0) {
    trainer.save(best.weights, true);
    best.step = step;
  }
  calibrate(stage, best);
  for (const ParameterSpec& parameter : parameters(net)) {
    if (parameter.optional && !config.keep_landmarks) continue;
    model.tensors[parameter.name] = best.weights.tensors.at(parameter.name);
  }
  // Of a net that was taken over, its own file says it.
  const std::string start_key = std::string(net.name) + "_start";
  model.metadata[start_key] = best.start;
  if (best.start.empty()) model.metadata.erase(start_key);
  model.thresholds[stage] = static_cast<float>(config_.thresholds[stage]);
  if (best.step != step) {
    note(std::string(kTitles[stage]) + ": the best check was at step " + std::to_string(best.step) + " of " +
         std::to_string(steps));
  }
  record({{"event", "done"},
          {"net", net.name},
          {"best_step", best.step},
          {"best_figure", best.figure},
          {"seconds", seconds_since(start)},
          {"peak_memory", peak_memory()},
          {"image_cache", images_.bytes()}});
  write_page();
  char text[200] = "";
  if (best.figure >= 0 && stage < 2) {
    std::snprintf(text, sizeof text, "%s keeps %.4f of the faces of %zu photographs with %g windows an image",
                  kTitles[stage], best.figure, validation_.list.size(), config.check_windows);
  } else if (best.figure >= 0) {
    std::snprintf(text, sizeof text, "average precision %.4f on %zu photographs", best.figure,
                  validation_.list.size());
  }
  if (Status status = save_model(model, text, std::string(net.name) + ".safetensors"); !status)
    return status.error();
  // Sampled no more: what is left is small.
  for (const std::string& failure : images_.failures()) note(failure);
  return true;
}

// The whole cascade at its default thresholds: what each stage keeps of the validation faces, and the faces found.
// Returns the figures in a line, which is empty without validation sets; nothing if it was stopped.
Result<std::optional<std::string>> Pipeline::evaluate(const Model& model) {
  if (validation_.list.empty()) return std::optional<std::string>("");
  CheckOptions options;
  options.stages = 3;
  options.search = config_.checking;
  std::copy(model.data().thresholds.begin(), model.data().thresholds.end(), options.thresholds.begin());
  options.thresholds[2] = kLeastChecked;
  options.threads = threads_;
  options.stop = events_.stop;
  const CheckResult faces = check(model.data(), options, validation_, images_);
  DetectorOptions detector_options;
  detector_options.min_face = static_cast<float>(config_.checking.min_face);
  detector_options.factor = config_.checking.factor;
  detector_options.threads = threads_;
  const Result<Detector> detector = Detector::create(model, detector_options);
  if (!detector) return detector.error();
  StageTally tally;
  for (const Photograph& photograph : validation_.list) {
    if (stopped()) return std::optional<std::string>();
    const auto pixels = images_.get(photograph.file);
    if (!pixels) continue;
    const Result<Trace> trace = detector->trace((*pixels)->image.view());
    if (!trace) return trace.error();
    LabelledImage labels{photograph.file, photograph.faces};
    for (LabelledFace& face : labels.faces) face.box = scaled(face.box, (*pixels)->scale);
    tally.add(labels, *trace);
  }
  Json stages = Json::array();
  for (std::size_t i = 0; i < kStages; ++i) {
    const Stage stage = static_cast<Stage>(i);
    stages.push_back({{"stage", stage_name(stage)},
                      {"windows_per_image", tally.windows_per_image(stage)},
                      {"recall", tally.all().recall(stage)}});
    char text[160];
    std::snprintf(text, sizeof text, "%-9s %8.2f windows an image, %6.2f %% of %zu faces", stage_name(stage),
                  tally.windows_per_image(stage), 100 * tally.all().recall(stage), tally.all().faces);
    note(text);
  }
  char text[160];
  std::snprintf(
      text, sizeof text,
      "average precision %.4f (IoU .5; mean of the sets %.4f), points off by %.2f %% of the eyes' distance",
      faces.average_precision_of_all, faces.average_precision, 100 * faces.landmark_error);
  note(text);
  record({{"event", "result"},
          {"average_precision", faces.average_precision},
          {"average_precision_of_all", faces.average_precision_of_all},
          {"landmark_error", faces.landmark_error},
          {"landmark_faces", faces.landmark_faces},
          {"images", faces.images},
          {"faces", faces.faces},
          {"stages", stages}});
  std::snprintf(text, sizeof text,
                "average precision %.4f, points off by %.4f of the eyes' distance, on %zu photographs",
                faces.average_precision_of_all, faces.landmark_error, faces.images);
  return std::optional<std::string>(text);
}

// Whether model.safetensors is this finished O-Net's, and its figures are recorded.
bool Pipeline::is_finished(const Model& model) const {
  const Result<Model> there = Model::load(path("model.safetensors"));
  if (!there) return false;
  const auto &a = model.data().tensors, &b = there->data().tensors;
  const bool same = std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.values == y.second.values;
  });
  if (!same || validation_.list.empty()) return same;
  const Result<std::vector<std::byte>> lines = read_file(path("metrics.jsonl"), kLargestFile);
  if (!lines) return false;
  const std::string_view text = text_of(*lines);
  const std::size_t result = text.rfind(R"({"event":"result")"), done = text.rfind(R"({"event":"done")");
  return result != text.npos && (done == text.npos || done < result);
}

// Evaluates the whole cascade and writes its model, unless that was done. Returns false if it was stopped.
Result<bool> Pipeline::finish() {
  const Result<Model> model = Model::load(path("onet.safetensors"));
  if (!model) return model.error();
  if (is_finished(*model)) {
    note(path("model.safetensors") + " is written already");
    return true;
  }
  const Result<std::optional<std::string>> figures = evaluate(*model);
  if (!figures) return figures.error();
  if (!*figures) return false;
  // The last of all, so that it is there if nothing is missing.
  if (Status status = save_model(model->data(), **figures, "model.safetensors"); !status)
    return status.error();
  write_page();
  char text[120];
  std::snprintf(text, sizeof text, "memory at its peak %.2f GiB; decoded images in the cache %.2f GiB",
                0x1p-30 * static_cast<double>(peak_memory()), 0x1p-30 * static_cast<double>(images_.bytes()));
  note(text);
  note("Wrote " + path("model.safetensors"));
  return true;
}

Result<bool> Pipeline::run(const TrainRun& run) {
  if (Status status = prepare(run); !status) return status.error();
  for (std::size_t stage = 0; stage < 3; ++stage) {
    if (!run.stages[stage]) continue;
    const std::string done = path(std::string(net_of(stage).name) + ".safetensors");
    std::error_code error;
    const bool is_done = std::filesystem::exists(done, error);
    ranks_.wait();
    if (is_done) {
      note(std::string(kTitles[stage]) + " is done already");
      continue;
    }
    Result<ModelData> model = model_before(stage);
    if (!model) return model.error();
    const Result<bool> finished = train_stage(stage, *model);
    if (!finished) return finished.error();
    if (!*finished) return false;
    ranks_.wait();
  }
  if (!run.stages[2]) return true;
  Result<bool> finished = true;
  if (first()) finished = finish();
  ranks_.wait();
  return finished;
}

}  // namespace

Result<bool> train(const TrainConfig& config, const TrainRun& run, const TrainEvents& events) {
  const Result<std::unique_ptr<Ranks>> ranks = Ranks::join();
  if (!ranks) return ranks.error();
  Result<bool> done = Pipeline(config, events, **ranks).run(run);
  if (!done && (*ranks)->size() > 1) {
    if (events.note) events.note(done.error().message);
    (*ranks)->end_all();
  }
  return done;
}

}  // namespace mtcnn
