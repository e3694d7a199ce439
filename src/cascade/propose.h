// Stage 1: P-Net over every level of the pyramid (paper, section II.A, stage 1).
#ifndef MTCNN_CASCADE_PROPOSE_H_
#define MTCNN_CASCADE_PROPOSE_H_

#include "cascade/workspace.h"
#include "engine/row_network.h"
#include "engine/screened_network.h"
#include "mtcnn/model.h"

namespace mtcnn {

struct ProposeSpec {
  const RowNetwork& network;  // with the heads class, box
  const Kernels& kernels;
  CellGeometry geometry;
  float mean, scale;                        // of the pixels
  float threshold;                          // on the score, cells at or above it are kept
  float nms_level;                          // IoU
  const ScreenedNetwork* screen = nullptr;  // the same net, to be used in its place
};

// Fills workspace.proposals with the cells of workspace.levels that P-Net takes for faces and that
// the NMS of their level keeps, level by level, and workspace.level_candidates. Windows are in pixels
// of `rgb`, offsets not applied.
void propose(const ProposeSpec& spec, const ImageView& rgb, CascadeWorkspace& workspace);

}  // namespace mtcnn

#endif  // MTCNN_CASCADE_PROPOSE_H_
