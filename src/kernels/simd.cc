// Compiles simd-inl.h once for every instruction set that the compiler can produce.

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd-inl.h"
#include <hwy/foreach_target.h>

#include "kernels/simd-inl.h"

#if HWY_ONCE
#include <iterator>

#include "kernels/tables.h"

namespace mtcnn {

std::span<const SimdTable> simd_tables() {
  static constexpr SimdTable kTables[] = {
#if HWY_TARGETS & HWY_SSE2
    {SimdLevel::kSse2, &N_SSE2::kSimdKernels},
#endif
#if HWY_TARGETS & HWY_SSE4
    {SimdLevel::kSse4, &N_SSE4::kSimdKernels},
#endif
#if HWY_TARGETS & HWY_AVX2
    {SimdLevel::kAvx2, &N_AVX2::kSimdKernels},
#endif
#if HWY_TARGETS & HWY_AVX3
    {SimdLevel::kAvx512, &N_AVX3::kSimdKernels},
#endif
#if HWY_TARGETS & HWY_NEON
    {SimdLevel::kBaseline, &N_NEON::kSimdKernels},
#endif
#if HWY_TARGETS & HWY_WASM
    {SimdLevel::kBaseline, &N_WASM::kSimdKernels},
#endif
    {SimdLevel::kBaseline, nullptr},  // so that the list is never empty for the compiler
  };
  return std::span(kTables).first(std::size(kTables) - 1);
}

}  // namespace mtcnn
#endif  // HWY_ONCE
