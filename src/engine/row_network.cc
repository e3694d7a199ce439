#include "engine/row_network.h"

#include <algorithm>
#include <cassert>

#include "engine/layer_values.h"

namespace mtcnn {
namespace {

// From [output][channel][row][column] to [row][channel][column][all outputs], outputs from `first` on.
void pack(const std::vector<float>& weights, int outputs, int channels, int kernel, int first, int all,
          AlignedFloats& packed) {
  const float* source = weights.data();
  for (int o = 0; o < outputs; ++o) {
    for (int c = 0; c < channels; ++c) {
      for (int y = 0; y < kernel; ++y) {
        for (int x = 0; x < kernel; ++x) {
          packed[static_cast<std::size_t>(((y * channels + c) * kernel + x) * all + first + o)] = *source++;
        }
      }
    }
  }
}

// Whether layer i of the net and those behind it are what plane_conv_pool() computes at once.
bool suits_pooled(const NetSpec& net, std::size_t i) {
  const Layer& layer = net.layers[i];
  const Layer& pool = net.layers[i + 2];
  return layer.kernel == 3 && net.layers[i + 1].kind == LayerKind::kPrelu &&
         pool.kind == LayerKind::kMaxPool && pool.kernel == 2 && pool.stride == 2;
}

}  // namespace

RowNetwork::RowNetwork(const NetSpec& net, const ModelData& data, const Kernels& kernels, Range layers,
                       std::initializer_list<std::string_view> heads, int kept)
    : net_(&net), kernels_(&kernels), kept_(kept) {
  assert(net.fully_convolutional && !net.branch);
  int channels = net.channels;
  const std::size_t begin = static_cast<std::size_t>(layers.begin);
  const std::size_t end = static_cast<std::size_t>(layers.end);
  for (std::size_t i = 0; i < begin; ++i) {
    if (net.layers[i].outputs > 0) channels = net.layers[i].outputs;
  }
  inputs_ = channels;
  for (std::size_t i = begin; i < end; ++i) {
    const Layer& layer = net.layers[i];
    if (layer.kind == LayerKind::kDropout) continue;
    Step& step = steps_.emplace_back();
    step.channels = step.outputs = channels;
    step.kernel = layer.kernel;
    if (layer.kind == LayerKind::kMaxPool) {
      assert(layer.kernel == 2 && layer.stride == 2);
      step.pool = true;
      continue;
    }
    assert(layer.kind == LayerKind::kConv && layer.padding == 0 && layer.groups == 1);
    step.conv = true;
    step.outputs = channels = layer.outputs;
    const std::vector<float>& weights = values_of(data, net.name, layer, "weight");
    std::vector<float> places;
    if (kernels.plane_conv_pool && step.channels == kThinChannels && i + 2 < end && suits_pooled(net, i)) {
      step.pool = true;
      step.kernel = kThinInputs;
      places = winograd_kernels(weights, thin_weights);
    }
    step.weights.resize(static_cast<std::size_t>(step.channels * step.kernel * step.kernel * step.outputs));
    pack(places.empty() ? weights : places, step.outputs, step.channels, step.kernel, 0, step.outputs,
         step.weights);
    const std::vector<float>& bias = values_of(data, net.name, layer, "bias");
    step.bias.assign(bias.begin(), bias.end());
    if (i + 1 < end && net.layers[i + 1].kind == LayerKind::kPrelu) {
      const std::vector<float>& slopes = values_of(data, net.name, net.layers[++i], "weight");
      step.slopes.assign(slopes.begin(), slopes.end());
    }
    if (step.pool) ++i;
  }
  assert(steps_.size() + 1 < kMostMaps);
  if (heads.size() == 0) return;
  // All heads look at the same features: they are one 1 x 1 convolution.
  Step& all = steps_.emplace_back();
  all.kernel = 1;
  all.channels = channels;
  std::vector<const Layer*> chosen;
  for (const std::string_view name : heads) {
    chosen.push_back(&head_of(net, name));
    all.outputs += chosen.back()->outputs;
  }
  all.weights.resize(static_cast<std::size_t>(channels * all.outputs));
  int first = 0;
  for (const Layer* const head : chosen) {
    pack(values_of(data, net.name, *head, "weight"), head->outputs, channels, 1, first, all.outputs,
         all.weights);
    const std::vector<float>& bias = values_of(data, net.name, *head, "bias");
    all.bias.insert(all.bias.end(), bias.begin(), bias.end());
    first += head->outputs;
  }
}

Size RowNetwork::positions(Size input) const {
  const MapShape shape = feature_shape(*net_, input.height, input.width);
  return {shape.width, shape.height};
}

void RowNetwork::lay_out(const Tile& tile, Map* maps) const {
  maps[0].size = tile.map;
  maps[0].channels = inputs_;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    const auto side = [&](int in) {
      return step.conv && step.pool ? (in - 1) / 2 : step.pool ? (in + 1) / 2 : in - step.kernel + 1;
    };
    maps[i + 1].size = {side(maps[i].size.width), side(maps[i].size.height)};
    maps[i + 1].channels = step.outputs;
    maps[i].kept = step.kernel;
  }
  Map& last = maps[steps_.size()];
  last.columns = {tile.left, tile.right};
  last.first_row = tile.top;
  last.kept = kept_;
  for (std::size_t i = steps_.size(); i-- > 0;) {
    const Step& step = steps_[i];
    const Map& out = maps[i + 1];
    Map& in = maps[i];
    if (step.pool) {
      in.columns = {2 * out.columns.begin,
                    std::min(2 * out.columns.end + (step.conv ? 2 : 0), in.size.width)};
      in.first_row = 2 * out.first_row;
    } else {
      in.columns = {out.columns.begin, out.columns.end + step.kernel - 1};
      in.first_row = out.first_row;
    }
  }
  for (std::size_t i = 0; i <= steps_.size(); ++i) {
    // Room for a last vector that the row does not fill, at both ends of what a kernel looks at.
    const int columns = maps[i].columns.end - maps[i].columns.begin;
    maps[i].plane = (columns + 2 * kSlack - 1) / kSlack * kSlack + kSlack;
    maps[i].row = maps[i].plane * maps[i].channels;
  }
}

Range RowNetwork::input_columns(const Tile& tile) const {
  Map maps[kMostMaps];
  lay_out(tile, maps);
  return maps[0].columns;
}

std::size_t RowNetwork::scratch_size(const Tile& tile) const {
  Map maps[kMostMaps];
  lay_out(tile, maps);
  std::ptrdiff_t sum = 0;
  for (std::size_t i = 0; i <= steps_.size(); ++i) sum += maps[i].row * maps[i].kept;
  return static_cast<std::size_t>(sum) + kSlack;
}

void RowNetwork::run(const Tile& tile, float* scratch, Read read, void* read_context, Found found,
                     void* found_context) const {
  Map maps[kMostMaps];
  lay_out(tile, maps);
  float* base[kMostMaps];
  int next[kMostMaps];  // the row of each map that comes next
  for (std::size_t i = 0; i <= steps_.size(); ++i) {
    base[i] = scratch;
    next[i] = maps[i].first_row;
    scratch += maps[i].row * maps[i].kept;
  }
  // Rows are kept in a ring: row r of map i is where row r - kept was.
  const auto place = [&](std::size_t map, int row) {
    return base[map] + maps[map].row * (row % maps[map].kept);
  };

  // Makes map `map` come as far as `row`, and what that takes before it.
  const auto advance = [&](const auto& self, std::size_t map, int row) -> void {
    for (; next[map] <= row; ++next[map]) {
      float* const output = place(map, next[map]);
      if (map == 0) {
        read(read_context, next[0], output, maps[0].plane);
        continue;
      }
      const Step& step = steps_[map - 1];
      const Map& in = maps[map - 1];
      const Map& out = maps[map];
      const int columns = out.columns.end - out.columns.begin;
      const float* slopes = step.slopes.empty() ? nullptr : step.slopes.data();
      if (step.conv && step.pool) {
        const int top = 2 * next[map];
        const int bottom = std::min(top + 3, in.size.height - 1);
        self(self, map - 1, bottom);
        const float* rows[kThinInputs];
        for (int r = 0; r < kThinInputs; ++r) rows[r] = place(map - 1, std::min(top + r, bottom));
        kernels_->plane_conv_pool({.rows = rows,
                                   .conv_rows = bottom - top - 1,
                                   .conv_columns = in.columns.end - in.columns.begin - 2,
                                   .plane = in.plane,
                                   .columns = columns,
                                   .outputs = step.outputs,
                                   .weights = step.weights.data(),
                                   .bias = step.bias.data(),
                                   .slopes = slopes,
                                   .output = output,
                                   .output_plane = out.plane});
        continue;
      }
      if (step.pool) {
        const int top = 2 * next[map];
        const int bottom = std::min(top + 1, in.size.height - 1);
        self(self, map - 1, bottom);
        kernels_->plane_pool({.top = place(map - 1, top),
                              .bottom = place(map - 1, bottom),
                              .plane = in.plane,
                              .input_columns = in.columns.end - in.columns.begin,
                              .channels = step.channels,
                              .columns = columns,
                              .output = output,
                              .output_plane = out.plane});
        continue;
      }
      self(self, map - 1, next[map] + step.kernel - 1);
      constexpr int kMostRows = 8;
      const float* rows[kMostRows];
      assert(step.kernel <= kMostRows);
      for (int r = 0; r < step.kernel; ++r) rows[r] = place(map - 1, next[map] + r);
      kernels_->plane_conv({.rows = rows,
                            .kernel_rows = step.kernel,
                            .kernel_columns = step.kernel,
                            .channels = step.channels,
                            .plane = in.plane,
                            .columns = columns,
                            .outputs = step.outputs,
                            .weights = step.weights.data(),
                            .bias = step.bias.data(),
                            .slopes = slopes,
                            .output = output,
                            .output_plane = out.plane});
    }
  };
  for (int row = tile.top; row < tile.bottom; ++row) {
    advance(advance, steps_.size(), row);
    found(found_context, row, place(steps_.size(), row), maps[steps_.size()].plane);
  }
}

}  // namespace mtcnn
