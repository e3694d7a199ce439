#include "eval/detections.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <unordered_map>
#include <utility>

#include "codecs/image_io.h"
#include "datasets/reader.h"
#include "util/file.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRectangleColumns[] = {5};
constexpr std::size_t kDetectionColumns[] = {5, 6};
constexpr double kFarthest = 1e6;  // where rectangles are cut
constexpr const char* kCounted = "; counted as it is";

// The upright box around an ellipse.
Rectangle around(const Ellipse& ellipse) {
  const double c = std::cos(ellipse.angle);
  const double s = std::sin(ellipse.angle);
  const double half_width = std::hypot(ellipse.major * c, ellipse.minor * s);
  const double half_height = std::hypot(ellipse.major * s, ellipse.minor * c);
  return {ellipse.x - half_width, ellipse.y - half_height, 2 * half_width, 2 * half_height};
}

// The detection of a row. `complaint` says what is wrong with it, if anything; what can't be used at
// all is not returned. A rectangle always can: the official tools count an absurd one as they count
// any that finds nothing, and leaving it out would flatter the detector.
std::optional<Detection> to_detection(std::span<const double> row, std::string& complaint) {
  const auto near = [](double coordinate) { return std::clamp(coordinate, -kFarthest, kFarthest); };
  const bool is_ellipse = row.size() == 6;
  const double sizes[] = {is_ellipse ? row[0] : row[2], is_ellipse ? row[1] : row[3]};
  if (const auto wrong = complaint_about(row.first(row.size() - 1))) {
    complaint = *wrong + (is_ellipse ? "" : kCounted);
    if (is_ellipse) return std::nullopt;
  }
  if (sizes[0] < 0 || sizes[1] < 0) {
    complaint = std::string(is_ellipse ? "radii " : "size ") + show(sizes[0]) + " and " + show(sizes[1]) +
                ", expected none below 0" + (is_ellipse ? "" : kCounted);
    if (is_ellipse) return std::nullopt;
  }
  Detection detection;
  detection.score = row.back();
  if (is_ellipse) {
    detection.ellipse = Ellipse{row[0], row[1], row[2], row[3], row[4]};
    detection.box = around(*detection.ellipse);
  } else {
    detection.box = {row[0], row[1], row[2], row[3]};
    if (!complaint.empty()) {
      const double x = near(row[0]), y = near(row[1]);
      detection.box = {x, y, near(row[0] + row[2]) - x, near(row[1] + row[3]) - y};
    }
  }
  return detection;
}

void append_number(std::string& text, double number) {
  char digits[400];  // the longest double without exponent
  const auto end = std::to_chars(digits, digits + sizeof digits, number, std::chars_format::fixed).ptr;
  text.append(digits, end);
}

void append_row(std::string& text, std::initializer_list<double> numbers) {
  const char* separator = "";
  for (const double number : numbers) {
    text += separator;
    append_number(text, number);
    separator = " ";
  }
  text += '\n';
}

void append_detections(std::string& text, std::span<const Detection> detections, bool ellipses) {
  text += std::to_string(detections.size()) + '\n';
  for (const Detection& d : detections) {
    if (ellipses && d.ellipse) {
      append_row(text,
                 {d.ellipse->major, d.ellipse->minor, d.ellipse->angle, d.ellipse->x, d.ellipse->y, d.score});
    } else {
      append_row(text, {d.box.x, d.box.y, d.box.width, d.box.height, d.score});
    }
  }
}

Status write_text(const std::string& path, std::string_view text) {
  return write_file(path, std::as_bytes(std::span(text)));
}

// A line that holds one number, a count.
std::optional<std::size_t> parse_count(std::string_view text) {
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return count;
}

std::string expected_columns(std::span<const std::size_t> columns) {
  std::string text;
  for (const std::size_t count : columns) text += (text.empty() ? "" : " or ") + std::to_string(count);
  return text;
}

// The numbers of a row, or nothing and why not in `complaint`.
std::optional<std::vector<double>> parse_row(std::string_view text, std::span<const std::size_t> columns,
                                             std::string& complaint) {
  std::vector<double> numbers;
  for (const std::string_view word : split_words(text)) {
    const auto number = parse_number(word);
    if (!number || !std::isfinite(*number)) {
      complaint = in_quotes(word) + " in a row, expected a finite number";
      return std::nullopt;
    }
    numbers.push_back(*number);
  }
  if (std::find(columns.begin(), columns.end(), numbers.size()) == columns.end()) {
    complaint = std::to_string(numbers.size()) + " numbers in a row, expected " + expected_columns(columns);
    return std::nullopt;
  }
  return numbers;
}

}  // namespace

Detection to_detection(const Face& face) {
  const double left = face.box.left, top = face.box.top;
  return {{left, top, face.box.right - left, face.box.bottom - top}, face.score};
}

std::string image_name(std::string_view path) {
  std::string name(path);
  std::replace(name.begin(), name.end(), '\\', '/');
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || name.find('/', dot) != std::string::npos) return name;
  std::string ending = name.substr(dot);
  for (char& c : ending) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto known = image_extensions();
  return std::find(known.begin(), known.end(), ending) != known.end() ? name.substr(0, dot) : name;
}

Problem missing_image(const std::string& file, int line, const std::string& image, const std::string& run) {
  return {file, line,
          image + ": missing among the detections" + (run.empty() ? "" : " of " + run) +
              ", counted as nothing found"};
}

Result<Blocks> read_blocks(const std::string& path, std::span<const std::size_t> columns) {
  const auto text = read_text(path);
  if (!text) return text.error();
  std::vector<Line> lines = split_lines(*text);
  std::erase_if(lines, [](const Line& line) { return line.empty(); });

  Blocks result;
  const auto problem = [&](int line, std::string what) {
    result.problems.push_back({path, line, std::move(what)});
  };
  // Names may look like anything, numbers too; a row never stands before a lone count.
  const auto is_name = [&](std::size_t i) {
    return i + 1 < lines.size() && parse_count(lines[i + 1].text) &&
           (split_words(lines[i].text).size() == 1 || !parse_numbers(lines[i].text));
  };
  std::size_t i = 0;
  while (i < lines.size()) {
    if (!is_name(i)) {
      problem(lines[i].number, in_quotes(lines[i].text) +
                                   ", expected the name of an image and, in the next line, "
                                   "its number of rows");
      ++result.left_out;
      ++i;
      continue;
    }
    Block block{image_name(lines[i].text), lines[i].number, {}};
    const std::size_t count = *parse_count(lines[i + 1].text);
    i += 2;
    std::size_t seen = 0;
    for (; seen < count && i < lines.size() && !is_name(i); ++seen, ++i) {
      std::string complaint;
      auto numbers = parse_row(lines[i].text, columns, complaint);
      if (numbers) {
        block.rows.push_back({lines[i].number, *std::move(numbers)});
      } else {
        problem(lines[i].number, complaint);
        ++result.left_out;
      }
    }
    if (seen < count) {
      problem(block.line, block.name + ": " + std::to_string(seen) + " rows, expected " +
                              std::to_string(count) + " as the next line says");
    }
    result.blocks.push_back(std::move(block));
  }
  if (result.blocks.empty()) {
    return Error{ErrorCode::kFormat,
                 path + ": expected the name of an image, a number of rows, and the rows"};
  }
  return result;
}

Result<DetectionSet> read_wider_detections(const std::string& folder) {
  const auto files = list_label_files(folder, ".txt");
  if (!files) return files.error();
  DetectionSet set;
  std::unordered_map<std::string, std::size_t> seen;
  for (const LabelFile& file : *files) {
    const auto problem = [&](int line, std::string what) {
      set.problems.push_back({file.path, line, std::move(what)});
    };
    DetectedImage image{image_name(file.relative.substr(0, file.relative.size() - 4)), {}, file.path, 1};
    const auto text = read_text(file.path);
    if (!text) {
      set.problems.push_back(problem_of(file.path, text.error()));
      set.failed.insert(image.name);
      continue;
    }
    const auto [first, is_new] = seen.emplace(image.name, set.images.size());
    const std::string own = image.name.substr(image.name.rfind('/') + 1);
    const std::vector<Line> lines = split_lines(*text);
    const auto line_at = [&](std::size_t i) { return i < lines.size() ? lines[i].text : std::string_view(); };
    // Name and number may be missing; what is a row is one wherever it stands.
    const auto is_row = [&](std::size_t i) {
      const auto numbers = parse_numbers(line_at(i));
      return numbers && numbers->size() == kRectangleColumns[0];
    };
    std::size_t at = 0;
    const std::string named = image_name(line_at(at));
    if (named.substr(named.rfind('/') + 1) == own) {
      ++at;
    } else {
      problem(1, in_quotes(line_at(at)) + ", expected the image's name as in the file's, " + in_quotes(own));
      const bool is_count = parse_count(line_at(at)).has_value() && !parse_count(line_at(at + 1));
      if (!is_row(at) && !is_count) ++at;
    }
    const auto count = parse_count(line_at(at));
    if (!count) problem(static_cast<int>(at) + 1, "expected the number of detections");
    // A word is a number gone wrong; several are a row, of which more is said below.
    if (count || split_words(line_at(at)).size() < 2) ++at;
    std::size_t rows = 0;
    for (std::size_t i = at; i < lines.size(); ++i) {
      if (lines[i].empty()) continue;
      ++rows;
      std::string complaint;
      std::optional<Detection> detection;
      if (const auto numbers = parse_row(lines[i].text, kRectangleColumns, complaint)) {
        detection = to_detection(*numbers, complaint);
      }
      if (!complaint.empty()) problem(lines[i].number, complaint);
      if (detection) {
        image.detections.push_back(*detection);
      } else {
        ++set.left_out;
      }
    }
    if (count && *count != rows) {
      problem(static_cast<int>(at),
              std::to_string(*count) + " detections, but there are " + std::to_string(rows) + " rows");
    }
    if (!is_new) {
      problem(0, image.name + ": a second time, expected once; first in " + set.images[first->second].file);
      set.left_out += static_cast<std::int64_t>(image.detections.size());
      continue;
    }
    set.images.push_back(std::move(image));
  }
  return set;
}

Result<DetectionSet> read_fddb_detections(const std::string& path) {
  const auto files = list_label_files(path, ".txt");
  if (!files) return files.error();
  DetectionSet set;
  std::unordered_map<std::string, std::size_t> seen;
  for (const LabelFile& file : *files) {
    auto blocks = read_blocks(file.path, kDetectionColumns);
    if (!blocks) {
      if (files->size() == 1) return blocks.error();
      set.problems.push_back(problem_of(file.path, blocks.error()));
      continue;
    }
    set.left_out += blocks->left_out;
    std::move(blocks->problems.begin(), blocks->problems.end(), std::back_inserter(set.problems));
    for (const Block& block : blocks->blocks) {
      if (const auto [at, is_new] = seen.emplace(block.name, set.images.size()); !is_new) {
        const DetectedImage& first = set.images[at->second];
        set.problems.push_back({file.path, block.line,
                                block.name + ": a second time, expected once; first in " + first.file + ":" +
                                    std::to_string(first.line)});
        set.left_out += static_cast<std::int64_t>(block.rows.size());
        continue;
      }
      DetectedImage image{block.name, {}, file.path, block.line};
      for (const BlockRow& row : block.rows) {
        std::string complaint;
        if (auto detection = to_detection(row.numbers, complaint)) {
          image.detections.push_back(*detection);
        } else {
          ++set.left_out;
        }
        if (!complaint.empty()) set.problems.push_back({file.path, row.line, complaint});
      }
      set.images.push_back(std::move(image));
    }
  }
  return set;
}

Status write_wider_detections(const std::string& folder, const DetectedImage& image) {
  const fs::path name = fs::path(image.name).lexically_normal();
  if (image.name.empty() || name.is_absolute() || *name.begin() == ".." || !name.has_filename()) {
    return Error{ErrorCode::kInvalidArgument,
                 "'" + image.name + "': expected an image's name below the folder of detections"};
  }
  const fs::path path = fs::path(folder) / (name.string() + ".txt");
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) {
    return Error{ErrorCode::kIo, path.parent_path().string() + ": can't make the folder: " + error.message()};
  }
  std::vector<Detection> sorted = image.detections;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Detection& a, const Detection& b) { return a.score > b.score; });
  std::string text = name.filename().string() + '\n';
  append_detections(text, sorted, false);
  return write_text(path.string(), text);
}

Status write_fddb_detections(const std::string& path, std::span<const DetectedImage> images) {
  std::string text;
  for (const DetectedImage& image : images) {
    text += image.name + '\n';
    append_detections(text, image.detections, true);
  }
  return write_text(path, text);
}

Result<std::vector<ListedImage>> read_image_list(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return text.error();
  std::vector<ListedImage> images;
  for (const Line& line : split_lines(*text)) {
    if (line.empty() || line.text[0] == '#') continue;
    const std::size_t tab = line.text.find('\t');
    std::string name = tab == std::string_view::npos ? split_path_and_numbers(line.text).path
                                                     : std::string(line.text.substr(0, tab));
    if (name.empty()) name = split_words(line.text)[0];  // a number
    images.push_back({image_name(name), path, line.number});
  }
  if (images.empty())
    return Error{ErrorCode::kFormat, path + ": no names, expected an image's on every line"};
  return images;
}

}  // namespace mtcnn
