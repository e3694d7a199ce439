// One page for people: the curves, figures, settings and pictures of one or several runs in one HTML
// file that needs no other file and no script, with the same as JSON beside it.
//
// The page is made from the JSON of the results, the same that `mtcnn eval --json` prints: there is
// no second way by which a figure could reach it, and reports that were written apart can be read
// again and made into one.
#ifndef MTCNN_EVAL_REPORT_H_
#define MTCNN_EVAL_REPORT_H_

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "codecs/image_io.h"
#include "datasets/dataset.h"
#include "eval/boxes.h"
#include "eval/landmarks.h"
#include "mtcnn/detector.h"
#include "mtcnn/result.h"
#include "mtcnn/types.h"

namespace mtcnn {

// A box, or the points of a face, that the detector and the labels do not agree on, cut out with what is around it.
struct ReportPicture {
  enum class Kind { kMiss, kFalsePositive, kPoints };
  Kind kind = Kind::kMiss;
  std::string image;    // the photograph's path
  std::string caption;  // a few words: size or score
  std::string jpeg;     // the thumbnail, square, in base64
  int side = 0;         // its pixels, each way
  // In pixels of the thumbnail, beyond which they may reach. The first is the one in question.
  Box box;
  std::vector<Box> labelled;                            // other labelled faces there
  std::vector<Box> detected;                            // other detections there
  std::vector<Point> labelled_points, detected_points;  // kPoints: the face's five, and where they were found
};

// What one model, or one set of detections, gave on one set of images. Runs of the same `name` have
// one colour throughout; runs of the same `set` are compared with each other, in the order given.
struct ReportRun {
  std::string name;
  std::string set{};  // what was evaluated on, for a heading; may be empty
  // How the detections came about: an object (model name, architecture and file hash, min size,
  // factor, thresholds, image scale ...), nested ones flattened for the page; null: not known.
  nlohmann::ordered_json settings{};
  // What was measured, any of: "wider", "fddb", "landmarks", "boxes", "stages", each what to_json()
  // of WiderResult, FddbResult, LandmarkResult, BoxResult, StageTally gives. So
  //   run.results["wider"] = wider_result;
  // Any of them may have more keys; "problems", an array of strings, is shown.
  nlohmann::ordered_json results = nlohmann::ordered_json::object();
  std::vector<ReportPicture> pictures{};
};

struct Report {
  std::string title = "Face detection: evaluation";
  std::vector<std::string> notes{};  // paragraphs under the title: what the sets are, how small
  std::vector<ReportRun> runs{};
};

// Writes the page to `path` and the JSON beside it: the same name with .json for .html or .htm, or
// with .json behind any other. Both replace the old files whole. All text is escaped; bytes that are
// no UTF-8 become U+FFFD. Errors: kInvalidArgument for an empty report or one whose page and JSON
// would be the same file; kFormat for results that lack what their to_json() gives, naming run and
// result; kIo; kOutOfMemory.
Status write_report(const std::string& path, const Report& report);

// Reads the JSON that write_report() wrote, to add runs or to put reports together.
// Errors: those of reading the file; kFormat, naming what was expected; kLimit above 1 GiB.
Result<Report> read_report(const std::string& json_path);

// The page as text. Errors: as write_report(), but for kIo.
Result<std::string> report_html(const Report& report);

// {"title", "notes", "runs": [{"name", "set", "settings", "results", "pictures"}]}.
void to_json(nlohmann::ordered_json& json, const Report& report);

// The image of this path in the dataset, or why it can't be had.
using LoadImage = std::function<Result<Image>(const std::string& path)>;

// Pictures of the `most` largest faces that were missed and of the `most` false positives of the
// best score, at most two of an image, so that one bad photograph does not fill the page. What
// can't be loaded is skipped and returned as a problem. `result` is what evaluate_boxes() gave for
// these images and detections: for the other measures, run it on their boxes.
struct ReportPictures {
  std::vector<ReportPicture> pictures;
  std::vector<Problem> problems;
};
ReportPictures worst_pictures(std::span<const LabelledImage> images,
                              std::span<const std::vector<BoxDetection>> detections, const BoxResult& result,
                              const LoadImage& load, std::size_t most = 12);

// Likewise of the `most` faces whose points are farthest off. `result` is what evaluate_landmarks() gave for these images
// and predictions.
ReportPictures worst_points(std::span<const LabelledImage> images,
                            std::span<const std::vector<LandmarkPrediction>> predictions,
                            const LandmarkResult& result, const LoadImage& load, std::size_t most = 24);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_REPORT_H_
