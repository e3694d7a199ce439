// 300-W: a .pts file with 68 points beside each photograph, or a folder of them:
//
//   version: 1
//   n_points: 68
//   {
//   446.000 91.000
//   ...
//   }
//
// The 68 points become five: the eyes are the means of points 37 to 42 and 43 to 48 (counted from
// 1), the nose is its tip 31, the mouth corners are 49 and 55. The numbers are indices of pixels
// from 1, so half a pixel is taken off. The box is the least that holds all 68 points (brow to
// chin), as is usual for this set. Where the photograph is not at hand, its path is that of the .pts file without
// the ending.
#include <algorithm>

#include "datasets/reader.h"

namespace mtcnn {
namespace {

constexpr std::size_t kPoints = 68;

// Means of points `first` to `last`, counted from 1.
Point mean(const std::vector<Point>& points, std::size_t first, std::size_t last) {
  Point sum;
  for (std::size_t i = first - 1; i < last; ++i) sum = {sum.x + points[i].x, sum.y + points[i].y};
  const float count = static_cast<float>(last - first + 1);
  return {sum.x / count, sum.y / count};
}

// The points between the braces; nothing, and a problem, if they are not 68 good ones.
std::optional<std::vector<Point>> read_points(const std::string& text, DatasetBuilder& builder) {
  std::vector<Point> points;
  enum { kHeading, kInside, kDone } state = kHeading;
  int last_line = 0;
  for (const Line& line : split_lines(text)) {
    if (line.empty()) continue;
    last_line = line.number;
    if (state == kHeading) {
      if (line.text == "{") state = kInside;
    } else if (line.text == "}") {
      state = kDone;
      break;
    } else {
      const auto numbers = parse_numbers(line.text);
      if (!numbers || numbers->size() != 2) {
        builder.left_out(line.number, in_quotes(line.text) + ", expected x y of a point");
        return std::nullopt;
      }
      if (const auto complaint = complaint_about(*numbers)) {
        builder.left_out(line.number, *complaint);
        return std::nullopt;
      }
      points.push_back({static_cast<float>((*numbers)[0] - .5), static_cast<float>((*numbers)[1] - .5)});
    }
  }
  if (state != kDone || points.size() != kPoints) {
    builder.left_out(last_line, std::string(state == kHeading ? "no { before the points"
                                                              : std::to_string(points.size()) + " points") +
                                    (state == kInside ? " and no }" : "") + ", expected 68 between { and }");
    return std::nullopt;
  }
  return points;
}

Result<Dataset> read_w300(const std::string& path, const LabelOptions& options) {
  const auto files = list_label_files(path, ".pts");
  if (!files) return files.error();
  DatasetBuilder builder(path);
  for (const LabelFile& file : *files) {
    builder.set_file(file.path);
    const auto text = read_text(file.path);
    if (!text) {
      if (files->size() == 1) return text.error();
      builder.file_left_out(text.error());
      continue;
    }
    const auto points = read_points(*text, builder);
    if (!points) continue;
    const std::string folder =
        file.path.substr(0, file.path.size() - file.relative.size());  // ends with a slash, or empty
    const std::string images = options.images.empty() ? (folder.empty() ? "." : folder) : options.images;
    const std::string image = find_image(images, file.relative).value_or(without_ending(file.relative));
    LabelledFace face;
    const auto [left, right] = std::minmax_element(points->begin(), points->end(),
                                                   [](const Point& a, const Point& b) { return a.x < b.x; });
    const auto [top, bottom] = std::minmax_element(points->begin(), points->end(),
                                                   [](const Point& a, const Point& b) { return a.y < b.y; });
    face.box = {left->x, top->y, right->x, bottom->y};
    if (const auto complaint = complaint_about(face.box)) {
      builder.left_out(0, "all points on a line; " + *complaint);
      continue;
    }
    face.guessed_box = true;
    face.landmarks = Landmarks{mean(*points, 37, 42), mean(*points, 43, 48), (*points)[31 - 1],
                               (*points)[49 - 1], (*points)[55 - 1]};
    builder.image(image, 0).faces.push_back(face);
  }
  return builder.take();
}

}  // namespace

const LabelFormat kW300 = {"300w", "a .pts file of 68 points, or a folder of them", read_w300, true};

}  // namespace mtcnn
