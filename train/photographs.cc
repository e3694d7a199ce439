#include "train/photographs.h"

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "datasets/labels.h"
#include "image/resample.h"
#include "kernels/kernels.h"
#include "train/fingerprint.h"

namespace mtcnn {
namespace {

constexpr std::size_t kNamed = 5;  // missing images, or labels that can't be used, that a message names

// What may be the reason that a set has no image.
std::string because(const std::vector<Problem>& problems) {
  std::string text;
  for (std::size_t i = 0; i < std::min(problems.size(), kNamed); ++i) {
    text += (i == 0 ? ". Left out: " : "; ") + problems[i].text();
  }
  return text + (problems.size() > kNamed ? "; ..." : "");
}

Pixels shrunk(Image image, int max_side) {
  Pixels pixels{std::move(image), {}, 1};
  Image& own = pixels.image;
  pixels.size = {own.width, own.height};
  const int longest = std::max(own.width, own.height);
  if (max_side == 0 || longest <= max_side) return pixels;
  pixels.scale = static_cast<double>(max_side) / longest;
  const auto side = [&](int pixels_there) {
    return std::max(1, static_cast<int>(pixels_there * pixels.scale));
  };
  Image small{side(own.width), side(own.height), {}};
  AxisTaps horizontal, vertical;
  // Rounded down: a part of a pixel is cut off, so that one scale holds for both axes.
  make_taps(0, small.width / pixels.scale, small.width, 0, small.width, own.width, horizontal);
  make_taps(0, small.height / pixels.scale, small.height, 0, small.height, own.height, vertical);
  const std::size_t values =
      std::size_t{3} * static_cast<std::size_t>(small.width) * static_cast<std::size_t>(small.height);
  std::vector<float> floats(values + kSlack);
  ResampleScratch scratch;
  resample(own.view(), horizontal, vertical, 0, 1, *find_kernels("auto"), scratch, floats.data());
  small.rgb.resize(values);
  std::transform(floats.begin(), floats.begin() + static_cast<std::ptrdiff_t>(values), small.rgb.begin(),
                 [](float value) { return static_cast<std::uint8_t>(std::clamp(value + .5f, 0.f, 255.f)); });
  own = std::move(small);
  return pixels;
}

}  // namespace

Box moved(const Box& box, const std::array<double, 4>& moves) {
  const auto part = [](double share, float side) { return static_cast<float>(share * side); };
  return {box.left + part(moves[0], box.width()), box.top + part(moves[1], box.height()),
          box.right + part(moves[2], box.width()), box.bottom + part(moves[3], box.height())};
}

Result<Photographs> read_photographs(std::span<const SetConfig> sets, double min_face) {
  Photographs photographs;
  for (const SetConfig& set : sets) {
    LabelOptions options;
    options.classes = set.classes;
    options.images = set.images;
    options.point_shift = static_cast<float>(set.point_shift);
    Result<Dataset> labels = read_labels(set.format, set.labels, options);
    if (!labels) return labels.error();
    if (!set.landmarks.empty()) {
      const Result<Dataset> points = read_labels(set.landmarks_format, set.landmarks, options);
      if (!points) return points.error();
      labels = join(std::move(*labels), *points);
    }
    const auto format = std::find_if(label_formats().begin(), label_formats().end(),
                                     [&](const LabelFormat& known) { return known.name == set.format; });
    const bool others =
        set.unlabelled_faces == "some" || (set.unlabelled_faces == "auto" && format->one_face);
    const int index = static_cast<int>(photographs.sets.size());
    photographs.sets.push_back(set);
    photographs.problems.insert(photographs.problems.end(), labels->problems.begin(), labels->problems.end());
    std::size_t used = 0, missing = 0;
    std::string first;
    for (LabelledImage& image : labels->images) {
      if (fnmatch(set.only.c_str(), image.path.c_str(), 0) != 0) continue;
      ++used;
      Photograph photograph{(std::filesystem::path(set.images) / image.path).string(), index, {}, {}};
      // That it is there, no more: decoding all would take minutes.
      std::error_code error;
      if (!std::filesystem::exists(photograph.file, error)) {
        if (++missing <= kNamed) first += (missing > 1 ? ", " : "") + image.path;
        continue;
      }
      photograph.incomplete = image.incomplete || others;
      for (LabelledFace& face : image.faces) {
        face.box = moved(face.box, set.box_moves);
        if (face.ignore || std::min(face.box.width(), face.box.height()) < min_face) {
          if (face.box.width() > 0 && face.box.height() > 0) photograph.ignored.push_back(face.box);
        } else {
          photograph.faces.push_back(face);
        }
      }
      photographs.list.push_back(std::move(photograph));
    }
    if (used == 0) {
      return Error{ErrorCode::kFormat, set.labels + ": no image" +
                                           (set.only == "*" ? "" : " that matches " + set.only) +
                                           because(labels->problems)};
    }
    if (missing == used) {
      return Error{ErrorCode::kIo, "set \"" + set.name + "\": none of its " + std::to_string(used) +
                                       " images is in " + set.images + " (" + first +
                                       (missing > kNamed ? ", ..." : "") + "): is that its folder?" +
                                       because(labels->problems)};
    }
    if (missing > 0) {
      photographs.missing.push_back("set \"" + set.name + "\": " + std::to_string(missing) + " of its " +
                                    std::to_string(used) + " images are not in " + set.images + ": " + first +
                                    (missing > kNamed ? ", ..." : ""));
    }
  }
  return photographs;
}

std::uint64_t fingerprint(const Photographs& photographs) {
  Fingerprint hash;
  const auto add_box = [&](const Box& box) {
    for (const float edge : {box.left, box.top, box.right, box.bottom}) hash.add(edge);
  };
  hash.add(photographs.list.size());
  for (const Photograph& photograph : photographs.list) {
    // Wherever the set lies.
    const std::filesystem::path images = photographs.sets[static_cast<std::size_t>(photograph.set)].images;
    hash.add(std::filesystem::path(photograph.file).lexically_relative(images).string());
    hash.add(photograph.set);
    hash.add(photograph.incomplete);
    hash.add(photograph.faces.size());
    for (const LabelledFace& face : photograph.faces) {
      add_box(face.box);
      hash.add(face.guessed_box);
      hash.add(face.landmarks.has_value());
      if (!face.landmarks) continue;
      for (const Point& point : *face.landmarks) {
        hash.add(point.x);
        hash.add(point.y);
      }
    }
    hash.add(photograph.ignored.size());
    for (const Box& box : photograph.ignored) add_box(box);
  }
  return hash.value();
}

Result<std::shared_ptr<const Pixels>> ImageCache::get(const std::string& file) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(file); found != entries_.end()) {
      order_.splice(order_.begin(), order_, found->second.used);
      return found->second.pixels;
    }
    if (const auto failed = failures_.find(file); failed != failures_.end()) return failed->second;
  }
  Result<Image> image = load_image(file);
  const std::lock_guard lock(mutex_);
  if (!image) {
    failures_.emplace(file, image.error());
    return image.error();
  }
  auto shared = std::make_shared<const Pixels>(shrunk(std::move(*image), max_side_));
  ++decoded_;
  // Another thread may have been faster.
  if (const auto found = entries_.find(file); found != entries_.end()) return found->second.pixels;
  order_.push_front(file);
  bytes_ += shared->image.rgb.size();
  entries_.emplace(file, Entry{shared, order_.begin()});
  while (bytes_ > limit_ && order_.size() > 1) {
    const auto oldest = entries_.find(order_.back());
    bytes_ -= oldest->second.pixels->image.rgb.size();
    entries_.erase(oldest);
    order_.pop_back();
  }
  return shared;
}

std::vector<std::string> ImageCache::failures() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> list;
  for (const auto& [file, error] : failures_) list.push_back(error.message);
  std::sort(list.begin(), list.end());
  return list;
}

std::size_t ImageCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t ImageCache::decoded() const {
  const std::lock_guard lock(mutex_);
  return decoded_;
}

}  // namespace mtcnn
