// For files that are compiled once for each instruction set: which sets. Include it first.

#include <hwy/base.h>

// Only what we ship: fewer targets, faster builds.
#if HWY_MAJOR > 1 || HWY_MINOR >= 2
#define HWY_DISABLED_TARGETS                                                                     \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_AVX3_ZEN4 | HWY_AVX3_SPR | HWY_NEON_BF16 | HWY_SVE | HWY_SVE2 | \
   HWY_SVE_256 | HWY_SVE2_128)
#else
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif
// We need no cryptography and no half precision; without them the levels ask less of the machine.
#define HWY_DISABLE_PCLMUL_AES
#define HWY_DISABLE_F16C
