// From P-Net's cells to windows of the image, and from boxes to the windows that R-Net and O-Net
// are shown. All that the two cell geometries differ in is here.
//
// kExact: the very field that a cell sees, and boxes as they are, in fractions of a pixel.
// kRelease: detect_face.m of the authors' release, on which the released weights were tuned. In its
// 1-based inclusive coordinates [x1, x2] a cell's window is trunc((2 i + 1) / scale) to
// trunc((2 i + 12) / scale), boxes are truncated to whole pixels (towards zero) before patches are
// cut, and P-Net's offsets are multiples of x2 - x1, one pixel less than the width. The later nets'
// offsets, all areas and all overlaps count x2 - x1 + 1: the width in edges, left = x1 - 1, right = x2.
#ifndef MTCNN_GEOMETRY_CELL_GRID_H_
#define MTCNN_GEOMETRY_CELL_GRID_H_

#include "mtcnn/model.h"
#include "mtcnn/types.h"

namespace mtcnn {

inline constexpr int kCellStride = 2;  // P-Net's only pool
inline constexpr int kCellSize = 12;   // P-Net's field

// A pyramid level and how its pixels map onto the image's.
struct LevelScale {
  double nominal = 1;   // the release's one scale for both axes
  double x = 1, y = 1;  // level size / image size, exactly
};

// The window of P-Net's cell at this column and row, in pixels of the image.
Box cell_window(CellGeometry geometry, int column, int row, const LevelScale& scale);

// What P-Net's offsets for a window are multiples of.
Point proposal_unit(CellGeometry geometry, const Box& window);

// The window to cut for R-Net or O-Net, of a squared box.
Box patch_window(CellGeometry geometry, const Box& box);

}  // namespace mtcnn

#endif  // MTCNN_GEOMETRY_CELL_GRID_H_
