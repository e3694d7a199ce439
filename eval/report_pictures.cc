#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <utility>

#include "codecs/image_io.h"
#include "eval/html.h"
#include "eval/report.h"
#include "geometry/box.h"
#include "image/warp.h"

namespace mtcnn {
namespace {

constexpr int kSide = 160;
// The cut's side over the box's: as much again on every side tells what the detector saw.
constexpr float kContext = 2.5f;
// Of the cut, so that a face of a few pixels is not shown as a few squares.
constexpr float kLeastCut = 24;
constexpr std::size_t kMostOfAnImage = 2;
constexpr std::array<std::uint8_t, 3> kOutside{128, 128, 128};

std::string text_of(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

struct Cut {
  Image pixels;
  Similarity to_image;

  Point moved(Point point) const { return inverse(to_image).apply(point); }
  Box moved(const Box& box) const {
    const Point from = moved(Point{box.left, box.top}), to = moved(Point{box.right, box.bottom});
    return {from.x, from.y, to.x, to.y};
  }
  bool shows(const Box& box) const {
    const float side = static_cast<float>(kSide);
    return intersection(moved(box), {0, 0, side, side}) > 0;
  }
};

// The square around the box, moved into the image as far as it fits.
Cut cut_out(const Image& image, const Box& box) {
  const float side = std::max(kContext * std::max(box.width(), box.height()), kLeastCut);
  const auto start = [side](float low, float high, int limit) {
    const float centred = (low + high - side) / 2;
    const float room = static_cast<float>(limit) - side;
    return room < 0 ? centred : std::clamp(centred, 0.f, room);
  };
  Cut cut;
  cut.to_image.a = side / static_cast<float>(kSide);
  cut.to_image.tx = start(box.left, box.right, image.width);
  cut.to_image.ty = start(box.top, box.bottom, image.height);
  cut.pixels = {kSide, kSide, std::vector<std::uint8_t>(std::size_t{3} * kSide * kSide)};
  warp(image.view(), cut.to_image, {kSide, kSide}, kOutside, cut.pixels.rgb.data());
  return cut;
}

// One to be shown: the place of an image, and of the face or the detection there.
struct Chosen {
  std::size_t image = 0, index = 0;
};

// The first `most` of a list that is sorted, worst first.
template <typename List, typename Index>
std::vector<Chosen> choose(const List& list, std::size_t most, const Index& index) {
  std::vector<Chosen> chosen;
  std::map<std::size_t, std::size_t> of_image;
  for (const auto& entry : list) {
    if (chosen.size() == most) break;
    if (++of_image[entry.image] <= kMostOfAnImage) chosen.push_back({entry.image, index(entry)});
  }
  return chosen;
}

// The cut around `box` of this photograph; none, and a problem, if it can't be had.
std::optional<Cut> add_picture(const std::string& path, const Box& box, ReportPicture::Kind kind,
                               const LoadImage& load, ReportPictures& report) {
  const auto problem = [&](const Error& error) {
    report.problems.push_back({path, 0, "no picture of it: " + error.message});
    return std::nullopt;
  };
  const Result<Image> image = load(path);
  if (!image) return problem(image.error());
  Cut cut = cut_out(*image, box);
  const Result<std::vector<std::byte>> jpeg = encode_image(cut.pixels.view(), ".jpg");
  if (!jpeg) return problem(jpeg.error());
  ReportPicture& picture = report.pictures.emplace_back();
  picture.kind = kind;
  picture.image = path;
  picture.jpeg = base64(*jpeg);
  picture.side = kSide;
  picture.box = cut.moved(box);
  return cut;
}

}  // namespace

ReportPictures worst_pictures(std::span<const LabelledImage> images,
                              std::span<const std::vector<BoxDetection>> detections, const BoxResult& result,
                              const LoadImage& load, std::size_t most) {
  ReportPictures report;
  const auto add = [&](const Chosen& at, ReportPicture::Kind kind) {
    const LabelledImage& labelled = images[at.image];
    const std::vector<BoxDetection>& detected = detections[at.image];
    const bool miss = kind == ReportPicture::Kind::kMiss;
    const Box& box = miss ? labelled.faces[at.index].box : detected[at.index].box;
    const std::optional<Cut> made = add_picture(labelled.path, box, kind, load, report);
    if (!made) return;
    const Cut& cut = *made;
    ReportPicture& picture = report.pictures.back();
    // How near the other side came: a face may be missed because the box on it is too loose.
    float nearest = 0;
    for (std::size_t f = 0; f < labelled.faces.size(); ++f) {
      const Box& other = labelled.faces[f].box;
      if (!miss) nearest = std::max(nearest, iou(box, other));
      if (!(miss && f == at.index) && cut.shows(other)) picture.labelled.push_back(cut.moved(other));
    }
    for (std::size_t d = 0; d < detected.size(); ++d) {
      const Box& other = detected[d].box;
      if (miss) nearest = std::max(nearest, iou(box, other));
      if (!(!miss && d == at.index) && cut.shows(other)) picture.detected.push_back(cut.moved(other));
    }
    picture.caption =
        (miss ? text_of(face_size(box), 0) + " px" : "score " + text_of(detected[at.index].score, 3)) +
        ", IoU " + text_of(nearest, 2);
  };

  std::vector<BoxResult::Miss> missed = result.missed;
  const auto size_of = [&](const BoxResult::Miss& miss) {
    return face_size(images[miss.image].faces[miss.face].box);
  };
  std::stable_sort(missed.begin(), missed.end(), [&](const BoxResult::Miss& a, const BoxResult::Miss& b) {
    return size_of(a) > size_of(b);
  });
  for (const Chosen& at : choose(missed, most, [](const BoxResult::Miss& miss) { return miss.face; })) {
    add(at, ReportPicture::Kind::kMiss);
  }
  for (const Chosen& at : choose(result.false_positives, most,
                                 [](const BoxResult::FalsePositive& wrong) { return wrong.detection; })) {
    add(at, ReportPicture::Kind::kFalsePositive);
  }
  return report;
}

ReportPictures worst_points(std::span<const LabelledImage> images,
                            std::span<const std::vector<LandmarkPrediction>> predictions,
                            const LandmarkResult& result, const LoadImage& load, std::size_t most) {
  ReportPictures report;
  std::map<std::pair<std::size_t, std::size_t>, double> errors;
  for (const LandmarkResult::FaceError& one : result.errors) errors[{one.image, one.face}] = one.error;
  for (const Chosen& at :
       choose(result.errors, most, [](const LandmarkResult::FaceError& error) { return error.face; })) {
    const LabelledFace& face = images[at.image].faces[at.index];
    const LandmarkPrediction& found = predictions[at.image][at.index];
    const std::optional<Cut> cut =
        add_picture(images[at.image].path, face.box, ReportPicture::Kind::kPoints, load, report);
    if (!cut) continue;
    ReportPicture& picture = report.pictures.back();
    for (const Point& point : *face.landmarks) picture.labelled_points.push_back(cut->moved(point));
    for (const Point& point : *found.points) picture.detected_points.push_back(cut->moved(point));
    picture.caption = text_of(100 * errors[{at.image, at.index}], 1) + " %, " +
                      (found.read_off ? "not detected, points by O-Net" : "detected");
  }
  return report;
}

}  // namespace mtcnn
