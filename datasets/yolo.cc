// YOLO: a .txt file an image, a face a line, in fractions of the image's width and height:
//
//   0 0.481 0.634 0.690 0.713               class, middle x y of the box, width height
//
// Five points may follow: x y each (15 numbers in all) or x y visibility (20), in our order; points
// with a negative number or visibility 0 are missing, and then the face has none. Boxes and points
// are edges by definition. The size of each image is needed (LabelOptions). Images without a .txt
// file are not listed; an empty file is an image without faces. classes.txt is skipped. Where an image is not at
// hand, but its size is known, its path is that of the .txt file without the ending.
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

LabelledFace face_of(const std::vector<double>& row, Size size) {
  const double width = row[3] * size.width;
  const double height = row[4] * size.height;
  LabelledFace face;
  face.box = box_from_size(row[1] * size.width - width / 2, row[2] * size.height - height / 2, width, height);
  if (row.size() > 5) {
    const std::size_t stride = row.size() == 15 ? 2 : 3;
    std::vector<double> points;
    bool missing = false;
    for (std::size_t at = 5; at < row.size(); at += stride) {
      missing = missing || row[at] < 0 || row[at + 1] < 0 || (stride == 3 && row[at + 2] == 0);
      points.insert(points.end(), {row[at] * size.width, row[at + 1] * size.height});
    }
    if (!missing) face.landmarks = landmarks_from_pairs(points);
  }
  return face;
}

Result<Dataset> read_yolo(const std::string& path, const LabelOptions& options) {
  const auto files = list_label_files(path, ".txt");
  if (!files) return files.error();
  const std::string images = options.images.empty() ? images_beside(path) : options.images;
  DatasetBuilder builder(path);
  Classes classes(options.classes);
  for (const LabelFile& file : *files) {
    if (std::filesystem::path(file.relative).filename() == "classes.txt") continue;
    builder.set_file(file.path);
    const auto text = read_text(file.path);
    if (!text) {
      if (files->size() == 1) return text.error();
      builder.file_left_out(text.error());
      continue;
    }
    // Before the image is looked for: what is wrong with a file of another format is in its lines.
    std::vector<std::pair<int, std::vector<double>>> rows;  // with their lines
    for (const Line& line : split_lines(*text)) {
      if (line.empty()) continue;
      if (auto row = read_line(line, classes, builder)) rows.emplace_back(line.number, std::move(*row));
    }
    const std::string name = without_ending(file.relative);
    const auto found = find_image(images, file.relative);
    std::optional<Size> size = options.known_size ? options.known_size(name) : std::nullopt;
    if (!size && found) {
      const auto decoded = decoded_size((std::filesystem::path(images) / *found).string());
      if (decoded) {
        size = *decoded;
      } else {
        builder.problem(0, "the image's size is needed, but " + decoded.error().message);
      }
    } else if (!size) {
      builder.problem(0, "the image's size is needed, but no image of this name is in " + images);
    }
    if (!size) {
      builder.count_left_out(rows.size());
      continue;
    }
    LabelledImage& image = builder.image(found.value_or(name), 0);
    for (const auto& [line, row] : rows) {
      LabelledFace face = face_of(row, *size);
      face.line = line;
      if (const auto complaint = complaint_about(face.box)) {
        builder.left_out(line, *complaint);
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
