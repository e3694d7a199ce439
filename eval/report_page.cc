#include "eval/report_page.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <utility>

#include "eval/html.h"
#include "eval/svg_plot.h"

namespace mtcnn {
namespace {

using Json = nlohmann::ordered_json;

// Small things.

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string short_number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string count_text(double value) {
  std::string text = fixed(value, 0);
  for (std::size_t i = text.size(); i > 3 && text[i - 4] != '-'; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

std::string percent_text(double share, int digits = 2) { return fixed(100 * share, digits) + " %"; }

std::string spaced(std::string text) {
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::string file_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

// A setting as words.
std::string value_text(const Json& value) {
  if (value.is_null()) return "–";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_float()) return short_number(value.get<double>());
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const Json& part : value) text.append(text.empty() ? "" : ", ").append(value_text(part));
  return text.empty() ? "none" : text;
}

using Settings = std::vector<std::pair<std::string, std::string>>;

void flatten(const std::string& prefix, const Json& json, Settings& settings) {
  for (const auto& [key, value] : json.items()) {
    const std::string name = prefix.empty() ? spaced(key) : prefix + " " + spaced(key);
    if (value.is_object()) {
      flatten(name, value, settings);
    } else {
      settings.emplace_back(name, value_text(value));
    }
  }
}

// What one result has to show, whichever measure it is of: the page is made of this alone, tables
// and charts of the same title of all runs becoming one.
//
// With constructors: where reading the JSON throws in the middle of an aggregate's braces, GCC 12
// destroys what was made so far twice.

struct Figure {
  Figure(std::string of_column, std::string as_text, std::optional<double> of_value = std::nullopt,
         bool lower = false)
      : column(std::move(of_column)), text(std::move(as_text)), value(of_value), lower_is_better(lower) {}
  std::string column;
  std::string text;
  // By which the best of the runs is found; none where more is not better or worse.
  std::optional<double> value;
  bool lower_is_better;
};

struct FigureTable {
  explicit FigureTable(std::string of_title, std::vector<Figure> figures = {})
      : title(std::move(of_title)), row(std::move(figures)) {}
  std::string title;
  std::string note{};  // below it; may be empty
  std::vector<Figure> row;
};

struct Chart {
  Chart(std::string of_title, SvgAxis of_x, SvgAxis of_y, std::string of_legend,
        std::vector<std::pair<double, double>> of_points)
      : title(std::move(of_title)),
        x(std::move(of_x)),
        y(std::move(of_y)),
        figure(std::move(of_legend)),
        points(std::move(of_points)) {}
  std::string title;
  SvgAxis x, y;
  std::string figure;  // for the legend
  std::vector<std::pair<double, double>> points;
};

struct Measure {
  std::string how;  // a sentence: what is measured
  std::vector<FigureTable> tables;
  std::vector<Chart> charts;
};

Figure share(const std::string& column, double value) { return {column, fixed(value, 4), value}; }

Figure error(const std::string& column, double value) { return {column, percent_text(value), value, true}; }

// Those of `keys` (key and column) that are there.
std::vector<Figure> counts(const Json& json,
                           std::initializer_list<std::pair<const char*, const char*>> keys) {
  std::vector<Figure> row;
  for (const auto& [key, column] : keys) {
    if (json.contains(key)) row.push_back({column, count_text(json.at(key).get<double>())});
  }
  return row;
}

std::vector<std::pair<double, double>> pairs(const Json& x, const Json& y) {
  std::vector<std::pair<double, double>> points;
  points.reserve(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    points.emplace_back(x.at(i).get<double>(), y.at(i).get<double>());
  return points;
}

// The functions below throw the JSON library's exceptions for what is not as expected.

Measure wider_measure(const Json& json) {
  Measure measure;
  measure.how =
      "Average precision as the official WIDER FACE evaluation computes it: scores stretched to 0–1 over the "
      "whole set, 1,000 thresholds, IoU of at least 0.5, faces outside a subset ignored.";
  if (json.at("settings").at("restricted_to_list").get<bool>())
    measure.how += " Restricted to a list of images.";
  if (json.at("settings").at("only_with_detections").get<bool>()) {
    measure.how += " Images without a file of detections are not counted.";
  }
  FigureTable precision("Average precision"), recall("Recall of all detections");
  FigureTable faces("Counted", counts(json, {{"images", "images"}}));
  for (const auto& [subset, curve] : json.at("curves").items()) {
    const double average = json.at(subset).get<double>();
    precision.row.push_back(share(subset, average));
    recall.row.push_back(share(subset, json.at("recall").at(subset).get<double>()));
    faces.row.push_back({"faces, " + subset, count_text(json.at("faces").at(subset).get<double>())});
    Chart chart("Precision and recall, " + subset, {"recall"}, {"precision"}, "AP " + fixed(average, 4),
                pairs(curve.at("recall"), curve.at("precision")));
    // Before the first proposal precision is 0 over 0: the official 0 would draw a line up the axis.
    std::erase_if(chart.points, [](const auto& point) { return point.first == 0 && point.second == 0; });
    measure.charts.push_back(std::move(chart));
  }
  const auto rest = counts(json, {{"labelled_faces", "labelled faces"},
                                  {"detections", "detections"},
                                  {"left_out", "left out"},
                                  {"images_excluded", "images excluded"},
                                  {"images_without_file", "images without a file"},
                                  {"images_without_detections", "images with no detection"}});
  faces.row.insert(faces.row.end(), rest.begin(), rest.end());
  measure.tables = {std::move(precision), std::move(recall), std::move(faces)};
  return measure;
}

Measure fddb_measure(const Json& json) {
  Measure measure;
  const Json& settings = json.at("settings");
  measure.how =
      "True positive rate as FDDB's own evaluator computes it: detections matched one to one with the labelled "
      "ellipses for the largest sum of overlaps. Discrete: an overlap above 0.5 counts 1. Continuous: it counts its "
      "IoU.";
  if (const double stretch = settings.at("ellipse_stretch").get<double>(); stretch > 0) {
    measure.how +=
        " Rectangles turned into ellipses " + short_number(stretch) + " times as high as the boxes.";
  }
  if (settings.at("ignore_cut_faces").get<bool>()) measure.how += " Faces that the border cuts are ignored.";
  const double unknown = json.at("images_of_unknown_size").get<double>();
  if (unknown > 0) {
    const Json& size = settings.at("assumed_size");
    measure.how += " The size of " + count_text(unknown) + " images is not known: ";
    measure.how += size.is_array()
                       ? "taken to be " + value_text(size.at(0)) + " × " + value_text(size.at(1)) + "."
                       : "regions end nowhere there.";
  }
  FigureTable folds("Discrete, all detections, by fold");
  for (const Json& fold : json.at("folds")) {
    std::string name = file_name(fold.at("file").get<std::string>());
    name = name.substr(0, name.find("-ellipseList"));  // as the benchmark's files are called
    folds.row.push_back(share(name, fold.at("discrete").get<double>()));
  }
  for (const std::string score : {"discrete", "continuous"}) {
    FigureTable table(score == "discrete" ? "Discrete true positive rate" : "Continuous true positive rate");
    Chart chart(table.title, {"false positives", 1, 10, true}, {"true positive rate"}, "", {});
    for (const Json& rate : json.at("rates")) {
      Figure figure = share("at " + count_text(rate.at("false_positives").get<double>()) + " FP",
                            rate.at(score).get<double>());
      if (!rate.at("reached").get<bool>()) {
        figure.text += "*";
        table.note = "* The run has fewer false positives than that: its curve's end.";
      }
      table.row.push_back(std::move(figure));
    }
    double most = 1;
    for (const Json& point : json.at(score)) {
      // What is reached without a false positive stands at the left edge: a logarithm has no 0.
      const double wrong = std::max(1., point.at(0).get<double>());
      chart.points.emplace_back(wrong, point.at(1).get<double>());
      most = std::max(most, wrong);
    }
    chart.x.high = std::max(10., nice_ceiling(most));
    if (!chart.points.empty()) {
      chart.figure = fixed(chart.points.back().second, 4) + " at " +
                     count_text(json.at(score).back().at(0).get<double>()) + " FP";
    }
    measure.tables.push_back(std::move(table));
    measure.charts.push_back(std::move(chart));
  }
  measure.tables.push_back(std::move(folds));
  measure.tables.emplace_back("Counted",
                              counts(json, {{"images", "images"},
                                            {"faces", "faces"},
                                            {"ignored_faces", "faces ignored"},
                                            {"detections", "detections"},
                                            {"left_out", "left out"},
                                            {"images_without_entry", "images without an entry"},
                                            {"images_of_unknown_size", "images of unknown size"}}));
  return measure;
}

Measure boxes_measure(const Json& json) {
  Measure measure;
  measure.how =
      "Average precision, the area under the envelope of precision over recall, at an IoU of at least " +
      short_number(json.at("iou").get<double>()) + "; faces labelled to be ignored count neither way.";
  const double least = json.at("min_face").get<double>();
  const Json& most = json.at("max_face");
  if (least > 0) measure.how += " Faces of " + short_number(least) + " px or more.";
  if (most.is_number()) measure.how += " Faces below " + short_number(most.get<double>()) + " px.";
  const double average = json.at("average_precision").get<double>();
  FigureTable figures("Figures", {share("average precision", average)});
  for (const Json& at : json.at("recall_at")) {
    figures.row.push_back(
        share("recall at " + short_number(at.at("false_positives_per_image").get<double>()) + " FP an image",
              at.at("recall").get<double>()));
  }
  const Json& curve = json.at("curve");
  measure.charts.emplace_back("Precision and recall", SvgAxis{"recall"}, SvgAxis{"precision"},
                              "AP " + fixed(average, 4), pairs(curve.at("recall"), curve.at("precision")));
  const double images = json.at("images").get<double>();
  if (images > 0) {
    const Json& recall = curve.at("recall");
    Chart chart("Recall and false positives", {"false positives an image", .01, 1, true}, {"recall"},
                "recall at most " + fixed(recall.empty() ? 0 : recall.back().get<double>(), 4),
                pairs(curve.at("false_positives"), recall));
    for (auto& point : chart.points) {
      point.first = std::max(chart.x.low, point.first / images);
      chart.x.high = std::max(chart.x.high, nice_ceiling(point.first));
    }
    measure.charts.push_back(std::move(chart));
  }
  measure.tables.push_back(std::move(figures));
  // Of `mtcnn eval boxes` with several overlaps: the same in short for each.
  if (json.contains("overlaps")) {
    FigureTable overlaps("Average precision by IoU");
    for (const Json& result : json.at("overlaps")) {
      overlaps.row.push_back(share("IoU " + short_number(result.at("iou").get<double>()),
                                   result.at("average_precision").get<double>()));
    }
    measure.tables.push_back(std::move(overlaps));
  }
  measure.tables.emplace_back("Counted", counts(json, {{"images", "images"},
                                                       {"faces", "faces"},
                                                       {"ignored_faces", "faces ignored"},
                                                       {"missed", "faces missed"},
                                                       {"detections", "detections"},
                                                       {"ignored_detections", "detections ignored"},
                                                       {"images_without_entry", "images without an entry"},
                                                       {"left_out", "left out"}}));
  return measure;
}

Measure landmark_measure(const Json& json) {
  Measure measure;
  const bool eyes = json.at("unit").get<std::string>() == "inter_ocular";
  const double failure = json.at("failure_above").get<double>();
  measure.how = std::string("Mean distance of the five points from the labelled ones, in percent of ") +
                (eyes ? "the distance between the labelled eyes."
                      : "the size of the labelled box, √(width × height).") +
                " An error above " + short_number(100 * failure) + " % is a failure. Faces not detected: ";
  const std::string missing = json.at("missing_faces").get<std::string>();
  measure.how += missing == "fail"       ? "failures, too."
                 : missing == "left_out" ? "counted and left out."
                                         : spaced(missing) + ".";
  FigureTable figures("Error");
  figures.row.push_back(error("mean", json.at("mean_error").get<double>()));
  for (const auto& [point, value] : json.at("points").items()) {
    figures.row.push_back(error(spaced(point), value.get<double>()));
  }
  figures.row.push_back(error("failure rate", json.at("failure_rate").get<double>()));
  measure.tables.push_back(std::move(figures));
  measure.tables.emplace_back("Counted", counts(json, {{"faces", "faces"},
                                                       {"detected", "detected"},
                                                       {"centre_crops", "read off the labelled box"},
                                                       {"missing", "without points"},
                                                       {"without_unit", "left out: eyes in one place"},
                                                       {"images_without_entry", "images without an entry"},
                                                       {"left_out", "left out"}}));
  const Json& curve = json.at("curve");
  Chart chart(
      "Cumulative landmark error",
      {eyes ? "error, of the distance between the eyes" : "error, of the box size", 0, .2, false, true},
      {"faces with at most this error", 0, 1, false, true},
      "mean " + percent_text(json.at("mean_error").get<double>()),
      pairs(curve.at("error"), curve.at("share")));
  measure.charts.push_back(std::move(chart));
  return measure;
}

// The measures in the page's order.
struct Kind {
  const char* key;
  const char* heading;
  Measure (*read)(const Json& json);
};
constexpr Kind kKinds[] = {
    {"wider", "WIDER FACE", wider_measure},
    {"fddb", "FDDB", fddb_measure},
    {"boxes", "Boxes", boxes_measure},
    {"landmarks", "Landmarks", landmark_measure},
};

// Faces of one range of sizes, as one run's stages keep them; the first of a table is all faces.
struct StageRow {
  std::string size;
  double faces = 0;
  std::vector<double> recall;  // by stage
};
struct StageTable {
  double iou = 0, images = 0;
  std::vector<std::string> stages;
  std::vector<double> windows;  // an image
  std::vector<StageRow> rows;
};

StageTable stage_table(const Json& json) {
  StageTable table;
  table.iou = json.at("iou").get<double>();
  table.images = json.at("images").get<double>();
  for (const auto& [stage, windows] : json.at("windows_per_image").items()) {
    table.stages.push_back(stage);
    table.windows.push_back(windows.get<double>());
  }
  const auto add = [&](const Json& counted, const std::string& size) {
    StageRow& row = table.rows.emplace_back();
    row.size = size;
    row.faces = counted.at("faces").get<double>();
    for (const std::string& stage : table.stages)
      row.recall.push_back(counted.at("recall").at(stage).get<double>());
  };
  add(json, "all faces");
  for (const Json& bucket : json.at("by_size")) {
    const std::string from = short_number(bucket.at("from").get<double>());
    add(bucket, bucket.at("to").is_null() ? from + " px and more"
                                          : from + "–" + short_number(bucket.at("to").get<double>()) + " px");
  }
  return table;
}

const char* stage_heading(const std::string& stage) {
  if (stage == "proposals") return "P-Net, not regressed";
  if (stage == "pnet") return "after P-Net";
  if (stage == "rnet") return "after R-Net";
  if (stage == "onet") return "after O-Net";
  return nullptr;
}

// The page.

constexpr const char* kStyle =
    R"(:root{color-scheme:light dark;--back:#fff;--ink:#1b1d21;--soft:#5a5f69;--rule:#d5d8de;--card:#f6f7f9;
--truth:#56d0ff;--found:#ffb000}
@media screen and (prefers-color-scheme:dark){:root{--back:#16181d;--ink:#e8eaee;--soft:#a4aab6;--rule:#383d47;--card:#1f2229}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:1240px;background:var(--back);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:.2rem 0 .6rem}
h2{font-size:1.35rem;scroll-margin-top:3rem;margin:2.6rem 0 .4rem;padding-bottom:.2rem;border-bottom:2px solid var(--rule)}
h3{font-size:1.1rem;margin:1.8rem 0 .3rem}
p{margin:.3rem 0 .8rem;max-width:78ch;overflow-wrap:anywhere}
.soft,figcaption,.note{color:var(--soft)}
.note{font-size:.87rem;margin:.2rem 0 .6rem;max-width:none}
.legend{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:.2rem 1.6rem;margin:0;padding:.55rem 0;
list-style:none;background:var(--back);border-bottom:1px solid var(--rule)}
.legend li,.run{overflow-wrap:anywhere}
nav{margin:.8rem 0}
nav a{margin-right:1.2rem}
a{color:inherit}
.wide{overflow-x:auto;margin:.7rem 0}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding-bottom:.25rem}
th,td{padding:.28rem .75rem;text-align:right;border-bottom:1px solid var(--rule)}
thead th{font-weight:600;color:var(--soft);vertical-align:bottom;max-width:9rem}
tbody th{text-align:left;font-weight:400;min-width:9rem;max-width:24rem}
.settings td{text-align:left;vertical-align:top;overflow-wrap:anywhere;min-width:10rem;max-width:30rem}
.settings thead th{text-align:left;color:var(--ink);max-width:30rem}
.settings tbody th{color:var(--soft);vertical-align:top}
.differs td{font-weight:600}
.best{font-weight:700}
.first>*{border-top:2px solid var(--rule)}
.bar{background:linear-gradient(to right,color-mix(in srgb,var(--ink) 13%,transparent) var(--part),transparent var(--part))}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,360px),1fr));gap:1rem;margin:1rem 0}
.chart{background:var(--card);border:1px solid var(--rule);border-radius:6px;padding:.7rem .7rem .3rem}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(140px,1fr));gap:.8rem;margin:.6rem 0 1rem}
figure{margin:0}
figcaption{font-size:.78rem;line-height:1.3;overflow-wrap:anywhere;margin-top:.2rem}
.cut{display:block;width:100%;height:auto;border-radius:4px}
.cut rect,.mark rect{fill:none;stroke-width:1.2}
.cut .main,.mark .main{stroke-width:2.6}
.cut .under{stroke:#000;stroke-width:4.4;stroke-opacity:.55}
.truth{stroke:var(--truth)}
.found{stroke:var(--found);stroke-dasharray:5 3}
.mark{width:2.6em;height:1.3em;vertical-align:-.3em;margin-right:.4em;background:#3a3d44;border-radius:2px}
.key{white-space:nowrap;margin-left:.9em}
details{margin:.5rem 0}
summary{cursor:pointer}
li{overflow-wrap:anywhere}
@page{margin:14mm}
@media print{body{padding:0;max-width:none;font-size:10.5pt}.legend{position:static}h2,h3,caption{break-after:avoid}
tr,.chart,figure{break-inside:avoid}.wide{overflow:visible}.charts{grid-template-columns:1fr 1fr}
table{font-size:.8rem}th,td{padding:.15rem .35rem}tbody th{min-width:7rem}.settings td{min-width:0}
.bar,.mark{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
)";

constexpr std::size_t kMostProblems = 50;

class Page {
 public:
  explicit Page(const Report& report) : report_(report) {
    for (const ReportRun& run : report.runs) {
      if (std::find(names_.begin(), names_.end(), run.name) == names_.end()) names_.push_back(run.name);
      if (std::find(sets_.begin(), sets_.end(), run.set) == sets_.end()) sets_.push_back(run.set);
    }
  }

  std::string make() {
    const std::string title = escape_html(report_.title);
    html_ =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n<title>" +
        title + "</title>\n<style>\n" + page_style() + "</style>\n</head>\n<body>\n<h1>" +
        title + "</h1>\n";
    for (const std::string& note : report_.notes) html_ += "<p>" + escape_html(note) + "</p>\n";
    html_ += "<ul class=\"legend\" aria-label=\"Runs\">\n";
    for (const std::string& name : names_) html_ += "<li>" + run_label(name) + "</li>\n";
    html_ += "</ul>\n";
    if (sets_.size() > 1) {
      html_ += "<nav aria-label=\"Sets\">";
      for (std::size_t s = 0; s < sets_.size(); ++s) {
        html_ += "<a href=\"#set" + std::to_string(s) + "\">" + set_heading(s) + "</a> ";
      }
      html_ += "</nav>\n";
    }
    for (std::size_t s = 0; s < sets_.size(); ++s) add_set(s);
    return html_ + "</body>\n</html>\n";
  }

 private:
  using Runs = std::vector<const ReportRun*>;
  template <typename T>
  using PerRun = std::vector<std::pair<const ReportRun*, T>>;

  std::size_t style_of(const std::string& name) const {
    return static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
  }

  std::string run_label(const std::string& name) const {
    return svg_swatch(style_of(name)) + "<span class=\"run\">" + escape_html(name) + "</span>";
  }

  std::string set_heading(std::size_t set) const {
    return sets_[set].empty() ? "Results" : escape_html(sets_[set]);
  }

  void add_set(std::size_t set) {
    Runs runs;
    for (const ReportRun& run : report_.runs) {
      if (run.set == sets_[set]) runs.push_back(&run);
    }
    html_ += "<section>\n<h2 id=\"set" + std::to_string(set) + "\">" + set_heading(set) + "</h2>\n";
    for (const Kind& kind : kKinds) add_measure(kind, runs);
    add_stages(runs);
    for (const ReportRun* run : runs) add_pictures(*run);
    add_settings(runs);
    for (const ReportRun* run : runs) add_problems(*run);
    html_ += "</section>\n";
  }

  // read(json) of each run that has such a result.
  template <typename Read>
  static auto read_all(const Runs& runs, const char* key, const Read& read) {
    PerRun<decltype(read(Json()))> all;
    for (const ReportRun* run : runs) {
      if (!run->results.contains(key)) continue;
      try {
        all.emplace_back(run, read(run->results.at(key)));
      } catch (const nlohmann::json::exception& problem) {
        throw Error{ErrorCode::kFormat,
                    "run " + run->name + ": " + key + ": not what its to_json() gives: " + problem.what()};
      }
    }
    return all;
  }

  void add_measure(const Kind& kind, const Runs& runs) {
    const auto measures = read_all(runs, kind.key, kind.read);
    if (measures.empty()) return;
    html_ += std::string("<h3>") + kind.heading + "</h3>\n";
    // Once if it is the same for all.
    bool same = true;
    for (const auto& [run, measure] : measures) same = same && measure.how == measures[0].second.how;
    for (const auto& [run, measure] : measures) {
      html_ += "<p class=\"soft\">" + (same ? "" : run_label(run->name) + ": ") + escape_html(measure.how) +
               "</p>\n";
      if (same) break;
    }
    std::vector<std::string> titles;
    const auto note = [&](const std::string& title) {
      if (std::find(titles.begin(), titles.end(), title) == titles.end()) titles.push_back(title);
    };
    for (const auto& [run, measure] : measures) {
      for (const Chart& chart : measure.charts) note(chart.title);
    }
    // The first table is what one looks for, before the curves; the others come behind them.
    std::vector<std::string> charts = std::move(titles);
    titles.clear();
    for (const auto& [run, measure] : measures) {
      for (const FigureTable& table : measure.tables) note(table.title);
    }
    add_table(titles.front(), measures);
    html_ += "<div class=\"charts\">\n";
    for (const std::string& title : charts) add_chart(kind.heading, title, measures);
    html_ += "</div>\n";
    for (std::size_t i = 1; i < titles.size(); ++i) add_table(titles[i], measures);
  }

  void add_chart(const std::string& heading, const std::string& title, const PerRun<Measure>& measures) {
    SvgPlot plot;
    plot.title = title;
    plot.description = heading + ". ";
    for (const auto& [run, measure] : measures) {
      for (const Chart& chart : measure.charts) {
        if (chart.title != title) continue;
        if (plot.series.empty()) {
          plot.x = chart.x;
          plot.y = chart.y;
          plot.description += chart.y.label + " over " + chart.x.label + ".";
        }
        plot.x.low = std::min(plot.x.low, chart.x.low);
        plot.x.high = std::max(plot.x.high, chart.x.high);
        plot.description += " " + run->name + ": " + chart.figure + ".";
        plot.series.push_back({run->name, chart.figure, style_of(run->name), chart.points});
      }
    }
    html_ += "<div class=\"chart\">" + svg_plot(plot, "p" + std::to_string(plots_++)) + "</div>\n";
  }

  void add_table(const std::string& title, const PerRun<Measure>& measures) {
    std::vector<std::pair<const ReportRun*, const FigureTable*>> tables;
    std::vector<std::string> columns;
    std::vector<std::string> notes;
    for (const auto& [run, measure] : measures) {
      for (const FigureTable& table : measure.tables) {
        if (table.title != title) continue;
        tables.emplace_back(run, &table);
        if (!table.note.empty() && std::find(notes.begin(), notes.end(), table.note) == notes.end()) {
          notes.push_back(table.note);
        }
        for (const Figure& figure : table.row) {
          if (std::find(columns.begin(), columns.end(), figure.column) == columns.end()) {
            columns.push_back(figure.column);
          }
        }
      }
    }
    if (columns.empty()) return;
    const auto find = [](const FigureTable& table, const std::string& column) -> const Figure* {
      const auto at = std::find_if(table.row.begin(), table.row.end(),
                                   [&](const Figure& figure) { return figure.column == column; });
      return at == table.row.end() ? nullptr : &*at;
    };
    html_ +=
        "<div class=\"wide\"><table>\n<caption>" + escape_html(title) + "</caption>\n<thead><tr><td></td>";
    for (const std::string& column : columns) html_ += "<th scope=\"col\">" + escape_html(column) + "</th>";
    html_ += "</tr></thead>\n<tbody>\n";
    for (const auto& [run, table] : tables) {
      html_ += "<tr><th scope=\"row\">" + run_label(run->name) + "</th>";
      for (const std::string& column : columns) {
        const Figure* const figure = find(*table, column);
        bool best = figure && figure->value && tables.size() > 1;
        for (const auto& [other_run, other_table] : tables) {
          const Figure* const other = find(*other_table, column);
          if (!best || !other || !other->value) continue;
          best = figure->lower_is_better ? *figure->value <= *other->value : *figure->value >= *other->value;
        }
        html_ += std::string(best ? "<td class=\"best\">" : "<td>") +
                 (figure ? escape_html(figure->text) : "–") + "</td>";
      }
      html_ += "</tr>\n";
    }
    html_ += "</tbody></table></div>\n";
    for (const std::string& note : notes) html_ += "<p class=\"note\">" + escape_html(note) + "</p>\n";
  }

  void add_stages(const Runs& runs) {
    const auto tables = read_all(runs, "stages", stage_table);
    if (tables.empty()) return;
    html_ +=
        "<h3>Stages</h3>\n<p class=\"soft\">Faces that each stage of the cascade keeps: those that any of its "
        "windows meets with an IoU of at least ";
    for (std::size_t i = 0; i < tables.size(); ++i) {
      const std::string iou = short_number(tables[i].second.iou);
      if (i == 0) html_ += iou;
      if (i > 0 && tables[i].second.iou != tables[0].second.iou)
        html_ += " (" + run_label(tables[i].first->name) + iou + ")";
    }
    html_ +=
        ". Sizes are the shorter sides of the labelled boxes.</p>\n<div class=\"wide\"><table>\n"
        "<thead><tr><td></td><td></td><th scope=\"col\">faces</th>";
    const std::vector<std::string>& stages = tables[0].second.stages;
    for (const std::string& stage : stages) {
      const char* const heading = stage_heading(stage);
      html_ += "<th scope=\"col\">" + (heading ? heading : escape_html(stage)) + "</th>";
    }
    html_ += "</tr></thead>\n<tbody>\n";
    const auto head = [&](bool first, const std::string& words, const std::string& name,
                          const std::string& faces) {
      html_ +=
          first ? "<tr class=\"first\"><th scope=\"row\">" + escape_html(words) + "</th>" : "<tr><th></th>";
      html_ += "<th scope=\"row\">" + run_label(name) + "</th><td>" + faces + "</td>";
    };
    bool first = true;
    for (const auto& [run, table] : tables) {
      head(first, "windows an image", run->name, "");
      for (const double windows : table.windows)
        html_ += "<td>" + fixed(windows, windows < 100 ? 1 : 0) + "</td>";
      html_ += "</tr>\n";
      first = false;
    }
    std::vector<std::string> sizes;
    for (const auto& [run, table] : tables) {
      for (const StageRow& row : table.rows) {
        if (std::find(sizes.begin(), sizes.end(), row.size) == sizes.end()) sizes.push_back(row.size);
      }
    }
    for (const std::string& size : sizes) {
      first = true;
      for (const auto& [run, table] : tables) {
        for (const StageRow& row : table.rows) {
          if (row.size != size) continue;
          head(first, size, run->name, count_text(row.faces));
          first = false;
          for (const double recall : row.recall) {
            html_ += row.faces > 0 ? "<td class=\"bar\" style=\"--part:" + fixed(100 * recall, 1) + "%\">" +
                                         percent_text(recall, 1) + "</td>"
                                   : "<td>–</td>";
          }
          html_ += "</tr>\n";
        }
      }
    }
    html_ += "</tbody></table></div>\n";
  }

  static std::string rect(const std::string& kind, const Box& box) {
    return "<rect class=\"" + kind + "\" x=\"" + short_number(box.left) + "\" y=\"" + short_number(box.top) +
           "\" width=\"" + short_number(std::max(0.f, box.width())) + "\" height=\"" +
           short_number(std::max(0.f, box.height())) + "\"/>";
  }

  void add_pictures(const ReportRun& run) {
    for (const auto kind : {ReportPicture::Kind::kMiss, ReportPicture::Kind::kFalsePositive}) {
      const bool miss = kind == ReportPicture::Kind::kMiss;
      bool any = false;
      for (const ReportPicture& picture : run.pictures) {
        if (picture.kind != kind) continue;
        if (!any) add_picture_head(run, miss);
        any = true;
        const std::string side = std::to_string(picture.side), caption = escape_html(picture.caption);
        const std::string image = escape_html(picture.image);
        html_ += "<figure><svg class=\"cut\" viewBox=\"0 0 " + side + " " + side +
                 "\" role=\"img\" aria-label=\"" + caption + ", " + image + "\"><image width=\"" + side +
                 "\" height=\"" + side + "\" href=\"data:image/jpeg;base64," + escape_html(picture.jpeg) +
                 "\"/>";
        for (const Box& box : picture.labelled) html_ += rect("truth", box);
        for (const Box& box : picture.detected) html_ += rect("found", box);
        html_ += rect("under", picture.box) + rect(miss ? "truth main" : "found main", picture.box) +
                 "</svg><figcaption title=\"" + image + "\"><b>" + caption + "</b><br/>" +
                 escape_html(file_name(picture.image)) + "</figcaption></figure>\n";
      }
      if (any) html_ += "</div>\n";
    }
  }

  void add_picture_head(const ReportRun& run, bool miss) {
    const auto mark = [](const std::string& kind, const std::string& words) {
      return " <span class=\"key\"><svg class=\"mark\" viewBox=\"0 0 40 20\" aria-hidden=\"true\">" +
             rect(kind, {5, 4, 35, 16}) + "</svg>" + words + "</span>";
    };
    html_ += "<h3>" + run_label(run.name) +
             (miss ? ": largest faces missed" : ": false positives of the best score") +
             "</h3>\n<p class=\"note\">" +
             (miss ? "The size is the box’s shorter side; IoU is that of the nearest detection."
                   : "IoU is that of the nearest labelled face.") +
             (miss ? mark("truth main", "missed face") : mark("found main", "false positive")) +
             mark("truth", "other labelled face") + mark("found", "other detection") +
             "</p>\n<div class=\"pictures\">\n";
  }

  void add_settings(const Runs& all) {
    // Once for runs that were reported apart, one measure each.
    Runs runs;
    for (const ReportRun* run : all) {
      const auto same = [run](const ReportRun* other) {
        return other->name == run->name && other->settings == run->settings;
      };
      if (std::none_of(runs.begin(), runs.end(), same)) runs.push_back(run);
    }
    std::vector<Settings> settings;
    std::vector<std::string> keys;
    for (const ReportRun* run : runs) {
      Settings& flat = settings.emplace_back();
      if (run->settings.is_object()) flatten("", run->settings, flat);
      for (const auto& [key, value] : flat) {
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
      }
    }
    html_ += "<h3>Settings</h3>\n";
    if (keys.empty()) {
      html_ += "<p class=\"soft\">How these detections were made is not known.</p>\n";
      return;
    }
    html_ += "<div class=\"wide\"><table class=\"settings\">\n<thead><tr><td></td>";
    for (const ReportRun* run : runs) html_ += "<th scope=\"col\">" + run_label(run->name) + "</th>";
    html_ += "</tr></thead>\n<tbody>\n";
    for (const std::string& key : keys) {
      std::vector<std::string> cells;
      for (const Settings& flat : settings) {
        const auto at =
            std::find_if(flat.begin(), flat.end(), [&](const auto& entry) { return entry.first == key; });
        cells.push_back(at != flat.end() ? at->second : flat.empty() ? "not known" : "–");
      }
      const bool differs =
          std::any_of(cells.begin(), cells.end(), [&](const auto& cell) { return cell != cells[0]; });
      html_ += std::string(differs ? "<tr class=\"differs\">" : "<tr>") + "<th scope=\"row\">" +
               escape_html(key) + "</th>";
      for (const std::string& cell : cells) html_ += "<td>" + escape_html(cell) + "</td>";
      html_ += "</tr>\n";
    }
    html_ += "</tbody></table></div>\n";
    if (runs.size() > 1) html_ += "<p class=\"note\">Bold: where the runs differ.</p>\n";
  }

  void add_problems(const ReportRun& run) {
    std::vector<std::string> problems;
    for (const auto& [key, result] : run.results.items()) {
      if (!result.is_object() || !result.contains("problems")) continue;
      for (const Json& problem : result.at("problems")) {
        std::string text = value_text(problem);
        if (std::find(problems.begin(), problems.end(), text) == problems.end())
          problems.push_back(std::move(text));
        if (problems.size() > kMostProblems) break;
      }
    }
    if (problems.empty()) return;
    const bool more = problems.size() > kMostProblems;
    problems.resize(std::min(problems.size(), kMostProblems));
    html_ += "<details><summary>" + run_label(run.name) + ": " + (more ? "more than " : "") +
             std::to_string(problems.size()) + (problems.size() == 1 ? " thing" : " things") +
             " left out or not as expected</summary>\n<ul>\n";
    for (const std::string& problem : problems) html_ += "<li>" + escape_html(problem) + "</li>\n";
    html_ += std::string("</ul>\n") + (more ? "<p class=\"note\">The JSON has all of them.</p>\n" : "") +
             "</details>\n";
  }

  const Report& report_;
  std::vector<std::string> names_;  // of runs, each once: their places are their styles
  std::vector<std::string> sets_;
  std::size_t plots_ = 0;
  std::string html_;
};

}  // namespace

std::string page_style() { return kStyle + svg_plot_style(); }

Result<std::string> report_page(const Report& report) {
  try {
    return Page(report).make();
  } catch (const Error& error) {
    return error;
  }
}

}  // namespace mtcnn
