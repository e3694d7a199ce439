// Regions of an image as sets of whole pixels, the way FDDB's evaluator compares them: ellipses and
// rectangles are drawn, and the pixels counted. Its overlaps depend on how its drawing library
// rounds; this draws the same pixels.
#ifndef MTCNN_EVAL_REGION_H_
#define MTCNN_EVAL_REGION_H_

#include <cstdint>
#include <vector>

#include "eval/detections.h"

namespace mtcnn {

// Pixels of a convex shape: in each row from `top` on, the columns first..last (none if last <
// first).
struct Region {
  struct Span {
    int first = 0;
    int last = -1;
  };
  int top = 0;
  std::vector<Span> rows;

  std::int64_t pixels() const;
};

// The pixels of the ellipse: the centre is rounded to a whole pixel, the radii are cut to whole
// numbers, the angle is rounded to a whole degree, and the outline is a polygon with a corner every
// 5 degrees (18, 30, 90 for radii below 15, 10, 3). The outline belongs to the region.
// Requires coordinates and radii within +-1,000,000 and an angle within +-1,000,000.
Region draw(const Ellipse& ellipse);

// The pixels of the rectangle: both corners, (x, y) and (x + width, y + height), are rounded to
// whole pixels (halves to even) and belong to the region, which makes it a pixel wider and higher
// than the numbers say. A negative size turns the corners round. Requires coordinates within +-1,000,000.
Region draw(const Rectangle& rectangle);

// What lies within an image of this size.
Region clipped(const Region& region, Size image);

// Pixels in both over pixels in either, 0 to 1; 0 if both are empty.
double overlap(const Region& a, const Region& b);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_REGION_H_
