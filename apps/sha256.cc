#include "apps/sha256.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace mtcnn {
namespace {

using State = std::array<std::uint32_t, 8>;
constexpr std::size_t kBlockBytes = 64;

// Square and cube roots of the first primes: the first 32 bits behind the point.
struct Constants {
  State start{};
  std::array<std::uint32_t, 64> rounds{};
};

Constants make_constants() {
  Constants constants;
  std::size_t count = 0;
  for (int candidate = 2; count < 64; ++candidate) {
    bool prime = true;
    for (int divisor = 2; divisor * divisor <= candidate; ++divisor)
      prime = prime && candidate % divisor != 0;
    if (!prime) continue;
    // A double's 53 bits hold the root's whole part (at most 5 bits) and far more than 32 behind it.
    const auto fraction = [](double root) {
      return static_cast<std::uint32_t>(std::ldexp(root - std::floor(root), 32));
    };
    if (count < 8) constants.start[count] = fraction(std::sqrt(candidate));
    constants.rounds[count++] = fraction(std::cbrt(candidate));
  }
  return constants;
}

void add_block(const Constants& constants, const std::byte* block, State& state) {
  std::array<std::uint32_t, 64> words;
  for (std::size_t i = 0; i < 16; ++i) {
    words[i] = 0;
    for (std::size_t j = 0; j < 4; ++j)
      words[i] = words[i] << 8 | std::to_integer<std::uint32_t>(block[4 * i + j]);
  }
  for (std::size_t i = 16; i < 64; ++i) {
    const std::uint32_t a = words[i - 15];
    const std::uint32_t b = words[i - 2];
    words[i] = words[i - 16] + words[i - 7] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) +
               (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
  }
  State s = state;
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
    const std::uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
    const std::uint32_t first = s[7] + (std::rotr(s[4], 6) ^ std::rotr(s[4], 11) ^ std::rotr(s[4], 25)) +
                                choice + constants.rounds[i] + words[i];
    const std::uint32_t second = (std::rotr(s[0], 2) ^ std::rotr(s[0], 13) ^ std::rotr(s[0], 22)) + majority;
    s = {first + second, s[0], s[1], s[2], s[3] + first, s[4], s[5], s[6]};
  }
  for (std::size_t i = 0; i < state.size(); ++i) state[i] += s[i];
}

}  // namespace

std::string sha256(std::span<const std::byte> bytes) {
  static const Constants constants = make_constants();
  State state = constants.start;
  std::size_t at = 0;
  for (; at + kBlockBytes <= bytes.size(); at += kBlockBytes) add_block(constants, &bytes[at], state);
  // The rest, a one bit, zeros, and the length in bits.
  std::vector<std::byte> rest(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end());
  rest.push_back(std::byte{0x80});
  while (rest.size() % kBlockBytes != kBlockBytes - 8) rest.push_back(std::byte{0});
  const std::uint64_t bits = std::uint64_t{bytes.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8) rest.push_back(static_cast<std::byte>(bits >> shift & 0xff));
  for (at = 0; at < rest.size(); at += kBlockBytes) add_block(constants, &rest[at], state);

  std::string text;
  for (const std::uint32_t word : state) {
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(word));
    text += digits;
  }
  return text;
}

}  // namespace mtcnn
