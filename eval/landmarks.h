// Error of the five points: mean distance from the labelled points, normalised, as in the face
// alignment papers (and the AFLW table of MTCNN's).
//
// The caller brings the points: those of detected faces (match_landmarks()), and for faces that were
// not detected, if wanted, those that O-Net gives on a window chosen without detection (onet_points.h). How each
// came about is counted and stated.
#ifndef MTCNN_EVAL_LANDMARKS_H_
#define MTCNN_EVAL_LANDMARKS_H_

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <vector>

#include "datasets/dataset.h"
#include "mtcnn/types.h"

namespace mtcnn {

struct LandmarkPrediction {
  std::optional<Landmarks> points = std::nullopt;  // none: the face was not found
  bool read_off = false;                           // not detected: O-Net's, on a chosen window
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
  std::size_t faces = 0;     // with labelled points, not ignored, whose unit is not 0
  std::size_t detected = 0;  // of these: points from a detection
  std::size_t read_off = 0;  // points that O-Net gave on a chosen window
  std::size_t missing = 0;   // no points

  // Over detected + read_off: means of (distance / unit); not a number if there are none.
  double mean_error = std::numeric_limits<double>::quiet_NaN();
  std::array<double, 5> point_errors{};
  // Share of errors above options.failure; of detected + read_off, and `missing` if kFail. Not a number if there
  // are none.
  double failure_rate = std::numeric_limits<double>::quiet_NaN();

  struct FaceError {
    std::size_t image = 0, face = 0;  // places in the dataset
    double error = 0;                 // mean over the five points
    bool read_off = false;
  };
  std::vector<FaceError> errors;  // the worst first
  struct FacePlace {
    std::size_t image = 0, face = 0;
  };
  std::vector<FacePlace> missing_faces;
  std::vector<FacePlace> without_unit;  // left out because the unit is 0 (eyes in one place)

  // The faces that the failure rate and the curve are of.
  std::size_t total() const;
  // Cumulative error curve: the share of faces, as in failure_rate, whose error is at most `error`; 0 if there are
  // none.
  double share_within(double error) const;
};

// Compares predictions[i][j] with images[i].faces[j], all of which must be there. Only faces that
// have points and are not ignored are looked at. Predicted points must be finite.
LandmarkResult evaluate_landmarks(std::span<const LabelledImage> images,
                                  std::span<const std::vector<LandmarkPrediction>> predictions,
                                  const LandmarkOptions& options = {});

// Settings, counts, figures (null for those of no face), and the cumulative curve in steps of .5 % up to 20 %.
void to_json(nlohmann::ordered_json& json, const LandmarkResult& result);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_LANDMARKS_H_
