#include "mtcnn/align.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>

#include "align/templates.h"
#include "geometry/similarity.h"
#include "image/view.h"
#include "image/warp.h"
#include "util/out_of_memory.h"

namespace mtcnn {
namespace {

constexpr int kMinSide = 8;
constexpr int kMaxSide = 4096;
constexpr float kMaxMargin = 2;

// A template's points moved from the middle of its crop to the middle of another, and scaled there.
Landmarks moved(const AlignTemplate& from, Size to, float scale) {
  Landmarks points = from.points;
  for (Point& point : points) {
    point.x =
        (point.x - .5f * static_cast<float>(from.size.width)) * scale + .5f * static_cast<float>(to.width);
    point.y =
        (point.y - .5f * static_cast<float>(from.size.height)) * scale + .5f * static_cast<float>(to.height);
  }
  return points;
}

}  // namespace

Result<Landmarks> alignment_template(const AlignOptions& options) {
  const Size size = options.size;
  const auto in_range = [](int side) { return side >= kMinSide && side <= kMaxSide; };
  if (!in_range(size.width) || !in_range(size.height)) {
    return Error{ErrorCode::kInvalidArgument, "align size: is " + std::to_string(size.width) + " x " +
                                                  std::to_string(size.height) + ", expected sides of " +
                                                  std::to_string(kMinSide) + " to " +
                                                  std::to_string(kMaxSide) + " pixels"};
  }
  // Written so that NaN fails too.
  if (!(options.margin >= 0 && options.margin <= kMaxMargin)) {
    return Error{ErrorCode::kInvalidArgument,
                 "align margin: is " + std::to_string(options.margin) + ", expected 0 to 2"};
  }
  const float view = 1 + 2 * options.margin;
  for (const AlignTemplate& candidate : align_templates()) {
    if (candidate.size == size) return moved(candidate, size, 1 / view);
  }
  const AlignTemplate& base = align_templates().front();
  const float scale =
      static_cast<float>(std::min(size.width, size.height)) / static_cast<float>(base.size.width);
  return moved(base, size, scale / view);
}

Result<AlignedCrop> align(const ImageView& image, const Landmarks& landmarks,
                          const AlignOptions& options) try {
  const Result<Landmarks> points = alignment_template(options);
  if (!points) return points.error();
  const Status status = check_view(image);
  if (!status) return status.error();
  const Result<Similarity> fit = fit_similarity(landmarks, *points);
  if (!fit) return fit.error();

  AlignedCrop crop;
  crop.width = options.size.width;
  crop.height = options.size.height;
  crop.to_crop = *fit;
  crop.to_image = inverse(*fit);
  crop.rgb.resize(std::size_t{3} * static_cast<std::size_t>(crop.width) *
                  static_cast<std::size_t>(crop.height));
  warp(image, crop.to_image, options.size, std::span<const std::uint8_t, 3>(options.fill), crop.rgb.data());
  return crop;
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

}  // namespace mtcnn
