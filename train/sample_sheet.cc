#include "train/sample_sheet.h"

#include <algorithm>
#include <cmath>

#include "engine/model_data.h"
#include "geometry/calibration.h"
#include "geometry/codec.h"

namespace mtcnn {
namespace {

constexpr Rgb kBack{40, 42, 48};
constexpr Rgb kUnder{0, 0, 0};  // behind lines and points, so that they show on any face

// A part of the sheet that nothing is drawn outside of.
class Cell {
 public:
  Cell(Image& sheet, int left, int top, int side) : sheet_(sheet), left_(left), top_(top), side_(side) {}

  // Pixels of the cell, half open.
  void fill(int left, int top, int right, int bottom, const Rgb& colour) {
    for (int y = std::max(top, 0); y < std::min(bottom, side_); ++y) {
      for (int x = std::max(left, 0); x < std::min(right, side_); ++x) {
        std::copy(colour.begin(), colour.end(),
                  sheet_.rgb.data() + 3 * ((top_ + y) * sheet_.width + left_ + x));
      }
    }
  }
  // The pixels just outside of [left, right) x [top, bottom), `width` of them.
  void frame(int left, int top, int right, int bottom, int width, const Rgb& colour) {
    fill(left - width, top - width, right + width, top, colour);
    fill(left - width, bottom, right + width, bottom + width, colour);
    fill(left - width, top, left, bottom, colour);
    fill(right, top, right + width, bottom, colour);
  }

 private:
  Image& sheet_;
  int left_, top_, side_;
};

bool has_box(const SampleTarget& target) {
  return target.kind == SampleKind::kPositive || target.kind == SampleKind::kPart ||
         target.kind == SampleKind::kCalibration;
}

// In the crop's pixels.
Box box_of(const SampleTarget& target, const Box& window) {
  if (target.kind != SampleKind::kCalibration) return decode_offsets(window, target.box);
  return calibrated(window, kCalibrationPatterns[static_cast<std::size_t>(target.pattern)]);
}

void draw(const SampleTarget& target, const float* pixels, int side, const SheetGrid& grid, Cell cell) {
  const int start = grid.margin, end = grid.margin + grid.zoom * side;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      Rgb colour;
      for (std::size_t c = 0; c < 3; ++c) {
        const float value = pixels[3 * (y * side + x) + static_cast<int>(c)] / kPixelScale + kPixelMean;
        colour[c] = static_cast<std::uint8_t>(std::clamp(value + .5f, 0.f, 255.f));
      }
      const int left = start + grid.zoom * x, top = start + grid.zoom * y;
      cell.fill(left, top, left + grid.zoom, top + grid.zoom, colour);
    }
  }
  cell.frame(start, start, end, end, 1, kSheetFrames[static_cast<std::size_t>(target.kind)]);

  // Far outside is as good as farther outside, and fits an int.
  const auto at = [&](float value) {
    return start +
           static_cast<int>(std::lround(std::clamp(value, -1e4f, 1e4f) * static_cast<float>(grid.zoom)));
  };
  const Box window{0, 0, static_cast<float>(side), static_cast<float>(side)};
  if (has_box(target)) {
    const Box box = box_of(target, window);
    // The line lies within the box, along its edge.
    const int left = at(box.left) + 1, top = at(box.top) + 1, right = at(box.right) - 1,
              bottom = at(box.bottom) - 1;
    cell.frame(left, top, right, bottom, 2, kUnder);
    cell.frame(left, top, right, bottom, 1, kSheetBox);
  }
  if (target.kind == SampleKind::kLandmark) {
    const Landmarks points = decode_landmarks(window, target.landmarks);
    constexpr std::size_t kColours[] = {0, 2, 1, 0, 2};
    for (std::size_t i = 0; i < points.size(); ++i) {
      const int x = at(points[i].x), y = at(points[i].y);
      cell.fill(x - 3, y - 3, x + 3, y + 3, kUnder);
      cell.fill(x - 2, y - 2, x + 2, y + 2, kSheetPoints[kColours[i]]);
    }
  }
}

}  // namespace

SheetGrid::SheetGrid(int side)
    : zoom(std::max(2, static_cast<int>(std::lround(64. / side)))),
      margin(zoom * side * 2 / 5),
      cell(zoom * side + 2 * margin) {}

Image sample_sheet(const Batch& batch) {
  const SheetGrid grid(batch.side);
  // Columns and rows, of which each kind begins a new one.
  std::vector<std::pair<int, int>> places;
  int column = 0, row = 0;
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    if (i > 0 && (column == kSheetColumns || batch.targets[i].kind != batch.targets[i - 1].kind)) {
      column = 0;
      ++row;
    }
    places.emplace_back(column++, row);
  }
  Image sheet{kSheetColumns * grid.cell, (row + 1) * grid.cell, {}};
  sheet.rgb.resize(std::size_t{3} * static_cast<std::size_t>(sheet.width) *
                   static_cast<std::size_t>(sheet.height));
  Cell(sheet, 0, 0, std::max(sheet.width, sheet.height)).fill(0, 0, sheet.width, sheet.height, kBack);
  const std::size_t each =
      std::size_t{3} * static_cast<std::size_t>(batch.side) * static_cast<std::size_t>(batch.side);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto [at_column, at_row] = places[i];
    draw(batch.targets[i], batch.pixels.data() + i * each, batch.side, grid,
         Cell(sheet, at_column * grid.cell, at_row * grid.cell, grid.cell));
  }
  return sheet;
}

BatchPlan sheet_plan(const BatchPlan& plan) {
  BatchPlan sheet;
  sheet.plain_from = plan.plain_from;
  for (std::size_t kind = 0; kind < kSampleKinds; ++kind)
    sheet.counts[kind] = plan.counts[kind] > 0 ? 2 * kSheetColumns : 0;
  return sheet;
}

}  // namespace mtcnn
