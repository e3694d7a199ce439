// For the tests of this folder: a folder of files that goes with the test.
#ifndef MTCNN_EVAL_TEST_FOLDER_H_
#define MTCNN_EVAL_TEST_FOLDER_H_

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>

namespace mtcnn::test {

class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() /
              ("mtcnn_eval_test_" + std::to_string(std::random_device{}()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path() const { return path_.string(); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

  // Writes a file, with the folders above it, and returns its path.
  std::string write(const std::string& name, std::string_view content) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
    return file.string();
  }

 private:
  std::filesystem::path path_;
};

}  // namespace mtcnn::test

#endif  // MTCNN_EVAL_TEST_FOLDER_H_
