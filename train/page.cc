#include "train/page.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "eval/html.h"
#include "eval/report_text.h"
#include "eval/svg_plot.h"
#include "train/sample_sheet.h"
#include "util/file.h"

namespace mtcnn {
namespace {

using Json = nlohmann::json;
using Points = std::vector<std::pair<double, double>>;

constexpr std::size_t kLargestMetrics = std::size_t{1} << 30;
constexpr std::size_t kLargestSheet = std::size_t{1} << 26;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// ---- What is read ----

double number(const Json& json, const char* key) {
  const auto found = json.find(key);
  const double value = found != json.end() && found->is_number() ? found->get<double>() : kNone;
  return std::abs(value) < 1e15 ? value : kNone;  // beyond, not even a percentage makes sense
}

std::string word(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

// Of one net, in the order in which the steps were made.
struct NetRecords {
  std::string name;
  std::vector<Json> rounds, steps, checks, mined;
  std::optional<Json> done;
};

struct Records {
  Json start = Json::object();   // the last one
  Json result = Json::object();  // of the whole cascade, likewise
  std::vector<NetRecords> nets;
};

// What was recorded from `step` on is void: the run began again before it.
void forget_from(std::vector<Json>& list, double step) {
  std::erase_if(list, [step](const Json& record) { return number(record, "step") >= step; });
}

Records read_records(std::string_view text) {
  Records records;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const Json json = Json::parse(text.substr(0, end), nullptr, false);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!json.is_object()) continue;
    const std::string event = word(json, "event"), name = word(json, "net");
    if (event == "start") records.start = json;
    if (event == "result") records.result = json;
    if (name.empty()) continue;
    auto net = std::find_if(records.nets.begin(), records.nets.end(),
                            [&](const NetRecords& other) { return other.name == name; });
    if (net == records.nets.end()) {
      records.nets.push_back({name, {}, {}, {}, {}, {}});
      net = std::prev(records.nets.end());
    }
    const double step = number(json, "step");
    if (event == "step" && step > 0) {
      forget_from(net->steps, step);
      net->steps.push_back(json);
    } else if (event == "check" && step > 0) {
      forget_from(net->checks, step);
      net->checks.push_back(json);
    } else if (event == "round") {
      // It says where it goes on from; a round that is resumed is recorded once more.
      forget_from(net->steps, step + 1);
      forget_from(net->checks, step + 1);
      const double round = number(json, "round");
      std::erase_if(net->rounds, [round](const Json& other) { return number(other, "round") >= round; });
      net->rounds.push_back(json);
    } else if (event == "mined") {
      std::erase_if(net->mined, [&](const Json& other) {
        return word(other, "what") == word(json, "what") && number(other, "round") == number(json, "round");
      });
      net->mined.push_back(json);
    } else if (event == "done") {
      net->done = json;
    }
  }
  return records;
}

// ---- Words ----

// A value that is not there is a dash.
std::string decimals(double value, int digits) { return std::isfinite(value) ? fixed(value, digits) : "–"; }
std::string whole(double value) { return std::isfinite(value) ? count_text(value) : "–"; }
std::string percent(double share) { return std::isfinite(share) ? percent_text(share) : "–"; }

std::string significant(double value) {
  if (!std::isfinite(value)) return "–";
  char text[64];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds)) return "–";
  if (seconds < 100) return decimals(seconds, 0) + " s";
  if (seconds < 100 * 60) return decimals(seconds / 60, 1) + " min";
  return decimals(seconds / 3600, 1) + " h";
}

std::string title_of(const std::string& net) {
  if (net == "pnet") return "P-Net";
  if (net == "rnet") return "R-Net";
  if (net == "onet") return "O-Net";
  return net;
}

// ---- The page ----

// Beside page_style().
constexpr const char* kStyle =
    R"(.sheet{display:block;max-width:100%;height:auto;border-radius:4px}
.keys{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;list-style:none;padding:0;margin:.4rem 0;font-size:.87rem}
.dot{display:inline-block;width:.8em;height:.8em;border-radius:2px;border:1px solid #0008;margin-right:.4em;vertical-align:-.05em}
pre{font-size:.82rem;line-height:1.35;overflow-x:auto;background:var(--card);border:1px solid var(--rule);border-radius:6px;padding:.8rem}
@media print{pre{white-space:pre-wrap}.dot,.sheet{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
)";

constexpr double kMillion = 1e6;
constexpr double kGibi = 0x1p30;

Points points_of(const std::vector<Json>& records, const char* key, double factor = 1) {
  Points points;
  for (const Json& record : records) {
    points.emplace_back(number(record, "samples") / kMillion, factor * number(record, key));
  }
  return points;
}

double last_of(const Points& points) {
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    if (std::isfinite(point->second)) return point->second;
  }
  return kNone;
}

enum class Scale {
  kLog,
  kFromZero,  // to a round number
  kToLast,    // from 0 to where the values end
  kShare,     // percent, from 0 to 1
  kNear,      // percent, as far down as the values go
};

// Axes that hold all the points, those of value 0 on a logarithmic one aside.
std::optional<SvgAxis> axis_for(const std::string& label, Scale scale, const std::vector<SvgSeries>& series,
                                bool of_x) {
  SvgAxis axis{label, 0, 1, scale == Scale::kLog, scale == Scale::kShare || scale == Scale::kNear};
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const SvgSeries& one : series) {
    for (const auto& [x, y] : one.points) {
      const double value = of_x ? x : y;
      if (!std::isfinite(value) || value < 0 || (axis.log && value == 0)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (high < low) return std::nullopt;
  switch (scale) {
    case Scale::kLog:
      axis.low = .8 * low;
      axis.high = 1.25 * high;
      break;
    case Scale::kFromZero: axis.high = high > 0 ? nice_ceiling(high) : 1; break;
    case Scale::kToLast: axis.high = high > 0 ? high : 1; break;
    case Scale::kShare: axis.high = std::max(1., high); break;
    case Scale::kNear:
      // What is missing to 1 is what one looks at.
      axis.high = std::max(1., high);
      axis.low = low < axis.high ? std::max(0., axis.high - nice_ceiling(1.02 * (axis.high - low)))
                                 : axis.high - .01;
      break;
  }
  return axis;
}

class Page {
 public:
  Page(const Records& records, const std::string& folder) : records_(records), folder_(folder) {}

  std::string make() {
    html_ =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n<title>Training</title>\n<style>\n" +
        page_style() + kStyle + "</style>\n</head>\n<body>\n<h1>Training</h1>\n";
    const Json& start = records_.start;
    if (!start.empty()) {
      html_ += "<p>" + whole(number(start, "photographs")) + " photographs with " +
               whole(number(start, "faces")) + " faces, " + whole(number(start, "faces_with_points")) +
               " of them with points, and " + whole(number(start, "ignored")) + " ignored regions; " +
               whole(number(start, "validation")) + " photographs to check with. " +
               whole(number(start, "ranks")) + " × " + whole(number(start, "threads")) +
               " threads, libtorch " + escape_html(word(start, "libtorch")) + ".</p>\n";
    }
    add_result();
    add_stages();
    add_rounds();
    for (const NetRecords& net : records_.nets) add_net(net);
    add_settings();
    return html_ + "</body>\n</html>\n";
  }

 private:
  void open_table(const std::string& caption, std::initializer_list<const char*> columns) {
    html_ += "<div class=\"wide\"><table>\n<caption>" + caption + "</caption>\n<thead><tr>";
    bool first = true;
    for (const char* column : columns) {
      html_ += first ? "<td></td>" : std::string("<th scope=\"col\">") + column + "</th>";
      first = false;
    }
    html_ += "</tr></thead>\n<tbody>\n";
  }
  void add_row(const std::string& name, const std::vector<std::string>& cells) {
    html_ += "<tr><th scope=\"row\">" + escape_html(name) + "</th>";
    for (const std::string& cell : cells) html_ += "<td>" + escape_html(cell) + "</td>";
    html_ += "</tr>\n";
  }

  static bool finds_faces(const NetRecords& net) {
    return std::any_of(net.checks.begin(), net.checks.end(),
                       [](const Json& check) { return number(check, "average_precision") > 0; });
  }

  // The check whose weights are, or so far would be, kept: the latest of the best.
  static const Json* best_check(const NetRecords& net) {
    const Json* best = nullptr;
    for (const Json& check : net.checks) {
      const bool chosen = net.done && number(check, "step") == number(*net.done, "best_step");
      if (chosen) return &check;
      if (!best || number(check, "figure") >= number(*best, "figure")) best = &check;
    }
    return best;
  }

  void add_stages() {
    if (records_.nets.empty()) {
      html_ += "<p class=\"soft\">Nothing has been learned yet.</p>\n";
      return;
    }
    open_table("Stages", {"", "state", "samples", "steps", "learning", "searching", "checking",
                          "memory at its peak", "chosen at", "its figure"});
    for (const NetRecords& net : records_.nets) {
      double learning = 0, searching = 0, checking = 0, before = 0, samples = 0, step = 0, memory = kNone;
      for (const Json& record : net.steps) {
        memory = std::fmax(memory, number(record, "peak_memory"));
        samples = number(record, "samples");
        step = number(record, "step");
        const double seconds = (samples - before) / number(record, "samples_per_second");
        if (std::isfinite(seconds) && seconds > 0) learning += seconds;
        before = samples;
      }
      const auto add = [](double& sum, double seconds) { sum += std::isfinite(seconds) ? seconds : 0; };
      for (const Json& record : net.mined) add(searching, number(record, "seconds"));
      for (const Json& record : net.checks) add(checking, number(record, "seconds"));
      const double steps = net.rounds.empty() ? kNone : number(net.rounds.back(), "steps");
      std::string state = net.done ? "done" : steps > 0 ? decimals(100 * step / steps, 0) + " %" : "–";
      const Json* const best = best_check(net);
      const bool finds = finds_faces(net);
      std::string figure = "–";
      if (best && finds) figure = "AP " + decimals(number(*best, "figure"), 4);
      if (best && !finds) {
        figure = "recall " + percent(number(*best, "recall")) + " with " +
                 decimals(number(*best, "windows"), 0) + " windows an image";
      }
      add_row(title_of(net.name),
              {state, whole(samples), whole(step), duration(learning), duration(searching),
               duration(checking), std::isfinite(memory) ? decimals(memory / kGibi, 2) + " GiB" : "–",
               best ? decimals(number(*best, "samples") / kMillion, 2) + " M samples" : "–", figure});
    }
    html_ += "</tbody></table></div>\n";
  }

  void add_result() {
    const auto stages = records_.result.find("stages");
    if (stages == records_.result.end() || !stages->is_array()) return;
    open_table("The whole cascade on the validation sets",
               {"", "windows an image", "share of the faces kept"});
    for (const Json& stage : *stages) {
      if (!stage.is_object()) continue;
      add_row(word(stage, "stage"),
              {decimals(number(stage, "windows_per_image"), 2), percent(number(stage, "recall"))});
    }
    html_ += "</tbody></table></div>\n<p>Average precision at IoU .5, of all faces: " +
             decimals(number(records_.result, "average_precision_of_all"), 4) + ". Points are off by " +
             percent(number(records_.result, "landmark_error")) + " of the distance between the eyes.</p>\n";
  }

  void add_rounds() {
    const auto any = std::any_of(records_.nets.begin(), records_.nets.end(),
                                 [](const NetRecords& net) { return !net.rounds.empty(); });
    if (!any) return;
    open_table("Rounds: samples of each kind in a batch, and the mined windows that they are taken from",
               {"", "round", "searched for", "windows found", "negatives", "mined", "positives", "mined",
                "parts", "mined", "landmark faces", "mined"});
    for (const NetRecords& net : records_.nets) {
      for (const Json& round : net.rounds) {
        std::string searched, found;
        for (const Json& mined : net.mined) {
          if (number(mined, "round") != number(round, "round")) continue;
          searched = word(mined, "what") == "own" ? "its false positives" : "what the nets before find";
          found = whole(number(mined, "windows"));
        }
        std::vector<std::string> cells{whole(number(round, "round") + 1), searched.empty() ? "–" : searched,
                                       found.empty() ? "–" : found};
        for (const SampleKind kind :
             {SampleKind::kNegative, SampleKind::kPositive, SampleKind::kPart, SampleKind::kLandmark}) {
          const auto kinds = round.find("kinds");
          const Json counts = kinds != round.end() && kinds->is_object() && kinds->contains(kind_name(kind))
                                  ? kinds->at(kind_name(kind))
                                  : Json::object();
          cells.push_back(whole(number(counts, "in_batch")));
          cells.push_back(whole(number(counts, "mined")));
        }
        add_row(title_of(net.name), cells);
      }
    }
    html_ += "</tbody></table></div>\n";
  }

  // Nothing if there is no value to draw. `marked`: where a line is drawn across, in million samples.
  void add_chart(const std::string& title, const std::string& description, const std::string& y_label,
                 Scale scale, std::vector<SvgSeries> series, double marked = kNone) {
    std::erase_if(series, [](const SvgSeries& one) { return !std::isfinite(last_of(one.points)); });
    const std::optional<SvgAxis> x = axis_for("million samples", Scale::kToLast, series, true);
    const std::optional<SvgAxis> y = axis_for(y_label, scale, series, false);
    if (!x || !y) return;
    if (std::isfinite(marked)) {
      series.push_back({"chosen", decimals(marked, 2) + " M", 5, {{marked, y->low}, {marked, y->high}}});
    }
    html_ += "<div class=\"chart\">" +
             svg_plot({title, description, *x, *y, std::move(series)}, "c" + std::to_string(charts_++)) +
             "</div>\n";
  }

  static SvgSeries series_of(const std::string& name, std::size_t style, Points points, bool share = false) {
    const double last = last_of(points);
    return {name, share ? percent(last) : significant(last), style, std::move(points)};
  }

  void add_net(const NetRecords& net) {
    const std::string title = title_of(net.name);
    html_ += "<section>\n<h2>" + escape_html(title) + "</h2>\n<div class=\"charts\">\n";
    add_checks(net);
    std::vector<SvgSeries> losses;
    for (const auto& [name, key] : {std::pair{"classification (hard samples)", "classification"},
                                    std::pair{"box", "box"}, std::pair{"landmarks", "landmarks"}}) {
      Points points = points_of(net.steps, key);
      // A net that does not learn the points has a loss of 0 there.
      const bool learned =
          std::any_of(points.begin(), points.end(), [](const auto& p) { return p.second > 0; });
      if (learned) losses.push_back(series_of(name, losses.size(), std::move(points)));
    }
    add_chart("Losses", title + ": mean loss of each task over some seconds, not weighted.", "loss",
              Scale::kLog, std::move(losses));
    add_chart("Accuracy", title + ": share of negatives and positives told right.", "accuracy", Scale::kNear,
              {series_of("negatives and positives", 0, points_of(net.steps, "accuracy"), true)});
    add_chart("Learning rate", title + ": learning rate.", "learning rate × 1000", Scale::kFromZero,
              {series_of("learning rate × 1000", 0, points_of(net.steps, "learning_rate", 1e3))});
    add_chart("Speed", title + ": samples learned in a second.", "thousand samples a second",
              Scale::kFromZero,
              {series_of("thousand samples a second", 0, points_of(net.steps, "samples_per_second", 1e-3))});
    add_chart("Waiting for samples",
              title + ": share of the time in which the training step waits for samples.",
              "share of the time", Scale::kShare,
              {series_of("waiting", 0, points_of(net.steps, "waited_for_samples"), true)});
    add_chart("Memory",
              title + ": the process's at its peak until then, and the decoded photographs in the cache.",
              "GiB", Scale::kFromZero,
              {series_of("at its peak", 0, points_of(net.steps, "peak_memory", 1 / kGibi)),
               series_of("photographs", 1, points_of(net.steps, "image_cache", 1 / kGibi))});
    html_ += "</div>\n";
    add_sheet(net);
    html_ += "</section>\n";
  }

  void add_checks(const NetRecords& net) {
    const Json* const best = best_check(net);
    if (!best) return;
    const std::string title = title_of(net.name);
    const double marked = number(*best, "samples") / kMillion;
    if (finds_faces(net)) {
      add_chart("Average precision",
                title + ": average precision of the cascade on the validation sets, IoU .5.",
                "average precision", Scale::kNear,
                {series_of("of all faces", 0, points_of(net.checks, "figure"), true),
                 series_of("mean over the sets", 1, points_of(net.checks, "average_precision"), true)},
                marked);
      const double faces = number(*best, "landmark_faces");
      if (faces > 0) {
        add_chart("Landmark error",
                  title + ": mean distance of the points on " + whole(faces) +
                      " faces, in distances between the eyes.",
                  "% of the eyes’ distance", Scale::kFromZero,
                  {series_of("mean, percent", 0, points_of(net.checks, "landmark_error", 100))}, marked);
      }
      return;
    }
    add_chart(
        "Recall on the validation sets",
        title +
            ": share of the faces that keep a window of IoU .5 or more, among the best windows of an image.",
        "recall", Scale::kNear,
        {series_of("best " + decimals(number(*best, "windows"), 0) + " windows an image", 0,
                   points_of(net.checks, "recall"), true),
         series_of("all, " + decimals(number(*best, "windows_of_all"), 0) + " an image", 1,
                   points_of(net.checks, "recall_of_all"), true)},
        marked);
  }

  static std::string dot(const Rgb& colour) {
    char text[80];
    std::snprintf(text, sizeof text, "<span class=\"dot\" style=\"background:#%02x%02x%02x\"></span>",
                  colour[0], colour[1], colour[2]);
    return text;
  }

  void add_sheet(const NetRecords& net) {
    // A name out of a file is no path.
    if (net.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos) return;
    const std::string file = (std::filesystem::path(folder_) / (net.name + "-samples.png")).string();
    const Result<std::vector<std::byte>> png = read_file(file, kLargestSheet);
    if (!png) return;
    html_ +=
        "<h3>What the sampler cuts</h3>\n<p class=\"note\">As the net sees them, in the latest round; boxes and "
        "points are what it shall answer.</p>\n<ul class=\"keys\">";
    for (const auto& [kind, words] :
         {std::pair{SampleKind::kNegative, "negatives"}, std::pair{SampleKind::kPositive, "positives"},
          std::pair{SampleKind::kPart, "parts"}, std::pair{SampleKind::kLandmark, "landmark faces"}}) {
      html_ += "<li>" + dot(kSheetFrames[static_cast<std::size_t>(kind)]) + words + "</li>";
    }
    html_ += "<li>" + dot(kSheetBox) + "box</li><li>" + dot(kSheetPoints[0]) +
             "points on the left of the picture</li><li>" + dot(kSheetPoints[2]) + "on its right</li><li>" +
             dot(kSheetPoints[1]) + "nose</li></ul>\n";
    html_ += "<img class=\"sheet\" alt=\"Crops for " + title_of(net.name) +
             ", two rows of each kind\" src=\"data:image/png;base64," + base64(*png) + "\"/>\n";
  }

  void add_settings() {
    const Result<std::vector<std::byte>> text =
        read_file((std::filesystem::path(folder_) / "config.toml").string(), std::size_t{1} << 24);
    if (!text) return;
    html_ += "<section>\n<h2>Settings</h2>\n<pre>" +
             escape_html({reinterpret_cast<const char*>(text->data()), text->size()}) +
             "</pre>\n</section>\n";
  }

  const Records& records_;
  const std::string& folder_;
  std::size_t charts_ = 0;
  std::string html_;
};

}  // namespace

Status write_training_page(const std::string& folder) {
  const std::filesystem::path path(folder);
  const Result<std::vector<std::byte>> metrics =
      read_file((path / "metrics.jsonl").string(), kLargestMetrics);
  if (!metrics) return metrics.error();
  const Records records = read_records({reinterpret_cast<const char*>(metrics->data()), metrics->size()});
  const std::string html = Page(records, folder).make();
  return write_file((path / "report.html").string(), std::as_bytes(std::span(html)));
}

}  // namespace mtcnn
