// What reader and writer share: FFmpeg's objects with owners, its errors as ours.
#ifndef MTCNN_VIDEO_FFMPEG_H_
#define MTCNN_VIDEO_FFMPEG_H_

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
}

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "mtcnn/result.h"
#include "mtcnn/types.h"

namespace mtcnn {

struct FreeFrame {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
using Frame = std::unique_ptr<AVFrame, FreeFrame>;

struct FreeCodec {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
};
using Codec = std::unique_ptr<AVCodecContext, FreeCodec>;

struct FreeScaler {
  void operator()(SwsContext* context) const { sws_freeContext(context); }
};
using Scaler = std::unique_ptr<SwsContext, FreeScaler>;

// FFmpeg prints to stderr unless told not to; and its cameras must be made known.
void set_up_ffmpeg();

// "NAME: WHAT: what FFmpeg says"; kOutOfMemory, kFormat, kUnsupported or kIo as the code says.
Error ffmpeg_error(const std::string& name, const std::string& what, int code);

using DisplayMatrix = std::array<std::int32_t, 9>;

// How a player turns the stored frames, if it is to do so.
std::optional<DisplayMatrix> display_matrix(const AVStream& stream);

// False if there is not enough memory.
bool set_display_matrix(AVStream& stream, const DisplayMatrix& matrix);

// The EXIF orientation (codecs/orientation.h) that a player's turns and mirrorings by right angles come to; of other
// angles the nearest.
int orientation_of(const DisplayMatrix& matrix);

// Sets both sides' matrices and ranges: RGB has the full range, the other side what `frame` says or what is usual
// for its size.
void set_colours(SwsContext& scaler, const AVFrame& frame, bool from_rgb);

}  // namespace mtcnn

#endif  // MTCNN_VIDEO_FFMPEG_H_
