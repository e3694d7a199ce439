#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "geometry/box.h"
#include "geometry/calibration.h"
#include "geometry/cell_grid.h"
#include "geometry/codec.h"
#include "geometry/nms.h"

namespace mtcnn {
namespace {

using doctest::Approx;

Box random_box(std::mt19937& random) {
  std::uniform_real_distribution<float> place(-50, 500), side(1, 200);
  const float left = place(random), top = place(random);
  return {left, top, left + side(random), top + side(random)};
}

TEST_CASE("overlaps of known boxes") {
  const Box a{0, 0, 10, 10};
  CHECK(iou(a, a) == 1);
  CHECK(iou(a, {5, 0, 15, 10}) == Approx(50. / 150));
  CHECK(iou(a, {10, 0, 20, 10}) == 0);  // half-open: touching is not meeting
  CHECK(iou(a, {20, 20, 30, 30}) == 0);
  CHECK(overlap_of_smaller(a, {2, 2, 4, 4}) == 1);
  CHECK(overlap_of_smaller(a, {5, 0, 25, 10}) == Approx(.5));
  CHECK(iou({3, 3, 3, 3}, {3, 3, 3, 3}) == 0);  // empty boxes, no division by zero
}

TEST_CASE("overlap is symmetric and between 0 and 1") {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    const Box a = random_box(random), b = random_box(random);
    CHECK(iou(a, b) == iou(b, a));
    CHECK(iou(a, b) >= 0);
    CHECK(iou(a, b) <= overlap_of_smaller(a, b));
    CHECK(overlap_of_smaller(a, b) <= 1.00001f);
  }
}

TEST_CASE("squaring keeps the centre and the longer side") {
  const Box square = squared({10, 20, 30, 80});
  CHECK(square.width() == 60);
  CHECK(square.height() == 60);
  CHECK(square.left == -10);
  CHECK(square.top == 20);
}

TEST_CASE("clipping") {
  CHECK(clipped({-5, 3, 700, 500}, {640, 480}) == Box{0, 3, 640, 480});
  CHECK(clipped({-50, -50, -10, -10}, {640, 480}) == Box{0, 0, 0, 0});
}

TEST_CASE("decoding what was encoded gives the box and the points again") {
  std::mt19937 random(2);
  std::uniform_real_distribution<float> place(-50, 500);
  for (int i = 0; i < 2000; ++i) {
    const Box window = random_box(random), truth = random_box(random);
    const Box back = decode_offsets(window, encode_offsets(window, truth));
    CHECK(back.left == Approx(truth.left).epsilon(1e-3));
    CHECK(back.top == Approx(truth.top).epsilon(1e-3));
    CHECK(back.right == Approx(truth.right).epsilon(1e-3));
    CHECK(back.bottom == Approx(truth.bottom).epsilon(1e-3));
    Landmarks points;
    for (Point& point : points) point = {place(random), place(random)};
    const Landmarks points_back = decode_landmarks(window, encode_landmarks(window, points));
    for (std::size_t k = 0; k < 5; ++k) {
      CHECK(points_back[k].x == Approx(points[k].x).epsilon(1e-3));
      CHECK(points_back[k].y == Approx(points[k].y).epsilon(1e-3));
    }
  }
}

TEST_CASE("offsets by hand") {
  const Box window{10, 20, 30, 60};
  CHECK(encode_offsets(window, {12, 20, 30, 64}) == BoxOffsets{.1f, 0, 0, .1f});
  const Landmarks points = decode_landmarks(window, {0, 1, .5f, 0, 1, 0, 0, .5f, 1, 1});
  CHECK(points[0] == Point{10, 20});
  CHECK(points[1] == Point{30, 20});
  CHECK(points[2] == Point{20, 40});
  CHECK(points[4] == Point{30, 60});
}

TEST_CASE("mirroring exchanges left and right, and twice is nothing") {
  const LandmarkOffsets face{.3f, .7f, .55f, .35f, .65f, .4f, .41f, .6f, .8f, .81f};
  const LandmarkOffsets other = mirrored(face);
  CHECK(other[0] == Approx(.3));  // the right eye at .7, seen from the other side
  CHECK(other[5] == Approx(.41));
  CHECK(other[2] == Approx(.45));
  CHECK(other[8] == Approx(.81));
  const LandmarkOffsets twice = mirrored(other);
  for (std::size_t i = 0; i < 10; ++i) CHECK(twice[i] == Approx(face[i]));
}

TEST_CASE("calibration patterns by hand") {
  REQUIRE(kCalibrationPatterns.size() == 45);
  CHECK(kCalibrationPatterns[0] == CalibrationPattern{.83f, -.17f, -.17f});
  CHECK(kCalibrationPatterns[1] == CalibrationPattern{.83f, -.17f, 0});
  CHECK(kCalibrationPatterns[22] == CalibrationPattern{1, 0, 0});
  CHECK(kCalibrationPatterns[44] == CalibrationPattern{1.21f, .17f, .17f});
  const Box box = calibrated({100, 50, 221, 171}, {1.1f, .17f, -.17f});
  CHECK(box.left == Approx(100 - .17 * 110));
  CHECK(box.top == Approx(50 + .17 * 110));
  CHECK(box.width() == Approx(110));
  CHECK(box.height() == Approx(110));
  // The labels of a window that is too large, and one that lies too far left.
  CHECK(kCalibrationPatterns[calibration_label({0, 0, 58, 58}, {0, 0, 50, 50})] ==
        CalibrationPattern{1.21f, 0, 0});
  CHECK(kCalibrationPatterns[calibration_label({-6, 1, 46, 51}, {0, 0, 50, 50})] ==
        CalibrationPattern{1, -.17f, 0});
}

TEST_CASE("a window disturbed by a pattern has that label, and calibration undoes it") {
  std::mt19937 random(4);
  std::uniform_real_distribution<float> little(-.04f, .04f);
  for (int i = 0; i < 200; ++i) {
    const Box truth = random_box(random);
    for (std::size_t label = 0; label < kCalibrationPatterns.size(); ++label) {
      CalibrationPattern pattern = kCalibrationPatterns[label];
      const Box window = disturbed(truth, pattern);
      const Box back = calibrated(window, pattern);
      CHECK(back.left == Approx(truth.left).epsilon(1e-3));
      CHECK(back.top == Approx(truth.top).epsilon(1e-3));
      CHECK(back.right == Approx(truth.right).epsilon(1e-3));
      CHECK(back.bottom == Approx(truth.bottom).epsilon(1e-3));
      CHECK(calibration_label(window, truth) == label);
      // Still after less than half a step to the next one.
      pattern.scale *= 1 + little(random);
      pattern.dx += little(random);
      pattern.dy += little(random);
      CHECK(calibration_label(disturbed(truth, pattern), truth) == label);
    }
  }
}

TEST_CASE("calibration takes the mean of the patterns above the threshold") {
  const Box window{100, 50, 200, 150};
  std::array<float, 45> scores{};
  CHECK(calibrated(window, scores, 0) == window);  // above, not at
  scores[44] = .5f;
  CHECK(calibrated(window, scores, .1f) == calibrated(window, kCalibrationPatterns[44]));
  CHECK(calibrated(window, scores, .5f) == window);
  // (1.21, .17, .17), (1, 0, 0) and (.83, -.17, 0), each counting the same.
  scores[22] = .2f;
  scores[1] = .11f;
  scores[7] = .1f;  // left out
  const Box box = calibrated(window, scores, .1f);
  const double scale = (1.21 + 1 + .83) / 3;
  CHECK(box.width() == Approx(100 / scale));
  CHECK(box.left == Approx(100));
  CHECK(box.top == Approx(50 - .17 / 3 * 100 / scale));
  CHECK(box.height() == Approx(100 / scale));
}

TEST_CASE("the window of cell 10 at scale .6, in both geometries") {
  const LevelScale scale{.6, .6, .6};
  const Box exact = cell_window(CellGeometry::kExact, 10, 0, scale);
  CHECK(exact.left == Approx(33.3333));
  CHECK(exact.right == Approx(53.3333));
  CHECK(exact.top == 0);
  // 1-based inclusive 35 to 53: edges 34 to 53.
  const Box release = cell_window(CellGeometry::kRelease, 10, 0, scale);
  CHECK(release.left == 34);
  CHECK(release.right == 53);
  CHECK(release.top == 0);
  CHECK(release.bottom == 20);
}

TEST_CASE("the exact geometry follows each axis's own scale") {
  const LevelScale scale{.6, .61, .602};
  const Box box = cell_window(CellGeometry::kExact, 3, 5, scale);
  CHECK(box.left == Approx(6 / .61));
  CHECK(box.top == Approx(10 / .602));
  CHECK(box.right == Approx(18 / .61));
  CHECK(box.bottom == Approx(22 / .602));
}

TEST_CASE("the release cuts whole pixels, truncated towards zero in its own 1-based coordinates") {
  CHECK(patch_window(CellGeometry::kRelease, {3.7f, -2.5f, 27.9f, 21.7f}) == Box{3, -2, 27, 21});
  CHECK(patch_window(CellGeometry::kExact, {3.7f, -2.5f, 27.9f, 21.7f}) == Box{3.7f, -2.5f, 27.9f, 21.7f});
  CHECK(proposal_unit(CellGeometry::kRelease, {0, 0, 20, 30}) == Point{19, 29});
  CHECK(proposal_unit(CellGeometry::kExact, {0, 0, 20, 30}) == Point{20, 30});
}

// The definition, with no regard to cost.
std::vector<int> plain_nms(const std::vector<ScoredBox>& boxes, Overlap overlap, float threshold) {
  std::vector<int> left;
  for (int i = 0; i < static_cast<int>(boxes.size()); ++i) left.push_back(i);
  std::vector<int> keep;
  while (!left.empty()) {
    int best = left[0];
    for (const int i : left) {
      if (boxes[static_cast<std::size_t>(i)].score >= boxes[static_cast<std::size_t>(best)].score) best = i;
    }
    keep.push_back(best);
    const Box& taken = boxes[static_cast<std::size_t>(best)].box;
    std::erase_if(left, [&](int i) {
      const Box& box = boxes[static_cast<std::size_t>(i)].box;
      return i == best ||
             (overlap == Overlap::kUnion ? iou(taken, box) : overlap_of_smaller(taken, box)) > threshold;
    });
  }
  return keep;
}

TEST_CASE("NMS is greedy suppression from the best down, ties from the last") {
  std::mt19937 random(3);
  NmsScratch scratch;
  std::vector<int> keep;
  for (int round = 0; round < 200; ++round) {
    std::vector<ScoredBox> boxes(random() % 60);
    for (ScoredBox& box : boxes) {
      box.box = random_box(random);
      box.score = static_cast<float>(random() % 8) / 8;  // few values: many ties
    }
    for (const Overlap overlap : {Overlap::kUnion, Overlap::kSmaller}) {
      for (const float threshold : {0.f, .3f, .7f, 1.f}) {
        nms(boxes, overlap, threshold, scratch, keep);
        CHECK(keep == plain_nms(boxes, overlap, threshold));
      }
    }
  }
}

}  // namespace
}  // namespace mtcnn
