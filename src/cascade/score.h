// From the two logits of a net to the probability of a face.
#ifndef MTCNN_CASCADE_SCORE_H_
#define MTCNN_CASCADE_SCORE_H_

#include <algorithm>
#include <cmath>

namespace mtcnn {

// Softmax of (background, face).
inline float face_probability(float background, float face) {
  const float most = std::max(background, face);
  const float e_background = std::exp(background - most);
  const float e_face = std::exp(face - most);
  return e_face / (e_background + e_face);
}

// A bound to sort out most cells without an exponential: wherever face - background is less than
// this, the probability is less than `threshold`.
inline float logit_bound(float threshold) {
  // The margin covers the rounding of face_probability(); towards 1 it saturates.
  if (threshold <= 0) return -HUGE_VALF;
  const double logit = std::log(threshold / (1 - std::min<double>(threshold, .999999)));
  return static_cast<float>(std::min(logit, 10.0) - .01);
}

}  // namespace mtcnn

#endif  // MTCNN_CASCADE_SCORE_H_
