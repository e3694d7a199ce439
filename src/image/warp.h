// Turned, scaled and shifted copies of a part of an image.
#ifndef MTCNN_IMAGE_WARP_H_
#define MTCNN_IMAGE_WARP_H_

#include <cstdint>
#include <span>

#include "mtcnn/align.h"
#include "mtcnn/types.h"

namespace mtcnn {

// Writes size.height rows of size.width RGB pixels, without gaps, to `rgb`: the part of `image`
// that `to_image` (pixels of the copy -> pixels of the image) points to. Enlarging interpolates
// bilinearly; shrinking averages the image over the area of each pixel of the copy. The image
// continues in the colour `fill` (RGB) beyond its edges.
//
// The time is bounded by the pixels of the copy and of the image, whatever the transform. Allocates
// nothing. Requires a view that check_view() accepts, an invertible transform (is_invertible()), a
// size of at least 1 x 1 and 3 * width * height bytes of `rgb`.
void warp(const ImageView& image, const Similarity& to_image, Size size,
          std::span<const std::uint8_t, 3> fill, std::uint8_t* rgb);

}  // namespace mtcnn

#endif  // MTCNN_IMAGE_WARP_H_
