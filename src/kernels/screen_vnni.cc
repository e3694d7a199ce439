// The screening kernels with AVX-512 VNNI, whose vpdpbusd multiplies and adds 64 bytes where a fused multiply-add does 16 floats.
// By hand, because Highway 1.0 has no word for that instruction; each function carries what it needs of the processor, so that
// nothing else of the library does.
#include <utility>

#include "kernels/tables.h"

#if defined(__x86_64__) && defined(__GNUC__)
// GCC 12 finds fault with its own header.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#define MTCNN_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")))
#define MTCNN_VNNI_INLINE MTCNN_VNNI __attribute__((always_inline)) inline

namespace mtcnn {
namespace {

constexpr int kLanes = 16;

// As many sums as fit beside a vector of each group of columns and a weight: 8 outputs of 3 vectors.
constexpr int kMostVectors = 3;

// From four vectors of 32 bits to bytes, side by side: saturation on the way does the clamping.
MTCNN_VNNI_INLINE __m512i quad_of(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i ab = _mm512_packs_epi32(a, b), cd = _mm512_packs_epi32(c, d);
  const __m512i order = _mm512_set4_epi32(0x0f0b0703, 0x0e0a0602, 0x0d090501, 0x0c080400);
  return _mm512_shuffle_epi8(_mm512_packus_epi16(ab, cd), order);
}

MTCNN_VNNI void pack(const ScreenPackArgs& a) {
  for (int q = 0; 4 * q < a.channels; ++q) {
    const float* const plane = a.input + 4 * q * a.plane;
    std::uint32_t* const output = a.output + q * a.output_plane;
    const int channels = a.channels - 4 * q;
    for (int x = 0; x < a.columns; x += kLanes) {
      __m512i value[4];
      for (int i = 0; i < 4; ++i) {
        const int c = 4 * q + i;
        value[i] =
            i < channels
                ? _mm512_cvtps_epi32(_mm512_fmadd_ps(_mm512_loadu_ps(plane + i * a.plane + x),
                                                     _mm512_set1_ps(a.scale[c]), _mm512_set1_ps(a.zero[c])))
                : _mm512_setzero_si512();
      }
      _mm512_storeu_si512(output + x, quad_of(value[0], value[1], value[2], value[3]));
    }
  }
}

// Not __m512i, which may alias anything: an array of those GCC keeps in memory.
using Sums = std::int32_t __attribute__((vector_size(64)));

// Sums of kScreenBlock outputs from `first` on and Vectors * kLanes columns. Whatever works on them must know every index while it
// is compiled, or they are in memory, not in registers: hence the index sequences below.
template <int Vectors>
MTCNN_VNNI_INLINE void add_up(const ScreenConvArgs& a, int first, int column,
                              Sums (&sum)[kScreenBlock][Vectors]) {
  for (int o = 0; o < kScreenBlock; ++o) {
    for (int v = 0; v < Vectors; ++v) sum[o][v] = Sums{};
  }
  const std::int8_t* weights = a.weights + 4 * first;
  for (int r = 0; r < a.kernel_rows; ++r) {
    const std::uint32_t* plane = a.rows[r] + column;
    for (int q = 0; q < a.quads; ++q, plane += a.plane) {
      for (int k = 0; k < a.kernel_columns; ++k, weights += 4 * a.outputs) {
        const std::uint32_t* const in_column = plane + k * a.column_step;
        __m512i in[Vectors];
        for (int v = 0; v < Vectors; ++v) in[v] = _mm512_loadu_si512(in_column + v * kLanes);
        for (int o = 0; o < kScreenBlock; ++o) {
          std::int32_t word;
          __builtin_memcpy(&word, weights + 4 * o, sizeof word);
          const __m512i weight = _mm512_set1_epi32(word);
          for (int v = 0; v < Vectors; ++v) {
            sum[o][v] = reinterpret_cast<Sums>(
                _mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum[o][v]), in[v], weight));
          }
        }
      }
    }
  }
}

// The value of output `o` after its PReLU.
MTCNN_VNNI_INLINE __m512 value_of(const ScreenConvArgs& a, int o, Sums sum) {
  const __m512 x = _mm512_fmadd_ps(_mm512_cvtepi32_ps(reinterpret_cast<__m512i>(sum)),
                                   _mm512_set1_ps(a.scale[o]), _mm512_set1_ps(a.bias[o]));
  const __mmask16 bent = _mm512_cmp_ps_mask(x, _mm512_set1_ps(a.bend[o]), _CMP_LT_OQ);
  return _mm512_mask_fmadd_ps(x, bent, _mm512_set1_ps(a.slope[o]), _mm512_set1_ps(a.lift[o]));
}

MTCNN_VNNI_INLINE __m512i byte_of(const ScreenConvArgs& a, int o, Sums sum) {
  return _mm512_cvtps_epi32(value_of(a, o, sum));
}

template <int Quad, int Vector, int Vectors>
MTCNN_VNNI_INLINE void store_quad(const ScreenConvArgs& a, int first, int column,
                                  const Sums (&sum)[kScreenBlock][Vectors]) {
  const int o = first + 4 * Quad;
  _mm512_storeu_si512(
      a.output + o / 4 * a.output_plane + column + Vector * kLanes,
      quad_of(byte_of(a, o, sum[4 * Quad][Vector]), byte_of(a, o + 1, sum[4 * Quad + 1][Vector]),
              byte_of(a, o + 2, sum[4 * Quad + 2][Vector]), byte_of(a, o + 3, sum[4 * Quad + 3][Vector])));
}

template <int Vectors, int... I>
MTCNN_VNNI_INLINE void store_quads(const ScreenConvArgs& a, int first, int column,
                                   const Sums (&sum)[kScreenBlock][Vectors],
                                   std::integer_sequence<int, I...>) {
  (store_quad<I / Vectors, I % Vectors>(a, first, column, sum), ...);
}

template <int Vectors, int... I>
MTCNN_VNNI_INLINE void add_scores(const ScreenConvArgs& a, int first,
                                  const Sums (&sum)[kScreenBlock][Vectors], __m512 (&score)[Vectors],
                                  std::integer_sequence<int, I...>) {
  ((score[I % Vectors] = _mm512_fmadd_ps(value_of(a, first + I / Vectors, sum[I / Vectors][I % Vectors]),
                                         _mm512_set1_ps(a.mix[first + I / Vectors]), score[I % Vectors])),
   ...);
}

template <int Vectors>
MTCNN_VNNI __attribute__((noinline)) void conv_columns(const ScreenConvArgs& a, int column) {
  for (int first = 0; first < a.outputs; first += kScreenBlock) {
    Sums sum[kScreenBlock][Vectors];
    add_up<Vectors>(a, first, column, sum);
    store_quads<Vectors>(a, first, column, sum,
                         std::make_integer_sequence<int, kScreenBlock / 4 * Vectors>());
  }
}

template <int Vectors>
MTCNN_VNNI __attribute__((noinline)) void score_columns(const ScreenConvArgs& a, int column) {
  __m512 score[Vectors];
  for (int v = 0; v < Vectors; ++v) score[v] = _mm512_set1_ps(a.offset);
  for (int first = 0; first < a.outputs; first += kScreenBlock) {
    Sums sum[kScreenBlock][Vectors];
    add_up<Vectors>(a, first, column, sum);
    add_scores<Vectors>(a, first, sum, score, std::make_integer_sequence<int, kScreenBlock * Vectors>());
  }
  for (int v = 0; v < Vectors; ++v) _mm512_storeu_ps(a.scores + column + v * kLanes, score[v]);
}

void conv(const ScreenConvArgs& a) {
  int column = 0;
  for (; column + 2 * kLanes < a.columns; column += kMostVectors * kLanes)
    conv_columns<kMostVectors>(a, column);
  if (column + kLanes < a.columns) {
    conv_columns<2>(a, column);
  } else if (column < a.columns) {
    conv_columns<1>(a, column);
  }
}

void score(const ScreenConvArgs& a) {
  int column = 0;
  for (; column + 2 * kLanes < a.columns; column += kMostVectors * kLanes)
    score_columns<kMostVectors>(a, column);
  if (column + kLanes < a.columns) {
    score_columns<2>(a, column);
  } else if (column < a.columns) {
    score_columns<1>(a, column);
  }
}

MTCNN_VNNI void lanes(const ScreenLanesArgs& a) {
  const __m128 scale = _mm_set1_ps(a.scale);
  const __m128 zero = _mm_set1_ps(a.zero);
  for (int m = 0; m < a.count; ++m) {
    const float* pixel = a.maps + m * a.map;
    std::uint32_t* output = a.output + m;
    for (int i = 0; i < a.pixels; i += 4, pixel += 12, output += 4 * kScreenLanes) {
      // Four floats for three channels; the fourth is the next pixel's.
      const __m128i a0 = _mm_cvtps_epi32(_mm_fmadd_ps(_mm_loadu_ps(pixel), scale, zero));
      const __m128i a1 = _mm_cvtps_epi32(_mm_fmadd_ps(_mm_loadu_ps(pixel + 3), scale, zero));
      const __m128i a2 = _mm_cvtps_epi32(_mm_fmadd_ps(_mm_loadu_ps(pixel + 6), scale, zero));
      const __m128i a3 = _mm_cvtps_epi32(_mm_fmadd_ps(_mm_loadu_ps(pixel + 9), scale, zero));
      const __m128i four = _mm_packus_epi16(_mm_packs_epi32(a0, a1), _mm_packs_epi32(a2, a3));
      output[0] = static_cast<std::uint32_t>(_mm_extract_epi32(four, 0));
      output[kScreenLanes] = static_cast<std::uint32_t>(_mm_extract_epi32(four, 1));
      output[2 * kScreenLanes] = static_cast<std::uint32_t>(_mm_extract_epi32(four, 2));
      output[3 * kScreenLanes] = static_cast<std::uint32_t>(_mm_extract_epi32(four, 3));
    }
  }
}

MTCNN_VNNI void pool(const ScreenPoolArgs& a) {
  for (int q = 0; q < a.quads; ++q) {
    for (int x = 0; x < a.columns; ++x) {
      const int left = x * a.stride;
      const int columns = a.input_columns - left < a.size ? a.input_columns - left : a.size;
      __m512i most = _mm512_setzero_si512();
      for (int r = 0; r < a.row_count; ++r) {
        const std::uint32_t* const in = a.rows[r] + q * a.plane + left * kScreenLanes;
        for (int u = 0; u < columns; ++u) {
          most = _mm512_max_epu8(most, _mm512_loadu_si512(in + u * kScreenLanes));
        }
      }
      _mm512_storeu_si512(a.output + q * a.output_plane + x * kScreenLanes, most);
    }
  }
}

}  // namespace

const ScreenKernels* vnni_screen_kernels() {
  static constexpr ScreenKernels kVnni{pack, conv, score, lanes, pool};
  return &kVnni;
}

}  // namespace mtcnn

#else

namespace mtcnn {

const ScreenKernels* vnni_screen_kernels() { return nullptr; }

}  // namespace mtcnn

#endif
