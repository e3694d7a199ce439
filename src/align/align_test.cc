#include "mtcnn/align.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "align/templates.h"

namespace mtcnn {
namespace {

// The published numbers, pixel centres counted from 0.
constexpr float kArcFace[5][2] = {{38.2946f, 51.6963f},
                                  {73.5318f, 51.5014f},
                                  {56.0252f, 71.7366f},
                                  {41.5493f, 92.3655f},
                                  {70.7299f, 92.2041f}};

AlignOptions sized(int width, int height, float margin = 0) {
  AlignOptions options;
  options.size = {width, height};
  options.margin = margin;
  return options;
}

Similarity turned(double degrees, double scale, double tx, double ty) {
  const double angle = degrees * 3.14159265358979 / 180;
  return {static_cast<float>(scale * std::cos(angle)), static_cast<float>(scale * std::sin(angle)),
          static_cast<float>(tx), static_cast<float>(ty)};
}

struct Picture {
  Picture(int w, int h, PixelFormat f = PixelFormat::kRgb8)
      : width(w),
        height(h),
        format(f),
        bytes(static_cast<std::size_t>(w) * static_cast<std::size_t>(h) *
              static_cast<std::size_t>(bytes_per_pixel(f))) {}
  ImageView view() const {
    return {bytes.data(), width, height, std::ptrdiff_t{width} * bytes_per_pixel(format), format};
  }
  std::uint8_t* pixel(int x, int y) {
    return bytes.data() + (std::ptrdiff_t{y} * width + x) * bytes_per_pixel(format);
  }
  int width, height;
  PixelFormat format;
  std::vector<std::uint8_t> bytes;
};

Picture noise(int width, int height, unsigned seed = 3) {
  Picture picture(width, height);
  std::mt19937 engine(seed);
  for (std::uint8_t& byte : picture.bytes) byte = static_cast<std::uint8_t>(engine() >> 24);
  return picture;
}

// A soft dot of this radius at each landmark, on a dark ground.
Picture dots(int width, int height, const Landmarks& landmarks, double radius) {
  Picture picture(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      double value = 20;
      for (const Point& p : landmarks) {
        const double dx = x + .5 - p.x;
        const double dy = y + .5 - p.y;
        value += 220 * std::exp(-.5 * (dx * dx + dy * dy) / (radius * radius));
      }
      std::fill_n(picture.pixel(x, y), 3, static_cast<std::uint8_t>(std::min(255.0, value + .5)));
    }
  }
  return picture;
}

// Centre of mass of the crop's brightness above the ground, around a point.
Point centroid(const AlignedCrop& crop, Point around, int reach) {
  double weight = 0, sx = 0, sy = 0;
  for (int y = std::max(0, static_cast<int>(around.y) - reach);
       y <= static_cast<int>(around.y) + reach && y < crop.height; ++y) {
    for (int x = std::max(0, static_cast<int>(around.x) - reach);
         x <= static_cast<int>(around.x) + reach && x < crop.width; ++x) {
      const double value = crop.rgb[(static_cast<std::size_t>(y) * static_cast<std::size_t>(crop.width) +
                                     static_cast<std::size_t>(x)) *
                                    3] -
                           20.0;
      weight += value;
      sx += value * (x + .5);
      sy += value * (y + .5);
    }
  }
  REQUIRE(weight > 0);
  return {static_cast<float>(sx / weight), static_cast<float>(sy / weight)};
}

// Landmarks that `to_image` makes of the crop's template: a face that fits it exactly.
Landmarks face_at(const AlignOptions& options, const Similarity& to_image) {
  const auto points = alignment_template(options);
  REQUIRE(points.ok());
  Landmarks result;
  for (std::size_t i = 0; i < 5; ++i) result[i] = to_image.apply((*points)[i]);
  return result;
}

AlignedCrop aligned(const ImageView& image, const Landmarks& landmarks, const AlignOptions& options = {}) {
  auto crop = align(image, landmarks, options);
  REQUIRE(crop.ok());
  REQUIRE(crop->width == options.size.width);
  REQUIRE(crop->height == options.size.height);
  REQUIRE(crop->rgb.size() == static_cast<std::size_t>(3 * crop->width * crop->height));
  return *std::move(crop);
}

int largest_difference(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  REQUIRE(a.size() == b.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST_CASE("the templates are the published ones, in edge coordinates") {
  const auto t112 = alignment_template();
  const auto t96 = alignment_template(sized(96, 112));
  const auto t160 = alignment_template(sized(160, 160));
  REQUIRE(t112.ok());
  REQUIRE(t96.ok());
  REQUIRE(t160.ok());
  for (std::size_t i = 0; i < 5; ++i) {
    const auto [x, y] = kArcFace[i];
    CHECK((*t112)[i].x == doctest::Approx(x + .5).epsilon(1e-6));
    CHECK((*t112)[i].y == doctest::Approx(y + .5).epsilon(1e-6));
    CHECK((*t96)[i].x == doctest::Approx(x + .5 - 8).epsilon(1e-6));
    CHECK((*t96)[i].y == doctest::Approx(y + .5).epsilon(1e-6));
    CHECK((*t160)[i].x == doctest::Approx(x * 160 / 112 + .5).epsilon(2e-6));
    CHECK((*t160)[i].y == doctest::Approx(y * 160 / 112 + .5).epsilon(2e-6));
  }
}

TEST_CASE("the table of templates makes sense") {
  const auto templates = align_templates();
  REQUIRE(!templates.empty());
  CHECK(templates.front().size.width == templates.front().size.height);
  for (const AlignTemplate& t : templates) {
    const auto& p = t.points;
    for (const Point& point : p) {
      CHECK(point.x > 0);
      CHECK(point.y > 0);
      CHECK(point.x < static_cast<float>(t.size.width));
      CHECK(point.y < static_cast<float>(t.size.height));
    }
    CHECK(p[0].x < p[1].x);  // left eye, right eye, nose, left mouth corner, right mouth corner
    CHECK(p[3].x < p[4].x);
    CHECK(p[0].y < p[2].y);
    CHECK(p[2].y < p[3].y);
    CHECK(alignment_template(sized(t.size.width, t.size.height)).ok());
    CHECK(std::count_if(templates.begin(), templates.end(),
                        [&](const AlignTemplate& o) { return o.size == t.size; }) == 1);
  }
}

TEST_CASE("other sizes scale the square template to the shorter side, centred") {
  const Size sizes[] = {{224, 224}, {8, 8}, {200, 56}, {57, 301}, {4096, 4096}, {113, 112}};
  for (const Size size : sizes) {
    const auto points = alignment_template(sized(size.width, size.height));
    REQUIRE(points.ok());
    const double scale = std::min(size.width, size.height) / 112.0;
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK((*points)[i].x ==
            doctest::Approx((kArcFace[i][0] + .5 - 56) * scale + size.width / 2.0).epsilon(1e-5));
      CHECK((*points)[i].y ==
            doctest::Approx((kArcFace[i][1] + .5 - 56) * scale + size.height / 2.0).epsilon(1e-5));
    }
  }
}

TEST_CASE("a margin adds that share of the crop on every side") {
  const Size sizes[] = {{112, 112}, {96, 112}, {160, 160}, {75, 50}};
  for (const Size size : sizes) {
    for (const float margin : {.1f, .25f, 2.f}) {
      const auto plain = alignment_template(sized(size.width, size.height));
      const auto wide = alignment_template(sized(size.width, size.height, margin));
      REQUIRE(plain.ok());
      REQUIRE(wide.ok());
      for (std::size_t i = 0; i < 5; ++i) {
        // In the wide crop's coordinates the plain crop is w / (1 + 2 m) wide, with m times that
        // before it.
        const double unit = 1 / (1 + 2.0 * margin);
        CHECK((*wide)[i].x == doctest::Approx(((*plain)[i].x + margin * size.width) * unit).epsilon(1e-5));
        CHECK((*wide)[i].y == doctest::Approx(((*plain)[i].y + margin * size.height) * unit).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("alignment_template and align refuse what they can't use") {
  const Picture picture = noise(50, 40);
  const Landmarks face = face_at({}, turned(0, .4, 0, 0));
  REQUIRE(align(picture.view(), face).ok());
  const auto code_of = [](const auto& result) {
    REQUIRE_FALSE(result.ok());
    CHECK_FALSE(result.error().message.empty());
    return result.error().code;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const AlignOptions bad_options[] = {sized(7, 112),          sized(112, 7),          sized(0, 0),
                                      sized(-112, 112),       sized(4097, 112),       sized(112, 2147483647),
                                      sized(112, 112, -.01f), sized(112, 112, 2.01f), sized(112, 112, nan),
                                      sized(112, 112, inf)};
  for (const AlignOptions& options : bad_options) {
    CHECK(code_of(alignment_template(options)) == ErrorCode::kInvalidArgument);
    CHECK(code_of(align(picture.view(), face, options)) == ErrorCode::kInvalidArgument);
  }

  for (const float bad : {nan, inf, -inf, 3e38f}) {
    Landmarks points = face;
    points[3].y = bad;
    // 3e38 is a number, and gives a scale that leaves nothing of the image: an error or a crop, no
    // crash.
    const auto crop = align(picture.view(), points);
    if (bad != 3e38f) CHECK(code_of(crop) == ErrorCode::kInvalidArgument);
  }
  Landmarks same;
  same.fill({20, 20});
  CHECK(code_of(align(picture.view(), same)) == ErrorCode::kInvalidArgument);

  ImageView view = picture.view();
  view.data = nullptr;
  CHECK(code_of(align(view, face)) == ErrorCode::kInvalidArgument);
  view = picture.view();
  view.width = 0;
  CHECK(code_of(align(view, face)) == ErrorCode::kInvalidArgument);
  view = picture.view();
  view.height = -1;
  CHECK(code_of(align(view, face)) == ErrorCode::kInvalidArgument);
  view = picture.view();
  view.row_stride = 149;
  CHECK(code_of(align(view, face)) == ErrorCode::kInvalidArgument);
  view = picture.view();
  view.format = static_cast<PixelFormat>(17);
  CHECK(code_of(align(view, face)) == ErrorCode::kInvalidArgument);
  view = {picture.bytes.data(), 1 << 15, 1 << 14, 3 << 15, PixelFormat::kRgb8};
  CHECK(code_of(align(view, face)) == ErrorCode::kLimit);
}

TEST_CASE("the crop has the landmarks at the template's points") {
  // Dots in the image where the landmarks are; where the crop shows them, measured on its pixels.
  struct Case {
    AlignOptions options;
    double degrees, step, x, y;
  };
  const Case cases[] = {{sized(112, 112), 0, 1, 30.3, 40.8},    {sized(112, 112), 20, 1, 100, 30.2},
                        {sized(112, 112), -35, 2.3, 60, 220},   {sized(112, 112), 180, 1.5, 300, 260},
                        {sized(112, 112), 7, .5, 200, 110.4},   {sized(112, 112), 0, 3, 25, 20.5},
                        {sized(96, 112), 15, 1.8, 110, 40},     {sized(160, 160), -12, 1.2, 60, 90},
                        {sized(224, 224), 90, .9, 300, 40},     {sized(113, 97), 5, 2.1, 70, 50},
                        {sized(112, 112, .25f), 10, 2, 90, 50}, {sized(200, 120, .1f), -4, 1, 80, 80}};
  for (const Case& c : cases) {
    const Similarity to_image = turned(c.degrees, c.step, c.x, c.y);
    const Landmarks face = face_at(c.options, to_image);
    // Wide enough to be sampled well, narrow enough not to meet the next dot.
    const double radius = c.step < 1 ? .8 : 1.5 * c.step;
    const Picture picture = dots(400, 380, face, radius);
    const AlignedCrop crop = aligned(picture.view(), face, c.options);
    const Landmarks expected = *alignment_template(c.options);
    CAPTURE(c.degrees);
    CAPTURE(c.step);
    const int reach = static_cast<int>(std::ceil(5 * radius / c.step));
    for (std::size_t i = 0; i < 5; ++i) {
      const Point found = centroid(crop, expected[i], reach);
      CHECK(std::abs(found.x - expected[i].x) < .1f);
      CHECK(std::abs(found.y - expected[i].y) < .1f);
    }
    CHECK(crop.to_image.a == doctest::Approx(to_image.a).epsilon(1e-4));
    CHECK(std::abs(crop.to_image.tx - to_image.tx) < 1e-2f);
    CHECK(std::abs(crop.to_image.ty - to_image.ty) < 1e-2f);
    for (std::size_t i = 0; i < 5; ++i) {
      const Point there = crop.to_crop.apply(face[i]);
      const Point back = crop.to_image.apply(there);
      CHECK(std::abs(there.x - expected[i].x) < 1e-2f);
      CHECK(std::abs(there.y - expected[i].y) < 1e-2f);
      CHECK(std::abs(back.x - face[i].x) < 1e-2f);
      CHECK(std::abs(back.y - face[i].y) < 1e-2f);
    }
  }
}

TEST_CASE("a face that does not fit the template is shown as to_crop says") {
  const Landmarks face{{{150, 140}, {210, 150}, {190, 180}, {145, 220}, {200, 235}}};
  const Picture picture = dots(400, 380, face, 3);
  const AlignedCrop crop = aligned(picture.view(), face);
  for (const Point& p : face) {
    const Point expected = crop.to_crop.apply(p);
    const Point found = centroid(crop, expected, 8);
    CHECK(std::abs(found.x - expected.x) < .1f);
    CHECK(std::abs(found.y - expected.y) < .1f);
  }
}

TEST_CASE("every pixel format and either stride sign gives the same crop") {
  const Picture rgb = noise(130, 120);
  Picture grey_rgb = rgb;  // grey values, as RGB
  for (std::size_t i = 0; i < grey_rgb.bytes.size(); ++i) grey_rgb.bytes[i] = rgb.bytes[i - i % 3];
  for (const double step : {.6, 1.7, 10.0}) {
    const Landmarks face = face_at({}, turned(12, step, 10, -3));
    const std::vector<std::uint8_t> colour = aligned(rgb.view(), face).rgb;
    const std::vector<std::uint8_t> grey = aligned(grey_rgb.view(), face).rgb;
    REQUIRE(colour != grey);
    for (const PixelFormat format : {PixelFormat::kGray8, PixelFormat::kRgb8, PixelFormat::kBgr8,
                                     PixelFormat::kRgba8, PixelFormat::kBgra8, PixelFormat::kGrayAlpha8}) {
      const bool is_grey = format == PixelFormat::kGray8 || format == PixelFormat::kGrayAlpha8;
      const bool is_bgr = format == PixelFormat::kBgr8 || format == PixelFormat::kBgra8;
      // Rows with a gap after them, and alpha and gaps full of what must not be read.
      const int size = bytes_per_pixel(format);
      const std::ptrdiff_t stride = std::ptrdiff_t{130} * size + 5;
      std::vector<std::uint8_t> top_down(static_cast<std::size_t>(stride) * 120, 171);
      std::vector<std::uint8_t> bottom_up = top_down;
      for (int y = 0; y < 120; ++y) {
        for (int x = 0; x < 130; ++x) {
          const std::uint8_t* from = rgb.bytes.data() + (y * 130 + x) * 3;
          std::uint8_t* down = top_down.data() + y * stride + x * size;
          std::uint8_t* up = bottom_up.data() + (119 - y) * stride + x * size;
          for (std::uint8_t* to : {down, up}) {
            to[0] = from[is_bgr ? 2 : 0];
            if (is_grey) continue;
            to[1] = from[1];
            to[2] = from[is_bgr ? 0 : 2];
          }
        }
      }
      const std::vector<std::uint8_t>& expected = is_grey ? grey : colour;
      CAPTURE(static_cast<int>(format));
      CHECK(aligned({top_down.data(), 130, 120, stride, format}, face).rgb == expected);
      CHECK(aligned({bottom_up.data() + 119 * stride, 130, 120, -stride, format}, face).rgb == expected);
    }
  }
}

TEST_CASE("a face partly outside the image is completed with the fill colour") {
  // As if the image lay on a large canvas of that colour.
  const Picture image = noise(60, 50);
  constexpr int kBorder = 400;
  Picture canvas(60 + 2 * kBorder, 50 + 2 * kBorder);
  AlignOptions options;
  options.fill[0] = 250;
  options.fill[1] = 120;
  options.fill[2] = 10;
  for (int y = 0; y < canvas.height; ++y) {
    for (int x = 0; x < canvas.width; ++x) {
      const int sx = x - kBorder;
      const int sy = y - kBorder;
      const bool in = sx >= 0 && sx < 60 && sy >= 0 && sy < 50;
      for (int c = 0; c < 3; ++c) {
        canvas.pixel(x, y)[c] =
            in ? image.bytes[static_cast<std::size_t>((sy * 60 + sx) * 3 + c)] : options.fill[c];
      }
    }
  }
  for (const double degrees : {0.0, 25.0, 160.0}) {
    for (const double step : {.5, 1.3, 3.0}) {
      for (const double x : {-30.0, 20.5}) {
        Landmarks face = face_at(options, turned(degrees, step, x, -12.25));
        const AlignedCrop on_image = aligned(image.view(), face, options);
        for (Point& p : face) p = {p.x + kBorder, p.y + kBorder};
        const AlignedCrop on_canvas = aligned(canvas.view(), face, options);
        // The two transforms differ by float rounding.
        CHECK(largest_difference(on_image.rgb, on_canvas.rgb) <= 1);
      }
    }
  }
}

TEST_CASE("a face wholly outside the image is all fill") {
  const Picture image = noise(60, 50);
  AlignOptions options;
  options.fill[0] = 1;
  options.fill[1] = 2;
  options.fill[2] = 3;
  for (const double x : {-5000.0, 700.0, 1e6}) {
    const AlignedCrop crop = aligned(image.view(), face_at(options, turned(30, 1.5, x, 0)), options);
    for (std::size_t i = 0; i < crop.rgb.size(); ++i)
      REQUIRE(int{crop.rgb[i]} == static_cast<int>(i % 3) + 1);
  }
}

TEST_CASE("tiny images and tiny crops") {
  // 8 x 8 pixels of one colour: the crop shows that colour in the middle, fill around.
  Picture tiny(8, 8, PixelFormat::kGray8);
  std::fill(tiny.bytes.begin(), tiny.bytes.end(), std::uint8_t{77});
  const AlignedCrop enlarged = aligned(tiny.view(), face_at({}, turned(0, 8.0 / 112, 0, 0)));
  CHECK(int{enlarged.rgb[(56 * 112 + 56) * 3]} == 77);
  CHECK(int{enlarged.rgb[(20 * 112 + 90) * 3 + 1]} == 77);
  // The first crop pixel's middle is 1 / 28 pixel inside the image, .5 - 1 / 28 outside the first
  // pixel's middle: along each axis that much of the weight falls on black.
  CHECK(std::abs(enlarged.rgb[0] - 77 * (.5 + 1 / 28.0) * (.5 + 1 / 28.0)) < 1);
  // A single pixel.
  Picture one(1, 1);
  std::fill(one.bytes.begin(), one.bytes.end(), std::uint8_t{255});
  const AlignedCrop single = aligned(one.view(), face_at({}, turned(0, 1, -55, -55)));
  for (int y = 0; y < 112; ++y) {
    for (int x = 0; x < 112; ++x) {
      // Up to rounding of the fitted transform.
      REQUIRE(std::abs(single.rgb[static_cast<std::size_t>((y * 112 + x) * 3)] -
                       (x == 55 && y == 55 ? 255 : 0)) <= 1);
    }
  }
  // The smallest crop, of a whole picture of 80 pixels: means of blocks of 10.
  const Picture picture = noise(80, 80);
  const AlignedCrop small = aligned(picture.view(), face_at(sized(8, 8), turned(0, 10, 0, 0)), sized(8, 8));
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 8; ++x) {
      int sum = 0;
      for (int v = 0; v < 10; ++v) {
        for (int u = 0; u < 10; ++u)
          sum += picture.bytes[static_cast<std::size_t>(((10 * y + v) * 80 + 10 * x + u) * 3)];
      }
      CHECK(std::abs(small.rgb[static_cast<std::size_t>((y * 8 + x) * 3)] - sum / 100.0) <= 1);
    }
  }
}

}  // namespace
}  // namespace mtcnn
