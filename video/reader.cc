#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>
#include <new>
#include <optional>
#include <thread>

#include "codecs/orientation.h"
#include "video/ffmpeg.h"
#include "video/reader_state.h"

namespace mtcnn {
namespace {

// Packets in a row without a single frame after which a stream is given up: its decoder will not find its way back.
constexpr int kMostDamaged = 1000;
// Packets that are passed over, at most, for the next key frame: not all sources have some.
constexpr int kLongestGap = 500;
// Bytes of sound and the like that are held while no picture comes: after the first picture, and before it.
constexpr std::size_t kMostOthers = std::size_t{4} << 20, kMostOthersFirst = std::size_t{256} << 20;
constexpr std::size_t kPacketItself = 256;  // bytes, about, of a packet beside its data

bool starts_with_any(const std::string& text, std::initializer_list<const char*> beginnings) {
  for (const char* const beginning : beginnings) {
    if (text.rfind(beginning, 0) == 0) return true;
  }
  return false;
}

double seconds_since(std::chrono::steady_clock::time_point time) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - time).count();
}

bool is_file(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0;
}

Error out_of_memory(const std::string& name) {
  return {ErrorCode::kOutOfMemory, name + ": not enough memory for the video's frames"};
}

}  // namespace

VideoReader::VideoReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
VideoReader::~VideoReader() = default;
const VideoInfo& VideoReader::info() const { return state_->info; }
void VideoReader::keep_other_streams(bool keep) { state_->keep_others = keep; }
std::int64_t VideoReader::damaged() const { return state_->damaged; }
std::int64_t VideoReader::dropped() const { return state_->dropped; }
double VideoReader::seconds_read() const { return state_->seconds_read; }

Result<std::unique_ptr<VideoReader>> VideoReader::open(const std::string& input,
                                                       const VideoOptions& options) try {
  if (!(options.timeout > 0))
    return Error{ErrorCode::kInvalidArgument, "the timeout must be above 0 seconds"};
  if (!(options.frame_rate >= 0 && options.frame_rate <= 1000))
    return Error{ErrorCode::kInvalidArgument, "the frame rate must be from 0 to 1000"};
  if (!(options.latency >= 0))
    return Error{ErrorCode::kInvalidArgument, "the latency must be 0 seconds or more"};
  set_up_ffmpeg();
  auto state = std::make_unique<State>();
  state->name = input;
  state->options = options;
  if (Status status = state->open_input(); !status) return status.error();
  if (Status status = state->open_decoder(); !status) return status.error();
  return std::unique_ptr<VideoReader>(new VideoReader(std::move(state)));
} catch (const std::bad_alloc&) {
  return out_of_memory(input);
}

VideoReader::State::~State() {
  if (format) avformat_close_input(&format);
}

int VideoReader::State::interrupted(void* opaque) {
  const State& state = *static_cast<State*>(opaque);
  if (state.options.stop && *state.options.stop) return 1;
  return seconds_since(state.asked) > state.options.timeout;
}

// Some protocols say that they were interrupted, some that what they got makes no sense: the clock knows.
Error VideoReader::State::no_data(const std::string& what, int code) {
  if (code == AVERROR_EXIT || interrupted(this)) {
    if (options.stop && *options.stop) return {ErrorCode::kIo, name + ": stopped before it could be read"};
    return {ErrorCode::kIo, name + ": " + what + ": no data for " +
                                std::to_string(std::lround(options.timeout)) + " seconds"};
  }
  return ffmpeg_error(name, what, code);
}

Status VideoReader::State::open_input() {
  format = avformat_alloc_context();
  if (!format) return out_of_memory(name);
  format->interrupt_callback = {interrupted, this};
  const bool camera = starts_with_any(name, {"/dev/video"});
  const bool address = name.find("://") != std::string::npos;
  // A file of that very name goes first.
  sequence = !camera && !address && !is_file(name) && name.find_first_of("*?%") != std::string::npos;
  if (sequence && name.find('%') == std::string::npos) {
    glob_t found{};
    const bool none = glob(name.c_str(), 0, nullptr, &found) != 0 || found.gl_pathc == 0;
    globfree(&found);
    if (none) return Error{ErrorCode::kIo, name + ": no file has such a name"};
  }
  const AVInputFormat* kind = nullptr;
  AVDictionary* settings = nullptr;
  const std::string rate = std::to_string(options.frame_rate);
  if (camera) {
    kind = av_find_input_format("video4linux2");
    if (options.frame_rate > 0) av_dict_set(&settings, "framerate", rate.c_str(), 0);
  } else if (sequence) {
    kind = av_find_input_format("image2");
    if (options.frame_rate > 0) av_dict_set(&settings, "framerate", rate.c_str(), 0);
    if (name.find('%') == std::string::npos) av_dict_set(&settings, "pattern_type", "glob", 0);
  } else if (address) {
    // TCP first: lost packets are torn frames.
    if (starts_with_any(name, {"rtsp://", "rtsps://"})) av_dict_set(&settings, "rtsp_flags", "prefer_tcp", 0);
  } else if (!is_file(name)) {
    return Error{ErrorCode::kIo, name + ": there is no such file"};
  }
  asked = std::chrono::steady_clock::now();
  // Names with a colon are files, too, unless they are addresses.
  const std::string url = address || camera || sequence ? name : "file:" + name;
  int code = avformat_open_input(&format, url.c_str(), kind, &settings);
  av_dict_free(&settings);
  if (code < 0) return no_data("can't be opened as a video", code);
  asked = std::chrono::steady_clock::now();
  code = avformat_find_stream_info(format, nullptr);
  if (code < 0) return no_data("its streams can't be read", code);
  // A file, which waits on its server, has a size; so do the pieces that a playlist names.
  const bool waits =
      (format->pb && avio_size(format->pb) >= 0) || starts_with_any(format->iformat->name, {"hls", "dash"});
  info.live = camera || starts_with_any(name, {"rtsp://", "rtsps://", "udp://", "rtp://", "srt://"}) ||
              (address && format->duration == AV_NOPTS_VALUE && !waits);
  // As if all had 25 frames a second, which cameras have not.
  made_up_times =
      (format->iformat->flags & AVFMT_NOTIMESTAMPS) != 0 || std::string(format->iformat->name) == "mpjpeg";
  return std::monostate{};
}

Status VideoReader::State::open_decoder() {
  const AVCodec* codec = nullptr;
  const int index = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
  if (index == AVERROR_DECODER_NOT_FOUND)
    return Error{ErrorCode::kUnsupported, name + ": there is no decoder for its kind of video"};
  if (index < 0) return Error{ErrorCode::kFormat, name + ": holds no video"};
  stream = format->streams[index];
  const AVCodecParameters& parameters = *stream->codecpar;
  if (parameters.width < 1 || parameters.height < 1)
    return Error{ErrorCode::kFormat, name + ": its frames have no size"};
  if (std::int64_t{parameters.width} * parameters.height > options.max_pixels)
    return too_large(parameters.width, parameters.height);
  decoder.reset(avcodec_alloc_context3(codec));
  frame.reset(av_frame_alloc());
  if (!decoder || !frame) return out_of_memory(name);
  if (int code = avcodec_parameters_to_context(decoder.get(), &parameters); code < 0)
    return ffmpeg_error(name, "its video can't be decoded", code);
  decoder->pkt_timebase = stream->time_base;
  decoder->thread_count = 0;
  decoder->max_pixels = options.max_pixels;
  // A live source must not wait for as many frames as there are threads.
  if (info.live) decoder->thread_type = FF_THREAD_SLICE;
  if (int code = avcodec_open2(decoder.get(), codec, nullptr); code < 0)
    return ffmpeg_error(name, "its video can't be decoded", code);

  if (const auto matrix = display_matrix(*stream)) info.orientation = orientation_of(*matrix);
  info.size = {parameters.width, parameters.height};
  if (info.orientation >= 5) std::swap(info.size.width, info.size.height);
  AVRational rate = stream->avg_frame_rate;
  if (rate.num <= 0 || rate.den <= 0) rate = av_guess_frame_rate(format, stream, nullptr);
  if (rate.num > 0 && rate.den > 0) info.frame_rate = av_q2d(rate);
  if (stream->duration > 0 && stream->duration != AV_NOPTS_VALUE) {
    info.seconds = static_cast<double>(stream->duration) * av_q2d(stream->time_base);
  } else if (format->duration > 0 && format->duration != AV_NOPTS_VALUE) {
    info.seconds = static_cast<double>(format->duration) / AV_TIME_BASE;
  }
  info.frames = stream->nb_frames > 0 ? stream->nb_frames : std::llround(info.seconds * info.frame_rate);
  start = format->start_time != AV_NOPTS_VALUE
              ? av_rescale_q(format->start_time, AVRational{1, AV_TIME_BASE}, stream->time_base)
              : 0;
  return std::monostate{};
}

Error VideoReader::State::too_large(int width, int height) const {
  return {ErrorCode::kLimit, name + ": its frames have " + std::to_string(width) + " x " +
                                 std::to_string(height) + " pixels, more than the limit of " +
                                 std::to_string(options.max_pixels)};
}

Result<std::optional<VideoFrame>> VideoReader::next() try {
  return state_->next();
} catch (const std::bad_alloc&) {
  return out_of_memory(state_->name);
}

// FFmpeg ends a sequence at the first number that is missing, without a word.
std::string VideoReader::State::missing_number() const {
  namespace fs = std::filesystem;
  const std::size_t percent = name.find('%');
  const std::size_t d = percent == std::string::npos ? percent : name.find('d', percent);
  if (!sequence || d == std::string::npos) return {};
  const std::string before = name.substr(0, percent), after = name.substr(d + 1);
  std::map<std::int64_t, std::string> files;
  std::error_code error;
  const fs::path folder = fs::path(before + "0").parent_path();
  for (fs::directory_iterator entries(folder.empty() ? "." : folder, error), end; !error && entries != end;
       entries.increment(error)) {
    const std::string file = (folder / entries->path().filename()).string();
    if (!file.starts_with(before) || !file.ends_with(after) || file.size() <= before.size() + after.size())
      continue;
    const std::string digits = file.substr(before.size(), file.size() - before.size() - after.size());
    if (digits.size() > 18 || digits.find_first_not_of("0123456789") != std::string::npos) continue;
    files.emplace(std::stoll(digits), file);
  }
  std::optional<std::int64_t> last;
  for (const auto& [number, file] : files) {
    if (last && number != *last + 1) {
      return "there is no number " + std::to_string(*last + 1) + ", but " + file + " follows";
    }
    last = number;
  }
  return {};
}

std::vector<Packet> VideoReader::rest() { return std::move(state_->others); }

Result<std::optional<VideoFrame>> VideoReader::State::next() {
  while (true) {
    if (options.stop && *options.stop) return std::optional<VideoFrame>();
    const int code = avcodec_receive_frame(decoder.get(), frame.get());
    if (code == 0) {
      damaged_in_a_row = 0;
      // Shown with errors papered over: as good as it gets.
      if ((frame->flags & AV_FRAME_FLAG_CORRUPT) == 0) {
        after_gap = false;
      } else if (!after_gap) {
        ++damaged;
      }
      VideoFrame next = next_frame();
      if (late > options.latency) {
        ++dropped;
        continue;
      }
      if (Status status = fill(next); !status) return status.error();
      return std::optional<VideoFrame>(std::move(next));
    }
    if (code == AVERROR_EOF) {
      if (broken) return *broken;
      return std::optional<VideoFrame>();
    }
    if (code != AVERROR(EAGAIN)) {
      if (Status status = pass_over(code); !status) return status.error();
    }
    if (Status status = feed(); !status) return status.error();
    if (others_size > (last_time ? kMostOthers : kMostOthersFirst)) {
      if (!last_time)
        return Error{ErrorCode::kLimit, name + ": more than " + std::to_string(kMostOthersFirst >> 20) +
                                            " MB of sound come before its first frame"};
      VideoFrame others_alone;
      take_others(others_alone);
      return std::optional<VideoFrame>(std::move(others_alone));
    }
  }
}

void VideoReader::State::take_others(VideoFrame& to) {
  to.also = std::move(others);
  others.clear();
  others_size = 0;
}

// Whether a packet of a live source is so late that it is not even decoded.
bool VideoReader::State::passed_by(const AVPacket& packet) {
  using Clock = std::chrono::steady_clock;
  const std::int64_t time = packet.dts != AV_NOPTS_VALUE ? packet.dts : packet.pts;
  // Without a time, or with one that FFmpeg made up, it can't be late.
  if (!info.live || options.latency == 0 || time == AV_NOPTS_VALUE || made_up_times) {
    due = Clock::now();
    late = waited = 0;
    to_key_frame = 0;
    return false;
  }
  const std::chrono::duration<double> now = Clock::now().time_since_epoch();
  late = clock.read(now.count(), static_cast<double>(time) * av_q2d(stream->time_base), waited);
  due = Clock::time_point(
      std::chrono::duration_cast<Clock::duration>(now - std::chrono::duration<double>(late)));
  waited = 0;
  // To decode and drop makes up for a little; for more, only what need not be decoded does.
  if (late > 2 * options.latency + 1) to_key_frame = kLongestGap;
  if (to_key_frame > 0 && (late > options.latency || (packet.flags & AV_PKT_FLAG_KEY) == 0)) {
    --to_key_frame;
    ++taken;
    ++dropped;
    after_gap = true;
    return true;
  }
  // What follows may refer to what was passed over: the decoder had better not take older pictures for it.
  if (to_key_frame > 0 && after_gap) avcodec_flush_buffers(decoder.get());
  to_key_frame = 0;
  return false;
}

// What the decoder could not decode.
Status VideoReader::State::pass_over(int code) {
  if (code == AVERROR(ENOMEM)) return out_of_memory(name);
  if (!after_gap) ++damaged;
  if (++damaged_in_a_row > kMostDamaged)
    return Error{ErrorCode::kFormat, name + ": its video is damaged from here on"};
  return std::monostate{};
}

// Gives the decoder one more packet; at the end, tells it so.
Status VideoReader::State::feed() {
  asked = std::chrono::steady_clock::now();
  while (true) {
    Packet packet(av_packet_alloc());
    if (!packet) return out_of_memory(name);
    const auto turned_to = std::chrono::steady_clock::now();
    int code = ended ? AVERROR_EOF : av_read_frame(format, packet.get());
    if (code == AVERROR(EAGAIN)) {
      if (!interrupted(this)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        waited += seconds_since(turned_to);
        continue;
      }
      code = AVERROR_EXIT;
    }
    waited += seconds_since(turned_to);
    if (code < 0) {
      // What the decoder still holds is shown first, then what went wrong is said.
      if (code != AVERROR_EOF && !(options.stop && *options.stop) && !broken) {
        broken = no_data("breaks off", code);
      } else if (code == AVERROR_EOF && !ended) {
        if (const std::string gap = missing_number(); !gap.empty())
          broken = Error{ErrorCode::kIo, name + ": breaks off: " + gap};
      }
      ended = true;
      avcodec_send_packet(decoder.get(), nullptr);
      return std::monostate{};
    }
    asked = std::chrono::steady_clock::now();
    if (packet->pts != AV_NOPTS_VALUE) {
      const double unit = av_q2d(format->streams[packet->stream_index]->time_base);
      const double begin = static_cast<double>(start) * av_q2d(stream->time_base);
      seconds_read =
          std::max(seconds_read, static_cast<double>(packet->pts + packet->duration) * unit - begin);
    }
    if (packet->stream_index != stream->index) {
      if (!keep_others) continue;
      others_size += static_cast<std::size_t>(packet->size) + kPacketItself;
      others.push_back(std::move(packet));
      if (others_size > kMostOthers) return std::monostate{};
      continue;
    }
    if (passed_by(*packet)) continue;
    code = avcodec_send_packet(decoder.get(), packet.get());
    return code < 0 ? pass_over(code) : Status(std::monostate{});
  }
}

// The decoded frame's number and time.
VideoFrame VideoReader::State::next_frame() {
  const AVFrame& from = *frame;
  VideoFrame result;
  result.number = taken++;
  result.due = due;
  if (!last_time)
    first = State::Colours{from.colorspace, from.color_range, from.color_primaries, from.color_trc};

  // Times must rise, or no container takes them. A frame without one comes a frame's length after the last.
  const double unit = av_q2d(stream->time_base);
  const std::int64_t length =
      info.frame_rate > 0 ? std::max<std::int64_t>(1, std::llround(1 / (info.frame_rate * unit))) : 1;
  std::int64_t time = from.best_effort_timestamp;
  if (time == AV_NOPTS_VALUE) time = last_time ? *last_time + length - jumped : start;
  // A stream that begins anew (a loop, another sender) goes on where it was; other disorder is small.
  time += jumped;
  if (last_time && static_cast<double>(*last_time - time) * unit > 1) {
    jumped += *last_time + length - time;
    time = *last_time + length;
  }
  if (last_time && time <= *last_time) time = *last_time + 1;
  last_time = time;
  result.time = time - start;
  result.seconds = static_cast<double>(result.time) * unit;
  return result;
}

// With the picture, and what came before it.
Status VideoReader::State::fill(VideoFrame& result) {
  const AVFrame& from = *frame;
  if (std::int64_t{from.width} * from.height > options.max_pixels) return too_large(from.width, from.height);
  Image& image = result.image;
  image.width = from.width;
  image.height = from.height;
  image.rgb.resize(std::size_t{3} * static_cast<std::size_t>(from.width) *
                   static_cast<std::size_t>(from.height));
  scaler.reset(sws_getCachedContext(
      scaler.release(), from.width, from.height, static_cast<AVPixelFormat>(from.format), from.width,
      from.height, AV_PIX_FMT_RGB24, SWS_BILINEAR | SWS_ACCURATE_RND, nullptr, nullptr, nullptr));
  if (!scaler)
    return Error{ErrorCode::kUnsupported, name + ": its frames have a pixel format that can't be converted"};
  set_colours(*scaler, from, false);
  // Into rows with room behind them, which swscale writes to.
  if (!rgb || rgb->width != from.width || rgb->height != from.height) {
    rgb.reset(av_frame_alloc());
    if (!rgb) return out_of_memory(name);
    rgb->width = from.width;
    rgb->height = from.height;
    rgb->format = AV_PIX_FMT_RGB24;
    if (av_frame_get_buffer(rgb.get(), 0) < 0) return out_of_memory(name);
  }
  sws_scale(scaler.get(), from.data, from.linesize, 0, from.height, rgb->data, rgb->linesize);
  const std::size_t row = std::size_t{3} * static_cast<std::size_t>(from.width);
  for (int y = 0; y < from.height; ++y) {
    std::copy_n(rgb->data[0] + std::ptrdiff_t{y} * rgb->linesize[0], row,
                image.rgb.data() + static_cast<std::size_t>(y) * row);
  }
  image = apply_orientation(std::move(image), info.orientation);
  av_frame_unref(frame.get());
  take_others(result);
  return std::monostate{};
}

}  // namespace mtcnn
