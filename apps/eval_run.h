// What the sub-commands of `mtcnn eval` share: where the detections come from (read, or made here by
// running the detector over the images), and the settings that they were made with. What is printed:
// eval_print.h.
#ifndef MTCNN_APPS_EVAL_RUN_H_
#define MTCNN_APPS_EVAL_RUN_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "apps/detector_flags.h"
#include "apps/face_lines.h"
#include "datasets/dataset.h"
#include "eval/boxes.h"
#include "eval/detections.h"
#include "mtcnn/detector.h"
#include "mtcnn/result.h"

namespace mtcnn {

// Keys in the order in which they are added; numbers are doubles, unlike apps/face_lines.h's.
using EvalJson = nlohmann::ordered_json;

// One sub-command, with its options. Made before the command line is parsed, run after it.
class EvalCommand {
 public:
  virtual ~EvalCommand() = default;
  virtual int run() = 0;  // exit status
};

// One for each file; `app` is the sub-command's own and outlives what is returned.
std::unique_ptr<EvalCommand> make_eval_wider(CLI::App& app);
std::unique_ptr<EvalCommand> make_eval_fddb(CLI::App& app);
std::unique_ptr<EvalCommand> make_eval_boxes(CLI::App& app);
std::unique_ptr<EvalCommand> make_eval_landmarks(CLI::App& app);
std::unique_ptr<EvalCommand> make_eval_stages(CLI::App& app);
std::unique_ptr<EvalCommand> make_eval_report(CLI::App& app);

// How detections are written beside faces.jsonl, for other programs.
enum class DetectionLayout { kNone, kWider, kFddb };

struct RunFlags {
  std::vector<std::string> detections;
  std::vector<std::string> models;
  std::vector<std::string> names;  // for the table; empty: made from the files' names
  std::string images;
  std::string output;
  std::string report;
  std::string set;
  bool json = false;
  bool resume = false;
  bool no_progress = false;
  DetectorFlags detector;
  std::optional<float> score_threshold;
};

// The least score of the last stage when nothing is said, for measures that draw curves over all
// scores: at the model's own they would end early.
inline constexpr float kCurveScoreThreshold = .3f;

// Adds the options above. `layout_help` says what --detections takes; empty: there is no such option, nor
// --output. `default_score`: the last threshold if neither --thresholds nor --score-threshold is given;
// empty: the model's. `flags` must outlive the parsing.
void add_run_flags(CLI::App& app, RunFlags& flags, const std::string& layout_help,
                   std::optional<float> default_score);

// The exit status for wrong usage, with the message on stderr as "mtcnn eval NAME: ...".
int eval_usage(const std::string& command, const std::string& message);

// The first of the problems and their number, to stand behind a message that they explain; empty if there are none.
std::string because(std::span<const Problem> problems);

// A model that is to be run, and how that is said.
struct RunModel {
  Model model;
  Detector detector;
  EvalJson settings;  // model (file, sha256, architecture, geometry), and options that change results
};

// The model of this file (empty: the built-in one) with the options of `flags`. `threads` are those of one
// detect() call. Errors: those of load_model() and Detector::create().
Result<RunModel> load_run_model(const std::string& path, const RunFlags& flags,
                                std::optional<float> default_score, int threads);

// The models that `flags` asks for: --model, or MTCNN_MODEL, or the built-in one ("").
std::vector<std::string> models_to_run(const RunFlags& flags);

// An image of the set: its name there, and the file.
struct SetImage {
  std::string name;
  std::string file;         // empty: there is none
  std::string group;        // kFddb: the fold, by the number of its file "fold-01-out.txt"; else unused
  std::string listed_in{};  // the file of labels that has it
  int line = 0;             // there; 0: not known
};

// That an image of the set is not in the folder of the images.
Problem no_such_image(const SetImage& image, const std::string& folder);

// The file of an image in `folder`: of that very name, or of image_name(name) and any ending that we can
// read. Empty if there is none.
std::string find_set_image(const std::string& folder, const std::string& name);

// One row of the comparison: a model run over the images, or detections that were read.
struct Run {                      // NOLINT(bugprone-exception-escape): moving JSON does not throw
  std::string name;               // in tables; no two runs have the same
  std::string source;             // the model or the detections, as named on the command line
  std::optional<RunModel> model;  // if the detector was run here
  EvalJson settings;              // as in RunModel; null: not known
  // All that was found, in the order of the images; image_name() as names. Problems and rows that
  // were left out are counted there.
  DetectionSet detections;
  // The same with points and sizes, by image_name(); only of runs and of lines of JSON.
  std::unordered_map<std::string, ImageFaces> faces;
  bool has_points = false;  // whether `faces` is filled
};

// Names the runs: as `given`, if that is not empty (then as many as runs), else by their sources' file names, or the whole
// source or a number where that is not enough to tell them apart.
void name_runs(const std::vector<std::string>& given, std::vector<Run>& runs);

// How a file or folder of the command's own layout is read; a folder of a run (--output) and a file of
// `mtcnn detect --json` lines (.jsonl, .json) are read by prepare_runs() itself. Null: only those two.
using ReadDetections = std::function<Result<DetectionSet>(const std::string& path)>;

// Reads every --detections, or runs every model over `images`, in parallel, with a progress bar, and
// writes what it finds under --output. A missing or unreadable image is a problem of that run.
//
// --output DIR holds settings.json, faces.jsonl (a line an image, as `mtcnn detect --json` writes
// it) and, by `layout`, detections/EVENT/NAME.txt for each image or detections/fold-XX-out.txt; with several
// models, each has its own folder below DIR. An interrupted run leaves it fit for --resume, which skips
// the images that have a line and refuses a folder made with other settings or other images.
//
// Errors: wrong usage, a model or detections that can't be read, a folder that is in use already, a file
// that can't be written.
Result<std::vector<Run>> prepare_runs(const RunFlags& flags, const std::vector<SetImage>& images,
                                      DetectionLayout layout, std::optional<float> default_score,
                                      const ReadDetections& read);

// What to say of a run that has nothing on any of the set's images; its name goes before it.
std::string nothing_measured(const Run& run, std::size_t images);

// The sizes of the images of these names that lines of JSON among --detections tell, whose paths stand for names as in
// prepare_runs(): without as few of their first folders as makes them known. Nothing for an image that no line is of, and
// for one of which two lines tell different sizes. What can't be read is left out: prepare_runs() reports it.
std::vector<std::optional<Size>> detected_sizes(const RunFlags& flags, const std::vector<std::string>& names);

// The sizes of the images' files (upright), by image_name(), for those that can be read; found in
// parallel. What can't be read is left out and reported.
std::unordered_map<std::string, Size> image_sizes(const std::vector<SetImage>& images, const RunFlags& flags,
                                                  std::vector<Problem>& problems);

// The detections of an image of the set as the measures of boxes take them.
std::vector<BoxDetection> candidates_of(const DetectedImage& image);

}  // namespace mtcnn

#endif  // MTCNN_APPS_EVAL_RUN_H_
