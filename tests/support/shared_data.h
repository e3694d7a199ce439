// Where the reference data lies: other people's weights, images and outputs, read in place.
#ifndef MTCNN_TESTS_SUPPORT_SHARED_DATA_H_
#define MTCNN_TESTS_SUPPORT_SHARED_DATA_H_

#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace mtcnn::test {

// The folder named by the environment's MTCNN_SHARED_DIR, else `shared` beside the project's own.
inline std::filesystem::path shared_data() {
  const char* const named = std::getenv("MTCNN_SHARED_DIR");
  return named ? named : MTCNN_SHARED_DIR;
}

// Whether a case did nothing because it is not there: the program then ends as one that was skipped.
inline bool shared_data_missed = false;

// Whether it is there; says so on stdout if not.
inline bool have_shared_data() {
  if (std::filesystem::is_directory(shared_data())) return true;
  std::cout << "skipped: no reference data" << std::endl;
  shared_data_missed = true;
  return false;
}

}  // namespace mtcnn::test

#endif  // MTCNN_TESTS_SUPPORT_SHARED_DATA_H_
