#include "eval/region.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace mtcnn {
namespace {

// Coordinates in 1/65536 of a pixel; whole numbers are the middles of pixels.
constexpr std::int64_t kOne = 65536;

struct Corner {
  std::int64_t x = 0;
  std::int64_t y = 0;
  friend bool operator==(const Corner&, const Corner&) = default;
};

std::int64_t round_even(double value) { return std::llrint(value); }

// The whole number nearest to a coordinate.
std::int64_t to_pixel(std::int64_t coordinate) { return (coordinate + kOne / 2) >> 16; }

// A region that grows by single pixels. As the shapes are convex, the pixels of the outline say
// where each row begins and ends.
class Outline {
 public:
  explicit Outline(std::int64_t top, std::int64_t bottom) {
    region_.top = static_cast<int>(top);
    region_.rows.resize(static_cast<std::size_t>(bottom - top + 1));
  }

  void add(std::int64_t x, std::int64_t y) {
    const std::int64_t row = y - region_.top;
    if (row < 0 || row >= static_cast<std::int64_t>(region_.rows.size())) return;
    Region::Span& span = region_.rows[static_cast<std::size_t>(row)];
    const int column = static_cast<int>(x);
    if (span.last < span.first) {
      span = {column, column};
    } else {
      span = {std::min(span.first, column), std::max(span.last, column)};
    }
  }

  // One pixel in every column (or row, if the line is steep), stepping from the first end: what the
  // first end's fraction of a column does to the height is not corrected.
  void add_line(Corner from, Corner to) {
    const std::int64_t dx = to.x - from.x, dy = to.y - from.y;
    const bool flat = std::abs(dx) > std::abs(dy);
    if (flat ? dx < 0 : dy < 0) std::swap(from, to);
    const std::int64_t length = std::max(std::abs(dx), std::abs(dy));
    const std::int64_t across = flat ? to.y - from.y : to.x - from.x;
    const std::int64_t step = across * kOne / (length | 1);
    const std::int64_t steps = (flat ? to.x - from.x : to.y - from.y) >> 16;
    add(to_pixel(to.x), to_pixel(to.y));
    std::int64_t along = to_pixel(flat ? from.x : from.y);
    std::int64_t position = flat ? from.y : from.x;
    for (std::int64_t i = 0; i <= steps; ++i, ++along, position += step) {
      flat ? add(along, to_pixel(position)) : add(to_pixel(position), along);
    }
  }

  // The border of the filled shape, walking down from corner `start`: between the rows of two
  // corners it moves evenly, whatever the corners' fractions of a row.
  void add_side(const std::vector<Corner>& corners, std::size_t start, bool forward) {
    const std::size_t count = corners.size();
    std::int64_t row = to_pixel(corners[start].y);
    std::size_t from = start;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t to = (from + (forward ? 1 : count - 1)) % count;
      const std::int64_t height = to_pixel(corners[to].y) - row;
      if (height > 0) {
        std::int64_t x = corners[from].x;
        const std::int64_t step = ((corners[to].x - x) * 2 + height) / (2 * height);
        for (std::int64_t n = 0; n < height; ++n, ++row, x += step) add(to_pixel(x), row);
      }
      from = to;
    }
  }

  Region take() { return std::move(region_); }

 private:
  Region region_;
};

Region fill(const std::vector<Corner>& corners) {
  const auto [top, bottom] = std::minmax_element(corners.begin(), corners.end(),
                                                 [](const Corner& a, const Corner& b) { return a.y < b.y; });
  Outline outline(to_pixel(top->y), to_pixel(bottom->y));
  for (std::size_t i = 0; i < corners.size(); ++i) {
    outline.add_line(corners[(i + corners.size() - 1) % corners.size()], corners[i]);
  }
  const auto start = static_cast<std::size_t>(top - corners.begin());
  outline.add_side(corners, start, true);
  outline.add_side(corners, start, false);
  return outline.take();
}

}  // namespace

std::int64_t Region::pixels() const {
  std::int64_t count = 0;
  for (const Span& span : rows) count += std::max(0, span.last - span.first + 1);
  return count;
}

Region draw(const Ellipse& ellipse) {
  const std::int64_t x = round_even(static_cast<float>(ellipse.x));
  const std::int64_t y = round_even(static_cast<float>(ellipse.y));
  const double major = std::trunc(ellipse.major), minor = std::trunc(ellipse.minor);
  const double radius = std::max(major, minor);
  const int degrees_a_corner = radius < 3 ? 90 : radius < 10 ? 30 : radius < 15 ? 18 : 5;
  constexpr double kDegree = std::numbers::pi / 180;
  const double tilt = static_cast<double>(round_even(ellipse.angle / kDegree) % 360) * kDegree;
  const double c = std::cos(tilt), s = std::sin(tilt);
  std::vector<Corner> corners;
  for (int degrees = 0; degrees < 360; degrees += degrees_a_corner) {
    const double along = major * std::cos(degrees * kDegree), across = minor * std::sin(degrees * kDegree);
    const Corner corner{x * kOne + round_even((along * c - across * s) * kOne),
                        y * kOne + round_even((along * s + across * c) * kOne)};
    if (corners.empty() || !(corner == corners.back())) corners.push_back(corner);
  }
  return fill(corners);
}

Region draw(const Rectangle& rectangle) {
  // The official tool hands its corners to the drawing library as floats.
  const auto corner = [](double value) { return static_cast<int>(round_even(static_cast<float>(value))); };
  const int left = corner(rectangle.x), right = corner(rectangle.x + rectangle.width);
  const int top = corner(rectangle.y), bottom = corner(rectangle.y + rectangle.height);
  Region region;
  region.top = std::min(top, bottom);
  region.rows.assign(static_cast<std::size_t>(std::abs(bottom - top)) + 1,
                     {std::min(left, right), std::max(left, right)});
  return region;
}

Region clipped(const Region& region, Size image) {
  const auto rows = static_cast<std::int64_t>(region.rows.size());
  const std::int64_t from = std::clamp<std::int64_t>(-std::int64_t{region.top}, 0, rows);
  const std::int64_t to = std::clamp<std::int64_t>(std::int64_t{image.height} - region.top, from, rows);
  Region inside;
  inside.top = region.top + static_cast<int>(from);
  inside.rows.assign(region.rows.begin() + from, region.rows.begin() + to);
  for (Region::Span& span : inside.rows) {
    span = {std::max(span.first, 0), std::min(span.last, image.width - 1)};
  }
  return inside;
}

double overlap(const Region& a, const Region& b) {
  const int top = std::max(a.top, b.top);
  const int bottom =
      std::min(a.top + static_cast<int>(a.rows.size()), b.top + static_cast<int>(b.rows.size()));
  std::int64_t both = 0;
  for (int y = top; y < bottom; ++y) {
    const Region::Span& first = a.rows[static_cast<std::size_t>(y - a.top)];
    const Region::Span& second = b.rows[static_cast<std::size_t>(y - b.top)];
    both += std::max(0, std::min(first.last, second.last) - std::max(first.first, second.first) + 1);
  }
  if (both == 0) return 0;
  return static_cast<double>(both) / static_cast<double>(a.pixels() + b.pixels() - both);
}

}  // namespace mtcnn
