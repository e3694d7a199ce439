#include "engine/network.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

namespace mtcnn {
namespace {

const Tensor& tensor_of(const ModelData& data, const NetSpec& net, const Layer& layer, const char* kind) {
  const auto it = data.tensors.find(std::string(net.name) + "." + layer.name + "." + kind);
  assert(it != data.tensors.end());
  return it->second;
}

std::size_t floats(MapShape shape) {
  return static_cast<std::size_t>(shape.channels) * static_cast<std::size_t>(shape.height) *
         static_cast<std::size_t>(shape.width);
}

std::size_t blocks_of(int outputs) { return static_cast<std::size_t>((outputs + kBlock - 1) / kBlock); }

}  // namespace

// From [output][channel][row][column] to [group][block][row][column][channel][kBlock]: the order in
// which the kernel meets channels-last input.
Network::Step Network::pack(const Layer& layer, MapShape input, const ModelData& data,
                            const Layer* prelu) const {
  Step step;
  step.layer = &layer;
  step.input = input;
  step.output = output_shape(layer, input);
  if (layer.kind == LayerKind::kMaxPool) return step;

  const bool dense = layer.kind == LayerKind::kDense;
  const std::vector<float>& weights = tensor_of(data, *net_, layer, "weight").values;
  const std::vector<float>& bias = tensor_of(data, *net_, layer, "bias").values;
  const std::vector<float>* slopes = prelu ? &tensor_of(data, *net_, *prelu, "weight").values : nullptr;

  // A grouped dense layer is packed as a whole one with zeros: it is small and occurs once (L-Net).
  const int groups = dense ? 1 : layer.groups;
  const int zero_groups = dense ? layer.groups : 1;
  const int rows = dense ? input.height : layer.kernel;
  const int columns = dense ? input.width : layer.kernel;
  const int channels = input.channels / groups;
  const int outputs = layer.outputs / groups;
  const std::size_t blocks = blocks_of(outputs);
  const std::size_t taps = static_cast<std::size_t>(rows * columns * channels);

  step.weights.assign(static_cast<std::size_t>(groups) * blocks * taps * kBlock, 0.f);
  step.bias.assign(static_cast<std::size_t>(groups) * blocks * kBlock, 0.f);
  if (slopes) step.slopes.assign(step.bias.size(), 0.f);

  for (int group = 0; group < groups; ++group) {
    for (int output = 0; output < outputs; ++output) {
      const std::size_t source = static_cast<std::size_t>(group * outputs + output);
      const std::size_t lane =
          (static_cast<std::size_t>(group) * blocks + static_cast<std::size_t>(output / kBlock)) * kBlock +
          static_cast<std::size_t>(output % kBlock);
      step.bias[lane] = bias[source];
      if (slopes) step.slopes[lane] = (*slopes)[source];

      const int seen = channels / zero_groups;  // channels that this output looks at
      const int first = zero_groups == 1 ? 0 : output / (outputs / zero_groups) * seen;
      float* packed = step.weights.data() + lane / kBlock * taps * kBlock + lane % kBlock;
      for (int y = 0; y < rows; ++y) {
        for (int x = 0; x < columns; ++x) {
          for (int c = 0; c < seen; ++c) {
            const std::size_t from =
                ((source * static_cast<std::size_t>(seen) + static_cast<std::size_t>(c)) *
                     static_cast<std::size_t>(rows) +
                 static_cast<std::size_t>(y)) *
                    static_cast<std::size_t>(columns) +
                static_cast<std::size_t>(x);
            const std::size_t to = static_cast<std::size_t>((y * columns + x) * channels + first + c);
            packed[to * kBlock] = weights[from];
          }
        }
      }
    }
  }
  return step;
}

Network::Network(const NetSpec& net, const ModelData& data, const Kernels& kernels,
                 std::initializer_list<std::string_view> heads)
    : net_(&net), kernels_(&kernels) {
  MapShape shape{net.channels, net.side, net.side};
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const Layer& layer = net.layers[i];
    if (layer.kind == LayerKind::kPrelu || layer.kind == LayerKind::kDropout) continue;
    std::size_t next = i + 1;
    while (next < net.layers.size() && net.layers[next].kind == LayerKind::kDropout) ++next;
    const bool prelu = next < net.layers.size() && net.layers[next].kind == LayerKind::kPrelu;
    Step step = pack(layer, shape, data, prelu ? &net.layers[next] : nullptr);
    shape = step.output;
    (layer.kind == LayerKind::kDense ? dense_ : spatial_).push_back(std::move(step));
  }

  for (const Step& step : dense_) {
    hidden_ = std::max(hidden_, static_cast<std::size_t>(step.output.channels));
  }

  // All heads look at the same features: packed as one layer, they are one pass over them.
  Step all;
  all.input = shape;
  std::vector<Step> parts;
  for (const std::string_view name : heads) {
    const auto head = std::find_if(net.heads.begin(), net.heads.end(),
                                   [&](const Layer& candidate) { return candidate.name == name; });
    assert(head != net.heads.end());
    parts.push_back(pack(*head, shape, data, nullptr));
    outputs_ += head->outputs;
  }
  const std::size_t taps = floats(shape);
  all.output = {outputs_, 1, 1};
  all.weights.assign(blocks_of(outputs_) * taps * kBlock, 0.f);
  all.bias.assign(blocks_of(outputs_) * kBlock, 0.f);
  std::size_t to = 0;
  for (const Step& part : parts) {
    for (std::size_t from = 0; from < static_cast<std::size_t>(part.layer->outputs); ++from, ++to) {
      all.bias[to] = part.bias[from];
      for (std::size_t tap = 0; tap < taps; ++tap) {
        all.weights[(to / kBlock * taps + tap) * kBlock + to % kBlock] =
            part.weights[(from / kBlock * taps + tap) * kBlock + from % kBlock];
      }
    }
  }
  dense_.push_back(std::move(all));
}

Size Network::positions(Size input) const {
  if (!net_->fully_convolutional) return {1, 1};
  const MapShape shape = feature_shape(*net_, input.height, input.width);
  return {shape.width, shape.height};
}

// The largest map between two spatial layers.
std::size_t Network::map_size(Size input) const {
  std::size_t most = 0;
  MapShape shape{net_->channels, input.height, input.width};
  for (const Step& step : spatial_) {
    shape = output_shape(*step.layer, shape);
    most = std::max(most, floats(shape));
  }
  return most + kSlack;
}

// What the spatial layers hand to the dense ones, of one input.
std::size_t Network::feature_size(Size input) const {
  MapShape shape{net_->channels, input.height, input.width};
  for (const Step& step : spatial_) shape = output_shape(*step.layer, shape);
  return floats(shape);
}

std::size_t Network::scratch_size(Size input, int count) const {
  const Size where = positions(input);
  const std::size_t rows = static_cast<std::size_t>(count) * static_cast<std::size_t>(where.width) *
                           static_cast<std::size_t>(where.height);
  return 2 * map_size(input) + static_cast<std::size_t>(count) * feature_size(input) +
         2 * (rows * hidden_ + kSlack) + kSlack;
}

void Network::run_spatial(const Step& step, MapShape in, const float* source, float* target) const {
  const MapShape out = output_shape(*step.layer, in);
  if (step.layer->kind == LayerKind::kMaxPool) {
    kernels_->max_pool({.input = source,
                        .rows = in.height,
                        .columns = in.width,
                        .channels = in.channels,
                        .size = step.layer->kernel,
                        .stride = step.layer->stride,
                        .output_rows = out.height,
                        .output_columns = out.width,
                        .output = target});
    return;
  }
  constexpr int kMaxRuns = 64;
  int offsets[kMaxRuns];
  const int kernel = step.layer->kernel;
  const int groups = step.layer->groups;
  const int channels = in.channels / groups;
  // Ungrouped, a kernel row's values lie side by side and make one run.
  const int columns = groups == 1 ? 1 : kernel;
  assert(kernel * columns <= kMaxRuns);
  for (int y = 0; y < kernel; ++y) {
    for (int x = 0; x < columns; ++x) {
      offsets[y * columns + x] = (y * in.width + x) * in.channels;
    }
  }
  const std::size_t packed = step.weights.size() / static_cast<std::size_t>(groups);
  const std::size_t lanes = step.bias.size() / static_cast<std::size_t>(groups);
  for (int group = 0; group < groups; ++group) {
    const std::size_t g = static_cast<std::size_t>(group);
    kernels_->conv({.input = source + group * channels,
                    .rows = out.height,
                    .columns = out.width,
                    .row_stride = std::ptrdiff_t{in.width} * in.channels,
                    .pixel_stride = in.channels,
                    .run_offsets = offsets,
                    .runs = kernel * columns,
                    .run_length = groups == 1 ? kernel * channels : channels,
                    .outputs = out.channels / groups,
                    .weights = step.weights.data() + g * packed,
                    .bias = step.bias.data() + g * lanes,
                    .slopes = step.slopes.empty() ? nullptr : step.slopes.data() + g * lanes,
                    .output = target + group * (out.channels / groups),
                    .output_stride = out.channels});
  }
}

void Network::run_dense(const Step& step, int count, const float* in, float* out) const {
  static constexpr int kStart[] = {0};
  const int taps = static_cast<int>(floats(step.input));
  kernels_->conv({.input = in,
                  .rows = 1,
                  .columns = count,
                  .row_stride = 0,
                  .pixel_stride = taps,
                  .run_offsets = kStart,
                  .runs = 1,
                  .run_length = taps,
                  .outputs = step.output.channels,
                  .weights = step.weights.data(),
                  .bias = step.bias.data(),
                  .slopes = step.slopes.empty() ? nullptr : step.slopes.data(),
                  .output = out,
                  .output_stride = step.output.channels});
}

void Network::run(const float* inputs, int count, Size input, float* scratch, float* outputs) const {
  assert(net_->fully_convolutional || (input == Size{net_->side, net_->side}));
  float* const maps[2] = {scratch, scratch + map_size(input)};
  float* const features = maps[1] + map_size(input);
  const std::size_t features_each = feature_size(input);
  const MapShape shape{net_->channels, input.height, input.width};

  for (int i = 0; i < count; ++i) {
    const float* source = inputs + static_cast<std::size_t>(i) * floats(shape);
    MapShape in = shape;
    for (std::size_t s = 0; s < spatial_.size(); ++s) {
      float* const target =
          s + 1 == spatial_.size() ? features + static_cast<std::size_t>(i) * features_each : maps[s % 2];
      run_spatial(spatial_[s], in, source, target);
      in = output_shape(*spatial_[s].layer, in);
      source = target;
    }
  }

  const Size where = positions(input);
  const int rows = count * where.width * where.height;
  float* const hidden = features + static_cast<std::size_t>(count) * features_each + kSlack;
  const std::size_t hidden_size = static_cast<std::size_t>(rows) * hidden_ + kSlack;
  const float* source = features;
  for (std::size_t s = 0; s < dense_.size(); ++s) {
    float* const target = s + 1 == dense_.size() ? outputs : hidden + (s % 2) * hidden_size;
    run_dense(dense_[s], rows, source, target);
    source = target;
  }
}

}  // namespace mtcnn
