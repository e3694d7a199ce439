// The tables that dispatch.cc chooses among. Inside kernels/ only.
#ifndef MTCNN_KERNELS_TABLES_H_
#define MTCNN_KERNELS_TABLES_H_

#include "kernels/kernels.h"

namespace mtcnn {

extern const Kernels kScalarKernels;

// What the machine must have for a table.
enum class SimdLevel {
  kBaseline,  // nothing beyond what the compiler assumes anyway
  kSse2,
  kSse4,
  kAvx2,
  kAvx512,
  kAvx512Vnni,
};

struct SimdTable {
  SimdLevel level;
  const Kernels* kernels;
};

// Those that were compiled, slowest first.
std::span<const SimdTable> simd_tables();

// What VNNI adds to AVX-512; null where the compiler cannot produce it.
const ScreenKernels* vnni_screen_kernels();

}  // namespace mtcnn

#endif  // MTCNN_KERNELS_TABLES_H_
