#include "apps/eval_labels.h"

#include <fnmatch.h>

#include <cmath>
#include <filesystem>
#include <utility>

#include "apps/command_line.h"
#include "apps/text.h"

namespace mtcnn {
namespace {

std::string format_list() {
  std::string list;
  for (const LabelFormat& format : label_formats()) {
    list += (list.empty() ? "" : "; ") + std::string(format.name) + ": " + std::string(format.input);
  }
  return list;
}

// The pattern may mean the whole path or the file's own name.
bool fits(const std::string& path, const std::string& pattern) {
  if (pattern.empty()) return true;
  const std::string name = path.substr(path.rfind('/') + 1);
  return fnmatch(pattern.c_str(), path.c_str(), 0) == 0 || fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

}  // namespace

void add_label_flags(CLI::App& app, LabelFlags& flags, bool points) {
  const char* const group = "Truth";
  add_text(app, "--labels", flags.path, "file or folder of the labels")
      ->type_name("PATH")
      ->required()
      ->group(group);
  add_text(app, "--format", flags.format, "how they are written (default: wider). " + format_list())
      ->type_name("NAME")
      ->group(group);
  if (points) {
    add_text(app, "--boxes", flags.boxes,
             "labels with the faces' boxes, if --labels has points alone or worse boxes")
        ->type_name("PATH")
        ->group(group);
    add_text(app, "--boxes-format", flags.boxes_format, "how those are written (default: wider)")
        ->type_name("NAME")
        ->group(group);
    app.add_option("--point-shift", flags.options.point_shift,
                   "pixels to add to x and y of the labelled points: .5 if they are indices of pixels")
        ->type_name("PIXELS")
        ->capture_default_str()
        ->check(in_range(-10., 10.))
        ->group(group);
  }
  add_text(
      app, "--only", flags.only,
      "only the images whose path or name fits this pattern, like 'mask_*'; 'rows left out' are those of all "
      "the labels all the same")
      ->type_name("PATTERN")
      ->group(group);
  add_paths(app, "--class", flags.options.classes,
            "voc, coco, yolo: the classes that are faces (default: all)")
      ->type_name("NAME")
      ->group(group);
}

Result<LabelledSet> load_labels(const LabelFlags& flags, const RunFlags& run) {
  LabelOptions options = flags.options;
  options.images = run.images;
  if (!run.detections.empty()) {
    options.known_sizes = [&](const std::vector<std::string>& names) { return detected_sizes(run, names); };
  }
  auto dataset = read_labels(flags.format, flags.path, options);
  if (!dataset) return dataset.error();
  std::unordered_set<std::string> listed;  // with --boxes: those of --labels
  if (!flags.boxes.empty()) {
    for (const LabelledImage& image : dataset->images) listed.insert(image.path);
    options.point_shift = 0;
    auto boxes = read_labels(flags.boxes_format, flags.boxes, options);
    if (!boxes) return boxes.error();
    dataset = join(std::move(*boxes), *dataset);
  }
  LabelledSet set;
  set.problems = std::move(dataset->problems);
  set.left_out = dataset->left_out;
  std::unordered_set<std::string> kept;  // names of set.images
  for (LabelledImage& image : dataset->images) {
    set.names.insert(image_name(image.path));
    if (!fits(image.path, flags.only) || (!flags.boxes.empty() && !listed.contains(image.path))) {
      ++set.set_aside;
    } else if (!kept.insert(image_name(image.path)).second) {
      // Detections know images by their names without the ending.
      set.problems.push_back({image.file, image.line,
                              image.path + ": another image has this name but for its ending, left out"});
      set.left_out += image.faces.size();
    } else {
      set.images.push_back(std::move(image));
    }
  }
  if (set.images.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 flags.path + ": no image" + (flags.only.empty() ? "" : " that fits '" + flags.only + "'") +
                     because(set.problems)};
  }
  return set;
}

std::string no_face(const std::string& face, const LabelFlags& flags, const LabelledSet& set) {
  return "no " + face + " to measure in the " + set_text(flags, set) + because(set.problems);
}

std::vector<SetImage> set_images(const LabelledSet& set, const std::string& folder) {
  std::vector<SetImage> images;
  for (const LabelledImage& image : set.images) {
    images.push_back({image.path, find_set_image(folder, image.path), {}, image.file, image.line});
  }
  return images;
}

std::vector<Problem> unknown_images(const Run& run, const LabelledSet& set, std::size_t& left_out) {
  std::vector<Problem> problems;
  for (const DetectedImage& image : run.detections.images) {
    if (set.names.contains(image.name)) continue;
    problems.push_back({image.file, image.line, image.name + ": no such image in the labels, left out"});
    left_out += image.detections.size();
  }
  return problems;
}

std::string set_text(const LabelFlags& flags, const LabelledSet& set) {
  std::string text = format_count(static_cast<std::int64_t>(set.images.size())) +
                     (set.images.size() == 1 ? " image of " : " images of ") +
                     std::filesystem::path(flags.path).lexically_normal().filename().string();
  if (!flags.only.empty()) text += " that fit '" + flags.only + "'";
  return printable(text);
}

}  // namespace mtcnn
