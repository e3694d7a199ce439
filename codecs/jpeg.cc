// JPEG through libjpeg's interface. libjpeg reports an error by calling a function that must not
// return: it jumps. So whatever calls libjpeg stands in a small function of its own, between a
// setjmp and its return, where nothing has a destructor that the jump would leave out.
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>

// jpeglib.h needs FILE and size_t.
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include "codecs/codec.h"
#include "codecs/exif.h"

namespace mtcnn {
namespace {

struct Errors {
  jpeg_error_mgr manager{};  // first: libjpeg hands back its address
  std::jmp_buf jump;
  ErrorCode code = ErrorCode::kFormat;
  char message[JMSG_LENGTH_MAX] = "";
};

[[noreturn]] void fail(j_common_ptr jpeg) {
  auto* errors = reinterpret_cast<Errors*>(jpeg->err);
  jpeg->err->format_message(jpeg, errors->message);
  switch (jpeg->err->msg_code) {
    case JERR_OUT_OF_MEMORY: errors->code = ErrorCode::kOutOfMemory; break;
    case JERR_IMAGE_TOO_BIG: errors->code = ErrorCode::kLimit; break;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_ARITH_NOTIMPL: errors->code = ErrorCode::kUnsupported; break;
    default: break;
  }
  std::longjmp(errors->jump, 1);
}

// libjpeg warns and goes on, filling what it could not read with grey. That would be half an image,
// so a warning is an error, but for those that touch no pixel.
void on_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;  // a trace, not a warning
  switch (jpeg->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_TOO_MUCH_DATA:
    case JWRN_BOGUS_ICC: return;
    default: fail(jpeg);
  }
}

jpeg_error_mgr* start(Errors& errors) {
  jpeg_error_mgr* manager = jpeg_std_error(&errors.manager);
  manager->error_exit = fail;
  manager->emit_message = on_message;
  return manager;
}

// A progressive file may hold any number of scans, and each costs a pass over the whole image: a
// few kilobytes could keep us busy for hours. Encoders write a dozen.
void limit_scans(j_common_ptr jpeg) {
  constexpr int kMaxScans = 500;
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number <= kMaxScans) return;
  auto* errors = reinterpret_cast<Errors*>(jpeg->err);
  std::snprintf(errors->message, sizeof(errors->message), "more than %d scans", kMaxScans);
  errors->code = ErrorCode::kLimit;
  std::longjmp(errors->jump, 1);
}

struct Decompressor {
  jpeg_decompress_struct jpeg{};
  Errors errors;
  jpeg_progress_mgr progress{};
  Decompressor() {
    jpeg.err = start(errors);
    progress.progress_monitor = limit_scans;
  }
  ~Decompressor() { jpeg_destroy_decompress(&jpeg); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
};

bool read_header(Decompressor& decompressor, const ImageFile& file) {
  jpeg_decompress_struct& jpeg = decompressor.jpeg;
  if (setjmp(decompressor.errors.jump)) return false;
  jpeg_create_decompress(&jpeg);
  jpeg.progress = &decompressor.progress;
  jpeg_mem_src(&jpeg, file.data(), static_cast<unsigned long>(file.size()));
  jpeg_save_markers(&jpeg, JPEG_APP0 + 1, 0xffff);  // EXIF
  jpeg_read_header(&jpeg, TRUE);
  return true;
}

// `rgb` has the image's size. `cmyk` is a row of 4 bytes a pixel, or null if the output is RGB.
bool read_pixels(Decompressor& decompressor, std::uint8_t* rgb, std::uint8_t* cmyk) {
  jpeg_decompress_struct& jpeg = decompressor.jpeg;
  if (setjmp(decompressor.errors.jump)) return false;
  jpeg.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&jpeg);
  const std::size_t stride = std::size_t{3} * jpeg.output_width;
  while (jpeg.output_scanline < jpeg.output_height) {
    std::uint8_t* to = rgb + jpeg.output_scanline * stride;
    JSAMPROW row = cmyk ? cmyk : to;
    jpeg_read_scanlines(&jpeg, &row, 1);
    if (!cmyk) continue;
    // The amounts of light that each ink lets through, multiplied. Adobe stores those amounts,
    // everybody else the ink.
    const int flip = jpeg.saw_Adobe_marker ? 0 : 255;
    for (JDIMENSION x = 0; x < jpeg.output_width; ++x) {
      const int black = cmyk[4 * x + 3] ^ flip;
      for (int c = 0; c < 3; ++c) {
        to[3 * x + c] = static_cast<std::uint8_t>(((cmyk[4 * x + c] ^ flip) * black + 127) / 255);
      }
    }
  }
  jpeg_finish_decompress(&jpeg);  // reads up to the end marker: its absence is an error
  return true;
}

bool recognises(std::span<const std::byte> bytes) { return starts_with(bytes, "\xff\xd8\xff"); }

Error decode_error(const Decompressor& decompressor, const ImageFile& file) {
  return file_error(decompressor.errors.code, file.name,
                    std::string("can't decode JPEG: ") + decompressor.errors.message);
}

Result<DecodedImage> decode(const ImageFile& file) {
  Decompressor decompressor;
  const jpeg_decompress_struct& jpeg = decompressor.jpeg;
  if (!read_header(decompressor, file)) return decode_error(decompressor, file);
  if (const Status size = check_size(file, jpeg.image_width, jpeg.image_height); !size) {
    return size.error();
  }
  if (jpeg.data_precision != 8) {
    return file_error(
        ErrorCode::kUnsupported, file.name,
        "can't decode JPEG: has " + std::to_string(jpeg.data_precision) + " bits a sample, expected 8");
  }
  bool cmyk = false;
  switch (jpeg.jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_RGB:
    case JCS_YCbCr: break;
    case JCS_CMYK:
    case JCS_YCCK: cmyk = true; break;
    default:
      return file_error(ErrorCode::kUnsupported, file.name,
                        "can't decode JPEG: has " + std::to_string(jpeg.num_components) +
                            " colour components, expected grey, RGB, YCbCr, CMYK or YCCK");
  }

  DecodedImage decoded;
  for (const jpeg_marker_struct* marker = jpeg.marker_list; marker; marker = marker->next) {
    // APP1 is shared with XMP.
    const std::span<const std::byte> data(reinterpret_cast<const std::byte*>(marker->data),
                                          marker->data_length);
    if (marker->marker == JPEG_APP0 + 1 && starts_with(data, {"Exif\0\0", 6})) {
      decoded.orientation = exif_orientation({marker->data, marker->data_length});
      break;
    }
  }
  decoded.image = make_image(jpeg.image_width, jpeg.image_height);
  std::vector<std::uint8_t> row(cmyk ? std::size_t{4} * jpeg.image_width : 0);
  if (!read_pixels(decompressor, decoded.image.rgb.data(), cmyk ? row.data() : nullptr)) {
    return decode_error(decompressor, file);
  }
  return decoded;
}

struct Compressor {
  jpeg_compress_struct jpeg{};
  Errors errors;
  unsigned char* bytes = nullptr;  // libjpeg's, from malloc
  unsigned long size = 0;
  Compressor() { jpeg.err = start(errors); }
  ~Compressor() {
    jpeg_destroy_compress(&jpeg);
    std::free(bytes);
  }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
};

bool write(Compressor& compressor, const Image& image, int quality, bool halve_colours) {
  jpeg_compress_struct& jpeg = compressor.jpeg;
  if (setjmp(compressor.errors.jump)) return false;
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &compressor.bytes, &compressor.size);
  jpeg.image_width = static_cast<JDIMENSION>(image.width);
  jpeg.image_height = static_cast<JDIMENSION>(image.height);
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, TRUE);
  const int samples = halve_colours ? 2 : 1;
  jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = samples;
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    // libjpeg does not write to its input, it only lacks the const.
    JSAMPROW row =
        const_cast<JSAMPROW>(image.rgb.data() + std::size_t{3} * jpeg.image_width * jpeg.next_scanline);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  return true;
}

Result<std::vector<std::byte>> compress(const Image& image, int quality, bool halve_colours,
                                        const std::string& name) {
  Compressor compressor;
  if (!write(compressor, image, quality, halve_colours)) {
    return file_error(compressor.errors.code, name,
                      std::string("can't encode JPEG: ") + compressor.errors.message);
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(compressor.bytes);
  return std::vector<std::byte>(bytes, bytes + compressor.size);
}

Result<std::vector<std::byte>> encode(const Image& image, const std::string& name) {
  // Thin coloured lines (boxes drawn on faces) smear when the colours have half the resolution.
  return compress(image, kSaveQuality, false, name);
}

constexpr std::string_view kExtensions[] = {".jpg", ".jpeg", ".jpe", ".jfif"};

}  // namespace

Result<std::vector<std::byte>> encode_jpeg(const Image& image, int quality) {
  return compress(image, quality, true, ".jpg");
}

const Codec kJpegCodec{"JPEG", kExtensions, std::span(kExtensions).first(2), recognises, decode, encode};

}  // namespace mtcnn
