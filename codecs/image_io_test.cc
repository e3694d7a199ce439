#include "codecs/image_io.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "codecs/orientation.h"
#include "codecs/test_images.h"
#include "util/file.h"

namespace mtcnn {
namespace {

// A folder that goes with the test.
class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() /
              ("mtcnn_codecs_test_" + std::to_string(std::random_device{}()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

Bytes to_bytes(const std::string& text) {
  Bytes bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

// The greatest difference of two values; 256 if the sizes differ.
int difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.rgb.size() != b.rgb.size()) return 256;
  int most = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) {
    most = std::max(most, std::abs(a.rgb[i] - b.rgb[i]));
  }
  return most;
}

void put_be(Bytes& bytes, std::size_t at, std::uint32_t value, int count) {
  for (int i = 0; i < count; ++i) {
    bytes[at + static_cast<std::size_t>(i)] = static_cast<std::byte>(value >> 8 * (count - 1 - i));
  }
}

TestImage find_image(const std::string& name) {
  for (TestImage& image : test_images()) {
    if (image.name == name) return image;
  }
  FAIL("no test image " << name);
  return {};
}

TEST_CASE("every kind of file decodes to its pixels") {
  for (const TestImage& test : test_images()) {
    CAPTURE(test.name);
    const Result<Image> image = decode_image(test.bytes, test.name);
    if (!image) {
      FAIL_CHECK(image.error().message);
      continue;
    }
    CHECK(image->width == test.expected.width);
    CHECK(image->height == test.expected.height);
    CHECK(difference(*image, test.expected) <= test.tolerance);
  }
}

TEST_CASE("a file that ends early is an error, never a part of the image") {
  for (const TestImage& test : test_images()) {
    CAPTURE(test.name);
    const Result<Image> whole = decode_image(test.bytes, test.name);
    REQUIRE(whole.ok());
    for (std::size_t length = 0; length < test.bytes.size(); ++length) {
      const Result<Image> image = decode_image(std::span(test.bytes).first(length), test.name);
      if (length < test.needed) {
        if (image.ok()) {
          FAIL_CHECK("decoded from " << length << " of " << test.bytes.size() << " bytes");
        } else if (!image.error().message.starts_with(test.name + ": ")) {
          FAIL_CHECK(image.error().message);
        }
      } else if (!image.ok()) {
        FAIL_CHECK("needs more than " << length << " bytes: " << image.error().message);
      } else if (test.name.starts_with("text")) {
        // The last number may have lost digits, which nobody can tell.
        CHECK(image->rgb.size() == whole->rgb.size());
      } else if (image->rgb != whole->rgb) {
        FAIL_CHECK("another image from " << length << " bytes");
      }
    }
  }
}

TEST_CASE("bytes behind the image do not matter") {
  for (const TestImage& test : test_images()) {
    if (test.name == "text.pbm" || test.name == "text.pgm" || test.name == "text.ppm") continue;
    CAPTURE(test.name);
    Bytes longer = test.bytes;
    longer.resize(longer.size() + 100, std::byte{0x5a});
    const Result<Image> image = decode_image(longer, test.name);
    const Result<Image> whole = decode_image(test.bytes, test.name);
    REQUIRE(image.ok());
    CHECK(image->rgb == whole->rgb);
  }
}

TEST_CASE("damaged files give an image of some size or an error that names the file") {
  std::mt19937 random(1);
  for (const TestImage& test : test_images()) {
    for (int round = 0; round < 100; ++round) {
      Bytes bytes = test.bytes;
      for (int flips = 1 + static_cast<int>(random() % 4); flips > 0; --flips) {
        bytes[random() % bytes.size()] ^= static_cast<std::byte>(1 + random() % 255);
      }
      const Result<Image> image = decode_image(bytes, test.name, {.max_pixels = 1 << 20});
      if (image.ok()) {
        const auto pixels = static_cast<std::size_t>(image->width) * static_cast<std::size_t>(image->height);
        if (pixels == 0 || pixels > 1 << 20 || image->rgb.size() != 3 * pixels) {
          FAIL_CHECK(test.name);
        }
      } else if (!image.error().message.starts_with(test.name + ": ")) {
        FAIL_CHECK(image.error().message);
      }
    }
  }
}

TEST_CASE("16 bits are rounded to the nearest of 8") {
  std::vector<std::uint16_t> samples(65536);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<std::uint16_t>(i);
  const Result<Image> image = decode_image(encode_grey16_png(256, 256, samples), "16.png");
  REQUIRE(image.ok());
  int wrong = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const int expected = static_cast<int>(std::lround(static_cast<double>(i) * 255 / 65535));
    for (std::size_t c = 0; c < 3; ++c) wrong += image->rgb[3 * i + c] != expected;
  }
  CHECK(wrong == 0);
}

TEST_CASE("orientations turn the pixels upright") {
  // Stored as   1 2 3
  //             4 5 6
  Image stored{3, 2, {}};
  for (std::uint8_t v = 1; v <= 6; ++v)
    stored.rgb.insert(stored.rgb.end(), {v, v, static_cast<std::uint8_t>(9 * v)});
  const auto turned = [&](int orientation) {
    const Image image = apply_orientation(stored, orientation);
    std::string text;
    for (int y = 0; y < image.height; ++y) {
      if (y > 0) text += '/';
      for (int x = 0; x < image.width; ++x) {
        const std::uint8_t* pixel = &image.rgb[static_cast<std::size_t>(3 * (y * image.width + x))];
        CHECK(pixel[1] == pixel[0]);
        CHECK(pixel[2] == 9 * pixel[0]);
        text += static_cast<char>('0' + pixel[0]);
      }
    }
    return text;
  };
  CHECK(turned(1) == "123/456");
  CHECK(turned(2) == "321/654");
  CHECK(turned(3) == "654/321");
  CHECK(turned(4) == "456/123");
  CHECK(turned(5) == "14/25/36");
  CHECK(turned(6) == "41/52/63");
  CHECK(turned(7) == "63/52/41");
  CHECK(turned(8) == "36/25/14");
  CHECK(turned(0) == "123/456");
  CHECK(turned(9) == "123/456");
}

TEST_CASE("turning an image of several tiles and back gives it again") {
  const Image image = gradient(101, 67);
  const int backwards[] = {0, 1, 2, 3, 4, 5, 8, 7, 6};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    CAPTURE(orientation);
    const Image turned = apply_orientation(image, orientation);
    CHECK(turned.width == (orientation >= 5 ? image.height : image.width));
    CHECK(apply_orientation(turned, backwards[orientation]).rgb == image.rgb);
    if (orientation > 1) CHECK(turned.rgb != image.rgb);
  }
}

TEST_CASE("broken EXIF data do not cost the picture") {
  const Image image = gradient(20, 10);
  const Bytes good = make_exif(6);
  for (std::size_t length = 1; length < good.size(); ++length) {
    CAPTURE(length);
    const Bytes part(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK(decode_image(encode_jpeg(image, part), "exif.jpg").ok());
  }
  for (const int orientation : {0, 9, 65535}) {
    const Result<Image> decoded = decode_image(encode_jpeg(image, make_exif(orientation)), "exif.jpg");
    REQUIRE(decoded.ok());
    CHECK(decoded->width == 20);
  }
  const Result<Image> decoded = decode_image(encode_jpeg(image, good), "exif.jpg");
  REQUIRE(decoded.ok());
  CHECK(decoded->width == 10);
}

TEST_CASE("decompression bombs are refused before anything is allocated") {
  std::vector<TestImage> bombs;
  const auto add = [&](const std::string& name, const std::function<void(Bytes&)>& enlarge) {
    TestImage bomb = find_image(name);
    enlarge(bomb.bytes);
    bombs.push_back(bomb);
  };
  add("rgb 8.png", [](Bytes& b) {
    put_be(b, 16, 100000, 4);
    put_be(b, 20, 100000, 4);
  });
  add("grey 1 interlaced.png", [](Bytes& b) {
    put_be(b, 16, 0x7fffffff, 4);
    put_be(b, 20, 0x7fffffff, 4);
  });
  for (const char* name : {"baseline.jpg", "progressive.jpg", "cmyk.jpg", "grey.jpg"}) {
    add(name, [](Bytes& b) {
      for (std::size_t i = 0; i + 9 < b.size(); ++i) {  // the frame header
        if (b[i] != std::byte{0xff} || (b[i + 1] != std::byte{0xc0} && b[i + 1] != std::byte{0xc2})) {
          continue;
        }
        put_be(b, i + 5, 65500, 2);
        put_be(b, i + 7, 65500, 2);
        return;
      }
    });
  }
  for (const char* name : {"24.bmp", "8.bmp", "32 v4.bmp", "24 top down.bmp"}) {
    add(name, [](Bytes& b) {
      const std::uint32_t side = 0xa0860100;  // 100000, the other way round
      put_be(b, 18, side, 4);
      put_be(b, 22, side, 4);
    });
  }
  add("24 gap.bmp", [](Bytes& b) {
    put_be(b, 18, 0xffffff7f, 4);
    put_be(b, 22, 0x00000080, 4);
  });
  add("plain.gif", [](Bytes& b) { put_be(b, 6, 0xffffffff, 4); });
  add("lossless.webp", [](Bytes& b) { put_be(b, 21, 0xffffff0f, 4); });  // 16384 x 16384
  bombs.push_back({"text.ppm", to_bytes("P3 100000 100000 255 1 2 3"), {}});
  bombs.push_back({"raw.pbm", to_bytes("P4 4294967295 4294967295\n\1"), {}});

  const auto peak = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;  // KiB
  };
  for (const TestImage& bomb : bombs) {
    CAPTURE(bomb.name);
    const long before = peak();
    const auto start = std::chrono::steady_clock::now();
    const Result<Image> image = decode_image(bomb.bytes, bomb.name);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    CHECK(seconds.count() < 1);
    CHECK(peak() - before < 32 * 1024);
    REQUIRE(!image.ok());
    CHECK(image.error().code == ErrorCode::kLimit);
    CHECK(image.error().message.starts_with(bomb.name + ": "));
    CHECK(image.error().message.find("limit is 134217728 pixels") != std::string::npos);
  }
}

TEST_CASE("the pixel limit is exact and settable") {
  for (const TestImage& test : test_images()) {
    CAPTURE(test.name);
    const std::int64_t pixels = std::int64_t{test.expected.width} * test.expected.height;
    CHECK(decode_image(test.bytes, test.name, {.max_pixels = pixels}).ok());
    const Result<Image> image = decode_image(test.bytes, test.name, {.max_pixels = pixels - 1});
    REQUIRE(!image.ok());
    CHECK(image.error().code == ErrorCode::kLimit);
    CHECK(image.error().message.find(std::to_string(pixels - 1)) != std::string::npos);
  }
}

TEST_CASE("small files that declare large images within the limit are refused quickly") {
  // Formats whose size in bytes follows from the header: nothing is allocated for what is not
  // there.
  for (const char* text : {"P6 11000 11000 255\n", "P3 11000 11000 255\n1 2 3", "P1 11000 11000 1"}) {
    const Result<Image> image = decode_image(to_bytes(text), "small.ppm");
    REQUIRE(!image.ok());
    CHECK(image.error().code == ErrorCode::kFormat);
  }
}

TEST_CASE("pixels that the data do not reach are an error") {
  // A GIF whose data stop after one row, properly ended.
  TestImage gif = find_image("plain.gif");
  gif.bytes[8] = std::byte{200};  // screen height
  const std::size_t descriptor = 13 + 3 * 16;
  gif.bytes[descriptor + 7] = std::byte{200};  // frame height
  const Result<Image> image = decode_image(gif.bytes, "short.gif");
  REQUIRE(!image.ok());
  CHECK(image.error().code == ErrorCode::kFormat);

  // JPEG: two bytes of the pixel data swapped for an end marker, with more behind it.
  Bytes jpeg = find_image("baseline.jpg").bytes;
  put_be(jpeg, jpeg.size() - 200, 0xffd9, 2);
  CHECK(!decode_image(jpeg, "cut.jpg").ok());

  // BMP: an index beyond the palette.
  Bytes bmp = find_image("8 of 200.bmp").bytes;
  put_be(bmp, bmp.size() - 10, 250, 1);
  CHECK(!decode_image(bmp, "index.bmp").ok());

  // PGM: a value above the maximum.
  CHECK(!decode_image(to_bytes("P5 1 1 100\n\x65"), "value.pgm").ok());
  CHECK(decode_image(to_bytes("P5 1 1 100\n\x64"), "value.pgm").ok());
  CHECK(!decode_image(to_bytes("P2 1 1 100\n101"), "value.pgm").ok());
}

TEST_CASE("a progressive JPEG of many hundred scans is refused") {
  const Image image = gradient(16, 16);
  const Result<Image> few = decode_image(encode_many_scans(image, 2), "379.jpg");
  REQUIRE(few.ok());
  CHECK(difference(*few, image) <= 3);
  const Result<Image> many = decode_image(encode_many_scans(image, 3), "568.jpg");
  REQUIRE(!many.ok());
  CHECK(many.error().message.find("scans") != std::string::npos);
}

TEST_CASE("a JPEG without an end marker is an error, even if all pixels are there") {
  Bytes bytes = find_image("baseline.jpg").bytes;
  const Bytes comment = to_bytes({"\xff\xfe\x00\x04hi\xff\xd9", 8});
  bytes.resize(bytes.size() - 2);
  bytes.insert(bytes.end(), comment.begin(), comment.end());
  CHECK(decode_image(bytes, "comment.jpg").ok());
  bytes.resize(bytes.size() - 2);
  CHECK(!decode_image(bytes, "comment.jpg").ok());
}

TEST_CASE("what is no image says so") {
  Folder folder;
  const auto code = [](const Result<Image>& image) {
    REQUIRE(!image.ok());
    return image.error().code;
  };
  CHECK(code(load_image(folder / "missing.png")) == ErrorCode::kIo);
  CHECK(code(load_image(folder / "")) == ErrorCode::kIo);
  CHECK(load_image(folder / "missing.png").error().message.find("missing.png") != std::string::npos);

  REQUIRE(write_file(folder / "empty.jpg", {}).ok());
  CHECK(code(load_image(folder / "empty.jpg")) == ErrorCode::kFormat);
  CHECK(load_image(folder / "empty.jpg").error().message.find("empty.jpg: ") != std::string::npos);

  REQUIRE(write_file(folder / "text.jpg", to_bytes("Dear Sir or Madam,\n")).ok());
  const Result<Image> text = load_image(folder / "text.jpg");
  CHECK(code(text) == ErrorCode::kUnsupported);
  CHECK(text.error().message.find("JPEG, PNG, WebP, BMP, GIF, PNM") != std::string::npos);

  CHECK(code(decode_image(to_bytes("BMW and other cars"), "cars.txt")) == ErrorCode::kFormat);
  CHECK(code(decode_image(to_bytes("P6"), "p6")) == ErrorCode::kUnsupported);
  CHECK(code(decode_image(to_bytes("P6\n0 10 255\n"), "zero.ppm")) == ErrorCode::kFormat);
  CHECK(code(decode_image(to_bytes("P6\n10 -10 255\n"), "minus.ppm")) == ErrorCode::kFormat);

  Bytes rle = find_image("8.bmp").bytes;
  rle[30] = std::byte{1};
  CHECK(code(decode_image(rle, "rle.bmp")) == ErrorCode::kUnsupported);
}

TEST_CASE("the content decides, not the name") {
  Folder folder;
  REQUIRE(write_file(folder / "really.bmp", find_image("rgb 8.png").bytes).ok());
  CHECK(load_image(folder / "really.bmp").ok());
}

TEST_CASE("files above the limit of bytes are refused") {
  Folder folder;
  const Bytes bytes = find_image("24.bmp").bytes;
  REQUIRE(write_file(folder / "a.bmp", bytes).ok());
  CHECK(load_image(folder / "a.bmp", {.max_file_bytes = bytes.size()}).ok());
  const Result<Image> loaded = load_image(folder / "a.bmp", {.max_file_bytes = bytes.size() - 1});
  REQUIRE(!loaded.ok());
  CHECK(loaded.error().code == ErrorCode::kLimit);
  const Result<Image> decoded = decode_image(bytes, "a.bmp", {.max_file_bytes = bytes.size() - 1});
  REQUIRE(!decoded.ok());
  CHECK(decoded.error().code == ErrorCode::kLimit);
}

TEST_CASE("what is saved loads again") {
  Folder folder;
  const Image image = gradient(31, 17);
  const std::pair<const char*, int> files[] = {{"a.png", 0}, {"a.bmp", 0},  {"a.ppm", 0}, {"A.PNG", 0},
                                               {"a.jpg", 6}, {"a.jpeg", 6}, {"a.JPG", 6}, {"a.webp", 24}};
  for (const auto& file : files) {
    CAPTURE(file.first);
    REQUIRE(save_image(folder / file.first, image.view()).ok());
    const Result<Image> loaded = load_image(folder / file.first);
    REQUIRE(loaded.ok());
    CHECK(difference(*loaded, image) <= file.second);
    const std::string name = file.first;
    const Result<Bytes> encoded = encode_image(image.view(), name.substr(1));
    REQUIRE(encoded.ok());
    CHECK(*encoded == *read_file(folder / name, 1 << 20));
  }
}

TEST_CASE("JPEG is saved with colours at full resolution") {
  Folder folder;
  Image image{32, 32, std::vector<std::uint8_t>(3 * 32 * 32)};
  for (std::size_t i = 0; i < 32 * 32; ++i) image.rgb[3 * i + i % 2] = 255;  // red, green, red, ...
  REQUIRE(save_image(folder / "stripes.jpg", image.view()).ok());
  const Result<Image> loaded = load_image(folder / "stripes.jpg");
  REQUIRE(loaded.ok());
  CHECK(difference(*loaded, image) < 60);
}

TEST_CASE("views with padding, bottom-up or grey are saved as they look") {
  Folder folder;
  const Image image = gradient(7, 5);
  const int stride = 3 * 7 + 4;
  std::vector<std::uint8_t> padded(stride * 5, 0xaa);
  for (int y = 0; y < 5; ++y)
    std::copy_n(&image.rgb[static_cast<std::size_t>(21 * y)], 21,
                &padded[static_cast<std::size_t>(stride * y)]);
  REQUIRE(save_image(folder / "padded.png", {padded.data(), 7, 5, stride, PixelFormat::kRgb8}).ok());
  CHECK(load_image(folder / "padded.png")->rgb == image.rgb);

  REQUIRE(save_image(folder / "flipped.png", {padded.data() + 4 * stride, 7, 5, -stride, PixelFormat::kRgb8})
              .ok());
  CHECK(load_image(folder / "flipped.png")->rgb == apply_orientation(image, 4).rgb);

  const std::uint8_t grey[] = {0, 100, 255, 7};
  REQUIRE(save_image(folder / "grey.bmp", {grey, 2, 2, 2, PixelFormat::kGray8}).ok());
  CHECK(load_image(folder / "grey.bmp")->rgb ==
        std::vector<std::uint8_t>{0, 0, 0, 100, 100, 100, 255, 255, 255, 7, 7, 7});
}

TEST_CASE("what can't be saved is an error, and the old file stays") {
  Folder folder;
  const Image image = gradient(8, 8);
  const auto code = [](const Status& status) {
    REQUIRE(!status.ok());
    return status.error().code;
  };
  for (const char* name : {"a.tiff", "a.gif", "a.pgm", "a", "a.", "png", ".d/a"}) {
    CAPTURE(name);
    CHECK(code(save_image(folder / name, image.view())) == ErrorCode::kInvalidArgument);
  }
  CHECK(save_image("a.tiff", image.view()).error().message.find(".png") != std::string::npos);
  CHECK(encode_image(image.view(), ".tiff").error().code == ErrorCode::kInvalidArgument);
  CHECK(encode_image({}, ".png").error().code == ErrorCode::kInvalidArgument);
  CHECK(code(save_image(folder / "no/such/folder.png", image.view())) == ErrorCode::kIo);
  CHECK(code(save_image(folder / "a.png", {})) == ErrorCode::kInvalidArgument);
  ImageView view = image.view();
  view.row_stride = 3 * 8 - 1;
  CHECK(code(save_image(folder / "a.png", view)) == ErrorCode::kInvalidArgument);
  view = image.view();
  view.width = 2;  // so that the bytes would suffice
  view.format = PixelFormat::kRgba8;
  CHECK(code(save_image(folder / "a.png", view)) == ErrorCode::kInvalidArgument);
  CHECK(!std::filesystem::exists(folder / "a.png"));

  REQUIRE(save_image(folder / "a.webp", image.view()).ok());
  const Image wide = gradient(16384, 1);
  CHECK(code(save_image(folder / "a.webp", wide.view())) == ErrorCode::kLimit);
  CHECK(load_image(folder / "a.webp")->width == 8);
  const Image wider = gradient(65536, 1);
  CHECK(code(save_image(folder / "a.jpg", wider.view())) == ErrorCode::kLimit);
}

TEST_CASE("endings of what is read") {
  const auto all = image_extensions();
  for (const char* ending :
       {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"}) {
    CAPTURE(ending);
    CHECK(std::count(all.begin(), all.end(), ending) == 1);
  }
}

}  // namespace
}  // namespace mtcnn
