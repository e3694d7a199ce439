// Finds the faces in a PPM file (P6, 8 bits) and writes each one's aligned crop beside it.
//   c++ -std=c++20 detect.cc $(pkg-config --cflags --libs mtcnn) -o detect
//   ./detect mtcnn.safetensors photo.ppm
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <mtcnn/mtcnn.h>

namespace {

int fail(const std::string& message) {
  std::fprintf(stderr, "detect: %s\n", message.c_str());
  return 1;
}

void write_ppm(const std::string& path, const mtcnn::AlignedCrop& crop) {
  std::ofstream file(path, std::ios::binary);
  file << "P6\n" << crop.width << " " << crop.height << "\n255\n";
  file.write(reinterpret_cast<const char*>(crop.rgb.data()), static_cast<std::streamsize>(crop.rgb.size()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return fail("usage: detect MODEL PHOTO.ppm");

  const auto model = mtcnn::Model::load(argv[1]);
  if (!model) return fail(model.error().message);
  const auto detector = mtcnn::Detector::create(*model, {.min_face = 40});
  if (!detector) return fail(detector.error().message);

  std::ifstream file(argv[2], std::ios::binary);
  std::string kind;
  int width = 0, height = 0, most = 0;
  file >> kind >> width >> height >> most;
  file.get();
  if (!file || kind != "P6" || most != 255 || width < 1 || height < 1 || width > 16384 || height > 16384) {
    return fail(std::string(argv[2]) + " is no 8-bit P6 file");
  }
  std::vector<unsigned char> pixels(std::size_t{3} * static_cast<std::size_t>(width) *
                                    static_cast<std::size_t>(height));
  if (!file.read(reinterpret_cast<char*>(pixels.data()), static_cast<std::streamsize>(pixels.size()))) {
    return fail(std::string(argv[2]) + " is truncated");
  }

  const mtcnn::ImageView image{pixels.data(), width, height, std::ptrdiff_t{3} * width,
                               mtcnn::PixelFormat::kRgb8};
  const auto faces = detector->detect(image);
  if (!faces) return fail(faces.error().message);
  int number = 0;
  for (const mtcnn::Face& face : *faces) {
    std::printf("face %d: %.1f %.1f to %.1f %.1f, score %.3f\n", ++number, face.box.left, face.box.top,
                face.box.right, face.box.bottom, face.score);
    const auto crop = mtcnn::align(image, face.landmarks);
    if (!crop) return fail(crop.error().message);
    write_ppm(std::string(argv[2]) + ".face" + std::to_string(number) + ".ppm", *crop);
  }
}
