#include "datasets/labels.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "datasets/reader.h"

namespace mtcnn {
namespace {

Point middle(const Landmarks& points) {
  Point sum;
  for (const Point& p : points) sum = {sum.x + p.x, sum.y + p.y};
  return {sum.x / 5, sum.y / 5};
}

int points_inside(const Box& box, const Landmarks& points) {
  return static_cast<int>(std::count_if(points.begin(), points.end(), [&](const Point& p) {
    return p.x >= box.left && p.x < box.right && p.y >= box.top && p.y < box.bottom;
  }));
}

// The box of `faces` for these points, or nullptr (labels.h).
LabelledFace* box_of(std::vector<LabelledFace>& faces, const std::vector<bool>& taken,
                     const Landmarks& points) {
  constexpr int kLeastInside = 3;
  LabelledFace* best = nullptr;
  int best_inside = 0;
  float best_distance = 0;
  const Point at = middle(points);
  for (std::size_t i = 0; i < faces.size(); ++i) {
    const Box& box = faces[i].box;
    if (faces[i].ignore || taken[i]) continue;
    const int inside = points_inside(box, points);
    const float distance = std::hypot((box.left + box.right) / 2 - at.x, (box.top + box.bottom) / 2 - at.y);
    if (inside < kLeastInside || inside < best_inside) continue;
    if (best && inside == best_inside && distance >= best_distance) continue;
    best = &faces[i];
    best_inside = inside;
    best_distance = distance;
  }
  return best;
}

void shift_points(Dataset& dataset, float shift) {
  for (LabelledImage& image : dataset.images) {
    for (LabelledFace& face : image.faces) {
      if (!face.landmarks) continue;
      for (Point& point : *face.landmarks) point = {point.x + shift, point.y + shift};
    }
  }
}

}  // namespace

std::span<const LabelFormat> label_formats() {
#define MTCNN_FORMAT_ENTRY(name) name,
  static const LabelFormat formats[] = {MTCNN_LABEL_FORMATS(MTCNN_FORMAT_ENTRY)};
#undef MTCNN_FORMAT_ENTRY
  return formats;
}

Result<Dataset> read_labels(std::string_view format, const std::string& path, const LabelOptions& options) {
  std::string known;
  for (const LabelFormat& candidate : label_formats()) {
    if (candidate.name == format) {
      Result<Dataset> dataset = candidate.read(path, options);
      if (dataset) shift_points(*dataset, options.point_shift);
      return dataset;
    }
    known += (known.empty() ? "" : ", ") + std::string(candidate.name);
  }
  return Error{ErrorCode::kInvalidArgument,
               "label format '" + std::string(format) + "': unknown, expected one of " + known};
}

Dataset join(Dataset boxes, const Dataset& points) {
  std::unordered_map<std::string_view, LabelledImage*> by_path;
  for (LabelledImage& image : boxes.images) by_path.emplace(image.path, &image);
  std::vector<Problem> lost;
  for (const LabelledImage& pointed : points.images) {
    const auto found = by_path.find(pointed.path);
    if (found == by_path.end()) {
      lost.push_back({pointed.file, pointed.line, pointed.path + ": no such image in the list of boxes"});
      boxes.left_out += pointed.faces.size();
      continue;
    }
    found->second->file = pointed.file;
    found->second->line = pointed.line;
    std::vector<LabelledFace>& faces = found->second->faces;
    std::vector<bool> taken(faces.size(), false);
    std::vector<LabelledFace> unboxed;
    for (const LabelledFace& face : pointed.faces) {
      if (!face.landmarks) continue;
      LabelledFace* const box = box_of(faces, taken, *face.landmarks);
      if (!box) {
        const Point at = middle(*face.landmarks);
        lost.push_back(
            {pointed.file, face.line,
             pointed.path + ": no box holds three of the points around " + show(at.x) + " " + show(at.y)});
        ++boxes.left_out;
        // A face all the same.
        unboxed.push_back(
            {.box = box_around(*face.landmarks), .ignore = true, .guessed_box = true, .line = face.line});
        continue;
      }
      box->landmarks = face.landmarks;
      box->line = face.line;
      taken[static_cast<std::size_t>(box - faces.data())] = true;
    }
    std::copy_if(unboxed.begin(), unboxed.end(), std::back_inserter(faces),
                 [](const LabelledFace& face) { return !complaint_about(face.box); });
  }
  boxes.problems.insert(boxes.problems.end(), points.problems.begin(), points.problems.end());
  boxes.problems.insert(boxes.problems.end(), lost.begin(), lost.end());
  boxes.left_out += points.left_out;
  return boxes;
}

// The factors are means over the 7,100 faces of CNN_FacePoint's training list with boxes in WIDER
// FACE's convention; their standard deviations are .21, .31 (size), .37 and .14 (middle).
Box box_around(const Landmarks& points) {
  const Point at = middle(points);
  float sum = 0;
  for (const Point& p : points) {
    sum += (p.x - at.x) * (p.x - at.x) + (p.y - at.y) * (p.y - at.y);
  }
  const float spread = std::sqrt(sum / 5);
  const float half_width = 3.49f / 2 * spread;
  const float half_height = 4.79f / 2 * spread;
  const float y = at.y - .32f * spread;
  return {at.x - half_width, y - half_height, at.x + half_width, y + half_height};
}

}  // namespace mtcnn
