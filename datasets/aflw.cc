// The lists of MTFL (the TCDCN authors' set), whose testing.txt is the five-point AFLW test set, a
// face a line:
//
//   AFLW\0001-image20056.jpg x1 x2 x3 x4 x5 y1 y2 y3 y4 y5 gender smile glasses pose
//
// The last four numbers may be missing; they are not used. Points: left eye, right eye, nose, left
// and right mouth corner; taken as edge coordinates, as CNN_FacePoint's, whose labels the training
// list shares. No boxes: box_around() stands in. AFLW's own SQLite database with 21 points is not read.
#include "datasets/reader.h"

namespace mtcnn {
namespace {

Result<Dataset> read_aflw(const std::string& file, const LabelOptions&) {
  const auto text = read_text(file);
  if (!text) return text.error();
  DatasetBuilder builder(file);
  for (const Line& line : split_lines(*text)) {
    if (line.empty()) continue;
    const auto [path, numbers] = split_path_and_numbers(line.text);
    if (path.empty() || (numbers.size() != 10 && numbers.size() != 14)) {
      builder.left_out(line.number,
                       "path " + in_quotes(path) + " and " + std::to_string(numbers.size()) +
                           " numbers, expected a path and 10 (x1..x5 y1..y5) or 14 (and "
                           "gender smile glasses pose)",
                       path);
      continue;
    }
    if (const auto complaint = complaint_about(numbers)) {
      builder.left_out(line.number, *complaint, path);
      continue;
    }
    LabelledFace face;
    Landmarks points;
    for (std::size_t i = 0; i < points.size(); ++i) {
      points[i] = {static_cast<float>(numbers[i]), static_cast<float>(numbers[5 + i])};
    }
    face.landmarks = points;
    face.box = box_around(points);
    face.guessed_box = true;
    if (const auto complaint = complaint_about(face.box)) {
      builder.left_out(line.number, "all points in one place; " + *complaint, path);
      continue;
    }
    face.line = line.number;
    builder.image(path, line.number).faces.push_back(face);
  }
  return builder.take();
}

}  // namespace

const LabelFormat kAflw = {"aflw", "an MTFL list of five-point AFLW faces", read_aflw, true};

}  // namespace mtcnn
