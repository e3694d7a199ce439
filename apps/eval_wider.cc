// mtcnn eval wider: average precision of the easy, medium and hard faces, as WIDER FACE's own evaluation.
#include "eval/wider.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/eval_print.h"
#include "apps/eval_run.h"
#include "apps/text.h"

namespace mtcnn {
namespace {

constexpr const char* kName = "wider";

class EvalWider : public EvalCommand {
 public:
  explicit EvalWider(CLI::App& app) {
    const char* const truth = "Truth";
    add_text(app, "--ground-truth", truth_,
             "folder of the official .mat files; or a text with easy, medium and hard behind each box; or "
             "wider_face_val_bbx_gt.txt, which has neither and gives one figure for all faces")
        ->type_name("PATH")
        ->required()
        ->group(truth);
    add_text(
        app, "--list", list_,
        "evaluate only the images of this list, a name (EVENT/NAME) a line; 'rows left out' are those of the "
        "whole ground truth all the same")
        ->type_name("FILE")
        ->group(truth);
    app.add_flag(
           "--only-with-detections", only_with_detections_,
           "evaluate only the images that have a file of detections (or, with --images, that are there)")
        ->group(truth);
    add_run_flags(app, flags_, "folder in the official layout, EVENT/NAME.txt", kCurveScoreThreshold);
    app.footer(
        "Scores are stretched to 0..1 over the whole set, and all else is the official evaluation's:\n"
        "1000 thresholds, overlap of .5 with boxes a pixel wider and higher than they say, faces\n"
        "outside the subset ignored.\n\n"
        "  mtcnn eval wider --detections DIR --ground-truth DIR_OF_MATS --json\n"
        "  mtcnn eval wider --images WIDER_val/images --ground-truth DIR_OF_MATS --min-face 10 --output run/");
  }

  int run() override {
    auto truth = read_wider_truth(truth_);
    if (!truth) return eval_usage(kName, truth.error().message);
    WiderOptions options;
    options.only_with_detections = only_with_detections_;
    if (!list_.empty()) {
      auto listed = read_image_list(list_);
      if (!listed) return eval_usage(kName, listed.error().message);
      options.images = std::move(*listed);
    }
    const std::vector<WiderImage> evaluated = evaluated_images(*truth, options);
    if (evaluated.empty() && options.images) {
      const ListedImage& first = options.images->front();
      return eval_usage(kName,
                        Problem{first.file, first.line, first.name}.text() +
                            ": not in the ground truth, and neither is any other image of the list: no face "
                            "to measure");
    }
    if (std::none_of(evaluated.begin(), evaluated.end(), has_face)) {
      return eval_usage(kName, truth_ + ": no face to measure" + because(truth->problems));
    }
    const auto runs = prepare_runs(flags_, set_images(*truth, evaluated), DetectionLayout::kWider,
                                   kCurveScoreThreshold, read_wider_detections);
    if (!runs) return eval_usage(kName, runs.error().message);

    std::vector<RunReport> reports;
    std::vector<Column> columns;
    std::string heading, set;
    const std::vector<LabelledImage> labelled = labelled_images(evaluated);
    for (const Run& run : *runs) {
      options.run = run.name;
      const WiderResult result = evaluate_wider(*truth, run.detections, options);
      RunReport& report = reports.emplace_back();
      if (!result.any_listed()) {
        report.unmeasured = nothing_measured(run, evaluated.size());
      } else if (std::all_of(result.subsets.begin(), result.subsets.end(),
                             [](const WiderResult::Subset& subset) { return subset.faces == 0; })) {
        report.unmeasured = "no face to measure in the images that have detections";
      }
      if (heading.empty() && report.unmeasured.empty()) {
        set = "WIDER FACE, " + format_count(static_cast<std::int64_t>(result.images)) + " images";
        heading = "WIDER FACE: average precision on " +
                  format_count(static_cast<std::int64_t>(result.images)) + " images";
        for (const WiderResult::Subset& subset : result.subsets) {
          columns.push_back({subset.name});
          heading += (columns.size() == 1 ? " (faces: " : ", ") + subset.name + " " +
                     format_count(static_cast<std::int64_t>(subset.faces));
        }
        heading += ")";
        if (options.only_with_detections) columns.push_back({"images"});  // not those of the other runs
        for (const char* const more : {"detections", "images without", "rows left out"})
          columns.push_back({more});
      }
      std::vector<std::string>& cells = report.rows.emplace_back();
      for (const WiderResult::Subset& subset : result.subsets) {
        cells.push_back(report.unmeasured.empty() && subset.faces > 0 ? figure(subset.average_precision)
                                                                      : kNoFigure);
      }
      if (options.only_with_detections)
        cells.push_back(format_count(static_cast<std::int64_t>(result.images)));
      for (const std::size_t count : {result.detections, result.images_not_listed + result.images_empty,
                                      static_cast<std::size_t>(result.left_out)}) {
        cells.push_back(format_count(static_cast<std::int64_t>(count)));
      }
      report.json = result;
      report.problems = result.problems;
      report.pictures = pictures_of(run, flags_, labelled, .5f, report.problems);
    }
    return print_runs(
        {kName,
         set,
         heading,
         columns,
         {"'images without': images in which nothing was found, or that have no file; their faces "
          "count as missed"}},
        flags_, *runs, std::move(reports));
  }

 private:
  // For the pictures: faces that count in no subset are neither missed nor found.
  static std::vector<LabelledImage> labelled_images(const std::vector<WiderImage>& evaluated) {
    std::vector<LabelledImage> images;
    for (const WiderImage& image : evaluated) {
      LabelledImage& labelled = images.emplace_back(LabelledImage{image.name, {}});
      for (const WiderFace& face : image.faces) {
        if (face.unusable) continue;
        LabelledFace& one = labelled.faces.emplace_back();
        one.box = {static_cast<float>(face.box.x), static_cast<float>(face.box.y),
                   static_cast<float>(face.box.x + face.box.width),
                   static_cast<float>(face.box.y + face.box.height)};
        one.ignore = face.subsets == 0;
      }
    }
    return images;
  }

  static bool has_face(const WiderImage& image) {
    return std::any_of(image.faces.begin(), image.faces.end(),
                       [](const WiderFace& face) { return face.subsets != 0; });
  }

  static std::vector<WiderImage> evaluated_images(const WiderTruth& truth, const WiderOptions& options) {
    if (!options.images) return truth.images;
    std::unordered_set<std::string> wanted;
    for (const ListedImage& image : *options.images) wanted.insert(image.name);
    std::vector<WiderImage> images;
    std::copy_if(truth.images.begin(), truth.images.end(), std::back_inserter(images),
                 [&](const WiderImage& image) { return wanted.contains(image.name); });
    return images;
  }

  std::vector<SetImage> set_images(const WiderTruth& truth, const std::vector<WiderImage>& evaluated) const {
    std::vector<SetImage> images;
    for (const WiderImage& image : evaluated) {
      SetImage one{image.name, find_set_image(flags_.images, image.name), {}, truth.file, image.line};
      if (only_with_detections_ && one.file.empty() && flags_.detections.empty()) continue;
      images.push_back(std::move(one));
    }
    return images;
  }

  RunFlags flags_;
  std::string truth_;
  std::string list_;
  bool only_with_detections_ = false;
};

}  // namespace

std::unique_ptr<EvalCommand> make_eval_wider(CLI::App& app) { return std::make_unique<EvalWider>(app); }

}  // namespace mtcnn
