// Average precision of boxes at any overlap, and recall at a number of false positives an image.
//
// Matching is PASCAL VOC's. In every image the detections, from the best score down, each look at
// the labelled face that they overlap most. If that overlap (intersection over union, geometry/box.h)
// is at least `iou` and the face counts, the first detection of it is right and any further one is
// false; if the face is ignored, the detection counts neither way. A detection that overlaps no face
// so much counts neither way if at least `ignore_overlap` of its own area lies in one ignored box, or
// if its own size is outside [min_face, max_face); otherwise it is false.
//
// Ignored are faces labelled so and those whose size is outside [min_face, max_face): they are not
// among the faces to be found.
//
// Average precision is the whole area under the envelope of the precision-recall curve (VOC since
// 2010; not its older 11 points). The curve has one point for each score that occurs, so equal
// scores, whatever their order, give the same figure.
#ifndef MTCNN_EVAL_BOXES_H_
#define MTCNN_EVAL_BOXES_H_

#include <algorithm>
#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "datasets/dataset.h"
#include "mtcnn/detector.h"

namespace mtcnn {

// The size of a face, here and in stages.h: the shorter side of its box, so that "20 pixels or more"
// holds both ways.
inline float face_size(const Box& box) { return std::min(box.width(), box.height()); }

// A box that a detector gave. Scores are compared as they were written: detectors tell faces apart by their last digits.
struct BoxDetection {
  Box box;
  double score = 0;
};

struct BoxOptions {
  float iou = .5f;             // above 0, at most 1
  float ignore_overlap = .5f;  // above 0, at most 1
  float min_face = 0;          // pixels, face_size()
  float max_face = std::numeric_limits<float>::infinity();
  // Where recall is wanted, in false positives an image.
  std::vector<double> false_positives_per_image{.01, .1, 1};
};

struct BoxResult {
  BoxOptions options;
  std::size_t images = 0;
  std::size_t faces = 0;  // that count
  std::size_t ignored_faces = 0;
  std::size_t detections = 0;  // that count: right or false
  std::size_t ignored_detections = 0;

  // What detections of at least this score give; scores fall along the curve.
  struct CurvePoint {
    double score = 0;
    std::size_t found = 0;  // faces
    std::size_t false_positives = 0;
    double precision = 0;  // found / (found + false_positives)
    double recall = 0;     // found / faces
  };
  std::vector<CurvePoint> curve;

  double average_precision = 0;  // 0 if no face counts
  struct RecallAt {
    double false_positives_per_image = 0;
    double recall = 0;  // the highest on the curve with no more false positives an image
    double score = 0;   // of that point; infinity if not even the best score is so good
  };
  std::vector<RecallAt> recall_at;

  // Places in the dataset and in the detections.
  struct Miss {
    std::size_t image = 0, face = 0;
  };
  struct FalsePositive {
    std::size_t image = 0, detection = 0;
    double score = 0;
  };
  std::vector<Miss> missed;                    // found at no score; in the dataset's order
  std::vector<FalsePositive> false_positives;  // best score first
};

// Compares detections[i] with images[i], whose sizes must be equal. Scores must not be NaN.
BoxResult evaluate_boxes(std::span<const LabelledImage> images,
                         std::span<const std::vector<BoxDetection>> detections,
                         const BoxOptions& options = {});

// Area under the envelope of precision over recall: each recall counts with the best precision at
// that recall or above. Requires recalls that do not fall, both from 0 to 1 and as many.
double area_under_envelope(std::span<const double> precision, std::span<const double> recall);

// Settings, counts, figures (null if no face counts) and the curve; not the lists of misses and false positives.
void to_json(nlohmann::ordered_json& json, const BoxResult& result);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_BOXES_H_
