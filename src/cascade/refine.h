// Stages 2 and 3: R-Net and O-Net look at the windows that the stage before let through (paper,
// section II.A, stages 2 and 3). One function for both.
#ifndef MTCNN_CASCADE_REFINE_H_
#define MTCNN_CASCADE_REFINE_H_

#include "cascade/workspace.h"
#include "engine/network.h"
#include "engine/patch_screen.h"

namespace mtcnn {

struct RefineSpec {
  const Network& network;  // with the heads class, box and, if `landmarks`, landmarks
  const Kernels& kernels;
  float mean, scale;  // of the pixels
  float threshold;    // on the score, windows above it are kept
  bool landmarks;
  bool mirror_landmarks;                // average the points with those of the mirrored patch (MTCNNv1)
  const PatchScreen* screen = nullptr;  // the same net, to sort out what is surely below the threshold
};

// Fills workspace.detections with those of workspace.windows that the net takes for faces, in their
// order. Windows are in pixels of `rgb` and must be patchable; offsets are not applied.
void refine(const RefineSpec& spec, const ImageView& rgb, CascadeWorkspace& workspace);

}  // namespace mtcnn

#endif  // MTCNN_CASCADE_REFINE_H_
