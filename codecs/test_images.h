// Small image files of every kind that decode_image() reads, made on the spot: for the tests, and
// as the fuzzer's seeds.
#ifndef MTCNN_CODECS_TEST_IMAGES_H_
#define MTCNN_CODECS_TEST_IMAGES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "codecs/image_io.h"

namespace mtcnn {

using Bytes = std::vector<std::byte>;

struct TestImage {
  std::string name;  // what it is, with the ending of its format
  Bytes bytes;
  Image expected;          // what decoding gives, upright
  int tolerance = 0;       // greatest difference of a value (lossy formats)
  std::size_t needed = 0;  // fewer bytes than this are an error; from here on the whole image
};

// Every kind once. Aborts if a library refuses to encode.
std::vector<TestImage> test_images();

// A smooth image without symmetries, so that every turn of it looks different.
Image gradient(int width, int height);

// PNG of 16-bit grey, and a baseline JPEG with or without an EXIF block.
Bytes encode_grey16_png(int width, int height, const std::vector<std::uint16_t>& samples);
Bytes encode_jpeg(const Image& image, const Bytes& exif = {});

// A progressive JPEG of 1 + 189 `levels` scans.
Bytes encode_many_scans(const Image& image, int levels);

// An EXIF block with nothing but the orientation (any number), as PNG has it: without "Exif\0\0".
Bytes make_exif(int orientation, bool big_endian = false, bool as_long = false);

}  // namespace mtcnn

#endif  // MTCNN_CODECS_TEST_IMAGES_H_
