#include "mtcnn/detector.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "cascade/cascade.h"
#include "geometry/cell_grid.h"
#include "image/view.h"
#include "kernels/kernels.h"
#include "util/out_of_memory.h"

namespace mtcnn {
namespace {

Error bad_option(const std::string& what) { return {ErrorCode::kInvalidArgument, what}; }

std::string number(double value) {
  std::string text = std::to_string(value);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

// What is counted in the columns and rows of a level must fit an int.
constexpr int kMaxLevelSide = 1 << 18;

// Written so that NaN fails.
bool within(double value, double low, double high) { return value >= low && value <= high; }

std::string names_of_instruction_sets() {
  std::string list;
  for (const std::string& name : instruction_sets()) list += (list.empty() ? "" : ", ") + name;
  return list;
}

Status check_options(const DetectorOptions& o, const ModelInfo& model) {
  constexpr double kLargest = 1 << 24;
  if (!within(o.min_face, 4, kLargest)) {
    return bad_option("min_face is " + number(o.min_face) + ", expected 4 to 2^24 pixels");
  }
  if (o.max_face != 0 && !within(o.max_face, o.min_face, kLargest)) {
    return bad_option("max_face is " + number(o.max_face) + ", expected 0 (no limit) or at least min_face, " +
                      number(o.min_face));
  }
  if (!within(o.factor, .1, .99)) return bad_option("factor is " + number(o.factor) + ", expected .1 to .99");
  for (const float t : *o.thresholds) {
    if (!within(t, 0, 1)) return bad_option("thresholds has " + number(t) + ", expected 0 to 1");
  }
  const std::pair<const char*, float> overlaps[] = {{"nms_level", o.nms_level},
                                                    {"nms_pyramid", o.nms_pyramid},
                                                    {"nms_rnet", o.nms_rnet},
                                                    {"nms_onet", o.nms_onet}};
  for (const auto& [name, value] : overlaps) {
    if (!within(value, 0, 1)) {
      return bad_option(std::string(name) + " is " + number(value) + ", expected 0 to 1");
    }
  }
  for (const int cap : o.max_candidates) {
    if (cap < 0)
      return bad_option("max_candidates has " + std::to_string(cap) + ", expected 0 (no cap) or more");
  }
  if (o.threads < 0 || o.threads > 1024) {
    return bad_option("threads is " + std::to_string(o.threads) + ", expected 0 (one per core) to 1024");
  }
  if (o.region) {
    const Box& r = *o.region;
    if (!std::isfinite(r.left) || !std::isfinite(r.top) || !std::isfinite(r.right) ||
        !std::isfinite(r.bottom) || r.width() <= 0 || r.height() <= 0) {
      return bad_option("region must be finite with left < right and top < bottom");
    }
  }
  if (o.resize &&
      (o.resize->width < 1 || o.resize->height < 1 || o.resize->width > 16384 || o.resize->height > 16384)) {
    return bad_option("resize is " + std::to_string(o.resize->width) + "x" +
                      std::to_string(o.resize->height) + ", expected sides of 1 to 16384");
  }
  if (o.lnet && (model.nets.empty() || model.nets.back().name != "lnet")) {
    return Error{ErrorCode::kUnsupported, "lnet is set, but the model has no L-Net"};
  }
  if (!find_kernels(o.instruction_set)) {
    return Error{ErrorCode::kUnsupported, "instruction_set is \"" + o.instruction_set +
                                              "\", this machine and build have auto, " +
                                              names_of_instruction_sets()};
  }
  return std::monostate{};
}

}  // namespace

struct Workspace::State {
  CascadeWorkspace cascade;
};

Workspace::Workspace() : state_(std::make_unique<State>()) {}
Workspace::State& Workspace::state() {
  if (!state_) state_ = std::make_unique<State>();  // moved from
  return *state_;
}
Workspace::~Workspace() = default;
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;
std::size_t Workspace::bytes() const { return state_ ? state_->cascade.bytes() : 0; }

struct Detector::Impl {
  Impl(const ModelData& data, const DetectorOptions& options, const Kernels& kernels)
      : cascade(data, options, kernels) {}

  Cascade cascade;

  // Workspaces of calls that brought none, for the next such calls.
  mutable std::mutex mutex;
  mutable std::vector<Workspace> idle;

  Workspace take() const {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return Workspace();
    Workspace workspace = std::move(idle.back());
    idle.pop_back();
    return workspace;
  }
  void give_back(Workspace workspace) const {
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(workspace));
  }

  Status run(const ImageView& image, Workspace& workspace, Trace* trace) const try {
    if (Status checked = check_view(image); !checked) return checked;
    const DetectorOptions& o = cascade.options();
    double longest = std::max(image.width, image.height);
    // Rounded outwards, a side of the region grows by less than two pixels.
    if (o.region) longest = std::min<double>(longest, std::max(o.region->width(), o.region->height()) + 2);
    if (o.resize) longest = std::max(o.resize->width, o.resize->height);
    if (longest * kCellSize / o.min_face > kMaxLevelSide) {
      return Error{ErrorCode::kLimit, "an image of " + std::to_string(image.width) + " x " +
                                          std::to_string(image.height) + " pixels is too long for min_face " +
                                          number(o.min_face) +
                                          ": its largest pyramid level may have sides of " +
                                          std::to_string(kMaxLevelSide) + " pixels"};
    }
    cascade.run(image, workspace.state().cascade, trace);
    return std::monostate{};
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
};

Detector::Detector(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<Detector> Detector::create(const Model& model, const DetectorOptions& given) try {
  DetectorOptions options = given;
  const ModelInfo info = model.info();
  if (!options.thresholds) options.thresholds = info.thresholds;
  if (Status checked = check_options(options, info); !checked) return checked.error();
  if (options.threads == 0) {
    options.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }
  const Kernels& kernels = *find_kernels(options.instruction_set);
  options.instruction_set = kernels.name;
  return Detector(std::make_shared<const Impl>(model.data(), options, kernels));
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Result<std::span<const Face>> Detector::detect(const ImageView& image, Workspace& workspace) const try {
  if (Status done = impl_->run(image, workspace, nullptr); !done) return done.error();
  return std::span<const Face>(workspace.state().cascade.faces);
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Result<std::span<const std::optional<Face>>> Detector::detect_at(const ImageView& image,
                                                                 std::span<const Box> boxes,
                                                                 Workspace& workspace) const try {
  if (Status checked = check_view(image); !checked) return checked.error();
  CascadeWorkspace& own = workspace.state().cascade;
  impl_->cascade.look(image, boxes, own);
  return std::span<const std::optional<Face>>(own.seen_again);
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Result<std::vector<Face>> Detector::detect(const ImageView& image) const try {
  Workspace workspace = impl_->take();
  const Result<std::span<const Face>> faces = detect(image, workspace);
  if (!faces) return faces.error();
  std::vector<Face> list(faces->begin(), faces->end());
  impl_->give_back(std::move(workspace));
  return list;
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Result<Trace> Detector::trace(const ImageView& image) const try {
  Workspace workspace = impl_->take();
  Trace trace;
  if (Status done = impl_->run(image, workspace, &trace); !done) return done.error();
  impl_->give_back(std::move(workspace));
  return trace;
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

const DetectorOptions& Detector::options() const { return impl_->cascade.options(); }

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const Kernels* kernels : available_kernels()) names.emplace_back(kernels->name);
  return names;
}

}  // namespace mtcnn
