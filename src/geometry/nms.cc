#include "geometry/nms.h"

#include <algorithm>
#include <numeric>

#include "geometry/box.h"

namespace mtcnn {

void nms(std::span<const ScoredBox> boxes, Overlap overlap, float threshold, NmsScratch& scratch,
         std::vector<int>& keep) {
  std::vector<int>& order = scratch.order;
  order.resize(boxes.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    const float score_a = boxes[static_cast<std::size_t>(a)].score;
    const float score_b = boxes[static_cast<std::size_t>(b)].score;
    return score_a != score_b ? score_a > score_b : a > b;
  });
  keep.clear();
  scratch.kept.clear();
  for (const int index : order) {
    const Box& box = boxes[static_cast<std::size_t>(index)].box;
    const auto covers = [&](const Box& other) {
      return (overlap == Overlap::kUnion ? iou(box, other) : overlap_of_smaller(box, other)) > threshold;
    };
    // Newest first: neighbours in score are often neighbours in place.
    if (std::none_of(scratch.kept.rbegin(), scratch.kept.rend(), covers)) {
      keep.push_back(index);
      scratch.kept.push_back(box);
    }
  }
}

}  // namespace mtcnn
