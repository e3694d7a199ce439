// mtcnn eval boxes: average precision at any overlap, and recall at a number of false positives an image.
#include "eval/boxes.h"

#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/eval_labels.h"
#include "apps/eval_print.h"
#include "apps/eval_run.h"
#include "apps/text.h"
#include "eval/decimal.h"

namespace mtcnn {
namespace {

constexpr const char* kName = "boxes";

std::optional<std::vector<float>> parse_overlaps(const std::string& text) {
  auto numbers = parse_number_list(text);
  if (!numbers) return std::nullopt;
  for (const float number : *numbers) {
    if (number <= 0 || number > 1) return std::nullopt;
  }
  return numbers;
}

std::optional<std::vector<double>> parse_rates(const std::string& text) {
  const auto numbers = parse_number_list(text);
  if (!numbers) return std::nullopt;
  std::vector<double> rates;
  for (const float number : *numbers) {
    if (number < 0) return std::nullopt;
    rates.push_back(decimal(number));
  }
  return rates;
}

class EvalBoxes : public EvalCommand {
 public:
  explicit EvalBoxes(CLI::App& app) {
    add_label_flags(app, labels_, false);
    const char* const measure = "Measure";
    add_parsed(
        app, "--iou", parse_overlaps, [this](const std::vector<float>& values) { overlaps_ = values; },
        "one or more numbers above 0, at most 1, like .5,.4",
        "least intersection over union of a detection that is right (default: .5)")
        ->type_name("IOU,...")
        ->group(measure);
    add_parsed(
        app, "--fppi", parse_rates,
        [this](const std::vector<double>& values) { options_.false_positives_per_image = values; },
        "one or more numbers from 0 on, like .1,1",
        "false positives an image at which recall is given (default: .01,.1,1)")
        ->type_name("N,...")
        ->group(measure);
    app.add_option("--ignore-overlap", options_.ignore_overlap,
                   "share of a detection in an ignored box that makes it count neither way")
        ->type_name("SHARE")
        ->capture_default_str()
        ->check(in_range(.01, 1.))
        ->group(measure);
    app.add_option("--faces-from", options_.min_face,
                   "smaller faces are ignored: shorter side of the box in pixels")
        ->type_name("PIXELS")
        ->capture_default_str()
        ->check(in_range(0., 1e6))
        ->group(measure);
    app.add_option("--faces-to", options_.max_face, "faces of this size or more are ignored (default: none)")
        ->type_name("PIXELS")
        ->check(in_range(0., 1e6))
        ->group(measure);
    add_run_flags(app, flags_, "folder in WIDER FACE's layout, NAME.txt for each image",
                  kCurveScoreThreshold);
    app.footer(
        "Matching is PASCAL VOC's (each detection with the face that it overlaps most), the area is\n"
        "that under the envelope of the whole curve; faces to be ignored count neither way.\n\n"
        "  mtcnn eval boxes --images photos/ --labels val_bbx_gt.txt --iou .5,.4\n"
        "  mtcnn eval boxes --detections DIR --labels instances.json --format coco --class face --json");
  }

  int run() override {
    const auto set = load_labels(labels_, flags_);
    if (!set) return eval_usage(kName, set.error().message);
    const std::vector<std::vector<BoxDetection>> nothing(set->images.size());
    if (evaluate_boxes(set->images, nothing, options_).faces == 0) {
      return eval_usage(kName, no_face("face", labels_, *set));
    }
    const auto runs = prepare_runs(flags_, set_images(*set, flags_.images), DetectionLayout::kWider,
                                   kCurveScoreThreshold, read_wider_detections);
    if (!runs) return eval_usage(kName, runs.error().message);

    std::vector<RunReport> reports;
    std::string heading;
    for (const Run& run : *runs) {
      RunReport& report = reports.emplace_back();
      std::size_t left_out = set->left_out + static_cast<std::size_t>(run.detections.left_out);
      report.problems = set->problems;
      report.problems.insert(report.problems.end(), run.detections.problems.begin(),
                             run.detections.problems.end());
      std::size_t without = 0;
      const auto detections = detections_of(run, *set, report.problems, without);
      const bool measured = without < set->images.size();
      if (!measured) report.unmeasured = nothing_measured(run, without);
      for (Problem& problem : unknown_images(run, *set, left_out))
        report.problems.push_back(std::move(problem));

      std::vector<BoxResult> results;
      for (const float overlap : overlaps_) {
        BoxOptions options = options_;
        options.iou = overlap;
        results.push_back(evaluate_boxes(set->images, detections, options));
      }
      const BoxResult& first = results.front();
      if (heading.empty()) {
        heading = "Average precision and recall: " + set_text(labels_, *set) + ", " + count(first.faces) +
                  " faces, " + count(first.ignored_faces) + " ignored";
        if (options_.min_face > 0)
          heading += " (smaller than " + format_float(options_.min_face) + " pixels too)";
        if (options_.max_face < std::numeric_limits<float>::infinity()) {
          heading += " (of " + format_float(options_.max_face) + " pixels or more too)";
        }
      }
      for (const BoxResult& result : results) {
        std::vector<std::string>& cells = report.rows.emplace_back();
        const auto cell = [&](double value) { return measured ? figure(value) : kNoFigure; };
        cells = {format_float(result.options.iou), cell(result.average_precision)};
        for (const BoxResult::RecallAt& at : result.recall_at) cells.push_back(cell(at.recall));
        for (const std::size_t number : {result.detections, without, left_out})
          cells.push_back(count(number));
      }
      const auto json_of = [&](const BoxResult& result) {
        EvalJson json = result;
        if (measured) return json;
        json["average_precision"] = nullptr;
        for (EvalJson& at : json["recall_at"]) at["recall"] = nullptr;
        return json;
      };
      report.json = json_of(first);
      report.json["images_without_entry"] = without;
      report.json["left_out"] = left_out;
      report.pictures = pictures_of(run, flags_, set->images, overlaps_.front(), report.problems);
      if (results.size() > 1) {
        report.json["overlaps"] = EvalJson::array();
        for (const BoxResult& result : results) report.json["overlaps"].push_back(json_of(result));
      }
    }
    return print_runs({kName,
                       set_text(labels_, *set),
                       heading,
                       columns(),
                       {"'recall at': with that many false positives an image"}},
                      flags_, *runs, std::move(reports));
  }

 private:
  static std::string count(std::size_t number) { return format_count(static_cast<std::int64_t>(number)); }

  std::vector<Column> columns() const {
    std::vector<Column> columns = {{"IoU"}, {"AP"}};
    for (const double rate : options_.false_positives_per_image) {
      columns.push_back({"recall at " + format_float(static_cast<float>(rate))});
    }
    for (const char* const more : {"detections", "images without", "rows left out"})
      columns.push_back({more});
    return columns;
  }

  // By place in the set; what has no entry is a problem.
  std::vector<std::vector<BoxDetection>> detections_of(const Run& run, const LabelledSet& set,
                                                       std::vector<Problem>& problems,
                                                       std::size_t& without) const {
    std::unordered_map<std::string, const DetectedImage*> by_name;
    for (const DetectedImage& image : run.detections.images) by_name.emplace(image.name, &image);
    std::vector<std::vector<BoxDetection>> all;
    std::vector<Problem> missing;
    for (const LabelledImage& image : set.images) {
      std::vector<BoxDetection>& list = all.emplace_back();
      const auto found = by_name.find(image_name(image.path));
      if (found == by_name.end()) {
        ++without;
        if (!run.detections.failed.contains(image_name(image.path))) {
          missing.push_back(missing_image(image.file, image.line, image.path, run.name));
        }
        continue;
      }
      list = candidates_of(*found->second);
    }
    // Of a run of other images that is said once.
    if (without < set.images.size()) problems.insert(problems.end(), missing.begin(), missing.end());
    return all;
  }

  RunFlags flags_;
  LabelFlags labels_;
  BoxOptions options_;
  std::vector<float> overlaps_{.5f};
};

}  // namespace

std::unique_ptr<EvalCommand> make_eval_boxes(CLI::App& app) { return std::make_unique<EvalBoxes>(app); }

}  // namespace mtcnn
