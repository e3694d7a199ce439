#include "engine/screened_network.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "engine/layer_values.h"

namespace mtcnn {
namespace {

constexpr float kMargin = 11;  // of the root mean square error
// Where more cells than this have to be looked at again, the first look is not worth it.
constexpr float kMostAgain = .3f;

constexpr int kSide = kPaintedSide;

// A map in planes.
struct Planes {
  Size size;
  int channels = 0;
  std::vector<float> values;
};

// All of what a part of the net makes of a map.
Planes run_part(const RowNetwork& part, const Planes& in, Size size) {
  Planes out{size, part.outputs(), {}};
  out.values.resize(static_cast<std::size_t>(out.channels * size.height * size.width));
  const Tile tile{in.size, 0, size.width, 0, size.height};
  AlignedFloats scratch(part.scratch_size(tile));
  part.run(
      tile, scratch.data(),
      [&](int row, float* planes, std::ptrdiff_t plane) {
        for (int c = 0; c < in.channels; ++c) {
          std::copy_n(in.values.data() + (c * in.size.height + row) * in.size.width, in.size.width,
                      planes + c * plane);
        }
      },
      [&](int row, const float* planes, std::ptrdiff_t plane) {
        for (int c = 0; c < out.channels; ++c) {
          std::copy_n(planes + c * plane, size.width,
                      out.values.data() + (c * size.height + row) * size.width);
        }
      });
  return out;
}

std::size_t padded(int outputs, int to) { return static_cast<std::size_t>((outputs + to - 1) / to * to); }

std::ptrdiff_t padded_row(int columns) {
  return static_cast<std::ptrdiff_t>(padded(columns, kSlack)) + 3 * kSlack;
}

constexpr int kRoughRows = 3;  // of each ring of bytes

}  // namespace

ScreenedNetwork::ScreenedNetwork(const NetSpec& net, const ModelData& data, const Kernels& kernels,
                                 std::initializer_list<std::string_view> heads)
    : kernels_(&kernels),
      front_(net, data, kernels, {0, static_cast<int>(net.layers.size()) - 4}, {}, kKept) {
  assert(kernels.screen && !kernels.plane_winograd && heads.size() > 0 && *heads.begin() == "class");
  const std::size_t pool = net.layers.size() - 5;
  assert(net.layers[pool].kind == LayerKind::kMaxPool);
  int channels = front_.outputs();
  for (std::size_t i = 0; i < 2; ++i) {
    const Layer& layer = net.layers[pool + 1 + 2 * i];
    const Layer& prelu = net.layers[pool + 2 + 2 * i];
    assert(layer.kind == LayerKind::kConv && layer.kernel == kKernel && layer.groups == 1);
    assert(prelu.kind == LayerKind::kPrelu);
    const std::vector<float>& weights = values_of(data, net.name, layer, "weight");
    const std::vector<float>& bias = values_of(data, net.name, layer, "bias");
    const std::vector<float>& slopes = values_of(data, net.name, prelu, "weight");
    Exact& exact = exact_[i];
    exact.channels = channels;
    exact.outputs = layer.outputs;
    // From [output][channel][row][column] to [block][row][channel][column][kBlock]: in the order in which RowNetwork adds.
    const std::size_t lanes = padded(layer.outputs, kBlock);
    const int taps = channels * kKernel * kKernel;
    exact.weights.assign(lanes * static_cast<std::size_t>(taps), 0.f);
    exact.bias.assign(lanes, 0.f);
    exact.slopes.assign(lanes, 0.f);
    std::copy(bias.begin(), bias.end(), exact.bias.begin());
    std::copy(slopes.begin(), slopes.end(), exact.slopes.begin());
    const float* source = weights.data();
    for (int o = 0; o < layer.outputs; ++o) {
      for (int c = 0; c < channels; ++c) {
        for (int y = 0; y < kKernel; ++y) {
          for (int x = 0; x < kKernel; ++x) {
            const int tap = (y * channels + c) * kKernel + x;
            exact.weights[static_cast<std::size_t>((o / kBlock * taps + tap) * kBlock + o % kBlock)] =
                *source++;
          }
        }
      }
    }
    channels = layer.outputs;
  }

  heads_.channels = channels;
  std::vector<const Layer*> chosen;
  for (const std::string_view name : heads) {
    chosen.push_back(&head_of(net, name));
    heads_.outputs += chosen.back()->outputs;
  }
  outputs_ = heads_.outputs;
  const std::size_t lanes = padded(outputs_, kBlock);
  heads_.weights.assign(lanes * static_cast<std::size_t>(channels), 0.f);
  heads_.bias.assign(lanes, 0.f);
  int to = 0;
  for (const Layer* const head : chosen) {
    const std::vector<float>& weights = values_of(data, net.name, *head, "weight");
    const std::vector<float>& bias = values_of(data, net.name, *head, "bias");
    for (int o = 0; o < head->outputs; ++o, ++to) {
      heads_.bias[static_cast<std::size_t>(to)] = bias[static_cast<std::size_t>(o)];
      for (int c = 0; c < channels; ++c) {
        heads_.weights[static_cast<std::size_t>((to / kBlock * channels + c) * kBlock + to % kBlock)] =
            weights[static_cast<std::size_t>(o * channels + c)];
      }
    }
  }
  mix_.assign(padded(channels, kScreenBlock), 0.f);
  for (int c = 0; c < channels; ++c) {
    const float* const logits = heads_.weights.data() + c * kBlock;
    mix_[static_cast<std::size_t>(c)] = logits[1] - logits[0];
  }
  mix_offset_ = heads_.bias[1] - heads_.bias[0];
  calibrate(net, data, kernels);
}

void ScreenedNetwork::calibrate(const NetSpec& net, const ModelData& data, const Kernels& kernels) {
  Planes picture{{kSide, kSide}, 3, std::vector<float>(std::size_t{3} * kSide * kSide)};
  const std::vector<float> painted = painted_picture();
  for (std::size_t i = 0; i < painted.size(); ++i) {
    picture.values[i % 3 * kSide * kSide + i / 3] = (painted[i] - data.pixel_mean) * data.pixel_scale;
  }

  const int layers = static_cast<int>(net.layers.size());
  const auto shrunk = [](const Planes& map) {
    return Size{map.size.width - kKernel + 1, map.size.height - kKernel + 1};
  };
  Tile cells;
  cells.map = picture.size;
  const Size positions = RowNetwork(net, data, kernels, {"class"}).positions(picture.size);
  cells.right = positions.width;
  cells.bottom = positions.height;
  const Planes pooled = run_part(front_, picture, {positions.width + kReach, positions.height + kReach});
  const Planes second =
      run_part(RowNetwork(net, data, kernels, {layers - 4, layers - 2}, {}), pooled, shrunk(pooled));
  const Planes logits =
      run_part(RowNetwork(net, data, kernels, {layers - 2, layers}, {"class"}), second, shrunk(second));

  const Planes* const maps[] = {&pooled, &second};
  std::vector<ByteScale> scales[3];  // of the last features there are none
  for (std::size_t i = 0; i < 2; ++i) {
    const auto plane = static_cast<std::ptrdiff_t>(maps[i]->size.width * maps[i]->size.height);
    std::vector<ChannelRange> ranges;
    for (auto from = maps[i]->values.begin(); from != maps[i]->values.end(); from += plane) {
      const auto [low, high] = std::minmax_element(from, from + plane);
      ranges.push_back({*low, *high});
    }
    scales[i] = byte_scales(ranges);
  }
  for (const ByteScale& scale : scales[0]) {
    pool_scale_.push_back(1 / scale.step);
    pool_zero_.push_back(static_cast<float>(scale.zero));
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const Layer& layer = net.layers[net.layers.size() - 4 + 2 * i];
    const Layer& prelu = net.layers[net.layers.size() - 3 + 2 * i];
    rough_.emplace_back(values_of(data, net.name, layer, "weight"), values_of(data, net.name, layer, "bias"),
                        values_of(data, net.name, prelu, "weight"), kKernel, scales[i], scales[i + 1]);
  }

  std::vector<float> rough(static_cast<std::size_t>(positions.width * positions.height));
  ScreenScratch scratch;
  run(
      cells, std::numeric_limits<float>::infinity(), scratch,
      [&](int row, float* planes, std::ptrdiff_t plane) {
        for (int c = 0; c < 3; ++c) {
          std::copy_n(picture.values.data() + (c * kSide + row) * kSide, kSide, planes + c * plane);
        }
      },
      [](int, int, const float*) {}, rough.data());
  double sum = 0;
  float worst = 0;
  for (std::size_t i = 0; i < rough.size(); ++i) {
    const float error = logits.values[rough.size() + i] - logits.values[i] - rough[i];
    sum += static_cast<double>(error) * static_cast<double>(error);
    worst = std::max(worst, std::abs(error));  // NaN may be lost here, not in the sum
  }
  worst_error_ = worst;
  typical_error_ = static_cast<float>(std::sqrt(sum / static_cast<double>(rough.size())));
  margin_ = screening_margin(worst_error_, typical_error_, kMargin);
  painted_ = std::move(rough);
  if (std::isfinite(margin_)) std::sort(painted_.begin(), painted_.end());
}

bool ScreenedNetwork::pays(float bound) const {
  if (!std::isfinite(margin_)) return false;
  const auto above = painted_.end() - std::lower_bound(painted_.begin(), painted_.end(), bound - margin_);
  return static_cast<float>(above) <= kMostAgain * static_cast<float>(painted_.size());
}

void ScreenedNetwork::begin(const Tile& tile, float bound, ScreenScratch& scratch, float* rough,
                            Front& front) const {
  front.tile = front_tile(tile);
  front.limit = bound - margin_;
  front.columns = tile.right - tile.left;
  front.rough = rough;
  const std::size_t columns = static_cast<std::size_t>(front.columns);
  front.quad_plane = padded_row(front.columns + kReach);
  const std::size_t quads = static_cast<std::size_t>(front.quad_plane * (rough_[0].quads + rough_[1].quads));
  scratch.words.resize(kRoughRows * quads);
  front.first = scratch.words.data();
  front.second = front.first + kRoughRows * front.quad_plane * rough_[0].quads;

  const std::size_t rows = front_.scratch_size(front.tile);
  const std::size_t scores = columns + 3 * kSlack;
  const std::size_t map = kKernel * (columns + kKernel) * static_cast<std::size_t>(exact_[0].outputs);
  const std::size_t hidden = columns * static_cast<std::size_t>(exact_[1].outputs) + kSlack;
  const std::size_t values = columns * static_cast<std::size_t>(outputs_) + kSlack;
  scratch.floats.resize(rows + scores + map + hidden + values);
  front.scores = scratch.floats.data() + rows;
  front.map = front.scores + scores;
  front.hidden = front.map + map;
  front.values = front.hidden + hidden;

  scratch.done.resize(kKernel * (columns + kKernel - 1));
  scratch.columns.resize(columns);
  scratch.windows.resize(columns + kKernel - 1);
  scratch.targets.resize(columns + kKernel - 1);
}

// Takes the next row of the pool's map. Returns how many positions of the row that this one completes are left: scratch.columns
// has which, front.values their values.
int ScreenedNetwork::advance(Front& front, ScreenScratch& scratch, const float* planes,
                             std::ptrdiff_t plane) const {
  const ScreenKernels& kernels = *kernels_->screen;
  const int row = front.row++;
  front.pooled[row % kKept] = planes;
  const RoughLayer& first = rough_[0];
  const RoughLayer& second = rough_[1];
  const auto row_of = [&](std::uint32_t* ring, int quads, int index) {
    return ring + index % kRoughRows * front.quad_plane * quads;
  };
  kernels.pack({.input = planes,
                .plane = plane,
                .channels = exact_[0].channels,
                .columns = front.columns + kReach,
                .scale = pool_scale_.data(),
                .zero = pool_zero_.data(),
                .output = row_of(front.first, first.quads, row),
                .output_plane = front.quad_plane});
  const int middle = row - kKernel + 1;
  if (middle < 0) return 0;
  const std::uint32_t* rows[kKernel];
  for (int r = 0; r < kKernel; ++r) rows[r] = row_of(front.first, first.quads, middle + r);
  ScreenConvArgs conv = first.args();
  conv.rows = rows;
  conv.plane = front.quad_plane;
  conv.columns = front.columns + kKernel - 1;
  conv.output = row_of(front.second, second.quads, middle);
  conv.output_plane = front.quad_plane;
  kernels.conv(conv);
  const std::size_t flags = static_cast<std::size_t>(front.columns + kKernel - 1);
  std::fill_n(scratch.done.begin() + static_cast<std::ptrdiff_t>(flags) * (middle % kKernel), flags, 0);
  const int last = middle - kKernel + 1;
  if (last < 0) return 0;
  for (int r = 0; r < kKernel; ++r) rows[r] = row_of(front.second, second.quads, last + r);
  ScreenConvArgs score = second.args();
  score.rows = rows;
  score.plane = front.quad_plane;
  score.columns = front.columns;
  score.mix = mix_.data();
  score.offset = mix_offset_;
  score.scores = front.scores;
  kernels.score(score);
  if (front.rough) front.rough = std::copy_n(front.scores, front.columns, front.rough);
  int left = 0;
  for (int x = 0; x < front.columns; ++x) {
    scratch.columns[static_cast<std::size_t>(left)] = x;
    left += front.scores[x] >= front.limit ? 1 : 0;
  }
  if (left == 0) return 0;
  redo(front, scratch, left, plane);
  return left;
}

// Exact values of the positions that are left: the first `count` of scratch.columns.
void ScreenedNetwork::redo(const Front& front, ScreenScratch& scratch, int count,
                           std::ptrdiff_t plane) const {
  const Exact& first = exact_[0];
  const Exact& second = exact_[1];
  const int top = front.row - kKept;
  const int width = front.columns + kKernel - 1;
  const auto map_row = [&](int row) {
    return front.map + row % kKernel * (front.columns + kKernel) * first.outputs;
  };
  constexpr int kMostRuns = 1024;
  int offsets[kMostRuns];
  assert(kKernel * first.channels <= kMostRuns && kKernel * kKernel * second.channels <= kMostRuns);

  // What of the first convolution these positions look at and no position above them did.
  for (int row = top; row < top + kKernel; ++row) {
    std::uint8_t* const done = scratch.done.data() + row % kKernel * width;
    const float* const input = front.pooled[row % kKept];
    float* const output = map_row(row);
    int inputs = 0;
    for (int i = 0; i < count; ++i) {
      const int column = scratch.columns[static_cast<std::size_t>(i)];
      for (int x = column; x < column + kKernel; ++x) {
        if (done[x]) continue;
        done[x] = 1;
        scratch.windows[static_cast<std::size_t>(inputs)] = input + x;
        scratch.targets[static_cast<std::size_t>(inputs)] = output + x * first.outputs;
        ++inputs;
      }
    }
    if (inputs == 0) continue;
    for (int r = 0; r < kKernel; ++r) {
      const std::ptrdiff_t below = front.pooled[(row + r) % kKept] - input;
      for (int c = 0; c < first.channels; ++c) {
        offsets[r * first.channels + c] = static_cast<int>(below + c * plane);
      }
    }
    kernels_->conv_at({.windows = scratch.windows.data(),
                       .targets = scratch.targets.data(),
                       .count = inputs,
                       .run_offsets = offsets,
                       .runs = kKernel * first.channels,
                       .run_length = kKernel,
                       .outputs = first.outputs,
                       .weights = first.weights.data(),
                       .bias = first.bias.data(),
                       .slopes = first.slopes.data()});
  }

  const float* const input = map_row(top);
  int run = 0;
  for (int r = 0; r < kKernel; ++r) {
    const std::ptrdiff_t below = map_row(top + r) - input;
    for (int c = 0; c < second.channels; ++c) {
      for (int x = 0; x < kKernel; ++x) offsets[run++] = static_cast<int>(below) + x * second.channels + c;
    }
  }
  for (int i = 0; i < count; ++i) {
    const std::size_t at = static_cast<std::size_t>(i);
    scratch.windows[at] = input + scratch.columns[at] * second.channels;
    scratch.targets[at] = front.hidden + i * second.outputs;
  }
  kernels_->conv_at({.windows = scratch.windows.data(),
                     .targets = scratch.targets.data(),
                     .count = count,
                     .run_offsets = offsets,
                     .runs = run,
                     .run_length = 1,
                     .outputs = second.outputs,
                     .weights = second.weights.data(),
                     .bias = second.bias.data(),
                     .slopes = second.slopes.data()});
  static constexpr int kStart[] = {0};
  kernels_->conv({.input = front.hidden,
                  .rows = 1,
                  .columns = count,
                  .row_stride = 0,
                  .pixel_stride = second.outputs,
                  .run_offsets = kStart,
                  .runs = 1,
                  .run_length = second.outputs,
                  .outputs = outputs_,
                  .weights = heads_.weights.data(),
                  .bias = heads_.bias.data(),
                  .slopes = nullptr,
                  .output = front.values,
                  .output_stride = outputs_});
}

}  // namespace mtcnn
