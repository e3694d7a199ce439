// mtcnn eval stages: how many faces each stage of the cascade keeps, and with how many windows.
#include "eval/stages.h"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/eval_labels.h"
#include "apps/eval_print.h"
#include "apps/eval_run.h"
#include "apps/ordered_map.h"
#include "apps/progress.h"
#include "apps/text.h"
#include "codecs/image_io.h"

namespace mtcnn {
namespace {

constexpr const char* kName = "stages";

std::optional<std::vector<float>> parse_rising(const std::string& text) {
  auto numbers = parse_number_list(text);
  if (!numbers || numbers->front() < 0) return std::nullopt;
  const bool rising =
      std::adjacent_find(numbers->begin(), numbers->end(), std::greater_equal<>()) == numbers->end();
  return rising ? numbers : std::nullopt;
}

class EvalStages : public EvalCommand {
 public:
  explicit EvalStages(CLI::App& app) {
    add_label_flags(app, labels_, false);
    const char* const measure = "Measure";
    app.add_option("--iou", options_.iou, "least intersection over union of a window that keeps a face")
        ->type_name("IOU")
        ->capture_default_str()
        ->check(in_range(.01, 1.))
        ->group(measure);
    add_parsed(
        app, "--sizes", parse_rising, [this](const std::vector<float>& values) { options_.buckets = values; },
        "rising numbers like 0,20,40",
        "sizes of faces, in pixels, at which the rows begin (default: 0,20,30,50,80,120)")
        ->type_name("PIXELS,...")
        ->group(measure);
    add_run_flags(app, flags_, "", std::nullopt);
    app.footer(
        "proposals: P-Net's windows after the NMS of each level; pnet, rnet: the windows that R-Net and\n"
        "O-Net are shown; onet: the faces. The sizes of faces are the shorter sides of their boxes.\n\n"
        "  mtcnn eval stages --images photos/ --labels val_bbx_gt.txt");
  }

  int run() override {
    if (flags_.images.empty()) return eval_usage(kName, "--images is required");
    const auto set = load_labels(labels_, flags_);
    if (!set) return eval_usage(kName, set.error().message);
    const bool any = std::any_of(set->images.begin(), set->images.end(), [](const LabelledImage& image) {
      return !std::all_of(image.faces.begin(), image.faces.end(),
                          [](const auto& face) { return face.ignore; });
    });
    if (!any) return eval_usage(kName, no_face("face", labels_, *set));
    const std::vector<SetImage> images = set_images(*set, flags_.images);
    const std::vector<std::string> models = models_to_run(flags_);
    if (!flags_.names.empty() && flags_.names.size() != models.size()) {
      return eval_usage(kName, std::to_string(flags_.names.size()) + " of --name, expected " +
                                   std::to_string(models.size()));
    }
    const int threads = thread_count(flags_.detector.options.threads);
    const int workers =
        static_cast<int>(std::clamp<std::size_t>(images.size(), 1, static_cast<std::size_t>(threads)));
    std::vector<Run> runs;
    for (const std::string& path : models) {
      auto model = load_run_model(path, flags_, std::nullopt, std::max(1, threads / workers));
      if (!model) return eval_usage(kName, model.error().message);
      Run& run = runs.emplace_back();
      run.source = path;
      run.settings = model->settings;
      run.model = std::move(*model);
    }
    name_runs(flags_.names, runs);

    std::vector<RunReport> reports;
    std::vector<std::string> notes;
    std::string heading;
    for (const Run& run : runs) {
      RunReport& report = reports.emplace_back();
      std::vector<std::string>& cells = report.rows.emplace_back();
      report.problems = set->problems;
      const StageTally tally = tally_of(run, *set, images, workers, report.problems);
      const bool any_face = tally.all().faces > 0;
      if (!any_face) {
        report.unmeasured = "no face to measure in the images that could be read" + because(report.problems);
      }
      if (heading.empty() && any_face) {
        heading = "Faces kept by each stage (IoU of at least " + format_float(options_.iou) +
                  ") and windows an image: " + set_text(labels_, *set) + ", " +
                  format_count(static_cast<std::int64_t>(tally.all().faces)) + " faces";
      }
      for (const Stage stage : kAll) {
        cells.push_back(any_face ? percent(tally.all().recall(stage), 1) : kNoFigure);
        cells.push_back(tally.images() > 0 ? format_fixed(tally.windows_per_image(stage), 1) : kNoFigure);
      }
      for (const std::size_t count : {set->images.size() - tally.images(), set->left_out}) {
        cells.push_back(format_count(static_cast<std::int64_t>(count)));
      }
      notes.push_back(by_size(run.name, tally));
      report.json = tally;
      report.json["images_left_out"] = set->images.size() - tally.images();
      report.json["left_out"] = set->left_out;
    }
    std::vector<Column> columns;
    for (const Stage stage : kAll) {
      columns.push_back({stage_name(stage)});
      columns.push_back({"windows"});
    }
    columns.push_back({"images left out"});
    columns.push_back({"rows left out"});
    return print_runs({kName, set_text(labels_, *set), heading, columns, notes}, flags_, runs,
                      std::move(reports));
  }

 private:
  static constexpr Stage kAll[kStages] = {Stage::kProposals, Stage::kPNet, Stage::kRNet, Stage::kONet};

  StageTally tally_of(const Run& run, const LabelledSet& set, const std::vector<SetImage>& images,
                      int workers, std::vector<Problem>& problems) const {
    std::vector<StageTally> tallies(static_cast<std::size_t>(workers), StageTally(options_));
    std::size_t at = 0;
    Progress progress(static_cast<std::int64_t>(images.size()), "images",
                      !flags_.no_progress && images.size() > 1);
    const auto next = [&]() -> std::optional<std::size_t> {
      return at < images.size() ? std::optional(at++) : std::nullopt;
    };
    // A message, empty if all went well.
    const auto work = [&](std::size_t index, int worker) -> std::optional<Problem> {
      const std::string& file = images[index].file;
      if (file.empty()) return no_such_image(images[index], flags_.images);
      try {
        const auto image = load_image(file, flags_.detector.limits);
        if (!image) return Problem{file, 0, without_name(image.error().message, file)};
        const auto trace = run.model->detector.trace(image->view());
        if (!trace) return Problem{file, 0, trace.error().message};
        tallies[static_cast<std::size_t>(worker)].add(set.images[index], *trace);
      } catch (const std::bad_alloc&) {
        return Problem{file, 0, "not enough memory"};
      }
      return std::nullopt;
    };
    const auto sink = [&](std::optional<Problem> problem) {
      if (problem) problems.push_back(std::move(*problem));
      progress.step();
      return true;
    };
    ordered_map(workers, 64 * static_cast<std::size_t>(workers), next, work, sink);
    StageTally sum(options_);
    for (const StageTally& tally : tallies) sum.add(tally);
    return sum;
  }

  // A table of its own below the comparison.
  std::string by_size(const std::string& name, const StageTally& tally) const {
    std::vector<Column> columns = {{"face size", false}, {"faces"}};
    for (const Stage stage : kAll) columns.push_back({stage_name(stage)});
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < tally.by_size().size(); ++i) {
      const StageCounts& counts = tally.by_size()[i];
      const bool last = i + 1 == tally.by_size().size();
      std::vector<std::string>& row = rows.emplace_back();
      row.push_back(format_float(options_.buckets[i]) +
                    (last ? " or more" : " to " + format_float(options_.buckets[i + 1])));
      row.push_back(format_count(static_cast<std::int64_t>(counts.faces)));
      for (const Stage stage : kAll) {
        row.push_back(counts.faces > 0 ? percent(counts.recall(stage), 1) : kNoFigure);
      }
    }
    std::string table = format_table(columns, rows, 2);
    table.pop_back();
    return "\n" + printable(name) + ", by size in pixels:\n" + table;
  }

  RunFlags flags_;
  LabelFlags labels_;
  StageOptions options_;
};

}  // namespace

std::unique_ptr<EvalCommand> make_eval_stages(CLI::App& app) { return std::make_unique<EvalStages>(app); }

}  // namespace mtcnn
