#include "eval/landmarks.h"

#include <algorithm>
#include <cmath>

#include "geometry/box.h"

namespace mtcnn {
namespace {

double distance(const Point& a, const Point& b) {
  return std::hypot(double{a.x} - double{b.x}, double{a.y} - double{b.y});
}

double unit_of(const LabelledFace& face, LandmarkUnit unit) {
  if (unit == LandmarkUnit::kInterOcular) return distance((*face.landmarks)[0], (*face.landmarks)[1]);
  return std::sqrt(double{face.box.width()} * double{face.box.height()});
}

bool counts(const LabelledFace& face) { return face.landmarks && !face.ignore; }

}  // namespace

std::vector<LandmarkPrediction> match_landmarks(const LabelledImage& image, std::span<const Face> detected,
                                                float least_iou) {
  struct Pair {
    float overlap;
    std::size_t face, detection;
  };
  std::vector<Pair> pairs;
  for (std::size_t f = 0; f < image.faces.size(); ++f) {
    if (!counts(image.faces[f])) continue;
    for (std::size_t d = 0; d < detected.size(); ++d) {
      const float overlap = iou(image.faces[f].box, detected[d].box);
      if (overlap > 0 && overlap >= least_iou) pairs.push_back({overlap, f, d});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.overlap > b.overlap; });
  std::vector<LandmarkPrediction> predictions(image.faces.size());
  std::vector<bool> taken(detected.size(), false);
  for (const Pair& pair : pairs) {
    if (predictions[pair.face].points || taken[pair.detection]) continue;
    predictions[pair.face].points = detected[pair.detection].landmarks;
    taken[pair.detection] = true;
  }
  return predictions;
}

LandmarkResult evaluate_landmarks(std::span<const LabelledImage> images,
                                  std::span<const std::vector<LandmarkPrediction>> predictions,
                                  const LandmarkOptions& options) {
  LandmarkResult result;
  result.options = options;
  for (std::size_t i = 0; i < images.size(); ++i) {
    for (std::size_t f = 0; f < images[i].faces.size(); ++f) {
      const LabelledFace& face = images[i].faces[f];
      if (!counts(face)) continue;
      const double unit = unit_of(face, options.unit);
      if (!(unit > 0)) {
        result.without_unit.push_back({i, f});
        continue;
      }
      ++result.faces;
      const LandmarkPrediction& prediction = predictions[i][f];
      if (!prediction.points) {
        ++result.missing;
        result.missing_faces.push_back({i, f});
        continue;
      }
      ++(prediction.read_off ? result.read_off : result.detected);
      double sum = 0;
      for (std::size_t p = 0; p < 5; ++p) {
        const double error = distance((*prediction.points)[p], (*face.landmarks)[p]) / unit;
        result.point_errors[p] += error;
        sum += error;
      }
      result.errors.push_back({i, f, sum / 5, prediction.read_off});
    }
  }
  std::stable_sort(result.errors.begin(), result.errors.end(),
                   [](const auto& a, const auto& b) { return a.error > b.error; });
  const double measured = static_cast<double>(result.errors.size());
  for (double& error : result.point_errors) error /= measured;  // 0 by 0 is not a number
  if (!result.errors.empty()) {
    result.mean_error = 0;
    for (const auto& one : result.errors) result.mean_error += one.error / measured;
  }
  if (result.total() > 0) result.failure_rate = 1 - result.share_within(options.failure);
  return result;
}

std::size_t LandmarkResult::total() const {
  return errors.size() + (options.missing == MissingFaces::kFail ? missing : 0);
}

double LandmarkResult::share_within(double error) const {
  if (total() == 0) return 0;
  const auto within = std::partition_point(errors.begin(), errors.end(),
                                           [&](const FaceError& one) { return one.error > error; });
  return static_cast<double>(errors.end() - within) / static_cast<double>(total());
}

void to_json(nlohmann::ordered_json& json, const LandmarkResult& result) {
  using Json = nlohmann::ordered_json;
  constexpr const char* kPoints[] = {"left_eye", "right_eye", "nose", "left_mouth", "right_mouth"};
  constexpr int kSteps = 40;
  constexpr double kStep = .005;
  Json points = Json::object();
  const auto figure = [](double value) { return std::isnan(value) ? Json() : Json(value); };
  for (std::size_t p = 0; p < 5; ++p) points[kPoints[p]] = figure(result.point_errors[p]);
  Json curve = {{"error", Json::array()}, {"share", Json::array()}};
  for (int i = 0; i <= kSteps && result.total() > 0; ++i) {
    curve["error"].push_back(i * kStep);
    curve["share"].push_back(result.share_within(i * kStep));
  }
  json = Json{{"mean_error", figure(result.mean_error)},
              {"failure_rate", figure(result.failure_rate)},
              {"unit", result.options.unit == LandmarkUnit::kInterOcular ? "inter_ocular" : "box_size"},
              {"failure_above", result.options.failure},
              {"missing_faces", result.options.missing == MissingFaces::kFail ? "fail" : "left_out"},
              {"faces", result.faces},
              {"detected", result.detected},
              {"read_off", result.read_off},
              {"missing", result.missing},
              {"without_unit", result.without_unit.size()},
              {"points", points},
              {"curve", curve}};
}

}  // namespace mtcnn
