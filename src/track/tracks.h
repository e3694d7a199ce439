// The faces of a video, as far as it is geometry: where they should be in the next frame, and which of the faces found
// there is which. What finds them: api/tracker.cc.
#ifndef MTCNN_TRACK_TRACKS_H_
#define MTCNN_TRACK_TRACKS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "mtcnn/tracker.h"
#include "mtcnn/types.h"

namespace mtcnn {

struct Track {
  std::int64_t id = 0;
  Face face;            // as last seen, as found
  Face shown;           // the same, smoothed
  Point velocity;       // of its middle, pixels a frame
  Point drift;          // the same over more frames
  Box place;            // in the last frame: where it was seen or, while it is missing, expected
  Box predicted;        // in the frame that comes
  int frames = 0;       // seen in so many
  int missing = 0;      // frames since
  int steady = 0;       // frames in a row, up to the last one, in which it was seen where it was expected
  int unfound = 0;      // full detections in a row without it
  int since_found = 0;  // frames since a full detection had it
  bool detected = false;
};

class Tracks {
 public:
  explicit Tracks(const TrackerOptions& options) : options_(options) {}

  // By id. Those with missing == 0 were seen in the last frame.
  const std::vector<Track>& list() const { return list_; }

  // Moves all on to the next frame: fills in `predicted`.
  void predict();

  // Hands in a frame's faces: found by a full detection, if there was one, and, for each track, what was seen where it was
  // expected (as many as tracks, or none of them at all). Detections decide: they go to the tracks that they overlap most, and
  // become new tracks where there is none. A track without one is where it was seen, unless another track is there already, or
  // full detections, if not every frame has one, have missed it for long.
  void update(std::optional<std::span<const Face>> found, std::span<const std::optional<Face>> seen);

  void clear() { list_.clear(); }

 private:
  void see(Track& track, const Face& face, bool detected) const;

  TrackerOptions options_;
  std::vector<Track> list_;
  std::int64_t next_id_ = 1;
  struct Pair {
    float overlap = 0;
    std::size_t track = 0, face = 0;
  };
  std::vector<Pair> pairs_;
  std::vector<bool> track_taken_, face_taken_;
};

}  // namespace mtcnn

#endif  // MTCNN_TRACK_TRACKS_H_
