// Faces made unrecognisable.
#ifndef MTCNN_APPS_ANONYMIZE_H_
#define MTCNN_APPS_ANONYMIZE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "codecs/image_io.h"
#include "mtcnn/tracker.h"
#include "mtcnn/types.h"

namespace mtcnn {

enum class Cover { kBlur, kPixelate, kBlack };

// Covers what of `image` lies in `box`, enlarged on each side by `margin` of its width and height: the rectangle or, for kBlur,
// the ellipse through its corners, so that a face is covered however it is tilted. What is left of the face does not depend on
// its size: a blur as wide as a sixth of the rectangle, or eight cells across. Nothing happens to a box outside the image, or
// that is not a number.
void anonymize(Image& image, const Box& box, float margin, Cover how);

// What to cover in each frame of a video: the faces; for a third of a second, and five frames at least, also all between
// where a lost face was and where it would be; and, since frames are given back late, the frames before a face was found, and
// those in which it was lost.
class Covers {
 public:
  // So many frames before the newest are changed by add(): they are to wait.
  static constexpr std::size_t kBehind = 5;

  // The next frame: its time in the video, and its faces (Tracker::update(), Tracker::lost()).
  void add(double seconds, std::span<const TrackedFace> faces, std::span<const LostFace> lost);

  // Frames that were added and not taken.
  std::size_t waiting() const { return waiting_.size(); }

  // The places to cover in the oldest of them. Requires one.
  std::vector<Box> take();

 private:
  struct Last {
    Box box;  // where it was seen
    Box all;  // that, and wherever it may have gone since
    double seconds;
    std::int64_t frame;
    std::int64_t known;  // the last frame in which the tracker knew of it
  };
  std::map<std::int64_t, Last> last_;  // by id
  std::deque<std::vector<Box>> waiting_;
  std::int64_t frames_ = 0;
};

}  // namespace mtcnn

#endif  // MTCNN_APPS_ANONYMIZE_H_
