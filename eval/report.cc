#include "eval/report.h"

#include <exception>
#include <filesystem>
#include <new>
#include <utility>

#include "eval/report_page.h"
#include "util/file.h"

namespace mtcnn {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxReportBytes = std::size_t{1} << 30;

Json box_json(const Box& box) { return Json::array({box.left, box.top, box.right, box.bottom}); }

Json boxes_json(const std::vector<Box>& boxes) {
  Json json = Json::array();
  for (const Box& box : boxes) json.push_back(box_json(box));
  return json;
}

constexpr std::pair<ReportPicture::Kind, const char*> kPictureKinds[] = {
    {ReportPicture::Kind::kMiss, "miss"},
    {ReportPicture::Kind::kFalsePositive, "false_positive"},
    {ReportPicture::Kind::kPoints, "points"}};

Json points_json(const std::vector<Point>& points) {
  Json json = Json::array();
  for (const Point& point : points) json.push_back({point.x, point.y});
  return json;
}

Json picture_json(const ReportPicture& picture) {
  const char* kind = nullptr;
  for (const auto& [value, name] : kPictureKinds) {
    if (value == picture.kind) kind = name;
  }
  return {{"kind", kind},
          {"image", picture.image},
          {"caption", picture.caption},
          {"side", picture.side},
          {"box", box_json(picture.box)},
          {"labelled", boxes_json(picture.labelled)},
          {"detected", boxes_json(picture.detected)},
          {"labelled_points", points_json(picture.labelled_points)},
          {"detected_points", points_json(picture.detected_points)},
          {"jpeg", picture.jpeg}};
}

// The functions below throw the JSON library's exceptions for what is not as expected.

Box read_box(const Json& json) {
  return {json.at(0).get<float>(), json.at(1).get<float>(), json.at(2).get<float>(), json.at(3).get<float>()};
}

std::vector<Point> read_points(const Json& json) {
  std::vector<Point> points;
  for (const Json& point : json) points.push_back({point.at(0).get<float>(), point.at(1).get<float>()});
  return points;
}

ReportPicture read_picture(const Json& json) {
  ReportPicture picture;
  for (const auto& [value, name] : kPictureKinds) {
    if (json.at("kind").get<std::string>() == name) picture.kind = value;
  }
  picture.image = json.at("image").get<std::string>();
  picture.caption = json.at("caption").get<std::string>();
  picture.side = json.at("side").get<int>();
  picture.box = read_box(json.at("box"));
  for (const Json& box : json.at("labelled")) picture.labelled.push_back(read_box(box));
  for (const Json& box : json.at("detected")) picture.detected.push_back(read_box(box));
  picture.labelled_points = read_points(json.at("labelled_points"));
  picture.detected_points = read_points(json.at("detected_points"));
  picture.jpeg = json.at("jpeg").get<std::string>();
  return picture;
}

Report read_runs(Json json) {
  Report report;
  report.title = json.at("title").get<std::string>();
  report.notes = json.at("notes").get<std::vector<std::string>>();
  for (Json& from : json.at("runs")) {
    ReportRun& run = report.runs.emplace_back();
    run.name = from.at("name").get<std::string>();
    run.set = from.at("set").get<std::string>();
    run.settings = std::move(from.at("settings"));
    run.results = std::move(from.at("results"));
    for (const Json& picture : from.at("pictures")) run.pictures.push_back(read_picture(picture));
  }
  return report;
}

// For a report that is here already, `name` is its title.
Result<Report> parse_report(std::string_view text, const std::string& name) {
  try {
    return read_runs(Json::parse(text));
  } catch (const nlohmann::json::exception& error) {
    return Error{ErrorCode::kFormat, name + ": expected the JSON of a report of runs: " + error.what()};
  }
}

std::string dumped(const Report& report) {
  return Json(report).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The page of what dumped() gave, so that page and JSON hold the same, and nothing but UTF-8.
Result<std::string> page_of(const std::string& json, const std::string& name) {
  const Result<Report> report = parse_report(json, name);
  if (!report) return report.error();
  if (report->runs.empty())
    return Error{ErrorCode::kInvalidArgument, name + ": a report needs at least one run"};
  return report_page(*report);
}

template <typename Make>
auto guarded(const std::string& name, const Make& make) -> decltype(make()) {
  try {
    return make();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, name + ": not enough memory for this report"};
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalidArgument, name + ": " + error.what()};
  }
}

}  // namespace

void to_json(Json& json, const Report& report) {
  Json runs = Json::array();
  for (const ReportRun& run : report.runs) {
    Json pictures = Json::array();
    for (const ReportPicture& picture : run.pictures) pictures.push_back(picture_json(picture));
    runs.push_back({{"name", run.name},
                    {"set", run.set},
                    {"settings", run.settings},
                    {"results", run.results},
                    {"pictures", std::move(pictures)}});
  }
  json = Json{{"title", report.title}, {"notes", report.notes}, {"runs", std::move(runs)}};
}

Result<std::string> report_html(const Report& report) {
  return guarded(report.title, [&] { return page_of(dumped(report), report.title); });
}

Status write_report(const std::string& path, const Report& report) {
  return guarded(path, [&]() -> Status {
    std::filesystem::path json_path(path);
    if (json_path.extension() == ".json") {
      return Error{ErrorCode::kInvalidArgument,
                   path + ": is the name of a page, beside which a .json is written; expected .html"};
    }
    const bool html = json_path.extension() == ".html" || json_path.extension() == ".htm";
    if (html) {
      json_path.replace_extension(".json");
    } else {
      json_path += ".json";
    }
    const std::string json = dumped(report);
    const Result<std::string> page = page_of(json, path);
    if (!page) return page.error();
    const Status written = write_file(json_path.string(), std::as_bytes(std::span(json)));
    if (!written) return written.error();
    return write_file(path, std::as_bytes(std::span(*page)));
  });
}

Result<Report> read_report(const std::string& json_path) {
  return guarded(json_path, [&]() -> Result<Report> {
    const Result<std::vector<std::byte>> bytes = read_file(json_path, kMaxReportBytes);
    if (!bytes) return bytes.error();
    return parse_report({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, json_path);
  });
}

}  // namespace mtcnn
