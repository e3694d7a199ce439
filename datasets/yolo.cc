// YOLO: a .txt file an image, a face a line, in fractions of the image's width and height:
//
//   0 0.481 0.634 0.690 0.713               class, middle x y of the box, width height
//
// Five points may follow: x y each (15 numbers in all) or x y visibility (20), in our order; points
// with a negative number or visibility 0 are missing, and then the face has none. Boxes and points
// are edges by definition. The size of each image is needed (LabelOptions). Images without a .txt
// file are not listed; an empty file is an image without faces. classes.txt is skipped.
#include <algorithm>
#include <filesystem>

#include "codecs/image_io.h"
#include "datasets/reader.h"

namespace mtcnn {
namespace {

Result<Size> decoded_size(const std::string& file) {
  const auto image = load_image(file);
  if (!image) return image.error();
  return Size{image->width, image->height};
}

// Where the images are, if nobody said so: `path` is a file or a folder of labels.
std::string images_beside(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path labels = fs::path(path).lexically_normal();
  if (!fs::is_directory(path, error)) labels = labels.parent_path();
  if (!labels.has_filename()) labels = labels.parent_path();  // it ended in a slash
  if (labels.filename() == "labels") {
    const fs::path images = labels.parent_path() / "images";
    if (fs::is_directory(images, error)) return images.string();
  }
  return labels.empty() ? "." : labels.string();
}

void read_line(const Line& line, Size size, const LabelOptions& options, LabelledImage& image,
               DatasetBuilder& builder) {
  const auto row = parse_numbers(line.text);
  if (!row || (row->size() != 5 && row->size() != 15 && row->size() != 20)) {
    return builder.problem(line.number, in_quotes(line.text) +
                                            ", expected 5 numbers (class x y width height), or 15 or "
                                            "20 (and five points)");
  }
  const std::string kind = show((*row)[0]);
  if (!options.classes.empty() &&
      std::find(options.classes.begin(), options.classes.end(), kind) == options.classes.end()) {
    return;
  }
  // A little beyond the image happens; numbers in pixels are another format.
  constexpr double kLargestFraction = 2;
  for (std::size_t i = 1; i < row->size(); ++i) {
    if (std::abs((*row)[i]) <= kLargestFraction) continue;
    return builder.problem(line.number, "number " + show((*row)[i]) + ", expected a fraction of the image");
  }
  const double width = (*row)[3] * size.width;
  const double height = (*row)[4] * size.height;
  LabelledFace face;
  face.box =
      box_from_size((*row)[1] * size.width - width / 2, (*row)[2] * size.height - height / 2, width, height);
  if (const auto complaint = complaint_about(face.box)) return builder.problem(line.number, *complaint);
  if (row->size() > 5) {
    const std::size_t stride = row->size() == 15 ? 2 : 3;
    std::vector<double> points;
    bool missing = false;
    for (std::size_t at = 5; at < row->size(); at += stride) {
      missing = missing || (*row)[at] < 0 || (*row)[at + 1] < 0 || (stride == 3 && (*row)[at + 2] == 0);
      points.insert(points.end(), {(*row)[at] * size.width, (*row)[at + 1] * size.height});
    }
    if (!missing) face.landmarks = landmarks_from_pairs(points);
  }
  image.faces.push_back(face);
}

Result<Dataset> read_yolo(const std::string& path, const LabelOptions& options) {
  const auto files = list_label_files(path, ".txt");
  if (!files) return files.error();
  const std::string images = options.images.empty() ? images_beside(path) : options.images;
  DatasetBuilder builder(path);
  for (const LabelFile& file : *files) {
    if (std::filesystem::path(file.relative).filename() == "classes.txt") continue;
    builder.set_file(file.path);
    const auto text = read_text(file.path);
    if (!text) {
      if (files->size() == 1) return text.error();
      builder.problem_with_file(text.error());
      continue;
    }
    const auto name = find_image(images, file.relative);
    if (!name) {
      builder.problem(0, "no image of this name in " + images);
      continue;
    }
    const std::string image_file = (std::filesystem::path(images) / *name).string();
    const auto size = options.image_size ? options.image_size(image_file) : decoded_size(image_file);
    if (!size) {
      builder.problem(0, "the image's size is needed, but " + size.error().message);
      continue;
    }
    LabelledImage& image = builder.image(*name);
    for (const Line& line : split_lines(*text)) {
      if (!line.empty()) read_line(line, *size, options, image, builder);
    }
  }
  return builder.take();
}

}  // namespace

const LabelFormat kYolo = {"yolo", "a YOLO .txt file, or a folder of them", read_yolo};

}  // namespace mtcnn
