#ifndef MTCNN_VERSION_H_
#define MTCNN_VERSION_H_

#include "mtcnn/export.h"

#define MTCNN_VERSION_MAJOR 0
#define MTCNN_VERSION_MINOR 1
#define MTCNN_VERSION_PATCH 0

namespace mtcnn {

// The version of the library that runs, "major.minor.patch"; the macros are those it was compiled against.
MTCNN_EXPORT const char* version();

}  // namespace mtcnn

#endif  // MTCNN_VERSION_H_
