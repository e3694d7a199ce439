#include "cascade/refine_landmarks.h"

#include <algorithm>
#include <cmath>

namespace mtcnn {
namespace {

constexpr std::size_t kPoints = 5;
constexpr float kPatchSide = .25f;  // of the box's longer side
constexpr float kMaxMove = .35f;    // of the patch; a point that would go further stays

// Where a point's patch lies, and what L-Net's output is measured from and in.
struct PointPatch {
  Box box;
  Point origin;
  float unit = 0;
};

PointPatch point_patch(CellGeometry geometry, const Box& face, Point point) {
  const float side = kPatchSide * std::max(face.width(), face.height());
  if (geometry == CellGeometry::kExact) {
    const Point origin{point.x - side / 2, point.y - side / 2};
    return {{origin.x, origin.y, origin.x + side, origin.y + side}, origin, side};
  }
  // Release: an even number of pixels; the patch is one wider, but the output's unit is not.
  float whole = std::trunc(side);
  if (std::fmod(whole, 2.f) == 1) ++whole;
  const Point origin{point.x - whole / 2, point.y - whole / 2};
  const float left = std::trunc(origin.x) - 1;
  const float top = std::trunc(origin.y) - 1;
  return {{left, top, left + whole + 1, top + whole + 1}, origin, whole};
}

void refine_face(const LandmarkSpec& spec, const ImageView& rgb, WorkerScratch& worker, Face& face) {
  const int side = spec.network.spec().side;
  const Size input{side, side};
  const std::size_t pixels = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  worker.input.resize(pixels * 3 * kPoints + kSlack);
  worker.scratch.resize(std::max(spec.network.scratch_size(input, 1), pixels * 3 + kSlack));
  worker.output.resize(2 * kPoints + kSlack);

  PointPatch patches[kPoints];
  for (std::size_t k = 0; k < kPoints; ++k) {
    patches[k] = point_patch(spec.geometry, face.box, face.landmarks[k]);
    if (!is_patchable(patches[k].box)) return;
    float* const patch = worker.scratch.data();
    read_patch(rgb, patches[k].box, side, spec.mean, spec.scale, spec.kernels, worker.patch, patch);
    for (std::size_t i = 0; i < pixels; ++i) {
      std::copy_n(patch + 3 * i, 3, worker.input.data() + (i * kPoints + k) * 3);
    }
  }
  spec.network.run(worker.input.data(), 1, input, worker.scratch.data(), worker.output.data());

  for (std::size_t k = 0; k < kPoints; ++k) {
    float x = worker.output[2 * k];
    float y = worker.output[2 * k + 1];
    if (!(std::abs(x - .5f) <= kMaxMove && std::abs(y - .5f) <= kMaxMove)) x = y = .5f;
    face.landmarks[k] = {patches[k].origin.x + x * patches[k].unit,
                         patches[k].origin.y + y * patches[k].unit};
  }
}

}  // namespace

void refine_landmarks(const LandmarkSpec& spec, const ImageView& rgb, CascadeWorkspace& workspace) {
  workspace.pool->for_each(static_cast<int>(workspace.faces.size()), [&](int task, int worker) {
    refine_face(spec, rgb, workspace.workers[static_cast<std::size_t>(worker)],
                workspace.faces[static_cast<std::size_t>(task)]);
  });
}

}  // namespace mtcnn
