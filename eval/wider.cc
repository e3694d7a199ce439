#include "eval/wider.h"

#include <matio.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "datasets/labels.h"
#include "datasets/reader.h"
#include "eval/boxes.h"
#include "util/file.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;

constexpr double kFound = .5;
constexpr int kThresholds = 1000;
constexpr std::size_t kMaxMatBytes = std::size_t{256} << 20;
constexpr std::size_t kFlagColumns[] = {7};
// Without a pixel, in boxes whose last pixel belongs to them.
constexpr Rectangle kNothing{0, 0, -1, -1};
const std::vector<std::string> kSubsets{"easy", "medium", "hard"};

// Reading of the .mat files.

struct Free {
  void operator()(mat_t* file) const { Mat_Close(file); }
  void operator()(matvar_t* variable) const { Mat_VarFree(variable); }
};
using MatFile = std::unique_ptr<mat_t, Free>;
using MatVariable = std::unique_ptr<matvar_t, Free>;

// The number of elements of a matrix whose data is there as it should be, else 0.
std::size_t elements(const matvar_t* variable) {
  if (!variable || !variable->data || variable->rank != 2 || variable->isComplex) return 0;
  std::size_t count = 0;
  if (__builtin_mul_overflow(variable->dims[0], variable->dims[1], &count)) return 0;
  const std::size_t size = Mat_SizeOf(variable->data_type);
  if (variable->class_type == MAT_C_CELL) return count <= variable->nbytes / sizeof(matvar_t*) ? count : 0;
  return size > 0 && count <= variable->nbytes / size ? count : 0;
}

// The cells of a cell array, some of which may be null; empty if it is none.
std::span<matvar_t* const> cells(const matvar_t* variable) {
  if (!variable || variable->class_type != MAT_C_CELL) return {};
  return {static_cast<matvar_t* const*>(variable->data), elements(variable)};
}

// The text of a row of characters.
std::string text_of(const matvar_t* variable) {
  std::string text;
  if (!variable || variable->class_type != MAT_C_CHAR) return text;
  const std::size_t size = Mat_SizeOf(variable->data_type);
  const auto* const bytes = static_cast<const unsigned char*>(variable->data);
  for (std::size_t i = 0; i < elements(variable); ++i) {
    unsigned code = bytes[i];
    if (size == 2) code = static_cast<const std::uint16_t*>(variable->data)[i];
    text += code < 128 ? static_cast<char>(code) : '?';
  }
  return text;
}

// The numbers of a matrix, column after column.
std::vector<double> numbers_of(const matvar_t* variable) {
  const std::size_t count = elements(variable);
  std::vector<double> numbers(count);
  const auto copy = [&](const auto* data) { std::copy(data, data + count, numbers.begin()); };
  if (count == 0) return numbers;
  switch (variable->class_type) {
    case MAT_C_DOUBLE: copy(static_cast<const double*>(variable->data)); break;
    case MAT_C_SINGLE: copy(static_cast<const float*>(variable->data)); break;
    case MAT_C_INT32: copy(static_cast<const std::int32_t*>(variable->data)); break;
    case MAT_C_UINT32: copy(static_cast<const std::uint32_t*>(variable->data)); break;
    case MAT_C_INT16: copy(static_cast<const std::int16_t*>(variable->data)); break;
    case MAT_C_UINT16: copy(static_cast<const std::uint16_t*>(variable->data)); break;
    case MAT_C_INT8: copy(static_cast<const std::int8_t*>(variable->data)); break;
    case MAT_C_UINT8: copy(static_cast<const std::uint8_t*>(variable->data)); break;
    default: numbers.clear();
  }
  return numbers;
}

// Whether a file of version 5 (what the benchmark has) ends before its last variable does: matio
// takes the missing numbers for zeros. After a header of 128 bytes there are variables, each with a
// type and a number of bytes before it, of 4 bytes each.
bool ends_early(std::span<const std::byte> bytes) {
  const bool little_endian = bytes.size() >= 128 && bytes[126] == std::byte{'I'};
  std::size_t offset = 128;
  while (offset + 8 <= bytes.size()) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      length |= std::to_integer<std::size_t>(bytes[offset + 4 + i]) << (8 * (little_endian ? i : 3 - i));
    }
    offset += 8 + length;
  }
  return offset != bytes.size();
}

Result<MatFile> open_mat(const std::string& path) {
  const auto bytes = read_file(path, kMaxMatBytes);
  if (!bytes) return bytes.error();
  MatFile file(Mat_Open(path.c_str(), MAT_ACC_RDONLY));
  if (!file) return Error{ErrorCode::kFormat, path + ": is no MATLAB file"};
  if (Mat_GetVersion(file.get()) == MAT_FT_MAT5 && ends_early(*bytes)) {
    return Error{ErrorCode::kFormat, path + ": ends before its last variable does"};
  }
  return file;
}

// A cell array of one cell an event.
Result<MatVariable> read_cells(const std::string& path, mat_t* file, const char* name) {
  MatVariable variable(Mat_VarRead(file, name));
  if (cells(variable.get()).empty()) {
    return Error{ErrorCode::kFormat, path + ": expected a cell array '" + name + "'"};
  }
  return variable;
}

// The images and all of their faces, in no subset yet.
Status read_faces(const std::string& path, WiderTruth& truth) {
  auto file = open_mat(path);
  if (!file) return file.error();
  const auto event_names = read_cells(path, file->get(), "event_list");
  if (!event_names) return event_names.error();
  const auto event_files = read_cells(path, file->get(), "file_list");
  if (!event_files) return event_files.error();
  const auto event_boxes = read_cells(path, file->get(), "face_bbx_list");
  if (!event_boxes) return event_boxes.error();
  const auto events = cells(event_names->get()), all_files = cells(event_files->get()),
             all_boxes = cells(event_boxes->get());
  const auto mismatch = [&](const std::string& where) {
    return Error{ErrorCode::kFormat, path + ": " + where +
                                         ": expected file_list and face_bbx_list to be as long as "
                                         "the list of events and of its images"};
  };
  if (all_files.size() != events.size() || all_boxes.size() != events.size()) return mismatch("event_list");

  std::unordered_set<std::string> seen;
  for (std::size_t e = 0; e < events.size(); ++e) {
    const std::string event = text_of(events[e]);
    const auto files = cells(all_files[e]), boxes = cells(all_boxes[e]);
    if (event.empty() || files.empty() || files.size() != boxes.size()) {
      return mismatch("event " + std::to_string(e + 1));
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
      WiderImage image{event + '/' + text_of(files[i]), {}};
      if (!seen.insert(image.name).second) {
        return Error{ErrorCode::kFormat,
                     path + ": " + image.name + " a second time, expected every image once"};
      }
      const std::vector<double> numbers = numbers_of(boxes[i]);
      const std::size_t faces = numbers.size() / 4;
      if (numbers.size() % 4 != 0 || (faces > 0 && boxes[i]->dims[1] != 4)) {
        return Error{ErrorCode::kFormat,
                     path + ": " + image.name + ": expected a matrix of four columns, x y w h"};
      }
      for (std::size_t f = 0; f < faces; ++f) {
        const double row[] = {numbers[f], numbers[f + faces], numbers[f + 2 * faces], numbers[f + 3 * faces]};
        if (const auto wrong = complaint_about(row)) {
          truth.problems.push_back(
              {path, 0, image.name + ": face " + std::to_string(f + 1) + ": " + *wrong + "; left out"});
          ++truth.left_out;
          image.faces.push_back({kNothing, 0, true});
        } else {
          image.faces.push_back({{row[0], row[1], row[2], row[3]}, 0});
        }
      }
      truth.images.push_back(std::move(image));
    }
  }
  return std::monostate{};
}

// Marks the faces of one subset.
Status read_subset(const std::string& path, std::size_t subset, WiderTruth& truth) {
  auto file = open_mat(path);
  if (!file) return file.error();
  const auto event_marks = read_cells(path, file->get(), "gt_list");
  if (!event_marks) return event_marks.error();
  const auto event_files = read_cells(path, file->get(), "file_list");
  if (!event_files) return event_files.error();
  std::size_t next = 0;
  for (std::size_t e = 0; e < cells(event_marks->get()).size(); ++e) {
    const auto images = cells(cells(event_marks->get())[e]);
    const auto all_files = cells(event_files->get());
    const auto files = e < all_files.size() ? cells(all_files[e]) : std::span<matvar_t* const>();
    for (std::size_t i = 0; i < images.size(); ++i, ++next) {
      const std::string name = i < files.size() ? text_of(files[i]) : std::string();
      if (next >= truth.images.size() || !truth.images[next].name.ends_with('/' + name)) {
        return Error{ErrorCode::kFormat, path + ": event " + std::to_string(e + 1) + ", image " +
                                             std::to_string(i + 1) +
                                             ": expected the images of wider_face_val.mat, "
                                             "in the same order"};
      }
      WiderImage& image = truth.images[next];
      for (const double mark : numbers_of(images[i])) {
        if (mark >= 1 && mark <= static_cast<double>(image.faces.size()) && mark == std::floor(mark)) {
          WiderFace& face = image.faces[static_cast<std::size_t>(mark) - 1];
          if (!face.unusable) face.subsets |= 1u << subset;
        } else {
          truth.problems.push_back(
              {path, 0,
               image.name + ": marks face " + show(mark) + " of " + std::to_string(image.faces.size())});
          ++truth.left_out;
        }
      }
    }
  }
  if (next != truth.images.size()) {
    return Error{ErrorCode::kFormat, path + ": lists " + std::to_string(next) + " images, expected the " +
                                         std::to_string(truth.images.size()) + " of wider_face_val.mat"};
  }
  return std::monostate{};
}

Result<WiderTruth> read_mat_folder(const std::string& folder) {
  WiderTruth truth;
  truth.subsets = kSubsets;
  truth.file = (fs::path(folder) / "wider_face_val.mat").string();
  if (const Status status = read_faces(truth.file, truth); !status) return status.error();
  for (std::size_t s = 0; s < kSubsets.size(); ++s) {
    const fs::path path = fs::path(folder) / ("wider_" + kSubsets[s] + "_val.mat");
    if (const Status status = read_subset(path.string(), s, truth); !status) return status.error();
  }
  return truth;
}

// Reading of the texts.

Result<WiderTruth> read_flags(const std::string& path) {
  auto blocks = read_blocks(path, kFlagColumns);
  if (!blocks) return blocks.error();
  WiderTruth truth;
  truth.subsets = kSubsets;
  truth.file = path;
  truth.problems = std::move(blocks->problems);
  truth.left_out = blocks->left_out;
  std::unordered_set<std::string> seen;
  for (const Block& block : blocks->blocks) {
    if (!seen.insert(block.name).second) {
      truth.problems.push_back({path, block.line, block.name + ": a second time, expected once"});
      truth.left_out += static_cast<std::int64_t>(block.rows.size());
      continue;
    }
    WiderImage image{block.name, {}, block.line};
    for (const BlockRow& row : block.rows) {
      const std::vector<double>& n = row.numbers;
      auto wrong = complaint_about(std::span(n).first(4));
      if (!wrong && std::any_of(n.begin() + 4, n.end(), [](double flag) { return flag != 0 && flag != 1; })) {
        wrong = "expected 0 or 1 in the columns easy, medium, hard";
      }
      if (wrong) {
        truth.problems.push_back({path, row.line, *wrong});
        ++truth.left_out;
        continue;
      }
      WiderFace face{{n[0], n[1], n[2], n[3]}, 0};
      for (std::size_t s = 0; s < kSubsets.size(); ++s) face.subsets |= n[4 + s] == 1 ? 1u << s : 0u;
      image.faces.push_back(face);
    }
    truth.images.push_back(std::move(image));
  }
  return truth;
}

Result<WiderTruth> read_bbx_gt(const std::string& path) {
  auto labels = read_labels("wider", path);
  if (!labels) return labels.error();
  if (labels->images.empty()) {
    return Error{ErrorCode::kFormat,
                 path + ": no images, expected WIDER FACE's ground truth: " +
                     (labels->problems.empty() ? "the file is empty" : labels->problems[0].text())};
  }
  WiderTruth truth;
  truth.subsets = {"all"};
  truth.file = path;
  truth.left_out = static_cast<std::int64_t>(labels->left_out);
  truth.problems = std::move(labels->problems);
  for (const LabelledImage& labelled : labels->images) {
    WiderImage image{image_name(labelled.path), {}, labelled.line};
    for (const LabelledFace& face : labelled.faces) {
      const double left = face.box.left, top = face.box.top;
      image.faces.push_back(
          {{left, top, face.box.right - left, face.box.bottom - top}, face.ignore ? 0u : 1u});
    }
    truth.images.push_back(std::move(image));
  }
  return truth;
}

// Whether more rows have the seven columns of the flags than those of a bbx_gt text; the first that has either decides a tie.
Result<bool> has_flags(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return text.error();
  std::size_t with_flags = 0, without = 0;
  bool first = false;
  for (const Line& line : split_lines(*text)) {
    const auto numbers = parse_numbers(line.text);
    if (!numbers) continue;
    const bool flags = numbers->size() == kFlagColumns[0];
    if (!flags && numbers->size() != 4 && numbers->size() != 10) continue;
    if (with_flags + without == 0) first = flags;
    ++(flags ? with_flags : without);
  }
  return with_flags > without || (with_flags == without && first);
}

// Matching.

// The official overlap: intersection over union of boxes whose last pixels, at x + w and y + h,
// belong to them. In double and in that order of operations, unlike geometry/box.h: WIDER's boxes
// have whole numbers, overlaps of exactly one half occur, and the last bit then decides.
double official_overlap(const Rectangle& a, const Rectangle& b) {
  const double a_right = a.x + a.width, a_bottom = a.y + a.height;
  const double b_right = b.x + b.width, b_bottom = b.y + b.height;
  const double width = std::min(a_right, b_right) - std::max(a.x, b.x) + 1;
  const double height = std::min(a_bottom, b_bottom) - std::max(a.y, b.y) + 1;
  if (!(width > 0 && height > 0)) return 0;
  const double shared = width * height;
  return shared /
         ((a_right - a.x + 1) * (a_bottom - a.y + 1) + (b_right - b.x + 1) * (b_bottom - b.y + 1) - shared);
}

struct Tally {
  std::int64_t proposals = 0;
  std::int64_t found = 0;
};

// Adds what an image's detections, best score first, give at every threshold to `tallies`.
// `overlapped`: the face that each detection overlaps by enough, or -1.
void add_image(const WiderImage& image, std::size_t subset, std::span<const int> overlapped,
               std::span<const double> scores, std::vector<Tally>& tallies) {
  std::vector<bool> is_found(image.faces.size());
  Tally tally;
  std::size_t next = 0;
  for (int t = 0; t < kThresholds; ++t) {
    const double threshold = 1 - static_cast<double>(t + 1) / kThresholds;
    for (; next < scores.size() && scores[next] >= threshold; ++next) {
      if (overlapped[next] < 0) {
        ++tally.proposals;
        continue;
      }
      const auto face = static_cast<std::size_t>(overlapped[next]);
      if (!(image.faces[face].subsets >> subset & 1)) continue;
      ++tally.proposals;
      tally.found += !is_found[face];
      is_found[face] = true;
    }
    tallies[static_cast<std::size_t>(t)].proposals += tally.proposals;
    tallies[static_cast<std::size_t>(t)].found += tally.found;
  }
}

void finish(std::span<const Tally> tallies, WiderResult::Subset& subset) {
  std::vector<double> precision, recall;
  const auto ratio = [](std::int64_t a, double b) { return b > 0 ? static_cast<double>(a) / b : 0; };
  for (std::size_t t = 0; t < tallies.size(); ++t) {
    const Tally& tally = tallies[t];
    precision.push_back(ratio(tally.found, static_cast<double>(tally.proposals)));
    recall.push_back(ratio(tally.found, static_cast<double>(subset.faces)));
    subset.curve.push_back({1 - static_cast<double>(t + 1) / kThresholds, tally.proposals, tally.found,
                            precision.back(), recall.back()});
  }
  subset.average_precision = area_under_envelope(precision, recall);
  subset.recall = recall.back();
}

}  // namespace

Result<WiderTruth> read_wider_truth(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return read_mat_folder(path);
  const auto flags = has_flags(path);
  if (!flags) return flags.error();
  return *flags ? read_flags(path) : read_bbx_gt(path);
}

WiderResult evaluate_wider(const WiderTruth& truth, const DetectionSet& detections,
                           const WiderOptions& options) {
  WiderResult result;
  result.problems = truth.problems;
  result.problems.insert(result.problems.end(), detections.problems.begin(), detections.problems.end());
  result.left_out = truth.left_out + detections.left_out;
  result.restricted_to_list = options.images.has_value();
  result.only_with_detections = options.only_with_detections;
  for (const std::string& name : truth.subsets) result.subsets.push_back({name, 0, 0, 0, {}});

  std::unordered_map<std::string, const DetectedImage*> by_name;
  for (const DetectedImage& image : detections.images) by_name.emplace(image.name, &image);
  std::unordered_set<std::string> known, wanted;
  for (const WiderImage& image : truth.images) known.insert(image.name);
  if (options.images) {
    for (const ListedImage& image : *options.images) {
      wanted.insert(image.name);
      if (!known.count(image.name)) {
        result.problems.push_back(
            {image.file, image.line, image.name + ": no such image in the ground truth, not evaluated"});
      }
    }
  }
  for (const DetectedImage& image : detections.images) {
    if (known.count(image.name)) continue;
    result.problems.push_back(
        {image.file, image.line, image.name + ": no such image in the ground truth, left out"});
    result.left_out += static_cast<std::int64_t>(image.detections.size());
  }

  struct Pair {
    const WiderImage* image;
    std::vector<Detection> detections;  // best score first
  };
  std::vector<Pair> pairs;
  std::vector<Problem> missing;
  double lowest = 1, highest = 0;
  for (const WiderImage& image : truth.images) {
    const auto found = by_name.find(image.name);
    if ((options.images && !wanted.count(image.name)) ||
        (options.only_with_detections && found == by_name.end())) {
      ++result.images_excluded;
      continue;
    }
    ++result.images;
    result.labelled_faces += static_cast<std::size_t>(std::count_if(
        image.faces.begin(), image.faces.end(), [](const WiderFace& face) { return !face.unusable; }));
    for (std::size_t s = 0; s < result.subsets.size(); ++s) {
      result.subsets[s].faces += static_cast<std::size_t>(
          std::count_if(image.faces.begin(), image.faces.end(),
                        [&](const WiderFace& face) { return face.subsets >> s & 1; }));
    }
    if (found == by_name.end()) {
      ++result.images_not_listed;
      if (!detections.failed.contains(image.name)) {
        missing.push_back(missing_image(truth.file, image.line, image.name, options.run));
      }
      continue;
    }
    if (found->second->detections.empty()) {
      ++result.images_empty;
      continue;
    }
    Pair pair{&image, found->second->detections};
    result.detections += pair.detections.size();
    std::stable_sort(pair.detections.begin(), pair.detections.end(),
                     [](const Detection& a, const Detection& b) { return a.score > b.score; });
    lowest = std::min(lowest, pair.detections.back().score);
    highest = std::max(highest, pair.detections.front().score);
    pairs.push_back(std::move(pair));
  }
  // Of a run of other images that is said once, by whoever shows it.
  if (result.any_listed()) result.problems.insert(result.problems.end(), missing.begin(), missing.end());
  result.lowest_score = lowest;
  result.highest_score = highest;

  std::vector<std::vector<Tally>> tallies(result.subsets.size(), std::vector<Tally>(kThresholds));
  for (const Pair& pair : pairs) {
    // An image without labelled faces is left out by the official code: no proposals.
    if (pair.image->faces.empty()) continue;
    std::vector<int> overlapped;
    std::vector<double> scores;
    for (const Detection& detection : pair.detections) {
      double best = 0;
      int best_face = -1;
      for (std::size_t f = 0; f < pair.image->faces.size(); ++f) {
        const double shared = official_overlap(detection.box, pair.image->faces[f].box);
        if (shared > best) {
          best = shared;
          best_face = static_cast<int>(f);
        }
      }
      overlapped.push_back(best >= kFound ? best_face : -1);
      scores.push_back(highest > lowest ? (detection.score - lowest) / (highest - lowest) : 1);
    }
    for (std::size_t s = 0; s < result.subsets.size(); ++s) {
      add_image(*pair.image, s, overlapped, scores, tallies[s]);
    }
  }
  for (std::size_t s = 0; s < result.subsets.size(); ++s) finish(tallies[s], result.subsets[s]);
  return result;
}

void to_json(nlohmann::ordered_json& json, const WiderResult& result) {
  using Json = nlohmann::ordered_json;
  json = Json::object();
  Json faces = Json::object(), recalls = Json::object(), curves = Json::object(), problems = Json::array();
  for (const WiderResult::Subset& subset : result.subsets) {
    const auto share = [&](double value) {
      return subset.faces > 0 && result.any_listed() ? Json(value) : Json();
    };
    json[subset.name] = share(subset.average_precision);
    faces[subset.name] = subset.faces;
    recalls[subset.name] = share(subset.recall);
    Json precision = Json::array(), recall = Json::array();
    for (const WiderResult::CurvePoint& point : subset.curve) {
      if (!result.any_listed()) break;
      precision.push_back(point.precision);
      recall.push_back(point.recall);
    }
    curves[subset.name] = {{"precision", std::move(precision)}, {"recall", std::move(recall)}};
  }
  for (const Problem& problem : result.problems) problems.push_back(problem.text());
  json["faces"] = std::move(faces);
  json["recall"] = std::move(recalls);
  json["images"] = result.images;
  json["images_excluded"] = result.images_excluded;
  json["images_without_file"] = result.images_not_listed;
  json["images_without_detections"] = result.images_empty;
  json["labelled_faces"] = result.labelled_faces;
  json["detections"] = result.detections;
  json["left_out"] = result.left_out;
  json["settings"] = {{"restricted_to_list", result.restricted_to_list},
                      {"only_with_detections", result.only_with_detections},
                      {"lowest_score", result.lowest_score},
                      {"highest_score", result.highest_score}};
  json["curves"] = std::move(curves);
  json["problems"] = std::move(problems);
}

}  // namespace mtcnn
