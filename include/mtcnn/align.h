#ifndef MTCNN_ALIGN_H_
#define MTCNN_ALIGN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mtcnn/export.h"
#include "mtcnn/result.h"
#include "mtcnn/types.h"

namespace mtcnn {

// x' = a x - b y + tx,  y' = b x + a y + ty: rotation, one scale, shift; no mirroring.
struct Similarity {
  float a = 1;
  float b = 0;
  float tx = 0;
  float ty = 0;
  Point apply(Point p) const { return {a * p.x - b * p.y + tx, b * p.x + a * p.y + ty}; }
};

// The transform backwards. Requires a scale that is not zero.
MTCNN_EXPORT Similarity inverse(const Similarity& transform);

// The similarity that moves `from` onto `to` with the least sum of squared distances (Umeyama 1991
// without mirroring, in closed form). Errors: kInvalidArgument if the points coincide or are not
// finite, if no rotation fits better than another, or if the scale is beyond a float.
MTCNN_EXPORT Result<Similarity> fit_similarity(const Landmarks& from, const Landmarks& to);

struct AlignOptions {
  // Size of the crop. 112 x 112, 96 x 112 and 160 x 160 have templates of their own; any other size
  // gets the 112 x 112 one, scaled to the shorter side and centred.
  Size size{112, 112};
  // Widens the view: the template shrinks towards the middle, so that `margin` times the crop's
  // size is added on every side. 0: the template as it is; .25: half as much again in all.
  float margin = 0;
  // Value of the pixels that lie outside the image, RGB.
  std::uint8_t fill[3] = {0, 0, 0};
};

struct AlignedCrop {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  // height x width x 3, no padding between rows
  Similarity to_crop;             // pixels of the image -> pixels of the crop
  Similarity to_image;            // and back
  ImageView view() const {
    return {rgb.data(), width, height, std::ptrdiff_t{3} * width, PixelFormat::kRgb8};
  }
};

// Where the five points lie in a crop of these options, in pixels of the crop.
// Errors: kInvalidArgument for a size outside 8 to 4096 or a margin outside 0 to 2.
MTCNN_EXPORT Result<Landmarks> alignment_template(const AlignOptions& options = {});

// Cuts the face with these landmarks (pixels of `image`) out of `image`, turned upright and scaled
// onto the template: bilinear, averaged over each crop pixel's area where the crop shrinks the face.
// Errors: those of alignment_template() and fit_similarity(); kInvalidArgument for a bad view; kLimit
// above 2^28 pixels; kOutOfMemory.
MTCNN_EXPORT Result<AlignedCrop> align(const ImageView& image, const Landmarks& landmarks,
                                       const AlignOptions& options = {});

}  // namespace mtcnn

#endif  // MTCNN_ALIGN_H_
