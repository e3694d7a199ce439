#include "eval/onet_points.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

#include "engine/model_data.h"
#include "support/random_model.h"

namespace mtcnn {
namespace {

struct Scene {
  int width = 120, height = 100;
  std::vector<std::uint8_t> pixels = test::random_pixels(120, 100, 3, 5);
  ImageView view() const {
    return {pixels.data(), width, height, std::ptrdiff_t{3} * width, PixelFormat::kRgb8};
  }
};

Model model_of(CellGeometry geometry) {
  ModelData data = test::random_model(3, true);
  data.geometry = geometry;
  return Model(std::make_shared<const ModelData>(std::move(data)));
}

}  // namespace

TEST_CASE("on a window that the cascade showed to O-Net, the points are the cascade's") {
  const Scene scene;
  for (const CellGeometry geometry : {CellGeometry::kExact, CellGeometry::kRelease}) {
    for (const bool mirror : {false, true}) {
      const Model model = model_of(geometry);
      DetectorOptions options;
      options.thresholds = {.5f, .3f, 0};
      options.mirror_landmarks = mirror;
      const auto detector = Detector::create(model, options);
      REQUIRE(detector);
      const auto trace = detector->trace(scene.view());
      REQUIRE(trace);
      REQUIRE(!trace->faces.empty());
      const auto crop = OnetPoints::create(model, options);
      REQUIRE(crop);
      std::vector<Landmarks> points;
      for (const Candidate& window : trace->rnet) {
        const auto at = crop->points(scene.view(), window.box);
        REQUIRE(at);
        points.push_back(*at);
      }
      // Rounding moves an exact window's corners a little when it is squared once more; the release's
      // windows, cut to whole pixels, may be a pixel from square, and then are others.
      const auto same = [](const Landmarks& one, const Landmarks& other) {
        return std::equal(one.begin(), one.end(), other.begin(), [](Point p, Point q) {
          return std::abs(p.x - q.x) < .01f && std::abs(p.y - q.y) < .01f;
        });
      };
      const auto found = std::count_if(trace->faces.begin(), trace->faces.end(), [&](const Face& face) {
        return std::any_of(points.begin(), points.end(),
                           [&](const Landmarks& p) { return same(p, face.landmarks); });
      });
      if (geometry == CellGeometry::kExact) {
        CHECK(found == static_cast<std::ptrdiff_t>(trace->faces.size()));
      } else {
        CHECK(found > 0);
      }
    }
  }
}

TEST_CASE("a box that is no square is seen through the square around it; L-Net moves the points") {
  const Scene scene;
  const Model model = model_of(CellGeometry::kExact);
  const auto crop = OnetPoints::create(model);
  REQUIRE(crop);
  const auto tall = crop->points(scene.view(), {40, 20, 70, 60});
  const auto square = crop->points(scene.view(), {35, 20, 75, 60});
  const auto other = crop->points(scene.view(), {40, 20, 80, 60});
  REQUIRE(tall);
  REQUIRE(square);
  REQUIRE(other);
  CHECK(*tall == *square);
  CHECK(*tall != *other);
  DetectorOptions options;
  options.lnet = true;
  const auto refined = OnetPoints::create(model, options);
  REQUIRE(refined);
  const auto moved = refined->points(scene.view(), {40, 20, 70, 60});
  REQUIRE(moved);
  CHECK(*moved != *tall);
}

TEST_CASE("the middle of a picture") {
  CHECK(central_square({120, 100}) == Box{10, 0, 110, 100});
  CHECK(central_square({100, 121}) == Box{0, 10.5f, 100, 110.5f});
  CHECK(central_square({7, 7}) == Box{0, 0, 7, 7});
}

TEST_CASE("boxes and views that can't be used are errors") {
  const Scene scene;
  const auto crop = OnetPoints::create(model_of(CellGeometry::kExact));
  REQUIRE(crop);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Box& box :
       {Box{10, 10, 10, 20}, Box{20, 10, 10, 30}, Box{0, 0, nan, 10}, Box{0, 0, 1e30f, 10}}) {
    CHECK(!crop->points(scene.view(), box));
  }
  CHECK(!crop->points({}, {0, 0, 10, 10}));
  DetectorOptions options;
  options.instruction_set = "abacus";
  CHECK(!OnetPoints::create(model_of(CellGeometry::kExact), options));
}

}  // namespace mtcnn
