// Where recognition networks expect the five points.
#ifndef MTCNN_ALIGN_TEMPLATES_H_
#define MTCNN_ALIGN_TEMPLATES_H_

#include <span>

#include "mtcnn/types.h"

namespace mtcnn {

struct AlignTemplate {
  Size size;         // of the crop, in pixels; no two templates share one
  Landmarks points;  // in edges, as all coordinates (mtcnn/types.h)
};

// All templates. The first, a square, is the one that other sizes are derived from.
std::span<const AlignTemplate> align_templates();

}  // namespace mtcnn

#endif  // MTCNN_ALIGN_TEMPLATES_H_
