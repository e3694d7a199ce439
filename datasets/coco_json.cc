// COCO: one .json file with
//
//   "images": [{"id": 1, "file_name": "a.jpg", ...}, ...]
//   "annotations": [{"image_id": 1, "bbox": [x, y, width, height], "iscrowd": 0,
//                    "category_id": 1, "keypoints": [x, y, visibility, five times]}, ...]
//   "categories": [{"id": 1, "name": "face"}, ...]   needed for LabelOptions::classes alone
//
// Boxes are edges: left = x, right = x + width. iscrowd = 1: ignore. Five keypoints are taken as our
// points in our order, unless one has visibility 0; other numbers of keypoints are not faces' and are
// left aside. Keypoints are indices of pixels: half a pixel is added. As the whole file may be one line,
// problems name the annotation by its place in its list, counted from 0.
//
// NaN and Infinity, which are no JSON but which Python's json writes, are reported with their line and read as
// null: what has them is left out, the rest is read.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "datasets/reader.h"

namespace mtcnn {
namespace {

using Json = nlohmann::json;

// The member, or null if there is none or `object` is no object.
const Json& member(const Json& object, const char* name) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto at = object.find(name);
  return at == object.end() ? null : *at;
}

// Ids are numbers, or by some tools texts.
std::optional<std::string> id_of(const Json& value) {
  if (value.is_number_integer() || value.is_string()) return value.dump();
  return std::nullopt;
}

// All numbers of a list; nothing if it is none.
std::optional<std::vector<double>> numbers_of(const Json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<double> numbers;
  for (const Json& number : value) {
    if (!number.is_number()) return std::nullopt;
    numbers.push_back(number.get<double>());
  }
  return numbers;
}

bool is_set(const Json& value) {
  return (value.is_boolean() && value.get<bool>()) || (value.is_number() && value.get<double>() != 0);
}

// The face of an annotation, or what is wrong with it.
std::optional<std::string> read_face(const Json& annotation, LabelledFace& face) {
  const auto bounds = numbers_of(member(annotation, "bbox"));
  if (!bounds || bounds->size() != 4) return "no \"bbox\" of 4 numbers: x, y, width, height";
  if (const auto complaint = complaint_about(*bounds)) return complaint;
  face.box = box_from_size((*bounds)[0], (*bounds)[1], (*bounds)[2], (*bounds)[3]);
  if (const auto complaint = complaint_about(face.box)) return complaint;
  face.ignore = is_set(member(annotation, "iscrowd"));

  const Json& keypoints = member(annotation, "keypoints");
  if (keypoints.is_null()) return std::nullopt;
  const auto numbers = numbers_of(keypoints);
  if (!numbers || numbers->size() % 3 != 0) return "\"keypoints\" are not x, y, visibility each";
  if (numbers->size() != 15) return std::nullopt;
  if (const auto complaint = complaint_about(*numbers)) return complaint;
  std::vector<double> points;
  for (std::size_t i = 0; i < 15; i += 3) {
    if ((*numbers)[i + 2] == 0) return std::nullopt;
    points.insert(points.end(), {(*numbers)[i], (*numbers)[i + 1]});
  }
  face.landmarks = landmarks_from_pairs(points, .5);
  return std::nullopt;
}

// Turns NaN, Infinity and -Infinity outside quotes into null.
std::string without_nan(const std::string& text, DatasetBuilder& builder) {
  std::string result;
  int line = 1;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (c == '"') quoted = !quoted;
    std::string_view word;
    for (const std::string_view candidate : {"NaN", "Infinity", "-Infinity"}) {
      if (!quoted && text.compare(i, candidate.size(), candidate) == 0) word = candidate;
    }
    if (!word.empty()) {
      builder.problem(line, std::string(word) + " is no JSON, expected a number; read as null");
      result += "null";
      i += word.size() - 1;
      continue;
    }
    result += c;
    if (quoted && c == '\\' && i + 1 < text.size()) result += text[++i];  // a quote behind it is text
  }
  return result;
}

Result<Dataset> read_json(const std::string& file, const Json& root, const LabelOptions& options,
                          DatasetBuilder& builder) {
  const Json& images = member(root, "images");
  const Json& annotations = member(root, "annotations");
  if (!images.is_array() || !annotations.is_array()) {
    return Error{ErrorCode::kFormat,
                 file + ": expected an object with the lists \"images\" and \"annotations\""};
  }
  std::unordered_map<std::string, std::string> categories;  // names by id
  for (const Json& category : member(root, "categories")) {
    const auto id = id_of(member(category, "id"));
    const Json& name = member(category, "name");
    if (id && name.is_string()) categories.emplace(*id, name.get<std::string>());
  }
  Classes classes(options.classes);
  std::unordered_map<std::string, std::string> paths;  // by id
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto id = id_of(member(images[i], "id"));
    const Json& name = member(images[i], "file_name");
    if (!id || !name.is_string() || !paths.emplace(*id, name.get<std::string>()).second) {
      builder.problem(0,
                      "images[" + std::to_string(i) + "]: expected an \"id\" of its own and a \"file_name\"");
      continue;
    }
    builder.image(name.get<std::string>(), 0);
  }
  for (std::size_t i = 0; i < annotations.size(); ++i) {
    const Json& annotation = annotations[i];
    const std::string name = "annotations[" + std::to_string(i) + "]: ";
    const auto image_id = id_of(member(annotation, "image_id"));
    const auto path = image_id ? paths.find(*image_id) : paths.end();
    if (!options.classes.empty()) {
      const auto id = id_of(member(annotation, "category_id"));
      const auto category = id ? categories.find(*id) : categories.end();
      if (category == categories.end()) {
        builder.left_out(0, name + "\"category_id\" is not an id with a name in \"categories\"",
                         path == paths.end() ? "" : path->second);
        continue;
      }
      if (!classes.wants(category->second)) continue;
    }
    if (path == paths.end()) {
      builder.left_out(0, name + "\"image_id\" is not an id in \"images\"");
      continue;
    }
    LabelledFace face;
    if (const auto complaint = read_face(annotation, face)) {
      builder.left_out(0, name + *complaint, path->second);
      continue;
    }
    builder.image(path->second, 0).faces.push_back(face);
  }
  classes.report_absent(builder);
  return builder.take();
}

Result<Dataset> read_coco(const std::string& file, const LabelOptions& options) {
  auto text = read_text(file);
  if (!text) return text.error();
  DatasetBuilder builder(file);
  if (text->find("NaN") != std::string::npos || text->find("Infinity") != std::string::npos) {
    *text = without_nan(*text, builder);
  }
  try {
    return read_json(file, Json::parse(*text), options, builder);
  } catch (const Json::parse_error& error) {
    const auto end = text->begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, text->size()));
    return Error{ErrorCode::kFormat, file + ":" + std::to_string(std::count(text->begin(), end, '\n') + 1) +
                                         ": not JSON: " + error.what()};
  } catch (const Json::exception& error) {  // numbers beyond a double, broken UTF-8
    return Error{ErrorCode::kFormat, file + ": " + error.what()};
  }
}

}  // namespace

const LabelFormat kCocoJson = {"coco", "a COCO .json file", read_coco};

}  // namespace mtcnn
