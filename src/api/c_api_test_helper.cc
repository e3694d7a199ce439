#include "api/c_api_test_helper.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "engine/model_data.h"
#include "engine/safetensors.h"
#include "mtcnn/mtcnn.h"
#include "nets/mtcnn_nets.h"

namespace {

using namespace mtcnn;

const std::vector<std::byte>& model_bytes() {
  static const std::vector<std::byte> bytes = [] {
    ModelData data;
    data.thresholds = {.25f, .5f, .75f};
    std::mt19937 engine(5);
    for (const NetSpec* net : {&kPNet, &kRNet, &kONet}) {
      for (const ParameterSpec& parameter : parameters(*net)) {
        Tensor tensor;
        tensor.shape = parameter.shape;
        std::size_t count = 1;
        for (const std::int64_t n : parameter.shape) count *= static_cast<std::size_t>(n);
        // Small enough for offsets that leave boxes in place.
        const float spread =
            1 / std::sqrt(static_cast<float>(count) / static_cast<float>(parameter.shape[0]));
        std::uniform_real_distribution<float> value(-spread, spread);
        for (std::size_t i = 0; i < count; ++i) tensor.values.push_back(value(engine));
        data.tensors[parameter.name] = std::move(tensor);
      }
    }
    return write_safetensors(data);
  }();
  return bytes;
}

ImageView view_of(const mtcnn_image* image) {
  return {image->data, image->width, image->height, image->row_stride,
          static_cast<PixelFormat>(image->format)};
}

}  // namespace

const void* random_model(size_t* size) {
  *size = model_bytes().size();
  return model_bytes().data();
}

size_t detect_in_cpp(const mtcnn_image* image, int resize, mtcnn_face* faces, size_t room) {
  DetectorOptions options;
  options.thresholds = std::array<float, 3>{0, 0, 0};
  options.max_candidates = {50, 50, 50};
  if (resize != 0) options.resize = Size{resize, resize};
  const auto model = Model::parse(model_bytes());
  if (!model) return 0;
  const auto detector = Detector::create(*model, options);
  if (!detector) return 0;
  const auto found = detector->detect(view_of(image));
  if (!found) return 0;
  for (std::size_t i = 0; i < std::min(room, found->size()); ++i) {
    const Face& face = (*found)[i];
    faces[i].box = {face.box.left, face.box.top, face.box.right, face.box.bottom};
    faces[i].score = face.score;
    for (std::size_t k = 0; k < 5; ++k) faces[i].landmarks[k] = {face.landmarks[k].x, face.landmarks[k].y};
  }
  return found->size();
}

int align_in_cpp(const mtcnn_image* image, const mtcnn_point landmarks[5], uint8_t* rgb) {
  AlignOptions options;
  options.size = {160, 160};
  options.margin = .25f;
  options.fill[0] = 255;
  Landmarks points;
  for (std::size_t i = 0; i < 5; ++i) points[i] = {landmarks[i].x, landmarks[i].y};
  const auto crop = align(view_of(image), points, options);
  if (!crop) return 0;
  std::copy(crop->rgb.begin(), crop->rgb.end(), rgb);
  return 1;
}
