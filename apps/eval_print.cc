#include "apps/eval_print.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/text.h"
#include "codecs/image_io.h"
#include "eval/boxes.h"

namespace mtcnn {

std::string settings_text(const EvalJson& settings) {
  // Settings may come from a file that somebody has changed: what is not there is not said.
  const auto text_of = [](const EvalJson& json, const char* key) {
    if (!json.is_object() || !json.contains(key)) return std::string("unknown");
    const EvalJson& value = json[key];
    if (value.is_number()) return format_float(value.get<float>());
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  const auto is_on = [&](const char* key) { return text_of(settings, key) == "true"; };
  if (!settings.is_object() || !settings.contains("model")) return "settings not known";
  const EvalJson& model = settings["model"];
  std::string text = "model " + text_of(model, "file") + " (sha256 " +
                     text_of(model, "sha256").substr(0, 16) + ", architecture " +
                     text_of(model, "architecture") + ", " + text_of(model, "geometry") +
                     " cell geometry), minimum face " + text_of(settings, "min_face");
  if (text_of(settings, "max_face") != "0") text += ", maximum face " + text_of(settings, "max_face");
  text += ", factor " + text_of(settings, "factor") + ", thresholds " + text_of(settings, "thresholds");
  text += text_of(settings, "resize") == "null" ? ", images at their own size"
                                                : ", images resized to " + text_of(settings, "resize");
  if (text_of(settings, "nms") != "[0.5,0.7,0.7,0.7]") text += ", NMS " + text_of(settings, "nms");
  if (text_of(settings, "max_candidates") != "[0,0,0]") {
    text += ", at most " + text_of(settings, "max_candidates") + " candidates";
  }
  if (text_of(settings, "region") != "null") text += ", region " + text_of(settings, "region");
  if (is_on("clip")) text += ", boxes clipped";
  if (is_on("mirror_landmarks")) text += ", points averaged with the mirrored face's";
  if (is_on("lnet")) text += ", points refined with L-Net";
  if (is_on("largest_only")) text += ", only the largest face";
  return text;
}

LoadImage set_loader(const RunFlags& flags) {
  return [&flags](const std::string& path) -> Result<Image> {
    const std::string file = find_set_image(flags.images, path);
    return load_image(file.empty() ? flags.images + "/" + path : file, flags.detector.limits);
  };
}

std::vector<ReportPicture> pictures_of(const Run& run, const RunFlags& flags,
                                       std::span<const LabelledImage> images, float overlap,
                                       std::vector<Problem>& problems) {
  if (flags.report.empty() || flags.images.empty()) return {};
  std::unordered_map<std::string, const DetectedImage*> by_name;
  for (const DetectedImage& image : run.detections.images) by_name.emplace(image.name, &image);
  // What has no entry would come out as missed, though nobody looked at it.
  std::vector<LabelledImage> looked_at;
  std::vector<std::vector<BoxDetection>> detections;
  for (const LabelledImage& image : images) {
    const auto found = by_name.find(image_name(image.path));
    if (found == by_name.end()) continue;
    looked_at.push_back(image);
    detections.push_back(candidates_of(*found->second));
  }
  BoxOptions options;
  options.iou = overlap;
  auto pictures = worst_pictures(looked_at, detections, evaluate_boxes(looked_at, detections, options),
                                 set_loader(flags));
  problems.insert(problems.end(), pictures.problems.begin(), pictures.problems.end());
  return std::move(pictures.pictures);
}

int print_runs(const Comparison& comparison, const RunFlags& flags, const std::vector<Run>& runs,
               std::vector<RunReport> reports) {
  const std::string& command = comparison.command;
  const bool measured = std::any_of(reports.begin(), reports.end(),
                                    [](const RunReport& report) { return report.unmeasured.empty(); });
  if (!measured) {
    for (std::size_t i = 0; i < runs.size(); ++i) {
      eval_usage(command, runs[i].name + ": " + reports[i].unmeasured);
    }
    return kExitUsage;
  }
  std::vector<std::string> problems;
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    EvalJson& json = reports[i].json;
    json["run"] = {{"name", runs[i].name}, {"source", runs[i].source.empty() ? "built-in" : runs[i].source}};
    json["run"]["settings"] = runs[i].settings;
    json["problems"] = EvalJson::array();
    if (!reports[i].unmeasured.empty()) {
      reports[i].problems.insert(reports[i].problems.begin(), {runs[i].name, 0, reports[i].unmeasured});
    }
    for (const Problem& problem : reports[i].problems) {
      std::string text = problem.text();
      json["problems"].push_back(text);
      if (seen.insert(text).second) problems.push_back(std::move(text));
    }
  }
  constexpr std::size_t kMostPrinted = 20;
  for (std::size_t i = 0; i < std::min(problems.size(), kMostPrinted); ++i) {
    std::fprintf(stderr, "mtcnn eval %s: %s\n", command.c_str(), printable(problems[i]).c_str());
  }
  if (problems.size() > kMostPrinted) {
    std::fprintf(stderr, "mtcnn eval %s: and %s more like these%s\n", command.c_str(),
                 format_count(static_cast<std::int64_t>(problems.size() - kMostPrinted)).c_str(),
                 flags.json ? " (all are in the JSON)" : " (--json lists all)");
  }

  bool report_failed = false;
  if (!flags.report.empty()) {
    Report report;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      ReportRun& run = report.runs.emplace_back();
      run.name = runs[i].name;
      run.set = flags.set.empty() ? comparison.set : flags.set;
      run.settings = runs[i].settings;
      run.results[command] = reports[i].json;
      run.pictures = std::move(reports[i].pictures);
    }
    if (const Status written = write_report(flags.report, report); !written) {
      std::fprintf(stderr, "mtcnn eval %s: %s\n", command.c_str(),
                   printable(written.error().message).c_str());
      report_failed = true;
    }
  }

  std::string text;
  if (flags.json) {
    EvalJson json;
    if (runs.size() == 1) {
      json = std::move(reports[0].json);
    } else {
      json["runs"] = EvalJson::array();
      for (RunReport& report : reports) json["runs"].push_back(std::move(report.json));
    }
    text = json.dump(-1, ' ', false, EvalJson::error_handler_t::replace) + '\n';
  } else {
    std::vector<Column> all = {{"run", false}};
    all.insert(all.end(), comparison.columns.begin(), comparison.columns.end());
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      for (const std::vector<std::string>& cells : reports[i].rows) {
        std::vector<std::string>& row = rows.emplace_back(std::vector{printable(runs[i].name)});
        row.insert(row.end(), cells.begin(), cells.end());
      }
    }
    text = printable(comparison.heading) + "\n\n" + format_table(all, rows, 2) + '\n';
    for (const Run& run : runs) {
      text += printable(run.name + ": " + settings_text(run.settings) +
                        (run.model ? "" : "; detections from " + run.source)) +
              '\n';
    }
    for (const std::string& note : comparison.notes) text += note + '\n';
    if (!problems.empty()) {
      text += format_count(static_cast<std::int64_t>(problems.size())) +
              (problems.size() == 1 ? " thing was" : " things were") +
              " left out or not as expected: see the messages\n";
    }
  }
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written && errno != EPIPE) {
    std::fprintf(stderr, "mtcnn eval %s: standard output: can't write: %s\n", command.c_str(),
                 std::strerror(errno));
    return kExitFailed;
  }
  return problems.empty() && !report_failed ? kExitOk : kExitFailed;
}

std::string percent(double share, int digits) {
  return std::isnan(share) ? kNoFigure : format_fixed(100 * share, digits) + " %";
}

std::string figure(double value) { return format_fixed(value, 4); }

}  // namespace mtcnn
