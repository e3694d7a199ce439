// RetinaFace's label.txt, WIDER FACE with five points:
//
//   # 0--Parade/0_Parade_marchingband_1_849.jpg
//   449 330 122 149 488.9 373.6 0.0 542.0 376.4 0.0 515.0 412.8 0.0 485.1 425.8 0.0 538.3 431.4 0.0 0.82
//
// that is x y w h, five times x y visibility, blur (0 unreadable to 1 clear; may be missing). A row
// of x y w h alone, as in the validation list, has no points; nor has one in which any point is -1.
// Boxes: left = x, right = x + w. Points are taken as they are, as edges.
#include "datasets/reader.h"

namespace mtcnn {
namespace {

constexpr std::size_t kBoxOnly = 4;
constexpr std::size_t kWithPoints = 19;

Result<Dataset> read_retinaface(const std::string& file, const LabelOptions&) {
  const auto text = read_text(file);
  if (!text) return text.error();
  DatasetBuilder builder(file);
  LabelledImage* image = nullptr;
  bool skipping = false;  // rows of an image that was refused ...
  std::string skipped;    // ... which is listed already, or empty
  for (const Line& line : split_lines(*text)) {
    if (line.empty()) continue;
    if (line.text[0] == '#') {
      const PathAndNumbers heading = split_path_and_numbers(line.text.substr(1));
      skipping = heading.path.empty() || !heading.numbers.empty() || builder.has(heading.path);
      if (skipping) {
        skipped = builder.has(heading.path) ? heading.path : "";
        builder.problem(line.number, in_quotes(line.text) + (skipped.empty() ? ", expected # and a path"
                                                                             : " is listed a second time"));
      } else {
        image = &builder.image(heading.path, line.number);
      }
      continue;
    }
    if (skipping) {
      builder.count_left_out(1);  // its heading was the problem
      if (!skipped.empty()) builder.incomplete(skipped);
      continue;
    }
    if (!image) {
      builder.left_out(line.number, in_quotes(line.text) + ", expected # and a path first");
      continue;
    }
    const auto row = parse_numbers(line.text);
    if (!row || (row->size() != kBoxOnly && row->size() != kWithPoints && row->size() != kWithPoints + 1)) {
      builder.left_out(line.number,
                       in_quotes(line.text) +
                           ", expected 4 numbers (x y w h) or 19 or 20 "
                           "(and x y visibility of five points, blur)",
                       image->path);
      continue;
    }
    LabelledFace face;
    face.box = box_from_size((*row)[0], (*row)[1], (*row)[2], (*row)[3]);
    auto complaint = complaint_about(*row);
    if (!complaint) complaint = complaint_about(face.box);
    if (complaint) {
      builder.left_out(line.number, *complaint, image->path);
      continue;
    }
    if (row->size() >= kWithPoints) {
      std::vector<double> points;
      bool missing = false;
      for (std::size_t i = 0; i < 5; ++i) {
        const double x = (*row)[4 + 3 * i];
        const double y = (*row)[5 + 3 * i];
        missing = missing || (x == -1 && y == -1);
        points.insert(points.end(), {x, y});
      }
      if (!missing) face.landmarks = landmarks_from_pairs(points);
    }
    face.line = line.number;
    image->faces.push_back(face);
  }
  return builder.take();
}

}  // namespace

const LabelFormat kRetinaFace = {"retinaface", "RetinaFace's label.txt", read_retinaface};

}  // namespace mtcnn
