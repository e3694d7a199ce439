// The FDDB benchmark: true positive rate against the number of false positives, with the discrete
// and the continuous score, as FDDB's own evaluator computes them.
//
// For every score that occurs as threshold, and in every image: the detections of at least that
// score are matched one to one with the labelled ellipses so that the sum of the overlaps is the
// largest possible (Hungarian algorithm); overlap is pixels in both over pixels in either
// (region.h). A pair counts its overlap for the continuous score; for the discrete one it counts 1
// if the overlap is above .5. Every other detection is a false positive, for both curves. Both are
// divided by the number of labelled faces, those of images without detections too. The ten folds
// are one set.
//
// The official tool draws on masks of the photograph's size, so regions end at its edges. The sizes
// are those that FddbOptions::image_size tells, else those of FDDB's own photographs (fddb_sizes.h): the
// curves are then the official ones to the last digit. In images that neither knows, regions end at
// FddbOptions::assumed_size; the result says in how many. Faces that reach beyond the true edge then
// overlap less, and some found by half are not.
#ifndef MTCNN_EVAL_FDDB_H_
#define MTCNN_EVAL_FDDB_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "datasets/dataset.h"
#include "eval/detections.h"

namespace mtcnn {

struct FddbFace {
  Ellipse ellipse;
  // The sixth number of its row: 1 in FDDB itself, which means nothing to the official tool; in
  // subsets cut out of its photographs 0 marks a face that the border cuts.
  bool whole = true;
};

struct FddbImage {
  std::string name;      // as listed, by image_name()
  std::size_t fold = 0;  // place in FddbTruth::folds
  std::vector<FddbFace> faces;
  int line = 0;  // of the fold's file; 0: not known
};

struct FddbTruth {
  std::vector<std::string> folds;  // files that the ellipses come from, in order of name
  std::vector<FddbImage> images;   // every name once
  std::vector<Problem> problems;
  std::int64_t left_out = 0;  // rows that could not be used
};

// Reads ellipses: rows `major minor angle x y whole` in blocks of a name and a number of rows.
// `path` is one such file, or a folder of which all files named *ellipseList.txt are read. A plain
// list of names beside one (FDDB-fold-01.txt beside FDDB-fold-01-ellipseList.txt) must name the
// same images: differences are reported, and the images that have ellipses are used. Errors: kIo or
// kFormat if nothing can be read.
Result<FddbTruth> read_fddb_truth(const std::string& path);

// FDDB's photographs are at most this wide and high.
inline constexpr Size kLargestFddbImage{450, 450};

struct FddbOptions {
  // Size of the image of this name, or nothing if it is not known. Goes before fddb_sizes.h.
  std::function<std::optional<Size>(const std::string& name)> image_size{};
  // Where regions end if the size is not known; empty: nowhere. An image with an ellipse whose
  // centre lies outside is evidently larger, and its regions end nowhere.
  std::optional<Size> assumed_size = kLargestFddbImage;

  // Whether faces with whole = false are ignored: they are not among the faces to be found, and a
  // detection that overlaps one by more than .5, and is not matched better, is no false positive.
  // Off, as in the official tool.
  bool ignore_cut_faces = false;

  // Turns rectangles into upright ellipses before they are drawn: `ellipse_stretch` times the
  // height around the same centre, radii half the width and half that height. 1.2, the 20 % that
  // the authors of CascadeCNN add to their square boxes, brings squares nearer to FDDB's ellipses.
  // 0: rectangles stay rectangles, as in the official tool.
  double ellipse_stretch = 0;

  // Numbers of false positives at which the true positive rates are wanted.
  std::vector<std::int64_t> false_positives{10, 25, 50, 100, 250, 500, 1000, 2000};

  std::string run{};  // what messages call the detections; empty: nothing
};

inline constexpr double kSquareBoxStretch = 1.2;

struct FddbResult {
  std::size_t images = 0;
  std::size_t faces = 0;          // that count
  std::size_t ignored_faces = 0;  // ignore_cut_faces
  std::size_t detections = 0;     // of these images
  // Rows of both inputs that could not be used, and detections of unknown images.
  std::int64_t left_out = 0;
  std::size_t images_not_listed = 0;    // without an entry among the detections: nothing found there
  std::size_t images_unknown_size = 0;  // regions ended at assumed_size, or nowhere

  // What detections of at least `threshold` give; the first point, above all scores, is 0, 0, 0.
  // Thresholds fall.
  struct RocPoint {
    double threshold = 0;
    std::int64_t false_positives = 0;
    double discrete = 0;  // true positive rates
    double continuous = 0;
  };
  std::vector<RocPoint> curve;

  // The highest rates of the curve with no more than that many false positives.
  struct RateAt {
    std::int64_t false_positives = 0;
    double discrete = 0;
    double continuous = 0;
    // Whether there are as many false positives at all: if not, this is simply the curve's end.
    bool reached = false;
  };
  std::vector<RateAt> rates;

  // All detections of one fold, whatever their score.
  struct Fold {
    std::string file;
    std::size_t images = 0, faces = 0, detections = 0;
    std::int64_t false_positives = 0;
    double discrete = 0;
    double continuous = 0;
  };
  std::vector<Fold> folds;

  bool ignore_cut_faces = false;
  double ellipse_stretch = 0;
  std::optional<Size> assumed_size;
  std::vector<Problem> problems;  // of both inputs, and images without an entry or unknown

  // Whether the detections have any of the images; else they are of another set, and there is nothing to measure.
  bool any_listed() const { return images > images_not_listed; }
};

// Compares `detections` with `truth`. Both may be as read; problems found there are passed on.
FddbResult evaluate_fddb(const FddbTruth& truth, const DetectionSet& detections,
                         const FddbOptions& options = {});

// The curves as the official tool writes them, loosest threshold first: `rate false_positives
// threshold` a line, and `rate false_positives`.
std::string fddb_discrete_text(const FddbResult& result);
std::string fddb_continuous_text(const FddbResult& result);

// Figures, counts, settings, problems and the curve: "discrete" and "continuous" as arrays of
// [false positives, rate, threshold]. Rates of no face are null; so are all, and there is no curve, if the
// detections have none of the images. The first point's threshold is the largest double.
void to_json(nlohmann::ordered_json& json, const FddbResult& result);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_FDDB_H_
