// Videos to frames and back, by FFmpeg's libraries. Not part of the core library: the program uses it.
#ifndef MTCNN_VIDEO_VIDEO_IO_H_
#define MTCNN_VIDEO_VIDEO_IO_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codecs/image_io.h"
#include "mtcnn/result.h"
#include "mtcnn/types.h"

struct AVPacket;

namespace mtcnn {

struct FreePacket {
  void operator()(AVPacket* packet) const;
};
using Packet = std::unique_ptr<AVPacket, FreePacket>;

struct VideoOptions {
  // Seconds, above 0, for which a source may give no data before it counts as dead.
  double timeout = 10;
  // Frames a second of an image sequence, and what is asked of a camera; 0: 25, and the camera's own.
  double frame_rate = 0;
  // Seconds: what is later than that in a live source is passed over, before it costs anything. 0: nothing is.
  double latency = 0;
  // Largest frame that is decoded, width x height.
  std::int64_t max_pixels = std::int64_t{1} << 27;
  // Once true, reading ends as at the end of the video, within a tenth of a second or so. May be null.
  const std::atomic<bool>* stop = nullptr;
};

struct VideoInfo {
  Size size;                // of the upright frames, as they are shown: the first one's, if a stream changes
  double frame_rate = 0;    // frames a second, on the average; 0: not known
  double seconds = 0;       // 0: not known
  std::int64_t frames = 0;  // what the file says, or rate x seconds; 0: not known
  bool live = false;        // a camera or a broadcast: what is not taken in time is gone
  int orientation = 1;      // of the stored frames, as EXIF has it
};

struct VideoFrame {
  Image image;              // upright; without pixels if it is only there for `also`
  std::int64_t number = 0;  // from 0
  double seconds = 0;       // since the video's start
  std::int64_t time = 0;    // the same in the stream's own units, for the writer
  // Of a live source: when it was to be here.
  std::chrono::steady_clock::time_point due{};
  // Sound and subtitles that come before it, for the writer; empty if not asked for.
  std::vector<Packet> also;
};

// One at a time; from one thread at a time.
class VideoReader {
 public:
  // `input`: a file; an image sequence as "frames/%04d.png" or "frames/*.jpg"; a camera as "/dev/video0"; an address
  // (rtsp://, http://, udp:// ...). Errors, naming it: kIo if it can't be opened or does not answer; kFormat if it is no
  // video or its header is damaged; kUnsupported if there is no decoder; kLimit; kOutOfMemory.
  static Result<std::unique_ptr<VideoReader>> open(const std::string& input,
                                                   const VideoOptions& options = {});
  ~VideoReader();

  const VideoInfo& info() const;

  // Whether next() also collects what is not video. Set it before the first next().
  void keep_other_streams(bool keep);

  // The next frame; empty at the end. What can't be decoded is passed over and counted. Where much else comes before the next
  // picture, a frame without pixels brings it. Errors, naming the input: kIo for a source that breaks off or falls silent,
  // kLimit, kOutOfMemory; there are no more frames after them.
  Result<std::optional<VideoFrame>> next();

  // After the last frame: what came after it.
  std::vector<Packet> rest();

  // Up to where all streams have been read, in seconds since the video's start.
  double seconds_read() const;

  // Places of the stream that could not be decoded so far.
  std::int64_t damaged() const;

  // Frames of a live source that were passed over so far because they were late.
  std::int64_t dropped() const;

 private:
  friend class VideoWriter;
  struct State;
  explicit VideoReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A video with other pixels: times, frame rate, orientation, sound and subtitles are those of the one that it is made from.
class VideoWriter {
 public:
  // `path`: its ending says which kind (.mp4, .mkv, .mov, .webm, .avi ...). `like`: must outlive the writer; another thread
  // may go on reading it. `metadata`: whether titles, dates, places and the like are copied. `quality`: 0 (best) to 51, as H.264's constant rate factor. Errors, naming the file: kInvalidArgument for
  // an ending that means no kind of video, or the quality; kIo; kUnsupported if there is no encoder; kOutOfMemory.
  static Result<std::unique_ptr<VideoWriter>> create(const std::string& path, const VideoReader& like,
                                                     double quality = 20, bool metadata = true);
  // Finishes, as far as that can be done.
  ~VideoWriter();

  // What of the other streams this kind of file can't hold, in words; empty if it holds all.
  const std::string& left_out() const;

  // Requires frames of `like` with pixels, in their order; what they show may have changed. A frame of another size than the first is
  // scaled to it. Errors: kIo, naming the file; kOutOfMemory.
  Status write(const VideoFrame& frame);
  Status write(const std::vector<Packet>& also);

  // Ends the file, so that it can be played. Nothing can be written after it.
  Status finish();

 private:
  struct State;
  explicit VideoWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mtcnn

#endif  // MTCNN_VIDEO_VIDEO_IO_H_
