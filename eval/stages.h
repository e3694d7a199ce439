// Where a cascade loses faces: how many of the labelled ones each stage keeps, and with how many
// windows an image.
#ifndef MTCNN_EVAL_STAGES_H_
#define MTCNN_EVAL_STAGES_H_

#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <vector>

#include "datasets/dataset.h"
#include "mtcnn/detector.h"

namespace mtcnn {

// In the order of the cascade, as in Trace.
enum class Stage {
  kProposals,  // P-Net's windows after the NMS of each level, not yet regressed
  kPNet,       // what R-Net is shown
  kRNet,       // what O-Net is shown
  kONet,       // the faces
};
inline constexpr std::size_t kStages = 4;
const char* stage_name(Stage stage);  // "proposals", "pnet", "rnet", "onet"

struct StageOptions {
  // A face is kept by a stage if any of its windows has at least this intersection over union with
  // it. Windows are squares before the last stage: one that fits a face of WIDER FACE's shape exactly
  // (3 : 4) has .75.
  float iou = .5f;
  // Faces are also counted by face_size() (eval/boxes.h), in buckets that begin at these sizes in
  // pixels, rising; what is smaller than the first is in the whole alone.
  std::vector<float> buckets{0, 20, 30, 50, 80, 120};
};

struct StageCounts {
  std::size_t faces = 0;
  std::array<std::size_t, kStages> kept{};
  double recall(Stage stage) const;  // kept / faces; 0 without faces
};

// Sums over images, one after the other or, each thread with a tally of its own, at once.
class StageTally {
 public:
  explicit StageTally(StageOptions options = {});

  // Faces to be ignored are left aside; windows count wherever they are.
  void add(const LabelledImage& image, const Trace& trace);
  // Requires the same options.
  void add(const StageTally& other);

  const StageOptions& options() const { return options_; }
  std::size_t images() const { return images_; }
  const StageCounts& all() const { return all_; }
  const std::vector<StageCounts>& by_size() const { return by_size_; }  // as options().buckets
  std::size_t windows(Stage stage) const { return windows_[static_cast<std::size_t>(stage)]; }
  double windows_per_image(Stage stage) const;  // 0 without images

 private:
  StageOptions options_;
  std::size_t images_ = 0;
  StageCounts all_;
  std::vector<StageCounts> by_size_;
  std::array<std::size_t, kStages> windows_{};
};

// Recalls of no face are null, and windows of no image.
void to_json(nlohmann::ordered_json& json, const StageTally& tally);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_STAGES_H_
