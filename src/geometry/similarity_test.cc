#include "geometry/similarity.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <random>

namespace mtcnn {
namespace {

// An upright face of about 100 pixels.
const Landmarks kFace{{{38, 52}, {73, 51}, {56, 72}, {41, 92}, {71, 93}}};

class Random {
 public:
  float uniform(float low, float high) { return std::uniform_real_distribution<float>(low, high)(engine_); }
  Point point(float size) { return {uniform(-size, size), uniform(-size, size)}; }
  Landmarks points(float size) {
    Landmarks result;
    for (Point& p : result) p = point(size);
    return result;
  }
  // Any angle, scales of .1 to 10.
  Similarity similarity() {
    const float angle = uniform(-3.14159265f, 3.14159265f);
    const float scale = std::exp(uniform(-2.3f, 2.3f));
    return {scale * std::cos(angle), scale * std::sin(angle), uniform(-500, 500), uniform(-500, 500)};
  }

 private:
  std::mt19937 engine_{20160826};
};

Landmarks moved(const Landmarks& points, const Similarity& transform) {
  Landmarks result;
  for (std::size_t i = 0; i < points.size(); ++i) result[i] = transform.apply(points[i]);
  return result;
}

// Sum of squared distances, in double precision.
double residual(const Landmarks& from, const Landmarks& to, double a, double b, double tx, double ty) {
  double sum = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const double dx = a * from[i].x - b * from[i].y + tx - to[i].x;
    const double dy = b * from[i].x + a * from[i].y + ty - to[i].y;
    sum += dx * dx + dy * dy;
  }
  return sum;
}

TEST_CASE("fit_similarity recovers a similarity") {
  Random random;
  for (int i = 0; i < 200; ++i) {
    const Similarity truth = random.similarity();
    const Landmarks from = random.points(200);
    const auto fit = fit_similarity(from, moved(from, truth));
    REQUIRE(fit.ok());
    // The points are rounded to floats, of values up to 4000 or so: relative error 6e-8 each.
    const float scale = static_cast<float>(scale_of(truth));
    CHECK(std::abs(fit->a - truth.a) < 1e-5f * scale + 1e-6f);
    CHECK(std::abs(fit->b - truth.b) < 1e-5f * scale + 1e-6f);
    CHECK(std::abs(fit->tx - truth.tx) < 2e-3f);
    CHECK(std::abs(fit->ty - truth.ty) < 2e-3f);
  }
}

TEST_CASE("fit_similarity is exact far from the origin") {
  // 1 / 4096 is the spacing of floats here: sums in single precision would lose the face.
  const Similarity shift{1, 0, 30000, 20000};
  const auto fit = fit_similarity(moved(kFace, shift), kFace);
  REQUIRE(fit.ok());
  CHECK(fit->a == doctest::Approx(1).epsilon(1e-6));
  CHECK(std::abs(fit->b) < 1e-6f);
  CHECK(fit->tx == doctest::Approx(-30000).epsilon(1e-6));
  CHECK(fit->ty == doctest::Approx(-20000).epsilon(1e-6));
}

TEST_CASE("fit_similarity has the least sum of squares") {
  Random random;
  for (int i = 0; i < 100; ++i) {
    const Landmarks from = random.points(50);
    const Landmarks to = random.points(50);  // nothing to do with it: the residual is large
    const auto fit = fit_similarity(from, to);
    REQUIRE(fit.ok());
    const double least = residual(from, to, fit->a, fit->b, fit->tx, fit->ty);
    for (const double step : {.01, -.01}) {
      CHECK(residual(from, to, fit->a + step, fit->b, fit->tx, fit->ty) > least);
      CHECK(residual(from, to, fit->a, fit->b + step, fit->tx, fit->ty) > least);
      CHECK(residual(from, to, fit->a, fit->b, fit->tx + 10 * step, fit->ty) > least);
      CHECK(residual(from, to, fit->a, fit->b, fit->tx, fit->ty + 10 * step) > least);
    }
    for (int j = 0; j < 20; ++j) {
      const Similarity other = random.similarity();
      CHECK(residual(from, to, other.a, other.b, other.tx, other.ty) > least);
    }
  }
}

TEST_CASE("fit_similarity does not mirror") {
  // Mirroring would fit exactly; a rotation can't. The determinant a^2 + b^2 is positive whatever
  // the fit, so what shows is the residual: by hand, the best rotation of a face onto its mirror
  // image.
  Landmarks mirrored = kFace;
  for (Point& p : mirrored) p.x = -p.x;
  const auto fit = fit_similarity(kFace, mirrored);
  REQUIRE(fit.ok());
  double cx = 0, cy = 0;
  for (const Point& p : kFace) {
    cx += p.x / 5.0;
    cy += p.y / 5.0;
  }
  double xx = 0, yy = 0, xy = 0;
  for (const Point& p : kFace) {
    xx += (p.x - cx) * (p.x - cx);
    yy += (p.y - cy) * (p.y - cy);
    xy += (p.x - cx) * (p.y - cy);
  }
  // Normal equations with x' = -x: a = sum(-x x + y y) / sum(x^2 + y^2), b = sum(x y + y x) / same.
  CHECK(fit->a == doctest::Approx((yy - xx) / (xx + yy)).epsilon(1e-5));
  CHECK(fit->b == doctest::Approx(2 * xy / (xx + yy)).epsilon(1e-5));
  CHECK(residual(kFace, mirrored, fit->a, fit->b, fit->tx, fit->ty) > 100);
}

TEST_CASE("fit_similarity refuses what has no fit") {
  const auto refused = [](const Landmarks& from, const Landmarks& to) {
    const auto fit = fit_similarity(from, to);
    return !fit.ok() && fit.error().code == ErrorCode::kInvalidArgument && !fit.error().message.empty();
  };
  Landmarks same;
  same.fill({12.3f, 45.6f});
  CHECK(refused(same, kFace));
  CHECK(refused(kFace, same));
  CHECK(refused(Landmarks{}, Landmarks{}));
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    for (std::size_t i = 0; i < 5; ++i) {
      Landmarks points = kFace;
      points[i].x = bad;
      CHECK(refused(points, kFace));
      CHECK(refused(kFace, points));
      points = kFace;
      points[i].y = bad;
      CHECK(refused(points, kFace));
    }
  }
  // A regular pentagon and its mirror image: every rotation fits equally badly.
  Landmarks pentagon, turned;
  for (std::size_t i = 0; i < 5; ++i) {
    const float angle = 1.2566371f * static_cast<float>(i);
    pentagon[i] = {100 * std::cos(angle), 100 * std::sin(angle)};
    turned[i] = {100 * std::cos(angle), -100 * std::sin(angle)};
  }
  CHECK(refused(pentagon, turned));
  CHECK_FALSE(refused(pentagon, pentagon));
  // Scales beyond a float's range, either way.
  const auto scaled = [](float factor) { return moved(kFace, {factor, 0, 0, 0}); };
  CHECK(refused(scaled(1e-40f), scaled(1e30f)));
  CHECK(refused(scaled(1e30f), scaled(1e-40f)));
  // Points on a line do determine a similarity.
  CHECK_FALSE(refused({{{0, 0}, {1, 1}, {2, 2}, {3, 3}, {4, 4}}}, kFace));
}

TEST_CASE("inverse undoes the transform") {
  Random random;
  for (int i = 0; i < 200; ++i) {
    const Similarity transform = random.similarity();
    const Similarity back = inverse(transform);
    for (int j = 0; j < 10; ++j) {
      const Point p = random.point(500);
      const Point there_and_back = back.apply(transform.apply(p));
      // Rounding of values up to 10 * 500 + 500, magnified by up to 10.
      CHECK(std::abs(there_and_back.x - p.x) < 2e-2f);
      CHECK(std::abs(there_and_back.y - p.y) < 2e-2f);
    }
    CHECK(scale_of(back) * scale_of(transform) == doctest::Approx(1).epsilon(1e-6));
  }
  // By hand: a quarter turn, doubled, shifted by (10, 20), and back.
  const Similarity back = inverse({0, 2, 10, 20});
  CHECK(back.a == doctest::Approx(0));
  CHECK(back.b == doctest::Approx(-.5));
  CHECK(back.tx == doctest::Approx(-10));
  CHECK(back.ty == doctest::Approx(5));
}

TEST_CASE("is_invertible") {
  CHECK(is_invertible({1, 0, 5, 5}));
  CHECK(is_invertible({0, -3, 0, 0}));
  CHECK_FALSE(is_invertible({0, 0, 5, 5}));
  CHECK_FALSE(is_invertible({std::numeric_limits<float>::quiet_NaN(), 0, 0, 0}));
  CHECK_FALSE(is_invertible({1, 0, std::numeric_limits<float>::infinity(), 0}));
  CHECK_FALSE(is_invertible({1e-40f, 0, 0, 0}));      // the inverse's scale overflows
  CHECK_FALSE(is_invertible({1e-20f, 0, 1e30f, 0}));  // the inverse's shift overflows
}

}  // namespace
}  // namespace mtcnn
