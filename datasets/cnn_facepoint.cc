// CNN_FacePoint's lists, a face a line:
//
//   lfw_5590/Aaron_Eckhart_0001.jpg 84 161 92 169 106.25 107.75 ...
//
// that is path, left right top bottom of the box, x y of left eye, right eye, nose, left and right
// mouth corner. Backslashes in the path are slashes. The boxes are tight squares within the face, unlike
// other sets' (join() can bring better ones).
//
// Points and boxes are taken as edge coordinates, as they stand, and published figures are made so.
// In truth the points seem to be indices of pixels, whose middles are half a pixel further: that is
// where the released MTCNN weights put them, .5 pixel from the labels in net_7876 and .3 in an
// lfw_5590 that was shrunk to .6 of its size together with its labels. LabelOptions::point_shift
// corrects it; on the latter's small faces it makes a tenth of the error.
#include "datasets/reader.h"

namespace mtcnn {
namespace {

Result<Dataset> read_cnn_facepoint(const std::string& file, const LabelOptions&) {
  const auto text = read_text(file);
  if (!text) return text.error();
  DatasetBuilder builder(file);
  for (const Line& line : split_lines(*text)) {
    if (line.empty()) continue;
    const auto [path, numbers] = split_path_and_numbers(line.text);
    if (path.empty() || numbers.size() != 14) {
      builder.left_out(line.number,
                       "path " + in_quotes(path) + " and " + std::to_string(numbers.size()) +
                           " numbers, expected a path and 14 (left right top bottom and "
                           "five times x y)",
                       path);
      continue;
    }
    LabelledFace face;
    face.box = {static_cast<float>(numbers[0]), static_cast<float>(numbers[2]),
                static_cast<float>(numbers[1]), static_cast<float>(numbers[3])};
    auto complaint = complaint_about(numbers);
    if (!complaint) complaint = complaint_about(face.box);
    if (complaint) {
      builder.left_out(line.number, *complaint, path);
      continue;
    }
    face.landmarks = landmarks_from_pairs(std::span(numbers).subspan(4));
    face.line = line.number;
    builder.image(path, line.number).faces.push_back(face);
  }
  return builder.take();
}

}  // namespace

const LabelFormat kCnnFacePoint = {"cnn_facepoint", "a CNN_FacePoint list", read_cnn_facepoint, true};

}  // namespace mtcnn
