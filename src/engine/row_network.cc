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

// From [output][channel][place] to [block][place][channel][kPlaneBlock].
AlignedFloats pack_blocks(const std::vector<float>& places, int outputs, int channels) {
  const int blocks = (outputs + kPlaneBlock - 1) / kPlaneBlock;
  AlignedFloats packed(static_cast<std::size_t>(blocks * kPairPlaces * channels * kPlaneBlock), 0.f);
  const float* source = places.data();
  for (int o = 0; o < outputs; ++o) {
    for (int c = 0; c < channels; ++c) {
      for (int place = 0; place < kPairPlaces; ++place) {
        const int row = (o / kPlaneBlock * kPairPlaces + place) * channels + c;
        packed[static_cast<std::size_t>(row * kPlaneBlock + o % kPlaneBlock)] = *source++;
      }
    }
  }
  return packed;
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
      continue;
    }
    assert(layer.kind == LayerKind::kConv && layer.padding == 0 && layer.groups == 1);
    step.kind = Kind::kConv;
    step.outputs = channels = layer.outputs;
    if (kernels.plane_conv_pool && step.channels == kThinChannels && i + 2 < end && suits_pooled(net, i)) {
      step.kind = Kind::kConvPool;
    } else if (kernels.plane_winograd && layer.kernel == 3 && step.channels <= kMostPlaneChannels) {
      step.kind = Kind::kWinograd;
    }
    std::vector<float> weights = values_of(data, net.name, layer, "weight");
    if (step.kind != Kind::kConv) {
      step.kernel = kPairInputs;
      weights = winograd_kernels(weights, pair_weights);
    }
    if (step.kind == Kind::kWinograd) {
      step.weights = pack_blocks(weights, step.outputs, step.channels);
    } else {
      step.weights.resize(static_cast<std::size_t>(step.channels * step.kernel * step.kernel * step.outputs));
      pack(weights, step.outputs, step.channels, step.kernel, 0, step.outputs, step.weights);
    }
    const std::vector<float>& bias = values_of(data, net.name, layer, "bias");
    step.bias.assign(bias.begin(), bias.end());
    if (i + 1 < end && net.layers[i + 1].kind == LayerKind::kPrelu) {
      const std::vector<float>& slopes = values_of(data, net.name, net.layers[++i], "weight");
      step.slopes.assign(slopes.begin(), slopes.end());
    }
    if (step.kind == Kind::kConvPool) ++i;
  }
  assert(steps_.size() + 1 < kMostMaps);
  if (heads.size() == 0) return;
  // All heads look at the same features: they are one 1 x 1 convolution.
  Step& all = steps_.emplace_back();
  all.kind = Kind::kConv;
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
      switch (step.kind) {
        case Kind::kPool: return (in + 1) / 2;
        case Kind::kConvPool: return (in - 1) / 2;
        case Kind::kWinograd: return in - 2;
        case Kind::kConv: break;
      }
      return in - step.kernel + 1;
    };
    maps[i + 1].size = {side(maps[i].size.width), side(maps[i].size.height)};
    maps[i + 1].channels = step.outputs;
    maps[i].kept = step.kernel;
  }
  Map& last = maps[steps_.size()];
  last.columns = {tile.left, tile.right};
  last.rows = {tile.top, tile.bottom};
  last.kept = kept_;
  for (std::size_t i = steps_.size(); i-- > 0;) {
    const Kind kind = steps_[i].kind;
    Map& out = maps[i + 1];
    Map& in = maps[i];
    if (kind == Kind::kWinograd) {
      // Its tiles are the same ones wherever the part begins. Two rows are made at a time: room for the second beside all that is kept,
      // unless the next step looks at pairs of rows, too.
      const bool pairs = i + 1 < steps_.size() && steps_[i + 1].kind != Kind::kConv;
      out.columns.begin -= out.columns.begin % 2;
      out.rows.begin -= out.rows.begin % 2;
      out.kept = (out.kept + (pairs ? 1 : 2)) / 2 * 2;
    }
    const auto looked_at = [&](Range made, int size) -> Range {
      switch (kind) {
        case Kind::kPool: return {2 * made.begin, std::min(2 * made.end, size)};
        case Kind::kConvPool: return {2 * made.begin, std::min(2 * made.end + 2, size)};
        case Kind::kWinograd: return {made.begin, made.end + 2};
        case Kind::kConv: break;
      }
      return {made.begin, made.end + steps_[i].kernel - 1};
    };
    in.columns = looked_at(out.columns, in.size.width);
    in.rows = looked_at(out.rows, in.size.height);
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

Range RowNetwork::input_rows(const Tile& tile) const {
  Map maps[kMostMaps];
  lay_out(tile, maps);
  return maps[0].rows;
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
    next[i] = maps[i].rows.begin;
    scratch += maps[i].row * maps[i].kept;
  }
  // Rows are kept in a ring: row r of map i is where row r - kept was.
  const auto place = [&](std::size_t map, int row) {
    return base[map] + maps[map].row * (row % maps[map].kept);
  };

  // Makes map `map` come as far as `row`, and what that takes before it.
  const auto advance = [&](const auto& self, std::size_t map, int row) -> void {
    while (next[map] <= row) {
      const int made = next[map]++;
      float* const output = place(map, made);
      if (map == 0) {
        read(read_context, made, output, maps[0].plane);
        continue;
      }
      const Step& step = steps_[map - 1];
      const Map& in = maps[map - 1];
      const Map& out = maps[map];
      const bool pooled = step.kind == Kind::kPool || step.kind == Kind::kConvPool;
      const int top = pooled ? 2 * made : made;
      const int bottom = std::min(top + (step.kind == Kind::kPool ? 2 : step.kernel), in.rows.end) - 1;
      self(self, map - 1, bottom);
      // The maps may begin at other columns, and rows that are not there may be any.
      const int skipped = (pooled ? 2 : 1) * out.columns.begin - in.columns.begin;
      constexpr int kMostRows = 8;
      const float* rows[kMostRows];
      assert(step.kernel <= kMostRows);
      for (int r = 0; r < step.kernel; ++r) rows[r] = place(map - 1, std::min(top + r, bottom)) + skipped;
      const int columns = out.columns.end - out.columns.begin;
      const int input_columns = in.columns.end - in.columns.begin - skipped;
      const float* const slopes = step.slopes.empty() ? nullptr : step.slopes.data();
      switch (step.kind) {
        case Kind::kPool:
          kernels_->plane_pool({.top = rows[0],
                                .bottom = rows[1],
                                .plane = in.plane,
                                .input_columns = input_columns,
                                .channels = step.channels,
                                .columns = columns,
                                .output = output,
                                .output_plane = out.plane});
          break;
        case Kind::kConvPool:
          kernels_->plane_conv_pool({.rows = rows,
                                     .conv_rows = bottom - top - 1,
                                     .conv_columns = input_columns - 2,
                                     .plane = in.plane,
                                     .columns = columns,
                                     .outputs = step.outputs,
                                     .weights = step.weights.data(),
                                     .bias = step.bias.data(),
                                     .slopes = slopes,
                                     .output = output,
                                     .output_plane = out.plane});
          break;
        case Kind::kWinograd:
          kernels_->plane_winograd({.rows = rows,
                                    .channels = step.channels,
                                    .plane = in.plane,
                                    .columns = columns,
                                    .outputs = step.outputs,
                                    .weights = step.weights.data(),
                                    .bias = step.bias.data(),
                                    .slopes = slopes,
                                    .upper = output,
                                    .lower = made + 1 < out.rows.end ? place(map, made + 1) : nullptr,
                                    .output_plane = out.plane});
          ++next[map];
          break;
        case Kind::kConv:
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
          break;
      }
    }
  };
  // The last map may begin before the tile.
  const std::ptrdiff_t left = tile.left - maps[steps_.size()].columns.begin;
  for (int row = tile.top; row < tile.bottom; ++row) {
    advance(advance, steps_.size(), row);
    found(found_context, row, place(steps_.size(), row) + left, maps[steps_.size()].plane);
  }
}

}  // namespace mtcnn
