// The optional fourth stage: L-Net looks at a patch around each point and moves it (MTCNNv2, det4).
#ifndef MTCNN_CASCADE_REFINE_LANDMARKS_H_
#define MTCNN_CASCADE_REFINE_LANDMARKS_H_

#include "cascade/workspace.h"
#include "engine/network.h"
#include "mtcnn/model.h"

namespace mtcnn {

struct LandmarkSpec {
  const Network& network;  // L-Net
  const Kernels& kernels;
  CellGeometry geometry;
  float mean, scale;  // of the pixels
};

// Moves the points of workspace.faces. Boxes and points are in pixels of `rgb`.
void refine_landmarks(const LandmarkSpec& spec, const ImageView& rgb, CascadeWorkspace& workspace);

}  // namespace mtcnn

#endif  // MTCNN_CASCADE_REFINE_LANDMARKS_H_
