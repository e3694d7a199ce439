#include "train/sample_sheet.h"

#include <cmath>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "geometry/calibration.h"
#include "geometry/codec.h"

namespace mtcnn {
namespace {

constexpr Rgb kBack{40, 42, 48};  // of the sheet

Rgb at(const Image& image, int x, int y) {
  REQUIRE((x >= 0 && x < image.width && y >= 0 && y < image.height));
  const std::uint8_t* const pixel = image.rgb.data() + 3 * (y * image.width + x);
  return {pixel[0], pixel[1], pixel[2]};
}

// Crops of 12 x 12 of one colour, the first pixel of each apart.
Batch batch_of(std::vector<SampleTarget> targets) {
  Batch batch;
  batch.side = 12;
  batch.targets = std::move(targets);
  batch.pixels.resize(batch.targets.size() * 12 * 12 * 3 + kSlack);
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    for (std::size_t j = 0; j < 12 * 12; ++j) {
      const Rgb colour = j == 0 ? Rgb{255, 0, 128} : Rgb{10, 200, 100};
      for (std::size_t c = 0; c < 3; ++c) {
        batch.pixels[(i * 12 * 12 + j) * 3 + c] = (static_cast<float>(colour[c]) - 127.5f) / 128;
      }
    }
  }
  return batch;
}

SampleTarget target_of(SampleKind kind) {
  SampleTarget target;
  target.kind = kind;
  return target;
}

// Where a place within the crop, in pixels of the net's input, lies on the sheet.
struct Place {
  SheetGrid grid{12};
  int column = 0, row = 0;
  int x(double of_crop) const {
    return column * grid.cell + grid.margin + static_cast<int>(grid.zoom * of_crop);
  }
  int y(double of_crop) const {
    return row * grid.cell + grid.margin + static_cast<int>(grid.zoom * of_crop);
  }
};

TEST_CASE("a crop's pixels become squares, with a frame of its kind's colour and nothing else") {
  const Image sheet = sample_sheet(batch_of({target_of(SampleKind::kNegative)}));
  const Place place;
  CHECK(place.grid.zoom == 5);
  CHECK(sheet.width == kSheetColumns * place.grid.cell);
  CHECK(sheet.height == place.grid.cell);
  CHECK(at(sheet, place.x(0), place.y(0)) == Rgb{255, 0, 128});
  CHECK(at(sheet, place.x(1) - 1, place.y(1) - 1) == Rgb{255, 0, 128});
  CHECK(at(sheet, place.x(1), place.y(1) - 1) == Rgb{10, 200, 100});
  CHECK(at(sheet, place.x(12) - 1, place.y(12) - 1) == Rgb{10, 200, 100});
  for (const auto& [x, y] : {std::pair{place.x(0) - 1, place.y(6)}, std::pair{place.x(12), place.y(6)},
                             std::pair{place.x(6), place.y(0) - 1}, std::pair{place.x(6), place.y(12)}}) {
    CHECK(at(sheet, x, y) == kSheetFrames[0]);
  }
  CHECK(at(sheet, place.x(0) - 2, place.y(6)) == kBack);
  CHECK(at(sheet, place.x(12) + 1, place.y(6)) == kBack);
}

TEST_CASE("a box is drawn where its offsets say, beyond the crop too, and cut off at the cell's edge") {
  const Box window{0, 0, 12, 12};
  SampleTarget near = target_of(SampleKind::kPositive), far = target_of(SampleKind::kPositive);
  near.box = encode_offsets(window, {-2, 3, 9, 14});
  far.box = encode_offsets(window, {2, -60, 40, 10});
  const Image sheet = sample_sheet(batch_of({near, far, target_of(SampleKind::kNegative)}));
  Place place;
  // The line is the outermost pixel of the box.
  for (const int y : {place.y(3), place.y(14) - 1}) {
    for (const int x : {place.x(-2), place.x(5), place.x(9) - 1}) CHECK(at(sheet, x, y) == kSheetBox);
  }
  for (const int x : {place.x(-2), place.x(9) - 1}) CHECK(at(sheet, x, place.y(8)) == kSheetBox);
  CHECK(at(sheet, place.x(5), place.y(3) + 1) == Rgb{10, 200, 100});
  CHECK(at(sheet, place.x(-2) - 2, place.y(8)) == kBack);

  place.column = 1;
  CHECK(at(sheet, place.x(2), place.y(0)) == kSheetBox);
  CHECK(at(sheet, place.x(2), 0) == kSheetBox);
  CHECK(at(sheet, place.x(5), place.y(10) - 1) == kSheetBox);
  CHECK(at(sheet, 2 * place.grid.cell - 1, place.y(10) - 1) == kSheetBox);
  CHECK(at(sheet, 2 * place.grid.cell, place.y(10) - 1) == kBack);
  // The next kind has a row of its own, on which the far box does not draw.
  place = {.column = 0, .row = 1};
  CHECK(at(sheet, place.x(12), place.y(6)) == kSheetFrames[0]);
  CHECK(sheet.height == 2 * place.grid.cell);
}

TEST_CASE("points are told apart by the side on which they must lie") {
  const Box window{0, 0, 12, 12};
  SampleTarget target = target_of(SampleKind::kLandmark);
  const Landmarks points{{{3, 4}, {9, 4}, {6, 6}, {4, 9}, {8, 9}}};
  target.landmarks = encode_landmarks(window, points);
  const Image sheet = sample_sheet(batch_of({target}));
  const Place place;
  constexpr std::size_t kColours[] = {0, 2, 1, 0, 2};
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(at(sheet, place.x(points[i].x), place.y(points[i].y)) == kSheetPoints[kColours[i]]);
    CHECK(at(sheet, place.x(points[i].x) + 3, place.y(points[i].y)) == Rgb{10, 200, 100});
  }
  // No box: landmark faces do not teach it.
  CHECK(at(sheet, place.x(11), place.y(0)) == Rgb{10, 200, 100});
}

TEST_CASE("of a calibration sample the box that its pattern leads to is drawn") {
  SampleTarget target = target_of(SampleKind::kCalibration);
  target.pattern = 44;  // 1.21 times as large, .17 to the right and below
  const Box box = calibrated({0, 0, 12, 12}, kCalibrationPatterns[44]);
  const Image sheet = sample_sheet(batch_of({target}));
  const Place place;
  CHECK(at(sheet, place.x(0) + static_cast<int>(std::lround(place.grid.zoom * box.left)), place.y(4)) ==
        kSheetBox);
}

TEST_CASE("thirteen of a kind take two rows, and a sheet has two of each kind that a batch has") {
  const Image sheet = sample_sheet(batch_of(std::vector<SampleTarget>(13, target_of(SampleKind::kNegative))));
  const Place place{.column = 0, .row = 1};
  CHECK(sheet.height == 2 * place.grid.cell);
  CHECK(at(sheet, place.x(3), place.y(3)) == Rgb{10, 200, 100});

  BatchPlan plan;
  plan.counts = {300, 100, 0, 1, 0};
  plan.rank = 1;
  plan.ranks = 2;
  const BatchPlan two = sheet_plan(plan);
  CHECK(two.counts == std::array<int, kSampleKinds>{24, 24, 0, 24, 0});
  CHECK(two.end(0) - two.begin(0) == 24);  // all of it this rank's own
}

}  // namespace
}  // namespace mtcnn
