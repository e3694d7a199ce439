#include "apps/draw.h"

#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <numbers>
#include <optional>
#include <string>
#include <vector>

#include "apps/text.h"

// Fontconfig, which finds the labels' font, keeps a few hundred bytes to the end of the program. Leak
// checkers ask here what to pass over. (Cairo's built-in font needs no fontconfig, but takes its locks
// in changing order, which can stop two threads for good.)
// NOLINTBEGIN(bugprone-reserved-identifier): the name is theirs
extern "C" __attribute__((visibility("default"))) const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig\n"; }
// NOLINTEND(bugprone-reserved-identifier)

namespace mtcnn {
namespace {

constexpr int kMaxSide = 32767;

struct Colour {
  double red, green, blue;
};
constexpr Colour kBoxColour{.10, .85, .35};
constexpr Colour kPointColour{1, .85, .10};
constexpr Colour kDark{0, 0, 0};

// An image on which Cairo draws. Cairo keeps pixels as 32-bit words 0x00RRGGBB.
class Canvas {
 public:
  static Result<Canvas> create(const Image& image) {
    if (image.width > kMaxSide || image.height > kMaxSide) {
      return Error{ErrorCode::kLimit, "can't draw on " + std::to_string(image.width) + " x " +
                                          std::to_string(image.height) + " pixels: at most " +
                                          std::to_string(kMaxSide) + " a side"};
    }
    Canvas canvas(image);
    if (cairo_surface_status(canvas.surface_.get()) != CAIRO_STATUS_SUCCESS ||
        cairo_status(canvas.cairo_.get()) != CAIRO_STATUS_SUCCESS) {
      return Error{ErrorCode::kOutOfMemory, "not enough memory to draw"};
    }
    canvas.put(image);
    return canvas;
  }

  cairo_t* cairo() const { return cairo_.get(); }
  // Width of a line that looks right on a picture of this size.
  double line() const { return line_; }
  double font_size() const { return font_size_; }
  double width() const { return width_; }
  double height() const { return height_; }

  Image take() {
    cairo_surface_flush(surface_.get());
    Image image{width_, height_, {}};
    image.rgb.resize(std::size_t{3} * static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_));
    std::uint8_t* to = image.rgb.data();
    for (int y = 0; y < height_; ++y) {
      const std::uint32_t* from = row(y);
      for (int x = 0; x < width_; ++x, to += 3) {
        to[0] = static_cast<std::uint8_t>(from[x] >> 16);
        to[1] = static_cast<std::uint8_t>(from[x] >> 8);
        to[2] = static_cast<std::uint8_t>(from[x]);
      }
    }
    return image;
  }

 private:
  struct Free {
    void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
    void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
  };

  explicit Canvas(const Image& image)
      : width_(image.width),
        height_(image.height),
        line_(std::max(1.0, std::max(image.width, image.height) / 450.0)),
        font_size_(std::max(10.0, std::max(image.width, image.height) / 64.0)),
        surface_(cairo_image_surface_create(CAIRO_FORMAT_RGB24, image.width, image.height)),
        cairo_(cairo_create(surface_.get())) {
    cairo_select_font_face(cairo_.get(), "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    cairo_set_font_size(cairo_.get(), font_size_);
    cairo_set_line_join(cairo_.get(), CAIRO_LINE_JOIN_ROUND);
  }

  std::uint32_t* row(int y) const {
    return reinterpret_cast<std::uint32_t*>(cairo_image_surface_get_data(surface_.get()) +
                                            static_cast<std::ptrdiff_t>(y) *
                                                cairo_image_surface_get_stride(surface_.get()));
  }

  void put(const Image& image) {
    cairo_surface_flush(surface_.get());
    const std::uint8_t* from = image.rgb.data();
    for (int y = 0; y < height_; ++y) {
      std::uint32_t* const to = row(y);
      for (int x = 0; x < width_; ++x, from += 3) {
        to[x] = std::uint32_t{from[0]} << 16 | std::uint32_t{from[1]} << 8 | from[2];
      }
    }
    cairo_surface_mark_dirty(surface_.get());
  }

  int width_;
  int height_;
  double line_;
  double font_size_;
  std::unique_ptr<cairo_surface_t, Free> surface_;
  std::unique_ptr<cairo_t, Free> cairo_;
};

void set_colour(const Canvas& canvas, Colour colour, double alpha = 1) {
  cairo_set_source_rgba(canvas.cairo(), colour.red, colour.green, colour.blue, alpha);
}

// A box in `colour` with a thin dark edge, to be seen on light and dark ground alike.
void draw_box(const Canvas& canvas, const Box& box, double line, double alpha) {
  cairo_t* const cairo = canvas.cairo();
  cairo_rectangle(cairo, box.left, box.top, box.width(), box.height());
  set_colour(canvas, kDark, .5 * alpha);
  cairo_set_line_width(cairo, line + std::max(1.0, .5 * line));
  cairo_stroke_preserve(cairo);
  set_colour(canvas, kBoxColour, alpha);
  cairo_set_line_width(cairo, line);
  cairo_stroke(cairo);
}

// Dark text on a patch of colour, its lower left corner at (x, y), moved to lie inside the picture.
void draw_label(const Canvas& canvas, const std::string& text, double x, double y, double size) {
  cairo_t* const cairo = canvas.cairo();
  cairo_set_font_size(cairo, size);
  cairo_font_extents_t font;
  cairo_text_extents_t extents;
  cairo_font_extents(cairo, &font);
  cairo_text_extents(cairo, text.c_str(), &extents);
  const double pad = .2 * size;
  const double width = extents.x_advance + 2 * pad;
  const double height = font.ascent + font.descent;
  x = std::max(0.0, std::min(x, canvas.width() - width));
  y = std::max(height, std::min(y, canvas.height()));
  cairo_rectangle(cairo, x, y - height, width, height);
  set_colour(canvas, kBoxColour, .85);
  cairo_fill(cairo);
  cairo_move_to(cairo, x + pad, y - font.descent);
  set_colour(canvas, kDark);
  cairo_show_text(cairo, text.c_str());
}

void draw_point(const Canvas& canvas, Point point, double radius) {
  cairo_t* const cairo = canvas.cairo();
  cairo_new_path(cairo);
  cairo_arc(cairo, point.x, point.y, radius, 0, 2 * std::numbers::pi);
  set_colour(canvas, kPointColour);
  cairo_fill_preserve(cairo);
  set_colour(canvas, kDark, .7);
  cairo_set_line_width(cairo, std::max(.5, .3 * radius));
  cairo_stroke(cairo);
}

void draw_caption(const Canvas& canvas, const std::string& caption) {
  if (!caption.empty()) draw_label(canvas, caption, 0, 0, canvas.font_size());
}

Result<Image> draw_all(const Image& image, std::span<const Face> faces, const std::string& caption,
                       std::span<const std::string> labels) {
  try {
    auto canvas = Canvas::create(image);
    if (!canvas) return canvas.error();
    // Best scores last, on top.
    for (std::size_t i = faces.size(); i-- > 0;) {
      const Face& face = faces[i];
      const double side = std::max(face.box.width(), face.box.height());
      const double line = std::clamp(side / 40, 1.0, canvas->line());
      draw_box(*canvas, face.box, line, 1);
      for (const Point& point : face.landmarks) {
        draw_point(*canvas, point, std::clamp(side / 40, 1.0, 1.6 * canvas->line()));
      }
      draw_label(*canvas, labels[i], face.box.left - line / 2, face.box.top - line / 2,
                 std::clamp(side / 4, 8.0, canvas->font_size()));
    }
    draw_caption(*canvas, caption);
    return canvas->take();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "not enough memory to draw"};
  }
}

}  // namespace

Result<Image> draw_faces(const Image& image, std::span<const Face> faces) {
  return draw_faces(image, faces, std::string());
}

Result<Image> draw_faces(const Image& image, std::span<const Face> faces, const std::string& caption) {
  std::vector<std::string> scores;
  // Three digits are enough to tell .99 from .999, and fit above a small face.
  for (const Face& face : faces) scores.push_back(format_fixed(std::floor(face.score * 1000) / 1000, 3));
  return draw_all(image, faces, caption, scores);
}

Result<Image> draw_faces(const Image& image, std::span<const Face> faces,
                         std::span<const std::string> labels) {
  return draw_all(image, faces, "", labels);
}

Result<Image> draw_candidates(const Image& image, std::span<const Candidate> candidates,
                              const std::string& caption) {
  try {
    auto canvas = Canvas::create(image);
    if (!canvas) return canvas.error();
    for (std::size_t i = candidates.size(); i-- > 0;) {
      const Candidate& candidate = candidates[i];
      draw_box(*canvas, candidate.box, std::max(1.0, .6 * canvas->line()),
               std::clamp<double>(candidate.score, .3, 1));
    }
    draw_caption(*canvas, caption);
    return canvas->take();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "not enough memory to draw"};
  }
}

}  // namespace mtcnn
