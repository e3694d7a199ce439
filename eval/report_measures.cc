#include "eval/report_measures.h"

#include <algorithm>
#include <initializer_list>
#include <limits>

#include "eval/report_text.h"

namespace mtcnn {
namespace {

using Json = nlohmann::ordered_json;

Figure share(const std::string& column, const Json& json) {
  if (json.is_null()) return {column, kNoFigure};
  const double value = json.get<double>();
  return {column, fixed(value, 4), value};
}

Figure error(const std::string& column, const Json& json) {
  if (json.is_null()) return {column, kNoFigure};
  const double value = json.get<double>();
  return {column, percent_text(value), value, true};
}

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
    precision.row.push_back(share(subset, json.at(subset)));
    recall.row.push_back(share(subset, json.at("recall").at(subset)));
    faces.row.push_back({"faces, " + subset, count_text(json.at("faces").at(subset).get<double>())});
    Chart chart("Precision and recall, " + subset, {"recall"}, {"precision"},
                "AP " + precision.row.back().text, pairs(curve.at("recall"), curve.at("precision")));
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
    folds.row.push_back(share(name, fold.at("discrete")));
  }
  for (const std::string score : {"discrete", "continuous"}) {
    FigureTable table(score == "discrete" ? "Discrete true positive rate" : "Continuous true positive rate");
    Chart chart(table.title, {"false positives", 1, 10, true}, {"true positive rate"}, "", {});
    for (const Json& rate : json.at("rates")) {
      Figure figure =
          share("at " + count_text(rate.at("false_positives").get<double>()) + " FP", rate.at(score));
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
  FigureTable figures("Figures", {share("average precision", json.at("average_precision"))});
  const std::string average = figures.row.back().text;
  for (const Json& at : json.at("recall_at")) {
    figures.row.push_back(
        share("recall at " + short_number(at.at("false_positives_per_image").get<double>()) + " FP an image",
              at.at("recall")));
  }
  const Json& curve = json.at("curve");
  measure.charts.emplace_back("Precision and recall", SvgAxis{"recall"}, SvgAxis{"precision"},
                              "AP " + average, pairs(curve.at("recall"), curve.at("precision")));
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
      overlaps.row.push_back(
          share("IoU " + short_number(result.at("iou").get<double>()), result.at("average_precision")));
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
  measure.how += missing == "fail"           ? "failures, too."
                 : missing == "left_out"     ? "counted and left out."
                 : missing == "labelled_box" ? "O-Net looks at the labelled box."
                 : missing == "centre_crop"
                     ? "O-Net looks at the middle of the picture; where several faces are labelled, left out."
                     : spaced(missing) + ".";
  FigureTable figures("Error");
  figures.row.push_back(error("mean", json.at("mean_error")));
  for (const auto& [point, value] : json.at("points").items()) {
    figures.row.push_back(error(spaced(point), value));
  }
  figures.row.push_back(error("failure rate", json.at("failure_rate")));
  const std::string mean = figures.row.front().text;
  measure.tables.push_back(std::move(figures));
  measure.tables.emplace_back("Counted", counts(json, {{"faces", "faces"},
                                                       {"detected", "detected"},
                                                       {"read_off", "not detected, points by O-Net"},
                                                       {"missing", "without points"},
                                                       {"without_unit", "left out: eyes in one place"},
                                                       {"images_without_entry", "images without an entry"},
                                                       {"left_out", "left out"}}));
  const Json& curve = json.at("curve");
  Chart chart(
      "Cumulative landmark error",
      {eyes ? "error, of the distance between the eyes" : "error, of the box size", 0, .2, false, true},
      {"faces with at most this error", 0, 1, false, true}, "mean " + mean,
      pairs(curve.at("error"), curve.at("share")));
  measure.charts.push_back(std::move(chart));
  return measure;
}

}  // namespace

std::span<const MeasureKind> measure_kinds() {
  static constexpr MeasureKind kinds[] = {
      {"wider", "WIDER FACE", wider_measure},
      {"fddb", "FDDB", fddb_measure},
      {"boxes", "Boxes", boxes_measure},
      {"landmarks", "Landmarks", landmark_measure},
  };
  return kinds;
}

StageTable stage_table(const Json& json) {
  StageTable table;
  table.iou = json.at("iou").get<double>();
  table.images = json.at("images").get<double>();
  for (const auto& [stage, windows] : json.at("windows_per_image").items()) {
    table.stages.push_back(stage);
    table.windows.push_back(windows.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                              : windows.get<double>());
  }
  const auto add = [&](const Json& counted, const std::string& size) {
    StageRow& row = table.rows.emplace_back();
    row.size = size;
    row.faces = counted.at("faces").get<double>();
    for (const std::string& stage : table.stages) {
      const Json& recall = counted.at("recall").at(stage);
      row.recall.push_back(recall.is_null() ? 0 : recall.get<double>());  // of no face, which the page knows
    }
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

}  // namespace mtcnn
