// PNM: PBM, PGM and PPM, as text (P1 to P3) and raw (P4 to P6). Our own reader: stb_image's ignores
// the maximum value, reads neither bitmaps nor text, and hands out uninitialised memory for a file
// that ends early.
#include <cstddef>
#include <limits>
#include <optional>
#include <span>

#include "codecs/codec.h"

namespace mtcnn {
namespace {

bool is_space(std::byte b) {
  const char c = static_cast<char>(b);
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_digit(std::byte b) { return b >= std::byte{'0'} && b <= std::byte{'9'}; }

class Reader {
 public:
  explicit Reader(std::span<const std::byte> rest) : rest_(rest) {}

  std::size_t left() const { return rest_.size(); }
  std::uint32_t take() {  // requires left() > 0
    const auto value = std::to_integer<std::uint32_t>(rest_.front());
    rest_ = rest_.subspan(1);
    return value;
  }

  // Leaves out white space, and comments up to the end of their line.
  void skip_space() {
    bool comment = false;
    while (!rest_.empty()) {
      if (rest_.front() == std::byte{'#'}) comment = true;
      if (!comment && !is_space(rest_.front())) return;
      const std::uint32_t c = take();
      if (c == '\n' || c == '\r') comment = false;
    }
  }

  // The next decimal number, if there is one and it is at most `most`.
  std::optional<std::uint32_t> number(std::uint32_t most) {
    skip_space();
    if (rest_.empty() || !is_digit(rest_.front())) return std::nullopt;
    std::uint64_t value = 0;
    while (!rest_.empty() && is_digit(rest_.front())) {
      value = 10 * value + (take() - '0');
      if (value > most) return std::nullopt;
    }
    return static_cast<std::uint32_t>(value);
  }

 private:
  std::span<const std::byte> rest_;
};

bool recognises(std::span<const std::byte> bytes) {
  return bytes.size() >= 3 && bytes[0] == std::byte{'P'} && bytes[1] >= std::byte{'1'} &&
         bytes[1] <= std::byte{'6'} && (is_space(bytes[2]) || bytes[2] == std::byte{'#'});
}

Result<DecodedImage> decode(const ImageFile& file) {
  const auto error = [&](const char* what) {
    return file_error(ErrorCode::kFormat, file.name, std::string("can't decode PNM: ") + what);
  };
  const int kind = std::to_integer<int>(file.bytes[1]) - '0';
  const bool raw = kind >= 4;
  const bool bitmap = kind == 1 || kind == 4;
  const std::size_t channels = kind == 3 || kind == 6 ? 3 : 1;

  Reader reader(file.bytes.subspan(2));
  constexpr std::uint32_t kAny = std::numeric_limits<std::uint32_t>::max();
  const auto width = reader.number(kAny);
  const auto height = reader.number(kAny);
  if (!width || !height) return error("expected width and height");
  if (const Status size = check_size(file, *width, *height); !size) return size.error();
  std::uint32_t most = 1;
  if (!bitmap) {
    const auto value = reader.number(65535);
    if (!value || *value == 0) return error("expected a maximum value of 1 to 65535");
    most = *value;
  }
  if (raw) {
    if (reader.left() == 0) return error("premature end of file");
    reader.take();  // the one white space before the pixels
  }

  // Checked before the pixels are allocated: the fewest bytes that this many samples can take.
  const std::size_t row_samples = *width * channels;
  const std::size_t sample_bytes = most > 255 ? 2 : 1;
  const std::size_t row_bytes = !raw     ? row_samples
                                : bitmap ? (row_samples + 7) / 8
                                         : row_samples * sample_bytes;
  if (reader.left() < row_bytes * *height) return error("premature end of file");

  DecodedImage decoded;
  decoded.image = make_image(*width, *height);
  std::uint8_t* to = decoded.image.rgb.data();
  for (std::uint32_t y = 0; y < *height; ++y) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < row_samples; ++i) {
      std::uint32_t sample = 0;
      if (bitmap && raw) {
        if (i % 8 == 0) bits = reader.take();
        sample = bits >> (7 - i % 8) & 1;
      } else if (bitmap) {  // single digits, with or without space between them
        reader.skip_space();
        if (reader.left() == 0) return error("premature end of file");
        sample = reader.take() - '0';
      } else if (raw) {
        for (std::size_t b = 0; b < sample_bytes; ++b) sample = sample << 8 | reader.take();
      } else {
        const auto value = reader.number(most);
        if (!value) return error("premature end of file, or a value above the maximum");
        sample = *value;
      }
      if (sample > most) return error("a value above the maximum");
      if (bitmap) sample = 1 - sample;  // 1 is black
      const auto level = static_cast<std::uint8_t>((sample * 255 + most / 2) / most);
      for (std::size_t copies = 3 / channels; copies > 0; --copies) *to++ = level;
    }
  }
  return decoded;
}

Result<std::vector<std::byte>> encode(const Image& image, const std::string&) {
  const std::string header =
      "P6\n" + std::to_string(image.width) + " " + std::to_string(image.height) + "\n255\n";
  std::vector<std::byte> bytes;
  bytes.reserve(header.size() + image.rgb.size());
  for (const char c : header) bytes.push_back(static_cast<std::byte>(c));
  const auto* rgb = reinterpret_cast<const std::byte*>(image.rgb.data());
  bytes.insert(bytes.end(), rgb, rgb + image.rgb.size());
  return bytes;
}

constexpr std::string_view kExtensions[] = {".ppm", ".pgm", ".pbm", ".pnm"};

}  // namespace

const Codec kPnmCodec{"PNM", kExtensions, std::span(kExtensions).first(1), recognises, decode, encode};

}  // namespace mtcnn
