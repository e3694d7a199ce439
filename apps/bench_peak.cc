#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "apps/bench_peak.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstdint>

#include "apps/bench_peak.h"

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
HWY_BEFORE_NAMESPACE();
namespace mtcnn {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Twelve sums that do not wait for one another: more than any core's latency asks for, and they fit 16 registers.
// Returns multiplications and additions; leaves the sum of sums in `result`.
double multiply_add(std::int64_t steps, float& result) {
  const hn::ScalableTag<float> d;
  const auto a = hn::Set(d, result), b = hn::Set(d, .25f);
  // Each begins elsewhere: of twelve equal ones the compiler would make one.
  auto s0 = hn::Set(d, result + 0.f);
  auto s1 = hn::Set(d, result + 1.f);
  auto s2 = hn::Set(d, result + 2.f);
  auto s3 = hn::Set(d, result + 3.f);
  auto s4 = hn::Set(d, result + 4.f);
  auto s5 = hn::Set(d, result + 5.f);
  auto s6 = hn::Set(d, result + 6.f);
  auto s7 = hn::Set(d, result + 7.f);
  auto s8 = hn::Set(d, result + 8.f);
  auto s9 = hn::Set(d, result + 9.f);
  auto s10 = hn::Set(d, result + 10.f);
  auto s11 = hn::Set(d, result + 11.f);
  for (std::int64_t i = 0; i < steps; ++i) {
    s0 = hn::MulAdd(s0, b, a);
    s1 = hn::MulAdd(s1, b, a);
    s2 = hn::MulAdd(s2, b, a);
    s3 = hn::MulAdd(s3, b, a);
    s4 = hn::MulAdd(s4, b, a);
    s5 = hn::MulAdd(s5, b, a);
    s6 = hn::MulAdd(s6, b, a);
    s7 = hn::MulAdd(s7, b, a);
    s8 = hn::MulAdd(s8, b, a);
    s9 = hn::MulAdd(s9, b, a);
    s10 = hn::MulAdd(s10, b, a);
    s11 = hn::MulAdd(s11, b, a);
  }
  s0 = hn::Add(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), hn::Add(s4, s5));
  s6 = hn::Add(hn::Add(hn::Add(s6, s7), hn::Add(s8, s9)), hn::Add(s10, s11));
  result = hn::GetLane(hn::Add(s0, s6));
  return 2. * 12 * static_cast<double>(hn::Lanes(d)) * static_cast<double>(steps);
}

}  // namespace HWY_NAMESPACE
}  // namespace mtcnn
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
#include <algorithm>
#include <chrono>
#include <vector>

#include "util/aligned.h"

namespace mtcnn {
namespace {

struct Set {
  std::string_view name;
  double (*run)(std::int64_t steps, float& result);
};

constexpr Set kSets[] = {
#if HWY_TARGETS & HWY_SSE2
    {"baseline", &N_SSE2::multiply_add},
#endif
#if HWY_TARGETS & HWY_SSE4
    {"sse4", &N_SSE4::multiply_add},
#endif
#if HWY_TARGETS & HWY_AVX2
    {"avx2", &N_AVX2::multiply_add},
#endif
#if HWY_TARGETS & HWY_AVX3
    {"avx512", &N_AVX3::multiply_add},
    {"avx512vnni", &N_AVX3::multiply_add},
#endif
#if HWY_TARGETS & HWY_NEON
    {"neon", &N_NEON::multiply_add},
#endif
#if HWY_TARGETS & HWY_WASM
    {"wasm", &N_WASM::multiply_add},
#endif
    {"", nullptr},
};

// So that the compiler can't leave the work out.
volatile float kept;

// The best of several tries: what disturbs only slows.
template <typename Body>
double best_rate(int tries, Body&& body) {
  double best = 0;
  for (int i = 0; i < tries; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const double done = body();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::max(best, done / took.count());
  }
  return best;
}

}  // namespace

double peak_flop(std::string_view instruction_set) {
  for (const Set& set : kSets) {
    if (!set.run || set.name != instruction_set) continue;
    return best_rate(10, [&] {
      float result = 1;
      const double done = set.run(1'000'000, result);
      kept = result;
      return done;
    });
  }
  return 0;
}

double memory_bandwidth() {
  const AlignedFloats memory(std::size_t{64} << 20, 1.f);  // 256 MiB
  return best_rate(3, [&] {
    // A line at a time: the sum takes no part of the time.
    float sum[8] = {};
    for (std::size_t i = 0; i < memory.size(); i += 128) {
      for (std::size_t j = 0; j < 8; ++j) sum[j] += memory[i + 16 * j];
    }
    for (const float one : sum) kept = one;
    return static_cast<double>(memory.size() * sizeof(float));
  });
}

}  // namespace mtcnn
#endif  // HWY_ONCE
