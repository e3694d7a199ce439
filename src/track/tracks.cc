#include "track/tracks.h"

#include <algorithm>
#include <cmath>

#include "geometry/box.h"

namespace mtcnn {
namespace {

// Velocity and drift are means of the last moves: these are the weights of the latest. A face that passes behind something
// seems to stop before it is lost; the drift still knows.
constexpr float kNewMove = .5f, kNewDrift = .2f;
// A face that is out of sight slows down, or it would leave the picture.
constexpr float kLostSpeed = .95f;
// Full detections in a row, over more than keep_lost frames, that miss a face which is seen where it is expected: they are
// right. With one in every frame a miss says less: P-Net alone may lack a face that turns away, for a second and more.
constexpr int kUnfound = 3;
// Two tracks on one face: they overlap by more (intersection over the smaller box).
constexpr float kSameFace = .6f;
// A move of this share of the face's side is large: it is not held back.
constexpr float kLargeMove = .08f;

Point middle(const Box& box) { return {(box.left + box.right) / 2, (box.top + box.bottom) / 2}; }

Box shifted(const Box& box, Point by) {
  return {box.left + by.x, box.top + by.y, box.right + by.x, box.bottom + by.y};
}

Point mean(Point old, Point latest, float weight) {
  return {old.x + weight * (latest.x - old.x), old.y + weight * (latest.y - old.y)};
}

// What of the way from the old place to the new one is gone: all of it if it is long.
float pass(float move, float side, float smoothing) {
  const float share = side > 0 ? std::min(std::abs(move) / (kLargeMove * side), 1.f) : 1.f;
  return 1 - smoothing * (1 - share * share);
}

void calm(float& shown, float to, float side, float smoothing) {
  const float move = to - shown;
  shown += move * pass(move, side, smoothing);
}

void calm(Face& shown, const Face& to, float smoothing) {
  const float side = std::max(to.box.width(), to.box.height());
  calm(shown.box.left, to.box.left, side, smoothing);
  calm(shown.box.top, to.box.top, side, smoothing);
  calm(shown.box.right, to.box.right, side, smoothing);
  calm(shown.box.bottom, to.box.bottom, side, smoothing);
  for (std::size_t i = 0; i < to.landmarks.size(); ++i) {
    calm(shown.landmarks[i].x, to.landmarks[i].x, side, smoothing);
    calm(shown.landmarks[i].y, to.landmarks[i].y, side, smoothing);
  }
  shown.score = to.score;
}

}  // namespace

void Tracks::predict() {
  for (Track& track : list_) track.predicted = shifted(track.place, track.velocity);
}

void Tracks::see(Track& track, const Face& face, bool detected) const {
  if (track.frames > 0) {
    const Point was = middle(track.face.box), is = middle(face.box);
    const float frames = static_cast<float>(track.missing + 1);
    const Point move{(is.x - was.x) / frames, (is.y - was.y) / frames};
    track.velocity = mean(track.velocity, move, kNewMove);
    track.drift = mean(track.drift, move, std::max(kNewDrift, 1 / static_cast<float>(track.frames)));
  }
  // Where it was lost nothing is known of the way between.
  if (track.frames > 0 && track.missing == 0) {
    calm(track.shown, face, options_.smoothing);
  } else {
    track.shown = face;
  }
  track.face = face;
  track.place = face.box;
  track.missing = 0;
  track.detected = detected;
  if (detected) track.unfound = track.since_found = 0;
  ++track.frames;
}

void Tracks::update(std::optional<std::span<const Face>> found, std::span<const std::optional<Face>> seen) {
  const std::span<const Face> detections = found.value_or(std::span<const Face>());
  const std::size_t known = list_.size();
  for (Track& track : list_) {
    track.unfound += found.has_value();
    ++track.since_found;
  }
  track_taken_.assign(known, false);
  face_taken_.assign(detections.size(), false);

  // The pairs that overlap most first.
  pairs_.clear();
  for (std::size_t t = 0; t < known; ++t) {
    // Where it was seen just now is nearer to the truth than where it was expected.
    const Box& place = !seen.empty() && seen[t] ? seen[t]->box : list_[t].predicted;
    for (std::size_t f = 0; f < detections.size(); ++f) {
      const float overlap = iou(place, detections[f].box);
      if (overlap >= options_.min_overlap && overlap > 0) pairs_.push_back({overlap, t, f});
    }
  }
  std::stable_sort(pairs_.begin(), pairs_.end(),
                   [](const Pair& a, const Pair& b) { return a.overlap > b.overlap; });
  for (const Pair& pair : pairs_) {
    if (track_taken_[pair.track] || face_taken_[pair.face]) continue;
    track_taken_[pair.track] = face_taken_[pair.face] = true;
    see(list_[pair.track], detections[pair.face], true);
  }

  // Older tracks first: a younger one on the same face goes.
  for (std::size_t t = 0; t < known; ++t) {
    if (track_taken_[t] || seen.empty() || !seen[t]) continue;
    bool free = true;
    for (std::size_t other = 0; other < known && free; ++other) {
      free = !track_taken_[other] || overlap_of_smaller(list_[other].face.box, seen[t]->box) < kSameFace;
    }
    if (!free) continue;
    track_taken_[t] = true;
    see(list_[t], *seen[t], false);
  }
  for (std::size_t t = 0; t < known; ++t) {
    list_[t].steady = !seen.empty() && seen[t] ? list_[t].steady + 1 : 0;
    if (track_taken_[t]) continue;
    ++list_[t].missing;
    list_[t].place = list_[t].predicted;
    if (list_[t].missing == 1) list_[t].velocity = list_[t].drift;
    list_[t].velocity = {list_[t].velocity.x * kLostSpeed, list_[t].velocity.y * kLostSpeed};
  }
  std::erase_if(list_, [&](const Track& track) {
    return track.missing > options_.keep_lost ||
           (options_.detect_every > 1 && track.unfound >= kUnfound && track.since_found > options_.keep_lost);
  });

  for (std::size_t f = 0; f < detections.size(); ++f) {
    if (face_taken_[f]) continue;
    Track track;
    track.id = next_id_++;
    see(track, detections[f], true);
    list_.push_back(track);
  }
}

}  // namespace mtcnn
