#include "eval/report_page.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "eval/html.h"
#include "eval/report_measures.h"
#include "eval/report_text.h"
#include "eval/svg_plot.h"

namespace mtcnn {
namespace {

using Json = nlohmann::ordered_json;

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
.cut rect,.mark rect,.cut circle,.mark circle{fill:none;stroke-width:1.2}
.cut .main,.mark .main{stroke-width:2.6}
.cut circle.main,.mark circle.main{stroke-width:1.6;stroke-dasharray:none}
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
        title + "</title>\n<style>\n" + page_style() + "</style>\n</head>\n<body>\n<h1>" + title + "</h1>\n";
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
    for (const MeasureKind& kind : measure_kinds()) add_measure(kind, runs);
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

  void add_measure(const MeasureKind& kind, const Runs& runs) {
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
                 (figure ? escape_html(figure->text) : kNoFigure) + "</td>";
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
        html_ += "<td>" + (std::isnan(windows) ? kNoFigure : fixed(windows, windows < 100 ? 1 : 0)) + "</td>";
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
                                   : std::string("<td>") + kNoFigure + "</td>";
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
    using Kind = ReportPicture::Kind;
    for (const auto kind : {Kind::kMiss, Kind::kFalsePositive, Kind::kPoints}) {
      bool any = false;
      for (const ReportPicture& picture : run.pictures) {
        if (picture.kind != kind) continue;
        if (!any) add_picture_head(run, kind);
        any = true;
        const std::string side = std::to_string(picture.side), caption = escape_html(picture.caption);
        const std::string image = escape_html(picture.image);
        html_ += "<figure><svg class=\"cut\" viewBox=\"0 0 " + side + " " + side +
                 "\" role=\"img\" aria-label=\"" + caption + ", " + image + "\"><image width=\"" + side +
                 "\" height=\"" + side + "\" href=\"data:image/jpeg;base64," + escape_html(picture.jpeg) +
                 "\"/>";
        for (const Box& box : picture.labelled) html_ += rect("truth", box);
        for (const Box& box : picture.detected) html_ += rect("found", box);
        if (kind == Kind::kPoints) {
          html_ += rect("truth", picture.box);
          for (const Point& point : picture.labelled_points) html_ += circle("truth main", point);
          for (const Point& point : picture.detected_points) html_ += circle("found main", point);
        } else {
          html_ += rect("under", picture.box) +
                   rect(kind == Kind::kMiss ? "truth main" : "found main", picture.box);
        }
        html_ += "</svg><figcaption title=\"" + image + "\"><b>" + caption + "</b><br/>" +
                 escape_html(file_name(picture.image)) + "</figcaption></figure>\n";
      }
      if (any) html_ += "</div>\n";
    }
  }

  static std::string circle(const std::string& kind, Point at) {
    return "<circle class=\"" + kind + "\" cx=\"" + short_number(at.x) + "\" cy=\"" + short_number(at.y) +
           "\" r=\"3\"/>";
  }

  void add_picture_head(const ReportRun& run, ReportPicture::Kind kind) {
    const auto key = [](const std::string& shape, const std::string& words) {
      return " <span class=\"key\"><svg class=\"mark\" viewBox=\"0 0 40 20\" aria-hidden=\"true\">" + shape +
             "</svg>" + words + "</span>";
    };
    const auto mark = [&](const std::string& of, const std::string& words) {
      return key(rect(of, {5, 4, 35, 16}), words);
    };
    if (kind == ReportPicture::Kind::kPoints) {
      html_ += "<h3>" + run_label(run.name) + ": points that are farthest off</h3>\n<p class=\"note\">" +
               "The mean distance, in the unit of the table." +
               key(circle("truth main", {20, 10}), "labelled") +
               key(circle("found main", {20, 10}), "found") + mark("truth", "labelled face") +
               "</p>\n<div class=\"pictures\">\n";
      return;
    }
    const bool miss = kind == ReportPicture::Kind::kMiss;
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
        cells.push_back(at != flat.end() ? at->second : flat.empty() ? "not known" : kNoFigure);
      }
      // Of runs whose settings are not known nothing can be said.
      const std::string* first = nullptr;
      bool differs = false;
      for (std::size_t i = 0; i < cells.size(); ++i) {
        if (settings[i].empty()) continue;
        if (!first) first = &cells[i];
        differs = differs || cells[i] != *first;
      }
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
