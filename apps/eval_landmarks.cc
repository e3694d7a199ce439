// mtcnn eval landmarks: error of the five points.
#include "eval/landmarks.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/eval_labels.h"
#include "apps/eval_print.h"
#include "apps/eval_run.h"
#include "apps/text.h"
#include "codecs/image_io.h"
#include "eval/decimal.h"
#include "eval/onet_points.h"

namespace mtcnn {
namespace {

constexpr const char* kName = "landmarks";

enum class Missing { kLabelledBox, kCentreCrop, kLeaveOut, kFail };

class EvalLandmarks : public EvalCommand {
 public:
  explicit EvalLandmarks(CLI::App& app) {
    add_label_flags(app, labels_, true);
    const char* const measure = "Measure";
    app.add_option("--unit", options_.unit,
                   "what errors are divided by: eyes (their distance, default) or box (its size)")
        ->transform(
            CLI::CheckedTransformer(std::map<std::string, LandmarkUnit>{{"eyes", LandmarkUnit::kInterOcular},
                                                                        {"box", LandmarkUnit::kBoxSize}})
                .description(""))
        ->type_name("eyes|box")
        ->group(measure);
    app.add_option(
           "--missing", missing_,
           "faces that are not detected: labelled-box (O-Net looks at the square around the labelled box: it is "
           "told where the face is), centre-crop (as in the paper: O-Net looks at the largest square in the middle "
           "of the picture; in pictures of several faces with points, which the middle can't tell apart, they are "
           "left out), leave-out, or fail (they are failures); default: labelled-box with --images alone, else "
           "leave-out")
        ->transform(
            CLI::CheckedTransformer(std::map<std::string, Missing>{{"labelled-box", Missing::kLabelledBox},
                                                                   {"centre-crop", Missing::kCentreCrop},
                                                                   {"leave-out", Missing::kLeaveOut},
                                                                   {"fail", Missing::kFail}})
                .description(""))
        ->type_name("HOW")
        ->group(measure);
    app.add_option("--failure", options_.failure, "errors above this are failures")
        ->type_name("ERROR")
        ->capture_default_str()
        ->check(in_range(1e-6, 100.))
        ->group(measure);
    app.add_option("--match-iou", least_iou_, "least overlap of a detection with the labelled box")
        ->type_name("IOU")
        ->capture_default_str()
        ->check(in_range(.01, 1.))
        ->group(measure);
    add_run_flags(app, flags_, "lines with points", std::nullopt);
    app.footer(
        "The error of a face is the mean distance of its five points from the labelled ones, in units of\n"
        "the distance of the labelled eyes. Points are edge coordinates: see --point-shift.\n\n"
        "  mtcnn eval landmarks --images DIR --labels test_landmarks.txt --format cnn_facepoint --boxes "
        "test_bbx_gt.txt\n"
        "  mtcnn detect photos/ --json -o faces.jsonl && mtcnn eval landmarks --detections faces.jsonl --labels ...");
  }

  int run() override {
    // Read detections have no model to show the faces that are missing to.
    if (!missing_) missing_ = flags_.detections.empty() ? Missing::kLabelledBox : Missing::kLeaveOut;
    if (reads_off() && !flags_.detections.empty()) {
      return eval_usage(
          kName, "--missing labelled-box and centre-crop need a model, they do not go with --detections");
    }
    options_.missing = *missing_ == Missing::kFail ? MissingFaces::kFail : MissingFaces::kLeaveOut;
    auto set = load_labels(labels_, flags_);
    if (!set) return eval_usage(kName, set.error().message);
    std::vector<std::vector<LandmarkPrediction>> nothing;
    for (const LabelledImage& image : set->images) nothing.emplace_back(image.faces.size());
    const LandmarkResult of_labels = evaluate_landmarks(set->images, nothing, options_);
    for (const auto& [image, face] : of_labels.without_unit) {
      const LabelledImage& labelled = set->images[image];
      set->problems.push_back(
          {labelled.file, labelled.faces[face].line,
           labelled.path + ": both eyes in one place, their distance is no unit for errors; left out"});
    }
    if (of_labels.faces == 0) {
      return eval_usage(kName, no_face("face with points", labels_, *set));
    }
    const std::vector<SetImage> images = set_images(*set, flags_.images);
    const auto runs = prepare_runs(flags_, images, DetectionLayout::kNone, std::nullopt, nullptr);
    if (!runs) return eval_usage(kName, runs.error().message);

    std::vector<RunReport> reports;
    std::string heading;
    for (const Run& run : *runs) {
      RunReport& report = reports.emplace_back();
      std::vector<std::string>& cells = report.rows.emplace_back();
      std::size_t left_out = set->left_out + static_cast<std::size_t>(run.detections.left_out);
      report.problems = set->problems;
      report.problems.insert(report.problems.end(), run.detections.problems.begin(),
                             run.detections.problems.end());
      for (Problem& problem : unknown_images(run, *set, left_out))
        report.problems.push_back(std::move(problem));
      std::size_t without = 0;
      auto predictions = predictions_of(run, *set, report.problems, without);
      const bool measured = without < set->images.size();
      if (!measured) {
        report.unmeasured = nothing_measured(run, without);
      } else if (reads_off()) {
        const Status done = look_at_missing(*run.model, *set, images, predictions, report.problems);
        if (!done) return eval_usage(kName, done.error().message);
      }
      LandmarkResult result = evaluate_landmarks(set->images, predictions, options_);
      // With --missing fail a run of another set would have a rate, of failures that nobody looked at.
      if (!measured) result.failure_rate = std::numeric_limits<double>::quiet_NaN();
      if (heading.empty()) heading = heading_of(*set, result);
      cells = {percent(result.mean_error), percent(result.failure_rate)};
      for (const double error : result.point_errors) cells.push_back(percent(error));
      for (const std::size_t number : {result.detected, result.read_off, result.missing, without, left_out}) {
        cells.push_back(count(number));
      }
      if (!flags_.report.empty() && !flags_.images.empty()) {
        auto worst = worst_points(set->images, predictions, result, set_loader(flags_));
        report.problems.insert(report.problems.end(), worst.problems.begin(), worst.problems.end());
        report.pictures = std::move(worst.pictures);
      }
      report.json = result;
      if (!measured) report.json["curve"] = {{"error", EvalJson::array()}, {"share", EvalJson::array()}};
      report.json["missing_faces"] = missing_name();
      report.json["match_iou"] = decimal(least_iou_);
      report.json["point_shift"] = decimal(labels_.options.point_shift);
      report.json["images_without_entry"] = without;
      report.json["left_out"] = left_out;
    }
    return print_runs({kName,
                       set_text(labels_, *set),
                       heading,
                       {{"mean error"},
                        {"failures"},
                        {"left eye"},
                        {"right eye"},
                        {"nose"},
                        {"left mouth"},
                        {"right mouth"},
                        {"detected"},
                        {"by O-Net"},
                        {"missing"},
                        {"images without"},
                        {"rows left out"}},
                       notes()},
                      flags_, *runs, std::move(reports));
  }

 private:
  static std::string count(std::size_t number) { return format_count(static_cast<std::int64_t>(number)); }

  // Whether O-Net is shown a window for faces that are not detected.
  bool reads_off() const { return *missing_ == Missing::kLabelledBox || *missing_ == Missing::kCentreCrop; }

  const char* missing_name() const {
    switch (*missing_) {
      case Missing::kLabelledBox: return "labelled_box";
      case Missing::kCentreCrop: return "centre_crop";
      case Missing::kLeaveOut: return "left_out";
      case Missing::kFail: break;
    }
    return "fail";
  }

  std::string heading_of(const LabelledSet& set, const LandmarkResult& result) const {
    return "Error of the five points, in " +
           std::string(options_.unit == LandmarkUnit::kInterOcular ? "distances of the labelled eyes"
                                                                   : "sizes of the labelled box") +
           ": " + set_text(labels_, set) + ", " + count(result.faces) + " faces" +
           (result.without_unit.empty()
                ? ""
                : ", " + count(result.without_unit.size()) + " more left out without a size") +
           "; failures are errors above " + percent(options_.failure, 0);
  }

  std::vector<std::string> notes() const {
    std::vector<std::string> notes;
    if (*missing_ == Missing::kLabelledBox) {
      notes.push_back("'by O-Net': faces that were not detected, at whose labelled box O-Net looked.");
    } else if (*missing_ == Missing::kCentreCrop) {
      notes.push_back(
          "'by O-Net': faces that were not detected; O-Net looked at the middle of the picture, as in the paper, if "
          "it has one face with points. The others are left out.");
    } else if (*missing_ == Missing::kLeaveOut) {
      notes.push_back("Faces that were not detected are left out of all figures.");
    } else {
      notes.push_back("Faces that were not detected count as failures, but not in the mean errors.");
    }
    if (labels_.options.point_shift != 0) {
      notes.push_back("Labelled points were moved by " + format_float(labels_.options.point_shift) +
                      " pixels in x and y.");
    }
    return notes;
  }

  std::vector<std::vector<LandmarkPrediction>> predictions_of(const Run& run, const LabelledSet& set,
                                                              std::vector<Problem>& problems,
                                                              std::size_t& without) const {
    std::vector<std::vector<LandmarkPrediction>> all;
    for (const LabelledImage& image : set.images) {
      const auto found = run.faces.find(image_name(image.path));
      if (found == run.faces.end()) {
        ++without;
        all.emplace_back(image.faces.size());
        if (!run.detections.failed.contains(image_name(image.path))) {
          problems.push_back(missing_image(image.file, image.line, image.path, run.name));
        }
        continue;
      }
      all.push_back(match_landmarks(image, found->second.faces, least_iou_));
    }
    return all;
  }

  // Faces of images that can't be read stay missing; the run has reported those.
  Status look_at_missing(const RunModel& model, const LabelledSet& set, const std::vector<SetImage>& images,
                         std::vector<std::vector<LandmarkPrediction>>& predictions,
                         std::vector<Problem>& problems) const {
    const auto onet = OnetPoints::create(model.model, model.detector.options());
    if (!onet) return onet.error();
    const auto measured = [](const LabelledFace& face) { return face.landmarks && !face.ignore; };
    for (std::size_t i = 0; i < set.images.size(); ++i) {
      const std::vector<LabelledFace>& faces = set.images[i].faces;
      const auto number = std::count_if(faces.begin(), faces.end(), measured);
      if (*missing_ == Missing::kCentreCrop && number != 1) continue;
      std::optional<Image> pixels;
      for (std::size_t j = 0; j < faces.size(); ++j) {
        if (!measured(faces[j]) || predictions[i][j].points || images[i].file.empty()) continue;
        if (!pixels) {
          auto loaded = load_image(images[i].file, flags_.detector.limits);
          if (!loaded) break;
          pixels = std::move(*loaded);
        }
        const bool middle = *missing_ == Missing::kCentreCrop;
        const auto points = onet->points(
            pixels->view(), middle ? central_square({pixels->width, pixels->height}) : faces[j].box);
        if (points) {
          predictions[i][j] = {*points, true};
        } else {
          problems.push_back(
              {set.images[i].file, faces[j].line, set.images[i].path + ": " + points.error().message});
        }
      }
    }
    return std::monostate{};
  }

  RunFlags flags_;
  LabelFlags labels_;
  LandmarkOptions options_;
  std::optional<Missing> missing_;
  float least_iou_ = kLandmarkIou;
};

}  // namespace

std::unique_ptr<EvalCommand> make_eval_landmarks(CLI::App& app) {
  return std::make_unique<EvalLandmarks>(app);
}

}  // namespace mtcnn
