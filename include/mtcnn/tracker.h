#ifndef MTCNN_TRACKER_H_
#define MTCNN_TRACKER_H_

#include <cstdint>
#include <memory>
#include <span>

#include "mtcnn/detector.h"
#include "mtcnn/export.h"
#include "mtcnn/result.h"
#include "mtcnn/types.h"

namespace mtcnn {

struct TrackerOptions {
  // Frames from one full detection to the next, 1 to 10000; 1: every frame. In between R-Net and O-Net look at where the
  // faces should be now; if one that was there for three frames is not, the frame gets a full detection, too.
  int detect_every = 10;
  // A detection is the face of a track if it overlaps its predicted box (intersection over union) by this or more, 0 to 1.
  float min_overlap = .3f;
  // Frames, 0 to 10000, for which a face that is not seen keeps its id, should it come back near to where it would be.
  int keep_lost = 15;
  // How much boxes and points are calmed, 0 (not at all) to 1: the part of a small move that is held back. Moves that
  // are large for the face's size pass as they are, so that a fast face does not lag.
  float smoothing = 0;
};

struct TrackedFace {
  std::int64_t id = 0;    // counted from 1 by each tracker; never used again
  Face face;              // pixels of this frame; smoothed if the options say so
  int frames = 1;         // how often it has been seen, this frame included
  bool detected = false;  // by a full detection, not where it was expected alone
};

// A face that was not seen in the last frame and still has its id.
struct LostFace {
  std::int64_t id = 0;
  Box seen;         // where it was last, in pixels of that frame
  Box expected;     // where it would be now
  int missing = 1;  // frames since it was seen
};

// Faces of a video, frame by frame, each with an id that stays. Keeps a workspace and what it saw: one for each video,
// one call at a time. Copies of the detector share its weights.
class MTCNN_EXPORT Tracker {
 public:
  // Errors: kInvalidArgument, naming the option and its range; or if the detector's options have `largest_only`,
  // with which other faces would come and go.
  static Result<Tracker> create(const Detector& detector, const TrackerOptions& options = {});
  ~Tracker();
  Tracker(Tracker&&) noexcept;
  Tracker& operator=(Tracker&&) noexcept;

  // The faces of the next frame, oldest id first. A face is followed only as long as it could be found: within the
  // detector's `region` and face sizes; one that three full detections in a row and keep_lost frames lack is let go
  // (not with detect_every 1: there it is followed as long as it is seen). A frame of another size than the last begins anew,
  // as reset(). The span is valid until the next call. Errors: those of
  // Detector::detect(), which leave the tracks as they were.
  Result<std::span<const TrackedFace>> update(const ImageView& frame);

  // The faces that the last frame lacked, oldest id first. The span is valid until the next update() or reset(). In C++ alone:
  // the C interface and Python have no such list.
  std::span<const LostFace> lost() const;

  // Forgets all faces, as at a cut: the next frame gets a full detection, and new ids.
  void reset();

  const TrackerOptions& options() const;

  // Frames so far, and those of them with a full detection.
  std::int64_t frames() const;
  std::int64_t full_detections() const;

 private:
  struct State;
  explicit Tracker(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mtcnn

#endif  // MTCNN_TRACKER_H_
