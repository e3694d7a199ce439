#include "eval/onet_points.h"

#include <algorithm>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "cascade/refine.h"
#include "cascade/refine_landmarks.h"
#include "engine/model_data.h"
#include "engine/network.h"
#include "geometry/box.h"
#include "geometry/cell_grid.h"
#include "geometry/codec.h"
#include "image/convert.h"
#include "image/patch.h"
#include "image/view.h"

namespace mtcnn {

Box central_square(Size size) {
  const auto width = static_cast<float>(size.width), height = static_cast<float>(size.height);
  const float side = std::min(width, height);
  const float left = (width - side) / 2, top = (height - side) / 2;
  return {left, top, left + side, top + side};
}

struct OnetPoints::Impl {
  Impl(const ModelData& data, const DetectorOptions& options, const Kernels& used)
      : geometry(data.geometry),
        mean(data.pixel_mean),
        scale(data.pixel_scale),
        mirror_landmarks(options.mirror_landmarks),
        kernels(used),
        onet(kONet, data, used, {"class", "box", "landmarks"}) {
    if (options.lnet) lnet.emplace(kLNet, data, used, std::initializer_list<std::string_view>{"landmarks"});
  }

  CellGeometry geometry;
  float mean, scale;
  bool mirror_landmarks;
  const Kernels& kernels;
  Network onet;
  std::optional<Network> lnet;
};

OnetPoints::OnetPoints(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<OnetPoints> OnetPoints::create(const Model& model, const DetectorOptions& options) try {
  const auto detector = Detector::create(model, options);  // for its checks
  if (!detector) return detector.error();
  const Kernels& kernels = *find_kernels(detector->options().instruction_set);
  return OnetPoints(std::make_shared<const Impl>(model.data(), options, kernels));
} catch (const std::bad_alloc&) {
  return Error{ErrorCode::kOutOfMemory, "not enough memory for O-Net"};
}

Result<Landmarks> OnetPoints::points(const ImageView& image, const Box& box) const try {
  if (const Status checked = check_view(image); !checked) return checked.error();
  const Box window = patch_window(impl_->geometry, squared(box));
  if (!is_patchable(box) || !is_patchable(window)) {
    return Error{ErrorCode::kInvalidArgument,
                 "the box has no area or is too far away, expected one in the image"};
  }
  CascadeWorkspace workspace;
  workspace.use_threads(1);
  const ImageView rgb = as_rgb(image, workspace.rgb);
  constexpr float kAnyScore = -1;
  workspace.windows = {{window, 0}};
  refine({impl_->onet, impl_->kernels, impl_->mean, impl_->scale, kAnyScore, true, impl_->mirror_landmarks},
         rgb, workspace);
  if (workspace.detections.empty()) {
    return Error{ErrorCode::kInvalidArgument, "O-Net gives no finite score for the box"};
  }
  const auto& seen = workspace.detections.front();
  workspace.faces = {
      {decode_offsets(window, seen.offsets), seen.window.score, decode_landmarks(window, seen.landmarks)}};
  if (impl_->lnet) {
    refine_landmarks({*impl_->lnet, impl_->kernels, impl_->geometry, impl_->mean, impl_->scale}, rgb,
                     workspace);
  }
  return workspace.faces.front().landmarks;
} catch (const std::bad_alloc&) {
  return Error{ErrorCode::kOutOfMemory, "not enough memory to look at one face"};
}

}  // namespace mtcnn
