// Labels for the sub-commands of `mtcnn eval` that take any format.
#ifndef MTCNN_APPS_EVAL_LABELS_H_
#define MTCNN_APPS_EVAL_LABELS_H_

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>
#include <unordered_set>
#include <vector>

#include "apps/eval_run.h"
#include "datasets/dataset.h"
#include "datasets/labels.h"
#include "mtcnn/result.h"

namespace mtcnn {

struct LabelFlags {
  std::string path;
  std::string format = "wider";
  std::string boxes;  // a second list, for sets that keep boxes and points in two
  std::string boxes_format = "wider";
  std::string only;  // a pattern as the shell's; empty: all images
  LabelOptions options;
};

// Adds --labels, --format, --only, --class and, with `points`, --boxes, --boxes-format and --point-shift.
void add_label_flags(CLI::App& app, LabelFlags& flags, bool points);

struct LabelledSet {
  std::vector<LabelledImage> images;  // those that --only lets through
  std::vector<Problem> problems;
  // Labels that could not be used: of the whole file, as of many it is not known which image they belong to.
  std::size_t left_out = 0;
  std::unordered_set<std::string> names;  // by image_name(), of all images, also of those left aside
  std::size_t set_aside = 0;  // images, by --only, or because they are in the list of --boxes alone
};

// Reads the labels; for formats that name neither images nor their sizes, with what `run` has of them. Errors: those
// of read_labels(); kInvalidArgument if no image is left.
Result<LabelledSet> load_labels(const LabelFlags& flags, const RunFlags& run);

// What to say of a set without such a face.
std::string no_face(const std::string& face, const LabelFlags& flags, const LabelledSet& set);

// The labelled images and their files below `folder` (empty: none).
std::vector<SetImage> set_images(const LabelledSet& set, const std::string& folder);

// Problems of detections that no image of the set belongs to, as read; adds their rows to `left_out`.
std::vector<Problem> unknown_images(const Run& run, const LabelledSet& set, std::size_t& left_out);

// "60 images of val_bbx_gt.txt that fit 'mask_*'".
std::string set_text(const LabelFlags& flags, const LabelledSet& set);

}  // namespace mtcnn

#endif  // MTCNN_APPS_EVAL_LABELS_H_
