#include "image/patch.h"

namespace mtcnn {

bool is_patchable(const Box& box) {
  constexpr float kFar = 1 << 24;  // beyond this a float can't tell neighbouring pixels apart
  const auto near = [](float v) { return v > -kFar && v < kFar; };  // false for NaN
  return near(box.left) && near(box.top) && near(box.right) && near(box.bottom) && box.width() > 0 &&
         box.height() > 0;
}

void read_patch(const ImageView& rgb, const Box& box, int side, float mean, float scale,
                const Kernels& kernels, PatchScratch& scratch, float* output) {
  make_taps(box.left, box.right, side, 0, side, rgb.width, scratch.horizontal);
  make_taps(box.top, box.bottom, side, 0, side, rgb.height, scratch.vertical);
  resample(rgb, scratch.horizontal, scratch.vertical, mean, scale, kernels, scratch.resample, output);
}

}  // namespace mtcnn
