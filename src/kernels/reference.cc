// What every kernel means, in plain loops: the SIMD versions are tested against these, and run where
// there is nothing better.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace mtcnn {
namespace {

void conv(const ConvArgs& a) {
  for (int y = 0; y < a.rows; ++y) {
    for (int x = 0; x < a.columns; ++x) {
      const float* window = a.input + y * a.row_stride + x * a.pixel_stride;
      float* out = a.output + (std::ptrdiff_t{y} * a.columns + x) * a.output_stride;
      for (int o = 0; o < a.outputs; ++o) {
        const int block = o / kBlock;
        const int lane = o % kBlock;
        const float* weights = a.weights + std::ptrdiff_t{block} * a.runs * a.run_length * kBlock + lane;
        float sum = a.bias[o];
        for (int r = 0; r < a.runs; ++r) {
          const float* run = window + a.run_offsets[r];
          for (int i = 0; i < a.run_length; ++i, weights += kBlock) sum += run[i] * *weights;
        }
        out[o] = a.slopes && sum < 0 ? sum * a.slopes[o] : sum;
      }
    }
  }
}

void max_pool(const PoolArgs& a) {
  for (int y = 0; y < a.output_rows; ++y) {
    const int top = y * a.stride;
    const int bottom = std::min(top + a.size, a.rows);
    for (int x = 0; x < a.output_columns; ++x) {
      const int left = x * a.stride;
      const int right = std::min(left + a.size, a.columns);
      for (int c = 0; c < a.channels; ++c) {
        float best = -std::numeric_limits<float>::infinity();
        for (int v = top; v < bottom; ++v) {
          for (int u = left; u < right; ++u) {
            best = std::max(best, a.input[(std::ptrdiff_t{v} * a.columns + u) * a.channels + c]);
          }
        }
        a.output[(std::ptrdiff_t{y} * a.output_columns + x) * a.channels + c] = best;
      }
    }
  }
}

void lrn(const LrnArgs& a) {
  const int reach = a.size / 2;
  for (int p = 0; p < a.pixels; ++p) {
    const float* in = a.input + std::ptrdiff_t{p} * a.channels;
    float* out = a.output + std::ptrdiff_t{p} * a.channels;
    for (int c = 0; c < a.channels; ++c) {
      float sum = 0;
      for (int d = std::max(c - reach, 0); d <= std::min(c + reach, a.channels - 1); ++d) {
        sum += in[d] * in[d];
      }
      out[c] = in[c] * std::pow(1 + a.alpha / static_cast<float>(a.size) * sum, -.75f);
    }
  }
}

void blend_rows(const BlendRowsArgs& a) {
  for (int i = 0; i < a.count; ++i) {
    float sum = 0;
    for (int r = 0; r < a.rows; ++r) sum += a.weights[r] * static_cast<float>(a.sources[r][i]);
    a.output[i] = sum;
  }
}

void blend_columns(const BlendColumnsArgs& a) {
  for (int r = 0; r < a.rows; ++r) {
    for (int x = 0; x < a.columns; ++x) {
      const float* const weights = a.weights + std::ptrdiff_t{x} * a.taps;
      for (int c = 0; c < 3; ++c) {
        const float* const source = a.input + r * a.input_stride + 3 * (a.first[x] - a.origin) + c;
        float sum = 0;
        for (int t = 0; t < a.taps; ++t) sum += weights[t] * source[3 * t];
        a.output[r * a.output_stride + 3 * x + c] = (sum - a.mean) * a.scale;
      }
    }
  }
}

void plane_conv(const PlaneConvArgs& a) {
  for (int o = 0; o < a.outputs; ++o) {
    for (int x = 0; x < a.columns; ++x) {
      const float* weights = a.weights + o;
      float sum = a.bias[o];
      for (int r = 0; r < a.kernel_rows; ++r) {
        for (int c = 0; c < a.channels; ++c) {
          for (int k = 0; k < a.kernel_columns; ++k, weights += a.outputs) {
            sum += a.rows[r][c * a.plane + x + k] * *weights;
          }
        }
      }
      a.output[o * a.output_plane + x] = a.slopes && sum < 0 ? sum * a.slopes[o] : sum;
    }
  }
}

void plane_pool(const PlanePoolArgs& a) {
  for (int c = 0; c < a.channels; ++c) {
    const float* const top = a.top + c * a.plane;
    const float* const bottom = a.bottom + c * a.plane;
    for (int x = 0; x < a.columns; ++x) {
      const int right = std::min(2 * x + 1, a.input_columns - 1);
      a.output[c * a.output_plane + x] =
          std::max(std::max(top[2 * x], top[right]), std::max(bottom[2 * x], bottom[right]));
    }
  }
}

void plane_split(const PlaneSplitArgs& a) {
  for (int c = 0; c < 3; ++c) {
    for (int x = 0; x < a.columns; ++x) a.output[c * a.plane + x] = a.rgb[3 * x + c];
  }
}

void conv_at(const ConvAtArgs& a) {
  for (int i = 0; i < a.count; ++i) {
    conv({.input = a.windows[i],
          .rows = 1,
          .columns = 1,
          .run_offsets = a.run_offsets,
          .runs = a.runs,
          .run_length = a.run_length,
          .outputs = a.outputs,
          .weights = a.weights,
          .bias = a.bias,
          .slopes = a.slopes,
          .output = a.targets[i],
          .output_stride = a.outputs});
  }
}

std::uint32_t byte_of(float value, int channel) {
  return static_cast<std::uint32_t>(std::clamp(std::nearbyint(value), 0.f, 255.f)) << (8 * channel);
}

void screen_pack(const ScreenPackArgs& a) {
  for (int q = 0; 4 * q < a.channels; ++q) {
    for (int x = 0; x < a.columns; ++x) {
      std::uint32_t word = 0;
      for (int i = 0; i < 4 && 4 * q + i < a.channels; ++i) {
        const int c = 4 * q + i;
        word |= byte_of(a.input[c * a.plane + x] * a.scale[c] + a.zero[c], i);
      }
      a.output[q * a.output_plane + x] = word;
    }
  }
}

float screen_value(const ScreenConvArgs& a, int o, int x) {
  std::int32_t sum = 0;
  for (int r = 0; r < a.kernel_rows; ++r) {
    for (int q = 0; q < a.quads; ++q) {
      for (int k = 0; k < a.kernel_columns; ++k) {
        const std::uint32_t word = a.rows[r][q * a.plane + x + k * a.column_step];
        const std::int8_t* const weights =
            a.weights + (((r * a.quads + q) * a.kernel_columns + k) * a.outputs + o) * 4;
        for (int i = 0; i < 4; ++i) sum += static_cast<std::int32_t>(word >> (8 * i) & 255) * weights[i];
      }
    }
  }
  const float whole = static_cast<float>(sum) * a.scale[o] + a.bias[o];
  return whole < a.bend[o] ? whole * a.slope[o] + a.lift[o] : whole;
}

void screen_conv(const ScreenConvArgs& a) {
  for (int q = 0; 4 * q < a.outputs; ++q) {
    for (int x = 0; x < a.columns; ++x) {
      std::uint32_t word = 0;
      for (int i = 0; i < 4; ++i) word |= byte_of(screen_value(a, 4 * q + i, x), i);
      a.output[q * a.output_plane + x] = word;
    }
  }
}

void screen_score(const ScreenConvArgs& a) {
  for (int x = 0; x < a.columns; ++x) {
    float score = a.offset;
    for (int o = 0; o < a.outputs; ++o) score += screen_value(a, o, x) * a.mix[o];
    a.scores[x] = score;
  }
}

void screen_lanes(const ScreenLanesArgs& a) {
  for (int m = 0; m < a.count; ++m) {
    for (int i = 0; i < a.pixels; ++i) {
      std::uint32_t word = 0;
      for (int c = 0; c < 3; ++c) word |= byte_of(a.maps[m * a.map + 3 * i + c] * a.scale + a.zero, c);
      a.output[i * kScreenLanes + m] = word;
    }
  }
}

void screen_pool(const ScreenPoolArgs& a) {
  for (int q = 0; q < a.quads; ++q) {
    for (int x = 0; x < a.columns; ++x) {
      for (int m = 0; m < kScreenLanes; ++m) {
        std::uint32_t most = 0;
        for (int r = 0; r < a.row_count; ++r) {
          for (int u = x * a.stride; u < std::min(x * a.stride + a.size, a.input_columns); ++u) {
            const std::uint32_t word = a.rows[r][q * a.plane + u * kScreenLanes + m];
            std::uint32_t larger = 0;
            for (int i = 0; i < 32; i += 8) larger |= std::max(most >> i & 255, word >> i & 255) << i;
            most = larger;
          }
        }
        a.output[q * a.output_plane + x * kScreenLanes + m] = most;
      }
    }
  }
}

}  // namespace

const Kernels kScalarKernels{"scalar",      conv,       max_pool,   lrn,         blend_rows,
                             blend_columns, plane_conv, plane_pool, plane_split, conv_at};

const ScreenKernels& reference_screen_kernels() {
  static constexpr ScreenKernels kReference{screen_pack, screen_conv, screen_score, screen_lanes,
                                            screen_pool};
  return kReference;
}

}  // namespace mtcnn
