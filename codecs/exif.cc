#include "codecs/exif.h"

#include <libexif/exif-data.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <vector>

namespace mtcnn {
namespace {

struct Unref {
  void operator()(ExifData* data) const { exif_data_unref(data); }
};

}  // namespace

int exif_orientation(std::span<const std::uint8_t> exif) {
  // The tag stands in the first directory, near the start. What follows (thumbnails) does not
  // matter and may be many megabytes in a PNG.
  constexpr std::size_t kRead = 65536;
  constexpr std::uint8_t kPrefix[] = {'E', 'x', 'i', 'f', 0, 0};
  exif = exif.first(std::min(exif.size(), kRead));
  std::vector<std::uint8_t> bytes;
  if (exif.size() < sizeof(kPrefix) || !std::equal(std::begin(kPrefix), std::end(kPrefix), exif.begin())) {
    bytes.assign(std::begin(kPrefix), std::end(kPrefix));
  }
  bytes.insert(bytes.end(), exif.begin(), exif.end());

  const std::unique_ptr<ExifData, Unref> data(exif_data_new());
  if (!data) return 1;
  // It would repair what the standard forbids, at length, and change nothing that we read.
  exif_data_unset_option(data.get(), EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
  exif_data_load_data(data.get(), bytes.data(), static_cast<unsigned>(bytes.size()));
  const ExifEntry* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry == nullptr || entry->components < 1 || entry->data == nullptr) return 1;
  const ExifByteOrder order = exif_data_get_byte_order(data.get());
  std::uint32_t orientation = 1;
  if (entry->format == EXIF_FORMAT_SHORT && entry->size >= 2) {
    orientation = exif_get_short(entry->data, order);
  } else if (entry->format == EXIF_FORMAT_LONG && entry->size >= 4) {
    // Against the standard, but some programs write it so.
    orientation = exif_get_long(entry->data, order);
  }
  return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
}

}  // namespace mtcnn
