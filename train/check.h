// How good a cascade is on photographs that it does not learn from, as far as it is trained: by this,
// not by the loss on crops, are checkpoints chosen.
#ifndef MTCNN_TRAIN_CHECK_H_
#define MTCNN_TRAIN_CHECK_H_

#include <atomic>
#include <cstddef>

#include "engine/model_data.h"
#include "train/config.h"
#include "train/photographs.h"

namespace mtcnn {

// The score down to which curves go.
inline constexpr double kLeastChecked = .001;

inline constexpr std::size_t kTimesMore = 20;

struct CheckOptions {
  int stages = 1;  // nets that are there
  SearchConfig search;
  std::array<double, 3> thresholds{};  // of the stages before the last; of the last: how far down curves go
  // Where recall and threshold are read off: windows an image, with three nets false positives an image.
  double windows_per_image = 100;
  int threads = 1;
  // Once this is true, no other photograph is begun: the result is of no use then.
  const std::atomic<bool>* stop = nullptr;
};

struct CheckResult {
  std::size_t images = 0, faces = 0;
  // The figure to choose by: `recall` with one or two nets, `average_precision_of_all` with three.
  double figure = 0;
  // With one or two nets, share of the faces with a window of IoU .5 or more among the best so many windows an image;
  // with three, of the faces found with so many false positives an image, not counting incomplete ones.
  double recall = 0;
  double windows = 0;    // how many there were
  double threshold = 0;  // the score from which on these are; 0: there are fewer than asked for at any score
  double threshold_of_more = 0;  // three nets: likewise of kTimesMore times as many
  double recall_of_all = 0;      // of all windows, down to the threshold searched with
  double windows_of_all = 0;
  // At IoU .5: the mean over the sets, in which a set of few faces counts as much as others; and of all faces together.
  double average_precision = 0, average_precision_of_all = 0;
  // Mean distance of the points, in distances between the eyes, of the faces found that have points; 0 without any.
  double landmark_error = 0;
  std::size_t landmark_faces = 0;
};

// What to make of a face's logit: factor * logit + shift.
struct ScoreMove {
  double factor = 1, shift = 0;
};
// So that the score `from` becomes `to` and, if that spreads scores, `from_low` (0: none) becomes `to_low`. Requires scores between 0
// and 1.
ScoreMove score_move(double from, double from_low, double to, double to_low);

// Requires a valid model and at least one photograph.
CheckResult check(const ModelData& model, const CheckOptions& options, const Photographs& photographs,
                  ImageCache& images);

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_CHECK_H_
