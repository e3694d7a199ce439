#include "eval/boxes.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "eval/decimal.h"
#include "geometry/box.h"

namespace mtcnn {
namespace {

enum class Verdict { kRight, kFalse, kIgnored };

struct Judged {
  double score;
  Verdict verdict;
  std::size_t image, detection;
};

bool in_range(const Box& box, const BoxOptions& options) {
  const float size = std::max(0.f, face_size(box));  // below 0 is as good as nothing
  return size >= options.min_face && size < options.max_face;
}

bool lies_in(const Box& box, const Box& region, float share) {
  const float shared = intersection(box, region);
  return shared > 0 && shared >= share * area(box);
}

// Whether each face of the image has been found, and a verdict on each of its detections.
class ImageMatcher {
 public:
  ImageMatcher(const std::vector<LabelledFace>& faces, const BoxOptions& options)
      : faces_(faces), options_(options), found_(faces.size(), false) {
    for (const LabelledFace& face : faces) {
      ignored_.push_back(face.ignore || !in_range(face.box, options));
    }
  }

  bool ignored(std::size_t face) const { return ignored_[face]; }
  bool found(std::size_t face) const { return found_[face]; }

  // To be called from the best score down.
  Verdict judge(const Box& box) {
    std::size_t best = 0;
    float best_iou = 0;
    for (std::size_t i = 0; i < faces_.size(); ++i) {
      const float overlap = iou(box, faces_[i].box);
      // A face that counts goes before an ignore region drawn over it.
      if (overlap > best_iou || (overlap == best_iou && overlap > 0 && ignored_[best] && !ignored_[i])) {
        best = i;
        best_iou = overlap;
      }
    }
    if (best_iou > 0 && best_iou >= options_.iou) {
      if (ignored_[best]) return Verdict::kIgnored;
      if (found_[best]) return Verdict::kFalse;
      found_[best] = true;
      return Verdict::kRight;
    }
    for (std::size_t i = 0; i < faces_.size(); ++i) {
      if (ignored_[i] && lies_in(box, faces_[i].box, options_.ignore_overlap)) return Verdict::kIgnored;
    }
    return in_range(box, options_) ? Verdict::kFalse : Verdict::kIgnored;
  }

 private:
  const std::vector<LabelledFace>& faces_;
  const BoxOptions& options_;
  std::vector<bool> ignored_, found_;
};

}  // namespace

double area_under_envelope(std::span<const double> precision, std::span<const double> recall) {
  double sum = 0;
  double best = 0;
  for (std::size_t i = precision.size(); i-- > 0;) {
    best = std::max(best, precision[i]);
    sum += best * (recall[i] - (i > 0 ? recall[i - 1] : 0));
  }
  return sum;
}

BoxResult evaluate_boxes(std::span<const LabelledImage> images,
                         std::span<const std::vector<BoxDetection>> detections, const BoxOptions& options) {
  BoxResult result;
  result.options = options;
  result.images = images.size();
  std::vector<Judged> judged;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const std::vector<BoxDetection>& found = detections[i];
    order.resize(found.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return found[a].score > found[b].score; });
    ImageMatcher matcher(images[i].faces, options);
    for (const std::size_t d : order) {
      judged.push_back({found[d].score, matcher.judge(found[d].box), i, d});
    }
    for (std::size_t f = 0; f < images[i].faces.size(); ++f) {
      ++(matcher.ignored(f) ? result.ignored_faces : result.faces);
      if (!matcher.ignored(f) && !matcher.found(f)) result.missed.push_back({i, f});
    }
  }
  std::stable_sort(judged.begin(), judged.end(),
                   [](const Judged& a, const Judged& b) { return a.score > b.score; });

  std::size_t right = 0;
  std::vector<double> precisions, recalls;
  for (std::size_t i = 0; i < judged.size(); ++i) {
    const Judged& one = judged[i];
    if (one.verdict == Verdict::kIgnored) ++result.ignored_detections;
    if (one.verdict == Verdict::kRight) ++right;
    if (one.verdict == Verdict::kFalse) {
      result.false_positives.push_back({one.image, one.detection, one.score});
    }
    const std::size_t wrong = result.false_positives.size();
    const bool last_of_score = i + 1 == judged.size() || judged[i + 1].score < one.score;
    const bool is_new = result.curve.empty() ? right + wrong > 0
                                             : right != result.curve.back().found ||
                                                   wrong != result.curve.back().false_positives;
    if (!last_of_score || !is_new) continue;
    const double precision = static_cast<double>(right) / static_cast<double>(right + wrong);
    const double recall = result.faces ? static_cast<double>(right) / static_cast<double>(result.faces) : 0;
    result.curve.push_back({one.score, right, wrong, precision, recall});
    precisions.push_back(precision);
    recalls.push_back(recall);
  }
  result.detections = right + result.false_positives.size();
  result.average_precision = area_under_envelope(precisions, recalls);

  for (const double rate : options.false_positives_per_image) {
    BoxResult::RecallAt at{rate, 0, std::numeric_limits<float>::infinity()};
    for (const BoxResult::CurvePoint& point : result.curve) {
      if (static_cast<double>(point.false_positives) > rate * static_cast<double>(result.images)) break;
      at.recall = point.recall;
      at.score = point.score;
    }
    result.recall_at.push_back(at);
  }
  return result;
}

void to_json(nlohmann::ordered_json& json, const BoxResult& result) {
  using Json = nlohmann::ordered_json;
  // JSON has no infinity: null.
  const auto finite = [](double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); };
  const auto share = [&](double value) { return result.faces > 0 ? Json(value) : Json(nullptr); };
  Json recall_at = Json::array();
  for (const BoxResult::RecallAt& at : result.recall_at) {
    recall_at.push_back({{"false_positives_per_image", at.false_positives_per_image},
                         {"recall", share(at.recall)},
                         {"score", finite(at.score)}});
  }
  Json curve = {{"score", Json::array()},
                {"precision", Json::array()},
                {"recall", Json::array()},
                {"false_positives", Json::array()}};
  for (const BoxResult::CurvePoint& point : result.curve) {
    curve["score"].push_back(point.score);
    curve["precision"].push_back(point.precision);
    curve["recall"].push_back(point.recall);
    curve["false_positives"].push_back(point.false_positives);
  }
  json = Json{{"average_precision", share(result.average_precision)},
              {"iou", decimal(result.options.iou)},
              {"ignore_overlap", decimal(result.options.ignore_overlap)},
              {"min_face", decimal(result.options.min_face)},
              {"max_face", finite(decimal(result.options.max_face))},
              {"images", result.images},
              {"faces", result.faces},
              {"ignored_faces", result.ignored_faces},
              {"detections", result.detections},
              {"ignored_detections", result.ignored_detections},
              {"missed", result.missed.size()},
              {"recall_at", recall_at},
              {"curve", curve}};
}

}  // namespace mtcnn
