// The nets that the paper's Table I compares P-, R- and O-Net with, and the calibration nets that go with
// them: Li, Lin, Shen, Brandt, Hua, "A Convolutional Neural Network Cascade for Face Detection", CVPR 2015.
#ifndef MTCNN_NETS_BASELINE_NETS_H_
#define MTCNN_NETS_BASELINE_NETS_H_

#include "nets/net_spec.h"

namespace mtcnn {

// One for each pattern of geometry/calibration.h.
inline constexpr int kCalibrationOutputs = 45;

// One head: class (2: background, face).
extern const NetSpec k12Net;
extern const NetSpec k24Net;
extern const NetSpec k48Net;

// One head: calibration (logits of the patterns).
extern const NetSpec k12Calibration;
extern const NetSpec k24Calibration;
extern const NetSpec k48Calibration;

}  // namespace mtcnn

#endif  // MTCNN_NETS_BASELINE_NETS_H_
