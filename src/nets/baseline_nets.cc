#include "nets/baseline_nets.h"

#include "nets/mtcnn_nets.h"

// Kernels, outputs, the order of convolutions, pools and normalisations, the branches, and that ReLU stands
// behind pools and dense layers (and nowhere else) are that paper's. It does not say, and we chose:
// - Padding: as much as keeps a convolution's map at its size. 48-Net's trunk is that of the CIFAR-10 net in
//   Krizhevsky's cuda-convnet, which pads so.
// - Normalisation: over the 9 channels around, alpha .001, also that net's.
// - Pools: ceil mode, as the other nets here.
// - 48-Net's branch is a whole 24-Net, its 12-Net branch included.
// - A branch has weights of its own, learnt with the net.
// With padding, a window alone is not what it is within an image, so 12-Net is not fully convolutional here.

namespace mtcnn {
namespace {

using enum LayerKind;

constexpr float kLrnAlpha = .001f;

constexpr Layer k12NetLayers[] = {
    {.name = "conv1", .kind = kConv, .outputs = 16, .kernel = 3, .padding = 1},
    {.name = "pool1", .kind = kMaxPool, .kernel = 3, .stride = 2},
    {.name = "relu1", .kind = kRelu},
    {.name = "dense2", .kind = kDense, .outputs = 16},
    {.name = "relu2", .kind = kRelu},
};

constexpr Layer k24NetLayers[] = {
    {.name = "conv1", .kind = kConv, .outputs = 64, .kernel = 5, .padding = 2},
    {.name = "pool1", .kind = kMaxPool, .kernel = 3, .stride = 2},
    {.name = "relu1", .kind = kRelu},
    {.name = "dense2", .kind = kDense, .outputs = 128},
    {.name = "relu2", .kind = kRelu},
};

constexpr Layer k48NetLayers[] = {
    {.name = "conv1", .kind = kConv, .outputs = 64, .kernel = 5, .padding = 2},
    {.name = "pool1", .kind = kMaxPool, .kernel = 3, .stride = 2},
    {.name = "relu1", .kind = kRelu},
    {.name = "lrn1", .kind = kLrn, .kernel = 9, .alpha = kLrnAlpha},
    {.name = "conv2", .kind = kConv, .outputs = 64, .kernel = 5, .padding = 2},
    {.name = "lrn2", .kind = kLrn, .kernel = 9, .alpha = kLrnAlpha},
    {.name = "pool2", .kind = kMaxPool, .kernel = 3, .stride = 2},
    {.name = "relu2", .kind = kRelu},
    {.name = "dense3", .kind = kDense, .outputs = 256},
    {.name = "relu3", .kind = kRelu},
};

constexpr Layer k12CalibrationLayers[] = {
    {.name = "conv1", .kind = kConv, .outputs = 16, .kernel = 3, .padding = 1},
    {.name = "pool1", .kind = kMaxPool, .kernel = 3, .stride = 2},
    {.name = "relu1", .kind = kRelu},
    {.name = "dense2", .kind = kDense, .outputs = 128},
    {.name = "relu2", .kind = kRelu},
};

constexpr Layer k24CalibrationLayers[] = {
    {.name = "conv1", .kind = kConv, .outputs = 32, .kernel = 5, .padding = 2},
    {.name = "pool1", .kind = kMaxPool, .kernel = 3, .stride = 2},
    {.name = "relu1", .kind = kRelu},
    {.name = "dense2", .kind = kDense, .outputs = 64},
    {.name = "relu2", .kind = kRelu},
};

constexpr Layer k48CalibrationLayers[] = {
    {.name = "conv1", .kind = kConv, .outputs = 64, .kernel = 5, .padding = 2},
    {.name = "pool1", .kind = kMaxPool, .kernel = 3, .stride = 2},
    {.name = "relu1", .kind = kRelu},
    {.name = "lrn1", .kind = kLrn, .kernel = 9, .alpha = kLrnAlpha},
    {.name = "conv2", .kind = kConv, .outputs = 64, .kernel = 5, .padding = 2},
    {.name = "lrn2", .kind = kLrn, .kernel = 9, .alpha = kLrnAlpha},
    {.name = "dense3", .kind = kDense, .outputs = 256},
    {.name = "relu3", .kind = kRelu},
};

constexpr Layer kClassHead[] = {
    {.name = "class", .kind = kDense, .outputs = kClassOutputs},
};

constexpr Layer kCalibrationHead[] = {
    {.name = "calibration", .kind = kDense, .outputs = kCalibrationOutputs},
};

}  // namespace

const NetSpec k12Net{"12net", 12, 3, false, k12NetLayers, kClassHead};
const NetSpec k24Net{"24net", 24, 3, false, k24NetLayers, kClassHead, &k12Net};
const NetSpec k48Net{"48net", 48, 3, false, k48NetLayers, kClassHead, &k24Net};
const NetSpec k12Calibration{"12calibration", 12, 3, false, k12CalibrationLayers, kCalibrationHead};
const NetSpec k24Calibration{"24calibration", 24, 3, false, k24CalibrationLayers, kCalibrationHead};
const NetSpec k48Calibration{"48calibration", 48, 3, false, k48CalibrationLayers, kCalibrationHead};

}  // namespace mtcnn
