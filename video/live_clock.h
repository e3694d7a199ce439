// How far the reader of a live source has fallen behind it.
#ifndef MTCNN_VIDEO_LIVE_CLOCK_H_
#define MTCNN_VIDEO_LIVE_CLOCK_H_

namespace mtcnn {

class LiveClock {
 public:
  // Of a packet with the time `stream` (in the source's own clock) that was read at `now`, after `waited` for it and for
  // what came with it. Returns by how much it is late. All in seconds.
  double read(double now, double stream, double waited) {
    const double offset = now - stream;
    // Nobody is late who has to wait for what comes next, again and again: the source had paused, or its clock is slower. A
    // single long wait may be the reader's own, if its process stood still.
    waits_ = waited > kWait && waited < stream - last_ + kJitter ? waits_ + 1 : 0;
    // A time that falls back is that of a source that began anew.
    if (!begun_ || stream < last_ - 1 || waits_ >= kWaits || offset < on_time_) on_time_ = offset;
    begun_ = true;
    last_ = stream;
    return offset - on_time_;
  }

 private:
  static constexpr double kWait = .005, kJitter = .1;
  static constexpr int kWaits = 3;
  bool begun_ = false;
  double on_time_ = 0;  // offset of what is not late
  double last_ = 0;
  int waits_ = 0;  // packets in a row that had to be waited for
};

}  // namespace mtcnn

#endif  // MTCNN_VIDEO_LIVE_CLOCK_H_
