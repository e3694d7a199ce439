// What each measure's JSON has to show, in the form that the page is made of. A new measure is a function
// in report_measures.cc and its line in the table there.
#ifndef MTCNN_EVAL_REPORT_MEASURES_H_
#define MTCNN_EVAL_REPORT_MEASURES_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "eval/svg_plot.h"

namespace mtcnn {

// What one result has to show, whichever measure it is of; tables and charts of the same title of all runs
// become one.
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

struct MeasureKind {
  const char* key;  // of its result in ReportRun::results
  const char* heading;
  // Throws the JSON library's exceptions for what is not as to_json() of the measure gives it.
  Measure (*read)(const nlohmann::ordered_json& json);
};
// In the page's order.
std::span<const MeasureKind> measure_kinds();

// Stages are a table of another form.

// Faces of one range of sizes, as one run's stages keep them; the first of a table is all faces.
struct StageRow {
  std::string size;
  double faces = 0;
  std::vector<double> recall;  // by stage
};
struct StageTable {
  double iou = 0, images = 0;
  std::vector<std::string> stages;
  std::vector<double> windows;  // an image; not a number where there is none
  std::vector<StageRow> rows;
};

// Throws as MeasureKind::read.
StageTable stage_table(const nlohmann::ordered_json& json);

// What a stage is called; null for an unknown one.
const char* stage_heading(const std::string& stage);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_REPORT_MEASURES_H_
