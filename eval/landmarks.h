// Error of the five points: mean distance from the labelled points, normalised, as in the face
// alignment papers (and the AFLW table of MTCNN's).
//
// The caller brings the points: those of detected faces (match_landmarks()), and for faces that were
// not detected, if wanted, those that O-Net gives on the labelled box as its window, as the paper
// does ("centre crop"). How each came about is counted and stated.
#ifndef MTCNN_EVAL_LANDMARKS_H_
#define MTCNN_EVAL_LANDMARKS_H_

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <vector>

#include "datasets/dataset.h"
#include "mtcnn/types.h"

namespace mtcnn {

struct LandmarkPrediction {
  std::optional<Landmarks> points = std::nullopt;  // none: the face was not found
  bool centre_crop = false;                        // not detected, but read off the labelled box
};

// Gives the detected faces of an image to its labelled faces that have points and are not ignored:
// pairs with an intersection over union of at least `least_iou` (above 0) of their boxes, the
// largest first, each face and each detection once. Returns one prediction for each face of the image.
//
// Boxes of other conventions overlap less (CelebA's are larger, 300-W's end at the brow), hence
// the low bound; a wrong face would overlap hardly at all.
inline constexpr float kLandmarkIou = .3f;
std::vector<LandmarkPrediction> match_landmarks(const LabelledImage& image, std::span<const Face> detected,
                                                float least_iou = kLandmarkIou);

enum class LandmarkUnit {
  kInterOcular,  // distance of the labelled eyes
  kBoxSize,      // sqrt(width * height) of the labelled box
};

enum class MissingFaces {
  kLeaveOut,  // they are counted, and that is all
  kFail,      // they are failures: no error is theirs, but the failure rate and the curve include them
};

struct LandmarkOptions {
  LandmarkUnit unit = LandmarkUnit::kInterOcular;
  MissingFaces missing = MissingFaces::kLeaveOut;
  double failure = .1;  // a face whose error is above this is a failure
};

struct LandmarkResult {
  LandmarkOptions options;
  std::size_t faces = 0;         // with labelled points, not ignored, whose unit is not 0
  std::size_t detected = 0;      // of these: points from a detection
  std::size_t centre_crops = 0;  // points from the labelled box
  std::size_t missing = 0;       // no points
  std::size_t without_unit = 0;  // left out because the unit is 0 (eyes in one place)

  // Over detected + centre_crops: means of (distance / unit); 0 if there are none.
  double mean_error = 0;
  std::array<double, 5> point_errors{};
  // Share of errors above options.failure; of detected + centre_crops, and `missing` if kFail.
  double failure_rate = 0;

  struct FaceError {
    std::size_t image = 0, face = 0;  // places in the dataset
    double error = 0;                 // mean over the five points
    bool centre_crop = false;
  };
  std::vector<FaceError> errors;  // the worst first
  struct MissingFace {
    std::size_t image = 0, face = 0;
  };
  std::vector<MissingFace> missing_faces;

  // Cumulative error curve: the share of faces, as in failure_rate, whose error is at most `error`.
  double share_within(double error) const;
};

// Compares predictions[i][j] with images[i].faces[j], all of which must be there. Only faces that
// have points and are not ignored are looked at. Predicted points must be finite.
LandmarkResult evaluate_landmarks(std::span<const LabelledImage> images,
                                  std::span<const std::vector<LandmarkPrediction>> predictions,
                                  const LandmarkOptions& options = {});

// Settings, counts, figures, and the cumulative curve in steps of .5 % up to 20 %.
void to_json(nlohmann::ordered_json& json, const LandmarkResult& result);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_LANDMARKS_H_
