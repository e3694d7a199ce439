// PNG through libpng. As with libjpeg (jpeg.cc), an error jumps: what calls libpng stands in small
// functions without destructors.
#include <png.h>

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <span>

#include "codecs/codec.h"
#include "codecs/exif.h"

namespace mtcnn {
namespace {

struct Reader {
  explicit Reader(std::span<const std::byte> file) : rest(file) {}
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  std::span<const std::byte> rest;  // what libpng has not read yet
  png_structp png = nullptr;
  png_infop info = nullptr;
  char message[256] = "out of memory";  // unless libpng says something else
};

[[noreturn]] void fail(png_structp png, png_const_charp message) {
  auto* reader = static_cast<Reader*>(png_get_error_ptr(png));
  std::snprintf(reader->message, sizeof(reader->message), "%s", message);
  png_longjmp(png, 1);
}

// libpng warns of ancillary chunks that it drops; whatever concerns pixels is an error.
void ignore(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep to, std::size_t size) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  if (size > reader->rest.size()) png_error(png, "premature end of file");
  std::memcpy(to, reader->rest.data(), size);
  reader->rest = reader->rest.subspan(size);
}

// Everything up to the pixels; asks libpng to hand them out as 8-bit RGB.
bool read_header(Reader& reader) {
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, fail, ignore);
  if (!reader.png) return false;
  reader.info = png_create_info_struct(reader.png);
  if (!reader.info) return false;
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_structp png = reader.png;
  png_set_read_fn(png, &reader, read_bytes);
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_size() has checked it
  // Of the ancillary chunks only tRNS and eXIf are wanted. The others include compressed texts and
  // profiles, which need not be unpacked.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_AS_DEFAULT, reinterpret_cast<png_const_bytep>("eXIf"), 1);
  png_read_info(png, reader.info);
  png_set_expand(png);    // palette, and grey of 1, 2 or 4 bits
  png_set_scale_16(png);  // rounded, unlike png_set_strip_16
  png_set_strip_alpha(png);
  png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, reader.info);
  return true;
}

bool read_pixels(Reader& reader, std::uint8_t* rgb, int height, std::size_t stride) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  const int passes =
      png_get_interlace_type(reader.png, reader.info) == PNG_INTERLACE_NONE ? 1 : PNG_INTERLACE_ADAM7_PASSES;
  for (int pass = 0; pass < passes; ++pass) {
    for (int y = 0; y < height; ++y) {
      png_read_row(reader.png, rgb + static_cast<std::size_t>(y) * stride, nullptr);
    }
  }
  png_read_end(reader.png, reader.info);  // eXIf may follow the pixels
  return true;
}

std::int64_t read_be32(const std::uint8_t* at) {
  return std::int64_t{at[0]} << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

bool recognises(std::span<const std::byte> bytes) { return starts_with(bytes, "\x89PNG\r\n\x1a\n"); }

Error decode_error(const Reader& reader, const ImageFile& file) {
  return file_error(ErrorCode::kFormat, file.name, std::string("can't decode PNG: ") + reader.message);
}

Result<DecodedImage> decode(const ImageFile& file) {
  // The size stands at a fixed place, so it is checked before libpng sees the file.
  constexpr std::size_t kHeader = 24;
  if (file.size() < kHeader || std::memcmp(file.data() + 12, "IHDR", 4) != 0) {
    return file_error(ErrorCode::kFormat, file.name, "can't decode PNG: no header chunk");
  }
  const std::int64_t width = read_be32(file.data() + 16);
  const std::int64_t height = read_be32(file.data() + 20);
  if (const Status size = check_size(file, width, height); !size) return size.error();

  Reader reader(file.bytes);
  if (!read_header(reader)) return decode_error(reader, file);
  DecodedImage decoded;
  decoded.image = make_image(width, height);
  const std::size_t stride = 3 * static_cast<std::size_t>(width);
  if (png_get_rowbytes(reader.png, reader.info) != stride) {
    return file_error(ErrorCode::kFormat, file.name, "can't decode PNG: unexpected kind of pixels");
  }
  if (!read_pixels(reader, decoded.image.rgb.data(), decoded.image.height, stride)) {
    return decode_error(reader, file);
  }
  png_uint_32 exif_size = 0;
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(reader.png, reader.info, &exif_size, &exif) != 0 && exif != nullptr) {
    decoded.orientation = exif_orientation({exif, exif_size});
  }
  return decoded;
}

Result<std::vector<std::byte>> encode(const Image& image, const std::string& name) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::vector<std::byte> bytes(size);
  if (!png_image_write_to_memory(&png, bytes.data(), &size, 0, image.rgb.data(), 3 * image.width, nullptr)) {
    return file_error(ErrorCode::kLimit, name, std::string("can't encode PNG: ") + png.message);
  }
  bytes.resize(size);
  return bytes;
}

constexpr std::string_view kExtensions[] = {".png"};

}  // namespace

const Codec kPngCodec{"PNG", kExtensions, kExtensions, recognises, decode, encode};

}  // namespace mtcnn
