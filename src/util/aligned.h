// Vectors of floats that start on a cache line, as the kernels' weights must.
#ifndef MTCNN_UTIL_ALIGNED_H_
#define MTCNN_UTIL_ALIGNED_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace mtcnn {

inline constexpr std::size_t kAlignment = 64;

template <typename T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <typename U>
  AlignedAllocator(const AlignedAllocator<U>&) {}
  T* allocate(std::size_t count) {
    if (count > static_cast<std::size_t>(-1) / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{kAlignment}));
  }
  void deallocate(T* pointer, std::size_t) noexcept {
    ::operator delete (pointer, std::align_val_t{kAlignment});
  }
  friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) { return true; }
};

using AlignedFloats = std::vector<float, AlignedAllocator<float>>;
using AlignedWords = std::vector<std::uint32_t, AlignedAllocator<std::uint32_t>>;
using AlignedBytes = std::vector<std::int8_t, AlignedAllocator<std::int8_t>>;

}  // namespace mtcnn

#endif  // MTCNN_UTIL_ALIGNED_H_
