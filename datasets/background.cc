// A folder of images, of which every one is without faces: all it labels is that.
#include <algorithm>
#include <filesystem>

#include "codecs/image_io.h"
#include "datasets/reader.h"

namespace mtcnn {
namespace {

Result<Dataset> read_background(const std::string& path, const LabelOptions&) {
  namespace fs = std::filesystem;
  std::vector<LabelFile> files;
  for (const std::string_view extension : image_extensions()) {
    const auto found = list_label_files(path, extension);
    // A folder has images of some kinds only: that one kind is missing is no error.
    if (found) files.insert(files.end(), found->begin(), found->end());
  }
  std::error_code error;
  if (!fs::is_directory(path, error)) return Error{ErrorCode::kIo, path + ": is not a folder"};
  if (files.empty()) return Error{ErrorCode::kIo, path + ": no image in this folder"};
  std::sort(files.begin(), files.end(),
            [](const LabelFile& a, const LabelFile& b) { return a.relative < b.relative; });
  DatasetBuilder builder(path);
  for (const LabelFile& file : files) builder.image(file.relative, 0);
  return builder.take();
}

}  // namespace

const LabelFormat kBackground = {"background", "a folder of images without faces", read_background};

}  // namespace mtcnn
