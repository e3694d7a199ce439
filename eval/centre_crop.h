// Points of faces that the cascade did not find: O-Net looks at the labelled box, as in MTCNN's
// paper, which takes the middle of the picture where detection fails ("centre crop").
#ifndef MTCNN_EVAL_CENTRE_CROP_H_
#define MTCNN_EVAL_CENTRE_CROP_H_

#include <memory>

#include "mtcnn/detector.h"
#include "mtcnn/model.h"
#include "mtcnn/result.h"
#include "mtcnn/types.h"

namespace mtcnn {

// Immutable; any number of threads may call points() at the same time.
class CentreCrop {
 public:
  // Of `options`, mirror_landmarks, lnet and instruction_set count. Errors: those of
  // Detector::create().
  static Result<CentreCrop> create(const Model& model, const DetectorOptions& options = {});

  // The points that O-Net (and L-Net, if the options ask for it) gives when it is shown the square
  // around `face`, cut as the cascade cuts a window, whatever its score. Pixels of `image`. Errors: those
  // of Detector::detect(); kInvalidArgument for a box without area or beyond what can be cut.
  Result<Landmarks> points(const ImageView& image, const Box& face) const;

 private:
  struct Impl;
  explicit CentreCrop(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace mtcnn

#endif  // MTCNN_EVAL_CENTRE_CROP_H_
