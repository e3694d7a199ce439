// CelebA's list_bbox_celeba.txt and list_landmarks_celeba.txt: the number of rows, the names of the
// columns, then a face a line:
//
//   000001.jpg 95 71 226 313                          x_1 y_1 width height
//   000001.jpg 165 184 244 176 196 249 194 271 266 260      x y of five points, in our order
//
// Which of the two it is, the rows tell. Boxes: left = x_1, right = x_1 + width. Points are whole
// pixels: half a pixel is added to reach their middles. A list of landmarks gets its boxes from
// box_around(), until join() brings those of the other list; they belong to the photographs in the
// wild (img_celeba), as list_landmarks_celeba.txt does. list_landmarks_align_celeba.txt belongs to
// the aligned ones and reads the same.
#include "datasets/reader.h"

namespace mtcnn {
namespace {

Result<Dataset> read_celeba(const std::string& file, const LabelOptions&) {
  const auto text = read_text(file);
  if (!text) return text.error();
  DatasetBuilder builder(file);
  std::optional<double> promised;  // rows
  std::size_t columns = 0;         // 4 or 10, once known
  std::size_t rows = 0;
  int last_line = 0;
  for (const Line& line : split_lines(*text)) {
    if (line.empty()) continue;
    last_line = line.number;
    const auto [path, numbers] = split_path_and_numbers(line.text);
    if (rows == 0 && !promised && path.empty() && numbers.size() == 1) {
      promised = numbers[0];
      continue;
    }
    if (rows == 0 && numbers.empty()) continue;  // the names of the columns
    ++rows;
    if (columns == 0 && (numbers.size() == 4 || numbers.size() == 10)) columns = numbers.size();
    if (path.empty() || columns == 0 || numbers.size() != columns) {
      builder.left_out(line.number,
                       "path " + in_quotes(path) + " and " + std::to_string(numbers.size()) +
                           " numbers, expected a path and " +
                           (columns ? std::to_string(columns) : std::string("4 (box) or 10 (points)")),
                       path);
      continue;
    }
    LabelledFace face;
    auto complaint = complaint_about(numbers);
    if (!complaint) {
      if (columns == 4) {
        face.box = box_from_size(numbers[0], numbers[1], numbers[2], numbers[3]);
      } else {
        face.landmarks = landmarks_from_pairs(numbers, .5);
        face.box = box_around(*face.landmarks);
        face.guessed_box = true;
      }
      complaint = complaint_about(face.box);
    }
    if (complaint) {
      builder.left_out(line.number, *complaint, path);
      continue;
    }
    face.line = line.number;
    builder.image(path, line.number).faces.push_back(face);
  }
  if (promised && *promised != static_cast<double>(rows)) {
    builder.problem(last_line, "the file ends after " + std::to_string(rows) + " rows, expected " +
                                   show(*promised) + " as its first line says");
  }
  return builder.take();
}

}  // namespace

const LabelFormat kCelebA = {"celeba", "CelebA's list of boxes or of landmarks", read_celeba, true};

}  // namespace mtcnn
