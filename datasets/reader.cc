#include "datasets/reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "codecs/image_io.h"
#include "util/file.h"

namespace mtcnn {
namespace {

constexpr double kMaxCoordinate = 1e6;  // far beyond any image; keeps products in float's range
constexpr std::string_view kBlank = " \t\r\f\v";

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

Result<std::string> read_text(const std::string& path) {
  const auto bytes = read_file(path, kMaxLabelBytes);
  if (!bytes) return bytes.error();
  std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  if (text.find('\0') != std::string_view::npos) {
    return Error{ErrorCode::kFormat, path + ": has zero bytes, expected text in UTF-8"};
  }
  return std::string(text);
}

std::vector<Line> split_lines(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back({static_cast<int>(lines.size()) + 1, trim(text.substr(0, end))});
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t start = text.find_first_not_of(kBlank);
    if (start == std::string_view::npos) return words;
    text.remove_prefix(start);
    const std::size_t end = std::min(text.find_first_of(kBlank), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::optional<double> parse_number(std::string_view word) {
  if (word.size() > 1 && word[0] == '+' && word[1] != '-') word.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (end != word.data() + word.size() || word.empty()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return HUGE_VAL;  // too small is refused alike
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::optional<std::vector<double>> parse_numbers(std::string_view text) {
  std::vector<double> numbers;
  for (const std::string_view word : split_words(text)) {
    const auto number = parse_number(word);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

PathAndNumbers split_path_and_numbers(std::string_view text) {
  PathAndNumbers result;
  const auto words = split_words(text);
  std::size_t first = words.size();  // of the numbers
  while (first > 0) {
    const auto number = parse_number(words[first - 1]);
    if (!number) break;
    result.numbers.push_back(*number);
    --first;
  }
  std::reverse(result.numbers.begin(), result.numbers.end());
  if (first > 0) {
    const char* const end = words[first - 1].data() + words[first - 1].size();
    result.path.assign(words[0].data(), end);
    std::replace(result.path.begin(), result.path.end(), '\\', '/');
  }
  return result;
}

std::optional<std::string> complaint_about(std::span<const double> coordinates) {
  for (const double value : coordinates) {
    if (!(std::abs(value) <= kMaxCoordinate)) {
      return "coordinate " + show(value) + ", expected a number within +-" + show(kMaxCoordinate);
    }
  }
  return std::nullopt;
}

std::optional<std::string> complaint_about(const Box& box) {
  if (box.width() > 0 && box.height() > 0) return std::nullopt;
  return "box of width " + show(box.width()) + " and height " + show(box.height()) +
         ", expected both above 0";
}

Box box_from_size(double x, double y, double width, double height) {
  return {static_cast<float>(x), static_cast<float>(y), static_cast<float>(x + width),
          static_cast<float>(y + height)};
}

Landmarks landmarks_from_pairs(std::span<const double> numbers, double shift) {
  Landmarks points;
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i] = {static_cast<float>(numbers[2 * i] + shift), static_cast<float>(numbers[2 * i + 1] + shift)};
  }
  return points;
}

std::string show(double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%.7g", number);
  return text;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::string result(1, '\'');
  result.append(text.substr(0, kLongest));
  result.append(text.size() > kLongest ? "...'" : "'");
  return result;
}

LabelledImage& DatasetBuilder::image(const std::string& path, int line) {
  const auto [at, is_new] = index_.emplace(path, dataset_.images.size());
  if (is_new) dataset_.images.push_back({path, {}, file_, line});
  return dataset_.images[at->second];
}

void DatasetBuilder::problem(int line, std::string what) {
  dataset_.problems.push_back({file_, line, std::move(what)});
}

Problem problem_of(const std::string& file, const Error& error) {
  const std::string prefix = file + ": ";
  return {file, 0, error.message.starts_with(prefix) ? error.message.substr(prefix.size()) : error.message};
}

void DatasetBuilder::left_out(int line, std::string what, const std::string& path) {
  problem(line, std::move(what));
  ++dataset_.left_out;
  if (!path.empty()) incomplete(path);
}

Dataset DatasetBuilder::take() {
  for (const std::string& path : incomplete_) {
    if (const auto found = index_.find(path); found != index_.end())
      dataset_.images[found->second].incomplete = true;
  }
  return std::move(dataset_);
}

void DatasetBuilder::file_left_out(const Error& error) {
  dataset_.problems.push_back(problem_of(file_, error));
  ++dataset_.left_out;
}

bool Classes::wants(const std::string& name) {
  seen_.insert(name);
  return wanted_.empty() || wanted_.contains(name);
}

void Classes::report_absent(DatasetBuilder& builder) const {
  std::string seen;
  for (const std::string& name : seen_) seen += (seen.empty() ? "" : ", ") + in_quotes(name);
  for (const std::string& name : wanted_) {
    if (seen_.contains(name)) continue;
    builder.problem(0, "class " + in_quotes(name) + ": no label has it, expected one of " +
                           (seen.empty() ? "those that occur, but none does" : seen));
  }
}

Result<std::vector<LabelFile>> list_label_files(const std::string& path, std::string_view extension) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<LabelFile> files;
  if (!fs::is_directory(path, error)) {
    if (!fs::exists(path, error)) {
      return Error{ErrorCode::kIo, path + ": no such file or folder"};
    }
    files.push_back({path, fs::path(path).filename().string()});
    return files;
  }
  fs::recursive_directory_iterator entries(path, error);
  for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    std::error_code ignored;
    const fs::path& entry = entries->path();
    if (lower(entry.extension().string()) == extension && entries->is_regular_file(ignored)) {
      files.push_back({entry.string(), entry.lexically_relative(path).string()});
    }
  }
  if (error) return Error{ErrorCode::kIo, path + ": can't read the folder: " + error.message()};
  if (files.empty()) {
    return Error{ErrorCode::kIo, path + ": no " + std::string(extension) + " file in this folder"};
  }
  std::sort(files.begin(), files.end(),
            [](const LabelFile& a, const LabelFile& b) { return a.relative < b.relative; });
  return files;
}

std::string without_ending(const std::string& label_relative) {
  return std::filesystem::path(label_relative).replace_extension().string();
}

std::optional<std::string> find_image(const std::string& images, const std::string& label_relative) {
  namespace fs = std::filesystem;
  const std::string stem = without_ending(label_relative);
  for (const std::string_view extension : image_extensions()) {
    std::string upper(extension);
    for (char& c : upper) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    for (const std::string& ending : {std::string(extension), upper}) {
      std::error_code error;
      if (fs::exists(fs::path(images) / (stem + ending), error)) return stem + ending;
    }
  }
  return std::nullopt;
}

}  // namespace mtcnn
