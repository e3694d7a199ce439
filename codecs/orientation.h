#ifndef MTCNN_CODECS_ORIENTATION_H_
#define MTCNN_CODECS_ORIENTATION_H_

#include "codecs/image_io.h"

namespace mtcnn {

// Turns an image upright, given the value of its EXIF orientation tag: which sides of the picture
// the first row and the first column are (1: top and left). Values outside 1 to 8 count as 1.
// May throw std::bad_alloc.
Image apply_orientation(Image image, int orientation);

}  // namespace mtcnn

#endif  // MTCNN_CODECS_ORIENTATION_H_
