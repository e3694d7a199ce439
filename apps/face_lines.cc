#include "apps/face_lines.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "apps/table.h"
#include "apps/text.h"

namespace mtcnn {
namespace {

Json to_json(const Box& box) { return Json::array({box.left, box.top, box.right, box.bottom}); }

Json to_json(const std::vector<Candidate>& candidates) {
  Json list = Json::array();
  for (const Candidate& candidate : candidates) {
    Json item;
    item["box"] = to_json(candidate.box);
    item["score"] = candidate.score;
    list.push_back(std::move(item));
  }
  return list;
}

Json to_json(const Trace& trace) {
  Json json;
  json["levels"] = Json::array();
  for (const Trace::Level& level : trace.levels) {
    Json item;
    item["scale"] = level.scale;
    item["width"] = level.size.width;
    item["height"] = level.size.height;
    item["candidates"] = level.candidates;
    json["levels"].push_back(std::move(item));
  }
  json["proposals"] = to_json(trace.proposals);
  json["pnet"] = to_json(trace.pnet);
  json["rnet"] = to_json(trace.rnet);
  std::vector<Candidate> last;
  for (const Face& face : trace.faces) last.push_back({face.box, face.score});
  json["onet"] = to_json(last);
  return json;
}

std::string whole(float value) { return std::to_string(std::lround(value)); }

std::string count(std::size_t number, const char* singular, const char* plural) {
  return format_count(static_cast<std::int64_t>(number)) + " " + (number == 1 ? singular : plural);
}

// Whether `json` is an array of `count` finite numbers, which then go to `numbers`.
bool read_numbers(const Json& json, std::size_t count, float* numbers) {
  if (!json.is_array() || json.size() != count) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (!json[i].is_number()) return false;
    numbers[i] = json[i].get<float>();
    if (!std::isfinite(numbers[i])) return false;
  }
  return true;
}

// A side of an image: a whole number from 1 that an int holds.
std::optional<int> read_side(const Json& json, const char* name) {
  const auto at = json.find(name);
  if (at == json.end() || !at->is_number_unsigned()) return std::nullopt;  // what is read without a minus is
  const auto side = at->get<std::uint64_t>();
  if (side < 1 || side > std::numeric_limits<int>::max()) return std::nullopt;
  return static_cast<int>(side);
}

bool read_face(const Json& json, Face& face) {
  float edges[4];
  if (!json.is_object() || !json.contains("box") || !read_numbers(json["box"], 4, edges)) return false;
  if (!json.contains("score") || !json["score"].is_number()) return false;
  if (!json.contains("landmarks") || !json["landmarks"].is_array() || json["landmarks"].size() != 5)
    return false;
  face.box = {edges[0], edges[1], edges[2], edges[3]};
  face.score = json["score"].get<float>();
  for (std::size_t i = 0; i < 5; ++i) {
    float point[2];
    if (!read_numbers(json["landmarks"][i], 2, point)) return false;
    face.landmarks[i] = {point[0], point[1]};
  }
  return std::isfinite(face.score);
}

constexpr const char* kPointNames[] = {"left_eye", "right_eye", "nose", "left_mouth", "right_mouth"};

}  // namespace

Json face_json(const Face& face) {
  Json item;
  item["box"] = to_json(face.box);
  item["score"] = face.score;
  item["landmarks"] = Json::array();
  for (const Point& point : face.landmarks) item["landmarks"].push_back(Json::array({point.x, point.y}));
  return item;
}

std::string json_line(const ImageFaces& image) {
  Json json;
  json["path"] = image.path;
  if (!image.error.empty()) {
    json["error"] = image.error;
  } else {
    json["width"] = image.width;
    json["height"] = image.height;
    json["faces"] = Json::array();
    for (const Face& face : image.faces) json["faces"].push_back(face_json(face));
    if (image.trace) json["trace"] = to_json(*image.trace);
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::optional<ImageFaces> parse_json_line(const std::string& line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("path") || !json["path"].is_string()) return std::nullopt;
  ImageFaces image;
  image.path = json["path"].get<std::string>();
  if (json.contains("error")) {
    if (!json["error"].is_string()) return std::nullopt;
    image.error = json["error"].get<std::string>();
    return image;
  }
  const auto width = read_side(json, "width"), height = read_side(json, "height");
  if (!width || !height) return std::nullopt;
  image.width = *width;
  image.height = *height;
  if (!json.contains("faces") || !json["faces"].is_array()) return std::nullopt;
  for (const Json& item : json["faces"]) {
    Face face;
    if (!read_face(item, face)) return std::nullopt;
    image.faces.push_back(face);
  }
  return image;
}

std::string json_path(const std::string& path) {
  return Json::parse(Json(path).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

std::string csv_header() {
  std::string line = "path,width,height,face,score,left,top,right,bottom";
  for (const char* const name : kPointNames) {
    line += std::string(",") + name + "_x," + name + "_y";
  }
  return line + '\n';
}

std::string csv_lines(const ImageFaces& image) {
  std::string lines;
  if (!image.error.empty()) return lines;
  const std::string start =
      csv_field(image.path) + ',' + std::to_string(image.width) + ',' + std::to_string(image.height);
  for (std::size_t i = 0; i < image.faces.size(); ++i) {
    const Face& face = image.faces[i];
    lines += start + ',' + std::to_string(i + 1);
    for (const float value : {face.score, face.box.left, face.box.top, face.box.right, face.box.bottom}) {
      lines += ',' + format_float(value);
    }
    for (const Point& point : face.landmarks) {
      lines += ',' + format_float(point.x) + ',' + format_float(point.y);
    }
    lines += '\n';
  }
  return lines;
}

std::string table_block(const ImageFaces& image) {
  if (!image.error.empty()) return {};
  std::string text = printable(image.path) + "  " + std::to_string(image.width) + " x " +
                     std::to_string(image.height) + ", " + count(image.faces.size(), "face", "faces") + '\n';
  if (image.trace) {
    std::int64_t cells = 0;
    for (const Trace::Level& level : image.trace->levels) cells += level.candidates;
    text += "  stages: " + count(image.trace->levels.size(), "pyramid level", "pyramid levels") + ", " +
            format_count(cells) + " P-Net cells, " +
            count(image.trace->proposals.size(), "proposal", "proposals") + ", " +
            format_count(static_cast<std::int64_t>(image.trace->pnet.size())) + " to R-Net, " +
            format_count(static_cast<std::int64_t>(image.trace->rnet.size())) + " to O-Net, " +
            count(image.trace->faces.size(), "face", "faces") + '\n';
  }
  if (image.faces.empty()) return text;
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < image.faces.size(); ++i) {
    const Face& face = image.faces[i];
    std::vector<std::string> row = {std::to_string(i + 1), format_fixed(face.score, 4),
                                    whole(face.box.left),  whole(face.box.top),
                                    whole(face.box.right), whole(face.box.bottom)};
    for (const Point& point : face.landmarks) row.push_back(whole(point.x) + ',' + whole(point.y));
    rows.push_back(std::move(row));
  }
  return text + format_table({{"#"},
                              {"score"},
                              {"left"},
                              {"top"},
                              {"right"},
                              {"bottom"},
                              {"left eye"},
                              {"right eye"},
                              {"nose"},
                              {"left mouth"},
                              {"right mouth"}},
                             rows, 2);
}

}  // namespace mtcnn
