// The error that must be made when nothing more can be allocated.
#ifndef MTCNN_UTIL_OUT_OF_MEMORY_H_
#define MTCNN_UTIL_OUT_OF_MEMORY_H_

#include "mtcnn/result.h"

namespace mtcnn {

// So short that the string keeps it inside itself.
inline Error out_of_memory() { return {ErrorCode::kOutOfMemory, "out of memory"}; }

}  // namespace mtcnn

#endif  // MTCNN_UTIL_OUT_OF_MEMORY_H_
