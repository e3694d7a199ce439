#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <new>
#include <optional>

extern "C" {
#include <libavutil/opt.h>
}

#include "codecs/orientation.h"
#include "video/ffmpeg.h"
#include "video/reader_state.h"

namespace mtcnn {
namespace {

// What turns an upright frame into the stored one.
int inverse(int orientation) { return orientation == 6 ? 8 : orientation == 8 ? 6 : orientation; }

// Null: any. FFmpeg 7.1 has its own function for it.
const AVPixelFormat* pixel_formats(const AVCodec& codec) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)
  const void* formats = nullptr;
  if (avcodec_get_supported_config(nullptr, &codec, AV_CODEC_CONFIG_PIX_FORMAT, 0, &formats, nullptr) < 0)
    return nullptr;
  return static_cast<const AVPixelFormat*>(formats);
#else
  return codec.pix_fmts;
#endif
}

// Of MPEG-TS FFmpeg does not know what it holds.
bool can_hold(const AVOutputFormat& kind, AVCodecID codec) {
  const int answer = avformat_query_codec(&kind, codec, FF_COMPLIANCE_NORMAL);
  if (answer != AVERROR_PATCHWELCOME) return answer == 1;
  return std::string(kind.name) == "mpegts" &&
         (codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_AAC || codec == AV_CODEC_ID_AC3 ||
          codec == AV_CODEC_ID_MP2 || codec == AV_CODEC_ID_MP3);
}

// Whether this kind of file says when each frame is shown. MP4 and its kin do, even if FFmpeg (5.1) does not flag it.
bool keeps_times(const AVOutputFormat& kind) {
  if ((kind.flags & AVFMT_VARIABLE_FPS) != 0) return true;
  const std::string name = kind.name;
  return name == "mp4" || name == "mov" || name == "ipod" || name == "3gp" || name == "3g2" || name == "f4v";
}

int even(int side) { return side + side % 2; }

// The last column and row once more, where the encoder wants an even number of them.
void repeat_edges(AVFrame& frame, int width, int height) {
  if (frame.width > width) {
    for (int y = 0; y < height; ++y) {
      std::uint8_t* const row = frame.data[0] + std::ptrdiff_t{y} * frame.linesize[0];
      row[width] = row[width - 1];
    }
  }
  if (frame.height > height) {
    const std::uint8_t* const last = frame.data[0] + std::ptrdiff_t{height - 1} * frame.linesize[0];
    std::copy_n(last, frame.width, frame.data[0] + std::ptrdiff_t{height} * frame.linesize[0]);
  }
}

}  // namespace

struct VideoWriter::State {
  State(const std::string& path, const VideoReader::State& reader) : name(path), like(reader) {}
  ~State() {
    if (!format) return;
    if (open_file) {
      avio_closep(&format->pb);
      // Nothing but the name.
      if (!has_header) std::remove(name.c_str());
    }
    avformat_free_context(format);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Status create(double quality, bool metadata);
  Status add_video(double quality);
  Status add_others();
  void add_metadata();
  Status begin();
  Status convert(const Image& stored, std::int64_t time);
  Status encode(const AVFrame* what);
  Status mux(const std::vector<Packet>& also);
  Error out_of_memory() const { return {ErrorCode::kOutOfMemory, name + ": not enough memory to encode"}; }

  std::string name;
  const VideoReader::State& like;
  AVFormatContext* format = nullptr;
  AVStream* stream = nullptr;  // of `format`
  struct Other {
    AVStream* to;  // of `format`
    AVRational base;
  };
  // What is copied here at the beginning, the reader's thread may change while it reads on.
  std::map<int, Other> taken;  // by the index of the other streams in the reader
  AVRational from_base{};
  std::optional<DisplayMatrix> turn;
  Codec encoder;
  Frame frame;
  Packet packet;
  Scaler scaler;
  std::string left_out;
  bool open_file = false, begun = false, has_header = false, finished = false;
  std::optional<std::int64_t> last;  // the last frame's time, in the encoder's units
  int width = 0, height = 0;         // of the stored frames
};

VideoWriter::VideoWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
VideoWriter::~VideoWriter() {
  if (!state_->finished) (void)finish();
}
const std::string& VideoWriter::left_out() const { return state_->left_out; }

Result<std::unique_ptr<VideoWriter>> VideoWriter::create(const std::string& path, const VideoReader& like,
                                                         double quality, bool metadata) try {
  if (!(quality >= 0 && quality <= 51))
    return Error{ErrorCode::kInvalidArgument, "the quality must be from 0 (best) to 51"};
  set_up_ffmpeg();
  auto state = std::make_unique<State>(path, *like.state_);
  if (Status status = state->create(quality, metadata); !status) {
    state->finished = true;
    return status.error();
  }
  return std::unique_ptr<VideoWriter>(new VideoWriter(std::move(state)));
} catch (const std::bad_alloc&) {
  return Error{ErrorCode::kOutOfMemory, path + ": not enough memory to encode"};
}

Status VideoWriter::State::create(double quality, bool metadata) {
  const AVOutputFormat* const kind = av_guess_format(nullptr, name.c_str(), nullptr);
  // Formats for single pictures would write a picture a frame under one name.
  if (!kind || kind->video_codec == AV_CODEC_ID_NONE || (kind->flags & AVFMT_NOFILE) != 0)
    return Error{ErrorCode::kInvalidArgument,
                 name + ": its ending is not one of a kind of video (.mp4, .mkv, .mov, .webm, .avi ...)"};
  if (int code = avformat_alloc_output_context2(&format, kind, nullptr, name.c_str()); code < 0)
    return ffmpeg_error(name, "can't be written", code);
  packet.reset(av_packet_alloc());
  frame.reset(av_frame_alloc());
  if (!packet || !frame) return out_of_memory();
  if (Status status = add_video(quality); !status) return status.error();
  if (Status status = add_others(); !status) return status.error();
  if (metadata) add_metadata();
  turn = display_matrix(*like.stream);
  const std::string url = "file:" + name;
  if (int code = avio_open(&format->pb, url.c_str(), AVIO_FLAG_WRITE); code < 0)
    return ffmpeg_error(name, "can't be written", code);
  open_file = true;
  return std::monostate{};
}

Status VideoWriter::State::add_video(double quality) {
  // H.264 where the file can hold it and FFmpeg was built with x264, or what the kind of file usually holds.
  const AVCodec* codec = nullptr;
  if (can_hold(*format->oformat, AV_CODEC_ID_H264)) codec = avcodec_find_encoder_by_name("libx264");
  if (!codec) codec = avcodec_find_encoder(format->oformat->video_codec);
  if (!codec) return Error{ErrorCode::kUnsupported, name + ": there is no encoder for this kind of video"};
  encoder.reset(avcodec_alloc_context3(codec));
  stream = avformat_new_stream(format, codec);
  if (!encoder || !stream) return out_of_memory();

  const AVStream& from = *like.stream;
  width = from.codecpar->width;
  height = from.codecpar->height;
  encoder->width = even(width);
  encoder->height = even(height);
  encoder->pix_fmt = AV_PIX_FMT_YUV420P;
  const AVPixelFormat* const formats = pixel_formats(*codec);
  bool known = formats == nullptr;
  for (const AVPixelFormat* f = formats; f && *f != AV_PIX_FMT_NONE; ++f)
    known = known || *f == encoder->pix_fmt;
  if (!known) encoder->pix_fmt = formats[0];
  encoder->sample_aspect_ratio =
      from.sample_aspect_ratio.num != 0 ? from.sample_aspect_ratio : from.codecpar->sample_aspect_ratio;
  stream->sample_aspect_ratio = encoder->sample_aspect_ratio;
  AVRational rate = from.avg_frame_rate.num > 0 ? from.avg_frame_rate : from.r_frame_rate;
  if (rate.num <= 0 || rate.den <= 0) rate = {25, 1};
  encoder->framerate = rate;
  from_base = from.time_base;
  encoder->time_base = from_base;
  if (!keeps_times(*format->oformat)) {
    // A frame is a unit, and none is shown out of its turn.
    encoder->time_base = av_inv_q(rate);
    encoder->max_b_frames = 0;
  }
  // MPEG-4's clock has 16 bits.
  if (codec->id == AV_CODEC_ID_MPEG4 && encoder->time_base.den > 65535) encoder->time_base = {1, 1000};
  encoder->thread_count = 0;
  if (av_opt_find(encoder->priv_data, "crf", nullptr, 0, 0)) {
    av_opt_set_double(encoder->priv_data, "crf", quality, 0);
    av_opt_set(encoder->priv_data, "preset", "veryfast", 0);
    if (codec->id == AV_CODEC_ID_VP9 || codec->id == AV_CODEC_ID_VP8) {
      av_opt_set(encoder->priv_data, "deadline", "realtime", 0);
      av_opt_set_int(encoder->priv_data, "cpu-used", 5, 0);
    }
  } else {
    encoder->flags |= AV_CODEC_FLAG_QSCALE;
    encoder->global_quality = static_cast<int>(FF_QP2LAMBDA * std::clamp(quality / 5, 1.0, 31.0));
  }
  if ((format->oformat->flags & AVFMT_GLOBALHEADER) != 0) encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  return std::monostate{};
}

// Sound and subtitles go over as they are, where the kind of file can hold them.
Status VideoWriter::State::add_others() {
  if (!like.keep_others) return std::monostate{};
  for (unsigned i = 0; i < like.format->nb_streams; ++i) {
    const AVStream& from = *like.format->streams[i];
    const AVMediaType type = from.codecpar->codec_type;
    if (&from == like.stream || (type != AVMEDIA_TYPE_AUDIO && type != AVMEDIA_TYPE_SUBTITLE)) continue;
    if (!can_hold(*format->oformat, from.codecpar->codec_id)) {
      left_out += (left_out.empty() ? "" : ", ") +
                  std::string(type == AVMEDIA_TYPE_AUDIO ? "sound" : "subtitles") + " (" +
                  avcodec_get_name(from.codecpar->codec_id) + ")";
      continue;
    }
    AVStream* const to = avformat_new_stream(format, nullptr);
    if (!to || avcodec_parameters_copy(to->codecpar, from.codecpar) < 0) return out_of_memory();
    to->codecpar->codec_tag = 0;
    to->time_base = from.time_base;
    to->disposition = from.disposition;
    taken[from.index] = {to, from.time_base};
  }
  return std::monostate{};
}

void VideoWriter::State::add_metadata() {
  av_dict_copy(&format->metadata, like.format->metadata, 0);
  av_dict_copy(&stream->metadata, like.stream->metadata, 0);
  for (const auto& [index, other] : taken)
    av_dict_copy(&other.to->metadata, like.format->streams[index]->metadata, 0);
  // Describes the stored file, not the new one.
  for (const char* key : {"major_brand", "minor_version", "compatible_brands", "encoder"}) {
    av_dict_set(&format->metadata, key, nullptr, 0);
    av_dict_set(&stream->metadata, key, nullptr, 0);
  }
}

// Once the first frame has said which colours they are.
Status VideoWriter::State::begin() {
  begun = true;
  const VideoReader::State::Colours& colours = like.first;
  // RGB's own "matrix" is none of an encoder's.
  encoder->colorspace = colours.space == AVCOL_SPC_RGB ? AVCOL_SPC_UNSPECIFIED : colours.space;
  encoder->color_range = colours.range;
  encoder->color_primaries = colours.primaries;
  encoder->color_trc = colours.transfer;
  if (int code = avcodec_open2(encoder.get(), encoder->codec, nullptr); code < 0)
    return ffmpeg_error(name, "its encoder can't be started", code);
  if (avcodec_parameters_from_context(stream->codecpar, encoder.get()) < 0) return out_of_memory();
  stream->time_base = encoder->time_base;
  stream->avg_frame_rate = encoder->framerate;
  if (turn && !set_display_matrix(*stream, *turn)) return out_of_memory();
  frame->format = encoder->pix_fmt;
  frame->width = encoder->width;
  frame->height = encoder->height;
  frame->colorspace = encoder->colorspace;
  frame->color_range = encoder->color_range;
  if (int code = avformat_write_header(format, nullptr); code < 0)
    return ffmpeg_error(name, "its header can't be written", code);
  has_header = true;
  return std::monostate{};
}

Status VideoWriter::write(const VideoFrame& video_frame) try {
  State& s = *state_;
  if (!s.begun) {
    if (Status status = s.begin(); !status) return status.error();
  }
  if (!s.has_header) return Error{ErrorCode::kIo, s.name + ": its header could not be written"};
  if (Status status = s.mux(video_frame.also); !status) return status.error();
  const int back = inverse(s.like.info.orientation);
  if (back == 1) return s.convert(video_frame.image, video_frame.time);
  return s.convert(apply_orientation(video_frame.image, back), video_frame.time);
} catch (const std::bad_alloc&) {
  return state_->out_of_memory();
}

Status VideoWriter::State::convert(const Image& stored, std::int64_t time) {
  // A new one each time: the encoder may still hold on to the last one's pixels.
  Frame fresh(av_frame_alloc());
  if (!fresh) return out_of_memory();
  av_frame_copy_props(fresh.get(), frame.get());
  fresh->format = frame->format;
  fresh->width = frame->width;
  fresh->height = frame->height;
  if (av_frame_get_buffer(fresh.get(), 0) < 0) return out_of_memory();
  scaler.reset(sws_getCachedContext(scaler.release(), stored.width, stored.height, AV_PIX_FMT_RGB24, width,
                                    height, encoder->pix_fmt, SWS_BILINEAR | SWS_ACCURATE_RND, nullptr,
                                    nullptr, nullptr));
  if (!scaler) return Error{ErrorCode::kUnsupported, name + ": no conversion to the encoder's pixels"};
  set_colours(*scaler, *fresh, true);
  const std::uint8_t* const planes[] = {stored.rgb.data()};
  const int strides[] = {3 * stored.width};
  sws_scale(scaler.get(), planes, strides, 0, stored.height, fresh->data, fresh->linesize);
  repeat_edges(*fresh, width, height);
  fresh->pts = av_rescale_q(time, from_base, encoder->time_base);
  // In coarser units two frames may fall on one another.
  if (last && fresh->pts <= *last) return std::monostate{};
  last = fresh->pts;
  return encode(fresh.get());
}

// `what` null: no more frames.
Status VideoWriter::State::encode(const AVFrame* what) {
  if (int code = avcodec_send_frame(encoder.get(), what); code < 0)
    return ffmpeg_error(name, "can't encode", code);
  while (true) {
    const int code = avcodec_receive_packet(encoder.get(), packet.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return std::monostate{};
    if (code < 0) return ffmpeg_error(name, "can't encode", code);
    packet->stream_index = stream->index;
    av_packet_rescale_ts(packet.get(), encoder->time_base, stream->time_base);
    if (int written = av_interleaved_write_frame(format, packet.get()); written < 0)
      return ffmpeg_error(name, "can't be written", written);
  }
}

Status VideoWriter::State::mux(const std::vector<Packet>& also) {
  for (const Packet& one : also) {
    const auto found = taken.find(one->stream_index);
    if (found == taken.end()) continue;
    const auto& [to, base] = found->second;
    Packet copy(av_packet_clone(one.get()));
    if (!copy) return out_of_memory();
    const std::int64_t begin = av_rescale_q(like.start, from_base, base);
    if (copy->pts != AV_NOPTS_VALUE) copy->pts -= begin;
    if (copy->dts != AV_NOPTS_VALUE) copy->dts -= begin;
    av_packet_rescale_ts(copy.get(), base, to->time_base);
    copy->stream_index = to->index;
    copy->pos = -1;
    // One that does not fit (times that run backwards) is lost; the video goes on.
    if (int code = av_interleaved_write_frame(format, copy.get()); code < 0 && code != AVERROR(EINVAL))
      return ffmpeg_error(name, "can't be written", code);
  }
  return std::monostate{};
}

Status VideoWriter::write(const std::vector<Packet>& also) {
  State& s = *state_;
  if (!s.begun) {
    if (Status status = s.begin(); !status) return status.error();
  }
  return s.has_header ? s.mux(also) : Status(std::monostate{});
}

Status VideoWriter::finish() try {
  State& s = *state_;
  s.finished = true;
  // A file without a single frame still gets its header.
  if (!s.begun) {
    if (Status status = s.begin(); !status) return status.error();
  }
  if (!s.has_header) return std::monostate{};  // that was said when it happened
  Status status = s.encode(nullptr);
  const int code = av_write_trailer(s.format);
  const int closed = avio_closep(&s.format->pb);
  s.open_file = false;
  if (!status) return status.error();
  if (code < 0) return ffmpeg_error(s.name, "can't be finished", code);
  if (closed < 0) return ffmpeg_error(s.name, "can't be finished", closed);
  return std::monostate{};
} catch (const std::bad_alloc&) {
  return state_->out_of_memory();
}

}  // namespace mtcnn
