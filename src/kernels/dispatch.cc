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

std::size_t winograd_scratch(int channels, int outputs) {
  const auto padded = [](int count) {
    return static_cast<std::size_t>((count + kBlock - 1) / kBlock * kBlock);
  };
  return std::size_t{kWinogradPlaces * kWinogradTiles} * (padded(channels) + padded(outputs)) + kSlack;
}

std::array<float, kWinogradPlaces> winograd_weights(const std::array<float, 9>& kernel) {
  const auto of_three = [](double a, double b, double c) {
    return std::array{a, (a + b + c) / 2, (a - b + c) / 2, c};
  };
  std::array<std::array<double, 4>, 3> rows;
  for (std::size_t y = 0; y < 3; ++y) rows[y] = of_three(kernel[3 * y], kernel[3 * y + 1], kernel[3 * y + 2]);
  std::array<float, kWinogradPlaces> places{};
  for (std::size_t x = 0; x < 4; ++x) {
    const std::array<double, 4> column = of_three(rows[0][x], rows[1][x], rows[2][x]);
    for (std::size_t y = 0; y < 4; ++y) places[4 * y + x] = static_cast<float>(column[y]);
  }
  return places;
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
