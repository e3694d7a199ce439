#include "apps/bench_profile.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>

#include "nets/mtcnn_nets.h"

namespace mtcnn {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kStages[] = {"P-Net", "R-Net", "O-Net", "L-Net"};
constexpr int kStageCount = 4;

// What a kernel sees of a layer: which kernel, values of a window, channels out (pool: 0), rows of the window.
using Shape = std::tuple<int, int, int, int>;

struct Layers {
  std::map<Shape, std::pair<int, int>> places;  // stage, row of `parts`
  std::vector<ProfilePart> parts;
};

// Kernels are plain functions: what they write to can't come with them.
struct Watch {
  const Kernels* inner = nullptr;
  Kernels outer;
  Layers layers;
  std::array<int, kStageCount> resize{}, choice{}, rest{};  // rows of `layers.parts`
  int stage = 0;
  Clock::time_point last;  // the end of the last call
  double gap = 0;          // between the last layer and the first resize behind it
  double resizing = 0, flop = 0, bytes = 0, calls = 0;  // since the last layer
  double inside = 0;                                    // between the resizes
  bool running = false;
};
Watch watch;

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

void add(int row, double time, double calls, double flop, double bytes) {
  ProfilePart& part = watch.layers.parts[static_cast<std::size_t>(row)];
  part.seconds += time;
  part.calls += calls;
  part.flop += flop;
  part.bytes += bytes;
}

// What was done since the last layer belongs to `stage`.
void settle(int stage) {
  const std::size_t s = static_cast<std::size_t>(stage);
  if (stage != watch.stage) {
    add(watch.choice[s], watch.gap, 1, 0, 0);
    watch.stage = stage;
  } else {
    watch.inside += watch.gap;
  }
  add(watch.rest[s], watch.inside, 1, 0, 0);
  add(watch.resize[s], watch.resizing, watch.calls, watch.flop, watch.bytes);
  watch.gap = watch.resizing = watch.inside = watch.flop = watch.bytes = watch.calls = 0;
}

template <typename Args>
void layer(void (*kernel)(const Args&), const Args& args, const Shape& shape, double flop, double bytes) {
  const Clock::time_point begin = Clock::now();
  kernel(args);
  const Clock::time_point end = Clock::now();
  (watch.calls > 0 ? watch.inside : watch.gap) += seconds(begin - watch.last);
  const auto found = watch.layers.places.find(shape);
  if (found == watch.layers.places.end()) return;  // while the nets are made
  const auto [stage, row] = found->second;
  settle(stage);
  add(row, seconds(end - begin), 1, flop, bytes);
  watch.last = Clock::now();
}

template <typename Args>
void resize(void (*kernel)(const Args&), const Args& args, double flop, double bytes) {
  const Clock::time_point begin = Clock::now();
  kernel(args);
  const Clock::time_point end = Clock::now();
  (watch.calls > 0 ? watch.inside : watch.gap) += seconds(begin - watch.last);
  watch.resizing += seconds(end - begin);
  watch.flop += flop;
  watch.bytes += bytes;
  ++watch.calls;
  watch.last = end;
}

constexpr double kFloat = sizeof(float);

void conv(const ConvArgs& a) {
  const double pixels = static_cast<double>(a.rows) * a.columns;
  const double taps = static_cast<double>(a.runs) * a.run_length;
  const double window = a.rows > 1 ? static_cast<double>(a.row_stride) * (a.rows + a.runs - 1)
                                   : static_cast<double>(a.pixel_stride) * a.columns;
  layer(watch.inner->conv, a, {0, a.run_length, a.outputs, a.runs}, 2 * pixels * taps * a.outputs,
        kFloat * (window + taps * a.outputs + pixels * a.outputs));
}

// As many operations as the layer asks for, so that the rate may be above the processor's.
void winograd(const WinogradArgs& a) {
  const double pixels = static_cast<double>(a.rows) * a.columns;
  layer(watch.inner->winograd, a, {0, 3 * a.channels, a.outputs, 3}, 2 * pixels * 9 * a.channels * a.outputs,
        kFloat * (static_cast<double>(a.rows + 2) * (a.columns + 2) * a.channels +
                  static_cast<double>(kWinogradPlaces) * a.channels * a.outputs + pixels * a.outputs));
}

// As many operations as both layers ask for.
void conv_pool(const ConvPoolArgs& a) {
  const double pixels = static_cast<double>(a.rows) * a.columns;
  layer(watch.inner->conv_pool, a, {0, 3 * kThinChannels, a.outputs, 3},
        pixels * a.outputs * (2 * 9 * kThinChannels + 2),
        kFloat * (static_cast<double>(a.rows + 2) * (a.columns + 2) * kThinChannels +
                  1. * kPairPlaces * kThinChannels * a.outputs + pixels / 4 * a.outputs));
}

void max_pool(const PoolArgs& a) {
  const double outputs = static_cast<double>(a.output_rows) * a.output_columns * a.channels;
  layer(watch.inner->max_pool, a, {1, a.channels, 0, a.size}, outputs * (a.size * a.size - 1),
        kFloat * (static_cast<double>(a.rows) * a.columns * a.channels + outputs));
}

void lrn(const LrnArgs& a) { watch.inner->lrn(a); }

void plane_conv(const PlaneConvArgs& a) {
  const double taps = static_cast<double>(a.kernel_rows) * a.kernel_columns * a.channels;
  layer(watch.inner->plane_conv, a, {0, a.kernel_columns * a.channels, a.outputs, a.kernel_rows},
        2 * taps * a.columns * a.outputs,
        kFloat * (static_cast<double>(a.columns) * (a.channels + a.outputs) + taps * a.outputs));
}

// As many operations as both layers ask for.
void plane_conv_pool(const PlaneConvPoolArgs& a) {
  const double outputs = static_cast<double>(a.columns) * a.outputs;
  layer(watch.inner->plane_conv_pool, a, {0, 3 * kThinChannels, a.outputs, 3},
        outputs * (2 * 4 * 9 * kThinChannels + 3),
        kFloat * (4. * a.columns * kThinChannels + 1. * kPairPlaces * kThinChannels * a.outputs + outputs));
}

void plane_winograd(const PlaneWinogradArgs& a) {
  const double columns = (a.lower ? 2. : 1.) * a.columns;
  layer(watch.inner->plane_winograd, a, {0, 3 * a.channels, a.outputs, 3},
        2 * 9 * a.channels * columns * a.outputs,
        kFloat * (columns * (a.channels + a.outputs) + 1. * kPairPlaces * a.channels * a.outputs));
}

void plane_pool(const PlanePoolArgs& a) {
  const double outputs = static_cast<double>(a.columns) * a.channels;
  layer(watch.inner->plane_pool, a, {1, a.channels, 0, 2}, outputs * 3, kFloat * 5 * outputs);
}

void blend_rows(const BlendRowsArgs& a) {
  resize(watch.inner->blend_rows, a, 2. * a.rows * a.count,
         a.rows * static_cast<double>(a.count) + kFloat * a.count);
}

void blend_columns(const BlendColumnsArgs& a) {
  const double pixels = static_cast<double>(a.rows) * a.columns;
  resize(watch.inner->blend_columns, a, 3 * pixels * (2 * a.taps + 2), kFloat * 3 * pixels * (a.taps + 1));
}

void plane_split(const PlaneSplitArgs& a) {
  resize(watch.inner->plane_split, a, 0, 2 * kFloat * 3 * a.columns);
}

void conv_at(const ConvAtArgs& a) {
  const double taps = static_cast<double>(a.runs) * a.run_length;
  layer(watch.inner->conv_at, a, {0, a.run_length, a.outputs, a.runs}, 2 * a.count * taps * a.outputs,
        kFloat * (taps * a.outputs + a.count * (taps + a.outputs)));
}

// Screening: what is counted as FLOP is done in bytes.
void screen_pack(const ScreenPackArgs& a) {
  layer(watch.inner->screen->pack, a, {2, a.channels, 0, 0}, 0, (kFloat + 1) * a.columns * a.channels);
}

void screen_layer(void (*kernel)(const ScreenConvArgs&), const ScreenConvArgs& a, int kind) {
  const double taps = 4. * a.kernel_rows * a.kernel_columns * a.quads;
  layer(kernel, a, {kind, a.quads, a.outputs, a.kernel_rows}, 2 * taps * a.columns * a.outputs,
        a.columns * (4. * a.quads + a.outputs) + taps * a.outputs);
}
void screen_conv(const ScreenConvArgs& a) { screen_layer(watch.inner->screen->conv, a, 3); }
void screen_score(const ScreenConvArgs& a) { screen_layer(watch.inner->screen->score, a, 4); }

void screen_lanes(const ScreenLanesArgs& a) {
  layer(watch.inner->screen->lanes, a, {5, 0, 0, 0}, 0, (3 * kFloat + 4) * a.pixels * a.count);
}
void screen_pool(const ScreenPoolArgs& a) {
  const double outputs = 4. * a.quads * a.columns * kScreenLanes;
  layer(watch.inner->screen->pool, a, {6, a.quads, 0, a.size}, outputs * (a.size * a.row_count - 1),
        4. * a.quads * kScreenLanes * (a.row_count * a.input_columns + a.columns));
}

int add_part(int stage, const char* name) {
  watch.layers.parts.push_back({kStages[stage], name});
  return static_cast<int>(watch.layers.parts.size()) - 1;
}

// Rows for all that the cascade runs, by the nets' one definition.
void add_parts() {
  const NetSpec* const nets[kStageCount] = {&kPNet, &kRNet, &kONet, &kLNet};
  for (int stage = 0; stage < kStageCount; ++stage) {
    const NetSpec& net = *nets[stage];
    const std::size_t s = static_cast<std::size_t>(stage);
    if (stage > 0) watch.choice[s] = add_part(stage, "windows chosen (NMS)");
    watch.resize[s] = add_part(stage, stage == 0 ? "pyramid" : "patches");
    MapShape shape{net.channels, net.side, net.side};
    for (const Layer& one : net.layers) {
      const MapShape in = shape;
      shape = output_shape(one, in);
      const int channels = in.channels / one.groups;
      std::optional<Shape> key;
      if (one.kind == LayerKind::kConv) {
        key = one.groups == 1 ? Shape{0, one.kernel * channels, one.outputs, one.kernel}
                              : Shape{0, channels, one.outputs / one.groups, one.kernel * one.kernel};
      } else if (one.kind == LayerKind::kMaxPool) {
        key = Shape{1, in.channels, 0, one.kernel};
      } else if (one.kind == LayerKind::kDense) {
        key = Shape{0, in.channels * in.height * in.width, one.outputs, 1};
      }
      if (key) watch.layers.places[*key] = {stage, add_part(stage, one.name)};
    }
    // Screening: all in bytes, some again. Channels come in fours, outputs in blocks of eight.
    const auto place = [&](const Shape& key, const char* name) {
      watch.layers.places[key] = {stage, add_part(stage, name)};
    };
    if (&net == &kPNet) {
      place({2, 10, 0, 0}, "bytes");
      place({3, 3, 16, 3}, "conv2 in bytes");
      place({4, 4, 32, 3}, "conv3 in bytes");
      place({0, 3, 16, 30}, "conv2 again");
      place({0, 1, 32, 144}, "conv3 again");
    } else if (&net == &kRNet) {
      place({5, 0, 0, 0}, "bytes");
      place({3, 1, 32, 3}, "conv1 in bytes");
      place({6, 8, 0, 3}, "pool1 in bytes");
      place({3, 7, 48, 3}, "conv2 in bytes");
      place({6, 12, 0, 3}, "pool2 in bytes");
      place({3, 12, 64, 2}, "conv3 in bytes");
      place({4, 16, 128, 3}, "dense4 in bytes");
    }
    // The heads run as one; P-Net's and R-Net's points are left out.
    int outputs = 0;
    for (const Layer& head : net.heads) outputs += head.optional ? 0 : head.outputs;
    watch.layers.places[{0, shape.channels * shape.height * shape.width, outputs, 1}] = {
        stage, add_part(stage, "heads")};
    watch.rest[s] = add_part(stage, "the rest");
  }
  watch.choice[0] = watch.rest[0];
}

}  // namespace

Profile::Profile(const Kernels& kernels) {
  assert(!watch.inner);
  watch = {};
  watch.inner = &kernels;
  watch.outer = {kernels.name,  conv,       max_pool,   lrn,         blend_rows,
                 blend_columns, plane_conv, plane_pool, plane_split, conv_at};
  if (kernels.winograd) watch.outer.winograd = winograd;
  if (kernels.conv_pool) watch.outer.conv_pool = conv_pool;
  if (kernels.plane_conv_pool) watch.outer.plane_conv_pool = plane_conv_pool;
  if (kernels.plane_winograd) watch.outer.plane_winograd = plane_winograd;
  if (kernels.screen) {
    static constexpr ScreenKernels kWatched{screen_pack, screen_conv, screen_score, screen_lanes,
                                            screen_pool};
    watch.outer.screen = &kWatched;
  }
  add_parts();
}

Profile::~Profile() { watch.inner = nullptr; }

const Kernels& Profile::kernels() const { return watch.outer; }

void Profile::begin() {
  watch.stage = 0;
  watch.last = Clock::now();
}

// Behind the last net come its NMS and the faces.
void Profile::end() {
  watch.gap += seconds(Clock::now() - watch.last);
  settle(watch.stage);
}

std::vector<ProfilePart> Profile::parts() const {
  std::vector<ProfilePart> seen;
  for (const ProfilePart& part : watch.layers.parts) {
    if (part.calls > 0) seen.push_back(part);
  }
  return seen;
}

void Profile::clear() {
  for (ProfilePart& part : watch.layers.parts) part.seconds = part.calls = part.flop = part.bytes = 0;
}

}  // namespace mtcnn
