// mtcnn eval fddb: discrete and continuous ROC, as FDDB's own evaluator.
#include "eval/fddb.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/eval_print.h"
#include "apps/eval_run.h"
#include "apps/text.h"
#include "eval/region.h"
#include "util/file.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "fddb";
constexpr std::int64_t kMostFalsePositives = std::int64_t{1} << 40;

// Whole numbers from 0 on.
std::optional<std::vector<std::int64_t>> parse_counts(const std::string& text) {
  const auto numbers = parse_number_list(text);
  if (!numbers) return std::nullopt;
  std::vector<std::int64_t> counts;
  for (const float number : *numbers) {
    if (number < 0 || number > static_cast<float>(kMostFalsePositives)) return std::nullopt;
    counts.push_back(static_cast<std::int64_t>(number));
    if (static_cast<float>(counts.back()) != number) return std::nullopt;
  }
  return counts;
}

class EvalFddb : public EvalCommand {
 public:
  explicit EvalFddb(CLI::App& app) {
    const char* const truth = "Truth";
    add_text(app, "--folds", folds_, "folder of the *ellipseList.txt files, or one such file")
        ->type_name("PATH")
        ->required()
        ->group(truth);
    app.add_flag(
           "--ignore-cut", options_.ignore_cut_faces,
           "ignore faces whose row ends in 0: in sets cut out of FDDB they are cut by the border (off: as the "
           "official tool)")
        ->group(truth);
    app.add_flag(
           "--ellipses", ellipses_,
           "turn rectangles into ellipses, 1.2 times as high: better for square boxes (off: as the official tool)")
        ->group(truth);
    app.add_option("--ellipse-stretch", options_.ellipse_stretch, "the same with another factor")
        ->type_name("FACTOR")
        ->check(in_range(.1, 10.))
        ->group(truth);
    add_parsed(
        app, "--assumed-size", [](const std::string& text) { return parse_size(text); },
        [this](Size size) { options_.assumed_size = size; }, "a size like 450x450",
        "where regions end in images that are not FDDB's own and whose size --images does not tell (default: "
        "450x450)")
        ->type_name("WxH")
        ->group(truth);
    add_parsed(
        app, "--at", parse_counts,
        [this](const std::vector<std::int64_t>& counts) { options_.false_positives = counts; },
        "whole numbers like 10,100", "false positives at which the rates are given")
        ->type_name("N,...")
        ->group("Output");
    add_text(app, "--curves", curves_,
             "write NAME-discrete.txt and NAME-continuous.txt there, as the official tool does")
        ->type_name("DIR")
        ->group("Output");
    add_run_flags(app, flags_, "file or folder in FDDB's layout (fold-01-out.txt ...)", kCurveScoreThreshold);
    app.footer(
        "Detections and ellipses are matched by the Hungarian algorithm; all folds are one set.\n\n"
        "  mtcnn eval fddb --detections DIR --folds FDDB-folds/ --json\n"
        "  mtcnn eval fddb --images originalPics/ --folds FDDB-folds/ --output run/");
  }

  int run() override {
    if (ellipses_ && options_.ellipse_stretch == 0) options_.ellipse_stretch = kSquareBoxStretch;
    const auto truth = read_fddb_truth(folds_);
    if (!truth) return eval_usage(kName, truth.error().message);
    std::vector<SetImage> images;
    bool any_face = false;
    for (const FddbImage& image : truth->images) {
      const std::string& fold = truth->folds[image.fold];
      images.push_back(
          {image.name, find_set_image(flags_.images, image.name), fold_name(fold), fold, image.line});
      for (const FddbFace& face : image.faces) {
        any_face = any_face || face.whole || !options_.ignore_cut_faces;
      }
    }
    if (!any_face) return eval_usage(kName, folds_ + ": no face to measure" + because(truth->problems));
    const auto runs =
        prepare_runs(flags_, images, DetectionLayout::kFddb, kCurveScoreThreshold, read_fddb_detections);
    if (!runs) return eval_usage(kName, runs.error().message);

    std::vector<Problem> size_problems;
    const auto sizes = sizes_of(*runs, images, size_problems);
    options_.image_size = [&](const std::string& name) -> std::optional<Size> {
      const auto found = sizes.find(name);
      return found == sizes.end() ? std::nullopt : std::optional(found->second);
    };

    const std::vector<LabelledImage> labelled = labelled_images(*truth);
    std::vector<RunReport> reports;
    std::vector<Column> columns;
    std::string heading;
    std::set<std::string> files;
    for (const Run& run : *runs) {
      if (!curves_.empty() && !files.insert(curve_name(run)).second) {
        return eval_usage(kName, "--curves: two runs would have the files " + curve_name(run) +
                                     "-*.txt, expected other names (--name)");
      }
    }
    for (const Run& run : *runs) {
      options_.run = run.name;
      const FddbResult result = evaluate_fddb(*truth, run.detections, options_);
      RunReport& report = reports.emplace_back();
      const bool measured = result.any_listed();
      if (!measured) report.unmeasured = nothing_measured(run, result.images);
      if (heading.empty()) heading = heading_of(result);
      if (columns.empty()) {
        columns = {{"score", false}};
        for (const FddbResult::RateAt& at : result.rates)
          columns.push_back({"at " + format_count(at.false_positives)});
        for (const char* const more : {"detections", "images without", "rows left out"}) {
          columns.push_back({more});
        }
      }
      for (const bool discrete : {true, false}) {
        std::vector<std::string>& cells = report.rows.emplace_back();
        cells.push_back(discrete ? "discrete" : "continuous");
        for (const FddbResult::RateAt& at : result.rates) {
          cells.push_back(measured ? figure(discrete ? at.discrete : at.continuous) + (at.reached ? " " : "*")
                                   : kNoFigure);
        }
        for (const std::size_t count :
             {result.detections, result.images_not_listed, static_cast<std::size_t>(result.left_out)}) {
          cells.push_back(format_count(static_cast<std::int64_t>(count)));
        }
      }
      report.json = result;
      report.problems = result.problems;
      report.problems.insert(report.problems.end(), size_problems.begin(), size_problems.end());
      report.pictures = pictures_of(run, flags_, labelled, .5f, report.problems);
      if (measured && !curves_.empty()) {
        if (const Status written = write_curves(run, result); !written)
          return eval_usage(kName, written.error().message);
      }
    }
    const std::string set = "FDDB, " + format_count(static_cast<std::int64_t>(images.size())) + " images";
    return print_runs({kName, set, heading, columns, {"*: the curve ends before that many false positives"}},
                      flags_, *runs, std::move(reports));
  }

 private:
  // For the pictures: the boxes around the pixels of the ellipses.
  std::vector<LabelledImage> labelled_images(const FddbTruth& truth) const {
    std::vector<LabelledImage> images;
    for (const FddbImage& image : truth.images) {
      LabelledImage& labelled = images.emplace_back(LabelledImage{image.name, {}});
      for (const FddbFace& face : image.faces) {
        const Region region = draw(face.ellipse);
        if (region.rows.empty()) continue;
        LabelledFace& one = labelled.faces.emplace_back();
        int left = region.rows.front().first, right = region.rows.front().last;
        for (const Region::Span& row : region.rows) {
          left = std::min(left, row.first);
          right = std::max(right, row.last);
        }
        one.box = {static_cast<float>(left), static_cast<float>(region.top), static_cast<float>(right + 1),
                   static_cast<float>(region.top) + static_cast<float>(region.rows.size())};
        one.ignore = options_.ignore_cut_faces && !face.whole;
      }
    }
    return images;
  }

  // FDDB-fold-01-ellipseList.txt and fold-01-ellipseList.txt as the official tool names their output: fold-01.
  static std::string fold_name(const std::string& file) {
    std::string name = fs::path(file).stem().string();
    for (const std::string_view ending : {"-ellipseList", "_ellipseList", "ellipseList"}) {
      if (!name.ends_with(ending)) continue;
      name.erase(name.size() - ending.size());
      break;
    }
    if (name.starts_with("FDDB-")) name.erase(0, 5);
    return name.empty() ? "fold" : name;
  }

  // From the images, where they are; else from what the detections say.
  std::unordered_map<std::string, Size> sizes_of(const std::vector<Run>& runs,
                                                 const std::vector<SetImage>& images,
                                                 std::vector<Problem>& problems) const {
    std::unordered_map<std::string, Size> sizes;
    for (const Run& run : runs) {
      for (const auto& [name, image] : run.faces) sizes.emplace(name, Size{image.width, image.height});
    }
    if (flags_.images.empty()) return sizes;
    std::vector<SetImage> unknown;
    for (const SetImage& image : images) {
      if (sizes.contains(image.name)) continue;
      // A run has reported the images that it did not find or could not read.
      if (!flags_.detections.empty() || !image.file.empty()) unknown.push_back(image);
    }
    sizes.merge(image_sizes(unknown, flags_, problems));
    return sizes;
  }

  std::string heading_of(const FddbResult& result) const {
    const auto count = [](std::size_t number) { return format_count(static_cast<std::int64_t>(number)); };
    std::string text = "FDDB: true positive rate at a number of false positives, " + count(result.images) +
                       " images, " + count(result.faces) + " faces in " + count(result.folds.size()) +
                       (result.folds.size() == 1 ? " fold" : " folds");
    if (options_.ignore_cut_faces)
      text += "; " + count(result.ignored_faces) + " faces cut by the border are ignored";
    if (options_.ellipse_stretch > 0) {
      text += "; rectangles as ellipses, " + format_fixed(options_.ellipse_stretch, 2) + " times as high";
    }
    if (result.images_unknown_size > 0) {
      text += "; the size of " + count(result.images_unknown_size) + " images is not known";
      if (options_.assumed_size) {
        text += ", " + std::to_string(options_.assumed_size->width) + " x " +
                std::to_string(options_.assumed_size->height) + " is assumed";
      }
    }
    return text;
  }

  static std::string curve_name(const Run& run) {
    std::string name = run.name;
    std::replace(name.begin(), name.end(), '/', '_');
    return name;
  }

  Status write_curves(const Run& run, const FddbResult& result) const {
    std::error_code error;
    fs::create_directories(curves_, error);
    const std::string name = curve_name(run);
    const auto write = [&](const std::string& ending, const std::string& text) {
      return write_file((fs::path(curves_) / (name + ending)).string(), std::as_bytes(std::span(text)));
    };
    const Status discrete = write("-discrete.txt", fddb_discrete_text(result));
    return discrete ? write("-continuous.txt", fddb_continuous_text(result)) : discrete;
  }

  RunFlags flags_;
  FddbOptions options_;
  std::string folds_;
  std::string curves_;
  bool ellipses_ = false;
};

}  // namespace

std::unique_ptr<EvalCommand> make_eval_fddb(CLI::App& app) { return std::make_unique<EvalFddb>(app); }

}  // namespace mtcnn
