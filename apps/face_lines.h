// What `detect` writes about one image: a line of JSON, lines of CSV, or a table.
#ifndef MTCNN_APPS_FACE_LINES_H_
#define MTCNN_APPS_FACE_LINES_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "mtcnn/detector.h"
#include "mtcnn/types.h"

namespace mtcnn {

// Keys stay in the order in which they are added, and numbers are floats as ours are: they are
// written with as many digits as it takes to read the same float back, and no more.
using Json = nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool, std::int64_t,
                                  std::uint64_t, float>;

// One image's result.
struct ImageFaces {
  std::string path;
  std::string error;  // not empty: it failed, and why; nothing below counts
  int width = 0;      // of the upright image
  int height = 0;
  std::vector<Face> faces;     // pixels of the upright image (mtcnn/types.h)
  std::optional<Trace> trace;  // if asked for
};

// {"path", "width", "height", "faces": [{"box": [left, top, right, bottom], "score", "landmarks":
// [[x, y], five times]}]} or {"path", "error"}, with a line break at the end. With a trace,
// "trace":
// {"levels": [{"scale", "width", "height", "candidates"}], "proposals", "pnet", "rnet", "onet":
// each
// [{"box", "score"}]}. Bytes of the path that are not UTF-8 become U+FFFD.
std::string json_line(const ImageFaces& image);

// {"box", "score", "landmarks"} as in json_line().
Json face_json(const Face& face);

// What json_line() wrote, but for a trace; nothing if `line` is no such line. Numbers come back as they
// were.
std::optional<ImageFaces> parse_json_line(const std::string& line);

// The path as json_line() writes it, unquoted: what a reader of the line gets.
std::string json_path(const std::string& path);

// One line a face, none for a failed image:
// path,width,height,face,score,left,top,right,bottom,left_eye_x,left_eye_y, ... ,right_mouth_y
// `face` counts from 1. Lines end with \n.
std::string csv_header();
std::string csv_lines(const ImageFaces& image);

// A heading and an aligned table, for people: coordinates in whole pixels. Empty for a failed
// image.
std::string table_block(const ImageFaces& image);

}  // namespace mtcnn

#endif  // MTCNN_APPS_FACE_LINES_H_
