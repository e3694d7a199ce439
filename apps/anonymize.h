// Faces made unrecognisable.
#ifndef MTCNN_APPS_ANONYMIZE_H_
#define MTCNN_APPS_ANONYMIZE_H_

#include "codecs/image_io.h"
#include "mtcnn/types.h"

namespace mtcnn {

enum class Cover { kBlur, kPixelate, kBlack };

// Covers what of `image` lies in `box`, enlarged on each side by `margin` of its width and height: an ellipse for kBlur, a
// rectangle for the others. What is left of the face does not depend on its size: a blur as wide as a sixth of it, or eight
// cells across. Nothing happens to a box outside the image, or that is not a number.
void anonymize(Image& image, const Box& box, float margin, Cover how);

}  // namespace mtcnn

#endif  // MTCNN_APPS_ANONYMIZE_H_
