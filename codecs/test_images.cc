#include "codecs/test_images.h"

#include <png.h>
#include <webp/encode.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <span>
#include <string_view>
#include <utility>

// It needs FILE and size_t.
// clang-format off
#include <jpeglib.h>
// clang-format on

namespace mtcnn {
namespace {

constexpr int kWidth = 13;  // odd, and no multiple of any block size
constexpr int kHeight = 9;

// What encoders are given: a channel's value at a place, 0 to `most`.
std::uint32_t sample(int x, int y, int channel, std::uint32_t most) {
  const auto v = static_cast<std::uint32_t>(37 * x + 101 * y + 71 * channel + x * y * (channel + 1));
  return v * 2654435761u % (most + 1);
}

std::uint8_t to_8_bits(std::uint32_t value, std::uint32_t most) {
  return static_cast<std::uint8_t>((2 * 255 * value + most) / (2 * most));
}

Image blank(int width, int height) {
  return {width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * width * height))};
}

Image paint(int width, int height, const std::function<std::uint8_t(int x, int y, int channel)>& value) {
  Image image = blank(width, height);
  std::uint8_t* to = image.rgb.data();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) *to++ = value(x, y, c);
    }
  }
  return image;
}

// How the picture whose top left corner is stored at the top right, and so on, looks upright: row
// by row from the words of the EXIF standard, not from the code under test.
Image stored_as(const Image& upright, int orientation) {
  const int w = upright.width;
  const int h = upright.height;
  const bool turned = orientation >= 5;
  return paint(turned ? h : w, turned ? w : h, [&](int column, int row, int c) {
    int x = 0;
    int y = 0;
    switch (orientation) {  // the side of the picture that the first row is, then the first column
      case 1:
        y = row;
        x = column;
        break;  // top, left
      case 2:
        y = row;
        x = w - 1 - column;
        break;  // top, right
      case 3:
        y = h - 1 - row;
        x = w - 1 - column;
        break;  // bottom, right
      case 4:
        y = h - 1 - row;
        x = column;
        break;  // bottom, left
      case 5:
        x = row;
        y = column;
        break;  // left, top
      case 6:
        x = w - 1 - row;
        y = column;
        break;  // right, top
      case 7:
        x = w - 1 - row;
        y = h - 1 - column;
        break;  // right, bottom
      case 8:
        x = row;
        y = h - 1 - column;
        break;  // left, bottom
    }
    return upright.rgb[static_cast<std::size_t>(3 * (y * w + x) + c)];
  });
}

void append(Bytes& to, std::string_view text) {
  for (const char c : text) to.push_back(static_cast<std::byte>(c));
}
void append(Bytes& to, const Bytes& bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }
void append_le(Bytes& to, std::uint32_t value, int count) {
  for (; count > 0; --count, value >>= 8) to.push_back(static_cast<std::byte>(value));
}
void append_be(Bytes& to, std::uint32_t value, int count) {
  while (count-- > 0) to.push_back(static_cast<std::byte>(value >> 8 * count));
}

// --- JPEG
// ------------------------------------------------------------------------------------------

struct JpegKind {
  J_COLOR_SPACE input = JCS_RGB;  // RGB, grey or CMYK
  J_COLOR_SPACE stored = JCS_YCbCr;
  bool progressive = false;
  bool arithmetic = false;
  bool halve_colours = false;
  bool adobe = false;  // CMYK: with Adobe's marker
  int restart_rows = 0;
  int scan_levels = 0;  // progressive: a scan for each coefficient and each of this many bits of it
};

Bytes encode_jpeg_kind(int width, int height, const std::vector<std::uint8_t>& samples, const JpegKind& kind,
                       const Bytes& exif) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);  // prints and exits: a test that can't go on
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_width = static_cast<JDIMENSION>(width);
  jpeg.image_height = static_cast<JDIMENSION>(height);
  jpeg.in_color_space = kind.input;
  jpeg.input_components = kind.input == JCS_GRAYSCALE ? 1 : kind.input == JCS_CMYK ? 4 : 3;
  jpeg_set_defaults(&jpeg);
  jpeg_set_colorspace(&jpeg, kind.stored);
  jpeg_set_quality(&jpeg, 100, TRUE);
  jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = kind.halve_colours ? 2 : 1;
  if (kind.stored == JCS_YCCK) {
    jpeg.comp_info[3].h_samp_factor = jpeg.comp_info[3].v_samp_factor = 1;
  }
  if (kind.input == JCS_CMYK) jpeg.write_Adobe_marker = kind.adobe ? TRUE : FALSE;
  if (kind.progressive) jpeg_simple_progression(&jpeg);
  std::vector<jpeg_scan_info> scans;
  if (kind.scan_levels > 0) {
    scans.push_back({3, {0, 1, 2}, 0, 0, 0, 0});
    for (int level = kind.scan_levels - 1; level >= 0; --level) {
      const int above = level == kind.scan_levels - 1 ? 0 : level + 1;
      for (int k = 1; k < DCTSIZE2; ++k) {
        for (int c = 0; c < 3; ++c) scans.push_back({1, {c}, k, k, above, level});
      }
    }
    jpeg.scan_info = scans.data();
    jpeg.num_scans = static_cast<int>(scans.size());
  }
  jpeg.arith_code = kind.arithmetic ? TRUE : FALSE;
  jpeg.restart_in_rows = kind.restart_rows;
  jpeg_start_compress(&jpeg, TRUE);
  if (!exif.empty()) {
    Bytes marker;
    append(marker, {"Exif\0\0", 6});
    append(marker, exif);
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(marker.data()),
                      static_cast<unsigned>(marker.size()));
  }
  const auto stride = static_cast<std::size_t>(width * jpeg.input_components);
  while (jpeg.next_scanline < jpeg.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(samples.data() + stride * jpeg.next_scanline);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  const auto* begin = reinterpret_cast<const std::byte*>(bytes);
  Bytes result(begin, begin + size);
  jpeg_destroy_compress(&jpeg);
  std::free(bytes);
  return result;
}

void add_jpegs(std::vector<TestImage>& images) {
  constexpr int kSide = 37;
  const Image image = gradient(kSide, kSide - 10);
  const auto add = [&](const std::string& name, const std::vector<std::uint8_t>& samples,
                       const JpegKind& kind, const Image& expected, int tolerance) {
    images.push_back(
        {name + ".jpg", encode_jpeg_kind(image.width, image.height, samples, kind, {}), expected, tolerance});
  };
  add("baseline", image.rgb, {}, image, 3);
  add("progressive", image.rgb, {.progressive = true}, image, 3);
  add("arithmetic", image.rgb, {.arithmetic = true}, image, 3);
  add("420", image.rgb, {.halve_colours = true}, image, 16);
  add("progressive 420", image.rgb, {.progressive = true, .halve_colours = true}, image, 16);
  add("stored as rgb", image.rgb, {.stored = JCS_RGB}, image, 2);
  add("restarts", image.rgb, {.restart_rows = 1}, image, 3);

  std::vector<std::uint8_t> grey;
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) grey.push_back(image.rgb[i]);
  add("grey", grey, {.input = JCS_GRAYSCALE, .stored = JCS_GRAYSCALE},
      paint(image.width, image.height,
            [&](int x, int y, int) { return grey[static_cast<std::size_t>(y * image.width + x)]; }),
      2);

  // Light that passes each of the four inks; Adobe stores just that, others the amount of ink.
  std::vector<std::uint8_t> light;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const auto at = static_cast<std::size_t>(3 * (y * image.width + x));
      for (std::size_t c = 0; c < 3; ++c) light.push_back(image.rgb[at + c]);
      light.push_back(static_cast<std::uint8_t>(255 - 2 * x - 3 * y));
    }
  }
  std::vector<std::uint8_t> ink = light;
  for (std::uint8_t& value : ink) value = static_cast<std::uint8_t>(255 - value);
  const Image printed = paint(image.width, image.height, [&](int x, int y, int c) {
    const auto at = static_cast<std::size_t>(4 * (y * image.width + x));
    return to_8_bits(std::uint32_t{light[at + static_cast<std::size_t>(c)]} * light[at + 3], 255 * 255);
  });
  add("cmyk", ink, {.input = JCS_CMYK, .stored = JCS_CMYK}, printed, 3);
  add("cmyk adobe", light, {.input = JCS_CMYK, .stored = JCS_CMYK, .adobe = true}, printed, 3);
  add("ycck adobe", light, {.input = JCS_CMYK, .stored = JCS_YCCK, .adobe = true}, printed, 4);
  add("ycck adobe progressive", light,
      {.input = JCS_CMYK, .stored = JCS_YCCK, .progressive = true, .adobe = true}, printed, 4);

  for (int orientation = 1; orientation <= 8; ++orientation) {
    images.push_back(
        {"exif " + std::to_string(orientation) + ".jpg",
         encode_jpeg(stored_as(image, orientation), make_exif(orientation, orientation % 2 == 0)), image, 4});
    images.push_back(
        {"exif of 32 bits " + std::to_string(orientation) + ".jpg",
         encode_jpeg(stored_as(image, orientation), make_exif(orientation, orientation % 2 == 0, true)),
         image, 4});
  }
}

// --- PNG
// -------------------------------------------------------------------------------------------

struct PngKind {
  int width = kWidth;
  int height = kHeight;
  int colour_type = PNG_COLOR_TYPE_RGB;
  int bits = 8;
  bool interlaced = false;
  bool transparency = false;  // a tRNS chunk
  Bytes exif = {};
};

int png_channels(int colour_type) {
  switch (colour_type) {
    case PNG_COLOR_TYPE_GRAY_ALPHA: return 2;
    case PNG_COLOR_TYPE_RGB: return 3;
    case PNG_COLOR_TYPE_RGB_ALPHA: return 4;
    default: return 1;
  }
}

png_color palette_colour(std::uint32_t index) {
  return {static_cast<png_byte>(index * 7 + 3), static_cast<png_byte>(index * 13 + 5),
          static_cast<png_byte>(255 - index)};
}

Bytes encode_png(const PngKind& kind, const std::function<std::uint32_t(int x, int y, int c)>& value) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  if (setjmp(png_jmpbuf(png))) std::abort();
  Bytes bytes;
  png_set_write_fn(
      png, &bytes,
      [](png_structp p, png_bytep data, std::size_t size) {
        const auto* from = reinterpret_cast<const std::byte*>(data);
        auto* to = static_cast<Bytes*>(png_get_io_ptr(p));
        to->insert(to->end(), from, from + size);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(kind.width), static_cast<png_uint_32>(kind.height),
               kind.bits, kind.colour_type, kind.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (kind.colour_type == PNG_COLOR_TYPE_PALETTE) {
    png_color palette[256];
    for (std::uint32_t i = 0; i < 256; ++i) palette[i] = palette_colour(i);
    png_set_PLTE(png, info, palette, 1 << kind.bits);
  }
  if (kind.transparency) {
    png_byte alpha[2] = {0, 100};
    png_color_16 transparent{};  // colour 0
    png_set_tRNS(png, info, alpha, 2, &transparent);
  }
  if (!kind.exif.empty()) {
    Bytes exif = kind.exif;
    png_set_eXIf_1(png, info, static_cast<png_uint_32>(exif.size()),
                   reinterpret_cast<png_bytep>(exif.data()));
  }
  png_write_info(png, info);
  const int channels = png_channels(kind.colour_type);
  std::vector<std::vector<png_byte>> rows;
  std::vector<png_bytep> pointers;
  for (int y = 0; y < kind.height; ++y) {
    std::vector<png_byte> row(static_cast<std::size_t>((kind.width * channels * kind.bits + 7) / 8));
    int bit = 0;
    for (int x = 0; x < kind.width; ++x) {
      for (int c = 0; c < channels; ++c, bit += kind.bits) {
        const std::uint32_t v = value(x, y, c);
        auto at = static_cast<std::size_t>(bit / 8);
        if (kind.bits == 16) {
          row[at] = static_cast<png_byte>(v >> 8);
          row[at + 1] = static_cast<png_byte>(v);
        } else {
          row[at] = static_cast<png_byte>(row[at] | v << (8 - kind.bits - bit % 8));
        }
      }
    }
    rows.push_back(std::move(row));
  }
  for (auto& row : rows) pointers.push_back(row.data());
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

void add_pngs(std::vector<TestImage>& images) {
  struct Type {
    const char* name;
    int colour_type;
    std::vector<int> bits;
    bool has_trns;
  };
  const Type types[] = {
      {"grey", PNG_COLOR_TYPE_GRAY, {1, 2, 4, 8, 16}, true},
      {"grey+alpha", PNG_COLOR_TYPE_GRAY_ALPHA, {8, 16}, false},
      {"palette", PNG_COLOR_TYPE_PALETTE, {1, 2, 4, 8}, true},
      {"rgb", PNG_COLOR_TYPE_RGB, {8, 16}, true},
      {"rgba", PNG_COLOR_TYPE_RGB_ALPHA, {8, 16}, false},
  };
  for (const Type& type : types) {
    for (const int bits : type.bits) {
      for (const bool interlaced : {false, true}) {
        for (const bool transparency : {false, true}) {
          if (transparency && !type.has_trns) continue;
          const std::uint32_t most = (1u << bits) - 1;
          const auto value = [&](int x, int y, int c) { return sample(x, y, c, most); };
          const bool palette = type.colour_type == PNG_COLOR_TYPE_PALETTE;
          const bool colour = png_channels(type.colour_type) >= 3;
          const Image expected = paint(kWidth, kHeight, [&](int x, int y, int c) {
            if (!palette) return to_8_bits(value(x, y, colour ? c : 0), most);
            const png_color entry = palette_colour(value(x, y, 0));
            return c == 0 ? entry.red : c == 1 ? entry.green : entry.blue;
          });
          images.push_back({std::string(type.name) + " " + std::to_string(bits) +
                                (interlaced ? " interlaced" : "") + (transparency ? " trns" : "") + ".png",
                            encode_png({.colour_type = type.colour_type,
                                        .bits = bits,
                                        .interlaced = interlaced,
                                        .transparency = transparency},
                                       value),
                            expected});
        }
      }
    }
  }
  const Image upright = gradient(kWidth, kHeight);
  const Image stored = stored_as(upright, 5);
  images.push_back({"exif 5.png",
                    encode_png({.width = stored.width, .height = stored.height, .exif = make_exif(5)},
                               [&](int x, int y, int c) {
                                 return stored.rgb[static_cast<std::size_t>(3 * (y * stored.width + x) + c)];
                               }),
                    upright});
}

// --- WebP
// ------------------------------------------------------------------------------------------

Bytes take_webp(std::size_t size, std::uint8_t* bytes) {
  if (size == 0) std::abort();
  const auto* begin = reinterpret_cast<const std::byte*>(bytes);
  Bytes result(begin, begin + size);
  WebPFree(bytes);
  return result;
}

Bytes encode_lossless_webp(const Image& image) {
  std::uint8_t* bytes = nullptr;
  const std::size_t size =
      WebPEncodeLosslessRGB(image.rgb.data(), image.width, image.height, 3 * image.width, &bytes);
  return take_webp(size, bytes);
}

Bytes riff_chunk(std::string_view tag, const Bytes& payload) {
  Bytes chunk;
  append(chunk, tag);
  append_le(chunk, static_cast<std::uint32_t>(payload.size()), 4);
  append(chunk, payload);
  if (payload.size() % 2 != 0) chunk.push_back(std::byte{0});
  return chunk;
}

// An extended WebP file: flags, canvas, then these chunks.
Bytes extended_webp(unsigned flags, int width, int height, const std::vector<Bytes>& chunks) {
  Bytes canvas;
  append_le(canvas, flags, 4);
  append_le(canvas, static_cast<std::uint32_t>(width - 1), 3);
  append_le(canvas, static_cast<std::uint32_t>(height - 1), 3);
  Bytes content;
  append(content, "WEBP");
  append(content, riff_chunk("VP8X", canvas));
  for (const Bytes& chunk : chunks) append(content, chunk);
  return riff_chunk("RIFF", content);
}

void add_webps(std::vector<TestImage>& images) {
  const Image image = gradient(37, 27);
  std::uint8_t* bytes = nullptr;
  std::size_t size = WebPEncodeRGB(image.rgb.data(), image.width, image.height, 3 * image.width, 100, &bytes);
  images.push_back({"lossy.webp", take_webp(size, bytes), image, 16});
  images.push_back({"lossless.webp", encode_lossless_webp(image), image});

  std::vector<std::uint8_t> rgba;
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
    rgba.insert(rgba.end(),
                {image.rgb[i], image.rgb[i + 1], image.rgb[i + 2], static_cast<std::uint8_t>(1 + i % 250)});
  }
  bytes = nullptr;
  size = WebPEncodeLosslessRGBA(rgba.data(), image.width, image.height, 4 * image.width, &bytes);
  images.push_back({"lossless alpha.webp", take_webp(size, bytes), image});
  bytes = nullptr;
  size = WebPEncodeRGBA(rgba.data(), image.width, image.height, 4 * image.width, 100, &bytes);
  images.push_back({"lossy alpha.webp", take_webp(size, bytes), image, 16});

  // The chunk with the pixels is all of a simple file behind "RIFF", its size and "WEBP".
  const auto pixels = [](const Image& picture) {
    const Bytes simple = encode_lossless_webp(picture);
    return Bytes(simple.begin() + 12, simple.end());
  };
  const Image stored = stored_as(image, 7);
  images.push_back({"exif 7.webp",
                    extended_webp(0x08, stored.width, stored.height,
                                  {pixels(stored), riff_chunk("EXIF", make_exif(7, true))}),
                    image});

  // Two frames, the first at (2, 4) of a larger canvas.
  const auto frame = [&](const Image& picture, std::uint32_t x, std::uint32_t y) {
    Bytes payload;
    append_le(payload, x / 2, 3);
    append_le(payload, y / 2, 3);
    append_le(payload, static_cast<std::uint32_t>(picture.width - 1), 3);
    append_le(payload, static_cast<std::uint32_t>(picture.height - 1), 3);
    append_le(payload, 100, 3);  // milliseconds
    append_le(payload, 0, 1);
    append(payload, pixels(picture));
    return riff_chunk("ANMF", payload);
  };
  Image canvas = paint(41, 33, [&](int x, int y, int c) {
    const bool inside = x >= 2 && x < 2 + image.width && y >= 4 && y < 4 + image.height;
    return inside ? image.rgb[static_cast<std::size_t>(3 * ((y - 4) * image.width + x - 2) + c)]
                  : std::uint8_t{0};
  });
  images.push_back(
      {"animation.webp",
       extended_webp(0x02, 41, 33,
                     {riff_chunk("ANIM", Bytes(6)), frame(image, 2, 4), frame(gradient(8, 8), 0, 0)}),
       canvas});
}

// --- BMP
// -------------------------------------------------------------------------------------------

struct BmpKind {
  unsigned bits = 24;
  unsigned header = 40;
  bool top_down = false;
  std::vector<std::uint32_t> masks = {};  // red, green, blue: bit fields
  std::uint32_t colours = 0;              // of the palette; 0: as many as the bits allow
  std::size_t gap = 0;                    // bytes between header and pixels that nobody reads
};

TestImage make_bmp(const std::string& name, const BmpKind& kind) {
  const std::uint32_t colours = kind.bits > 8 ? 0 : kind.colours ? kind.colours : 1u << kind.bits;
  const bool core = kind.header == 12;
  Bytes palette;
  for (std::uint32_t i = 0; i < colours; ++i) {
    const png_color colour = palette_colour(i);
    append_le(palette, colour.blue, 1);
    append_le(palette, colour.green, 1);
    append_le(palette, colour.red, 1);
    if (!core) append_le(palette, 0, 1);
  }
  const bool masks_behind = !kind.masks.empty() && kind.header == 40;
  const std::size_t offset = 14 + kind.header + (masks_behind ? 12 : 0) + palette.size() + kind.gap;
  Bytes bytes;
  append(bytes, "BM");
  append_le(bytes, 0, 8);  // file size, which nobody trusts, and reserved
  append_le(bytes, static_cast<std::uint32_t>(offset), 4);
  append_le(bytes, kind.header, 4);
  append_le(bytes, kWidth, core ? 2 : 4);
  append_le(bytes, static_cast<std::uint32_t>(kind.top_down ? -kHeight : kHeight), core ? 2 : 4);
  append_le(bytes, 1, 2);
  append_le(bytes, kind.bits, 2);
  if (!core) {
    append_le(bytes, kind.masks.empty() ? 0 : 3, 4);
    append_le(bytes, 0, 12);
    append_le(bytes, kind.colours, 4);
    append_le(bytes, 0, 4);
    for (const std::uint32_t mask : kind.masks) append_le(bytes, mask, 4);
  }
  bytes.resize(14 + kind.header + (masks_behind ? 12 : 0));
  append(bytes, palette);
  bytes.resize(offset, std::byte{0xee});

  const std::vector<std::uint32_t> masks = !kind.masks.empty() ? kind.masks
                                           : kind.bits == 16
                                               ? std::vector<std::uint32_t>{0x7c00, 0x03e0, 0x001f}
                                               : std::vector<std::uint32_t>{0xff0000, 0xff00, 0xff};
  const auto most = [&](int c) {
    std::uint32_t mask = masks[static_cast<std::size_t>(c)];
    while (mask % 2 == 0) mask /= 2;
    return mask;
  };
  const auto index = [&](int x, int y) { return sample(x, y, 0, colours - 1); };
  std::size_t padding = 0;
  for (int row = 0; row < kHeight; ++row) {
    const int y = kind.top_down ? row : kHeight - 1 - row;
    std::uint32_t pending = 0;
    unsigned pending_bits = 0;
    const std::size_t begin = bytes.size();
    for (int x = 0; x < kWidth; ++x) {
      if (kind.bits <= 8) {
        pending = pending << kind.bits | index(x, y);
        pending_bits += kind.bits;
        if (pending_bits == 8) append_le(bytes, std::exchange(pending, 0), 1), pending_bits = 0;
      } else {
        std::uint32_t pixel = 0;
        for (int c = 0; c < 3; ++c) {
          const std::uint32_t mask = masks[static_cast<std::size_t>(c)];
          pixel |= sample(x, y, c, most(c)) * (mask / most(c));
        }
        append_le(bytes, pixel, static_cast<int>(kind.bits / 8));
      }
    }
    if (pending_bits > 0) append_le(bytes, pending << (8 - pending_bits), 1);
    padding = (4 - (bytes.size() - begin) % 4) % 4;
    append_le(bytes, 0, static_cast<int>(padding));
  }
  const Image expected = paint(kWidth, kHeight, [&](int x, int y, int c) {
    if (kind.bits > 8) return to_8_bits(sample(x, y, c, most(c)), most(c));
    const png_color entry = palette_colour(index(x, y));
    return c == 0 ? entry.red : c == 1 ? entry.green : entry.blue;
  });
  const std::size_t needed = bytes.size() - padding;
  return {name + ".bmp", std::move(bytes), expected, 0, needed};
}

void add_bmps(std::vector<TestImage>& images) {
  images.push_back(make_bmp("1", {.bits = 1}));
  images.push_back(make_bmp("4", {.bits = 4}));
  images.push_back(make_bmp("8", {.bits = 8}));
  images.push_back(make_bmp("8 of 200", {.bits = 8, .colours = 200}));
  images.push_back(make_bmp("16", {.bits = 16}));
  images.push_back(make_bmp("16 fields", {.bits = 16, .masks = {0xf800, 0x07e0, 0x001f}}));
  images.push_back(make_bmp("24", {}));
  images.push_back(make_bmp("24 gap", {.gap = 10}));
  images.push_back(make_bmp("24 top down", {.top_down = true}));
  images.push_back(make_bmp("32", {.bits = 32}));
  images.push_back(make_bmp("32 fields", {.bits = 32, .masks = {0xff, 0xff00, 0xff0000}}));
  images.push_back(make_bmp("32 v4", {.bits = 32, .header = 108, .masks = {0x3ff00000, 0xffc00, 0x3ff}}));
  images.push_back(make_bmp("24 v5", {.header = 124}));
  images.push_back(make_bmp("1 os2", {.bits = 1, .header = 12}));
  images.push_back(make_bmp("8 os2", {.bits = 8, .header = 12}));
  images.push_back(make_bmp("24 os2", {.header = 12}));
}

// --- GIF
// -------------------------------------------------------------------------------------------

// The pixel data of a frame: LZW, in sub-blocks.
Bytes lzw(const std::vector<std::uint8_t>& indices, int bits) {
  std::vector<std::uint8_t> packed;
  std::uint32_t pending = 0;
  int pending_bits = 0;
  const int clear = 1 << bits;
  int code_bits = bits + 1;
  int next = clear + 2;
  std::map<std::pair<int, int>, int> table;
  const auto put = [&](int code) {
    pending |= static_cast<std::uint32_t>(code) << pending_bits;
    pending_bits += code_bits;
    for (; pending_bits >= 8; pending_bits -= 8, pending >>= 8) {
      packed.push_back(static_cast<std::uint8_t>(pending));
    }
  };
  put(clear);
  int prefix = -1;
  for (const std::uint8_t index : indices) {
    if (prefix < 0) {
      prefix = index;
      continue;
    }
    const auto known = table.find({prefix, index});
    if (known != table.end()) {
      prefix = known->second;
      continue;
    }
    put(prefix);
    table[{prefix, index}] = next;
    if (next == 1 << code_bits && code_bits < 12) ++code_bits;
    if (++next == 4096) {
      put(clear);
      table.clear();
      next = clear + 2;
      code_bits = bits + 1;
    }
    prefix = index;
  }
  put(prefix);
  // The decoder has taken one more code into its table by now.
  if (next == 1 << code_bits && code_bits < 12) ++code_bits;
  put(clear + 1);
  if (pending_bits > 0) packed.push_back(static_cast<std::uint8_t>(pending));

  Bytes bytes;
  append_le(bytes, static_cast<std::uint32_t>(bits), 1);
  for (std::size_t at = 0; at < packed.size(); at += 255) {
    const std::size_t count = std::min<std::size_t>(255, packed.size() - at);
    append_le(bytes, static_cast<std::uint32_t>(count), 1);
    for (std::size_t i = 0; i < count; ++i) append_le(bytes, packed[at + i], 1);
  }
  append_le(bytes, 0, 1);
  return bytes;
}

struct GifKind {
  int width = kWidth, height = kHeight;  // of the screen
  int left = 0, top = 0;                 // of the frame, whose size is what is left of it
  int bits = 4;
  bool local_palette = false;
  bool interlaced = false;
  bool transparent = false;  // colour 3
  bool comment = false;
  bool second_frame = false;
  int background = 0;
};

TestImage make_gif(const std::string& name, const GifKind& kind) {
  const int w = kind.width - kind.left;
  const int h = kind.height - kind.top;
  const std::uint32_t most = (1u << kind.bits) - 1;
  const auto index = [&](int x, int y) {
    // Runs and noise, so that the table both is used and overflows.
    return static_cast<std::uint8_t>(sample(x / 3, y, x % 2, most));
  };
  Bytes palette;
  for (std::uint32_t i = 0; i <= most; ++i) {
    const png_color colour = palette_colour(i);
    for (const png_byte value : {colour.red, colour.green, colour.blue}) {
      append_le(palette, value, 1);
    }
  }
  const auto table_flags = static_cast<std::uint32_t>(0x80 | (kind.bits - 1));
  Bytes bytes;
  append(bytes, kind.transparent || kind.comment ? "GIF89a" : "GIF87a");
  append_le(bytes, static_cast<std::uint32_t>(kind.width), 2);
  append_le(bytes, static_cast<std::uint32_t>(kind.height), 2);
  append_le(bytes, kind.local_palette ? 0 : table_flags, 1);
  append_le(bytes, static_cast<std::uint32_t>(kind.background), 1);
  append_le(bytes, 0, 1);
  if (!kind.local_palette) append(bytes, palette);
  if (kind.comment) append(bytes, {"\x21\xfe\x05hello\x03you\x00", 13});
  if (kind.transparent) append(bytes, {"\x21\xf9\x04\x01\x00\x00\x03\x00", 8});
  std::size_t needed = 0;
  for (int frame = 0; frame <= (kind.second_frame ? 1 : 0); ++frame) {
    append(bytes, ",");
    for (const int value : {kind.left, kind.top, w, h}) {
      append_le(bytes, static_cast<std::uint32_t>(value), 2);
    }
    append_le(bytes, (kind.local_palette ? table_flags : 0) | (kind.interlaced ? 0x40u : 0), 1);
    if (kind.local_palette) append(bytes, palette);
    std::vector<int> rows;
    if (kind.interlaced) {
      for (int y = 0; y < h; y += 8) rows.push_back(y);
      for (int y = 4; y < h; y += 8) rows.push_back(y);
      for (int y = 2; y < h; y += 4) rows.push_back(y);
      for (int y = 1; y < h; y += 2) rows.push_back(y);
    } else {
      for (int y = 0; y < h; ++y) rows.push_back(y);
    }
    std::vector<std::uint8_t> indices;
    for (const int y : rows) {
      for (int x = 0; x < w; ++x) {
        indices.push_back(frame == 0 ? index(x + kind.left, y + kind.top) : std::uint8_t{1});
      }
    }
    append(bytes, lzw(indices, std::max(kind.bits, 2)));
    if (frame == 0) needed = bytes.size();
  }
  append(bytes, ";");
  const Image expected = paint(kind.width, kind.height, [&](int x, int y, int c) {
    if (x < kind.left || y < kind.top) return std::uint8_t{0};
    const png_color entry = palette_colour(index(x, y));
    return c == 0 ? entry.red : c == 1 ? entry.green : entry.blue;
  });
  return {name + ".gif", std::move(bytes), expected, 0, needed};
}

void add_gifs(std::vector<TestImage>& images) {
  images.push_back(make_gif("plain", {}));
  images.push_back(make_gif("two colours", {.bits = 1}));
  images.push_back(make_gif("256 colours", {.width = 60, .height = 90, .bits = 8}));
  images.push_back(make_gif("local palette", {.local_palette = true}));
  images.push_back(make_gif("interlaced", {.interlaced = true}));
  images.push_back(make_gif("transparent", {.transparent = true}));
  images.push_back(make_gif("comment", {.comment = true}));
  images.push_back(make_gif("part of the screen", {.left = 3, .top = 2, .background = 5}));
  images.push_back(make_gif("animation", {.comment = true, .second_frame = true}));
}

// --- PNM
// -------------------------------------------------------------------------------------------

TestImage make_pnm(const std::string& name, int kind, std::uint32_t most) {
  const bool bitmap = kind == 1 || kind == 4;
  const bool raw = kind >= 4;
  const int channels = kind == 3 || kind == 6 ? 3 : 1;
  Bytes bytes;
  for (const std::string& text :
       {std::string("P"), std::to_string(kind), std::string("\n# a comment\n"), std::to_string(kWidth),
        std::string(" "), std::to_string(kHeight), std::string("\n")}) {
    append(bytes, text);
  }
  if (!bitmap) append(bytes, std::to_string(most).append("\n"));
  for (int y = 0; y < kHeight; ++y) {
    std::uint32_t bits = 0;
    for (int x = 0; x < kWidth; ++x) {
      for (int c = 0; c < channels; ++c) {
        const std::uint32_t v = sample(x, y, c, most);
        if (bitmap && raw) {
          bits = bits << 1 | v;
          if (x % 8 == 7) append_be(bytes, std::exchange(bits, 0), 1);
        } else if (raw) {
          append_be(bytes, v, most > 255 ? 2 : 1);
        } else {
          append(bytes, std::to_string(v) + (bitmap ? "" : " "));
        }
      }
    }
    if (bitmap && raw) append_be(bytes, bits << (8 - kWidth % 8), 1);
    if (!raw) append(bytes, "\n");
  }
  const Image expected = paint(kWidth, kHeight, [&](int x, int y, int c) {
    const std::uint32_t v = sample(x, y, channels == 3 ? c : 0, most);
    return bitmap ? static_cast<std::uint8_t>(v ? 0 : 255) : to_8_bits(v, most);
  });
  std::size_t needed = bytes.size();
  if (!raw) {  // the whole last number must be there, at least its first digit
    needed -= bitmap ? 1 : 2;
    while (!bitmap && bytes[needed - 1] != std::byte{' '}) --needed;
    if (!bitmap) ++needed;
  }
  return {name, std::move(bytes), expected, 0, needed};
}

void add_pnms(std::vector<TestImage>& images) {
  images.push_back(make_pnm("text.pbm", 1, 1));
  images.push_back(make_pnm("text.pgm", 2, 255));
  images.push_back(make_pnm("text.ppm", 3, 9));
  images.push_back(make_pnm("raw.pbm", 4, 1));
  images.push_back(make_pnm("raw.pgm", 5, 255));
  images.push_back(make_pnm("raw 16.pgm", 5, 65535));
  images.push_back(make_pnm("raw.ppm", 6, 255));
  images.push_back(make_pnm("raw 5.ppm", 6, 31));
  images.push_back(make_pnm("raw 10.ppm", 6, 1023));
}

}  // namespace

std::vector<TestImage> test_images() {
  std::vector<TestImage> images;
  add_jpegs(images);
  add_pngs(images);
  add_webps(images);
  add_bmps(images);
  add_gifs(images);
  add_pnms(images);
  for (TestImage& image : images) {
    if (image.needed == 0) image.needed = image.bytes.size();
  }
  return images;
}

Image gradient(int width, int height) {
  return paint(width, height, [&](int x, int y, int c) {
    const int v = c == 0 ? 255 * x / width : c == 1 ? 255 * y / height : 60 + (x + 2 * y) % 120;
    return static_cast<std::uint8_t>(v);
  });
}

Bytes encode_grey16_png(int width, int height, const std::vector<std::uint16_t>& samples) {
  return encode_png({.width = width, .height = height, .colour_type = PNG_COLOR_TYPE_GRAY, .bits = 16},
                    [&](int x, int y, int) { return samples[static_cast<std::size_t>(y * width + x)]; });
}

Bytes encode_jpeg(const Image& image, const Bytes& exif) {
  return encode_jpeg_kind(image.width, image.height, image.rgb, {}, exif);
}

Bytes encode_many_scans(const Image& image, int levels) {
  return encode_jpeg_kind(image.width, image.height, image.rgb, {.scan_levels = levels}, {});
}

Bytes make_exif(int orientation, bool big_endian, bool as_long) {
  const auto put = [&](Bytes& to, std::uint32_t value, int count) {
    big_endian ? append_be(to, value, count) : append_le(to, value, count);
  };
  Bytes exif;
  append(exif, big_endian ? "MM" : "II");
  put(exif, 42, 2);
  put(exif, 8, 4);                // where the first directory stands
  put(exif, 1, 2);                // its entries
  put(exif, 0x0112, 2);           // orientation
  put(exif, as_long ? 4 : 3, 2);  // of 32 or 16 bits
  put(exif, 1, 4);
  put(exif, static_cast<std::uint32_t>(orientation), as_long ? 4 : 2);
  if (!as_long) put(exif, 0, 2);
  put(exif, 0, 4);  // no further directory
  return exif;
}

}  // namespace mtcnn
