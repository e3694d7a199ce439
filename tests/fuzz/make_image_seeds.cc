// Writes the test images into a folder, one file each: seeds for fuzz_image.
#include <algorithm>
#include <cstdio>
#include <string>

#include "codecs/test_images.h"
#include "util/file.h"

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: make_image_seeds FOLDER\n");
    return 2;
  }
  for (const mtcnn::TestImage& image : mtcnn::test_images()) {
    std::string name = image.name;
    std::replace(name.begin(), name.end(), ' ', '_');
    const mtcnn::Status written = mtcnn::write_file(std::string(arguments[1]) + "/" + name, image.bytes);
    if (!written) {
      std::fprintf(stderr, "make_image_seeds: %s\n", written.error().message.c_str());
      return 1;
    }
  }
}
