// Settings are floats, JSON's numbers doubles.
#ifndef MTCNN_EVAL_DECIMAL_H_
#define MTCNN_EVAL_DECIMAL_H_

#include <charconv>
#include <limits>

namespace mtcnn {

// The double of the fewest digits that reads back as this float: .4, not .4000000059604645. What is not finite
// stays so.
inline double decimal(float value) {
  if (!(value >= std::numeric_limits<float>::lowest() && value <= std::numeric_limits<float>::max()))
    return value;
  char text[32];  // the longest is -1.17549435e-38
  const char* const end = std::to_chars(text, text + sizeof text, value).ptr;
  double result = 0;
  std::from_chars(text, end, result);
  return result;
}

}  // namespace mtcnn

#endif  // MTCNN_EVAL_DECIMAL_H_
