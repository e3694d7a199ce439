#include "mtcnn/tracker.h"

#include <algorithm>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "geometry/box.h"
#include "track/tracks.h"
#include "util/out_of_memory.h"

namespace mtcnn {
namespace {

constexpr int kSteady =
    3;  // frames in a row in which a face was where it was expected, after which its loss is news

Status check(const TrackerOptions& options, const DetectorOptions& detector) {
  const auto bad = [](const std::string& what) { return Error{ErrorCode::kInvalidArgument, what}; };
  constexpr int kMostFrames = 10000;
  if (options.detect_every < 1 || options.detect_every > kMostFrames)
    return bad("detect_every is " + std::to_string(options.detect_every) + ", expected 1 to 10000 frames");
  if (options.keep_lost < 0 || options.keep_lost > kMostFrames)
    return bad("keep_lost is " + std::to_string(options.keep_lost) + ", expected 0 to 10000 frames");
  // Written so that NaN fails.
  if (!(options.min_overlap >= 0 && options.min_overlap <= 1))
    return bad("min_overlap is " + std::to_string(options.min_overlap) + ", expected 0 to 1");
  if (!(options.smoothing >= 0 && options.smoothing <= 1))
    return bad("smoothing is " + std::to_string(options.smoothing) + ", expected 0 to 1");
  if (detector.largest_only) return bad("largest_only is set: a tracker follows all faces");
  return std::monostate{};
}

// Whether detect() could return a face with this box. detect_at() looks anywhere, for any size.
bool can_be_found(const Box& box, Size frame, const DetectorOptions& options) {
  Box part{0, 0, static_cast<float>(frame.width), static_cast<float>(frame.height)};
  if (options.region) {
    part = clipped(*options.region, frame);
    const float x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
    if (!(x > part.left && x < part.right && y > part.top && y < part.bottom)) return false;
  }
  // Sizes are those in the picture that is searched.
  Box searched{0, 0, box.width(), box.height()};
  if (options.resize) {
    searched.right *= static_cast<float>(options.resize->width) / part.width();
    searched.bottom *= static_cast<float>(options.resize->height) / part.height();
  }
  // Regression makes some boxes much smaller than the windows that are searched, and the picture's edge may cut off a part.
  constexpr float kSmallest = .5f;
  return !exceeds(searched, options.max_face) &&
         std::max(searched.width(), searched.height()) >= kSmallest * options.min_face;
}

}  // namespace

struct Tracker::State {
  State(const Detector& d, const TrackerOptions& o) : detector(d), options(o), tracks(o) {}

  Detector detector;
  TrackerOptions options;
  Tracks tracks;
  Workspace workspace;
  Size size;
  int since_full = -1;  // frames since the last full detection; -1: there was none
  std::int64_t frames = 0, full_detections = 0;
  std::vector<Box> places;
  std::vector<std::optional<Face>> seen;
  std::vector<TrackedFace> faces;
  std::vector<LostFace> lost;
};

Tracker::Tracker(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tracker::~Tracker() = default;
Tracker::Tracker(Tracker&&) noexcept = default;
Tracker& Tracker::operator=(Tracker&&) noexcept = default;

Result<Tracker> Tracker::create(const Detector& detector, const TrackerOptions& options) try {
  if (Status checked = check(options, detector.options()); !checked) return checked.error();
  return Tracker(std::make_unique<State>(detector, options));
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Result<std::span<const TrackedFace>> Tracker::update(const ImageView& frame) try {
  State& s = *state_;
  const Size size{frame.width, frame.height};
  const bool anew = !(size == s.size);

  // Nothing is changed that a failure below would have to take back.
  s.places.clear();
  s.seen.clear();
  if (!anew) {
    s.tracks.predict();
    for (const Track& track : s.tracks.list()) s.places.push_back(track.predicted);
  }
  // One that was in sight for a while and is not where it should be: look everywhere. One that is lost anyway, or comes and
  // goes with the noise, is looked for where it may be, and everywhere when it is time.
  bool lost = false;
  if (!s.places.empty()) {
    const auto looked = s.detector.detect_at(frame, s.places, s.workspace);
    if (!looked) return looked.error();
    s.seen.assign(looked->begin(), looked->end());
    for (std::size_t i = 0; i < s.seen.size(); ++i) {
      if (s.seen[i] && !can_be_found(s.seen[i]->box, size, s.detector.options())) {
        s.seen[i].reset();
      } else {
        lost |= !s.seen[i] && s.tracks.list()[i].steady >= kSteady;
      }
    }
  }
  const bool full = anew || s.since_full < 0 || s.since_full + 1 >= s.options.detect_every || lost;
  std::optional<std::span<const Face>> detections;
  if (full) {
    const auto found = s.detector.detect(frame, s.workspace);
    if (!found) return found.error();
    detections = *found;
  }
  if (anew) reset();
  s.tracks.update(detections, s.seen);
  s.size = size;
  s.since_full = full ? 0 : s.since_full + 1;
  ++s.frames;
  s.full_detections += full;

  s.faces.clear();
  s.lost.clear();
  for (const Track& track : s.tracks.list()) {
    if (track.missing == 0) {
      s.faces.push_back({track.id, track.shown, track.frames, track.detected});
    } else {
      s.lost.push_back({track.id, track.face.box, track.place, track.missing});
    }
  }
  return std::span<const TrackedFace>(s.faces);
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

std::span<const LostFace> Tracker::lost() const { return state_->lost; }

void Tracker::reset() {
  state_->tracks.clear();
  state_->lost.clear();
  state_->since_full = -1;
}

const TrackerOptions& Tracker::options() const { return state_->options; }
std::int64_t Tracker::frames() const { return state_->frames; }
std::int64_t Tracker::full_detections() const { return state_->full_detections; }

}  // namespace mtcnn
