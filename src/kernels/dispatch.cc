#include <array>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace mtcnn {
namespace {

bool machine_has(SimdLevel level) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  switch (level) {
    case SimdLevel::kBaseline: return true;
    case SimdLevel::kSse2: return __builtin_cpu_supports("sse2");
    case SimdLevel::kSse4:
      return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") &&
             __builtin_cpu_supports("sse4.2");
    case SimdLevel::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    case SimdLevel::kAvx512:
      return machine_has(SimdLevel::kAvx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    case SimdLevel::kAvx512Vnni:
      return machine_has(SimdLevel::kAvx512) && __builtin_cpu_supports("avx512vnni");
  }
  return false;
#else
  return level == SimdLevel::kBaseline;
#endif
}

struct Available {
  std::array<const Kernels*, 8> tables{};
  std::size_t count = 0;
  Kernels vnni;
  Available() {
    tables[count++] = &kScalarKernels;
    for (const SimdTable& table : simd_tables()) {
      if (machine_has(table.level)) tables[count++] = table.kernels;
      if (table.level == SimdLevel::kAvx512 && vnni_screen_kernels() && machine_has(SimdLevel::kAvx512Vnni)) {
        vnni = *table.kernels;
        vnni.name = "avx512vnni";
        vnni.screen = vnni_screen_kernels();
        tables[count++] = &vnni;
      }
    }
  }
};

}  // namespace

std::span<const Kernels* const> available_kernels() {
  static const Available available;
  return {available.tables.data(), available.count};
}

const Kernels* find_kernels(std::string_view name) {
  const auto available = available_kernels();
  if (name == "auto") return available.back();
  for (const Kernels* kernels : available) {
    if (name == kernels->name) return kernels;
  }
  return nullptr;
}

}  // namespace mtcnn
