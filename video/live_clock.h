// How far the reader of a live source has fallen behind it.
#ifndef MTCNN_VIDEO_LIVE_CLOCK_H_
#define MTCNN_VIDEO_LIVE_CLOCK_H_

#include <algorithm>

namespace mtcnn {

class LiveClock {
 public:
  // Of a packet with the time `stream` (in the source's own clock) that was read at `now`, after `waited` for it and for
  // what came with it. Returns by how much it is late. All in seconds.
  double read(double now, double stream, double waited) {
    const double offset = now - stream;
    // Nobody is late who has to wait for what comes next, again and again: the source had paused, or its clock is slower. A
    // single long wait may be the reader's own, if its process stood still; but then much is there at once.
    if (waited > kWait) {
      const bool is_long = waited >= stream - last_ + kJitter;
      ++waits_;
      long_waits_ += is_long;
      if (waits_ >= kWaits && (!is_long || long_waits_ >= kWaits)) on_time_ = offset;
    } else {
      waits_ = long_waits_ = 0;
    }
    // A time that falls back is that of a source that began anew.
    const bool anew = !begun_ || stream < last_ - 1;
    if (anew || offset < on_time_) on_time_ = offset;
    // From a source that sends much at once, with pauses, none of this is heard; but a reader that now and then had to wait was
    // on time at least once.
    if (anew || now - window_ > kWindow) {
      if (!anew && window_waits_ >= kWaits) on_time_ = std::max(on_time_, std::min(least_, offset));
      window_ = now;
      window_waits_ = 0;
      least_ = offset;
    }
    least_ = std::min(least_, offset);
    window_waits_ += waited > kWait;
    begun_ = true;
    last_ = stream;
    return offset - on_time_;
  }

 private:
  static constexpr double kWait = .005, kJitter = .1, kWindow = 30;
  static constexpr int kWaits = 3;
  bool begun_ = false;
  double on_time_ = 0;              // offset of what is not late
  double last_ = 0;                 // time of the last packet
  int waits_ = 0, long_waits_ = 0;  // packets in a row that had to be waited for
  double window_ = 0, least_ = 0;   // when it began, and the least offset since
  int window_waits_ = 0;            // packets since that had to be waited for
};

}  // namespace mtcnn

#endif  // MTCNN_VIDEO_LIVE_CLOCK_H_
