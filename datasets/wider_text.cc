// WIDER FACE's wider_face_*_bbx_gt.txt:
//
//   0--Parade/0_Parade_marchingband_1_849.jpg
//   1
//   449 330 122 149 0 0 0 0 0 0        x y w h blur expression illumination invalid occlusion pose
//
// A count of 0 is followed by a row of zeros or by nothing. Rows of x y w h alone are taken too.
// Boxes: left = x, top = y, right = x + w, bottom = y + h. invalid = 1: ignore.
//
// A path is a line that is not all numbers; that is how reading goes on after rows are missing or
// in excess.
#include <algorithm>

#include "datasets/reader.h"

namespace mtcnn {
namespace {

int grade(double value) { return value >= 0 && value <= 9 ? static_cast<int>(value) : 0; }

void read_row(const std::vector<double>& row, int line, LabelledImage& image, DatasetBuilder& builder) {
  if (row.size() != 4 && row.size() != 10) {
    builder.left_out(line,
                     "row of " + std::to_string(row.size()) +
                         " numbers, expected 4 (x y w h) or 10 (and blur expression "
                         "illumination invalid occlusion pose)",
                     image.path);
    return;
  }
  if (const auto complaint = complaint_about(row)) return builder.left_out(line, *complaint, image.path);
  LabelledFace face;
  face.line = line;
  face.box = box_from_size(row[0], row[1], row[2], row[3]);
  if (const auto complaint = complaint_about(face.box)) return builder.left_out(line, *complaint, image.path);
  if (row.size() == 10) {
    face.blur = grade(row[4]);
    face.expression = grade(row[5]);
    face.illumination = grade(row[6]);
    face.ignore = row[7] != 0;
    face.occlusion = grade(row[8]);
    face.pose = grade(row[9]);
  }
  image.faces.push_back(face);
}

Result<Dataset> read_wider_text(const std::string& file, const LabelOptions&) {
  const auto text = read_text(file);
  if (!text) return text.error();
  DatasetBuilder builder(file);

  std::vector<Line> lines = split_lines(*text);
  lines.erase(std::remove_if(lines.begin(), lines.end(), [](const Line& l) { return l.empty(); }),
              lines.end());
  std::string last;  // the image before
  std::size_t at = 0;
  while (at < lines.size()) {
    const Line& heading = lines[at++];
    const std::string path(heading.text);
    if (parse_numbers(heading.text)) {
      builder.left_out(heading.number, in_quotes(heading.text) + ", expected the path of an image", last);
      continue;
    }
    last = path;
    if (at == lines.size()) {
      builder.problem(heading.number, in_quotes(path) + ": the file ends, expected a number of faces");
      break;
    }
    const auto numbers = parse_numbers(lines[at].text);
    if (!numbers || numbers->size() != 1 || !((*numbers)[0] >= 0) ||
        (*numbers)[0] != static_cast<double>(static_cast<unsigned>(std::min((*numbers)[0], 4e9)))) {
      builder.problem(lines[at].number,
                      in_quotes(lines[at].text) + ", expected the number of faces of " + in_quotes(path));
      // Its rows must not be taken for complaints of their own.
      const std::size_t first = at;
      while (at < lines.size() && parse_numbers(lines[at].text)) ++at;
      // What stands where the count should is a row if there is none: then it is one of them.
      const bool is_count = numbers && numbers->size() == 1;
      builder.count_left_out(at - first - (is_count ? 1 : 0));
      builder.incomplete(path);
      continue;
    }
    const auto expected = static_cast<std::size_t>((*numbers)[0]);
    ++at;
    const bool repeated = builder.has(path);
    if (repeated) {
      builder.problem(heading.number, in_quotes(path) + " is listed a second time");
      if (expected > 0) builder.incomplete(path);
    }
    LabelledImage unused;
    LabelledImage& image = repeated ? unused : builder.image(path, heading.number);

    std::size_t rows = 0;
    for (; at < lines.size() && rows < expected; ++at, ++rows) {
      const auto row = parse_numbers(lines[at].text);
      // A row with a word in it, or the path of the next image?
      if (!row && !parse_number(split_words(lines[at].text)[0])) break;
      if (!row) {
        builder.left_out(lines[at].number, in_quotes(lines[at].text) + ", expected numbers: x y w h ...",
                         path);
      } else if (repeated) {
        builder.count_left_out(1);
      } else {
        read_row(*row, lines[at].number, image, builder);
      }
    }
    if (rows < expected) {
      const int line = at < lines.size() ? lines[at].number : lines.back().number;
      builder.problem(line, "found " + std::to_string(rows) + " rows for " + in_quotes(path) + ", expected " +
                                std::to_string(expected));
      builder.incomplete(path);
    }
    if (expected == 0 && at < lines.size()) {
      const auto row = parse_numbers(lines[at].text);
      if (row && std::all_of(row->begin(), row->end(), [](double v) { return v == 0; })) ++at;
    }
  }
  return builder.take();
}

}  // namespace

const LabelFormat kWiderText = {"wider", "WIDER FACE's bbx_gt.txt", read_wider_text};

}  // namespace mtcnn
