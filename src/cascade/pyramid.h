// The image pyramid: the sizes at which P-Net looks at the image (paper, section II.A).
#ifndef MTCNN_CASCADE_PYRAMID_H_
#define MTCNN_CASCADE_PYRAMID_H_

#include <vector>

#include "geometry/cell_grid.h"
#include "mtcnn/types.h"

namespace mtcnn {

struct PyramidLevel {
  LevelScale scale;
  Size size;
};

// Levels for faces from min_face to max_face pixels (0: as large as the image allows), the largest
// level first: scales 12 / min_face * factor^k while the short side stays at 12 or more, each level
// ceil(side * scale) pixels (release). None for an image smaller than min_face; for one of exactly
// that size the release's order of operations, which is kept, decides by its rounding.
void pyramid_levels(Size image, double min_face, double max_face, double factor,
                    std::vector<PyramidLevel>& levels);

}  // namespace mtcnn

#endif  // MTCNN_CASCADE_PYRAMID_H_
