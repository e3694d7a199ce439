// Label files and files of detections: whatever is in one, its reader gives an error that says why, or faces
// and detections that can be measured, with problems that name a line of it. The first byte chooses the reader.
// The .mat files are not among them: eval/wider.h says why.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "datasets/labels.h"
#include "eval/boxes.h"
#include "eval/detections.h"
#include "eval/fddb.h"
#include "eval/wider.h"
#include "util/file.h"

namespace {

using namespace mtcnn;

// A folder of our own, in memory where there is such a place.
std::string make_folder() {
  std::string name = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
  name += "/fuzz-labels-XXXXXX";
  if (!mkdtemp(name.data())) std::abort();
  static std::string folder;  // to be removed at the end
  folder = name;
  std::filesystem::create_directory(folder + "/detections");
  if (!write_file(folder + "/input.png", {})) std::abort();  // YOLO's image; its size is given
  std::atexit([] { std::filesystem::remove_all(folder); });
  return folder;
}

void require(bool holds) {
  if (!holds) std::abort();
}

// The line after the last is one that should be there.
void check(const std::vector<Problem>& problems, std::size_t lines) {
  for (const Problem& problem : problems) {
    require(!problem.what.empty() && problem.line >= 0 &&
            static_cast<std::size_t>(problem.line) <= lines + 1);
  }
}

bool finite(const Box& box) { return std::isfinite(box.width() + box.height() + box.left + box.top); }

void check_labels(const LabelFormat& format, const std::string& path, const std::string& folder,
                  std::size_t lines) {
  LabelOptions options;
  options.images = folder;
  options.known_sizes = [](const std::vector<std::string>& names) {
    return std::vector<std::optional<Size>>(names.size(), Size{100, 80});
  };
  const auto set = read_labels(format.name, path, options);
  if (!set) return require(!set.error().message.empty());
  check(set->problems, lines);
  std::vector<std::vector<BoxDetection>> detections;
  for (const LabelledImage& image : set->images) {
    std::vector<BoxDetection>& found = detections.emplace_back();
    for (const LabelledFace& face : image.faces) {
      require(finite(face.box) && face.box.width() > 0 && face.box.height() > 0);
      if (face.landmarks) {
        for (const Point& point : *face.landmarks) require(std::isfinite(point.x) && std::isfinite(point.y));
      }
      found.push_back({face.box, .5f});
    }
  }
  const BoxResult result = evaluate_boxes(set->images, detections);
  require(result.average_precision >= 0 && result.average_precision <= 1 + 1e-9);
}

// Detections and truth are both made from the input; for what it does not have, there is one face.
void check_wider(const std::string& folder, const std::string& path, bool is_truth, std::size_t lines) {
  WiderTruth truth{{"all"}, {{"input", {{{10, 10, 20, 20}, 1}}}}, {}, 0};
  DetectionSet found;
  found.images = {{"input", {{{10, 10, 20, 20}, .5}}}};
  if (is_truth) {
    auto read = read_wider_truth(path);
    if (!read) return require(!read.error().message.empty());
    truth = std::move(*read);
    check(truth.problems, lines);
  } else {
    auto read = read_wider_detections(folder + "/detections");
    if (!read) return require(!read.error().message.empty());
    found = std::move(*read);
    check(found.problems, lines);
  }
  for (const WiderResult::Subset& subset : evaluate_wider(truth, found).subsets) {
    require(subset.average_precision >= 0 && subset.average_precision <= 1 + 1e-9);
  }
}

void check_fddb(const std::string& path, bool is_truth, std::size_t lines) {
  FddbTruth truth{{"fold"}, {{"a", 0, {{{30, 20, 1.5, 40, 40}}}}}, {}, 0};
  DetectionSet found;
  found.images = {{"a", {{{20, 10, 40, 60}, .5}}}};
  if (is_truth) {
    auto read = read_fddb_truth(path);
    if (!read) return require(!read.error().message.empty());
    truth = std::move(*read);
    check(truth.problems, lines);
  } else {
    auto read = read_fddb_detections(path);
    if (!read) return require(!read.error().message.empty());
    found = std::move(*read);
    check(found.problems, lines);
  }
  FddbOptions options;
  // Where the input is about ellipses of great size, drawing them takes the time.
  options.assumed_size = Size{100, 80};
  for (const FddbResult::RocPoint& point : evaluate_fddb(truth, found, options).curve) {
    require(point.discrete >= 0 && point.discrete <= 1 && point.continuous >= 0 &&
            point.continuous <= 1 + 1e-9);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const std::string folder = make_folder();
  const std::span<const LabelFormat> formats = label_formats();
  const std::span<const std::byte> text(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  const std::size_t lines = 1 + static_cast<std::size_t>(std::count(data + 1, data + size, '\n'));
  const std::size_t reader = data[0] % (formats.size() + 5);
  const std::size_t other = reader - std::min(reader, formats.size());
  const bool is_detections = reader >= formats.size() && other == 0;
  const std::string path = folder + (is_detections ? "/detections/input.txt" : "/input");
  require(write_file(path, text).ok());
  if (reader < formats.size()) {
    check_labels(formats[reader], path, folder, lines);
  } else if (other < 2) {
    check_wider(folder, path, other == 1, lines);
  } else if (other < 4) {
    check_fddb(path, other == 3, lines);
  } else {
    const auto names = read_image_list(path);
    require(names.ok() ? !names->empty() : !names.error().message.empty());
  }
  return 0;
}
