#include "train/check.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "cascade/cascade.h"
#include "eval/boxes.h"
#include "eval/landmarks.h"
#include "geometry/box.h"
#include "train/search.h"
#include "util/parallel.h"

namespace mtcnn {
namespace {

constexpr float kIou = .5f;

LabelledImage labelled(const Photograph& photograph) {
  LabelledImage image{photograph.file, photograph.faces};
  std::vector<Box> ignored = photograph.ignored;
  if (photograph.incomplete) ignored.push_back({-1e6f, -1e6f, 1e6f, 1e6f});
  for (const Box& box : ignored) {
    LabelledFace face;
    face.box = box;
    face.ignore = true;
    image.faces.push_back(face);
  }
  return image;
}

// What one or two nets let through: the recall at so many windows an image.
void measure_windows(const std::vector<std::vector<ScoredBox>>& found, const Photographs& photographs,
                     const CheckOptions& options, CheckResult& result) {
  std::vector<float> scores;
  for (const std::vector<ScoredBox>& windows : found) {
    for (const ScoredBox& window : windows) scores.push_back(window.score);
  }
  std::sort(scores.begin(), scores.end(), std::greater<>());
  const double images = static_cast<double>(found.size());
  const std::size_t most = static_cast<std::size_t>(options.windows_per_image * images);
  const bool reached = scores.size() >= most && most > 0;
  const float threshold = reached ? scores[most - 1] : scores.empty() ? 1.f : scores.back();
  if (reached) result.threshold = threshold;
  result.windows_of_all = static_cast<double>(scores.size()) / images;
  result.windows = static_cast<double>(
                       std::count_if(scores.begin(), scores.end(), [&](float s) { return s >= threshold; })) /
                   images;

  double kept = 0, kept_of_all = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const LabelledFace& face : photographs.list[i].faces) {
      float best = -1;
      for (const ScoredBox& window : found[i]) {
        if (window.score > best && iou(window.box, face.box) >= kIou) best = window.score;
      }
      kept += best >= threshold;
      kept_of_all += best >= 0;
    }
  }
  if (result.faces > 0) {
    result.recall = kept / static_cast<double>(result.faces);
    result.recall_of_all = kept_of_all / static_cast<double>(result.faces);
  }
  result.figure = result.recall;
}

void measure_faces(const std::vector<std::vector<Face>>& found, const Photographs& photographs,
                   const CheckOptions& options, CheckResult& result) {
  std::vector<std::vector<LabelledImage>> images(photographs.sets.size());
  std::vector<std::vector<std::vector<BoxDetection>>> detections(images.size());
  std::vector<LabelledImage> all;
  std::vector<std::vector<BoxDetection>> all_detections;
  std::vector<std::vector<LandmarkPrediction>> points;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::size_t set = static_cast<std::size_t>(photographs.list[i].set);
    std::vector<BoxDetection> boxes;
    for (const Face& face : found[i]) boxes.push_back({face.box, face.score});
    all_detections.push_back(boxes);
    detections[set].push_back(std::move(boxes));
    images[set].push_back(labelled(photographs.list[i]));
    points.push_back(match_landmarks(images[set].back(), found[i]));
    all.push_back(images[set].back());
  }
  double sets = 0;
  for (std::size_t set = 0; set < images.size(); ++set) {
    const BoxResult boxes = evaluate_boxes(images[set], detections[set]);
    if (boxes.faces == 0) continue;
    ++sets;
    result.average_precision += boxes.average_precision;
  }
  if (sets > 0) result.average_precision /= sets;
  // Where nothing is background there is no false positive.
  const double complete = static_cast<double>(std::count_if(
      photographs.list.begin(), photographs.list.end(), [](const Photograph& p) { return !p.incomplete; }));
  const double per_image = options.windows_per_image * complete / static_cast<double>(all.size());
  BoxOptions at;
  at.false_positives_per_image = {per_image, kTimesMore * per_image};
  const BoxResult of_all = evaluate_boxes(all, all_detections, at);
  const BoxResult::RecallAt point = of_all.recall_at.front();
  result.recall = point.recall;
  // As many false positives as asked for, or one: else no score can be told at which so many pass.
  const std::size_t most = static_cast<std::size_t>(options.windows_per_image * complete);
  const std::size_t false_positives = of_all.false_positives.size();
  if (most > 0 && false_positives >= most) result.threshold = std::min(point.score, 1.);
  if (most > 0 && false_positives >= kTimesMore * most)
    result.threshold_of_more = std::min(of_all.recall_at.back().score, 1.);
  if (complete > 0) result.windows = static_cast<double>(std::min(most, false_positives)) / complete;
  const LandmarkResult landmarks = evaluate_landmarks(all, points);
  result.landmark_error = landmarks.mean_error;
  result.landmark_faces = landmarks.detected;
  result.average_precision_of_all = result.figure = of_all.average_precision;
}

}  // namespace

ScoreMove score_move(double from, double from_low, double to, double to_low) {
  const auto logit = [](double p) { return std::log(p / (1 - p)); };
  ScoreMove move;
  if (from_low > 0 && from_low < from && to_low < to)
    move.factor = std::min(1., (logit(to) - logit(to_low)) / (logit(from) - logit(from_low)));
  move.shift = logit(to) - move.factor * logit(from);
  return move;
}

CheckResult check(const ModelData& model, const CheckOptions& options, const Photographs& photographs,
                  ImageCache& images) {
  const Cascade cascade = search_cascade(model, options.search, options.thresholds, options.stages);

  std::vector<std::vector<ScoredBox>> windows(photographs.list.size());
  std::vector<std::vector<Face>> faces(photographs.list.size());
  ThreadPool pool(options.threads);
  std::vector<CascadeWorkspace> workspaces(static_cast<std::size_t>(pool.threads()));
  pool.for_each(static_cast<int>(photographs.list.size()), [&](int task, int worker) {
    if (options.stop && *options.stop) return;
    const std::size_t index = static_cast<std::size_t>(task);
    const auto pixels = images.get(photographs.list[index].file);
    if (!pixels) return;
    CascadeWorkspace& workspace = workspaces[static_cast<std::size_t>(worker)];
    cascade.run((*pixels)->image.view(), workspace, nullptr);
    const double scale = 1 / (*pixels)->scale;
    if (options.stages < 3) {
      windows[index] = workspace.windows;
      for (ScoredBox& window : windows[index]) window.box = scaled(window.box, scale);
    } else {
      faces[index] = workspace.faces;
      for (Face& face : faces[index]) {
        face.box = scaled(face.box, scale);
        for (Point& point : face.landmarks) point = scaled(point, scale);
      }
    }
  });

  CheckResult result;
  result.images = photographs.list.size();
  for (const Photograph& photograph : photographs.list) result.faces += photograph.faces.size();
  if (options.stages < 3) {
    measure_windows(windows, photographs, options, result);
  } else {
    measure_faces(faces, photographs, options, result);
  }
  return result;
}

}  // namespace mtcnn
