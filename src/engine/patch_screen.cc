#include "engine/patch_screen.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "engine/layer_values.h"

namespace mtcnn {
namespace {

// Windows that P-Net let through are not like those of the painted picture, so what will have to be looked at again can't be
// counted there. Where the threshold is so low, it is most of them.
constexpr float kLowestPaying = -1;

// Of the root mean square error. More than for P-Net: few windows are painted, and they look less like what R-Net is shown.
constexpr float kMargin = 18;

constexpr int kPainted = 48;  // windows

}  // namespace

PatchScreen::PatchScreen(const NetSpec& net, const ModelData& data, const Kernels& kernels,
                         const Network& network)
    : kernels_(&kernels), side_(net.side) {
  assert(kernels.screen && net.channels == 3 && net.side * net.side % 4 == 0);
  const std::size_t side = static_cast<std::size_t>(net.side);
  const std::size_t patch = 3 * side * side;

  // Windows of the painted picture, side by side.
  const std::size_t across = kPaintedSide / side;
  assert(across * across >= kPainted);
  const std::vector<float> picture = painted_picture();
  AlignedFloats inputs(kPainted * patch + kSlack);
  for (std::size_t i = 0; i < kPainted; ++i) {
    for (std::size_t row = 0; row < side; ++row) {
      const std::size_t from = ((i / across * side + row) * kPaintedSide + i % across * side) * 3;
      std::transform(picture.begin() + static_cast<std::ptrdiff_t>(from),
                     picture.begin() + static_cast<std::ptrdiff_t>(from + 3 * side),
                     inputs.begin() + static_cast<std::ptrdiff_t>(i * patch + row * side * 3),
                     [&](float value) { return (value - data.pixel_mean) * data.pixel_scale; });
    }
  }
  const Size size{net.side, net.side};
  const std::size_t outputs = static_cast<std::size_t>(network.outputs());
  AlignedFloats scratch(network.scratch_size(size, kPainted)), exact(kPainted * outputs + kSlack);
  const std::vector<std::vector<ChannelRange>> ranges =
      network.measure(inputs.data(), kPainted, size, scratch.data(), exact.data());

  input_ = byte_scale({(0 - data.pixel_mean) * data.pixel_scale, (255 - data.pixel_mean) * data.pixel_scale});
  std::vector<ByteScale> scales(static_cast<std::size_t>(net.channels), input_);
  MapShape shape{net.channels, net.side, net.side};
  const auto words = [](int quads, int length) {
    return static_cast<std::size_t>(quads * length * length * kScreenLanes);
  };
  map_size_ = words(1, net.side);
  int quads = 1;  // of the map, with what fills up a block of outputs
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const Layer& layer = net.layers[i];
    if (layer.kind == LayerKind::kPrelu) continue;  // part of the layer before
    const MapShape out = output_shape(layer, shape);
    Step& step = steps_.emplace_back();
    step.stride = layer.stride;
    step.quads = quads;
    step.input = shape.width;
    step.output = out.width;
    if (layer.kind == LayerKind::kMaxPool) {
      step.size = layer.kernel;
    } else {
      const bool dense = layer.kind == LayerKind::kDense;
      assert((dense || layer.kind == LayerKind::kConv) && layer.padding == 0 && layer.groups == 1);
      assert(dense == (i + 2 == net.layers.size()) && net.layers[i + 1].kind == LayerKind::kPrelu);
      step.size = dense ? shape.width : layer.kernel;
      std::vector<ByteScale> next;
      if (!dense) {
        // Below what the pool lets through nothing matters.
        const bool pooled = net.layers[i + 2].kind == LayerKind::kMaxPool;
        next = byte_scales(ranges[pooled ? i + 2 : i]);
      }
      layers_.emplace_back(values_of(data, net.name, layer, "weight"),
                           values_of(data, net.name, layer, "bias"),
                           values_of(data, net.name, net.layers[i + 1], "weight"), step.size, scales, next);
      step.layer = static_cast<int>(layers_.size()) - 1;
      scales = std::move(next);
      quads = layers_.back().outputs / 4;
    }
    map_size_ = std::max(map_size_, words(quads, step.output));
    shape = out;
  }

  const Layer& head = head_of(net, "class");
  const std::vector<float>& weights = values_of(data, net.name, head, "weight");
  const std::vector<float>& bias = values_of(data, net.name, head, "bias");
  const std::size_t features = static_cast<std::size_t>(shape.channels);
  mix_.assign(static_cast<std::size_t>(layers_.back().outputs), 0.f);
  for (std::size_t c = 0; c < features; ++c) mix_[c] = weights[features + c] - weights[c];
  mix_offset_ = bias[1] - bias[0];

  AlignedWords maps(scratch_size());
  float scores[kScreenLanes];
  double sum = 0;
  for (std::size_t i = 0; i < kPainted; ++i) {
    const std::size_t lane = i % kScreenLanes;
    if (lane == 0) run(inputs.data() + i * patch, kScreenLanes, maps.data(), scores);
    const float error = exact[i * outputs + 1] - exact[i * outputs] - scores[lane];
    sum += static_cast<double>(error) * static_cast<double>(error);
    worst_error_ = std::max(worst_error_, std::abs(error));  // NaN may be lost here, not in the sum
  }
  typical_error_ = static_cast<float>(std::sqrt(sum / kPainted));
  margin_ = screening_margin(worst_error_, typical_error_, kMargin);
}

bool PatchScreen::pays(float bound) const { return std::isfinite(margin_) && bound >= kLowestPaying; }

void PatchScreen::run(const float* inputs, int count, std::uint32_t* scratch, float* scores) const {
  const ScreenKernels& kernels = *kernels_->screen;
  std::uint32_t* maps[2] = {scratch, scratch + map_size_};
  kernels.lanes({.maps = inputs,
                 .map = std::ptrdiff_t{3} * side_ * side_,
                 .count = count,
                 .pixels = side_ * side_,
                 .scale = 1 / input_.step,
                 .zero = static_cast<float>(input_.zero),
                 .output = maps[0]});
  constexpr int kMostRows = 8;
  const std::uint32_t* rows[kMostRows];
  for (const Step& step : steps_) {
    const std::ptrdiff_t in_plane = std::ptrdiff_t{step.input} * kScreenLanes;
    const std::ptrdiff_t out_plane = std::ptrdiff_t{step.output} * kScreenLanes;
    for (int y = 0; y < step.output; ++y) {
      const int top = y * step.stride;
      const int count_of_rows = std::min(step.size, step.input - top);
      assert(step.size <= kMostRows);
      for (int r = 0; r < count_of_rows; ++r) rows[r] = maps[0] + (top + r) * step.quads * in_plane;
      if (step.layer < 0) {
        kernels.pool({.rows = rows,
                      .row_count = count_of_rows,
                      .size = step.size,
                      .stride = step.stride,
                      .quads = step.quads,
                      .input_columns = step.input,
                      .columns = step.output,
                      .plane = in_plane,
                      .output_plane = out_plane,
                      .output = maps[1] + y * step.quads * out_plane});
        continue;
      }
      const RoughLayer& layer = layers_[static_cast<std::size_t>(step.layer)];
      const bool last = &step == &steps_.back();
      ScreenConvArgs args = layer.args();
      args.rows = rows;
      args.plane = in_plane;
      args.columns = static_cast<int>(out_plane);
      args.column_step = kScreenLanes;
      args.output = maps[1] + y * (layer.outputs / 4) * out_plane;
      args.output_plane = out_plane;
      args.mix = mix_.data();
      args.offset = mix_offset_;
      args.scores = scores;
      (last ? kernels.score : kernels.conv)(args);
    }
    std::swap(maps[0], maps[1]);
  }
}

}  // namespace mtcnn
