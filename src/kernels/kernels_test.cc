// Every kernel of the list, on every instruction set of this machine, against the scalar reference.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "kernels/kernels.h"
#include "util/aligned.h"

namespace mtcnn {
namespace {

constexpr float kGuard = -12345.75f;  // what outputs hold before, to see what is written

AlignedFloats random_floats(std::size_t count, std::mt19937& random, float low = -1, float high = 1) {
  std::uniform_real_distribution<float> uniform(low, high);
  AlignedFloats values(count);
  for (float& value : values) value = uniform(random);
  return values;
}

struct ConvCase {
  int rows, columns, kernel, channels, outputs, groups;
  bool prelu;
};

// |a - b| for a sum of `terms` products of values up to 1: fused and unfused sums differ by a
// rounding a term, each at most half a unit in the last place of the partial sum.
float tolerance(int terms) {
  return static_cast<float>(terms) * std::sqrt(static_cast<float>(terms)) * 6e-8f + 1e-6f;
}

AlignedFloats run_conv(const Kernels& kernels, const ConvCase& c, unsigned seed) {
  std::mt19937 random(seed);
  const int in_columns = c.columns + c.kernel - 1;
  const int in_rows = c.rows + c.kernel - 1;
  const int in_channels = c.channels * c.groups;
  const AlignedFloats input =
      random_floats(static_cast<std::size_t>(in_rows * in_columns * in_channels) + kSlack, random);
  const int blocks = (c.outputs + kBlock - 1) / kBlock;
  std::vector<int> offsets;
  for (int y = 0; y < c.kernel; ++y) {
    for (int x = 0; x < (c.groups == 1 ? 1 : c.kernel); ++x) {
      offsets.push_back((y * in_columns + x) * in_channels);
    }
  }
  const int taps = c.kernel * c.kernel * c.channels;
  AlignedFloats output(static_cast<std::size_t>(c.rows * c.columns * c.outputs * c.groups) + kSlack, kGuard);
  for (int group = 0; group < c.groups; ++group) {
    AlignedFloats weights = random_floats(static_cast<std::size_t>(blocks * taps * kBlock), random);
    AlignedFloats bias = random_floats(static_cast<std::size_t>(blocks * kBlock), random);
    AlignedFloats slopes = random_floats(static_cast<std::size_t>(blocks * kBlock), random);
    kernels.conv({.input = input.data() + group * c.channels,
                  .rows = c.rows,
                  .columns = c.columns,
                  .row_stride = std::ptrdiff_t{in_columns} * in_channels,
                  .pixel_stride = in_channels,
                  .run_offsets = offsets.data(),
                  .runs = static_cast<int>(offsets.size()),
                  .run_length = taps / static_cast<int>(offsets.size()),
                  .outputs = c.outputs,
                  .weights = weights.data(),
                  .bias = bias.data(),
                  .slopes = c.prelu ? slopes.data() : nullptr,
                  .output = output.data() + group * c.outputs,
                  .output_stride = c.outputs * c.groups});
  }
  return output;
}

void check_equal(const AlignedFloats& got, const AlignedFloats& expected, std::size_t count, float allowed) {
  float worst = 0;
  std::size_t off = 0;  // no number is, too
  for (std::size_t i = 0; i < count; ++i) {
    const float difference = std::abs(got[i] - expected[i]);
    off += !(difference <= allowed);
    worst = std::max(worst, difference);
  }
  CAPTURE(worst);
  CHECK(off == 0);
}

TEST_CASE("the scalar reference comes first, and auto is the last") {
  const auto all = available_kernels();
  REQUIRE(!all.empty());
  CHECK(std::string(all.front()->name) == "scalar");
  CHECK(find_kernels("auto") == all.back());
  CHECK(find_kernels("scalar") == all.front());
  CHECK(find_kernels("abacus") == nullptr);
  for (const Kernels* kernels : all) {
#define MTCNN_CHECK_POINTER(NAME, ARGUMENTS) CHECK((kernels->NAME != nullptr));
    MTCNN_KERNELS(MTCNN_CHECK_POINTER)
#undef MTCNN_CHECK_POINTER
  }
}

TEST_CASE("scalar convolution by hand") {
  // 1 x 2 outputs, 1 x 1 kernel, 2 channels, PReLU slope .5.
  const float input[2 + 2 + kSlack] = {1, 2, -3, 1};
  alignas(64) float weights[2 * kBlock] = {}, bias[kBlock] = {}, slopes[kBlock] = {};
  weights[0] = 10;
  weights[kBlock] = 1;
  bias[0] = 5;
  slopes[0] = .5f;
  const int offsets[] = {0};
  float output[2] = {};
  find_kernels("scalar")->conv({.input = input,
                                .rows = 1,
                                .columns = 2,
                                .row_stride = 0,
                                .pixel_stride = 2,
                                .run_offsets = offsets,
                                .runs = 1,
                                .run_length = 2,
                                .outputs = 1,
                                .weights = weights,
                                .bias = bias,
                                .slopes = slopes,
                                .output = output,
                                .output_stride = 1});
  CHECK(output[0] == 17);
  CHECK(output[1] == -12);
}

TEST_CASE("convolution on every instruction set") {
  std::vector<ConvCase> cases;
  for (const int outputs : {1, 2, 6, 10, 15, 16, 17, 28, 31, 32, 33, 48, 64, 100}) {
    for (const int columns : {1, 2, 3, 5, 7, 11, 12, 13, 25}) {
      cases.push_back({1 + columns % 3, columns, 1 + (columns + outputs) % 3, 1 + outputs % 5, outputs, 1,
                       outputs % 2 == 0});
    }
  }
  cases.push_back({22, 22, 3, 3, 28, 5, true});  // L-Net's groups
  cases.push_back({3, 3, 2, 7, 9, 3, true});
  cases.push_back({1, 17, 1, 1152, 256, 1, true});  // O-Net's dense layer
  unsigned seed = 0;
  for (const ConvCase& c : cases) {
    const AlignedFloats expected = run_conv(*find_kernels("scalar"), c, ++seed);
    for (const Kernels* kernels : available_kernels()) {
      CAPTURE(kernels->name);
      CAPTURE(c.outputs);
      CAPTURE(c.columns);
      const AlignedFloats got = run_conv(*kernels, c, seed);
      check_equal(got, expected, got.size() - kSlack, tolerance(c.kernel * c.kernel * c.channels));
      // Not even the slack is written: behind it may lie another thread's results.
      for (std::size_t i = got.size() - kSlack; i < got.size(); ++i) CHECK(got[i] == kGuard);
    }
  }
}

TEST_CASE("Winograd's algorithm by hand: what stands at its places") {
  const auto places = winograd_weights({36, 72, 108, 144, 180, 216, 252, 288, 324});
  // Rows (36, 72, 108) give 18, -108, -12, 102, 108; (144, 180, 216) 72, -270, -30, 228, 216; (252, 288, 324) 126, -432, -48, 354, 324.
  const float expected[] = {9,   -54, -6,  51,   54,  -108, 405, 45,  -342, -324, -12, 45, 5,
                            -38, -36, 111, -396, -44, 329,  306, 126, -432, -48,  354, 324};
  for (std::size_t i = 0; i < places.size(); ++i) CHECK(places[i] == expected[i]);
}

TEST_CASE("tiles of 2 x 2 outputs by hand: what stands at their places") {
  const auto places = pair_weights({4, 8, 12, 16, 20, 24, 28, 32, 36});
  // Rows (4, 8, 12) give 4, 12, 4, 12; (16, 20, 24) 16, 30, 10, 24; (28, 32, 36) 28, 48, 16, 36.
  const float expected[] = {4, 12, 4, 12, 24, 45, 15, 36, 8, 15, 5, 12, 28, 48, 16, 36};
  for (std::size_t i = 0; i < places.size(); ++i) CHECK(places[i] == expected[i]);
}

// A convolution with 3 x 3 kernels, for conv() and for winograd().
struct ThreeByThree {
  int rows, columns, channels, outputs;                        // rows and columns of the output
  AlignedFloats input{}, plain{}, packed{}, bias{}, slopes{};  // slopes: none, no PReLU

  std::size_t blocks() const { return static_cast<std::size_t>((outputs + kBlock - 1) / kBlock); }
  std::size_t inputs() const { return static_cast<std::size_t>((rows + 2) * (columns + 2) * channels); }
  std::size_t results() const { return static_cast<std::size_t>(rows * columns * outputs); }

  // `weights`: [output][channel][9].
  void pack(const AlignedFloats& weights) {
    const auto in = static_cast<std::size_t>(channels), out = static_cast<std::size_t>(outputs);
    plain.assign(blocks() * 9 * in * kBlock, 0);
    packed.assign(blocks() * kWinogradPlaces * in * kBlock, 0);
    for (std::size_t o = 0; o < out; ++o) {
      for (std::size_t i = 0; i < in; ++i) {
        std::array<float, 9> kernel;
        std::copy_n(weights.data() + (o * in + i) * 9, 9, kernel.begin());
        const auto places = winograd_weights(kernel);
        for (std::size_t tap = 0; tap < 9; ++tap)
          plain[((o / kBlock * 9 + tap) * in + i) * kBlock + o % kBlock] = kernel[tap];
        for (std::size_t place = 0; place < kWinogradPlaces; ++place)
          packed[((o / kBlock * kWinogradPlaces + place) * in + i) * kBlock + o % kBlock] = places[place];
      }
    }
  }

  AlignedFloats expected() const {
    AlignedFloats result(results() + kSlack);
    const int row = (columns + 2) * channels;
    const int offsets[] = {0, row, 2 * row};
    find_kernels("scalar")->conv({.input = input.data(),
                                  .rows = rows,
                                  .columns = columns,
                                  .row_stride = row,
                                  .pixel_stride = channels,
                                  .run_offsets = offsets,
                                  .runs = 3,
                                  .run_length = 3 * channels,
                                  .outputs = outputs,
                                  .weights = plain.data(),
                                  .bias = bias.data(),
                                  .slopes = slopes.empty() ? nullptr : slopes.data(),
                                  .output = result.data(),
                                  .output_stride = outputs});
    return result;
  }

  // What winograd() gives, kGuard behind it; checks that it keeps to its scratch.
  AlignedFloats by_winograd(const Kernels& kernels) const {
    AlignedFloats result(results() + kSlack, kGuard);
    // No number, so that what is read before it is written shows.
    AlignedFloats scratch(winograd_scratch(channels, outputs) + 2, std::nanf(""));
    scratch.front() = scratch.back() = kGuard;
    kernels.winograd({.input = input.data(),
                      .rows = rows,
                      .columns = columns,
                      .channels = channels,
                      .outputs = outputs,
                      .weights = packed.data(),
                      .bias = bias.data(),
                      .slopes = slopes.empty() ? nullptr : slopes.data(),
                      .output = result.data(),
                      .scratch = scratch.data() + 1});
    CHECK(scratch.front() == kGuard);
    CHECK(scratch.back() == kGuard);
    return result;
  }
};

TEST_CASE("Winograd's algorithm gives what a convolution does, on every instruction set") {
  struct Case {
    int rows, columns, channels, outputs;
    bool prelu;
  };
  std::vector<Case> cases{{21, 21, 32, 64, true}, {8, 8, 64, 64, true}, {9, 9, 28, 48, true}};
  for (const int columns : {1, 2, 3, 4, 7, 24, 25}) {
    for (const int rows : {1, 2, 3, 4, 8}) {
      cases.push_back({rows, columns, 1 + 3 * columns, 1 + 5 * rows + columns, columns % 2 == 0});
    }
  }
  cases.push_back({2, 3, 70, 250, false});
  std::mt19937 random(11);
  for (const Case& c : cases) {
    CAPTURE(c.rows);
    CAPTURE(c.columns);
    ThreeByThree layer{c.rows, c.columns, c.channels, c.outputs};
    layer.input = random_floats(layer.inputs() + kSlack, random);
    layer.pack(random_floats(static_cast<std::size_t>(c.outputs * c.channels * 9), random));
    layer.bias = random_floats(layer.blocks() * kBlock, random);
    if (c.prelu) layer.slopes = random_floats(layer.blocks() * kBlock, random);
    const AlignedFloats expected = layer.expected();
    for (const Kernels* kernels : available_kernels()) {
      if (!kernels->winograd) continue;
      CAPTURE(kernels->name);
      const AlignedFloats got = layer.by_winograd(*kernels);
      check_equal(got, expected, layer.results(), 3 * tolerance(9 * c.channels));
      for (std::size_t i = layer.results(); i < got.size(); ++i) CHECK(got[i] == kGuard);
    }
  }
}

TEST_CASE("Winograd's algorithm: exact where no sum is rounded, and alike for all tiles") {
  ThreeByThree layer{9, 9, 40, 20};
  std::mt19937 random(12);
  const auto whole = [&](int low, int high) {
    return static_cast<float>(std::uniform_int_distribution<int>(low, high)(random));
  };
  // A tile's part of the input over and over, so that all tiles see the same.
  std::vector<float> pattern(9 * static_cast<std::size_t>(layer.channels));
  for (float& value : pattern) value = whole(-1, 1);
  layer.input.assign(layer.inputs() + kSlack, 0);
  float* to = layer.input.data();
  for (int y = 0; y < layer.rows + 2; ++y) {
    for (int x = 0; x < layer.columns + 2; ++x, to += layer.channels)
      std::copy_n(pattern.data() + (y % 3 * 3 + x % 3) * layer.channels, layer.channels, to);
  }
  AlignedFloats weights(static_cast<std::size_t>(layer.outputs * layer.channels * 9));
  for (float& weight : weights) weight = 36 * whole(-1, 1);
  layer.pack(weights);
  layer.bias.resize(layer.blocks() * kBlock);
  for (float& value : layer.bias) value = whole(-50, 50);
  const AlignedFloats expected = layer.expected();
  ThreeByThree rounded = layer;
  for (float& weight : rounded.packed) weight *= .1f;
  for (const Kernels* kernels : available_kernels()) {
    if (!kernels->winograd) continue;
    CAPTURE(kernels->name);
    check_equal(layer.by_winograd(*kernels), expected, layer.results(), 0);
    const AlignedFloats got = rounded.by_winograd(*kernels);
    const std::size_t bytes = static_cast<std::size_t>(layer.outputs) * sizeof(float);
    for (int y = 3; y < layer.rows; ++y) {
      for (int x = 3; x < layer.columns; ++x) {
        const float* const here = got.data() + (y * layer.columns + x) * layer.outputs;
        CHECK(std::memcmp(here, here - 3 * layer.columns * layer.outputs, bytes) == 0);
        CHECK(std::memcmp(here, here - 3 * layer.outputs, bytes) == 0);
      }
    }
  }
}

TEST_CASE("a convolution and the pool behind it at once, on every instruction set") {
  std::mt19937 random(14);
  const Kernels& reference = *find_kernels("scalar");
  for (const int columns : {3, 4, 7, 8, 9, 21, 22, 45, kMostThinColumns}) {
    for (const int rows : {3, 4, 9, 10}) {
      CAPTURE(columns);
      CAPTURE(rows);
      ThreeByThree layer{rows, columns, kThinChannels, rows + columns};
      const bool prelu = rows != 4;
      layer.input = random_floats(layer.inputs() + kSlack, random);
      const AlignedFloats weights =
          random_floats(static_cast<std::size_t>(layer.outputs * kThinChannels * 9), random);
      layer.pack(weights);
      layer.bias = random_floats(layer.blocks() * kBlock, random);
      if (prelu) layer.slopes = random_floats(layer.blocks() * kBlock, random);
      AlignedFloats packed(layer.blocks() * kPairPlaces * kThinChannels * kBlock);
      for (std::size_t o = 0; o < static_cast<std::size_t>(layer.outputs); ++o) {
        for (std::size_t i = 0; i < kThinChannels; ++i) {
          std::array<float, 9> kernel;
          std::copy_n(weights.data() + (o * kThinChannels + i) * 9, 9, kernel.begin());
          const auto places = pair_weights(kernel);
          for (std::size_t place = 0; place < kPairPlaces; ++place)
            packed[((o / kBlock * kPairPlaces + place) * kThinChannels + i) * kBlock + o % kBlock] =
                places[place];
        }
      }
      const AlignedFloats conv = layer.expected();
      const std::size_t results = static_cast<std::size_t>(rows / 2 * (columns / 2) * layer.outputs);
      AlignedFloats expected(results + kSlack);
      reference.max_pool({.input = conv.data(),
                          .rows = rows,
                          .columns = columns,
                          .channels = layer.outputs,
                          .size = 3,
                          .stride = 2,
                          .output_rows = rows / 2,
                          .output_columns = columns / 2,
                          .output = expected.data()});
      for (const Kernels* kernels : available_kernels()) {
        if (!kernels->conv_pool) continue;
        CAPTURE(kernels->name);
        AlignedFloats got(results + kSlack, kGuard);
        kernels->conv_pool({.input = layer.input.data(),
                            .rows = rows,
                            .columns = columns,
                            .outputs = layer.outputs,
                            .weights = packed.data(),
                            .bias = layer.bias.data(),
                            .slopes = prelu ? layer.slopes.data() : nullptr,
                            .output = got.data()});
        check_equal(got, expected, results, tolerance(9 * kThinChannels));
        for (std::size_t i = results; i < got.size(); ++i) CHECK(got[i] == kGuard);
      }
    }
  }
}

TEST_CASE("a convolution of planes and the pool behind it at once, on every instruction set") {
  struct Case {
    int conv_columns, conv_rows, outputs;
    bool prelu;
  };
  std::vector<Case> cases;
  for (const int columns : {1, 2, 3, 6, 7, 31, 32, 33, 47, 63, 64, 65, 97, 512}) {
    for (const int outputs : {1, 4, 5, 10, 11})
      cases.push_back({columns, 1 + (columns + outputs) % 2, outputs, outputs != 4});
  }
  std::mt19937 random(13);
  const Kernels& reference = *find_kernels("scalar");
  for (const Case& c : cases) {
    CAPTURE(c.conv_columns);
    CAPTURE(c.conv_rows);
    CAPTURE(c.outputs);
    constexpr std::size_t kChannels = kThinChannels;
    const std::size_t outputs = static_cast<std::size_t>(c.outputs);
    const int columns = (c.conv_columns + 1) / 2;
    // As RowNetwork lays maps out.
    const auto plane_of = [](int width) { return (width + 2 * kSlack - 1) / kSlack * kSlack + kSlack; };
    const int plane = plane_of(c.conv_columns + 2), conv_plane = plane_of(c.conv_columns);
    const int output_plane = plane_of(columns);
    // No number behind a row's end, nor in a row that is not there.
    std::vector<AlignedFloats> input;
    const float* rows[kPairInputs];
    for (int r = 0; r < kPairInputs; ++r) {
      AlignedFloats& row =
          input.emplace_back(kChannels * static_cast<std::size_t>(plane) + kSlack, std::nanf(""));
      rows[r] = row.data();
      if (r == 3 && c.conv_rows == 1) continue;
      for (std::size_t i = 0; i < kChannels; ++i) {
        const AlignedFloats values = random_floats(static_cast<std::size_t>(c.conv_columns + 2), random);
        std::copy(values.begin(), values.end(), row.begin() + static_cast<std::ptrdiff_t>(i) * plane);
      }
    }
    const AlignedFloats weights = random_floats(outputs * kChannels * 9, random);
    const AlignedFloats bias = random_floats(outputs, random), slopes = random_floats(outputs, random);
    AlignedFloats plain(weights.size()), packed(outputs * kChannels * kPairPlaces);
    for (std::size_t o = 0; o < outputs; ++o) {
      for (std::size_t i = 0; i < kChannels; ++i) {
        std::array<float, 9> kernel;
        std::copy_n(weights.data() + (o * kChannels + i) * 9, 9, kernel.begin());
        const auto places = pair_weights(kernel);
        for (std::size_t tap = 0; tap < 9; ++tap)
          plain[((tap / 3 * kChannels + i) * 3 + tap % 3) * outputs + o] = kernel[tap];
        for (std::size_t place = 0; place < kPairPlaces; ++place)
          packed[((place / 4 * kChannels + i) * 4 + place % 4) * outputs + o] = places[place];
      }
    }
    std::vector<AlignedFloats> conv;
    for (int r = 0; r < c.conv_rows; ++r) {
      AlignedFloats& row = conv.emplace_back(outputs * static_cast<std::size_t>(conv_plane));
      reference.plane_conv({.rows = rows + r,
                            .kernel_rows = 3,
                            .kernel_columns = 3,
                            .channels = kThinChannels,
                            .plane = plane,
                            .columns = c.conv_columns,
                            .outputs = c.outputs,
                            .weights = plain.data(),
                            .bias = bias.data(),
                            .slopes = c.prelu ? slopes.data() : nullptr,
                            .output = row.data(),
                            .output_plane = conv_plane});
    }
    AlignedFloats expected(outputs * static_cast<std::size_t>(output_plane));
    reference.plane_pool({.top = conv.front().data(),
                          .bottom = conv.back().data(),
                          .plane = conv_plane,
                          .input_columns = c.conv_columns,
                          .channels = c.outputs,
                          .columns = columns,
                          .output = expected.data(),
                          .output_plane = output_plane});
    for (const Kernels* kernels : available_kernels()) {
      if (!kernels->plane_conv_pool) continue;
      CAPTURE(kernels->name);
      AlignedFloats got(expected.size() + 1, kGuard);
      kernels->plane_conv_pool({.rows = rows,
                                .conv_rows = c.conv_rows,
                                .conv_columns = c.conv_columns,
                                .plane = plane,
                                .columns = columns,
                                .outputs = c.outputs,
                                .weights = packed.data(),
                                .bias = bias.data(),
                                .slopes = c.prelu ? slopes.data() : nullptr,
                                .output = got.data(),
                                .output_plane = output_plane});
      std::size_t off = 0;  // no number is, too
      for (int o = 0; o < c.outputs; ++o) {
        for (int x = 0; x < columns; ++x) {
          const std::size_t at = static_cast<std::size_t>(o * output_plane + x);
          off += !(std::abs(got[at] - expected[at]) <= tolerance(27));
        }
      }
      CHECK(off == 0);
      CHECK(got.back() == kGuard);
    }
  }
}

TEST_CASE("a result does not depend on the place of its pixel in a tile") {
  // Batches of candidates are cut differently for different numbers of threads.
  for (const Kernels* kernels : available_kernels()) {
    CAPTURE(kernels->name);
    std::mt19937 random(5);
    const int taps = 37;
    const AlignedFloats input = random_floats(30 * taps + kSlack, random);
    const AlignedFloats weights = random_floats(2 * taps * kBlock, random);
    const AlignedFloats bias = random_floats(2 * kBlock, random);
    const int offsets[] = {0};
    ConvArgs args{.input = input.data(),
                  .rows = 1,
                  .columns = 30,
                  .row_stride = 0,
                  .pixel_stride = taps,
                  .run_offsets = offsets,
                  .runs = 1,
                  .run_length = taps,
                  .outputs = 20,
                  .weights = weights.data(),
                  .bias = bias.data(),
                  .slopes = nullptr,
                  .output = nullptr,
                  .output_stride = 20};
    AlignedFloats whole(30 * 20 + kSlack), single(20 + kSlack);
    args.output = whole.data();
    kernels->conv(args);
    for (int i = 0; i < 30; ++i) {
      args.input = input.data() + i * taps;
      args.columns = 1;
      args.output = single.data();
      kernels->conv(args);
      CHECK(std::memcmp(single.data(), whole.data() + i * 20, 20 * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("a convolution at chosen places gives bit for bit what it gives at all of them") {
  constexpr int kColumns = 40, kRows = 3, kChannels = 5, kKernel = 3;
  constexpr int kPlane = 64;
  std::mt19937 random(7);
  const AlignedFloats planes = random_floats(static_cast<std::size_t>(kRows * kChannels * kPlane), random);
  for (const Kernels* kernels : available_kernels()) {
    CAPTURE(kernels->name);
    for (const int outputs : {1, 6, 16, 32}) {
      CAPTURE(outputs);
      const int taps = kRows * kChannels * kKernel;
      const AlignedFloats weights = random_floats(static_cast<std::size_t>(taps * outputs), random);
      const AlignedFloats bias = random_floats(48, random), slopes = random_floats(48, random);
      AlignedFloats blocks(static_cast<std::size_t>((outputs + kBlock - 1) / kBlock * taps * kBlock));
      for (int tap = 0; tap < taps; ++tap) {
        for (int o = 0; o < outputs; ++o) {
          blocks[static_cast<std::size_t>((o / kBlock * taps + tap) * kBlock + o % kBlock)] =
              weights[static_cast<std::size_t>(tap * outputs + o)];
        }
      }
      const float* rows[kRows];
      std::vector<int> offsets;
      for (int r = 0; r < kRows; ++r) {
        rows[r] = planes.data() + r * kChannels * kPlane;
        for (int c = 0; c < kChannels; ++c) offsets.push_back((r * kChannels + c) * kPlane);
      }
      AlignedFloats all(static_cast<std::size_t>(outputs * kPlane));
      kernels->plane_conv({.rows = rows,
                           .kernel_rows = kRows,
                           .kernel_columns = kKernel,
                           .channels = kChannels,
                           .plane = kPlane,
                           .columns = kColumns,
                           .outputs = outputs,
                           .weights = weights.data(),
                           .bias = bias.data(),
                           .slopes = slopes.data(),
                           .output = all.data(),
                           .output_plane = kPlane});
      for (const int count : {1, 2, 3, 5, 7, 11, 12, 13, 25, 40}) {
        CAPTURE(count);
        AlignedFloats some(static_cast<std::size_t>(count * outputs) + kSlack, kGuard);
        std::vector<const float*> windows;
        std::vector<float*> targets;
        const auto column = [&](int i) { return i * 7 % kColumns; };
        for (int i = 0; i < count; ++i) {
          windows.push_back(planes.data() + column(i));
          targets.push_back(some.data() + (count - 1 - i) * outputs);
        }
        kernels->conv_at({.windows = windows.data(),
                          .targets = targets.data(),
                          .count = count,
                          .run_offsets = offsets.data(),
                          .runs = static_cast<int>(offsets.size()),
                          .run_length = kKernel,
                          .outputs = outputs,
                          .weights = blocks.data(),
                          .bias = bias.data(),
                          .slopes = slopes.data()});
        bool equal = true;
        for (int i = 0; i < count; ++i) {
          for (int o = 0; o < outputs; ++o) {
            equal = equal && targets[static_cast<std::size_t>(i)][o] ==
                                 all[static_cast<std::size_t>(o * kPlane + column(i))];
          }
        }
        CHECK(equal);
        CHECK(some[static_cast<std::size_t>(count * outputs)] == kGuard);
      }
    }
  }
}

// Of each byte of two words, the larger of the differences.
int byte_difference(std::uint32_t a, std::uint32_t b) {
  int most = 0;
  for (int i = 0; i < 4; ++i) {
    most =
        std::max(most, std::abs(static_cast<int>(a >> (8 * i) & 255) - static_cast<int>(b >> (8 * i) & 255)));
  }
  return most;
}

TEST_CASE("a screening convolution by hand") {
  // One row, one quad, one tap: bytes 1, 2, 3, 200.
  const std::uint32_t word = 1 | 2 << 8 | 3 << 16 | 200u << 24;
  const std::uint32_t* const rows[] = {&word};
  alignas(4) std::int8_t weights[4 * kScreenBlock] = {1, 1, 1, 1, -1, -1, -1, -1, 0, 0, 0, 127};
  // The second bends at 110: 10 is half as far below.
  float scale[kScreenBlock] = {1, 1, 1, 1}, bias[kScreenBlock] = {.25f, 216, 110, 110},
        bend[kScreenBlock] = {0, 110, 0, 0}, slope[kScreenBlock] = {9, .5f, 9, 9},
        lift[kScreenBlock] = {0, 55, 0, 0}, mix[kScreenBlock] = {1, 10, 100};
  std::uint32_t output[2] = {};
  float score = 0;
  ScreenConvArgs args{.rows = rows,
                      .kernel_rows = 1,
                      .kernel_columns = 1,
                      .quads = 1,
                      .plane = 1,
                      .columns = 1,
                      .outputs = kScreenBlock,
                      .weights = weights,
                      .scale = scale,
                      .bias = bias,
                      .bend = bend,
                      .slope = slope,
                      .lift = lift,
                      .output = output,
                      .output_plane = 1,
                      .mix = mix,
                      .offset = 1000,
                      .scores = &score};
  reference_screen_kernels().conv(args);
  // 206 + .25; 110 + (-206 + 216 - 110) / 2; 25400 + 110; 110.
  CHECK(output[0] == (206 | 60 << 8 | 255 << 16 | 110u << 24));
  reference_screen_kernels().score(args);
  CHECK(score == doctest::Approx(1000 + 206.25 + 600 + 2551000));
}

TEST_CASE("screening kernels on every instruction set that has them") {
  const ScreenKernels& reference = reference_screen_kernels();
  for (const Kernels* kernels : available_kernels()) {
    if (!kernels->screen) continue;
    CAPTURE(kernels->name);
    for (const int columns : {1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 65, 96, 97, 113}) {
      const int step = columns % 16 == 0 ? kScreenLanes : 1;
      CAPTURE(columns);
      for (const int channels : {1, 3, 4, 10, 16}) {
        CAPTURE(channels);
        constexpr int kRows = 3, kKernel = 3, kOutputs = 2 * kScreenBlock;
        std::mt19937 random(static_cast<unsigned>(100 * columns + channels));
        const int plane = columns + 6 * kSlack;
        const std::size_t quads = static_cast<std::size_t>((channels + 3) / 4);
        const AlignedFloats input = random_floats(static_cast<std::size_t>(channels * plane), random, -6, 9);
        const AlignedFloats pack_scale = random_floats(static_cast<std::size_t>(channels), random, 10, 30);
        AlignedFloats pack_zero(static_cast<std::size_t>(channels));
        for (float& zero : pack_zero) zero = static_cast<float>(random() % 256);
        AlignedWords packed(quads * static_cast<std::size_t>(plane), 0xabababab), expected = packed;
        ScreenPackArgs pack{.input = input.data(),
                            .plane = plane,
                            .channels = channels,
                            .columns = columns + 2,
                            .scale = pack_scale.data(),
                            .zero = pack_zero.data(),
                            .output = packed.data(),
                            .output_plane = plane};
        kernels->screen->pack(pack);
        pack.output = expected.data();
        reference.pack(pack);
        // A value may lie so near a half that a fused multiply-add rounds it the other way.
        int furthest_byte = 0;
        for (std::size_t q = 0; q < quads; ++q) {
          for (std::size_t x = 0; x < static_cast<std::size_t>(columns + 2); ++x) {
            furthest_byte =
                std::max(furthest_byte, byte_difference(packed[q * static_cast<std::size_t>(plane) + x],
                                                        expected[q * static_cast<std::size_t>(plane) + x]));
          }
        }
        CHECK(furthest_byte <= 1);
        if (channels % 4 != 0) {
          bool filled = true;
          for (int x = 0; x < columns + 2; ++x) {
            filled = filled &&
                     packed[(quads - 1) * static_cast<std::size_t>(plane) + static_cast<std::size_t>(x)] >>
                             (8 * (channels % 4)) ==
                         0;
          }
          CHECK(filled);
        }

        std::vector<AlignedWords> maps;
        const std::uint32_t* rows[kRows];
        for (auto& row : rows) {
          AlignedWords& words = maps.emplace_back(quads * static_cast<std::size_t>(plane));
          for (std::uint32_t& word : words) word = static_cast<std::uint32_t>(random());
          row = words.data();
        }
        AlignedBytes weights(quads * kRows * kKernel * kOutputs * 4);
        for (std::int8_t& weight : weights) weight = static_cast<std::int8_t>(random() % 255 - 127);
        const AlignedFloats scale = random_floats(kOutputs, random, 1e-4f, 1e-3f);
        const AlignedFloats bias = random_floats(kOutputs, random, -50, 50);
        const AlignedFloats bend = random_floats(kOutputs, random, 0, 200);
        const AlignedFloats slope = random_floats(kOutputs, random, -1.5f, 1.5f);
        AlignedFloats lift(kOutputs);
        for (std::size_t o = 0; o < kOutputs; ++o) lift[o] = bend[o] * (1 - slope[o]);
        const AlignedFloats mix = random_floats(kOutputs, random);
        AlignedWords bytes(kOutputs / 4 * static_cast<std::size_t>(plane)), right = bytes;
        AlignedFloats scores(static_cast<std::size_t>(plane)), sums = scores;
        ScreenConvArgs args{.rows = rows,
                            .kernel_rows = kRows,
                            .kernel_columns = kKernel,
                            .quads = static_cast<int>(quads),
                            .plane = plane,
                            .columns = columns,
                            .column_step = step,
                            .outputs = kOutputs,
                            .weights = weights.data(),
                            .scale = scale.data(),
                            .bias = bias.data(),
                            .bend = bend.data(),
                            .slope = slope.data(),
                            .lift = lift.data(),
                            .output = bytes.data(),
                            .output_plane = plane,
                            .mix = mix.data(),
                            .offset = 3,
                            .scores = scores.data()};
        kernels->screen->conv(args);
        kernels->screen->score(args);
        args.output = right.data();
        args.scores = sums.data();
        reference.conv(args);
        reference.score(args);
        // Sums of bytes are exact; then one rounding may fall on the other side of a half, and the scores' order differs.
        int worst = 0;
        float furthest = 0;
        for (std::size_t x = 0; x < static_cast<std::size_t>(columns); ++x) {
          for (std::size_t q = 0; q < kOutputs / 4; ++q) {
            worst = std::max(worst, byte_difference(bytes[q * static_cast<std::size_t>(plane) + x],
                                                    right[q * static_cast<std::size_t>(plane) + x]));
          }
          furthest = std::max(furthest, std::abs(scores[x] - sums[x]));
        }
        CHECK(worst <= 1);
        CHECK(furthest < 1e-2f);
      }
    }
  }
}

TEST_CASE("screening kernels with maps as lanes, on every instruction set that has them") {
  const ScreenKernels& reference = reference_screen_kernels();
  for (const Kernels* kernels : available_kernels()) {
    if (!kernels->screen) continue;
    CAPTURE(kernels->name);
    std::mt19937 random(17);
    constexpr std::size_t kPixels = 36, kLanes = kScreenLanes;
    const AlignedFloats maps = random_floats(3 * kPixels * kLanes + kSlack, random, -1.2f, 1.2f);
    for (const int count : {1, 2, 15, 16}) {
      CAPTURE(count);
      AlignedWords words(kPixels * kLanes, 0xabcdef01), expected = words;
      ScreenLanesArgs args{.maps = maps.data(),
                           .map = 3 * kPixels,
                           .count = count,
                           .pixels = kPixels,
                           .scale = 128,
                           .zero = 128,
                           .output = words.data()};
      kernels->screen->lanes(args);
      args.output = expected.data();
      reference.lanes(args);
      bool equal = true;
      for (std::size_t i = 0; i < words.size(); ++i) {
        const bool written = static_cast<int>(i % kLanes) < count;
        equal = equal && (written ? (words[i] & 0xffffff) == expected[i] : words[i] == 0xabcdef01);
      }
      CHECK(equal);
    }
    for (const int columns : {2, 3, 4, 5, 9, 22}) {
      for (const int rows : {1, 2, 3}) {
        constexpr int kQuads = 3;
        const int outputs = (columns - 3 + 1) / 2 + 1;  // ceil mode
        AlignedWords input(static_cast<std::size_t>(rows * kQuads * columns) * kLanes);
        for (std::uint32_t& word : input) word = static_cast<std::uint32_t>(random());
        const std::uint32_t* pointers[3];
        for (int r = 0; r < rows; ++r) pointers[r] = input.data() + r * kQuads * columns * kScreenLanes;
        AlignedWords words(static_cast<std::size_t>(kQuads * outputs) * kLanes), expected = words;
        ScreenPoolArgs args{.rows = pointers,
                            .row_count = rows,
                            .size = 3,
                            .stride = 2,
                            .quads = kQuads,
                            .input_columns = columns,
                            .columns = outputs,
                            .plane = columns * kScreenLanes,
                            .output_plane = outputs * kScreenLanes,
                            .output = words.data()};
        kernels->screen->pool(args);
        args.output = expected.data();
        reference.pool(args);
        CHECK(words == expected);
      }
    }
  }
}

TEST_CASE("two rows of a convolution of planes, on every instruction set") {
  struct Case {
    int columns, channels, outputs;
    bool lower, prelu, whole_numbers;
  };
  std::vector<Case> cases;
  for (const int columns : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 97, 256}) {
    for (const int channels : {1, 10, kMostPlaneChannels}) {
      const int outputs = 1 + (columns + channels) % 9;
      cases.push_back({columns, channels, outputs, columns % 3 != 0, outputs != 4, false});
      cases.push_back({columns, channels, 16, columns % 3 == 0, true, true});
    }
  }
  std::mt19937 random(27);
  const Kernels& reference = *find_kernels("scalar");
  for (const Case& c : cases) {
    CAPTURE(c.columns);
    CAPTURE(c.channels);
    CAPTURE(c.outputs);
    const std::size_t outputs = static_cast<std::size_t>(c.outputs);
    const std::size_t channels = static_cast<std::size_t>(c.channels);
    // As RowNetwork lays maps out.
    const auto plane_of = [](int width) { return (width + 2 * kSlack - 1) / kSlack * kSlack + kSlack; };
    const int plane = plane_of(c.columns + 2), output_plane = plane_of(c.columns);
    // Whole numbers of a kind that no sum rounds: then the results are equal.
    const auto values = [&](std::size_t count) {
      AlignedFloats all = random_floats(count, random);
      if (c.whole_numbers) {
        for (float& value : all) value = std::round(value * 8);
      }
      return all;
    };
    // No number behind a row's end, nor in a row that is not there.
    std::vector<AlignedFloats> input;
    const float* rows[kPairInputs];
    for (int r = 0; r < kPairInputs; ++r) {
      AlignedFloats& row =
          input.emplace_back(channels * static_cast<std::size_t>(plane) + kSlack, std::nanf(""));
      rows[r] = row.data();
      if (r == 3 && !c.lower) continue;
      for (std::size_t i = 0; i < channels; ++i) {
        const AlignedFloats some = values(static_cast<std::size_t>(c.columns + 2));
        std::copy(some.begin(), some.end(), row.begin() + static_cast<std::ptrdiff_t>(i) * plane);
      }
    }
    const AlignedFloats weights = values(outputs * channels * 9);
    const AlignedFloats bias = values(outputs), slopes = values(outputs);
    const std::size_t blocks = (outputs + kPlaneBlock - 1) / kPlaneBlock;
    AlignedFloats plain(weights.size()), packed(blocks * kPlaneBlock * channels * kPairPlaces);
    for (std::size_t o = 0; o < outputs; ++o) {
      for (std::size_t i = 0; i < channels; ++i) {
        std::array<float, 9> kernel;
        std::copy_n(weights.data() + (o * channels + i) * 9, 9, kernel.begin());
        const auto places = pair_weights(kernel);
        for (std::size_t tap = 0; tap < 9; ++tap)
          plain[((tap / 3 * channels + i) * 3 + tap % 3) * outputs + o] = kernel[tap];
        for (std::size_t place = 0; place < kPairPlaces; ++place)
          packed[((o / kPlaneBlock * kPairPlaces + place) * channels + i) * kPlaneBlock + o % kPlaneBlock] =
              places[place];
      }
    }
    const std::size_t size = outputs * static_cast<std::size_t>(output_plane);
    std::vector<AlignedFloats> expected;
    for (int r = 0; r < (c.lower ? 2 : 1); ++r) {
      reference.plane_conv({.rows = rows + r,
                            .kernel_rows = 3,
                            .kernel_columns = 3,
                            .channels = c.channels,
                            .plane = plane,
                            .columns = c.columns,
                            .outputs = c.outputs,
                            .weights = plain.data(),
                            .bias = bias.data(),
                            .slopes = c.prelu ? slopes.data() : nullptr,
                            .output = expected.emplace_back(size).data(),
                            .output_plane = output_plane});
    }
    for (const Kernels* kernels : available_kernels()) {
      if (!kernels->plane_winograd) continue;
      CAPTURE(kernels->name);
      std::vector<AlignedFloats> got(2, AlignedFloats(size + 1, kGuard));
      kernels->plane_winograd({.rows = rows,
                               .channels = c.channels,
                               .plane = plane,
                               .columns = c.columns,
                               .outputs = c.outputs,
                               .weights = packed.data(),
                               .bias = bias.data(),
                               .slopes = c.prelu ? slopes.data() : nullptr,
                               .upper = got[0].data(),
                               .lower = c.lower ? got[1].data() : nullptr,
                               .output_plane = output_plane});
      const float allowed = c.whole_numbers ? 0 : 2 * tolerance(9 * c.channels);
      std::size_t off = 0;  // no number is, too
      for (std::size_t r = 0; r < expected.size(); ++r) {
        for (int o = 0; o < c.outputs; ++o) {
          for (int x = 0; x < c.columns; ++x) {
            const std::size_t at = static_cast<std::size_t>(o * output_plane + x);
            off += !(std::abs(got[r][at] - expected[r][at]) <= allowed);
          }
          // What lies beyond the slack is not touched: the last value of each plane.
          if (c.columns + kSlack < output_plane) {
            off += got[r][static_cast<std::size_t>((o + 1) * output_plane - 1)] != kGuard;
          }
        }
      }
      CHECK(off == 0);
      CHECK(got[0].back() == kGuard);
      if (!c.lower)
        CHECK(std::count(got[1].begin(), got[1].end(), kGuard) == static_cast<long>(got[1].size()));
    }
  }
}

TEST_CASE("max pool on every instruction set") {
  std::mt19937 random(7);
  for (const int channels : {1, 3, 10, 16, 28, 33}) {
    for (const int rows : {2, 3, 5, 9}) {
      for (const int columns : {2, 4, 7, 22}) {
        for (const int size : {2, 3}) {
          const auto pooled = [&](int n) { return n < size ? 1 : (n - size + 1) / 2 + 1; };
          const AlignedFloats input =
              random_floats(static_cast<std::size_t>(rows * columns * channels) + kSlack, random);
          const std::size_t count = static_cast<std::size_t>(pooled(rows) * pooled(columns) * channels);
          PoolArgs args{.input = input.data(),
                        .rows = rows,
                        .columns = columns,
                        .channels = channels,
                        .size = size,
                        .stride = 2,
                        .output_rows = pooled(rows),
                        .output_columns = pooled(columns),
                        .output = nullptr};
          AlignedFloats expected(count + kSlack);
          args.output = expected.data();
          find_kernels("scalar")->max_pool(args);
          // The definition once more, at the corner that ceil mode cuts.
          float corner = -2;
          for (int y = 2 * (pooled(rows) - 1); y < rows; ++y) {
            for (int x = 2 * (pooled(columns) - 1); x < columns; ++x) {
              corner = std::max(corner, input[static_cast<std::size_t>((y * columns + x) * channels)]);
            }
          }
          CHECK(expected[count - static_cast<std::size_t>(channels)] == corner);
          for (const Kernels* kernels : available_kernels()) {
            CAPTURE(kernels->name);
            AlignedFloats got(count + kSlack);
            args.output = got.data();
            kernels->max_pool(args);
            check_equal(got, expected, count, 0);
          }
        }
      }
    }
  }
}

TEST_CASE("convolution of planes by hand") {
  // Two rows of two channels, a 2 x 2 kernel, one output, slope .5.
  const float top[] = {1, 2, 3, 10, 20, 30}, bottom[] = {4, 5, 6, 40, 50, 60};
  const float* const rows[] = {top, bottom};
  const float weights[] = {1, 0, .1f, 0, 0, -1, 0, -.2f}, bias[] = {100}, slopes[] = {.5f};
  float output[2 + kSlack];
  const PlaneConvArgs args{.rows = rows,
                           .kernel_rows = 2,
                           .kernel_columns = 2,
                           .channels = 2,
                           .plane = 3,
                           .columns = 2,
                           .outputs = 1,
                           .weights = weights,
                           .bias = bias,
                           .slopes = slopes,
                           .output = output,
                           .output_plane = 2};
  find_kernels("scalar")->plane_conv(args);
  CHECK(output[0] == doctest::Approx(100 + 1 + 1 - 5 - 10));
  CHECK(output[1] == doctest::Approx(100 + 2 + 2 - 6 - 12));
}

TEST_CASE("convolution of planes on every instruction set") {
  std::mt19937 random(21);
  for (const int outputs : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17, 31, 32}) {
    for (const int columns : {1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 32, 33, 47, 48, 49, 64, 65, 97}) {
      const int kernel = 1 + (outputs + columns) % 3, channels = 1 + (outputs * columns) % 5;
      const std::ptrdiff_t plane = columns + kernel - 1 + kSlack, output_plane = columns + kSlack;
      std::vector<AlignedFloats> values;
      std::vector<const float*> rows;
      for (int r = 0; r < kernel; ++r)
        values.push_back(random_floats(static_cast<std::size_t>(plane * channels), random));
      for (const AlignedFloats& row : values) rows.push_back(row.data());
      const AlignedFloats weights =
          random_floats(static_cast<std::size_t>(kernel * kernel * channels * outputs), random);
      const AlignedFloats bias = random_floats(static_cast<std::size_t>(outputs), random);
      const AlignedFloats slopes = random_floats(static_cast<std::size_t>(outputs), random);
      PlaneConvArgs args{.rows = rows.data(),
                         .kernel_rows = kernel,
                         .kernel_columns = kernel,
                         .channels = channels,
                         .plane = plane,
                         .columns = columns,
                         .outputs = outputs,
                         .weights = weights.data(),
                         .bias = bias.data(),
                         .slopes = outputs % 2 == 0 ? slopes.data() : nullptr,
                         .output = nullptr,
                         .output_plane = output_plane};
      const std::size_t size = static_cast<std::size_t>(output_plane * outputs);
      AlignedFloats expected(size, kGuard);
      args.output = expected.data();
      find_kernels("scalar")->plane_conv(args);
      for (const Kernels* kernels : available_kernels()) {
        CAPTURE(kernels->name);
        CAPTURE(outputs);
        CAPTURE(columns);
        AlignedFloats got(size + 1, kGuard);
        args.output = got.data();
        kernels->plane_conv(args);
        for (std::ptrdiff_t o = 0; o < outputs; ++o) {
          for (std::ptrdiff_t x = 0; x < columns; ++x) {
            const std::size_t i = static_cast<std::size_t>(o * output_plane + x);
            CHECK(std::abs(got[i] - expected[i]) <= tolerance(kernel * kernel * channels));
          }
        }
        CHECK(got[size] == kGuard);
      }
    }
  }
}

TEST_CASE("pool and split of planes on every instruction set") {
  std::mt19937 random(22);
  for (const int columns : {1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 70}) {
    for (const int cut : {0, 1}) {
      const int input_columns = 2 * columns - cut;
      const std::ptrdiff_t plane = input_columns + 3, output_plane = columns + kSlack;
      const AlignedFloats top = random_floats(static_cast<std::size_t>(3 * plane), random);
      const AlignedFloats bottom = random_floats(static_cast<std::size_t>(3 * plane), random);
      for (const Kernels* kernels : available_kernels()) {
        CAPTURE(kernels->name);
        CAPTURE(columns);
        AlignedFloats got(static_cast<std::size_t>(3 * output_plane), kGuard);
        kernels->plane_pool({.top = top.data(),
                             .bottom = bottom.data(),
                             .plane = plane,
                             .input_columns = input_columns,
                             .channels = 3,
                             .columns = columns,
                             .output = got.data(),
                             .output_plane = output_plane});
        for (std::ptrdiff_t c = 0; c < 3; ++c) {
          for (std::ptrdiff_t x = 0; x < columns; ++x) {
            float best = -2;
            for (std::ptrdiff_t u = 2 * x; u < std::min<std::ptrdiff_t>(2 * x + 2, input_columns); ++u) {
              best = std::max(best, top[static_cast<std::size_t>(c * plane + u)]);
              best = std::max(best, bottom[static_cast<std::size_t>(c * plane + u)]);
            }
            CHECK(got[static_cast<std::size_t>(c * output_plane + x)] == best);
          }
        }
        AlignedFloats split(static_cast<std::size_t>(3 * output_plane), kGuard);
        const AlignedFloats rgb = random_floats(static_cast<std::size_t>(3 * columns), random);
        kernels->plane_split(
            {.rgb = rgb.data(), .columns = columns, .output = split.data(), .plane = output_plane});
        for (std::ptrdiff_t c = 0; c < 3; ++c) {
          for (std::ptrdiff_t x = 0; x < columns; ++x) {
            CHECK(split[static_cast<std::size_t>(c * output_plane + x)] ==
                  rgb[static_cast<std::size_t>(3 * x + c)]);
          }
        }
      }
    }
  }
}

TEST_CASE("local response normalisation by hand") {
  // Two pixels of three channels, over three: 1 + .3 / 3 * (the squares around), to the power 3/4.
  const float input[] = {1, 2, -3, 10, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  float output[6 + kSlack];
  for (const Kernels* kernels : available_kernels()) {
    CAPTURE(kernels->name);
    kernels->lrn({.input = input, .pixels = 2, .channels = 3, .size = 3, .alpha = .3f, .output = output});
    const double expected[] = {
        1 / std::pow(1.5, .75),  2 / std::pow(2.4, .75), -3 / std::pow(2.3, .75), 10 / std::pow(11.0, .75), 0,
        20 / std::pow(41.0, .75)};
    for (int i = 0; i < 6; ++i) CHECK(output[i] == doctest::Approx(expected[i]).epsilon(2e-6));
  }
}

TEST_CASE("local response normalisation on every instruction set") {
  std::mt19937 random(11);
  for (const int channels : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 64, kMaxLrnChannels}) {
    for (const int size : {1, 3, 9, 2 * kBlock + 1}) {
      for (const int pixels : {1, 2, 5}) {
        const std::size_t count = static_cast<std::size_t>(channels * pixels);
        const AlignedFloats input = random_floats(count + kSlack, random, -10, 10);
        AlignedFloats expected(count + kSlack);
        LrnArgs args{.input = input.data(),
                     .pixels = pixels,
                     .channels = channels,
                     .size = size,
                     .alpha = .7f,
                     .output = expected.data()};
        find_kernels("scalar")->lrn(args);
        for (const Kernels* kernels : available_kernels()) {
          CAPTURE(kernels->name);
          CAPTURE(channels);
          AlignedFloats got(count + kSlack);
          args.output = got.data();
          kernels->lrn(args);
          // Sums of positive terms: a rounding each, in parts of the result, of which the power takes three
          // quarters; a few more for the power itself. Results are at most 10.
          check_equal(got, expected, count, 10 * 6e-8f * (2 * .75f * static_cast<float>(size) + 8));
        }
      }
    }
  }
}

TEST_CASE("both halves of a resize on every instruction set") {
  std::mt19937 random(9);
  for (const int count : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 64, 65, 100}) {
    // With rows that all have weights of their own, and as where an image shrinks.
    for (const auto& [rows, alike] : {std::pair(0, false),
                                      {1, false},
                                      {2, false},
                                      {5, false},
                                      {40, false},
                                      {2, true},
                                      {4, true},
                                      {5, true},
                                      {40, true},
                                      {700, true}}) {
      std::vector<std::vector<std::uint8_t>> bytes(static_cast<std::size_t>(rows));
      std::vector<const std::uint8_t*> sources;
      for (auto& line : bytes) {
        line.resize(static_cast<std::size_t>(count));
        for (auto& byte : line) byte = static_cast<std::uint8_t>(rows < 256 ? random() : 255);
        sources.push_back(line.data());
      }
      AlignedFloats weights = random_floats(static_cast<std::size_t>(rows) + 1, random, 0, 1);
      if (alike) std::fill(weights.begin() + 1, weights.begin() + rows - 1, .25f);
      AlignedFloats expected(static_cast<std::size_t>(count) + kSlack, kGuard);
      BlendRowsArgs args{sources.data(), weights.data(), rows, count, expected.data()};
      find_kernels("scalar")->blend_rows(args);
      for (const Kernels* kernels : available_kernels()) {
        CAPTURE(kernels->name);
        AlignedFloats got(static_cast<std::size_t>(count) + kSlack, kGuard);
        args.output = got.data();
        kernels->blend_rows(args);
        check_equal(got, expected, static_cast<std::size_t>(count), 255 * tolerance(rows + 1));
      }
    }
  }
  for (const int columns : {1, 2, 3, 8, 13, 40}) {
    for (const int taps : {0, 1, 2, 3, 6}) {
      for (const int rows : {1, 2, 3, 4, 5, 7}) {
        constexpr int kInput = 3 * 50 + 1;
        const AlignedFloats input = random_floats(static_cast<std::size_t>(kInput * rows), random, 0, 255);
        std::vector<int> first;
        for (int x = 0; x < columns; ++x) {
          first.push_back(10 + static_cast<int>(random() % static_cast<unsigned>(51 - taps)));
        }
        const AlignedFloats weights =
            random_floats(static_cast<std::size_t>(columns * taps) + 1, random, 0, 1);
        // Rows that touch, and rows with room between them.
        for (const int gap : {0, 5}) {
          const std::size_t size = static_cast<std::size_t>((3 * columns + gap) * rows - gap);
          AlignedFloats expected(size + kSlack, kGuard);
          BlendColumnsArgs args{.input = input.data(),
                                .input_stride = kInput,
                                .rows = rows,
                                .origin = 10,
                                .columns = columns,
                                .taps = taps,
                                .first = first.data(),
                                .weights = weights.data(),
                                .mean = 127.5f,
                                .scale = 1 / 128.f,
                                .output = expected.data(),
                                .output_stride = 3 * columns + gap};
          find_kernels("scalar")->blend_columns(args);
          for (const Kernels* kernels : available_kernels()) {
            CAPTURE(kernels->name);
            AlignedFloats got(size + kSlack, kGuard);
            args.output = got.data();
            kernels->blend_columns(args);
            check_equal(got, expected, size, 1e-5f);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace mtcnn
