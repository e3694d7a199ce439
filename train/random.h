// Random numbers that are a function of their seeds alone: a sample is made of those of its own
// position, so it is the same whichever thread or process cuts it, and after a restart.
#ifndef MTCNN_TRAIN_RANDOM_H_
#define MTCNN_TRAIN_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <numbers>

namespace mtcnn {

// Steele, Lea and Flood's SplitMix64 (OOPSLA 2014): passes the usual tests from any seed, and the
// standard library's distributions differ from one library to the next.
class Random {
 public:
  explicit Random(std::initializer_list<std::uint64_t> seeds) {
    for (const std::uint64_t seed : seeds) state_ = mix(state_ ^ mix(seed + kStep)) + kStep;
  }

  std::uint64_t bits() { return mix(state_ += kStep); }
  // [0, 1)
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // [0, count). Requires count > 0.
  std::uint64_t below(std::uint64_t count) {
    return static_cast<std::uint64_t>(uniform() * static_cast<double>(count));
  }
  bool chance(double probability) { return uniform() < probability; }
  // Mean 0, standard deviation 1.
  double normal() {
    return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15u;
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint64_t state_ = 0;
};

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_RANDOM_H_
