// Any pixel format to the RGB that the rest of the library reads.
#ifndef MTCNN_IMAGE_CONVERT_H_
#define MTCNN_IMAGE_CONVERT_H_

#include <cstdint>
#include <vector>

#include "mtcnn/types.h"

namespace mtcnn {

// `image` itself if it is kRgb8 already; else its pixels as RGB in `buffer`, which grows to fit.
// Grey becomes equal R, G and B; alpha is dropped. Requires a view that check_view() accepts.
ImageView as_rgb(const ImageView& image, std::vector<std::uint8_t>& buffer);

}  // namespace mtcnn

#endif  // MTCNN_IMAGE_CONVERT_H_
