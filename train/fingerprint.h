// FNV-1a, 64 bits: tells apart what a run was told and learned from; no protection against anyone's intent.
#ifndef MTCNN_TRAIN_FINGERPRINT_H_
#define MTCNN_TRAIN_FINGERPRINT_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <type_traits>

namespace mtcnn {

class Fingerprint {
 public:
  void add(std::span<const std::byte> bytes) {
    for (const std::byte b : bytes) hash_ = (hash_ ^ static_cast<std::uint64_t>(b)) * 0x100000001b3u;
  }
  // With its length, so that two texts are not one.
  void add(const std::string& text) {
    add(text.size());
    add(std::as_bytes(std::span(text)));
  }
  template <typename Number>
  requires std::is_arithmetic_v<Number>
  void add(Number number) { add(std::as_bytes(std::span(&number, 1))); }

  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325u;
};

// 16 hexadecimal digits.
inline std::string hexadecimal(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_FINGERPRINT_H_
