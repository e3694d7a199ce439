// Follows the faces through the frames of a video, each a PPM file (P6, 8 bits), named in their order.
//   c++ -std=c++20 track.cc $(pkg-config --cflags --libs mtcnn) -o track
//   ffmpeg -i clip.mp4 frame%05d.ppm && ./track mtcnn.safetensors frame*.ppm
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <mtcnn/mtcnn.h>

namespace {

int fail(const std::string& message) {
  std::fprintf(stderr, "track: %s\n", message.c_str());
  return 1;
}

// The view is of `pixels`. False if it is no such file, or truncated.
bool read_ppm(const char* path, std::vector<unsigned char>& pixels, mtcnn::ImageView& image) {
  std::ifstream file(path, std::ios::binary);
  std::string kind;
  int width = 0, height = 0, most = 0;
  file >> kind >> width >> height >> most;
  file.get();
  if (!file || kind != "P6" || most != 255 || width < 1 || height < 1 || width > 16384 || height > 16384) {
    return false;
  }
  pixels.resize(std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  if (!file.read(reinterpret_cast<char*>(pixels.data()), static_cast<std::streamsize>(pixels.size()))) {
    return false;
  }
  image = {pixels.data(), width, height, std::ptrdiff_t{3} * width, mtcnn::PixelFormat::kRgb8};
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return fail("usage: track MODEL FRAME.ppm...");

  const auto model = mtcnn::Model::load(argv[1]);
  if (!model) return fail(model.error().message);
  const auto detector = mtcnn::Detector::create(*model, {.min_face = 40});
  if (!detector) return fail(detector.error().message);

  auto tracker = mtcnn::Tracker::create(*detector, {.detect_every = 10});
  if (!tracker) return fail(tracker.error().message);
  std::vector<unsigned char> pixels;
  mtcnn::ImageView image;
  for (int i = 2; i < argc; ++i) {
    if (!read_ppm(argv[i], pixels, image)) return fail(std::string(argv[i]) + " is no whole 8-bit P6 file");
    const auto faces = tracker->update(image);
    if (!faces) return fail(faces.error().message);
    for (const mtcnn::TrackedFace& one : *faces) {
      std::printf("%s: face %lld: %.1f %.1f to %.1f %.1f\n", argv[i], static_cast<long long>(one.id),
                  one.face.box.left, one.face.box.top, one.face.box.right, one.face.box.bottom);
    }
    for (const mtcnn::LostFace& gone : tracker->lost()) {
      std::printf("%s: face %lld is out of sight\n", argv[i], static_cast<long long>(gone.id));
    }
  }
}
