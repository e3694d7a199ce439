// A box of the image as a net's input: the only code that turns windows into tensors, for inference,
// mining and training alike.
#ifndef MTCNN_IMAGE_PATCH_H_
#define MTCNN_IMAGE_PATCH_H_

#include "image/resample.h"
#include "kernels/kernels.h"
#include "mtcnn/types.h"

namespace mtcnn {

struct PatchScratch {
  AxisTaps horizontal, vertical;
  ResampleScratch resample;
};

// Crops `box` (pixels of the image; it may reach beyond it, where pixels count as 0, before the
// normalisation), resizes it to side x side and writes (value - mean) * scale as side x side x 3
// floats, channels last, RGB. Writes up to kSlack floats past the end. Requires kRgb8 and a box that
// is_patchable() accepts.
void read_patch(const ImageView& rgb, const Box& box, int side, float mean, float scale,
                const Kernels& kernels, PatchScratch& scratch, float* output);

// Whether a box is finite, not empty, and of a size and place that arithmetic on pixels can bear.
bool is_patchable(const Box& box);

}  // namespace mtcnn

#endif  // MTCNN_IMAGE_PATCH_H_
