// Points of faces that the cascade did not find: O-Net is shown a window that the caller chooses, the labelled box
// or, as in MTCNN's paper where detection fails, the middle of the picture.
#ifndef MTCNN_EVAL_ONET_POINTS_H_
#define MTCNN_EVAL_ONET_POINTS_H_

#include <memory>

#include "mtcnn/detector.h"
#include "mtcnn/model.h"
#include "mtcnn/result.h"
#include "mtcnn/types.h"

namespace mtcnn {

// The largest square in the middle of a picture of this size.
Box central_square(Size size);

// Immutable; any number of threads may call points() at the same time.
class OnetPoints {
 public:
  // Of `options`, mirror_landmarks, lnet and instruction_set count. Errors: those of
  // Detector::create().
  static Result<OnetPoints> create(const Model& model, const DetectorOptions& options = {});

  // The points that O-Net (and L-Net, if the options ask for it) gives when it is shown the square
  // around `box`, cut as the cascade cuts a window, whatever its score. Pixels of `image`. Errors: those
  // of Detector::detect(); kInvalidArgument for a box without area or beyond what can be cut.
  Result<Landmarks> points(const ImageView& image, const Box& box) const;

 private:
  struct Impl;
  explicit OnetPoints(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace mtcnn

#endif  // MTCNN_EVAL_ONET_POINTS_H_
