// Non-maximum suppression.
#ifndef MTCNN_GEOMETRY_NMS_H_
#define MTCNN_GEOMETRY_NMS_H_

#include <span>
#include <vector>

#include "mtcnn/types.h"

namespace mtcnn {

enum class Overlap {
  kUnion,    // iou()
  kSmaller,  // overlap_of_smaller()
};

struct ScoredBox {
  Box box;
  float score = 0;
};

// Buffers of nms(), to be kept between calls.
struct NmsScratch {
  std::vector<int> order;
  std::vector<Box> kept;
};

// Greedy suppression: takes the boxes from the best score down and drops each that overlaps one
// already taken by more than `threshold`. Among equal scores the later box comes first, as in the
// release. Writes the indices of the boxes kept, best first, to `keep`.
void nms(std::span<const ScoredBox> boxes, Overlap overlap, float threshold, NmsScratch& scratch,
         std::vector<int>& keep);

}  // namespace mtcnn

#endif  // MTCNN_GEOMETRY_NMS_H_
