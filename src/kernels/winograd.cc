// What Winograd's algorithm needs besides its kernel.
#include <array>
#include <cstddef>

#include "kernels/kernels.h"

namespace mtcnn {

std::size_t winograd_scratch(int channels, int outputs) {
  const auto padded = [](int count) {
    return static_cast<std::size_t>((count + kBlock - 1) / kBlock * kBlock);
  };
  return std::size_t{kWinogradPlaces * kWinogradTiles} * (padded(channels) + padded(outputs)) + kSlack;
}

std::array<float, kWinogradPlaces> winograd_weights(const std::array<float, 9>& kernel) {
  constexpr std::size_t kSide = kWinogradInputs;
  const auto of_three = [](double a, double b, double c) {
    return std::array{a / 2, -(a + b + c) / 2, (-a + b - c) / 6, (a + 2 * b + 4 * c) / 6, c};
  };
  std::array<std::array<double, kSide>, 3> rows;
  for (std::size_t y = 0; y < 3; ++y) rows[y] = of_three(kernel[3 * y], kernel[3 * y + 1], kernel[3 * y + 2]);
  std::array<float, kWinogradPlaces> places{};
  for (std::size_t x = 0; x < kSide; ++x) {
    const std::array<double, kSide> column = of_three(rows[0][x], rows[1][x], rows[2][x]);
    for (std::size_t y = 0; y < kSide; ++y) places[kSide * y + x] = static_cast<float>(column[y]);
  }
  return places;
}

std::array<float, kPairPlaces> pair_weights(const std::array<float, 9>& kernel) {
  constexpr std::size_t kSide = 4;
  const auto of_three = [](double a, double b, double c) {
    return std::array{a, (a + b + c) / 2, (a - b + c) / 2, c};
  };
  std::array<std::array<double, kSide>, 3> rows;
  for (std::size_t y = 0; y < 3; ++y) rows[y] = of_three(kernel[3 * y], kernel[3 * y + 1], kernel[3 * y + 2]);
  std::array<float, kPairPlaces> places{};
  for (std::size_t x = 0; x < kSide; ++x) {
    const std::array<double, kSide> column = of_three(rows[0][x], rows[1][x], rows[2][x]);
    for (std::size_t y = 0; y < kSide; ++y) places[kSide * y + x] = static_cast<float>(column[y]);
  }
  return places;
}

}  // namespace mtcnn
