// The WIDER FACE benchmark: average precision of the easy, medium and hard faces, as the official
// evaluation computes it.
//
// Scores are stretched to 0..1 by the lowest and the highest of all detections. In every image the
// detections, from the best score down, each go to the face that they overlap most, of all labelled
// ones (the first of equals). If that overlap is at least .5: a face outside the subset makes the
// detection count neither way; a face of the subset is found, once; a further detection of it, like
// one that overlaps no face so much, is only a proposal. Then for the 1000 thresholds 1 - (t + 1) /
// 1000: proposals and faces found by detections of at least that score, summed over the images,
// precision (found / proposals) and recall (found / faces of the subset). Average precision is the
// area under the envelope of that curve. The overlap takes boxes to be a pixel wider and higher
// than x y w h say. Faces of images without detections count as not found.
#ifndef MTCNN_EVAL_WIDER_H_
#define MTCNN_EVAL_WIDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "datasets/dataset.h"
#include "eval/detections.h"

namespace mtcnn {

struct WiderFace {
  Rectangle box;
  std::uint32_t subsets = 0;  // bit i: counts in WiderTruth::subsets[i]; elsewhere it is ignored
  // A row that could not be used, which only keeps the place by which the marks of easy, medium and hard count: in
  // no subset, with a box that nothing overlaps.
  bool unusable = false;
};

struct WiderImage {
  std::string name;  // EVENT/NAME, by image_name()
  std::vector<WiderFace> faces;
  int line = 0;  // of WiderTruth::file; 0: not known
};

struct WiderTruth {
  std::vector<std::string> subsets;
  std::vector<WiderImage> images;  // every name once
  std::vector<Problem> problems;
  std::int64_t left_out = 0;  // faces, or marks of them as easy, medium or hard, that could not be used
  std::string file{};         // that lists the images
};

// Reads the ground truth, of one of three kinds:
//   a folder with the official wider_face_val.mat and wider_{easy,medium,hard}_val.mat: "easy",
//     "medium", "hard". A face that a list marks and that is not there is reported, and so is one whose numbers
//     can't be used.
//   a text of blocks `EVENT/NAME.jpg`, number of faces, and rows `x y w h easy medium hard` with 1
//   for
//     faces that count in the subset: the same three.
//   WIDER's own wider_face_val_bbx_gt.txt (datasets/labels.h, "wider"): it does not say which faces
//     are easy, medium or hard, so there is one subset "all" of all faces but those marked invalid,
//     which are ignored. Its figure is none of the three, and lower: it has faces that even "hard"
//     leaves out as too small.
// The .mat files are read with matio, which is not proof against files that are damaged on purpose:
// take them from the benchmark's authors.
// Errors: kIo, kLimit or kFormat if nothing can be read, one of the four .mat files is missing, or
// they do not list the same images.
Result<WiderTruth> read_wider_truth(const std::string& path);

struct WiderOptions {
  // Evaluate these images alone (read_image_list()), in the scores' stretching too.
  std::optional<std::vector<ListedImage>> images = std::nullopt;
  // Evaluate only images that have a file of detections, be it an empty one.
  bool only_with_detections = false;
  std::string run{};  // what messages call the detections; empty: nothing
};

struct WiderResult {
  struct CurvePoint {
    double threshold = 0;  // of the stretched score
    std::int64_t proposals = 0;
    std::int64_t found = 0;
    double precision = 0;  // found / proposals; 0 if there are none
    double recall = 0;     // found / faces
  };
  struct Subset {
    std::string name;
    double average_precision = 0;  // this and recall: 0 without faces
    std::size_t faces = 0;
    double recall = 0;              // of all detections
    std::vector<CurvePoint> curve;  // thresholds fall
  };
  std::vector<Subset> subsets;

  std::size_t images = 0;             // evaluated
  std::size_t images_excluded = 0;    // by the options
  std::size_t images_not_listed = 0;  // evaluated without a file of detections: nothing found there
  std::size_t images_empty = 0;       // whose file has no detection
  std::size_t labelled_faces = 0;     // of the evaluated images, in a subset or not
  std::size_t detections = 0;         // of the evaluated images
  // Rows of both inputs that could not be used, whatever images the options exclude, and detections of unknown
  // images.
  std::int64_t left_out = 0;
  double lowest_score = 0, highest_score = 0;  // between which scores were stretched
  bool restricted_to_list = false;
  bool only_with_detections = false;
  std::vector<Problem> problems;  // of both inputs; images without a file; unknown images

  // Whether the detections have any of the evaluated images; else they are of another set, and there is nothing to
  // measure.
  bool any_listed() const { return images > images_not_listed; }
};

// Compares `detections` with `truth`. Both may be as read; problems found there are passed on. As
// in the official code the lowest score is taken to be at most 1 and the highest at least 0; if all
// scores are equal none is below another, and all become 1.
WiderResult evaluate_wider(const WiderTruth& truth, const DetectionSet& detections,
                           const WiderOptions& options = {});

// Average precision by name of subset ("easy", "medium", "hard"; null if it has no face), counts, settings, problems, and
// "curves": for each subset arrays of 1000 precisions and recalls.
void to_json(nlohmann::ordered_json& json, const WiderResult& result);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_WIDER_H_
