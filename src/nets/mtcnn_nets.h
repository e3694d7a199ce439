// The nets of the paper (section II.B, Fig. 2, with the release's pools) and the release's L-Net.
#ifndef MTCNN_NETS_MTCNN_NETS_H_
#define MTCNN_NETS_MTCNN_NETS_H_

#include "nets/net_spec.h"

namespace mtcnn {

// Heads, in this order: class (2: background, face), box (4 offsets), landmarks (x1..x5, y1..y5).
inline constexpr int kClassOutputs = 2;
inline constexpr int kBoxOutputs = 4;
inline constexpr int kLandmarkOutputs = 10;

extern const NetSpec kPNet;
extern const NetSpec kRNet;
extern const NetSpec kONet;
// Five patches of 24 x 24 x 3, one for each point, stacked to 15 channels; its one head gives x, y of
// each point in turn, in fractions of that point's patch.
extern const NetSpec kLNet;

}  // namespace mtcnn

#endif  // MTCNN_NETS_MTCNN_NETS_H_
