// WebP through libwebp. The demultiplexer indexes the file's chunks without decoding, so it serves
// for the size, the EXIF chunk and the first frame of an animation alike.
#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

#include "codecs/codec.h"
#include "codecs/exif.h"

namespace mtcnn {
namespace {

struct DeleteDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};

// Hold a reference into the demuxer: must go before it.
struct Frame {
  WebPIterator at{};
  ~Frame() { WebPDemuxReleaseIterator(&at); }
};
struct Chunk {
  WebPChunkIterator at{};
  ~Chunk() { WebPDemuxReleaseChunkIterator(&at); }
};

bool recognises(std::span<const std::byte> bytes) {
  return bytes.size() >= 12 && starts_with(bytes, "RIFF") && starts_with(bytes.subspan(8), "WEBP");
}

Result<DecodedImage> decode(const ImageFile& file) {
  const auto error = [&](const char* what) {
    return file_error(ErrorCode::kFormat, file.name, std::string("can't decode WebP: ") + what);
  };
  const WebPData data{file.data(), file.size()};
  const std::unique_ptr<WebPDemuxer, DeleteDemuxer> demuxer(WebPDemux(&data));
  if (!demuxer) return error("truncated, or chunks that contradict each other");
  const std::int64_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const std::int64_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  if (const Status size = check_size(file, width, height); !size) return size.error();

  Frame frame;
  if (!WebPDemuxGetFrame(demuxer.get(), 1, &frame.at) || !frame.at.complete) {
    return error("no complete frame");
  }
  // An animation's frame may be smaller than the canvas; the rest stays black.
  const int left = frame.at.x_offset;
  const int top = frame.at.y_offset;
  if (left < 0 || top < 0 || frame.at.width <= 0 || frame.at.height <= 0 || frame.at.width > width - left ||
      frame.at.height > height - top) {
    return error("a frame outside the canvas");
  }

  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return error("libwebp of another version");
  if (WebPGetFeatures(frame.at.fragment.bytes, frame.at.fragment.size, &config.input) != VP8_STATUS_OK ||
      config.input.width != frame.at.width || config.input.height != frame.at.height) {
    return error("a frame of another size than declared");
  }
  DecodedImage decoded;
  decoded.image = make_image(width, height);
  const std::size_t stride = 3 * static_cast<std::size_t>(width);
  const std::size_t offset = static_cast<std::size_t>(top) * stride + 3 * static_cast<std::size_t>(left);
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = decoded.image.rgb.data() + offset;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = decoded.image.rgb.size() - offset;
  const VP8StatusCode status = WebPDecode(frame.at.fragment.bytes, frame.at.fragment.size, &config);
  if (status == VP8_STATUS_OUT_OF_MEMORY) {
    return file_error(ErrorCode::kOutOfMemory, file.name, "can't decode WebP: out of memory");
  }
  if (status != VP8_STATUS_OK) return error("corrupt or truncated pixels");

  Chunk chunk;
  if (WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk.at)) {
    decoded.orientation = exif_orientation({chunk.at.chunk.bytes, chunk.at.chunk.size});
  }
  return decoded;
}

Result<std::vector<std::byte>> encode(const Image& image, const std::string& name) {
  if (image.width > WEBP_MAX_DIMENSION || image.height > WEBP_MAX_DIMENSION) {
    return file_error(
        ErrorCode::kLimit, name,
        "can't encode WebP: no side may exceed " + std::to_string(WEBP_MAX_DIMENSION) + " pixels");
  }
  std::uint8_t* encoded = nullptr;
  const std::size_t size =
      WebPEncodeRGB(image.rgb.data(), image.width, image.height, 3 * image.width, kSaveQuality, &encoded);
  const std::unique_ptr<std::uint8_t, void (*)(void*)> owner(encoded, WebPFree);
  if (size == 0) {
    return file_error(ErrorCode::kOutOfMemory, name, "can't encode WebP: libwebp failed");
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(encoded);
  return std::vector<std::byte>(bytes, bytes + size);
}

constexpr std::string_view kExtensions[] = {".webp"};

}  // namespace

const Codec kWebpCodec{"WebP", kExtensions, kExtensions, recognises, decode, encode};

}  // namespace mtcnn
