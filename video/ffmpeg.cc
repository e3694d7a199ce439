#include "video/ffmpeg.h"

extern "C" {
#include <libavdevice/avdevice.h>
#include <libavutil/display.h>
}

#include <algorithm>
#include <cmath>
#include <mutex>

#include "video/video_io.h"

namespace mtcnn {

void FreePacket::operator()(AVPacket* packet) const { av_packet_free(&packet); }

void set_up_ffmpeg() {
  static std::once_flag once;
  std::call_once(once, [] {
    av_log_set_level(AV_LOG_QUIET);
    avdevice_register_all();
  });
}

Error ffmpeg_error(const std::string& name, const std::string& what, int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = "";
  av_strerror(code, text, sizeof text);
  ErrorCode kind = ErrorCode::kIo;
  if (code == AVERROR(ENOMEM)) kind = ErrorCode::kOutOfMemory;
  if (code == AVERROR_INVALIDDATA) kind = ErrorCode::kFormat;
  if (code == AVERROR_DECODER_NOT_FOUND || code == AVERROR_ENCODER_NOT_FOUND ||
      code == AVERROR_PROTOCOL_NOT_FOUND || code == AVERROR_DEMUXER_NOT_FOUND ||
      code == AVERROR_PATCHWELCOME) {
    kind = ErrorCode::kUnsupported;
  }
  return {kind, name + ": " + what + ": " + text};
}

// The place of this data moved from the stream to its codec parameters in FFmpeg 6.1, and left the stream in 8.
std::optional<DisplayMatrix> display_matrix(const AVStream& stream) {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
  if (const AVPacketSideData* const side = av_packet_side_data_get(
          stream.codecpar->coded_side_data, stream.codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX)) {
    data = side->data;
    size = side->size;
  }
#else
  data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
#endif
  DisplayMatrix matrix;
  if (!data || size < sizeof matrix) return std::nullopt;
  std::copy_n(data, sizeof matrix, reinterpret_cast<std::uint8_t*>(matrix.data()));
  return matrix;
}

bool set_display_matrix(AVStream& stream, const DisplayMatrix& matrix) {
  std::uint8_t* data = nullptr;
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
  AVPacketSideData* const side =
      av_packet_side_data_new(&stream.codecpar->coded_side_data, &stream.codecpar->nb_coded_side_data,
                              AV_PKT_DATA_DISPLAYMATRIX, sizeof matrix, 0);
  data = side ? side->data : nullptr;
#else
  data = av_stream_new_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, sizeof matrix);
#endif
  if (!data) return false;
  std::copy_n(reinterpret_cast<const std::uint8_t*>(matrix.data()), sizeof matrix, data);
  return true;
}

int orientation_of(const DisplayMatrix& matrix) {
  // A stored pixel at (x, y) is shown at (a x + c y, b x + d y), from the left and from the top.
  const double a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
  if (std::abs(a) + std::abs(d) >= std::abs(b) + std::abs(c)) {
    if (a >= 0) return d >= 0 ? 1 : 4;
    return d >= 0 ? 2 : 3;
  }
  // The stored row runs down (b > 0) or up, the stored column right (c > 0) or left.
  if (b >= 0) return c >= 0 ? 5 : 6;
  return c >= 0 ? 8 : 7;
}

void set_colours(SwsContext& scaler, const AVFrame& frame, bool from_rgb) {
  int space = SWS_CS_DEFAULT;
  switch (frame.colorspace) {
    case AVCOL_SPC_BT709: space = SWS_CS_ITU709; break;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL: space = SWS_CS_BT2020; break;
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M: space = SWS_CS_ITU601; break;
    default: space = frame.height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601;
  }
  const int* const matrix = sws_getCoefficients(space);
  const bool grey = frame.format == AV_PIX_FMT_GRAY8 || frame.format == AV_PIX_FMT_GRAY16;
  const int full =
      frame.color_range == AVCOL_RANGE_JPEG || (grey && frame.color_range == AVCOL_RANGE_UNSPECIFIED);
  constexpr int kOne = 1 << 16;
  // An RGB side ignores its matrix.
  if (from_rgb) {
    sws_setColorspaceDetails(&scaler, matrix, 1, matrix, full, 0, kOne, kOne);
  } else {
    sws_setColorspaceDetails(&scaler, matrix, full, matrix, 1, 0, kOne, kOne);
  }
}

}  // namespace mtcnn
