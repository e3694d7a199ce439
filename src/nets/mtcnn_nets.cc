#include "nets/mtcnn_nets.h"

namespace mtcnn {
namespace {

using enum LayerKind;

constexpr Layer kPNetLayers[] = {
    {.name = "conv1", .kind = kConv, .outputs = 10, .kernel = 3},
    {.name = "prelu1", .kind = kPrelu},
    {.name = "pool1", .kind = kMaxPool, .kernel = 2, .stride = 2},
    {.name = "conv2", .kind = kConv, .outputs = 16, .kernel = 3},
    {.name = "prelu2", .kind = kPrelu},
    {.name = "conv3", .kind = kConv, .outputs = 32, .kernel = 3},
    {.name = "prelu3", .kind = kPrelu},
};

constexpr Layer kRNetLayers[] = {
    {.name = "conv1", .kind = kConv, .outputs = 28, .kernel = 3},
    {.name = "prelu1", .kind = kPrelu},
    {.name = "pool1", .kind = kMaxPool, .kernel = 3, .stride = 2},
    {.name = "conv2", .kind = kConv, .outputs = 48, .kernel = 3},
    {.name = "prelu2", .kind = kPrelu},
    {.name = "pool2", .kind = kMaxPool, .kernel = 3, .stride = 2},
    {.name = "conv3", .kind = kConv, .outputs = 64, .kernel = 2},
    {.name = "prelu3", .kind = kPrelu},
    {.name = "dense4", .kind = kDense, .outputs = 128},
    {.name = "prelu4", .kind = kPrelu},
};

constexpr Layer kONetLayers[] = {
    {.name = "conv1", .kind = kConv, .outputs = 32, .kernel = 3},
    {.name = "prelu1", .kind = kPrelu},
    {.name = "pool1", .kind = kMaxPool, .kernel = 3, .stride = 2},
    {.name = "conv2", .kind = kConv, .outputs = 64, .kernel = 3},
    {.name = "prelu2", .kind = kPrelu},
    {.name = "pool2", .kind = kMaxPool, .kernel = 3, .stride = 2},
    {.name = "conv3", .kind = kConv, .outputs = 64, .kernel = 3},
    {.name = "prelu3", .kind = kPrelu},
    {.name = "pool3", .kind = kMaxPool, .kernel = 2, .stride = 2},
    {.name = "conv4", .kind = kConv, .outputs = 128, .kernel = 2},
    {.name = "prelu4", .kind = kPrelu},
    {.name = "dense5", .kind = kDense, .outputs = 256},
    {.name = "dropout5", .kind = kDropout, .rate = .25f},
    {.name = "prelu5", .kind = kPrelu},
};

// R-Net's convolutions once for each point, side by side as groups.
constexpr Layer kLNetLayers[] = {
    {.name = "conv1", .kind = kConv, .outputs = 5 * 28, .kernel = 3, .groups = 5},
    {.name = "prelu1", .kind = kPrelu},
    {.name = "pool1", .kind = kMaxPool, .kernel = 3, .stride = 2},
    {.name = "conv2", .kind = kConv, .outputs = 5 * 48, .kernel = 3, .groups = 5},
    {.name = "prelu2", .kind = kPrelu},
    {.name = "pool2", .kind = kMaxPool, .kernel = 3, .stride = 2},
    {.name = "conv3", .kind = kConv, .outputs = 5 * 64, .kernel = 2, .groups = 5},
    {.name = "prelu3", .kind = kPrelu},
    {.name = "dense4", .kind = kDense, .outputs = 256},
    {.name = "prelu4", .kind = kPrelu},
    {.name = "dense5", .kind = kDense, .outputs = 5 * 64},
    {.name = "prelu5", .kind = kPrelu},
};

// P-Net and R-Net learn the landmarks too (Fig. 2), but the cascade has no use for them: the released
// weights lack these heads, and the engine leaves them out.
constexpr Layer kProposalHeads[] = {
    {.name = "class", .kind = kDense, .outputs = kClassOutputs},
    {.name = "box", .kind = kDense, .outputs = kBoxOutputs},
    {.name = "landmarks", .kind = kDense, .outputs = kLandmarkOutputs, .optional = true},
};

constexpr Layer kOutputHeads[] = {
    {.name = "class", .kind = kDense, .outputs = kClassOutputs},
    {.name = "box", .kind = kDense, .outputs = kBoxOutputs},
    {.name = "landmarks", .kind = kDense, .outputs = kLandmarkOutputs},
};

constexpr Layer kLNetHeads[] = {
    {.name = "landmarks", .kind = kDense, .outputs = kLandmarkOutputs, .groups = 5},
};

}  // namespace

const NetSpec kPNet{"pnet", 12, 3, true, kPNetLayers, kProposalHeads};
const NetSpec kRNet{"rnet", 24, 3, false, kRNetLayers, kProposalHeads};
const NetSpec kONet{"onet", 48, 3, false, kONetLayers, kOutputHeads};
const NetSpec kLNet{"lnet", 24, 15, false, kLNetLayers, kLNetHeads};

}  // namespace mtcnn
