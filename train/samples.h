// The sampler: cuts the crops that nets learn from out of photographs, fresh for every step (paper,
// section II.C). Windows, overlaps, targets and pixels are computed by the cascade's own code.
//
// Sample number p of a kind is a function of p, the seed and the sets alone: it is the same whichever
// thread or process cuts it, and after a restart.
#ifndef MTCNN_TRAIN_SAMPLES_H_
#define MTCNN_TRAIN_SAMPLES_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "geometry/codec.h"
#include "geometry/nms.h"
#include "image/patch.h"
#include "kernels/kernels.h"
#include "mtcnn/result.h"
#include "train/augment.h"
#include "train/config.h"
#include "train/photographs.h"
#include "train/random.h"

namespace mtcnn {

enum class SampleKind : std::uint8_t {
  kNegative,     // overlaps every face by less than negative_iou
  kPositive,     // overlaps a face by positive_iou or more, one whose box was not guessed
  kPart,         // by part_iou or more, but too little for a positive
  kLandmark,     // overlaps as much one whose points are known: taken for its points alone
  kCalibration,  // a window that lies about a face by one of the patterns of geometry/calibration.h
};
inline constexpr std::size_t kSampleKinds = 5;
const char* kind_name(SampleKind kind);  // "negative", "positive", "part", "landmark", "calibration"

// What a net shall answer. What its kind does not teach is 0.
struct SampleTarget {
  SampleKind kind = SampleKind::kNegative;
  BoxOffsets box{};
  LandmarkOffsets landmarks{};
  int pattern = 0;
  std::uint64_t seed = 0;  // of what is random in the net (dropout)
};

// Windows found by a cascade, of each photograph.
using MinedWindows = std::vector<std::vector<ScoredBox>>;

struct SamplerScratch {
  PatchScratch patch;
  AugmentScratch augment;
};

// What a window is to the faces of a photograph.
struct WindowClass {
  bool negative = false, part = false, positive = false;  // at most one
  bool near_enough = false;                               // for the points of `face`; all positives are
  int face = -1;                                          // overlapped most; -1: none
  float iou = 0;
};
WindowClass classify(const Box& window, const Photograph& photograph, const SampleConfig& config);

// Immutable but for the two functions that hand in mined windows. cut() may be called from many threads.
class Sampler {
 public:
  // `side`: the net's input. `stream`: sets apart the samples of stages and rounds. `face_share`: of a window's side, what a face
  // fills (StageConfig). All must outlive it.
  Sampler(const Photographs& photographs, ImageCache& images, const TrainConfig& config, int side,
          std::uint64_t stream, double face_share = 1);

  // What the stages before this net let through: of all kinds.
  void use_windows(const MinedWindows& windows);
  // This net's own false positives: what is not a negative among them is left out.
  void use_negatives(const MinedWindows& windows);

  // Whether the photographs have anything of this kind.
  bool has(SampleKind kind) const;
  // Mined windows of this kind.
  std::size_t mined(SampleKind kind) const;

  // Cuts sample `position` of a kind and writes side x side x 3 floats (read_patch(), kSlack included)
  // to `pixels`. `plain`: of what changes crops, only `flip`. Requires has(kind). Errors: kFormat if, after many tries, no
  // photograph gave one.
  Result<SampleTarget> cut(SampleKind kind, std::uint64_t position, SamplerScratch& scratch, float* pixels,
                           bool plain = false) const;

 private:
  // Photographs that have something, and how likely each set's are drawn.
  struct Source {
    std::vector<std::vector<int>> photographs;  // by set
    std::vector<double> cumulative;             // weights of the sets, summed up
    bool empty() const { return cumulative.empty() || cumulative.back() <= 0; }
    int draw(Random& random) const;
  };
  struct Mined {
    Box box;
    SampleKind kind = SampleKind::kNegative;
    int face = -1;
    bool landmarks = false;
  };
  struct Drawn {
    Box window;
    int face = -1;
  };

  // classify() the middle of a window.
  WindowClass look_at(const Box& window, const Photograph& photograph) const;
  Source make_source(const std::vector<bool>& has) const;
  void index_mined();
  bool draw_random(SampleKind kind, bool near, const Photograph& photograph, Size image, Random& random,
                   Drawn& drawn) const;
  bool draw_mined(SampleKind kind, int photograph, Random& random, Drawn& drawn) const;
  bool cut_from(SampleKind kind, bool mined, bool near, int photograph, const AugmentConfig& augment,
                Random& random, SamplerScratch& scratch, float* pixels, SampleTarget& target) const;

  const Photographs& photographs_;
  ImageCache& images_;
  const TrainConfig& config_;
  AugmentConfig plain_;
  const Kernels& kernels_;
  int side_;
  std::uint64_t stream_;
  double face_share_;
  Source background_, near_faces_, with_faces_, with_landmarks_;
  std::vector<std::vector<Mined>> mined_;  // by photograph
  std::array<Source, kSampleKinds> mined_sources_;
  std::array<std::size_t, kSampleKinds> mined_counts_{};
};

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_SAMPLES_H_
