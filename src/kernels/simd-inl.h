// The SIMD version of every kernel, written once and compiled for each instruction set (simd.cc).
// What each computes is said in kernels.h and, in plain loops, in reference.cc.

#if defined(MTCNN_KERNELS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MTCNN_KERNELS_SIMD_INL_H_
#undef MTCNN_KERNELS_SIMD_INL_H_
#else
#define MTCNN_KERNELS_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <utility>

#include "kernels/kernels.h"

// Highway's own scalar targets have nothing over reference.cc.
#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
HWY_BEFORE_NAMESPACE();
namespace mtcnn {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors of at most a block's lanes, so that a block is a whole number of them.
using F = hn::CappedTag<float, kBlock>;
using V = hn::Vec<F>;
inline constexpr int kLanes = static_cast<int>(hn::MaxLanes(F()));
inline constexpr int kVectors = kBlock / kLanes;  // of one block

// How many output pixels and blocks one pass keeps in registers: as many accumulators as fit beside
// the weights. More pixels would not only spill vectors: each needs a pointer in a register too.
#if HWY_TARGET == HWY_AVX3
inline constexpr int kTilePixels = 12, kTileBlocks = 2;
#elif HWY_TARGET == HWY_AVX2
inline constexpr int kTilePixels = 6, kTileBlocks = 1;
#elif HWY_TARGET == HWY_NEON
inline constexpr int kTilePixels = 6, kTileBlocks = 1;
#else
inline constexpr int kTilePixels = 3, kTileBlocks = 1;
#endif

// One tile: `Pixels` windows, `Blocks` blocks of output channels from `first_block` on.
template <int Pixels, int Blocks>
HWY_NOINLINE void conv_tile(const ConvArgs& a, const float* const* windows, float* const* outputs,
                            int first_block) {
  constexpr int kWide = Blocks * kVectors;
  const F d;
  const std::ptrdiff_t block_stride = std::ptrdiff_t{a.runs} * a.run_length * kBlock;
  const float* weights = a.weights + first_block * block_stride;
  const int channel = first_block * kBlock;

  V sum[Pixels][kWide];
  for (int v = 0; v < kWide; ++v) {
    const V bias = hn::Load(d, a.bias + channel + v * kLanes);
    for (int p = 0; p < Pixels; ++p) sum[p][v] = bias;
  }

  for (int r = 0; r < a.runs; ++r) {
    const float* run[Pixels];
    for (int p = 0; p < Pixels; ++p) run[p] = windows[p] + a.run_offsets[r];
    for (int i = 0; i < a.run_length; ++i, weights += kBlock) {
      V weight[kWide];
      for (int b = 0; b < Blocks; ++b) {
        for (int v = 0; v < kVectors; ++v) {
          weight[b * kVectors + v] = hn::Load(d, weights + b * block_stride + v * kLanes);
        }
      }
      for (int p = 0; p < Pixels; ++p) {
        const V value = hn::Set(d, run[p][i]);
        for (int v = 0; v < kWide; ++v) sum[p][v] = hn::MulAdd(value, weight[v], sum[p][v]);
      }
    }
  }

  if (a.slopes) {
    const V zero = hn::Zero(d);
    for (int v = 0; v < kWide; ++v) {
      const V slope = hn::Load(d, a.slopes + channel + v * kLanes);
      for (int p = 0; p < Pixels; ++p) {
        sum[p][v] = hn::IfThenElse(hn::Lt(sum[p][v], zero), hn::Mul(sum[p][v], slope), sum[p][v]);
      }
    }
  }

  for (int p = 0; p < Pixels; ++p) {
    for (int v = 0; v < kWide; ++v) {
      const int first = channel + v * kLanes;
      const int left = a.outputs - first;
      if (left >= kLanes) {
        hn::StoreU(sum[p][v], d, outputs[p] + first);
      } else if (left > 0) {
        // Masked: beyond lies the next pixel or another group's channels.
        hn::BlendedStore(sum[p][v], hn::FirstN(d, static_cast<std::size_t>(left)), d, outputs[p] + first);
      }
    }
  }
}

template <int Blocks, int Pixels = kTilePixels>
void conv_pixels(const ConvArgs& a, int pixels, const float* const* windows, float* const* outputs,
                 int first_block) {
  if (pixels == Pixels) {
    conv_tile<Pixels, Blocks>(a, windows, outputs, first_block);
  } else if constexpr (Pixels > 1) {
    conv_pixels<Blocks, Pixels - 1>(a, pixels, windows, outputs, first_block);
  }
}

void conv(const ConvArgs& a) {
  const int blocks = (a.outputs + kBlock - 1) / kBlock;
  const std::ptrdiff_t pixels = std::ptrdiff_t{a.rows} * a.columns;
  const float* windows[kTilePixels];
  float* outputs[kTilePixels];
  int column = 0;
  const float* row = a.input;
  float* output = a.output;
  for (std::ptrdiff_t done = 0; done < pixels;) {
    // Tiles run on from one row into the next, so that narrow maps fill them too.
    const int tile = static_cast<int>(std::min<std::ptrdiff_t>(kTilePixels, pixels - done));
    for (int p = 0; p < tile; ++p) {
      windows[p] = row + column * a.pixel_stride;
      outputs[p] = output;
      output += a.output_stride;
      if (++column == a.columns) {
        column = 0;
        row += a.row_stride;
      }
    }
    int block = 0;
    for (; block + kTileBlocks <= blocks; block += kTileBlocks) {
      conv_pixels<kTileBlocks>(a, tile, windows, outputs, block);
    }
    for (; block < blocks; ++block) conv_pixels<1>(a, tile, windows, outputs, block);
    done += tile;
  }
}

void conv_at(const ConvAtArgs& a) {
  const ConvArgs tile{.run_offsets = a.run_offsets,
                      .runs = a.runs,
                      .run_length = a.run_length,
                      .outputs = a.outputs,
                      .weights = a.weights,
                      .bias = a.bias,
                      .slopes = a.slopes};
  const int blocks = (a.outputs + kBlock - 1) / kBlock;
  for (int done = 0; done < a.count; done += kTilePixels) {
    const int pixels = std::min(kTilePixels, a.count - done);
    int block = 0;
    for (; block + kTileBlocks <= blocks; block += kTileBlocks) {
      conv_pixels<kTileBlocks>(tile, pixels, a.windows + done, a.targets + done, block);
    }
    for (; block < blocks; ++block) {
      conv_pixels<1>(tile, pixels, a.windows + done, a.targets + done, block);
    }
  }
}

// From the rows or columns a to e of a tile's inputs, in place: 2a - b - 2c + d, d - 2b - c, 2b - 3c + d, d - b, 2b - c - 2d + e.
HWY_INLINE void winograd_input(V& a, V& b, V& c, V& d, V& e) {
  const V two = hn::Set(F(), 2.f);
  const V fourth = hn::Sub(d, b), near = hn::Sub(d, c);
  a = hn::MulAdd(two, hn::Sub(a, c), fourth);
  e = hn::NegMulAdd(two, fourth, hn::Sub(e, c));
  c = hn::MulAdd(two, hn::Sub(b, c), near);
  b = hn::NegMulAdd(two, b, near);
  d = fourth;
}

// From the products of a row or column of a tile to three outputs.
HWY_INLINE void winograd_output(V a, V b, V c, V d, V e, V (&out)[kWinogradOutputs]) {
  const F tag;
  const V sum = hn::Add(b, c);
  out[0] = hn::Add(hn::Add(a, sum), d);
  out[1] = hn::MulAdd(hn::Set(tag, 2.f), d, hn::Sub(b, c));
  out[2] = hn::MulAdd(hn::Set(tag, 4.f), d, hn::Add(sum, e));
}

// Of a place, what the algorithm has between inputs and outputs: [block of channels][tile][channel of the block], so that the tiles of a
// channel lie at offsets that the compiler knows.
constexpr std::ptrdiff_t kWinogradBlock = std::ptrdiff_t{kWinogradTiles} * kBlock;

// Tiles beside or below one another.
inline int winograd_along(int outputs) { return (outputs + kWinogradOutputs - 1) / kWinogradOutputs; }

// `tiles` tiles from `first` on, counted row by row.
HWY_NOINLINE void winograd_inputs(const WinogradArgs& a, int first, int tiles, float* sums) {
  const F d;
  const int across = winograd_along(a.columns);
  const std::ptrdiff_t place = (a.channels + kBlock - 1) / kBlock * kWinogradBlock;
  for (int tile = 0; tile < tiles; ++tile) {
    const int top = (first + tile) / across * kWinogradOutputs,
              left = (first + tile) % across * kWinogradOutputs;
    // Outputs beyond the edges are not kept; what stands for the inputs beyond cancels out of the others but for rounding.
    const float* rows[kWinogradInputs];
    std::ptrdiff_t columns[kWinogradInputs];
    for (int i = 0; i < kWinogradInputs; ++i) {
      rows[i] = a.input + std::ptrdiff_t{std::min(top + i, a.rows + 1)} * (a.columns + 2) * a.channels;
      columns[i] = std::ptrdiff_t{std::min(left + i, a.columns + 1)} * a.channels;
    }
    for (int c = 0; c < a.channels; c += kLanes) {
      V at[kWinogradInputs][kWinogradInputs];
      for (int y = 0; y < kWinogradInputs; ++y) {
        for (int x = 0; x < kWinogradInputs; ++x) at[y][x] = hn::LoadU(d, rows[y] + columns[x] + c);
        winograd_input(at[y][0], at[y][1], at[y][2], at[y][3], at[y][4]);
      }
      float* const to = sums + c / kBlock * kWinogradBlock + tile * kBlock + c % kBlock;
      for (int x = 0; x < kWinogradInputs; ++x) {
        winograd_input(at[0][x], at[1][x], at[2][x], at[3][x], at[4][x]);
        for (int y = 0; y < kWinogradInputs; ++y)
          hn::Store(at[y][x], d, to + (kWinogradInputs * y + x) * place);
      }
    }
  }
}

// The products of one place: `Pixels` tiles, `Blocks` blocks of outputs, each with `weights` of its own.
template <int Pixels, int Blocks>
HWY_NOINLINE void winograd_tile(const float* sums, int channels, const float* weights, float* products) {
  constexpr int kWide = Blocks * kVectors;
  const F d;
  const std::ptrdiff_t next = kWinogradPlaces * std::ptrdiff_t{channels} * kBlock;
  V sum[Pixels][kWide];
  for (int p = 0; p < Pixels; ++p) {
    for (int v = 0; v < kWide; ++v) sum[p][v] = hn::Zero(d);
  }
  for (; channels > 0; channels -= kBlock, sums += kWinogradBlock) {
    const int count = std::min(channels, kBlock);
    for (int c = 0; c < count; ++c, weights += kBlock) {
      V weight[kWide];
      for (int v = 0; v < kWide; ++v)
        weight[v] = hn::Load(d, weights + v / kVectors * next + v % kVectors * kLanes);
      for (int p = 0; p < Pixels; ++p) {
        const V value = hn::Set(d, sums[p * kBlock + c]);
        for (int v = 0; v < kWide; ++v) sum[p][v] = hn::MulAdd(value, weight[v], sum[p][v]);
      }
    }
  }
  for (int p = 0; p < Pixels; ++p) {
    for (int v = 0; v < kWide; ++v) {
      hn::Store(sum[p][v], d, products + v / kVectors * kWinogradBlock + p * kBlock + v % kVectors * kLanes);
    }
  }
}

template <int Blocks, int Pixels = kTilePixels>
void winograd_tiles(int tiles, const float* sums, int channels, const float* weights, float* products) {
  if (tiles == Pixels) {
    winograd_tile<Pixels, Blocks>(sums, channels, weights, products);
  } else if constexpr (Pixels > 1) {
    winograd_tiles<Blocks, Pixels - 1>(tiles, sums, channels, weights, products);
  }
}

// `Whole`: no tile is cut by an edge, which the compiler can make more of.
template <bool Whole>
HWY_INLINE void winograd_outputs_of(const WinogradArgs& a, const float* from, float* to, int rows,
                                    int columns, int output) {
  const F d;
  const V zero = hn::Zero(d);
  const std::ptrdiff_t place = (a.outputs + kBlock - 1) / kBlock * kWinogradBlock;
  V part[kWinogradInputs][kWinogradOutputs];
  for (int y = 0; y < kWinogradInputs; ++y) {
    const auto at = [&](int x) { return hn::Load(d, from + (kWinogradInputs * y + x) * place); };
    winograd_output(at(0), at(1), at(2), at(3), at(4), part[y]);
  }
  const V bias = hn::Load(d, a.bias + output);
  const V slope = a.slopes ? hn::Load(d, a.slopes + output) : hn::Set(d, 1.f);
  const int lanes = std::min(a.outputs - output, kLanes);
  for (int x = 0; x < kWinogradOutputs; ++x) {
    if (!Whole && x >= columns) break;
    V sums[kWinogradOutputs];
    winograd_output(part[0][x], part[1][x], part[2][x], part[3][x], part[4][x], sums);
    for (int y = 0; y < kWinogradOutputs; ++y) {
      if (!Whole && y >= rows) break;
      const V sum = hn::Add(sums[y], bias);
      const V value = hn::IfThenElse(hn::Lt(sum, zero), hn::Mul(sum, slope), sum);
      float* const pixel = to + (std::ptrdiff_t{y} * a.columns + x) * a.outputs;
      if (Whole || lanes == kLanes) {
        hn::StoreU(value, d, pixel);
      } else {
        hn::BlendedStore(value, hn::FirstN(d, static_cast<std::size_t>(lanes)), d, pixel);
      }
    }
  }
}

HWY_NOINLINE void winograd_outputs(const WinogradArgs& a, int first, int tiles, const float* products) {
  const int across = winograd_along(a.columns);
  for (int tile = 0; tile < tiles; ++tile) {
    const int top = (first + tile) / across * kWinogradOutputs,
              left = (first + tile) % across * kWinogradOutputs;
    const int rows = std::min(kWinogradOutputs, a.rows - top),
              columns = std::min(kWinogradOutputs, a.columns - left);
    const bool whole = rows == kWinogradOutputs && columns == kWinogradOutputs;
    for (int o = 0; o < a.outputs; o += kLanes) {
      const float* const from = products + o / kBlock * kWinogradBlock + tile * kBlock + o % kBlock;
      float* const to = a.output + (std::ptrdiff_t{top} * a.columns + left) * a.outputs + o;
      if (whole && o + kLanes <= a.outputs) {
        winograd_outputs_of<true>(a, from, to, rows, columns, o);
      } else {
        winograd_outputs_of<false>(a, from, to, rows, columns, o);
      }
    }
  }
}

void winograd(const WinogradArgs& a) {
  const int blocks = (a.outputs + kBlock - 1) / kBlock;
  const std::ptrdiff_t in_place = (a.channels + kBlock - 1) / kBlock * kWinogradBlock;
  const std::ptrdiff_t weights_each = std::ptrdiff_t{a.channels} * kBlock;
  float* const sums = reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(a.scratch) + 63) / 64 * 64);
  float* const products = sums + kWinogradPlaces * in_place;
  const int tiles = winograd_along(a.rows) * winograd_along(a.columns);
  // Parts of equal size: their weights are read anew for each.
  const int parts = (tiles + kWinogradTiles - 1) / kWinogradTiles;
  for (int part = 0, first = 0; part < parts; ++part) {
    const int count = (tiles - first) / (parts - part);
    winograd_inputs(a, first, count, sums);
    float* to = products;
    for (int place = 0; place < kWinogradPlaces; ++place) {
      const float* const from = sums + place * in_place;
      for (int block = 0; block < blocks;) {
        const bool wide = block + kTileBlocks <= blocks;
        const float* const weights =
            a.weights + (std::ptrdiff_t{block} * kWinogradPlaces + place) * weights_each;
        // Passes of equal size, too: few tiles wait for one another's sums.
        const int passes = (count + kTilePixels - 1) / kTilePixels;
        for (int pass = 0, tile = 0; pass < passes; ++pass) {
          const int now = (count - tile) / (passes - pass);
          if (wide) {
            winograd_tiles<kTileBlocks>(now, from + tile * kBlock, a.channels, weights, to + tile * kBlock);
          } else {
            winograd_tiles<1>(now, from + tile * kBlock, a.channels, weights, to + tile * kBlock);
          }
          tile += now;
        }
        const int done = wide ? kTileBlocks : 1;
        block += done;
        to += done * kWinogradBlock;
      }
    }
    winograd_outputs(a, first, count, products);
    first += count;
  }
}

void max_pool(const PoolArgs& a) {
  const F d;
  float* out = a.output;
  for (int y = 0; y < a.output_rows; ++y) {
    const int top = y * a.stride;
    const int bottom = std::min(top + a.size, a.rows);
    for (int x = 0; x < a.output_columns; ++x, out += a.channels) {
      const int left = x * a.stride;
      const int right = std::min(left + a.size, a.columns);
      // The last vector of a pixel runs over into the next one, which is written later.
      for (int c = 0; c < a.channels; c += kLanes) {
        const float* corner = a.input + (std::ptrdiff_t{top} * a.columns + left) * a.channels + c;
        V best = hn::LoadU(d, corner);
        for (int v = top; v < bottom; ++v, corner += std::ptrdiff_t{a.columns} * a.channels) {
          for (int u = 0; u < right - left; ++u) {
            best = hn::Max(best, hn::LoadU(d, corner + u * a.channels));
          }
        }
        hn::StoreU(best, d, out + c);
      }
    }
  }
}

void lrn(const LrnArgs& a) {
  const F d;
  const int reach = a.size / 2;
  // One pixel's squares, with zeros for the channels that do not exist.
  HWY_ALIGN float squares[kBlock + kMaxLrnChannels + kBlock] = {};
  const V one = hn::Set(d, 1.f);
  const V weight = hn::Set(d, a.alpha / static_cast<float>(a.size));
  for (int p = 0; p < a.pixels; ++p) {
    const float* in = a.input + std::ptrdiff_t{p} * a.channels;
    float* out = a.output + std::ptrdiff_t{p} * a.channels;
    for (int c = 0; c < a.channels; c += kLanes) {
      const V value = hn::LoadU(d, in + c);
      hn::Store(hn::Mul(value, value), d, squares + kBlock + c);
    }
    // The last vector ran over into the next pixel.
    for (int v = 0; v < kVectors; ++v) {
      hn::StoreU(hn::Zero(d), d, squares + kBlock + a.channels + v * kLanes);
    }
    for (int c = 0; c < a.channels; c += kLanes) {
      const float* first = squares + kBlock + c - reach;
      V sum = hn::LoadU(d, first);
      for (int i = 1; i < a.size; ++i) sum = hn::Add(sum, hn::LoadU(d, first + i));
      // x^(3/4) = sqrt(x) * sqrt(sqrt(x)).
      const V root = hn::Sqrt(hn::MulAdd(weight, sum, one));
      hn::StoreU(hn::Div(hn::LoadU(d, in + c), hn::Mul(root, hn::Sqrt(root))), d, out + c);
    }
  }
}

// Rows [alike, other) have the same weight.
template <int Vectors>
void blend_tile(const BlendRowsArgs& a, int alike, int other, int first) {
  const F d;
  const hn::Rebind<std::int32_t, F> di;
  const hn::Rebind<std::uint16_t, F> d16;
  const hn::Rebind<std::uint8_t, F> d8;
  V sum[Vectors];
  for (int v = 0; v < Vectors; ++v) sum[v] = hn::Zero(d);
  const auto add = [&](int begin, int end) {
    for (int r = begin; r < end; ++r) {
      const std::uint8_t* const source = a.sources[r] + first;
      const V weight = hn::Set(d, a.weights[r]);
      for (int v = 0; v < Vectors; ++v) {
        const V value = hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(d8, source + v * kLanes)));
        sum[v] = hn::MulAdd(weight, value, sum[v]);
      }
    }
  };
  add(0, alike);
  for (int r = alike; r < other;) {
    // Sums of 256 bytes fit.
    const int end = std::min(other, r + 256);
    const V weight = hn::Set(d, a.weights[r]);
    hn::Vec<decltype(d16)> whole[Vectors];
    for (int v = 0; v < Vectors; ++v) whole[v] = hn::Zero(d16);
    for (; r < end; ++r) {
      const std::uint8_t* const source = a.sources[r] + first;
      for (int v = 0; v < Vectors; ++v) {
        whole[v] = hn::Add(whole[v], hn::PromoteTo(d16, hn::LoadU(d8, source + v * kLanes)));
      }
    }
    for (int v = 0; v < Vectors; ++v) {
      sum[v] = hn::MulAdd(weight, hn::ConvertTo(d, hn::PromoteTo(di, whole[v])), sum[v]);
    }
  }
  add(other, a.rows);
  for (int v = 0; v < Vectors; ++v) hn::StoreU(sum[v], d, a.output + first + v * kLanes);
}

void blend_rows(const BlendRowsArgs& a) {
  // Where an image shrinks much, all rows but the first and the last have the same weight: their sum is one of integers.
  constexpr int kFewest = 3;
  int alike = 1, other = 1;
  while (other < a.rows && a.weights[other] == a.weights[1]) ++other;
  if (other - alike < kFewest) alike = other = 0;
  constexpr int kWide = 4;
  int i = 0;
  for (; i + kWide * kLanes <= a.count; i += kWide * kLanes) blend_tile<kWide>(a, alike, other, i);
  for (; i + kLanes <= a.count; i += kLanes) blend_tile<1>(a, alike, other, i);
  if (i == a.count) return;
  if (a.count >= kLanes) {
    // Some of the last full vector once more: nothing past the end of a source may be read.
    blend_tile<1>(a, alike, other, a.count - kLanes);
    return;
  }
  for (; i < a.count; ++i) {
    float sum = 0;
    for (int r = 0; r < a.rows; ++r) sum += a.weights[r] * static_cast<float>(a.sources[r][i]);
    a.output[i] = sum;
  }
}

// Several rows at once: they share weights and loops, and one's sum need not wait for another's.
template <int Rows>
void blend_columns_of(const BlendColumnsArgs& a, int row) {
  // Four lanes for three channels: the fourth is the next pixel's, written over afterwards.
  const hn::FixedTag<float, 4> d;
  const auto mean = hn::Set(d, a.mean);
  const auto scale = hn::Set(d, a.scale);
  const float* const input = a.input + row * a.input_stride;
  float* output = a.output + row * a.output_stride;
  const float* weights = a.weights;
  for (int x = 0; x < a.columns; ++x, output += 3) {
    const float* source = input + 3 * (a.first[x] - a.origin);
    hn::Vec<decltype(d)> sum[Rows];
    for (int r = 0; r < Rows; ++r) sum[r] = hn::Zero(d);
    for (int t = 0; t < a.taps; ++t, source += 3) {
      const auto weight = hn::Set(d, *weights++);
      for (int r = 0; r < Rows; ++r) {
        sum[r] = hn::MulAdd(weight, hn::LoadU(d, source + r * a.input_stride), sum[r]);
      }
    }
    for (int r = 0; r < Rows; ++r) sum[r] = hn::Mul(hn::Sub(sum[r], mean), scale);
    if (x + 1 < a.columns) {
      for (int r = 0; r < Rows; ++r) hn::StoreU(sum[r], d, output + r * a.output_stride);
    } else {
      // Beyond lies the next row, which may be done already.
      for (int r = 0; r < Rows; ++r) {
        hn::BlendedStore(sum[r], hn::FirstN(d, 3), d, output + r * a.output_stride);
      }
    }
  }
}

void blend_columns(const BlendColumnsArgs& a) {
  int row = 0;
  for (; row + 4 <= a.rows; row += 4) blend_columns_of<4>(a, row);
  for (; row + 2 <= a.rows; row += 2) blend_columns_of<2>(a, row);
  if (row < a.rows) blend_columns_of<1>(a, row);
}

// How many outputs and vectors of columns one pass of plane_conv() keeps in registers: as many sums as fit beside a vector of each
// column group and a weight. More outputs ask for fewer loads of the input, more columns for fewer of the weights.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
inline constexpr int kPlaneOutputs = 8, kPlaneVectors = 3;
#elif HWY_TARGET == HWY_AVX2
inline constexpr int kPlaneOutputs = 4, kPlaneVectors = 3;
#else
inline constexpr int kPlaneOutputs = 4, kPlaneVectors = 2;
#endif

template <int Outputs, int Vectors>
HWY_NOINLINE void plane_tile(const PlaneConvArgs& a, int first, int column) {
  const F d;
  V sum[Outputs][Vectors];
  for (int o = 0; o < Outputs; ++o) {
    const V bias = hn::Set(d, a.bias[first + o]);
    for (int v = 0; v < Vectors; ++v) sum[o][v] = bias;
  }
  const float* weights = a.weights + first;
  for (int r = 0; r < a.kernel_rows; ++r) {
    const float* plane = a.rows[r] + column;
    for (int c = 0; c < a.channels; ++c, plane += a.plane) {
      for (int k = 0; k < a.kernel_columns; ++k, weights += a.outputs) {
        V value[Vectors];
        for (int v = 0; v < Vectors; ++v) value[v] = hn::LoadU(d, plane + k + v * kLanes);
        for (int o = 0; o < Outputs; ++o) {
          const V weight = hn::Set(d, weights[o]);
          for (int v = 0; v < Vectors; ++v) sum[o][v] = hn::MulAdd(value[v], weight, sum[o][v]);
        }
      }
    }
  }
  const V zero = hn::Zero(d);
  for (int o = 0; o < Outputs; ++o) {
    float* const out = a.output + (first + o) * a.output_plane + column;
    const V slope = hn::Set(d, a.slopes ? a.slopes[first + o] : 1.f);
    for (int v = 0; v < Vectors; ++v) {
      const V value = hn::IfThenElse(hn::Lt(sum[o][v], zero), hn::Mul(sum[o][v], slope), sum[o][v]);
      hn::StoreU(value, d, out + v * kLanes);
    }
  }
}

template <int Vectors, int Outputs = kPlaneOutputs>
void plane_outputs(const PlaneConvArgs& a, int outputs, int first, int column) {
  if (outputs == Outputs) {
    plane_tile<Outputs, Vectors>(a, first, column);
  } else if constexpr (Outputs > 1) {
    plane_outputs<Vectors, Outputs - 1>(a, outputs, first, column);
  }
}

template <int Vectors>
void plane_columns(const PlaneConvArgs& a, int column) {
  // As equal parts as there can be: ten outputs are five and five, not eight and two.
  const int parts = (a.outputs + kPlaneOutputs - 1) / kPlaneOutputs;
  for (int part = 0, first = 0; part < parts; ++part) {
    const int outputs = (a.outputs - first) / (parts - part);
    plane_outputs<Vectors>(a, outputs, first, column);
    first += outputs;
  }
}

void plane_conv(const PlaneConvArgs& a) {
  int column = 0;
  for (; column + (kPlaneVectors - 1) * kLanes < a.columns; column += kPlaneVectors * kLanes)
    plane_columns<kPlaneVectors>(a, column);
  if constexpr (kPlaneVectors == 3) {
    if (column + kLanes < a.columns) {
      plane_columns<2>(a, column);
      return;
    }
  }
  if (column < a.columns) plane_columns<1>(a, column);
}

void plane_pool(const PlanePoolArgs& a) {
  const F d;
  for (int c = 0; c < a.channels; ++c) {
    const float* const top = a.top + c * a.plane;
    const float* const bottom = a.bottom + c * a.plane;
    float* const output = a.output + c * a.output_plane;
    int x = 0;
    for (; x + kLanes <= a.columns && 2 * (x + kLanes) <= a.input_columns; x += kLanes) {
      V a0, a1, b0, b1;
      hn::LoadInterleaved2(d, top + 2 * x, a0, a1);
      hn::LoadInterleaved2(d, bottom + 2 * x, b0, b1);
      hn::StoreU(hn::Max(hn::Max(a0, a1), hn::Max(b0, b1)), d, output + x);
    }
    for (; x < a.columns; ++x) {
      const int right = std::min(2 * x + 1, a.input_columns - 1);
      output[x] = std::max(std::max(top[2 * x], top[right]), std::max(bottom[2 * x], bottom[right]));
    }
  }
}

// How many outputs and vectors of columns one pass of plane_conv_pool() keeps in registers, and how many tiles one of conv_pool(): four
// products of each, while four sums of each may wait elsewhere.
#if HWY_TARGET == HWY_AVX3
inline constexpr int kPoolOutputs = 5, kPoolVectors = 1;
#else
inline constexpr int kPoolOutputs = 1, kPoolVectors = 3;
#endif
inline constexpr int kThinTiles = 4;

// From rows or columns a to d of a tile's inputs, in place: a - c, b + c, c - b, b - d.
HWY_INLINE void pair_input(V& a, V& b, V& c, V& d) {
  a = hn::Sub(a, c);
  d = hn::Sub(b, d);
  const V sum = hn::Add(b, c);
  c = hn::Sub(c, b);
  b = sum;
}

// Indices that the compiler knows from the start: an array of vectors that it meets in a loop, it may keep in memory.
template <int Count>
using Indices = std::make_integer_sequence<int, Count>;

// What a row of places multiplies: vector_at and scalar_at, of the row, the place in it and the tile, are where the first channel's factors
// are from `vectors` and `scalars` on; the next channel's are vector_step and scalar_step behind.
template <class VectorAt, class ScalarAt>
struct ThinFactors {
  const float *vectors, *scalars;
  std::ptrdiff_t vector_step, scalar_step;
  VectorAt vector_at;
  ScalarAt scalar_at;
};
template <class VectorAt, class ScalarAt>
ThinFactors(const float*, const float*, std::ptrdiff_t, std::ptrdiff_t, VectorAt, ScalarAt)
    -> ThinFactors<VectorAt, ScalarAt>;

// Both columns of outputs that a row of places gives, of `Count` tiles. `bias`: of the tile.
template <int Row, int Count, class Factors, class Bias, int... I, int... O>
HWY_INLINE void thin_row(const Factors& f, int channels, const Bias& bias, V (&left)[Count],
                         V (&right)[Count], std::integer_sequence<int, I...>,
                         std::integer_sequence<int, O...>) {
  const F d;
  const float *vectors = f.vectors, *scalars = f.scalars;
  const auto vector = [&](int i) { return hn::Load(d, vectors + f.vector_at(Row, i / Count, i % Count)); };
  const auto scalar = [&](int i) { return hn::Set(d, scalars[f.scalar_at(Row, i / Count, i % Count)]); };
  V product[] = {hn::Mul(vector(I), scalar(I))...};
  // What stands at place (1, 1) is a part of all four outputs.
  if constexpr (Row == 1) ((product[Count + O] = hn::Add(product[Count + O], bias(O))), ...);
  for (int c = 1; c < channels; ++c) {
    vectors += f.vector_step;
    scalars += f.scalar_step;
    ((product[I] = hn::MulAdd(vector(I), scalar(I), product[I])), ...);
  }
  ((left[O] = hn::Add(hn::Add(product[O], product[Count + O]), product[2 * Count + O])), ...);
  ((right[O] = hn::Sub(hn::Sub(product[Count + O], product[2 * Count + O]), product[3 * Count + O])), ...);
}

// All four outputs of `Count` tiles, row by row.
template <int Count, class Factors, class Bias, int... O>
HWY_INLINE void thin_outputs(const Factors& f, int channels, const Bias& bias, V (&at)[4][Count],
                             std::integer_sequence<int, O...> each) {
  constexpr Indices<4 * Count> all;
  V left[Count], right[Count];
  thin_row<0, Count>(f, channels, bias, at[0], at[1], all, each);
  thin_row<1, Count>(f, channels, bias, at[2], at[3], all, each);
  ((at[0][O] = hn::Add(at[0][O], at[2][O]), at[1][O] = hn::Add(at[1][O], at[3][O])), ...);
  thin_row<2, Count>(f, channels, bias, left, right, all, each);
  ((at[0][O] = hn::Add(at[0][O], left[O]), at[1][O] = hn::Add(at[1][O], right[O])), ...);
  ((at[2][O] = hn::Sub(at[2][O], left[O]), at[3][O] = hn::Sub(at[3][O], right[O])), ...);
  thin_row<3, Count>(f, channels, bias, left, right, all, each);
  ((at[2][O] = hn::Sub(at[2][O], left[O]), at[3][O] = hn::Sub(at[3][O], right[O])), ...);
}

HWY_INLINE V prelu(V value, V slope) {
  return hn::IfThenElse(hn::Lt(value, hn::Zero(F())), hn::Mul(value, slope), value);
}

// `Outputs` outputs from `first` on and `Vectors` vectors of columns: tile o is vector o % Vectors of output first + o / Vectors. `sums`:
// what the tiles' inputs became, [row][channel][column][vector].
template <int Outputs, int Vectors, int... O>
HWY_NOINLINE void pool_tile(const PlaneConvPoolArgs& a, const float* sums, int first, int column,
                            std::integer_sequence<int, O...> each) {
  const F d;
  V at[4][Outputs * Vectors];
  const std::ptrdiff_t next = a.outputs;
  const auto vector_at = [](int row, int k, int o) {
    return ((row * kThinChannels * kPairInputs + k) * Vectors + o % Vectors) * kLanes;
  };
  const auto scalar_at = [next](int row, int k, int o) {
    return (row * kThinChannels * kPairInputs + k) * next + o / Vectors;
  };
  thin_outputs(
      ThinFactors{sums, a.weights + first, kPairInputs * Vectors * kLanes, kPairInputs * next, vector_at,
                  scalar_at},
      a.channels, [&](int o) { return hn::Set(d, a.bias[first + o / Vectors]); }, at, each);
  // Behind the edges there is nothing: what is put in its place changes no maximum.
  if (a.conv_rows < 2) ((at[2][O] = at[0][O], at[3][O] = at[1][O]), ...);
  if (const int whole = a.conv_columns / 2 - column; whole < Vectors * kLanes) {
    const auto cut = [&](int o, V left, V right) {
      const int inside = std::max(whole - o % Vectors * kLanes, 0);
      return hn::IfThenElse(hn::FirstN(d, static_cast<std::size_t>(inside)), right, left);
    };
    ((at[1][O] = cut(O, at[0][O], at[1][O]), at[3][O] = cut(O, at[2][O], at[3][O])), ...);
  }
  const auto pool = [&](int o, V v0, V v1, V v2, V v3) {
    const int output = first + o / Vectors;
    const float slope = a.slopes ? a.slopes[output] : 1.f;
    // A PReLU goes up with its input, so that one behind the pool is as good as four before it, unless its slope is below 0.
    const V most = hn::Max(hn::Max(v0, v1), hn::Max(v2, v3));
    V value = prelu(most, hn::Set(d, slope));
    if (slope < 0) {
      const V least = hn::Min(hn::Min(v0, v1), hn::Min(v2, v3));
      value = hn::Max(most, prelu(least, hn::Set(d, slope)));
    }
    hn::StoreU(value, d, a.output + output * a.output_plane + column + o % Vectors * kLanes);
  };
  (pool(O, at[0][O], at[1][O], at[2][O], at[3][O]), ...);
}

// Vectors * kLanes columns of the output.
template <int Vectors>
HWY_NOINLINE void pool_columns(const PlaneConvPoolArgs& a, int column) {
  const F d;
  HWY_ALIGN float sums[kPairPlaces * kThinChannels * Vectors * kLanes];
  for (int c = 0; c < kThinChannels; ++c) {
    for (int v = 0; v < Vectors; ++v) {
      V at[4][4];
      for (int r = 0; r < 4; ++r) {
        const float* const from = a.rows[r] + c * a.plane + 2 * (column + v * kLanes);
        hn::LoadInterleaved2(d, from, at[r][0], at[r][1]);
        hn::LoadInterleaved2(d, from + 2, at[r][2], at[r][3]);
        pair_input(at[r][0], at[r][1], at[r][2], at[r][3]);
      }
      for (int k = 0; k < 4; ++k) {
        pair_input(at[0][k], at[1][k], at[2][k], at[3][k]);
        for (int r = 0; r < 4; ++r)
          hn::Store(at[r][k], d, sums + (((r * kThinChannels + c) * 4 + k) * Vectors + v) * kLanes);
      }
    }
  }
  int first = 0;
  for (; first + kPoolOutputs <= a.outputs; first += kPoolOutputs)
    pool_tile<kPoolOutputs, Vectors>(a, sums, first, column, Indices<kPoolOutputs * Vectors>());
  for (; first < a.outputs; ++first) pool_tile<1, Vectors>(a, sums, first, column, Indices<Vectors>());
}

void plane_conv_pool(const PlaneConvPoolArgs& a) {
  assert(a.channels == kThinChannels);
  int column = 0;
  for (; column + (kPoolVectors - 1) * kLanes < a.columns; column += kPoolVectors * kLanes)
    pool_columns<kPoolVectors>(a, column);
  for (; column < a.columns; column += kLanes) pool_columns<1>(a, column);
}

#if HWY_TARGET == HWY_AVX3
inline constexpr void (*plane_winograd)(const PlaneWinogradArgs&) = nullptr;
#else
// How many vectors of columns one pass of plane_winograd() keeps in registers: a product of each with each of a block's outputs. With three
// of AVX2 what became of the inputs would be too much for the first cache.
#if HWY_TARGET == HWY_AVX2
inline constexpr int kPairVectors = 2;
#else
inline constexpr int kPairVectors = 3;
#endif

// Two vectors of columns to the even ones and the odd ones, and back. What order the tiles have between is all the same, so long as it is
// the same.
HWY_INLINE void split_pairs(V& a, V& b) {
#if HWY_TARGET == HWY_AVX2
  // Not across the halves of a vector, which takes twice as many shuffles.
  const V even{_mm256_shuffle_ps(a.raw, b.raw, _MM_SHUFFLE(2, 0, 2, 0))};
  b = V{_mm256_shuffle_ps(a.raw, b.raw, _MM_SHUFFLE(3, 1, 3, 1))};
#else
  const V even = hn::ConcatEven(F(), b, a);
  b = hn::ConcatOdd(F(), b, a);
#endif
  a = even;
}
HWY_INLINE void store_pairs(V even, V odd, float* to) {
#if HWY_TARGET == HWY_AVX2
  _mm256_storeu_ps(to, _mm256_unpacklo_ps(even.raw, odd.raw));
  _mm256_storeu_ps(to + kLanes, _mm256_unpackhi_ps(even.raw, odd.raw));
#else
  hn::StoreInterleaved2(even, odd, F(), to);
#endif
}

// A block of outputs from `first` on. `sums`: what the tiles' inputs became, [place][channel][column].
template <int Vectors>
HWY_NOINLINE void pair_outputs(const PlaneWinogradArgs& a, const float* sums, int first, int column) {
  constexpr int kWide = Vectors * kLanes;
  const F d;
  HWY_ALIGN float products[kPairPlaces * kPlaneBlock * kWide];
  const float* weights = a.weights + std::ptrdiff_t{first} * kPairPlaces * a.channels;
  for (int place = 0; place < kPairPlaces; ++place) {
    V product[kPlaneBlock][Vectors];
    for (int o = 0; o < kPlaneBlock; ++o) {
      for (int v = 0; v < Vectors; ++v) product[o][v] = hn::Zero(d);
    }
    for (int c = 0; c < a.channels; ++c, sums += kWide, weights += kPlaneBlock) {
      V value[Vectors];
      for (int v = 0; v < Vectors; ++v) value[v] = hn::Load(d, sums + v * kLanes);
      for (int o = 0; o < kPlaneBlock; ++o) {
        const V weight = hn::Set(d, weights[o]);
        for (int v = 0; v < Vectors; ++v) product[o][v] = hn::MulAdd(value[v], weight, product[o][v]);
      }
    }
    for (int o = 0; o < kPlaneBlock; ++o) {
      for (int v = 0; v < Vectors; ++v)
        hn::Store(product[o][v], d, products + (place * kPlaneBlock + o) * kWide + v * kLanes);
    }
  }
  for (int o = 0; o < std::min(kPlaneBlock, a.outputs - first); ++o) {
    const V bias = hn::Set(d, a.bias[first + o]);
    const V slope = hn::Set(d, a.slopes ? a.slopes[first + o] : 1.f);
    const std::ptrdiff_t to = (first + o) * a.output_plane + 2 * column;
    for (int v = 0; v < Vectors; ++v) {
      V left[kPairInputs], right[kPairInputs];
      for (int r = 0; r < kPairInputs; ++r) {
        const auto at = [&](int k) {
          return hn::Load(d, products + ((r * kPairInputs + k) * kPlaneBlock + o) * kWide + v * kLanes);
        };
        const V b = at(1), c = at(2);
        left[r] = hn::Add(at(0), hn::Add(b, c));
        right[r] = hn::Sub(hn::Sub(b, c), at(3));
      }
      const auto upper = [&](const V(&at)[kPairInputs]) {
        return prelu(hn::Add(hn::Add(at[0], hn::Add(at[1], at[2])), bias), slope);
      };
      const auto lower = [&](const V(&at)[kPairInputs]) {
        return prelu(hn::Add(hn::Sub(hn::Sub(at[1], at[2]), at[3]), bias), slope);
      };
      store_pairs(upper(left), upper(right), a.upper + to + 2 * v * kLanes);
      if (a.lower) store_pairs(lower(left), lower(right), a.lower + to + 2 * v * kLanes);
    }
  }
}

// Vectors * kLanes tiles from `column` on.
template <int Vectors>
HWY_NOINLINE void pair_columns(const PlaneWinogradArgs& a, int column) {
  constexpr int kWide = Vectors * kLanes;
  const F d;
  HWY_ALIGN float sums[kPairPlaces * kMostPlaneChannels * kWide];
  const std::ptrdiff_t place = std::ptrdiff_t{a.channels} * kWide;
  for (int c = 0; c < a.channels; ++c) {
    for (int v = 0; v < Vectors; ++v) {
      // A row of places after the other, along the columns last: few registers suffice.
      const std::ptrdiff_t from = c * a.plane + 2 * (column + v * kLanes);
      float* const to = sums + c * kWide + v * kLanes;
      const auto row_of_places = [&](int row, auto of_rows) {
        const auto at = [&](int i) { return of_rows(from + i); };
        V k0 = at(0), k1 = at(kLanes), k2 = at(2), k3 = at(2 + kLanes);
        split_pairs(k0, k1);
        split_pairs(k2, k3);
        pair_input(k0, k1, k2, k3);
        float* const places = to + row * kPairInputs * place;
        hn::Store(k0, d, places);
        hn::Store(k1, d, places + place);
        hn::Store(k2, d, places + 2 * place);
        hn::Store(k3, d, places + 3 * place);
      };
      const auto row = [&](int r, std::ptrdiff_t at) { return hn::LoadU(d, a.rows[r] + at); };
      // As pair_input() has them.
      row_of_places(0, [&](std::ptrdiff_t at) { return hn::Sub(row(0, at), row(2, at)); });
      row_of_places(1, [&](std::ptrdiff_t at) { return hn::Add(row(1, at), row(2, at)); });
      row_of_places(2, [&](std::ptrdiff_t at) { return hn::Sub(row(2, at), row(1, at)); });
      row_of_places(3, [&](std::ptrdiff_t at) { return hn::Sub(row(1, at), row(3, at)); });
    }
  }
  for (int first = 0; first < a.outputs; first += kPlaneBlock) pair_outputs<Vectors>(a, sums, first, column);
}

void plane_winograd(const PlaneWinogradArgs& a) {
  assert(a.channels <= kMostPlaneChannels);
  const int tiles = (a.columns + 1) / 2;
  int column = 0;
  for (; column + (kPairVectors - 1) * kLanes < tiles; column += kPairVectors * kLanes)
    pair_columns<kPairVectors>(a, column);
  for (; column < tiles; column += kLanes) pair_columns<1>(a, column);
}
#endif

// Of a row of tiles, what became of its inputs, [row of places][difference from the pixel after the next, sum with the next, the next less it][value of the input's row].
inline constexpr int kThinRow = (kMostThinColumns + 2) * kThinChannels + 2 * kSlack;

// kLanes channels from `channel` on, of `Tiles` tiles from `tile` on in row `row` of them. A window of the pool is a tile, and what touches
// it of the tiles right of and below it: theirs is added to what is there of the tiles before.
template <int Tiles, int... O>
HWY_NOINLINE void conv_pool_tile(const ConvPoolArgs& a, const float* sums, int row, int tile, int channel,
                                 std::integer_sequence<int, O...> each) {
  const F d;
  V at[4][Tiles];
  const auto vector_at = [](int places, int k, int) {
    return (places * kPairInputs + k) * kThinChannels * kBlock;
  };
  const auto scalar_at = [](int places, int k, int o) {
    const int of = k == 0 || k == 3 ? 0 : k;
    return (places * 3 + of) * kThinRow + ((k > 0 ? 1 : 0) + 2 * o) * kThinChannels;
  };
  const float* const weights =
      a.weights + channel / kBlock * (kPairPlaces * kThinChannels * kBlock) + channel % kBlock;
  thin_outputs(
      ThinFactors{weights, sums + 2 * tile * kThinChannels, kBlock, std::ptrdiff_t{1}, vector_at, scalar_at},
      kThinChannels, [&](int) { return hn::Load(d, a.bias + channel); }, at, each);
  const V slope = a.slopes ? hn::Load(d, a.slopes + channel) : hn::Set(d, 1.f);
  ((at[0][O] = prelu(at[0][O], slope), at[1][O] = prelu(at[1][O], slope), at[2][O] = prelu(at[2][O], slope),
    at[3][O] = prelu(at[3][O], slope)),
   ...);
  // Where a last row or column of tiles is cut, only its first row or column of outputs is used, by the windows before it.
  const V upper[] = {hn::Max(at[0][O], at[1][O])...}, left[] = {hn::Max(at[0][O], at[2][O])...};
  const V whole[] = {hn::Max(upper[O], hn::Max(at[2][O], at[3][O]))...};

  const int pooled = a.columns / 2;
  const std::ptrdiff_t line = std::ptrdiff_t{pooled} * a.outputs;
  float* const output = a.output + row * line + std::ptrdiff_t{tile} * a.outputs + channel;
  const int channels = std::min(a.outputs - channel, kLanes);
  const auto store = [&](V value, float* to) {
    if (channels == kLanes) {
      hn::StoreU(value, d, to);
    } else {
      hn::BlendedStore(value, hn::FirstN(d, static_cast<std::size_t>(channels)), d, to);
    }
  };
  const auto add = [&](V value, float* to) { store(hn::Max(value, hn::LoadU(d, to)), to); };
  const bool has_own = row < a.rows / 2;
  const bool has_upper = row > 0;
  if (tile > 0) {
    if (has_own) add(left[0], output - a.outputs);
    if (has_upper) add(at[0][0], output - line - a.outputs);
  }
  const auto put = [&](int o, V own, V below) {
    if (tile + o >= pooled) return;
    if (has_own) store(own, output + o * a.outputs);
    if (has_upper) add(below, output - line + o * a.outputs);
  };
  (put(O, O + 1 < Tiles ? hn::Max(whole[O], left[(O + 1) % Tiles]) : whole[O],
       O + 1 < Tiles ? hn::Max(upper[O], at[0][(O + 1) % Tiles]) : upper[O]),
   ...);
}

template <int Tiles = kThinTiles>
void conv_pool_tiles(const ConvPoolArgs& a, int tiles, const float* sums, int row, int tile, int channel) {
  if (tiles == Tiles) {
    conv_pool_tile<Tiles>(a, sums, row, tile, channel, Indices<Tiles>());
  } else if constexpr (Tiles > 1) {
    conv_pool_tiles<Tiles - 1>(a, tiles, sums, row, tile, channel);
  }
}

void conv_pool(const ConvPoolArgs& a) {
  assert(a.rows >= 3 && a.columns >= 3 && a.columns <= kMostThinColumns);
  const F d;
  const int width = (a.columns + 2) * kThinChannels;
  const int across = (a.columns + 1) / 2, down = (a.rows + 1) / 2;
  HWY_ALIGN float plain[4 * kThinRow], sums[4 * 3 * kThinRow];
  for (int row = 0; row < down; ++row) {
    const float* const from = a.input + std::ptrdiff_t{2 * row} * width;
    const int last = 2 * row + 1 < a.rows ? 3 * width : 2 * width;
    for (int x = 0; x < width; x += kLanes) {
      V at[4];
      for (int r = 0; r < 3; ++r) at[r] = hn::LoadU(d, from + r * width + x);
      at[3] = hn::LoadU(d, from + last + x);
      pair_input(at[0], at[1], at[2], at[3]);
      for (int r = 0; r < 4; ++r) hn::StoreU(at[r], d, plain + r * kThinRow + x);
    }
    for (int r = 0; r < 4; ++r) {
      for (int x = 0; x < width; x += kLanes) {
        const float* const pixel = plain + r * kThinRow + x;
        float* const to = sums + 3 * r * kThinRow + x;
        const V here = hn::LoadU(d, pixel), next = hn::LoadU(d, pixel + kThinChannels);
        hn::StoreU(hn::Sub(here, hn::LoadU(d, pixel + 2 * kThinChannels)), d, to);
        hn::StoreU(hn::Add(here, next), d, to + kThinRow);
        hn::StoreU(hn::Sub(next, here), d, to + 2 * kThinRow);
      }
    }
    for (int channel = 0; channel < a.outputs; channel += kLanes) {
      for (int tile = 0; tile < across; tile += kThinTiles)
        conv_pool_tiles(a, std::min(kThinTiles, across - tile), sums, row, tile, channel);
    }
  }
}

void plane_split(const PlaneSplitArgs& a) {
  const F d;
  int x = 0;
  for (; x + kLanes <= a.columns; x += kLanes) {
    V red, green, blue;
    hn::LoadInterleaved3(d, a.rgb + 3 * x, red, green, blue);
    hn::StoreU(red, d, a.output + x);
    hn::StoreU(green, d, a.output + a.plane + x);
    hn::StoreU(blue, d, a.output + 2 * a.plane + x);
  }
  for (; x < a.columns; ++x) {
    for (int c = 0; c < 3; ++c) a.output[c * a.plane + x] = a.rgb[3 * x + c];
  }
}

#if HWY_TARGET == HWY_AVX3
#define MTCNN_LEVEL_NAME "avx512"
#elif HWY_TARGET == HWY_AVX2
#define MTCNN_LEVEL_NAME "avx2"
#elif HWY_TARGET == HWY_SSE4
#define MTCNN_LEVEL_NAME "sse4"
#elif defined(HWY_SSE2) && HWY_TARGET == HWY_SSE2
#define MTCNN_LEVEL_NAME "sse2"
#elif HWY_TARGET == HWY_NEON || (defined(HWY_NEON_WITHOUT_AES) && HWY_TARGET == HWY_NEON_WITHOUT_AES)
#define MTCNN_LEVEL_NAME "neon"
#elif HWY_TARGET == HWY_WASM
#define MTCNN_LEVEL_NAME "wasm"
#else
#define MTCNN_LEVEL_NAME "baseline"
#endif
extern const Kernels kSimdKernels;
const Kernels kSimdKernels{
    MTCNN_LEVEL_NAME, conv,    max_pool, lrn,      blend_rows, blend_columns,   plane_conv,    plane_pool,
    plane_split,      conv_at, nullptr,  winograd, conv_pool,  plane_conv_pool, plane_winograd};
#undef MTCNN_LEVEL_NAME

}  // namespace HWY_NAMESPACE
}  // namespace mtcnn
HWY_AFTER_NAMESPACE();
#endif  // not scalar

#endif  // toggle
