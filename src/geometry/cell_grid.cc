#include "geometry/cell_grid.h"

#include <cmath>

namespace mtcnn {

Box cell_window(CellGeometry geometry, int column, int row, const LevelScale& scale) {
  const double x = double{kCellStride} * column;
  const double y = double{kCellStride} * row;
  if (geometry == CellGeometry::kExact) {
    return {static_cast<float>(x / scale.x), static_cast<float>(y / scale.y),
            static_cast<float>((x + kCellSize) / scale.x), static_cast<float>((y + kCellSize) / scale.y)};
  }
  const auto whole = [&](double v) { return static_cast<float>(std::trunc(v / scale.nominal)); };
  return {whole(x + 1) - 1, whole(y + 1) - 1, whole(x + kCellSize), whole(y + kCellSize)};
}

Point proposal_unit(CellGeometry geometry, const Box& window) {
  const float less = geometry == CellGeometry::kRelease ? 1 : 0;
  return {window.width() - less, window.height() - less};
}

Box patch_window(CellGeometry geometry, const Box& box) {
  if (geometry == CellGeometry::kExact) return box;
  return {std::trunc(box.left + 1) - 1, std::trunc(box.top + 1) - 1, std::trunc(box.right),
          std::trunc(box.bottom)};
}

}  // namespace mtcnn
