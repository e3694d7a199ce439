// A user's program in C++: consumer [MODEL]. It uses every part of the public API once, so that a
// header or a symbol that was not installed shows; whether the answers are right is tested elsewhere.
#include <mtcnn/mtcnn.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

int failures = 0;

void expect(bool fine, const std::string& what) {
  if (fine) return;
  std::fprintf(stderr, "consumer: %s\n", what.c_str());
  ++failures;
}

void use_model(const mtcnn::Model& model, const mtcnn::ImageView& image) {
  const auto again = mtcnn::Model::parse(model.serialize(), "serialized");
  expect(again.ok(), "a serialized model is not read back");
  expect(model.info().nets.size() >= 3, "the model has fewer than three nets");

  const auto detector = mtcnn::Detector::create(model, {.min_face = 40, .threads = 2});
  if (!detector) return expect(false, detector.error().message);
  const auto faces = detector->detect(image);
  expect(faces.ok() && faces->empty(), "a grey image has faces, or detect() failed");
  mtcnn::Workspace workspace;
  expect(detector->detect(image, workspace).ok(), "detect() with a workspace failed");
  expect(workspace.bytes() > 0, "a used workspace holds nothing");
  const auto trace = detector->trace(image);
  expect(trace.ok() && !trace->levels.empty(), "trace() has no pyramid");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string compiled = std::to_string(MTCNN_VERSION_MAJOR) + "." +
                               std::to_string(MTCNN_VERSION_MINOR) + "." +
                               std::to_string(MTCNN_VERSION_PATCH);
  expect(compiled == mtcnn::version(), std::string("library ") + mtcnn::version() + ", headers " + compiled);
  expect(mtcnn::instruction_sets().front() == "scalar", "no scalar instruction set");

  const auto missing = mtcnn::Model::load("no such file");
  expect(!missing && missing.error().code == mtcnn::ErrorCode::kIo, "a missing model file is not kIo");
  expect(!missing && missing.error().message.find("no such file") != std::string::npos,
         "the message does not name the missing file");

  constexpr int kSide = 200;
  const std::vector<std::uint8_t> pixels(std::size_t{3} * kSide * kSide, 128);
  const mtcnn::ImageView image{pixels.data(), kSide, kSide, 3 * kSide, mtcnn::PixelFormat::kRgb8};

  const auto points = mtcnn::alignment_template();
  expect(points.ok(), "no alignment template");
  const auto crop = mtcnn::align(image, *points);
  expect(crop.ok() && crop->rgb.size() == 112 * 112 * 3 && crop->rgb[0] == 128, "align() is wrong");

  const auto builtin = mtcnn::Model::builtin();
  expect(builtin.ok() || builtin.error().code == mtcnn::ErrorCode::kUnsupported,
         "the built-in model is neither there nor unsupported");
  if (builtin) use_model(*builtin, image);
  if (argc > 1) {
    const auto model = mtcnn::Model::load(argv[1]);
    if (model) {
      use_model(*model, image);
    } else {
      expect(false, model.error().message);
    }
  }
  if (failures == 0) std::printf("consumer: fine\n");
  return failures != 0;
}
