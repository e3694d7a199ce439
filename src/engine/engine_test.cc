#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "engine/network.h"
#include "engine/patch_screen.h"
#include "engine/row_network.h"
#include "engine/safetensors.h"
#include "engine/screened_network.h"
#include "geometry/calibration.h"
#include "nets/baseline_nets.h"
#include "support/random_model.h"

namespace mtcnn {
namespace {

using test::random_model;
using test::random_weights;

constexpr const NetSpec* kBaselines[] = {&k12Net,         &k24Net,         &k48Net,
                                         &k12Calibration, &k24Calibration, &k48Calibration};

// Two facts of two layers that do not see one another.
static_assert(kCalibrationPatterns.size() == kCalibrationOutputs);

// A net run straight from its definition and its tensors, channels first and without any packing:
// what the engine must agree with.
struct PlainMap {
  int channels, height, width;
  std::vector<double> values;
  double& at(int c, int y, int x) { return values[static_cast<std::size_t>((c * height + y) * width + x)]; }
};

// `name`: what the names of the net's tensors begin with.
PlainMap plain_layer(const std::string& name, const Layer& layer, PlainMap in, const ModelData& data) {
  const std::string prefix = name + "." + layer.name;
  const auto tensor = [&](const char* kind) -> const std::vector<float>& {
    return data.tensors.at(prefix + "." + kind).values;
  };
  if (layer.kind == LayerKind::kDropout) return in;
  if (layer.kind == LayerKind::kRelu) {
    for (double& v : in.values) v = std::max(v, 0.0);
    return in;
  }
  if (layer.kind == LayerKind::kLrn) {
    PlainMap out = in;
    for (int y = 0; y < in.height; ++y) {
      for (int x = 0; x < in.width; ++x) {
        for (int c = 0; c < in.channels; ++c) {
          double squares = 0;
          for (int other = 0; other < in.channels; ++other) {
            if (std::abs(other - c) <= layer.kernel / 2) squares += in.at(other, y, x) * in.at(other, y, x);
          }
          const double mean = squares / layer.kernel;
          out.at(c, y, x) /=
              std::pow(double{kLrnBias} + static_cast<double>(layer.alpha) * mean, double{kLrnPower});
        }
      }
    }
    return out;
  }
  if (layer.kind == LayerKind::kPrelu) {
    for (int c = 0; c < in.channels; ++c) {
      for (int i = 0; i < in.height * in.width; ++i) {
        double& v = in.values[static_cast<std::size_t>(c * in.height * in.width + i)];
        if (v < 0) v *= tensor("weight")[static_cast<std::size_t>(c)];
      }
    }
    return in;
  }
  const bool dense = layer.kind == LayerKind::kDense;
  const std::vector<float> none;
  const std::vector<float>& weights = layer.kind == LayerKind::kMaxPool ? none : tensor("weight");
  const MapShape shape = output_shape(layer, {in.channels, in.height, in.width});
  PlainMap out{shape.channels, shape.height, shape.width,
               std::vector<double>(static_cast<std::size_t>(shape.channels * shape.height * shape.width))};
  for (int o = 0; o < out.channels; ++o) {
    for (int y = 0; y < out.height; ++y) {
      for (int x = 0; x < out.width; ++x) {
        if (layer.kind == LayerKind::kMaxPool) {
          double best = -1e30;
          for (int v = 0; v < layer.kernel; ++v) {
            for (int u = 0; u < layer.kernel; ++u) {
              const int row = y * layer.stride + v, column = x * layer.stride + u;
              if (row < in.height && column < in.width) best = std::max(best, in.at(o, row, column));
            }
          }
          out.at(o, y, x) = best;
          continue;
        }
        const int seen = in.channels / layer.groups;
        const int first = o / (layer.outputs / layer.groups) * seen;
        const int rows = dense ? in.height : layer.kernel, columns = dense ? in.width : layer.kernel;
        double sum = tensor("bias")[static_cast<std::size_t>(o)];
        for (int c = 0; c < seen; ++c) {
          for (int v = 0; v < rows; ++v) {
            for (int u = 0; u < columns; ++u) {
              const std::size_t w = static_cast<std::size_t>(((o * seen + c) * rows + v) * columns + u);
              const int row = y + v - layer.padding, column = x + u - layer.padding;
              if (row < 0 || row >= in.height || column < 0 || column >= in.width) continue;
              sum += in.at(first + c, row, column) * static_cast<double>(weights[w]);
            }
          }
        }
        out.at(o, y, x) = sum;
      }
    }
  }
  return out;
}

PlainMap plain_features(const NetSpec& net, const std::string& name, const PlainMap& input,
                        const ModelData& data) {
  PlainMap map = input;
  for (const Layer& layer : net.layers) map = plain_layer(name, layer, map, data);
  if (net.branch) {
    PlainMap half{input.channels, input.height / 2, input.width / 2, {}};
    for (int c = 0; c < half.channels; ++c) {
      for (int y = 0; y < half.height; ++y) {
        for (int x = 0; x < half.width; ++x) {
          double sum = 0;
          for (const int v : {0, 1}) {
            for (const int u : {0, 1}) {
              const int i = (c * input.height + 2 * y + v) * input.width + 2 * x + u;
              sum += input.values[static_cast<std::size_t>(i)];
            }
          }
          half.values.push_back(sum / 4);
        }
      }
    }
    const PlainMap other = plain_features(*net.branch, name + ".branch", half, data);
    map.channels += other.channels;
    map.values.insert(map.values.end(), other.values.begin(), other.values.end());
  }
  return map;
}

// Heads of one net-sized window of a channels-last input.
std::vector<double> plain_run(const NetSpec& net, const ModelData& data, const float* input, int width,
                              int top, int left, std::initializer_list<std::string_view> heads) {
  PlainMap map{net.channels, net.side, net.side,
               std::vector<double>(static_cast<std::size_t>(net.channels * net.side * net.side))};
  for (int c = 0; c < net.channels; ++c) {
    for (int y = 0; y < net.side; ++y) {
      for (int x = 0; x < net.side; ++x) {
        map.at(c, y, x) = static_cast<double>(input[((top + y) * width + left + x) * net.channels + c]);
      }
    }
  }
  map = plain_features(net, net.name, map, data);
  std::vector<double> out;
  for (const std::string_view name : heads) {
    for (const Layer& head : net.heads) {
      if (head.name != name) continue;
      const PlainMap values = plain_layer(net.name, head, map, data);
      out.insert(out.end(), values.values.begin(), values.values.end());
    }
  }
  return out;
}

std::vector<float> random_input(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(count + kSlack);
  for (float& value : values) value = uniform(random);
  return values;
}

void check_definition(const NetSpec& net, const ModelData& data,
                      std::initializer_list<std::string_view> heads) {
  CAPTURE(net.name);
  const int count = 3;
  const std::size_t each = static_cast<std::size_t>(net.side * net.side * net.channels);
  const std::vector<float> input = random_input(count * each, 12);
  std::vector<double> expected;
  for (std::size_t i = 0; i < count; ++i) {
    const std::vector<double> one = plain_run(net, data, input.data() + i * each, net.side, 0, 0, heads);
    expected.insert(expected.end(), one.begin(), one.end());
  }
  const Size size{net.side, net.side};
  for (const Kernels* kernels : available_kernels()) {
    CAPTURE(kernels->name);
    const Network network(net, data, *kernels, heads);
    REQUIRE(expected.size() == static_cast<std::size_t>(count * network.outputs()));
    std::vector<float> scratch(network.scratch_size(size, count));
    std::vector<float> output(expected.size() + kSlack);
    network.run(input.data(), count, size, scratch.data(), output.data());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(output[i] == doctest::Approx(expected[i]).epsilon(1e-4));
    }
  }
}

TEST_CASE("nets give what their definition says, on every instruction set") {
  const ModelData data = random_model(11, true);
  check_definition(kRNet, data, {"class", "box"});
  check_definition(kONet, data, {"class", "box", "landmarks"});
  check_definition(kLNet, data, {"landmarks"});
  // Other heads, in another order.
  check_definition(kRNet, data, {"landmarks", "class"});
}

TEST_CASE("the baselines give what their definition says, on every instruction set") {
  for (const NetSpec* const& net : kBaselines) {
    check_definition(*net, random_weights(21, std::span(&net, 1)), {net->heads[0].name});
  }
}

TEST_CASE("so do nets of layers in orders that no net of ours has") {
  using enum LayerKind;
  // A normalisation that is felt, over odd channels; padding first, last, in groups and beyond "same".
  const Layer layers[] = {
      {.name = "lrn0", .kind = kLrn, .kernel = 3, .alpha = 3},
      {.name = "conv1", .kind = kConv, .outputs = 10, .kernel = 3, .padding = 2},
      {.name = "prelu1", .kind = kPrelu},
      {.name = "lrn1", .kind = kLrn, .kernel = 5, .alpha = 2},
      {.name = "conv2", .kind = kConv, .outputs = 6, .kernel = 3, .padding = 1, .groups = 2},
      {.name = "relu2", .kind = kRelu},
      {.name = "relu2again", .kind = kRelu},
      {.name = "conv3", .kind = kConv, .outputs = 19, .kernel = 3, .padding = 1},
      {.name = "dense4", .kind = kDense, .outputs = 21},
      {.name = "dropout4", .kind = kDropout, .rate = .5f},
      {.name = "relu4", .kind = kRelu},
      {.name = "dense5", .kind = kDense, .outputs = 7},
      {.name = "prelu5", .kind = kPrelu},
  };
  const Layer few[] = {
      {.name = "dense1", .kind = kDense, .outputs = 5},
      {.name = "dense2", .kind = kDense, .outputs = 30},
      {.name = "dense3", .kind = kDense, .outputs = 3},
      {.name = "relu3", .kind = kRelu},
  };
  const Layer heads[] = {
      {.name = "class", .kind = kDense, .outputs = 2},
      {.name = "box", .kind = kDense, .outputs = 4},
  };
  const NetSpec third{"third", 3, 5, false, layers, {}};
  const NetSpec second{"second", 6, 5, false, few, heads, &third};
  const NetSpec first{"first", 12, 5, false, layers, heads, &second};
  const NetSpec* const nets[] = {&first, &second};
  const ModelData data = random_weights(22, nets);
  check_definition(first, data, {"box", "class"});
  check_definition(second, data, {"class"});
}

TEST_CASE("so do nets whose first convolution and pool may be one kernel") {
  using enum LayerKind;
  const Layer heads[] = {{.name = "class", .kind = kDense, .outputs = 3}};
  const Layer pool{.name = "pool1", .kind = kMaxPool, .kernel = 3, .stride = 2};
  for (const int side : {5, 6, 11, 48, 49, 50}) {
    CAPTURE(side);
    for (const LayerKind activation : {kPrelu, kRelu, kMaxPool}) {  // or none
      std::vector<Layer> layers{{.name = "conv1", .kind = kConv, .outputs = 9, .kernel = 3}};
      if (activation != kMaxPool) layers.push_back({.name = "activation1", .kind = activation});
      layers.push_back(pool);
      layers.push_back({.name = "dense2", .kind = kDense, .outputs = 4});
      const NetSpec net{"net", 3, side, false, layers, heads};
      const NetSpec* const nets[] = {&net};
      ModelData data = random_weights(23, nets);
      // Behind the pool is not before it with slopes below 0.
      if (activation == kPrelu) data.tensors.at("net.activation1.weight").values[2] = -.5f;
      check_definition(net, data, {"class"});
    }
  }
}

// What `network` gives for a tile of an input of height x width x channels, a row of positions after the other.
std::vector<float> run_tile(const RowNetwork& network, const std::vector<float>& input, const Tile& tile) {
  const Range columns = network.input_columns(tile);
  std::vector<float> scratch(network.scratch_size(tile), std::numeric_limits<float>::quiet_NaN());
  std::vector<float> output;
  const Range rows = network.input_rows(tile);
  int next = rows.begin;
  CHECK(next >= 2 * tile.top - 2);
  CHECK(next <= 2 * tile.top);
  network.run(
      tile, scratch.data(),
      [&](int row, float* planes, std::ptrdiff_t plane) {
        CHECK(row == next++);
        REQUIRE(row < tile.map.height);
        for (int c = 0; c < 3; ++c) {
          for (int x = columns.begin; x < columns.end; ++x)
            planes[c * plane + x - columns.begin] =
                input[static_cast<std::size_t>((row * tile.map.width + x) * 3 + c)];
        }
      },
      [&](int, const float* planes, std::ptrdiff_t plane) {
        for (int x = 0; x < tile.right - tile.left; ++x) {
          for (int o = 0; o < network.outputs(); ++o) output.push_back(planes[o * plane + x]);
        }
      });
  CHECK(next == rows.end);
  CHECK(output.size() ==
        static_cast<std::size_t>((tile.right - tile.left) * (tile.bottom - tile.top) * network.outputs()));
  return output;
}

TEST_CASE("P-Net on an image gives each cell what it gives on that cell's window alone") {
  const ModelData data = random_model(13);
  for (const Kernels* const kernels : available_kernels()) {
    CAPTURE(kernels->name);
    const RowNetwork pnet(kPNet, data, *kernels, {"class", "box"});
    REQUIRE(pnet.outputs() == 6);
    for (const Size size : {Size{12, 12}, Size{31, 26}, Size{44, 12}, Size{113, 21}}) {
      const std::vector<float> input =
          random_input(static_cast<std::size_t>(size.width * size.height * 3), 14);
      const Size cells = pnet.positions(size);
      const std::vector<float> output = run_tile(pnet, input, {size, 0, cells.width, 0, cells.height});
      for (int row = 0; row < cells.height; ++row) {
        for (int column = 0; column < cells.width; ++column) {
          // Odd sizes end in a cell whose window reaches one pixel beyond the input.
          if (2 * row + 12 > size.height || 2 * column + 12 > size.width) continue;
          const std::vector<double> expected =
              plain_run(kPNet, data, input.data(), size.width, 2 * row, 2 * column, {"class", "box"});
          for (std::size_t o = 0; o < 6; ++o) {
            CHECK(output[static_cast<std::size_t>(row * cells.width + column) * 6 + o] ==
                  doctest::Approx(expected[o]).epsilon(1e-4));
          }
        }
      }
    }
  }
}

TEST_CASE("at odd sizes the pool's last window is cut") {
  const ModelData data = random_model(17);
  const Size size{31, 27};
  const std::vector<float> input = random_input(static_cast<std::size_t>(size.width * size.height * 3), 18);
  const Network whole(kPNet, data, *find_kernels("scalar"), {"class", "box"});
  const Size cells = whole.positions(size);
  std::vector<float> scratch(whole.scratch_size(size, 1));
  std::vector<float> expected(static_cast<std::size_t>(cells.width * cells.height * 6) + kSlack);
  whole.run(input.data(), 1, size, scratch.data(), expected.data());
  for (const Kernels* const kernels : available_kernels()) {
    CAPTURE(kernels->name);
    const RowNetwork pnet(kPNet, data, *kernels, {"class", "box"});
    REQUIRE(pnet.positions(size) == cells);
    const std::vector<float> output = run_tile(pnet, input, {size, 0, cells.width, 0, cells.height});
    for (std::size_t i = 0; i < output.size(); ++i)
      CHECK(output[i] == doctest::Approx(expected[i]).epsilon(1e-4));
  }
}

TEST_CASE("tiles give bit for bit what the whole gives") {
  const ModelData data = random_model(19);
  const Size size{101, 45};
  const std::vector<float> input = random_input(static_cast<std::size_t>(size.width * size.height * 3), 20);
  for (const Kernels* const kernels : available_kernels()) {
    CAPTURE(kernels->name);
    const RowNetwork pnet(kPNet, data, *kernels, {"class", "box"});
    const Size cells = pnet.positions(size);
    const std::vector<float> whole = run_tile(pnet, input, {size, 0, cells.width, 0, cells.height});
    for (const int step : {1, 7, 16, 29}) {
      for (int top = 0; top < cells.height; top += step) {
        for (int left = 0; left < cells.width; left += step) {
          const Tile tile{size, left, std::min(left + step, cells.width), top,
                          std::min(top + step, cells.height)};
          const std::vector<float> part = run_tile(pnet, input, tile);
          const std::size_t width = static_cast<std::size_t>(tile.right - tile.left) * 6;
          for (int row = tile.top; row < tile.bottom; ++row) {
            CHECK(std::memcmp(part.data() + static_cast<std::size_t>(row - top) * width,
                              whole.data() + static_cast<std::size_t>(row * cells.width + left) * 6,
                              width * sizeof(float)) == 0);
          }
        }
      }
    }
  }
}

TEST_CASE("a layer in bytes gives what it gives in floats, to a step of its output") {
  const std::vector<ByteScale> input = byte_scales({{0, 0}, {-2, 8}, {-1, 1}});
  // Half of the map's range at least.
  CHECK(input[0].step == doctest::Approx(5. / 255));
  CHECK(input[0].zero == 51);
  CHECK(input[1].step == doctest::Approx(10. / 255));
  CHECK(input[2].step == doctest::Approx(5. / 255));
  const std::vector<float> weights{.5f, -1, 2, 1, .25f, -1}, bias{.3f, -.2f}, slopes{.25f, -.5f};
  const std::vector<ByteScale> output{byte_scale({-5, 12}), byte_scale({-1, 6})};
  const RoughLayer layer(weights, bias, slopes, 1, input, output);
  CHECK(layer.quads == 1);
  for (const auto& values :
       {std::array{1.f, 3.f, -.5f}, std::array{-.9f, 7.f, -1.f}, std::array{3.5f, -2.f, 1.f}}) {
    std::uint32_t word = 0;
    for (std::size_t c = 0; c < 3; ++c) {
      word |= static_cast<std::uint32_t>(std::nearbyint(values[c] / input[c].step) + input[c].zero) << 8 * c;
    }
    const std::uint32_t* const rows[] = {&word};
    std::uint32_t bytes[2] = {};
    ScreenConvArgs args = layer.args();
    args.rows = rows;
    args.plane = args.output_plane = args.columns = 1;
    args.output = bytes;
    reference_screen_kernels().conv(args);
    for (std::size_t o = 0; o < 2; ++o) {
      float expected = bias[o];
      for (std::size_t c = 0; c < 3; ++c) expected += weights[3 * o + c] * values[c];
      if (expected < 0) expected *= slopes[o];
      const int byte = static_cast<int>(bytes[0] >> 8 * o & 255);
      CHECK(std::abs(static_cast<float>(byte - output[o].zero) * output[o].step - expected) <
            output[o].step + .06f);
    }
  }
}

TEST_CASE("screened, P-Net gives bit for bit what it gives without, wherever it is looked at again") {
  const ModelData data = random_model(19);
  for (const Kernels* const kernels : available_kernels()) {
    if (!kernels->screen) continue;
    CAPTURE(kernels->name);
    const RowNetwork pnet(kPNet, data, *kernels, {"class", "box"});
    const ScreenedNetwork screened(kPNet, data, *kernels, {"class", "box"});
    CHECK(screened.margin() > 0);
    CHECK(screened.worst_error() < 1);
    CHECK(screened.typical_error() < .2f * screened.worst_error() + .1f);
    CHECK(screened.pays(1e9f));
    CHECK_FALSE(screened.pays(-1e9f));
    for (const Size size : {Size{101, 45}, Size{12, 12}, Size{13, 60}, Size{150, 31}}) {
      CAPTURE(size.width);
      const std::vector<float> input =
          random_input(static_cast<std::size_t>(size.width * size.height * 3), 20);
      const Size cells = pnet.positions(size);
      const std::vector<float> whole = run_tile(pnet, input, {size, 0, cells.width, 0, cells.height});
      for (const float bound : {-HUGE_VALF, -.5f, .5f, 1.f, HUGE_VALF}) {
        CAPTURE(bound);
        for (const int step : {1, 7, 16, 75}) {
          std::vector<int> seen(static_cast<std::size_t>(cells.width * cells.height));
          std::vector<float> rough;
          ScreenScratch scratch;
          for (int top = 0; top < cells.height; top += step) {
            for (int left = 0; left < cells.width; left += step) {
              const Tile tile{size, left, std::min(left + step, cells.width), top,
                              std::min(top + step, cells.height)};
              const Range columns = screened.input_columns(tile);
              rough.resize(static_cast<std::size_t>((tile.right - tile.left) * (tile.bottom - tile.top)));
              screened.run(
                  tile, bound, scratch,
                  [&](int row, float* planes, std::ptrdiff_t plane) {
                    for (int x = columns.begin; x < columns.end; ++x) {
                      for (int c = 0; c < 3; ++c) {
                        planes[c * plane + x - columns.begin] =
                            input[static_cast<std::size_t>((row * size.width + x) * 3 + c)];
                      }
                    }
                  },
                  [&](int row, int column, const float* values) {
                    const std::size_t cell = static_cast<std::size_t>(row * cells.width + column);
                    ++seen[cell];
                    CHECK(std::memcmp(values, whole.data() + 6 * cell, 6 * sizeof(float)) == 0);
                  },
                  rough.data());
              for (int row = tile.top; row < tile.bottom; ++row) {
                for (int x = tile.left; x < tile.right; ++x) {
                  const float* const exact = whole.data() + 6 * (row * cells.width + x);
                  const float difference = rough[static_cast<std::size_t>(
                      (row - tile.top) * (tile.right - tile.left) + x - tile.left)];
                  CHECK(std::abs(exact[1] - exact[0] - difference) <= screened.margin());
                }
              }
            }
          }
          for (std::size_t cell = 0; cell < seen.size(); ++cell) {
            CHECK(seen[cell] <= 1);
            if (whole[6 * cell + 1] - whole[6 * cell] >= bound) CHECK(seen[cell] == 1);
          }
        }
      }
    }
  }
}

TEST_CASE("R-Net in bytes is as far off as it says, in batches of any size") {
  const ModelData data = random_model(23);
  for (const Kernels* const kernels : available_kernels()) {
    if (!kernels->screen) continue;
    CAPTURE(kernels->name);
    const Network rnet(kRNet, data, *kernels, {"class", "box"});
    const PatchScreen screen(kRNet, data, *kernels, rnet);
    CHECK(screen.margin() > 0);
    CHECK(screen.pays(1));
    CHECK_FALSE(screen.pays(-HUGE_VALF));
    const Size size{kRNet.side, kRNet.side};
    constexpr std::size_t kMany = kScreenLanes;
    const std::size_t each = 3 * 24 * 24;
    const std::vector<float> input = random_input(kMany * each + kSlack, 24);
    std::vector<float> scratch(rnet.scratch_size(size, kMany)), exact(kMany * 6 + kSlack);
    rnet.run(input.data(), kMany, size, scratch.data(), exact.data());
    // It is rough, but not blind: the spread of the differences is well above the error.
    float low = HUGE_VALF, high = -HUGE_VALF;
    for (std::size_t i = 0; i < kMany; ++i) {
      low = std::min(low, exact[6 * i + 1] - exact[6 * i]);
      high = std::max(high, exact[6 * i + 1] - exact[6 * i]);
    }
    CHECK(high - low > screen.typical_error());
    AlignedWords words(screen.scratch_size());
    for (const int count : {1, 3, 16}) {
      float scores[kMany] = {};
      screen.run(input.data(), count, words.data(), scores);
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
        CHECK(std::abs(exact[6 * i + 1] - exact[6 * i] - scores[i]) <= screen.margin());
    }
  }
}

TEST_CASE("nets that overflow are not screened") {
  ModelData data = random_model(21);
  for (float& weight : data.tensors.at("pnet.conv2.weight").values) weight *= 1e30f;
  for (float& weight : data.tensors.at("pnet.conv3.weight").values) weight *= 1e30f;
  for (float& weight : data.tensors.at("rnet.conv2.weight").values) weight *= 1e30f;
  for (float& weight : data.tensors.at("rnet.conv3.weight").values) weight *= 1e30f;
  for (const Kernels* const kernels : available_kernels()) {
    if (!kernels->screen) continue;
    CHECK_FALSE(ScreenedNetwork(kPNet, data, *kernels, {"class", "box"}).pays(0));
    const Network rnet(kRNet, data, *kernels, {"class", "box"});
    CHECK_FALSE(PatchScreen(kRNet, data, *kernels, rnet).pays(0));
  }
}

void check_batch(const NetSpec& net, const ModelData& data, std::initializer_list<std::string_view> heads) {
  CAPTURE(net.name);
  const Network network(net, data, *find_kernels("auto"), heads);
  const Size size{net.side, net.side};
  const std::size_t each = static_cast<std::size_t>(net.side * net.side * net.channels);
  const std::size_t outputs = static_cast<std::size_t>(network.outputs());
  const std::vector<float> input = random_input(7 * each, 16);
  std::vector<float> scratch(network.scratch_size(size, 7));
  std::vector<float> all(7 * outputs + kSlack), one(outputs + kSlack);
  network.run(input.data(), 7, size, scratch.data(), all.data());
  for (std::size_t i = 0; i < 7; ++i) {
    network.run(input.data() + i * each, 1, size, scratch.data(), one.data());
    CHECK(std::memcmp(one.data(), all.data() + i * outputs, outputs * sizeof(float)) == 0);
  }
}

TEST_CASE("a batch gives bit for bit what its inputs give alone") {
  check_batch(kRNet, random_model(15), {"class", "box"});
  check_batch(kONet, random_model(15), {"class", "box", "landmarks"});
  for (const NetSpec* const& net : kBaselines)
    check_batch(*net, random_weights(15, std::span(&net, 1)), {net->heads[0].name});
}

// --- the model file ---

std::string message(std::span<const std::byte> bytes) {
  const Result<ModelData> parsed = parse_safetensors(bytes, "some.safetensors");
  REQUIRE(!parsed.ok());
  CHECK(parsed.error().message.starts_with("some.safetensors: "));
  return parsed.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::byte> file_of(const std::string& header, std::size_t payload = 0) {
  const std::uint64_t size = header.size();
  std::vector<std::byte> bytes(8 + header.size() + payload);
  std::memcpy(bytes.data(), &size, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

TEST_CASE("a model file holds all of a model") {
  for (const bool lnet : {false, true}) {
    ModelData data = random_model(17, lnet);
    data.geometry = lnet ? CellGeometry::kRelease : CellGeometry::kExact;
    data.pixel_mean = 100.25f;
    data.pixel_scale = .01f;
    data.thresholds = {.123f, .5f, 1};
    data.metadata["provenance"] = "quotes \" and \\ and \xc3\xa9";
    const std::vector<std::byte> bytes = write_safetensors(data);
    const Result<ModelData> back = parse_safetensors(bytes, "m");
    REQUIRE_MESSAGE(back.ok(), back.error().message);
    CHECK(back->geometry == data.geometry);
    CHECK(back->pixel_mean == data.pixel_mean);
    CHECK(back->pixel_scale == data.pixel_scale);
    CHECK(back->thresholds == data.thresholds);
    CHECK(back->metadata == data.metadata);
    REQUIRE(back->tensors.size() == data.tensors.size());
    for (const auto& [name, tensor] : data.tensors) {
      CHECK(back->tensors.at(name).shape == tensor.shape);
      CHECK(back->tensors.at(name).values == tensor.values);
    }
    CHECK(write_safetensors(*back) == bytes);
  }
}

TEST_CASE("a truncated model is refused, wherever it ends") {
  const std::vector<std::byte> bytes = write_safetensors(random_model(18));
  for (std::size_t size = 0; size < bytes.size(); size += size < 9000 ? 7 : 9973) {
    message(std::span(bytes).first(size));
  }
  CHECK(contains(message(std::span(bytes).first(bytes.size() - 1)), "truncated"));
  std::vector<std::byte> longer = bytes;
  longer.push_back(std::byte{0});
  message(longer);
}

TEST_CASE("models with wrong contents are refused, and the message says why") {
  const auto refused = [](const std::function<void(ModelData&)>& spoil) {
    ModelData data = random_model(19, true);
    spoil(data);
    return message(write_safetensors(data));
  };
  CHECK(contains(refused([](ModelData& d) { d.tensors.erase("rnet.conv2.bias"); }),
                 "tensor \"rnet.conv2.bias\" is missing"));
  CHECK(contains(refused([](ModelData& d) {
                   d.tensors["pnet.conv9.weight"] = {{1}, {0}};
                 }),
                 "pnet.conv9.weight"));
  const std::string shape = refused([](ModelData& d) {
    d.tensors["onet.conv1.weight"].shape = {32, 3, 9, 1};
  });
  CHECK(contains(shape, "[32, 3, 9, 1], expected [32, 3, 3, 3]"));
  CHECK(contains(refused([](ModelData& d) {
                   d.tensors["onet.box.bias"].values[2] = std::numeric_limits<float>::quiet_NaN();
                 }),
                 "\"onet.box.bias\" holds a NaN"));
  CHECK(contains(refused([](ModelData& d) {
                   d.tensors["pnet.conv1.weight"].values[0] = std::numeric_limits<float>::infinity();
                 }),
                 "infinity"));
  CHECK(contains(refused([](ModelData& d) { d.thresholds[1] = 1.5f; }), "thresholds"));
  CHECK(contains(refused([](ModelData& d) { d.pixel_scale = 0; }), "normalisation"));
  CHECK(contains(refused([](ModelData& d) { d.tensors.erase("pnet.landmarks.bias"); }), "pnet.landmarks"));
}

TEST_CASE("without the optional heads a model is whole") {
  ModelData data = random_model(20);
  for (const char* name :
       {"pnet.landmarks.weight", "pnet.landmarks.bias", "rnet.landmarks.weight", "rnet.landmarks.bias"}) {
    CHECK(data.tensors.erase(name) == 1);
  }
  CHECK(parse_safetensors(write_safetensors(data), "m").ok());
}

TEST_CASE("headers that lie are refused before they cost anything") {
  CHECK(contains(message({}), "too few"));
  CHECK(contains(message(file_of("not json")), "JSON"));
  CHECK(contains(message(file_of("[1, 2]")), "JSON"));
  CHECK(contains(message(file_of("{}")), "format_version"));
  CHECK(contains(message(file_of(std::string(100000, '['))), "deep"));
  std::vector<std::byte> huge = file_of("{}");
  std::memset(huge.data(), 0xff, 8);
  CHECK(contains(message(huge), "header"));
  const auto tensor = [](const std::string& entry, std::size_t payload = 0) {
    return message(file_of("{\"pnet.conv1.bias\":" + entry + "}", payload));
  };
  CHECK(contains(tensor("{\"dtype\":\"F32\",\"shape\":[4000000000,4000000000],\"data_offsets\":[0,4]}", 4),
                 "absurd"));
  CHECK(contains(tensor("{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}", 2), "F32"));
  CHECK(contains(tensor("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}", 8), "do not fit"));
  CHECK(contains(tensor("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,4]}", 8), "do not fit"));
  CHECK(contains(tensor("{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}", 4), "shape"));
  CHECK(contains(tensor("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", 4), "truncated"));
  CHECK(contains(tensor("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}", 8), "bytes of data"));
  CHECK(contains(tensor("17"), "lacks"));
  // Two tensors over the first four of eight bytes; and the same tensor again and again.
  const std::string shared = "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}";
  CHECK(contains(message(file_of("{\"a\":" + shared + ",\"b\":" + shared + "}", 8)), "share bytes"));
  CHECK(contains(message(file_of("{\"a\":" + shared + ",\"b\":" + shared + "}", 4)), "shares bytes"));
  // Far more keys than any model has, refused without a search among all of them for each.
  std::string keys = "{\"k\":0";
  for (int i = 0; i < 90000; ++i) keys += ",\"" + std::to_string(i) + "\":0";
  CHECK(contains(message(file_of(keys + "}")), "1024"));
  CHECK(contains(message(file_of("{\"__metadata__\":{\"format_version\":\"2\"}}")), "version 2"));
  CHECK(contains(message(file_of("{\"__metadata__\":{\"format_version\":3}}")), "text"));
  CHECK(
      contains(message(file_of("{\"__metadata__\":{\"format_version\":\"1\",\"cell_geometry\":\"round\"}}")),
               "\"exact\" or \"release\""));
}

}  // namespace
}  // namespace mtcnn
