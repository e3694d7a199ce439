#include "image/convert.h"

#include "image/view.h"

namespace mtcnn {
ImageView as_rgb(const ImageView& image, std::vector<std::uint8_t>& buffer) {
  if (image.format == PixelFormat::kRgb8) return image;
  const ChannelOrder order = channel_order(image.format);
  const int step = bytes_per_pixel(image.format);
  buffer.resize(std::size_t{3} * static_cast<std::size_t>(image.width) *
                static_cast<std::size_t>(image.height));
  std::uint8_t* to = buffer.data();
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* from = row(image, y);
    for (int x = 0; x < image.width; ++x, from += step, to += 3) {
      to[0] = from[order.red];
      to[1] = from[order.green];
      to[2] = from[order.blue];
    }
  }
  return {buffer.data(), image.width, image.height, std::ptrdiff_t{3} * image.width, PixelFormat::kRgb8};
}

}  // namespace mtcnn
