#include "eval/stages.h"

#include <algorithm>
#include <utility>

#include "eval/boxes.h"
#include "eval/decimal.h"
#include "geometry/box.h"

namespace mtcnn {
namespace {

constexpr Stage kAllStages[kStages] = {Stage::kProposals, Stage::kPNet, Stage::kRNet, Stage::kONet};

std::size_t index_of(Stage stage) { return static_cast<std::size_t>(stage); }

template <typename Window>  // Candidate or Face
bool any_on(const std::vector<Window>& windows, const Box& face, float least) {
  return std::any_of(windows.begin(), windows.end(), [&](const Window& window) {
    const float overlap = iou(window.box, face);
    return overlap > 0 && overlap >= least;
  });
}

void accumulate(StageCounts& sum, const StageCounts& counts) {
  sum.faces += counts.faces;
  for (std::size_t i = 0; i < kStages; ++i) sum.kept[i] += counts.kept[i];
}

}  // namespace

const char* stage_name(Stage stage) {
  switch (stage) {
    case Stage::kProposals: return "proposals";
    case Stage::kPNet: return "pnet";
    case Stage::kRNet: return "rnet";
    case Stage::kONet: return "onet";
  }
  return "";
}

double StageCounts::recall(Stage stage) const {
  return faces ? static_cast<double>(kept[index_of(stage)]) / static_cast<double>(faces) : 0;
}

StageTally::StageTally(StageOptions options)
    : options_(std::move(options)), by_size_(options_.buckets.size()) {}

void StageTally::add(const LabelledImage& image, const Trace& trace) {
  ++images_;
  const std::size_t windows[kStages] = {trace.proposals.size(), trace.pnet.size(), trace.rnet.size(),
                                        trace.faces.size()};
  for (std::size_t i = 0; i < kStages; ++i) windows_[i] += windows[i];
  for (const LabelledFace& face : image.faces) {
    if (face.ignore) continue;
    const StageCounts one = {
        1,
        {any_on(trace.proposals, face.box, options_.iou), any_on(trace.pnet, face.box, options_.iou),
         any_on(trace.rnet, face.box, options_.iou), any_on(trace.faces, face.box, options_.iou)}};
    accumulate(all_, one);
    const auto next = std::upper_bound(options_.buckets.begin(), options_.buckets.end(), face_size(face.box));
    if (next != options_.buckets.begin()) {
      accumulate(by_size_[static_cast<std::size_t>(next - options_.buckets.begin()) - 1], one);
    }
  }
}

void StageTally::add(const StageTally& other) {
  images_ += other.images_;
  accumulate(all_, other.all_);
  for (std::size_t i = 0; i < by_size_.size(); ++i) accumulate(by_size_[i], other.by_size_[i]);
  for (std::size_t i = 0; i < kStages; ++i) windows_[i] += other.windows_[i];
}

double StageTally::windows_per_image(Stage stage) const {
  return images_ ? static_cast<double>(windows(stage)) / static_cast<double>(images_) : 0;
}

void to_json(nlohmann::ordered_json& json, const StageTally& tally) {
  using Json = nlohmann::ordered_json;
  const auto counts_json = [](const StageCounts& counts) {
    Json recall = Json::object();
    for (const Stage stage : kAllStages) {
      recall[stage_name(stage)] = counts.faces > 0 ? Json(counts.recall(stage)) : Json();
    }
    return Json{{"faces", counts.faces}, {"recall", recall}};
  };
  Json windows = Json::object();
  for (const Stage stage : kAllStages) {
    windows[stage_name(stage)] = tally.images() > 0 ? Json(tally.windows_per_image(stage)) : Json();
  }
  Json by_size = Json::array();
  for (std::size_t i = 0; i < tally.by_size().size(); ++i) {
    const bool last = i + 1 == tally.by_size().size();
    Json bucket = {{"from", decimal(tally.options().buckets[i])},
                   {"to", last ? Json(nullptr) : Json(decimal(tally.options().buckets[i + 1]))}};
    bucket.update(counts_json(tally.by_size()[i]));
    by_size.push_back(bucket);
  }
  json =
      Json{{"iou", decimal(tally.options().iou)}, {"images", tally.images()}, {"windows_per_image", windows}};
  json.update(counts_json(tally.all()));
  json["by_size"] = by_size;
}

}  // namespace mtcnn
