// YOLO: a .txt file an image, a face a line, in fractions of the image's width and height:
//
//   0 0.481 0.634 0.690 0.713               class, middle x y of the box, width height
//
// Five points may follow: x y each (15 numbers in all) or x y visibility (20), in our order; points
// with a negative number or visibility 0 are missing, and then the face has none. Boxes and points
// are edges by definition. The size of each image with faces is needed: that of the image itself, else
// what LabelOptions knows. Images without a .txt file are not listed; an empty file is an image without
// faces. classes.txt is skipped. Where an image is not at hand, its path is that of the .txt file
// without the ending.
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

// The numbers of a line, fractions all of them but the first; nothing if it is of another class, or, with a
// problem, if it can't be used.
std::optional<std::vector<double>> read_line(const Line& line, Classes& classes, DatasetBuilder& builder) {
  auto row = parse_numbers(line.text);
  if (!row || (row->size() != 5 && row->size() != 15 && row->size() != 20)) {
    builder.left_out(line.number, in_quotes(line.text) +
                                      ", expected 5 numbers (class x y width height), or 15 or "
                                      "20 (and five points)");
    return std::nullopt;
  }
  if (!classes.wants(show((*row)[0]))) return std::nullopt;
  // A little beyond the image happens; numbers in pixels are another format.
  constexpr double kLargestFraction = 2;
  for (std::size_t i = 1; i < row->size(); ++i) {
    if (std::abs((*row)[i]) <= kLargestFraction) continue;
    builder.left_out(line.number, "number " + show((*row)[i]) + ", expected a fraction of the image");
    return std::nullopt;
  }
  return row;
}

// The size of the image of files[at]: its own, or if it can't be decoded the known one. Known sizes are asked for,
// into `known`, when the first is needed.
std::optional<Size> size_of(const std::vector<LabelFile>& files, std::size_t at, const std::string& images,
                            const std::optional<std::string>& image, const LabelOptions& options,
                            std::vector<std::optional<Size>>& known, DatasetBuilder& builder) {
  std::string complaint = "no image of this name is in " + images;
  if (image) {
    const auto decoded = decoded_size((std::filesystem::path(images) / *image).string());
    if (decoded) return *decoded;
    complaint = decoded.error().message;
  }
  if (options.known_sizes) {
    if (known.empty()) {
      std::vector<std::string> names;
      for (const LabelFile& file : files) names.push_back(without_ending(file.relative));
      known = options.known_sizes(names);
    }
    if (known[at]) return known[at];
    complaint += ", and no size, or more than one, is known otherwise";
  }
  builder.problem(0, "the image's size is needed, but " + complaint);
  return std::nullopt;
}

// The face of a row, or what is wrong with it: a size that only the detections tell may be absurd.
std::optional<std::string> read_face(const std::vector<double>& row, Size size, LabelledFace& face) {
  const double width = row[3] * size.width;
  const double height = row[4] * size.height;
  const double left = row[1] * size.width - width / 2, top = row[2] * size.height - height / 2;
  const double edges[] = {left, top, left + width, top + height};
  if (auto complaint = complaint_about(edges)) return complaint;
  face.box = box_from_size(left, top, width, height);
  if (auto complaint = complaint_about(face.box)) return complaint;
  if (row.size() == 5) return std::nullopt;
  const std::size_t stride = row.size() == 15 ? 2 : 3;
  std::vector<double> points;
  for (std::size_t at = 5; at < row.size(); at += stride) {
    if (row[at] < 0 || row[at + 1] < 0 || (stride == 3 && row[at + 2] == 0)) return std::nullopt;
    points.insert(points.end(), {row[at] * size.width, row[at + 1] * size.height});
  }
  if (auto complaint = complaint_about(points)) return complaint;
  face.landmarks = landmarks_from_pairs(points);
  return std::nullopt;
}

Result<Dataset> read_yolo(const std::string& path, const LabelOptions& options) {
  auto files = list_label_files(path, ".txt");
  if (!files) return files.error();
  std::erase_if(*files, [](const LabelFile& file) {
    return std::filesystem::path(file.relative).filename() == "classes.txt";
  });
  const std::string images = options.images.empty() ? images_beside(path) : options.images;
  DatasetBuilder builder(path);
  Classes classes(options.classes);
  std::vector<std::optional<Size>> known;
  for (std::size_t at = 0; at < files->size(); ++at) {
    const LabelFile& file = (*files)[at];
    builder.set_file(file.path);
    const auto text = read_text(file.path);
    if (!text) {
      if (files->size() == 1) return text.error();
      builder.file_left_out(text.error());
      continue;
    }
    // Before the image is looked for: what is wrong with a file of another format is in its lines.
    std::vector<std::pair<int, std::vector<double>>> rows;  // with their lines
    const std::size_t left_out_before = builder.left_out_so_far();
    for (const Line& line : split_lines(*text)) {
      if (line.empty()) continue;
      if (auto row = read_line(line, classes, builder)) rows.emplace_back(line.number, std::move(*row));
    }
    const auto found = find_image(images, file.relative);
    std::optional<Size> size;
    if (!rows.empty()) {
      size = size_of(*files, at, images, found, options, known, builder);
      if (!size) {
        builder.count_left_out(rows.size());
        continue;
      }
    }
    LabelledImage& image = builder.image(found.value_or(without_ending(file.relative)), 0);
    if (builder.left_out_so_far() > left_out_before) builder.incomplete(image.path);
    for (const auto& [line, row] : rows) {
      LabelledFace face;
      face.line = line;
      if (const auto complaint = read_face(row, *size, face)) {
        builder.left_out(line, *complaint, image.path);
      } else {
        image.faces.push_back(face);
      }
    }
  }
  builder.set_file(path);
  classes.report_absent(builder);
  return builder.take();
}

}  // namespace

const LabelFormat kYolo = {"yolo", "a YOLO .txt file, or a folder of them", read_yolo};

}  // namespace mtcnn
