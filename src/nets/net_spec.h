// The layers of a net as data: the one definition that the engine, the importers, the exporters and
// the trainer build from.
#ifndef MTCNN_NETS_NET_SPEC_H_
#define MTCNN_NETS_NET_SPEC_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mtcnn {

enum class LayerKind {
  kConv,     // kernel x kernel, stride 1
  kPrelu,    // one slope for each channel
  kMaxPool,  // kernel x kernel, ceil mode: a last, partial window counts
  kDense,    // over all of its input, flattened channel, row, column; on a map: over each position
  kDropout,  // in training only
  kRelu,
  kLrn,  // local response normalisation, below
};

// kLrn divides each value by (kLrnBias + alpha * m) ^ kLrnPower, where m is the sum of the squares at the
// same position of the `kernel` channels centred on its own (those beyond the first and the last count as 0)
// over `kernel`: Caffe's LRN ACROSS_CHANNELS and PyTorch's LocalResponseNorm, with their default k and beta.
inline constexpr float kLrnBias = 1;
inline constexpr float kLrnPower = .75f;

struct Layer {
  const char* name;  // the tensors are NET.NAME.weight and NET.NAME.bias
  LayerKind kind;
  int outputs = 0;  // channels out (conv, dense)
  int kernel = 0;   // conv, pool: rows and columns; LRN: channels, odd
  int stride = 1;   // pool
  int padding = 0;  // conv: rows and columns of zeros around the map
  // Channels fall into this many groups, in and out, that see nothing of each other (conv, dense).
  int groups = 1;
  float rate = 0;         // dropout
  float alpha = 0;        // LRN
  bool optional = false;  // a head that a model may lack
};

struct NetSpec {
  const char* name;
  int side;      // input height and width; fully convolutional nets take any larger one too
  int channels;  // of the input
  bool fully_convolutional;
  std::span<const Layer> layers;
  std::span<const Layer> heads;  // dense, all on the features
  // The features are the last layer's output. With a branch they are followed by the branch's features (its
  // heads are not used), which sees the same input at half the height and width, each value the mean of
  // four. Requires that this net ends in a dense layer, and a branch of half the side and as many channels
  // of input that does so too.
  const NetSpec* branch = nullptr;
};

// What a layer makes of a channels x height x width map (dense: height = width = 1).
struct MapShape {
  int channels = 0;
  int height = 0;
  int width = 0;
  friend bool operator==(const MapShape&, const MapShape&) = default;
};
MapShape output_shape(const Layer& layer, MapShape input);

// Shape of the features, which the heads see, for an input of this height and width.
MapShape feature_shape(const NetSpec& net, int height, int width);

// One trainable tensor. Shapes as in PyTorch: conv [outputs, inputs / groups, kernel, kernel], dense
// [outputs, inputs / groups], bias and slopes [channels].
struct ParameterSpec {
  std::string name;  // "pnet.conv1.weight"; a branch's are "24net.branch.conv1.weight"
  std::vector<std::int64_t> shape;
  bool optional = false;
};
std::vector<ParameterSpec> parameters(const NetSpec& net);

// The layers in one line of text each; two nets are the same if and only if this is.
std::string describe(const NetSpec& net);

// FNV-1a (64 bits) of the descriptions, as 16 hexadecimal digits.
std::string architecture_hash(std::span<const NetSpec* const> nets);

}  // namespace mtcnn

#endif  // MTCNN_NETS_NET_SPEC_H_
