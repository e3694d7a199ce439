// Helpers of the public Similarity (mtcnn/align.h), whose fit_similarity() and inverse() are
// implemented beside them.
#ifndef MTCNN_GEOMETRY_SIMILARITY_H_
#define MTCNN_GEOMETRY_SIMILARITY_H_

#include <cmath>

#include "mtcnn/align.h"

namespace mtcnn {

// Length after the transform of what was one pixel long before.
inline double scale_of(const Similarity& transform) {
  return std::hypot(double{transform.a}, double{transform.b});
}

// Whether the transform and its inverse both fit a float: no NaN, no infinity, a scale above zero.
bool is_invertible(const Similarity& transform);

}  // namespace mtcnn

#endif  // MTCNN_GEOMETRY_SIMILARITY_H_
