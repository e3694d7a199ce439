#ifndef MTCNN_CODECS_EXIF_H_
#define MTCNN_CODECS_EXIF_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace mtcnn {

// The orientation tag, 1 to 8, of a block of EXIF data, with or without the "Exif\0\0" that JPEG
// puts before it. 1 (upright) if it is missing or unreadable: broken metadata do not cost the
// picture. May throw std::bad_alloc.
int exif_orientation(std::span<const std::uint8_t> exif);

}  // namespace mtcnn

#endif  // MTCNN_CODECS_EXIF_H_
