#include "cascade/cascade.h"

#include <algorithm>
#include <cmath>

#include "cascade/propose.h"
#include "cascade/refine.h"
#include "cascade/refine_landmarks.h"
#include "cascade/score.h"
#include "geometry/box.h"
#include "image/convert.h"
#include "image/view.h"

namespace mtcnn {
namespace {

template <typename T>
std::size_t held(const std::vector<T>& v) {
  return v.capacity() * sizeof(T);
}
std::size_t held(const AlignedFloats& v) { return v.capacity() * sizeof(float); }
std::size_t held(const AlignedWords& v) { return v.capacity() * sizeof(std::uint32_t); }
std::size_t held(const ScreenScratch& s) {
  return held(s.floats) + held(s.words) + held(s.done) + held(s.columns) + held(s.windows) + held(s.targets);
}
std::size_t held(const AxisTaps& t) { return held(t.first) + held(t.weight); }

// From pixels of the searched image to pixels of the one given.
struct Placement {
  float scale_x = 1, scale_y = 1;
  float left = 0, top = 0;
  Point operator()(Point p) const { return {left + p.x * scale_x, top + p.y * scale_y}; }
  Box operator()(const Box& box) const {
    const Point a = (*this)(Point{box.left, box.top});
    const Point b = (*this)(Point{box.right, box.bottom});
    return {a.x, a.y, b.x, b.y};
  }
};

ImageView resized_view(const ImageView& rgb, Size size, const Kernels& kernels, CascadeWorkspace& workspace) {
  make_taps(0, rgb.width, size.width, 0, size.width, rgb.width, workspace.resize_horizontal);
  make_taps(0, rgb.height, size.height, 0, size.height, rgb.height, workspace.resize_vertical);
  const std::size_t count =
      std::size_t{3} * static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height);
  workspace.resized_floats.resize(count + kSlack);
  workspace.resized.resize(count);
  resample(rgb, workspace.resize_horizontal, workspace.resize_vertical, 0, 1, kernels,
           workspace.workers[0].resample, workspace.resized_floats.data());
  std::transform(workspace.resized_floats.begin(),
                 workspace.resized_floats.begin() + static_cast<std::ptrdiff_t>(count),
                 workspace.resized.begin(),
                 [](float value) { return static_cast<std::uint8_t>(std::clamp(value + .5f, 0.f, 255.f)); });
  return {workspace.resized.data(), size.width, size.height, std::ptrdiff_t{3} * size.width,
          PixelFormat::kRgb8};
}

void trim(std::vector<int>& keep, int cap) {
  if (cap > 0 && keep.size() > static_cast<std::size_t>(cap)) keep.resize(static_cast<std::size_t>(cap));
}

std::vector<Candidate> candidates(const std::vector<ScoredBox>& windows) {
  std::vector<Candidate> list;
  for (const ScoredBox& window : windows) list.push_back({window.box, window.score});
  return list;
}

// What O-Net says of a window; none if its numbers are nonsense. The points are placed in the window as O-Net saw
// it, not in the regressed box.
std::optional<Face> face_of(const AcceptedWindow& found) {
  const Box box = decode_offsets(found.window.box, found.offsets);
  if (!is_patchable(box) || !std::all_of(found.landmarks.begin(), found.landmarks.end(),
                                         [](float value) { return std::isfinite(value); })) {
    return std::nullopt;
  }
  return Face{box, found.window.score, decode_landmarks(found.window.box, found.landmarks)};
}

void place(const Placement& placement, std::vector<Candidate>& list) {
  for (Candidate& candidate : list) candidate.box = placement(candidate.box);
}

}  // namespace

void CascadeWorkspace::use_threads(int threads) {
  // The system may have granted fewer than were asked for: that is no reason to ask again.
  if (!pool || threads_asked != threads) pool = std::make_unique<ThreadPool>(threads);
  threads_asked = threads;
  if (workers.size() < static_cast<std::size_t>(pool->threads())) {
    workers.resize(static_cast<std::size_t>(pool->threads()));
  }
}

// Which thread meets the largest tile is chance. Once one has, all get as much, so that the second
// call on an image allocates nothing.
void CascadeWorkspace::level_workers() {
  const auto level = [&](auto buffer) {
    std::size_t most = 0;
    for (WorkerScratch& worker : workers) most = std::max(most, buffer(worker).capacity());
    for (WorkerScratch& worker : workers) buffer(worker).reserve(most);
  };
  const auto level_taps = [&](auto taps) {
    level([&](WorkerScratch & w) -> auto& { return taps(w).first; });
    level([&](WorkerScratch & w) -> auto& { return taps(w).weight; });
  };
  level_taps([](WorkerScratch& w) -> AxisTaps& { return w.horizontal; });
  level_taps([](WorkerScratch& w) -> AxisTaps& { return w.vertical; });
  level_taps([](WorkerScratch& w) -> AxisTaps& { return w.patch.horizontal; });
  level_taps([](WorkerScratch& w) -> AxisTaps& { return w.patch.vertical; });
  level([](WorkerScratch & w) -> auto& { return w.resample.sources; });
  level([](WorkerScratch & w) -> auto& { return w.resample.rows; });
  level([](WorkerScratch & w) -> auto& { return w.patch.resample.sources; });
  level([](WorkerScratch & w) -> auto& { return w.patch.resample.rows; });
  level([](WorkerScratch & w) -> auto& { return w.input; });
  level([](WorkerScratch & w) -> auto& { return w.scratch; });
  level([](WorkerScratch & w) -> auto& { return w.output; });
  level([](WorkerScratch & w) -> auto& { return w.words; });
  level([](WorkerScratch & w) -> auto& { return w.screen.floats; });
  level([](WorkerScratch & w) -> auto& { return w.screen.words; });
  level([](WorkerScratch & w) -> auto& { return w.screen.done; });
  level([](WorkerScratch & w) -> auto& { return w.screen.columns; });
  level([](WorkerScratch & w) -> auto& { return w.screen.windows; });
  level([](WorkerScratch & w) -> auto& { return w.screen.targets; });
}

std::size_t CascadeWorkspace::bytes() const {
  std::size_t sum = held(rgb) + held(resized) + held(resized_floats) + held(resize_horizontal) +
                    held(resize_vertical) + held(levels) + held(tiles) + held(tile_proposals) +
                    held(level_candidates) + held(level_proposals) + held(proposals) + held(nms.order) +
                    held(nms.kept) + held(nms_input) + held(keep) + held(windows) + held(batch_detections) +
                    held(detections) + held(accepted) + held(faces) + held(shown) + held(looked) +
                    held(seen_again);
  for (const auto& list : tile_proposals) sum += held(list);
  for (const auto& list : batch_detections) sum += held(list);
  for (const WorkerScratch& worker : workers) {
    sum += sizeof worker + held(worker.horizontal) + held(worker.vertical) + held(worker.patch.horizontal) +
           held(worker.patch.vertical) + held(worker.resample.sources) + held(worker.resample.rows) +
           held(worker.patch.resample.sources) + held(worker.patch.resample.rows) + held(worker.input) +
           held(worker.scratch) + held(worker.output) + held(worker.screen) + held(worker.words);
  }
  return sum;
}

Cascade::Cascade(const ModelData& data, const DetectorOptions& options, const Kernels& kernels, int stages)
    : options_(options),
      geometry_(data.geometry),
      mean_(data.pixel_mean),
      scale_(data.pixel_scale),
      kernels_(&kernels),
      pnet_(kPNet, data, kernels, {"class", "box"}) {
  using Heads = std::initializer_list<std::string_view>;
  if (stages > 1) rnet_.emplace(kRNet, data, kernels, Heads{"class", "box"});
  if (stages > 2) onet_.emplace(kONet, data, kernels, Heads{"class", "box", "landmarks"});
  if (options.screening && kernels.screen) {
    pnet_screen_.emplace(kPNet, data, kernels, Heads{"class", "box"});
    if (!pnet_screen_->pays(logit_bound((*options.thresholds)[0]))) pnet_screen_.reset();
    if (rnet_) {
      rnet_screen_.emplace(kRNet, data, kernels, *rnet_);
      if (!rnet_screen_->pays(logit_bound((*options.thresholds)[1]))) rnet_screen_.reset();
    }
  }
  if (options.lnet) lnet_.emplace(kLNet, data, kernels, Heads{"landmarks"});
}

void Cascade::run(const ImageView& image, CascadeWorkspace& workspace, Trace* trace) const {
  workspace.use_threads(options_.threads);

  workspace.faces.clear();
  ImageView part = image;
  Placement placement;
  if (options_.region) {
    const Box region = clipped(*options_.region, {image.width, image.height});
    const int left = static_cast<int>(std::floor(region.left));
    const int top = static_cast<int>(std::floor(region.top));
    // A width beyond 2^24 may have been rounded up on its way through a float.
    part.width = std::min(static_cast<int>(std::ceil(region.right)), image.width) - left;
    part.height = std::min(static_cast<int>(std::ceil(region.bottom)), image.height) - top;
    if (part.width < 1 || part.height < 1) return;  // it lies outside the image
    placement = {1, 1, static_cast<float>(left), static_cast<float>(top)};
    part.data = row(image, top) + std::ptrdiff_t{left} * bytes_per_pixel(image.format);
  }
  part = as_rgb(part, workspace.rgb);
  if (options_.resize) {
    placement.scale_x = static_cast<float>(part.width) / static_cast<float>(options_.resize->width);
    placement.scale_y = static_cast<float>(part.height) / static_cast<float>(options_.resize->height);
    part = resized_view(part, *options_.resize, *kernels_, workspace);
  }

  detect(part, workspace, trace);
  workspace.level_workers();

  for (Face& face : workspace.faces) {
    face.box = placement(face.box);
    for (Point& point : face.landmarks) point = placement(point);
    if (options_.clip) face.box = clipped(face.box, {image.width, image.height});
  }
  if (options_.largest_only && !workspace.faces.empty()) {
    workspace.faces[0] =
        *std::max_element(workspace.faces.begin(), workspace.faces.end(),
                          [](const Face& a, const Face& b) { return area(a.box) < area(b.box); });
    workspace.faces.resize(1);
  }
  if (trace) {
    place(placement, trace->proposals);
    place(placement, trace->pnet);
    place(placement, trace->rnet);
    trace->faces = workspace.faces;
  }
}

// Squares a regressed box and hands it to the next stage, unless regression made nonsense of it.
void Cascade::add_window(const Box& box, float score, std::vector<ScoredBox>& windows) const {
  const Box window = patch_window(geometry_, squared(box));
  if (is_patchable(window)) windows.push_back({window, score});
}

void Cascade::detect(const ImageView& rgb, CascadeWorkspace& w, Trace* trace) const {
  const std::array<float, 3>& thresholds = *options_.thresholds;

  pyramid_levels({rgb.width, rgb.height}, options_.min_face, options_.max_face, options_.factor, w.levels);

  // Stage 1: P-Net.
  propose({pnet_, *kernels_, geometry_, mean_, scale_, thresholds[0], options_.nms_level,
           pnet_screen_ ? &*pnet_screen_ : nullptr},
          rgb, w);
  w.nms_input.clear();
  for (const Proposal& proposal : w.proposals) w.nms_input.push_back(proposal.window);
  if (trace) {
    for (std::size_t i = 0; i < w.levels.size(); ++i) {
      trace->levels.push_back(
          {static_cast<float>(w.levels[i].scale.nominal), w.levels[i].size, w.level_candidates[i]});
    }
    trace->proposals = candidates(w.nms_input);
  }
  nms(w.nms_input, Overlap::kUnion, options_.nms_pyramid, w.nms, w.keep);
  trim(w.keep, options_.max_candidates[0]);
  w.windows.clear();
  for (const int index : w.keep) {
    const Proposal& proposal = w.proposals[static_cast<std::size_t>(index)];
    const Box& window = proposal.window.box;
    add_window(decode_offsets(window, proposal.offsets, proposal_unit(geometry_, window)),
               proposal.window.score, w.windows);
  }
  if (trace) trace->pnet = candidates(w.windows);

  // Stage 2: R-Net.
  if (!rnet_) return;
  refine({*rnet_, *kernels_, mean_, scale_, thresholds[1], false, false,
          rnet_screen_ ? &*rnet_screen_ : nullptr},
         rgb, w);
  w.nms_input.clear();
  for (const AcceptedWindow& detection : w.detections) w.nms_input.push_back(detection.window);
  nms(w.nms_input, Overlap::kUnion, options_.nms_rnet, w.nms, w.keep);
  trim(w.keep, options_.max_candidates[1]);
  w.windows.clear();
  for (const int index : w.keep) {
    const AcceptedWindow& detection = w.detections[static_cast<std::size_t>(index)];
    add_window(decode_offsets(detection.window.box, detection.offsets), detection.window.score, w.windows);
  }
  if (trace) trace->rnet = candidates(w.windows);

  // Stage 3: O-Net. NMS comes after the regression, and by the smaller box: a face inside a face goes.
  if (!onet_) return;
  refine({*onet_, *kernels_, mean_, scale_, thresholds[2], true, options_.mirror_landmarks}, rgb, w);
  w.nms_input.clear();
  w.accepted.clear();
  for (const AcceptedWindow& detection : w.detections) {
    if (const std::optional<Face> face = face_of(detection)) {
      w.accepted.push_back(*face);
      w.nms_input.push_back({face->box, face->score});
    }
  }
  nms(w.nms_input, Overlap::kSmaller, options_.nms_onet, w.nms, w.keep);
  // Regression makes some windows larger than those that were searched.
  std::erase_if(w.keep, [&](int index) {
    return exceeds(w.accepted[static_cast<std::size_t>(index)].box, options_.max_face);
  });
  trim(w.keep, options_.max_candidates[2]);
  for (const int index : w.keep) w.faces.push_back(w.accepted[static_cast<std::size_t>(index)]);

  if (lnet_) refine_landmarks({*lnet_, *kernels_, geometry_, mean_, scale_}, rgb, w);
}

void Cascade::look(const ImageView& image, std::span<const Box> boxes, CascadeWorkspace& w) const {
  w.use_threads(options_.threads);
  const ImageView rgb = as_rgb(image, w.rgb);
  w.seen_again.assign(boxes.size(), std::nullopt);

  w.windows.clear();
  w.shown.clear();
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const std::size_t before = w.windows.size();
    // Before anything is computed: squaring a box may overflow.
    if (is_patchable(boxes[i])) add_window(boxes[i], 1, w.windows);
    if (w.windows.size() > before) w.shown.push_back(static_cast<int>(i));
  }
  // R-Net moves the box and has no say in whether there is a face: O-Net knows better.
  constexpr float kAnyScore = -1;
  refine({*rnet_, *kernels_, mean_, scale_, kAnyScore, false, false}, rgb, w);
  w.windows.clear();
  w.looked.clear();
  for (const AcceptedWindow& moved : w.detections) {
    const std::size_t before = w.windows.size();
    add_window(decode_offsets(moved.window.box, moved.offsets), moved.window.score, w.windows);
    if (w.windows.size() > before) w.looked.push_back(w.shown[static_cast<std::size_t>(moved.index)]);
  }
  refine({*onet_, *kernels_, mean_, scale_, (*options_.thresholds)[2], true, options_.mirror_landmarks}, rgb,
         w);
  w.faces.clear();
  w.shown.clear();
  for (const AcceptedWindow& found : w.detections) {
    const std::optional<Face> face = face_of(found);
    if (!face) continue;
    w.faces.push_back(*face);
    w.shown.push_back(w.looked[static_cast<std::size_t>(found.index)]);
  }
  if (lnet_) refine_landmarks({*lnet_, *kernels_, geometry_, mean_, scale_}, rgb, w);
  for (std::size_t i = 0; i < w.faces.size(); ++i) {
    if (options_.clip) w.faces[i].box = clipped(w.faces[i].box, {image.width, image.height});
    w.seen_again[static_cast<std::size_t>(w.shown[i])] = w.faces[i];
  }
  w.level_workers();
}

}  // namespace mtcnn
