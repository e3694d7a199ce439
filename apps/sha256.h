// SHA-256, by which evaluations name the model file that they are about: sha256sum gives the same.
#ifndef MTCNN_APPS_SHA256_H_
#define MTCNN_APPS_SHA256_H_

#include <cstddef>
#include <span>
#include <string>

namespace mtcnn {

// 64 lower-case hexadecimal digits (FIPS 180-4).
std::string sha256(std::span<const std::byte> bytes);

}  // namespace mtcnn

#endif  // MTCNN_APPS_SHA256_H_
