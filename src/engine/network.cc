#include "engine/network.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "engine/layer_values.h"

namespace mtcnn {
namespace {

std::size_t floats(MapShape shape) {
  return static_cast<std::size_t>(shape.channels) * static_cast<std::size_t>(shape.height) *
         static_cast<std::size_t>(shape.width);
}

std::size_t blocks_of(int outputs) { return static_cast<std::size_t>((outputs + kBlock - 1) / kBlock); }

// With `padding` rows and columns of zeros around it.
void pad(const float* in, MapShape shape, int padding, float* out) {
  const std::size_t row = static_cast<std::size_t>(shape.width) * static_cast<std::size_t>(shape.channels);
  const std::size_t side = static_cast<std::size_t>(padding) * static_cast<std::size_t>(shape.channels);
  const std::size_t edge = static_cast<std::size_t>(padding) * (row + 2 * side);
  out = std::fill_n(out, edge, 0.f);
  for (int y = 0; y < shape.height; ++y, in += row) {
    out = std::fill_n(out, side, 0.f);
    out = std::copy_n(in, row, out);
    out = std::fill_n(out, side, 0.f);
  }
  std::fill_n(out, edge, 0.f);
}

// Half the height and width, each value the mean of four. Requires even ones.
void halve(const float* in, MapShape shape, float* out) {
  const std::ptrdiff_t row = std::ptrdiff_t{shape.width} * shape.channels;
  for (int y = 0; y < shape.height; y += 2, in += row) {
    for (int x = 0; x < shape.width; x += 2, in += shape.channels) {
      for (int c = 0; c < shape.channels; ++c, ++in) {
        *out++ = .25f * (in[0] + in[shape.channels] + in[row] + in[row + shape.channels]);
      }
    }
  }
}

}  // namespace

// `next`: what comes behind its PReLU, or null.
Network::Algorithm Network::algorithm_for(const Layer& layer, MapShape input, const Layer* next) const {
  // With few channels the sums of inputs of tiles so large cost what the multiplications save.
  constexpr int kFewestChannels = 24;
  if (layer.kind != LayerKind::kConv || layer.kernel != 3 || layer.padding != 0 || layer.groups != 1)
    return Algorithm::kPlain;
  if (kernels_->winograd && input.channels >= kFewestChannels) return Algorithm::kWinograd;
  if (kernels_->conv_pool && input.channels == kThinChannels && input.width <= kMostThinColumns + 2 &&
      std::min(input.width, input.height) >= 5 && !net_->fully_convolutional && next &&
      next->kind == LayerKind::kMaxPool && next->kernel == 3 && next->stride == 2)
    return Algorithm::kThin;
  return Algorithm::kPlain;
}

// The index of the one whose output it gives.
std::size_t Network::layer_of(const Step& step) const {
  return static_cast<std::size_t>((step.pool ? step.pool : step.layer) - net_->layers.data());
}

MapShape Network::shape_behind(const Step& step, MapShape input) {
  const MapShape shape = output_shape(*step.layer, input);
  return step.pool ? output_shape(*step.pool, shape) : shape;
}

// From [output][channel][row][column] to [group][block][row][column][channel][kBlock]: the order in
// which the kernel meets channels-last input.
Network::Step Network::pack(const Layer& layer, MapShape input, const ModelData& data,
                            const std::string& name, const Layer* activation, Algorithm algorithm) {
  Step step;
  step.layer = &layer;
  step.input = input;
  step.output = output_shape(layer, input);
  if (layer.kind != LayerKind::kConv && layer.kind != LayerKind::kDense) return step;

  const bool dense = layer.kind == LayerKind::kDense;
  const std::vector<float>& plain = values_of(data, name, layer, "weight");
  std::vector<float> places;
  if (algorithm == Algorithm::kWinograd) places = winograd_kernels(plain, winograd_weights);
  if (algorithm == Algorithm::kThin) places = winograd_kernels(plain, pair_weights);
  const std::vector<float>& weights = algorithm == Algorithm::kPlain ? plain : places;
  step.algorithm = algorithm;
  const std::vector<float>& bias = values_of(data, name, layer, "bias");
  const std::vector<float>* const slopes = activation && activation->kind == LayerKind::kPrelu
                                               ? &values_of(data, name, *activation, "weight")
                                               : nullptr;

  // A grouped dense layer is packed as a whole one with zeros: it is small and occurs once (L-Net).
  const int groups = dense ? 1 : layer.groups;
  const int zero_groups = dense ? layer.groups : 1;
  const int kernel = algorithm == Algorithm::kWinograd ? kWinogradInputs
                     : algorithm == Algorithm::kThin   ? kPairInputs
                                                       : layer.kernel;
  const int rows = dense ? input.height : kernel;
  const int columns = dense ? input.width : kernel;
  const int channels = input.channels / groups;
  const int outputs = layer.outputs / groups;
  const std::size_t blocks = blocks_of(outputs);
  const std::size_t taps = static_cast<std::size_t>(rows * columns * channels);

  step.weights.assign(static_cast<std::size_t>(groups) * blocks * taps * kBlock, 0.f);
  step.bias.assign(static_cast<std::size_t>(groups) * blocks * kBlock, 0.f);
  if (activation) step.slopes.assign(step.bias.size(), 0.f);  // which is ReLU

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

Network::Network(const NetSpec& net, const std::string& name, const ModelData& data, const Kernels& kernels)
    : net_(&net), kernels_(&kernels) {
  MapShape shape{net.channels, net.side, net.side};
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const Layer& layer = net.layers[i];
    if (layer.kind == LayerKind::kDropout) continue;
    const bool weighted = layer.kind == LayerKind::kConv || layer.kind == LayerKind::kDense;
    const Layer* activation = nullptr;
    if (weighted) {
      std::size_t next = i + 1;
      while (next < net.layers.size() && net.layers[next].kind == LayerKind::kDropout) ++next;
      if (next < net.layers.size() &&
          (net.layers[next].kind == LayerKind::kPrelu || net.layers[next].kind == LayerKind::kRelu)) {
        activation = &net.layers[next];
        i = next;
      }
    }
    assert(layer.kind != LayerKind::kPrelu);  // only behind a layer with weights
    const Layer* const next = i + 1 < net.layers.size() ? &net.layers[i + 1] : nullptr;
    Step step = pack(layer, shape, data, name, activation, algorithm_for(layer, shape, next));
    if (step.algorithm == Algorithm::kThin) {
      step.pool = next;
      step.output = shape_behind(step, shape);
      ++i;
    }
    shape = step.output;
    const bool dense = layer.kind == LayerKind::kDense;
    assert(dense || dense_.empty());
    (dense ? dense_ : spatial_).push_back(std::move(step));
  }
  own_ = dense_.size();
  if (net.branch) {
    assert(own_ > 0);
    branch_.reset(new Network(*net.branch, name + ".branch", data, kernels));
    shape.channels += branch_->outputs_;
  }
  for (const Step& step : dense_) {
    hidden_ = std::max(hidden_, static_cast<std::size_t>(step.output.channels));
  }
  if (branch_) hidden_ = std::max(hidden_, static_cast<std::size_t>(shape.channels));
  outputs_ = shape.channels;
}

Network::Network(const NetSpec& net, const ModelData& data, const Kernels& kernels,
                 std::initializer_list<std::string_view> heads)
    : Network(net, net.name, data, kernels) {
  outputs_ = 0;
  const MapShape shape = feature_shape(net, net.side, net.side);
  // All heads look at the same features: packed as one layer, they are one pass over them.
  Step all;
  all.input = shape;
  std::vector<Step> parts;
  for (const std::string_view name : heads) {
    const Layer& head = head_of(net, name);
    parts.push_back(pack(head, shape, data, net.name, nullptr, Algorithm::kPlain));
    outputs_ += head.outputs;
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
    shape = shape_behind(step, shape);
    most = std::max(most, floats(shape));
  }
  return most + kSlack;
}

// The largest map with its padding, or what Winograd's algorithm needs.
std::size_t Network::spare_size(Size input) const {
  std::size_t most = 0;
  MapShape shape{net_->channels, input.height, input.width};
  for (const Step& step : spatial_) {
    if (step.algorithm == Algorithm::kWinograd)
      most = std::max(most, winograd_scratch(shape.channels, step.layer->outputs));
    const int around = 2 * step.layer->padding;
    if (around > 0) {
      most = std::max(most, floats({shape.channels, shape.height + around, shape.width + around}) + kSlack);
    }
    shape = shape_behind(step, shape);
  }
  return most;
}

// What the spatial layers hand to the dense ones, of one input.
std::size_t Network::feature_size(Size input) const {
  MapShape shape{net_->channels, input.height, input.width};
  for (const Step& step : spatial_) shape = shape_behind(step, shape);
  return floats(shape);
}

// The inputs of the branch.
std::size_t Network::halved_size(Size input, int count) const {
  if (!branch_) return 0;
  return static_cast<std::size_t>(count) * floats({net_->channels, input.height / 2, input.width / 2}) +
         kSlack;
}

std::size_t Network::scratch_size(Size input, int count) const {
  const Size where = positions(input);
  const std::size_t rows = static_cast<std::size_t>(count) * static_cast<std::size_t>(where.width) *
                           static_cast<std::size_t>(where.height);
  return 2 * map_size(input) + static_cast<std::size_t>(count) * feature_size(input) +
         2 * (rows * hidden_ + kSlack) + kSlack + spare_size(input) + halved_size(input, count) +
         (branch_ ? branch_->scratch_size({input.width / 2, input.height / 2}, count) : 0);
}

// `spare`: spare_size() floats of scratch.
void Network::run_spatial(const Step& step, MapShape in, const float* source, float* spare,
                          float* target) const {
  const MapShape out = output_shape(*step.layer, in);
  if (step.layer->kind == LayerKind::kRelu) {
    // Not behind a convolution, which would do it, but behind a pool, where there is less to do.
    std::transform(source, source + floats(in), target, [](float value) { return std::max(value, 0.f); });
    return;
  }
  if (step.layer->kind == LayerKind::kLrn) {
    static_assert(kLrnBias == 1 && kLrnPower == .75f, "what the kernel computes");
    assert(in.channels <= kMaxLrnChannels);
    kernels_->lrn({.input = source,
                   .pixels = in.height * in.width,
                   .channels = in.channels,
                   .size = step.layer->kernel,
                   .alpha = step.layer->alpha,
                   .output = target});
    return;
  }
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
  if (step.algorithm == Algorithm::kThin) {
    kernels_->conv_pool({.input = source,
                         .rows = out.height,
                         .columns = out.width,
                         .outputs = out.channels,
                         .weights = step.weights.data(),
                         .bias = step.bias.data(),
                         .slopes = step.slopes.empty() ? nullptr : step.slopes.data(),
                         .output = target});
    return;
  }
  if (step.algorithm == Algorithm::kWinograd) {
    kernels_->winograd({.input = source,
                        .rows = out.height,
                        .columns = out.width,
                        .channels = in.channels,
                        .outputs = out.channels,
                        .weights = step.weights.data(),
                        .bias = step.bias.data(),
                        .slopes = step.slopes.empty() ? nullptr : step.slopes.data(),
                        .output = target,
                        .scratch = spare});
    return;
  }
  if (const int padding = step.layer->padding; padding > 0) {
    pad(source, in, padding, spare);
    source = spare;
    in.height += 2 * padding;
    in.width += 2 * padding;
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

void Network::run_dense(const Step& step, int count, const float* in, float* out, int output_stride) const {
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
                  .output_stride = output_stride});
}

void Network::run(const float* inputs, int count, Size input, float* scratch, float* outputs) const {
  run(inputs, count, input, scratch, outputs, outputs_);
}

std::vector<std::vector<ChannelRange>> Network::measure(const float* inputs, int count, Size input,
                                                        float* scratch, float* outputs) const {
  std::vector<std::vector<ChannelRange>> ranges(net_->layers.size());
  for (const Step& step : spatial_)
    ranges[layer_of(step)].resize(static_cast<std::size_t>(step.output.channels));
  run(inputs, count, input, scratch, outputs, outputs_, &ranges);
  return ranges;
}

void Network::run(const float* inputs, int count, Size input, float* scratch, float* outputs,
                  int output_stride, std::vector<std::vector<ChannelRange>>* ranges) const {
  assert(net_->fully_convolutional || (input == Size{net_->side, net_->side}));
  float* const maps[2] = {scratch, scratch + map_size(input)};
  float* const features = maps[1] + map_size(input);
  const std::size_t features_each = feature_size(input);
  const MapShape shape{net_->channels, input.height, input.width};
  const Size where = positions(input);
  const int rows = count * where.width * where.height;
  float* const hidden = features + static_cast<std::size_t>(count) * features_each + kSlack;
  const std::size_t hidden_size = static_cast<std::size_t>(rows) * hidden_ + kSlack;
  float* const spare = hidden + 2 * hidden_size;

  for (int i = 0; i < count; ++i) {
    const float* source = inputs + static_cast<std::size_t>(i) * floats(shape);
    MapShape in = shape;
    for (std::size_t s = 0; s < spatial_.size(); ++s) {
      float* const target =
          s + 1 == spatial_.size() ? features + static_cast<std::size_t>(i) * features_each : maps[s % 2];
      run_spatial(spatial_[s], in, source, spare, target);
      in = shape_behind(spatial_[s], in);
      source = target;
      if (ranges) {
        std::vector<ChannelRange>& channels = (*ranges)[layer_of(spatial_[s])];
        for (const float* value = target; value != target + floats(in);) {
          for (ChannelRange& range : channels) {
            range = {std::min(range.low, *value), std::max(range.high, *value)};
            ++value;
          }
        }
      }
    }
  }

  const float* source = spatial_.empty() ? inputs : features;
  for (std::size_t s = 0; s < dense_.size(); ++s) {
    const bool last = s + 1 == dense_.size();
    const bool joins = branch_ && s + 1 == own_;
    float* const target = last ? outputs : hidden + (s % 2) * hidden_size;
    const int channels = dense_[s].output.channels;
    const int stride = last ? output_stride : joins ? channels + branch_->outputs_ : channels;
    run_dense(dense_[s], rows, source, target, stride);
    if (joins) {
      const Size half{input.width / 2, input.height / 2};
      const std::size_t halved_each = floats({shape.channels, half.height, half.width});
      float* const halved = spare + spare_size(input);
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        halve(inputs + i * floats(shape), shape, halved + i * halved_each);
      }
      branch_->run(halved, count, half, halved + halved_size(input, count), target + channels, stride);
    }
    source = target;
  }
}

}  // namespace mtcnn
