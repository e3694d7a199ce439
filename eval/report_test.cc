#include "eval/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <pugixml.hpp>

#include "eval/fddb.h"
#include "eval/landmarks.h"
#include "eval/stages.h"
#include "eval/svg_plot.h"
#include "eval/test_folder.h"
#include "eval/wider.h"
#include "util/file.h"

namespace mtcnn {
namespace {

using Json = nlohmann::ordered_json;
using test::Folder;

// Parsed as XML, so that a tag left open or text that was not escaped shows.
struct Page {
  explicit Page(const std::string& text) {
    const pugi::xml_parse_result parsed =
        document.load_buffer(text.data(), text.size(), pugi::parse_default | pugi::parse_ws_pcdata);
    INFO(parsed.description(), " at: ", text.substr(static_cast<std::size_t>(parsed.offset), 80));
    REQUIRE(parsed);
  }
  std::size_t count(const char* path) const { return document.select_nodes(path).size(); }
  std::string text(const char* path) const {
    const pugi::xpath_node node = document.select_node(path);
    REQUIRE_MESSAGE(node, path);
    return pugi::xpath_query("string(.)").evaluate_string(node);
  }
  // The cell of a table of this caption, in the row of the run and under this heading.
  pugi::xml_node cell(const std::string& caption, const std::string& run, const std::string& column) const {
    const pugi::xml_node table = document.select_node(("//table[caption='" + caption + "']").c_str()).node();
    REQUIRE_MESSAGE(table, caption);
    std::size_t at = 0;
    for (const pugi::xml_node heading : table.select_node("thead/tr").node().children()) {
      if (heading.text().get() == column) break;
      ++at;
    }
    const pugi::xml_node row = table.select_node(("tbody/tr[th='" + run + "']").c_str()).node();
    REQUIRE_MESSAGE(row, run);
    pugi::xml_node found = row.first_child();
    for (std::size_t i = 0; i < at; ++i) found = found.next_sibling();
    REQUIRE_MESSAGE(found, column);
    return found;
  }
  pugi::xml_document document;
};

Page page_of(const Report& report) {
  const Result<std::string> html = report_html(report);
  REQUIRE_MESSAGE(html.ok(), html.error().message);
  return Page(*html);
}

// Four faces in two images, three of them found (two if `worse`), with one false positive.
struct Boxes {
  std::vector<LabelledImage> images;
  std::vector<std::vector<BoxDetection>> detections;
};

LabelledFace face(Box box) {
  LabelledFace labelled;
  labelled.box = box;
  return labelled;
}

Boxes some_boxes(bool worse = false) {
  Boxes boxes;
  boxes.images = {{"one.png", {face({10, 10, 30, 30}), face({50, 10, 90, 50}), face({120, 20, 130, 30})}},
                  {"two.png", {face({20, 20, 60, 60})}}};
  boxes.detections = {{{{10, 10, 30, 30}, .9f}, {{120, 20, 130, 30}, .6f}, {{150, 60, 170, 80}, .7f}}, {}};
  if (!worse) boxes.detections[1].push_back({{20, 20, 60, 60}, .8f});
  return boxes;
}

BoxResult box_result(bool worse = false) {
  const Boxes boxes = some_boxes(worse);
  return evaluate_boxes(boxes.images, boxes.detections);
}

WiderResult wider_result() {
  WiderTruth truth;
  truth.subsets = {"easy", "medium", "hard"};
  truth.images = {{"a/b", {{{10, 10, 20, 20}, 7}, {{50, 50, 20, 20}, 6}, {{90, 90, 20, 20}, 4}}}};
  DetectionSet detections;
  detections.images = {{"a/b", {{{10, 10, 20, 20}, .9}, {{50, 50, 20, 20}, .8}, {{0, 90, 20, 20}, .1}}}};
  return evaluate_wider(truth, detections);
}

FddbResult fddb_result() {
  FddbTruth truth;
  truth.folds = {"folds/FDDB-fold-01-ellipseList.txt"};
  truth.images = {{"a/b", 0, {{{20, 20, 0, 50, 50}}, {{20, 20, 0, 150, 150}}}}};
  DetectionSet detections;
  detections.images = {{"a/b", {{{30, 30, 40, 40}, .9}, {{300, 30, 40, 40}, .8}, {{130, 130, 40, 40}, .7}}}};
  return evaluate_fddb(truth, detections);
}

LandmarkResult landmark_result() {
  LabelledFace labelled = face({0, 0, 100, 100});
  labelled.landmarks = Landmarks{{{30, 30}, {70, 30}, {50, 50}, {35, 70}, {65, 70}}};
  Landmarks moved = *labelled.landmarks;
  for (Point& point : moved) point.x += 2;  // 5 % of the eyes' distance
  const std::vector<LabelledImage> images{{"a.png", {labelled}}};
  const std::vector<std::vector<LandmarkPrediction>> predictions{{{moved, false}}};
  return evaluate_landmarks(images, predictions);
}

StageTally stage_tally() {
  StageTally tally;
  const Boxes boxes = some_boxes();
  Trace trace;
  trace.proposals = {{{50, 10, 90, 50}, .9f}, {{10, 10, 30, 30}, .9f}, {{0, 0, 12, 12}, .9f}};
  trace.pnet = {{{50, 10, 90, 50}, .9f}, {{10, 10, 30, 30}, .9f}};
  trace.rnet = {{{10, 10, 30, 30}, .9f}};
  tally.add(boxes.images[0], trace);
  return tally;
}

ReportRun whole_run(const std::string& name) {
  ReportRun run;
  run.name = name;
  run.set = "a set";
  run.settings = {{"model", {{"file", "a.safetensors"}, {"sha256", "0123abcd"}}},
                  {"min_face", 20.0},
                  {"factor", .709},
                  {"thresholds", {.6, .7, .7}},
                  {"resize", nullptr},
                  {"clip", false}};
  run.results["wider"] = wider_result();
  run.results["fddb"] = fddb_result();
  run.results["boxes"] = box_result();
  run.results["landmarks"] = landmark_result();
  run.results["stages"] = stage_tally();
  return run;
}

// Half red, half blue, left and right.
Image two_colours(int width, int height) {
  Image image{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * width * height))};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.rgb[static_cast<std::size_t>(3 * (y * width + x) + (2 * x < width ? 0 : 2))] = 255;
    }
  }
  return image;
}

std::vector<std::byte> from_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  REQUIRE(text.size() % 4 == 0);
  std::vector<std::byte> bytes;
  unsigned bits = 0;
  int held = 0;
  for (const char c : text.substr(0, text.find('='))) {
    const std::size_t digit = digits.find(c);
    REQUIRE(digit != std::string::npos);
    bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.push_back(static_cast<std::byte>(bits >> held & 0xff));
    }
  }
  return bytes;
}

// The points of a path's "Mx,yLx,y...".
std::vector<std::array<double, 2>> path_points(const std::string& path) {
  std::vector<std::array<double, 2>> points;
  const char* at = path.c_str();
  while (*at == 'M' || *at == 'L') {
    char* end = nullptr;
    const double x = std::strtod(at + 1, &end);
    REQUIRE(*end == ',');
    const double y = std::strtod(end + 1, &end);
    points.push_back({x, y});
    at = end;
  }
  return points;
}

TEST_CASE("ticks are round, inside the axis and not too many") {
  const auto ticks = [](const SvgAxis& axis, std::size_t most) { return nice_ticks(axis, most); };
  const auto near = [](const std::vector<double>& a, const std::vector<double>& b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]));
  };
  near(ticks({"", 0, 1}, 6), {0, .2, .4, .6, .8, 1});
  near(ticks({"", 0, .2}, 4), {0, .05, .1, .15, .2});
  near(ticks({"", -3, 7}, 6), {-2, 0, 2, 4, 6});
  near(ticks({"", 1, 500, true}, 10), {1, 2, 5, 10, 20, 50, 100, 200, 500});
  near(ticks({"", 1, 500, true}, 6), {1, 10, 100});
  near(ticks({"", .03, 3, true}, 6), {.05, .1, .2, .5, 1, 2});
  for (double low = 1e-6; low < 1e6; low *= 37) {
    for (double high = low * 1.5; high < 1e12; high *= 7) {
      for (const bool log : {false, true}) {
        CAPTURE(low);
        CAPTURE(high);
        CAPTURE(log);
        const auto list = nice_ticks({"", low, high, log}, 6);
        CHECK(list.size() <= 7);
        CHECK(std::is_sorted(list.begin(), list.end()));
        const double slack = 1e-6 * (log ? low : high - low);
        for (const double tick : list) CHECK((tick >= low - slack && tick <= high + slack));
        if (!log) CHECK(list.size() >= 2);
      }
    }
  }
  CHECK(nice_ceiling(1) == doctest::Approx(1));
  CHECK(nice_ceiling(2.1) == doctest::Approx(2.5));
  CHECK(nice_ceiling(251) == doctest::Approx(500));
  CHECK(nice_ceiling(.0301) == doctest::Approx(.05));
  CHECK(nice_ceiling(1000) == doctest::Approx(1000));
  CHECK(nice_ceiling(6) == doctest::Approx(10));
}

TEST_CASE("a chart draws its points where they belong") {
  SvgPlot plot;
  plot.title = "A & B";
  plot.description = "x < y";
  plot.x = {"x", 0, 10};
  plot.y = {"y", 0, 1};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  plot.series = {{"first", "AP 1", 0, {{0, 0}, {5, nan}, {5, .5}, {10, 1}}}, {"dot", "", 7, {{5, .5}}}};
  const Page page(svg_plot(plot, "p1"));
  CHECK(page.text("/svg/title") == "A & B");
  CHECK(page.text("/svg/desc") == "x < y");
  const pugi::xml_node svg = page.document.child("svg");
  CHECK(std::string(svg.attribute("aria-labelledby").value()) == "p1-t p1-d");
  const auto paths = page.document.select_nodes("//path");
  REQUIRE(paths.size() == 2);
  const auto points = path_points(paths[0].node().attribute("d").value());
  REQUIRE(points.size() == 3);
  // The axes' corners, by the lines of the axes themselves.
  const pugi::xml_node axis = page.document.select_node("//line[@class='axis']").node();
  const double left = axis.attribute("x1").as_double(), right = axis.attribute("x2").as_double();
  CHECK(points[0][0] == doctest::Approx(left));
  CHECK(points[0][1] == doctest::Approx(axis.attribute("y1").as_double()));
  CHECK(points[1][0] == doctest::Approx((left + right) / 2));
  CHECK(points[2][0] == doctest::Approx(right));
  CHECK(points[2][1] < points[1][1]);  // y grows upward
  CHECK(points[1][1] - points[2][1] == doctest::Approx(points[0][1] - points[1][1]));
  CHECK(std::string(paths[0].node().attribute("class").value()) == "line s0");
  CHECK(std::string(paths[1].node().attribute("class").value()) == "line s1");  // around
  CHECK(std::string(paths[1].node().attribute("d").value()).ends_with("h0"));   // one point shows, too
  CHECK(page.count("//text[.='first']") == 1);
  CHECK(page.count("//text[.='AP 1']") == 1);

  plot.x = {"x", 1, 100, true};
  plot.series = {{"log", "", 0, {{0, .5}, {1, 0}, {10, 0}, {100, 0}}}};  // 0 has no place
  const Page log(svg_plot(plot, "p2"));
  const auto on_log = path_points(log.document.select_node("//path").node().attribute("d").value());
  REQUIRE(on_log.size() == 3);
  CHECK(on_log[1][0] == doctest::Approx((left + right) / 2));
}

TEST_CASE("a chart stands alone as a file") {
  SvgPlot plot;
  plot.title = "alone";
  plot.series = {{"first", "", 0, {{0, 0}, {1, 1}}}};
  const Page page(svg_file(plot));
  const pugi::xml_node svg = page.document.child("svg");
  CHECK(std::string(svg.attribute("xmlns").value()) == "http://www.w3.org/2000/svg");
  CHECK(std::string(svg.child("style").text().get()).find(svg_plot_style()) != std::string::npos);
  CHECK(page.text("/svg/title") == "alone");
  CHECK(page.count("//path[@class='line s0']") == 1);
}

TEST_CASE("a curve of many points stays small and keeps its shape") {
  SvgPlot plot;
  plot.x = {"x", 0, 1};
  plot.y = {"y", 0, 1};
  plot.series = {{"many", "", 0, {}}};
  constexpr int kPoints = 200'000;
  for (int i = 0; i <= kPoints; ++i) {
    const double x = static_cast<double>(i) / kPoints;
    plot.series[0].points.emplace_back(x, x < .5 ? 1 : 0);
  }
  const Page page(svg_plot(plot, "p"));
  const auto points = path_points(page.document.select_node("//path").node().attribute("d").value());
  CHECK(points.size() < 2000);
  CHECK(points.size() > 300);
  const pugi::xml_node axis = page.document.select_node("//line[@class='axis']").node();
  CHECK(points.back()[0] == doctest::Approx(axis.attribute("x2").as_double()));
  for (std::size_t i = 1; i < points.size(); ++i) CHECK(points[i][0] - points[i - 1][0] < 1);
  CHECK(points.front()[1] != doctest::Approx(points.back()[1]));
}

TEST_CASE("the page shows every figure of every measure") {
  Report report;
  report.runs = {whole_run("ours"), whole_run("theirs")};
  report.runs[1].results["boxes"] = box_result(true);
  report.runs[1].settings["min_face"] = 10.0;
  const Page page = page_of(report);

  const WiderResult wider = wider_result();
  CHECK(wider.subsets[1].average_precision == doctest::Approx(1));
  CHECK(page.cell("Average precision", "ours", "medium").text().get() == std::string("1.0000"));
  CHECK(page.cell("Average precision", "ours", "hard").text().get() == std::string("0.6667"));
  CHECK(page.cell("Counted", "ours", "faces, hard").text().get() == std::string("3"));

  const BoxResult ours = box_result(), theirs = box_result(true);
  CHECK(ours.average_precision > theirs.average_precision);
  char text[16];
  std::snprintf(text, sizeof text, "%.4f", theirs.average_precision);
  const pugi::xml_node better = page.cell("Figures", "ours", "average precision");
  const pugi::xml_node worse = page.cell("Figures", "theirs", "average precision");
  CHECK(worse.text().get() == std::string(text));
  CHECK(std::string(better.attribute("class").value()) == "best");
  CHECK(!worse.attribute("class"));

  CHECK(page.cell("Discrete true positive rate", "ours", "at 10 FP").text().get() == std::string("1.0000*"));
  CHECK(page.cell("Discrete, all detections, by fold", "ours", "FDDB-fold-01").text().get() ==
        std::string("1.0000"));
  CHECK(page.cell("Error", "ours", "mean").text().get() == std::string("5.00 %"));
  CHECK(page.cell("Error", "ours", "failure rate").text().get() == std::string("0.00 %"));

  // Stages: two of three faces before O-Net's, by the number of their cells.
  const auto rows = page.document.select_nodes("//tr[td[@class='bar']]");
  REQUIRE(rows.size() > 0);
  std::vector<std::string> cells;
  for (const pugi::xml_node cell : rows[0].node().children("td")) cells.push_back(cell.text().get());
  CHECK(cells == std::vector<std::string>{"3", "66.7 %", "66.7 %", "33.3 %", "0.0 %"});
  const auto windows = page.document.select_nodes("//tr[th='windows an image']/td");
  REQUIRE(windows.size() == 5);
  CHECK(std::string(windows[1].node().text().get()) == "3.0");

  // Settings, with what differs marked.
  CHECK(page.count("//table[@class='settings']/tbody/tr[th='model sha256' and td='0123abcd']") == 1);
  CHECK(page.count("//table[@class='settings']/tbody/tr[th='thresholds' and td='0.6, 0.7, 0.7']") == 1);
  CHECK(page.count("//tr[@class='differs']") == 1);
  CHECK(page.count("//tr[@class='differs' and th='min face']") == 1);

  // Three of WIDER, two of FDDB, two of boxes and one of landmarks, each with both runs.
  CHECK(page.count("//svg[@class='plot']") == 8);
  CHECK(page.count("//path[@class='line s0']") == 8);
  CHECK(page.count("//path[@class='line s1']") == 8);
}

TEST_CASE("figures of no face are a dash") {
  LabelledFace labelled = face({0, 0, 100, 100});
  labelled.landmarks = Landmarks{{{30, 30}, {70, 30}, {50, 50}, {35, 70}, {65, 70}}};
  const std::vector<LabelledImage> images{{"a.png", {labelled}}};
  Report report;
  ReportRun& run = report.runs.emplace_back();
  run.name = "none";
  run.results["landmarks"] = evaluate_landmarks(images, std::vector<std::vector<LandmarkPrediction>>{{{}}});
  run.results["landmarks"]["missing_faces"] = "centre_crop";
  run.results["boxes"] = evaluate_boxes({}, {});
  const Page page = page_of(report);
  CHECK(page.cell("Error", "none", "mean").text().get() == std::string("–"));
  CHECK(page.cell("Error", "none", "nose").text().get() == std::string("–"));
  CHECK(page.cell("Error", "none", "failure rate").text().get() == std::string("–"));
  CHECK(page.cell("Figures", "none", "average precision").text().get() == std::string("–"));
  CHECK(page.count("//p[contains(., 'the middle of the picture')]") == 1);
}

TEST_CASE("a page needs nothing else and runs nothing") {
  Report report;
  report.runs = {whole_run("run")};
  const Page page = page_of(report);
  CHECK(page.count("//script") + page.count("//link") + page.count("//iframe") + page.count("//img") == 0);
  CHECK(page.count("//@src") == 0);
  const Result<std::string> html = report_html(report);
  for (const char* outside : {"http:", "https:", "@import", "url(/"}) {
    CAPTURE(outside);
    CHECK(html->find(outside) == std::string::npos);
  }
  // Every id once, and every reference to one that is there.
  for (const pugi::xpath_node node : page.document.select_nodes("//*[@id]")) {
    const std::string id = node.node().attribute("id").value();
    CHECK(page.count(("//*[@id='" + id + "']").c_str()) == 1);
  }
}

TEST_CASE("hostile text stays text") {
  const std::string evil = "</title><script>alert('1')</script>&amp;\"";
  Report report;
  report.title = evil;
  report.notes = {evil};
  ReportRun run = whole_run(evil);
  run.set = evil;
  run.settings[evil] = evil;
  run.results["boxes"]["problems"] = {evil, "bytes \xff\xc3(, control \x01"};
  ReportPicture picture;
  picture.image = picture.caption = evil;
  picture.jpeg = "\"/><script>";
  picture.side = 100;
  run.pictures = {picture};
  report.runs = {run};
  const Page page = page_of(report);
  CHECK(page.count("//script") == 0);
  CHECK(page.text("//head/title") == evil);
  CHECK(page.text("//h1") == evil);
  CHECK(page.text("//h2") == evil);
  CHECK(page.text("//ul[@class='legend']/li/span") == evil);
  CHECK(page.count("//figcaption[@title]") == 1);
  CHECK(page.text("//details/ul/li[2]") == "bytes \uFFFD\uFFFD(, control \uFFFD");
}

TEST_CASE("runs of one name have one colour, sets their sections") {
  Report report;
  for (const std::string set : {"first", "second"}) {
    for (const std::string name : {"a", "b"}) {
      ReportRun& run = report.runs.emplace_back();
      run.name = name;
      run.set = set;
      if (run.name == "b" || run.set == "first") run.results["boxes"] = box_result();
    }
  }
  const Page page = page_of(report);
  CHECK(page.count("//section") == 2);
  CHECK(page.count("//nav/a") == 2);
  CHECK(page.count("//ul[@class='legend']/li") == 2);
  // b alone in the second section, in its own colour.
  CHECK(page.count("//section[2]//path[contains(@class, 's0')]") == 0);
  CHECK(page.count("//section[2]//path[contains(@class, 's1')]") == 2);
  CHECK(page.text("//section[2]/p[contains(., 'not known')]").find("not known") != std::string::npos);
}

TEST_CASE("measures of one run that were reported apart have their settings once") {
  Report report;
  ReportRun run{std::string("a")};  // GCC 12 warns wrongly of assigning a literal
  run.settings = {{"min_face", 20}};
  report.runs = {run, run};
  report.runs[0].results["boxes"] = box_result();
  report.runs[1].results["stages"] = stage_tally();
  CHECK(page_of(report).count("//table[@class='settings']/tbody/tr/td") == 1);
}

TEST_CASE("what is written can be read, and put together") {
  const Folder folder;
  Report report;
  report.notes = {"a note"};
  report.runs = {whole_run("one")};
  const Boxes boxes = some_boxes();
  report.runs[0].pictures =
      worst_pictures(boxes.images, boxes.detections, box_result(), [](const std::string&) {
        return Result<Image>(two_colours(200, 100));
      }).pictures;
  REQUIRE(report.runs[0].pictures.size() == 2);
  const Status written = write_report(folder / "a.html", report);
  REQUIRE_MESSAGE(written.ok(), written.error().message);
  Result<Report> read = read_report(folder / "a.json");
  REQUIRE_MESSAGE(read.ok(), read.error().message);
  CHECK(Json(*read) == Json(report));
  const auto text = [](const std::string& path) { return *read_file(path, std::size_t{1} << 30); };
  const Result<std::string> html = report_html(*read);
  REQUIRE(html.ok());
  const auto on_disk = text(folder / "a.html");
  CHECK(std::ranges::equal(on_disk, std::as_bytes(std::span(*html))));

  read->runs.push_back(whole_run("two"));
  REQUIRE(write_report(folder / "both", *read).ok());
  CHECK(read_report(folder / "both.json")->runs.size() == 2);
  CHECK(page_of(*read).count("//ul[@class='legend']/li") == 2);
}

TEST_CASE("what can't be reported is an error that says why") {
  const Folder folder;
  const auto error_of = [](const auto& result) {
    REQUIRE(!result.ok());
    return result.error();
  };
  CHECK(error_of(write_report(folder / "a.html", {})).code == ErrorCode::kInvalidArgument);
  Report report;
  report.runs = {whole_run("some run")};
  CHECK(error_of(write_report(folder / "a.json", report)).code == ErrorCode::kInvalidArgument);
  CHECK(error_of(write_report(folder / "none/a.html", report)).code == ErrorCode::kIo);
  CHECK(error_of(read_report(folder / "a.json")).code == ErrorCode::kIo);
  for (const char* key : {"wider", "fddb", "boxes", "landmarks", "stages"}) {
    for (const Json& wrong : {Json(nullptr), Json::object(), Json::array({1}), Json("text")}) {
      CAPTURE(key);
      Report broken = report;
      broken.runs[0].results[key] = wrong;
      const Error error = error_of(write_report(folder / "a.html", broken));
      CHECK(error.code == ErrorCode::kFormat);
      CHECK(error.message.find("some run") != std::string::npos);
      CHECK(error.message.find(key) != std::string::npos);
    }
  }
  CHECK(std::filesystem::is_empty(folder.path()));  // neither a page nor its JSON
  for (
      const char* json :
      {"", "{", "[]", "null", R"({"title":"a","notes":[],"runs":[{"name":"a"}]})",
       R"({"title":"a","notes":[],"runs":[{"name":1,"set":"","settings":{},"results":{},"pictures":[]}]})"}) {
    CAPTURE(json);
    const std::string path = folder.write("bad.json", json);
    const Error error = error_of(read_report(path));
    CHECK(error.code == ErrorCode::kFormat);
    CHECK(error.message.find(path) != std::string::npos);
  }
  // Every value of a good report replaced: an error or a page, never an exception.
  Json good = Json(report);
  for (Json& curve : good["runs"][0]["results"]["wider"]["curves"]) {
    for (Json& values : curve) values = Json::array({values.front(), values.back()});  // of 1000
  }
  const Json flat = good.flatten();
  CHECK(flat.size() > 150);
  for (const auto& entry : flat.items()) {
    const std::string& pointer = entry.key();
    CAPTURE(pointer);
    Json changed = good;
    changed[Json::json_pointer(pointer)] = Json::array({Json::object()});
    const std::string path = folder.write("bad.json", changed.dump());
    const Result<Report> read = read_report(path);
    if (read) CHECK_NOTHROW((void)report_html(*read));
  }
}

TEST_CASE("the worst are the largest faces missed and the best scores that are wrong") {
  Boxes boxes;
  for (int i = 0; i < 3; ++i) {
    const float at = static_cast<float>(i);
    boxes.images.push_back(
        {"image" + std::to_string(i),
         {face({20, 20, 40 + at, 40}), face({100, 40, 140 + at, 80 + at}), face({60, 0, 72, 12})}});
    boxes.detections.push_back(
        {{{150, 60, 160, 70 + at}, .5f + .1f * at}, {{110, 40, 140 + at, 80 + at}, .3f}});
  }
  // One of them near the large face, not well enough.
  boxes.detections[2][1].box.left = 122;
  const BoxResult result = evaluate_boxes(boxes.images, boxes.detections);
  std::vector<std::string> loaded;
  const LoadImage load = [&](const std::string& path) -> Result<Image> {
    loaded.push_back(path);
    if (path == "image1") return Error{ErrorCode::kIo, "image1: can't open"};
    return two_colours(200, 100);
  };
  const ReportPictures worst = worst_pictures(boxes.images, boxes.detections, result, load, 4);
  // Missed: the 42 px of image2, then the 20 px faces, then 12 px ones; two of an image.
  std::vector<std::string> captions;
  for (const ReportPicture& picture : worst.pictures) {
    captions.push_back(picture.image + (picture.kind == ReportPicture::Kind::kMiss ? " - " : " + ") +
                       picture.caption);
  }
  CHECK(captions == std::vector<std::string>{"image2 - 42 px, IoU 0.48", "image0 - 20 px, IoU 0.00",
                                             "image2 - 20 px, IoU 0.00", "image2 + score 0.700, IoU 0.00",
                                             "image0 + score 0.500, IoU 0.00",
                                             "image2 + score 0.300, IoU 0.48"});
  REQUIRE(worst.problems.size() == 2);
  CHECK(worst.problems[0].text().find("image1: no picture of it: image1: can't open") == 0);

  const ReportPicture& miss = worst.pictures[0];
  REQUIRE(!miss.jpeg.empty());
  const Result<Image> decoded = decode_image(from_base64(miss.jpeg), "thumbnail");
  REQUIRE_MESSAGE(decoded.ok(), decoded.error().message);
  CHECK(decoded->width == miss.side);
  CHECK(decoded->height == miss.side);
  // The box keeps its place over the picture: the image's halves meet at x = 100, the face's left edge.
  const auto at = [&](float x, float y) {
    return decoded->rgb.data() + 3 * (static_cast<int>(y) * decoded->width + static_cast<int>(x));
  };
  const float middle = (miss.box.top + miss.box.bottom) / 2;
  CHECK(at(miss.box.left - 3, middle)[0] > 200);
  CHECK(at(miss.box.left + 3, middle)[2] > 200);
  CHECK(miss.box.width() < .5f * static_cast<float>(miss.side));
  CHECK(miss.box.width() > .3f * static_cast<float>(miss.side));
  // The face in the middle of 105 pixels of an image 100 high: it ends before the cut does.
  CHECK(std::abs(at(miss.box.left + 9, static_cast<float>(miss.side) - 2)[1] - 128) < 12);
  CHECK(at(miss.box.left + 9, 2)[1] < 25);
  // The nearest detection is drawn, the one at its corner too.
  CHECK(miss.detected.size() == 2);
}

TEST_CASE("a box at the border is shown with the image beside it, not with nothing") {
  const std::vector<LabelledImage> images{{"a", {face({0, 0, 30, 30})}}};
  const std::vector<std::vector<BoxDetection>> detections(1);
  const auto load = [](const std::string&) { return Result<Image>(two_colours(400, 300)); };
  const ReportPictures worst = worst_pictures(images, detections, evaluate_boxes(images, detections), load);
  REQUIRE(worst.pictures.size() == 1);
  CHECK(worst.pictures[0].box.left == doctest::Approx(0));
  CHECK(worst.pictures[0].box.top == doctest::Approx(0));
  const Result<Image> decoded = decode_image(from_base64(worst.pictures[0].jpeg), "thumbnail");
  REQUIRE(decoded.ok());
  // Red all over, but for the outermost pixels, which blend with what lies outside.
  for (int y = 2; y < decoded->height; ++y) {
    for (int x = 2; x < decoded->width; ++x) {
      const std::uint8_t* const pixel = decoded->rgb.data() + 3 * (y * decoded->width + x);
      REQUIRE((pixel[0] > 230 && pixel[1] < 25 && pixel[2] < 25));
    }
  }
}

TEST_CASE("the worst points are shown where they are") {
  LabelledFace labelled = face({20, 20, 60, 60});
  labelled.landmarks = Landmarks{Point{30, 30}, {50, 30}, {40, 42}, {32, 50}, {48, 50}};
  const std::vector<LabelledImage> images = {{"near", {labelled}}, {"far", {labelled}}, {"none", {labelled}}};
  const auto moved = [&](float by) {
    Landmarks points = *labelled.landmarks;
    for (Point& point : points) point.x += by;
    return points;
  };
  const std::vector<std::vector<LandmarkPrediction>> predictions = {
      {{moved(1), false}}, {{moved(5), true}}, {LandmarkPrediction{}}};
  const LandmarkResult result = evaluate_landmarks(images, predictions);
  const LoadImage load = [](const std::string&) { return Result<Image>(two_colours(200, 100)); };
  ReportPictures worst = worst_points(images, predictions, result, load);
  REQUIRE(worst.pictures.size() == 2);
  CHECK(worst.problems.empty());
  const ReportPicture& far = worst.pictures[0];
  CHECK(far.image == "far");
  CHECK(far.caption == "25.0 %, not detected, points by O-Net");
  CHECK(worst.pictures[1].caption == "5.0 %, detected");
  // A cut of 100 pixels of the image is 160 wide.
  REQUIRE(far.labelled_points.size() == 5);
  REQUIRE(far.detected_points.size() == 5);
  CHECK(far.detected_points[2].x - far.labelled_points[2].x == doctest::Approx(5 * 1.6));
  CHECK(far.labelled_points[2].x == doctest::Approx((far.box.left + far.box.right) / 2));

  Report report;
  report.runs = {whole_run("one")};
  report.runs[0].pictures = worst.pictures;
  const Folder folder;
  REQUIRE(write_report(folder / "a.html", report).ok());
  const Result<Report> read = read_report(folder / "a.json");
  REQUIRE(read.ok());
  CHECK(Json(*read) == Json(report));
  CHECK(page_of(*read).count("//svg[@class='cut']/circle") == 20);
  REQUIRE(write_report(folder / "a.html", *read).ok());
  worst = worst_points(images, predictions, result, [](const std::string&) {
    return Result<Image>(Error{ErrorCode::kIo, "gone"});
  });
  CHECK(worst.pictures.empty());
  CHECK(worst.problems.size() == 2);
}

}  // namespace
}  // namespace mtcnn
