// What a VideoReader holds, and a VideoWriter takes over.
#ifndef MTCNN_VIDEO_READER_STATE_H_
#define MTCNN_VIDEO_READER_STATE_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "video/ffmpeg.h"
#include "video/live_clock.h"
#include "video/video_io.h"

namespace mtcnn {

struct VideoReader::State {
  struct Colours {
    AVColorSpace space = AVCOL_SPC_UNSPECIFIED;
    AVColorRange range = AVCOL_RANGE_UNSPECIFIED;
    AVColorPrimaries primaries = AVCOL_PRI_UNSPECIFIED;
    AVColorTransferCharacteristic transfer = AVCOL_TRC_UNSPECIFIED;
  };

  State() = default;
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Status open_input();
  Status open_decoder();
  Result<std::optional<VideoFrame>> next();
  Status feed();
  Status pass_over(int code);
  bool passed_by(const AVPacket& packet);
  VideoFrame next_frame();
  Status fill(VideoFrame& to);
  void take_others(VideoFrame& to);
  static int interrupted(void* state);  // what FFmpeg asks while it waits
  Error no_data(const std::string& what, int code);
  std::string missing_number() const;
  Error too_large(int width, int height) const;

  std::string name;
  VideoOptions options;
  VideoInfo info;
  AVFormatContext* format = nullptr;
  AVStream* stream = nullptr;  // of `format`
  Codec decoder;
  Frame frame, rgb;
  Scaler scaler;
  Colours first;            // of the first frame
  std::int64_t start = 0;   // in the stream's units
  std::int64_t jumped = 0;  // what is added to its times since they last fell back
  double seconds_read = 0;
  std::int64_t taken = 0, damaged = 0, dropped = 0;
  int damaged_in_a_row = 0;
  bool keep_others = false, ended = false, sequence = false;
  std::optional<std::int64_t> last_time;
  std::optional<Error> broken;
  std::vector<Packet> others;
  std::size_t others_size = 0;                    // bytes
  std::chrono::steady_clock::time_point asked{};  // when the source was last asked for data
  LiveClock clock;
  // Of a live source, in seconds: how long it was waited for since the last packet of the video, and how late that was.
  double waited = 0, late = 0;
  std::chrono::steady_clock::time_point due{};  // when that packet was to be here
  bool made_up_times = false;
  int to_key_frame = 0;    // packets that are still passed over, unless a key frame comes
  bool after_gap = false;  // no picture since then was whole: what is missing in them is no damage
};

}  // namespace mtcnn

#endif  // MTCNN_VIDEO_READER_STATE_H_
