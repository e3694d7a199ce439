#include "eval/fddb.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <map>
#include <numbers>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "eval/assignment.h"
#include "eval/fddb_sizes.h"
#include "eval/region.h"
#include "eval/test_folder.h"
#include "support/shared_data.h"

namespace mtcnn {
namespace {

using test::Folder;

constexpr double kUpright = std::numbers::pi / 2;

bool has_problem(const std::vector<Problem>& problems, std::initializer_list<std::string_view> parts) {
  return std::any_of(problems.begin(), problems.end(), [&](const Problem& problem) {
    const std::string text = problem.text();
    return std::all_of(parts.begin(), parts.end(),
                       [&](std::string_view part) { return text.find(part) != std::string::npos; });
  });
}

std::set<std::pair<int, int>> pixels_of(const Region& region) {
  std::set<std::pair<int, int>> pixels;
  for (std::size_t i = 0; i < region.rows.size(); ++i) {
    for (int x = region.rows[i].first; x <= region.rows[i].last; ++x) {
      pixels.insert({region.top + static_cast<int>(i), x});
    }
  }
  return pixels;
}

// The largest sum of weights, by trying everything.
double best_sum(const std::vector<double>& weights, std::size_t rows, std::size_t columns,
                std::size_t row = 0, unsigned used = 0) {
  if (row == rows) return 0;
  double best = best_sum(weights, rows, columns, row + 1, used);  // without a partner
  for (std::size_t c = 0; c < columns; ++c) {
    if (used >> c & 1) continue;
    best = std::max(best,
                    weights[row * columns + c] + best_sum(weights, rows, columns, row + 1, used | 1u << c));
  }
  return best;
}

FddbTruth truth_of(std::vector<FddbImage> images) {
  FddbTruth truth;
  truth.folds = {"fold"};
  truth.images = std::move(images);
  return truth;
}

DetectionSet detected(std::vector<DetectedImage> images) {
  DetectionSet set;
  set.images = std::move(images);
  return set;
}

struct OfficialPoint {
  double rate = 0;
  std::int64_t false_positives = 0;
};

// A curve as the official tool wrote it, the strictest threshold first as in FddbResult.
std::vector<OfficialPoint> official_curve(const std::filesystem::path& path) {
  std::ifstream file(path);
  REQUIRE(file.good());
  std::vector<OfficialPoint> points;
  OfficialPoint point;
  std::string rest;
  while (file >> point.rate >> point.false_positives && std::getline(file, rest)) points.push_back(point);
  std::reverse(points.begin(), points.end());
  return points;
}

// A detection that draws the same pixels as an ellipse, so that the overlap is 1.
Detection exactly(const Ellipse& ellipse, double score) { return {{}, score, ellipse}; }

}  // namespace

TEST_CASE("assignment: the largest sum, against trying everything") {
  std::mt19937 random(5);
  for (int round = 0; round < 600; ++round) {
    const std::size_t rows = random() % 6, columns = random() % 6;
    std::vector<double> weights(rows * columns);
    for (double& weight : weights) {
      // Many zeros and many equal ones.
      weight = random() % 3 == 0 ? 0
               : round % 2       ? static_cast<double>(random() % 4)
                                 : static_cast<double>(random()) / 4e9;
    }
    const std::vector<int> partner = assign(weights, rows, columns);
    REQUIRE(partner.size() == rows);
    double sum = 0;
    std::set<int> taken;
    for (std::size_t r = 0; r < rows; ++r) {
      if (partner[r] < 0) continue;
      REQUIRE(partner[r] < static_cast<int>(columns));
      CHECK(taken.insert(partner[r]).second);
      const double weight = weights[r * columns + static_cast<std::size_t>(partner[r])];
      CHECK(weight > 0);
      sum += weight;
    }
    CHECK(sum == doctest::Approx(best_sum(weights, rows, columns)).epsilon(1e-12));
  }
}

TEST_CASE("assignment: not the greedy one") {
  // Taking .9 first leaves 0 for the other: .9 in all; the best is .8 + .7.
  CHECK(assign(std::vector<double>{.9, .8, .7, 0}, 2, 2) == std::vector<int>{1, 0});
}

TEST_CASE("region: rectangles include both corners") {
  const auto check = [](const Rectangle& rectangle, int left, int top, int width, int height) {
    const Region region = draw(rectangle);
    CHECK(region.top == top);
    REQUIRE(region.rows.size() == static_cast<std::size_t>(height));
    for (const Region::Span& span : region.rows) {
      CHECK(span.first == left);
      CHECK(span.last == left + width - 1);
    }
    CHECK(region.pixels() == width * height);
  };
  check({10, 20, 30, 40}, 10, 20, 31, 41);
  check({10.4, 20.6, 30, 40}, 10, 21, 31, 41);  // corners 10.4, 20.6 and 40.4, 60.6
  check({10.5, 11.5, 2, 2}, 10, 12, 3, 3);      // halves to even: 10 and 12, 12 and 14
  check({-5.2, -3, 0, 0}, -5, -3, 1, 1);
  check({40, 60, -30, -40}, 10, 20, 31, 41);
}

TEST_CASE("region: ellipses") {
  // Radii 2 and 1: a corner every 90 degrees, a diamond. Its sides pass halfway between two pixels,
  // where the drawing rounds up, so it leans to the right as the official one does.
  CHECK(pixels_of(draw(Ellipse{2.9, 1.9, 0, 10.4, 5.4})) ==
        std::set<std::pair<int, int>>{
            {4, 10}, {4, 11}, {5, 8}, {5, 9}, {5, 10}, {5, 11}, {5, 12}, {6, 10}, {6, 11}});
  CHECK(draw(Ellipse{0, 0, 0, 3, 4}).pixels() == 1);
  CHECK(draw(Ellipse{7, 0, kUpright, 3, 4}).pixels() == 15);

  std::mt19937 random(2);
  const auto uniform = [&](double from, double to) {
    return std::uniform_real_distribution<double>(from, to)(random);
  };
  for (int i = 0; i < 300; ++i) {
    const Ellipse e{uniform(15, 120), uniform(15, 120), uniform(-7, 7), uniform(-50, 400), uniform(-50, 400)};
    const Region region = draw(e);
    // Between the polygon inside the ellipse without and the ellipse with half a pixel around it.
    const double a = std::trunc(e.major), b = std::trunc(e.minor);
    const double circle = std::numbers::pi * a * b;
    CHECK(static_cast<double>(region.pixels()) > circle * .995);
    CHECK(static_cast<double>(region.pixels()) < circle + .5 * 2 * std::numbers::pi * std::max(a, b) + 10);
    // Every pixel well inside is in, every one well outside is out.
    const double tilt = std::round(e.angle * 180 / std::numbers::pi) * std::numbers::pi / 180;
    const double x0 = std::nearbyint(e.x), y0 = std::nearbyint(e.y);
    const auto pixels = pixels_of(region);
    const auto radius = static_cast<int>(std::max(a, b)) + 3;
    for (int dy = -radius; dy <= radius; dy += 3) {
      for (int dx = -radius; dx <= radius; dx += 3) {
        const double u = dx * std::cos(tilt) + dy * std::sin(tilt),
                     v = dy * std::cos(tilt) - dx * std::sin(tilt);
        const bool in = pixels.count({static_cast<int>(y0) + dy, static_cast<int>(x0) + dx}) != 0;
        if (std::hypot(u / (a - 1), v / (b - 1)) < .995) CHECK(in);
        if (std::hypot(u / (a + 1), v / (b + 1)) > 1) CHECK_FALSE(in);
      }
    }
  }
}

TEST_CASE("region: clipping and overlap, against sets of pixels") {
  std::mt19937 random(8);
  const auto uniform = [&](double from, double to) {
    return std::uniform_real_distribution<double>(from, to)(random);
  };
  for (int i = 0; i < 200; ++i) {
    const Ellipse e{uniform(0, 30), uniform(0, 30), uniform(-4, 4), uniform(-20, 70), uniform(-20, 70)};
    const Rectangle r{uniform(-30, 60), uniform(-30, 60), uniform(0, 50), uniform(0, 50)};
    const Size image{static_cast<int>(uniform(1, 60)), static_cast<int>(uniform(1, 60))};
    const auto inside = [&](std::set<std::pair<int, int>> pixels) {
      std::erase_if(pixels, [&](const std::pair<int, int>& p) {
        return p.first < 0 || p.second < 0 || p.first >= image.height || p.second >= image.width;
      });
      return pixels;
    };
    const auto a = inside(pixels_of(draw(e))), b = inside(pixels_of(draw(r)));
    const Region region_a = clipped(draw(e), image), region_b = clipped(draw(r), image);
    CHECK(pixels_of(region_a) == a);
    CHECK(pixels_of(region_b) == b);
    CHECK(region_a.pixels() == static_cast<std::int64_t>(a.size()));
    std::vector<std::pair<int, int>> both, either;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
    std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(either));
    const double expected =
        both.empty() ? 0 : static_cast<double>(both.size()) / static_cast<double>(either.size());
    CHECK(overlap(region_a, region_b) == expected);
    CHECK(overlap(region_b, region_a) == expected);
  }
}

TEST_CASE("FDDB: a curve by hand") {
  const Ellipse left{40, 30, kUpright, 60, 60}, right{40, 30, kUpright, 200, 60};
  const Rectangle loose{130, 20, 140, 80};  // around `right`, much too wide
  const double weak = overlap(clipped(draw(right), Size{450, 450}), clipped(draw(loose), Size{450, 450}));
  REQUIRE(weak > .2);
  REQUIRE(weak < .5);
  const FddbTruth truth = truth_of({{"a", 0, {{left}, {right}}}, {"b", 0, {{left}}}, {"c", 0, {{left}}}});
  const DetectionSet detections = detected({{"a", {exactly(left, .9), {loose, .8}, exactly(right, .3)}},
                                            {"b", {{{300, 300, 20, 20}, .8}, exactly(left, .8)}},
                                            {"d", {exactly(left, .9)}}});
  const FddbResult result = evaluate_fddb(truth, detections);
  CHECK(result.images == 3);
  CHECK(result.faces == 4);
  CHECK(result.detections == 5);
  CHECK(result.images_not_listed == 1);
  CHECK(result.images_unknown_size == 3);
  CHECK(result.left_out == 1);
  CHECK(has_problem(result.problems, {"c: missing"}));
  CHECK(has_problem(result.problems, {"d: no such image"}));
  REQUIRE(result.curve.size() == 4);
  const auto check = [&](std::size_t i, double threshold, int false_positives, double discrete,
                         double continuous) {
    CAPTURE(i);
    CHECK(result.curve[i].threshold == threshold);
    CHECK(result.curve[i].false_positives == false_positives);
    CHECK(result.curve[i].discrete == doctest::Approx(discrete / 4));
    CHECK(result.curve[i].continuous == doctest::Approx(continuous / 4));
  };
  check(0, std::numeric_limits<double>::max(), 0, 0, 0);
  check(1, .9, 0, 1, 1);
  check(2, .8, 2, 2, 2 + weak);  // `loose` is matched, but not by half; one is nowhere
  check(3, .3, 2, 3, 3);         // `right` takes the place of `loose`, which stays a false positive
  REQUIRE(result.folds.size() == 1);
  CHECK(result.folds[0].false_positives == 2);
  CHECK(result.folds[0].discrete == .75);

  REQUIRE(result.rates.size() == 8);
  CHECK(result.rates[0].false_positives == 10);
  CHECK(result.rates[0].discrete == .75);
  CHECK_FALSE(result.rates[0].reached);
  FddbOptions options;
  options.false_positives = {0, 1, 2};
  const FddbResult few = evaluate_fddb(truth, detections, options);
  CHECK(few.rates[0].discrete == .25);
  CHECK(few.rates[1].discrete == .25);
  CHECK(few.rates[1].reached);
  CHECK(few.rates[2].discrete == .75);

  CHECK(fddb_discrete_text(result) == "0.75 2 0.3\n0.5 2 0.8\n0.25 0 0.9\n0 0 1.79769e+308\n");
  CHECK(fddb_continuous_text(result).starts_with("0.75 2\n"));
  CHECK(fddb_continuous_text(result).ends_with("0.25 0\n0 0\n"));
  const nlohmann::ordered_json json = result;
  CHECK(json["discrete"].size() == 4);
  CHECK(json["discrete"][3][0] == 2);
  CHECK(json["continuous"][3][1] == .75);
  CHECK(json["rates"][0]["discrete"] == .75);
  CHECK(json["left_out"] == 1);
}

TEST_CASE("FDDB: one detection on two faces, two detections on one") {
  const Ellipse face{40, 30, kUpright, 100, 100}, near{40, 30, kUpright, 104, 100};
  const FddbResult one =
      evaluate_fddb(truth_of({{"a", 0, {{face}, {near}}}}), detected({{"a", {exactly(face, .5)}}}));
  CHECK(one.curve.back().discrete == .5);
  CHECK(one.curve.back().continuous == .5);
  const FddbResult two = evaluate_fddb(truth_of({{"a", 0, {{face}}}}),
                                       detected({{"a", {exactly(near, .9), exactly(face, .5)}}}));
  REQUIRE(two.curve.size() == 3);
  CHECK(two.curve[1].discrete == 1);
  CHECK(two.curve[1].false_positives == 0);
  CHECK(two.curve[2].discrete == 1);
  CHECK(two.curve[2].continuous == 1);  // the better one is matched now
  CHECK(two.curve[2].false_positives == 1);
}

TEST_CASE("FDDB: detections of another set have no figure") {
  const FddbTruth truth = truth_of({{"a", 0, {{{40, 30, kUpright, 100, 100}}}}});
  const FddbResult nothing = evaluate_fddb(truth, detected({{"a", {}}}));
  CHECK(nothing.any_listed());
  CHECK(nlohmann::ordered_json(nothing)["rates"][0]["discrete"] == 0);
  const FddbResult elsewhere = evaluate_fddb(truth, detected({{"z", {}}}));
  CHECK(!elsewhere.any_listed());
  const nlohmann::ordered_json json = elsewhere;
  CHECK(json["rates"][0]["discrete"].is_null());
  CHECK(json["rates"][0]["continuous"].is_null());
  CHECK(json["discrete"].empty());
}

TEST_CASE("FDDB: exactly half is not found") {
  // An ellipse of no height is a line of pixels, and so is a rectangle of none.
  const Ellipse line{10, 0, 0, 50, 50};  // 21 pixels
  REQUIRE(draw(line).pixels() == 21);
  const FddbTruth truth = truth_of({{"a", 0, {{line}}}});
  const auto rate = [&](double width) {
    return evaluate_fddb(truth, detected({{"a", {{{40, 50, width, 0}, .5}}}})).curve.back();
  };
  CHECK(rate(41).discrete == 0);  // 42 pixels, 21 of them shared: exactly one half
  CHECK(rate(41).continuous == .5);
  CHECK(rate(41).false_positives == 1);
  CHECK(rate(40).discrete == 1);
  CHECK(rate(40).false_positives == 0);
}

TEST_CASE("FDDB: regions end at the photograph's edges") {
  const Ellipse cut{60, 48, kUpright, 148, 75};
  const FddbTruth truth = truth_of({{"a", 0, {{cut}}}});
  const DetectionSet detections = detected({{"a", {{{104, 20, 45, 110}, .5}}}});
  FddbOptions options;
  options.image_size = [](const std::string& name) -> std::optional<Size> {
    if (name == "a") return Size{150, 150};
    return std::nullopt;
  };
  const FddbResult known = evaluate_fddb(truth, detections, options);
  CHECK(known.images_unknown_size == 0);
  CHECK(known.curve.back().discrete == 1);
  const FddbResult unknown = evaluate_fddb(truth, detections);
  CHECK(unknown.images_unknown_size == 1);
  CHECK(unknown.curve.back().discrete == 0);
  options.image_size = nullptr;
  options.assumed_size = Size{150, 150};
  CHECK(evaluate_fddb(truth, detections, options).curve.back().continuous == known.curve.back().continuous);
  // Evidently larger than assumed: not cut there.
  options.assumed_size = Size{130, 150};
  CHECK(evaluate_fddb(truth, detections, options).curve.back().continuous == unknown.curve.back().continuous);
}

TEST_CASE("FDDB: faces cut by the border can be ignored") {
  const Ellipse whole{40, 30, kUpright, 60, 60}, cut{40, 30, kUpright, 200, 60};
  const FddbTruth truth = truth_of({{"a", 0, {{whole, true}, {cut, false}}}});
  const DetectionSet detections =
      detected({{"a", {exactly(whole, .9), exactly(cut, .8), exactly(cut, .7), {{300, 300, 9, 9}, .6}}}});
  const FddbResult plain = evaluate_fddb(truth, detections);
  CHECK(plain.faces == 2);
  CHECK(plain.curve.back().discrete == 1);
  CHECK(plain.curve.back().false_positives == 2);
  FddbOptions options;
  options.ignore_cut_faces = true;
  const FddbResult ignoring = evaluate_fddb(truth, detections, options);
  CHECK(ignoring.faces == 1);
  CHECK(ignoring.ignored_faces == 1);
  CHECK(ignoring.curve.back().discrete == 1);
  CHECK(ignoring.curve.back().false_positives == 1);
}

TEST_CASE("FDDB: square boxes as ellipses") {
  const Ellipse face{60, 50, kUpright, 200, 200};
  const FddbTruth truth = truth_of({{"a", 0, {{face}}}});
  const DetectionSet squares = detected({{"a", {{{150, 150, 100, 100}, .5}}}});
  FddbOptions options;
  options.ellipse_stretch = kSquareBoxStretch;
  const FddbResult converted = evaluate_fddb(truth, squares, options);
  CHECK(converted.curve.back().continuous == 1);  // 50 x 1.2 and 50
  CHECK(evaluate_fddb(truth, squares).curve.back().continuous < .85);
  // Detections that are ellipses stay as they are.
  const FddbResult ellipses = evaluate_fddb(truth, detected({{"a", {exactly(face, .5)}}}), options);
  CHECK(ellipses.curve.back().continuous == 1);
}

TEST_CASE("FDDB: files") {
  const Folder folder;
  folder.write("FDDB-fold-02-ellipseList.txt", "c\n1\n40 30 1.5 100 100  1\n");
  folder.write("FDDB-fold-01-ellipseList.txt",
               "2002/a\r\n2\r\n40 30 1.5 100 100  1\r\n40 30 1.5 200 100 0\r\n"
               "b\n4\n40 30 1.5 100 100\n40 30 1.5 100 nan 1\n-4 30 1.5 100 100 1\n40 30 1.5 100 100 2\n"
               "short\n3\n40 30 1.5 100 100 1\n"
               "long\n1\n40 30 1.5 100 100 1\n41 30 1.5 100 100 1\n"
               "2002/a\n1\n40 30 1.5 100 100 1\n"
               "last\n0\n");
  folder.write("FDDB-fold-01.txt", "2002/a\nb\nshort\nlong\nabsent\n");
  folder.write("readme.txt", "not a list");
  const auto truth = read_fddb_truth(folder.path());
  REQUIRE_MESSAGE(truth.ok(), truth.error().message);
  REQUIRE(truth->folds.size() == 2);
  REQUIRE(truth->images.size() == 6);
  CHECK(truth->images[0].name == "2002/a");
  REQUIRE(truth->images[0].faces.size() == 2);
  CHECK(truth->images[0].faces[0].whole);
  CHECK_FALSE(truth->images[0].faces[1].whole);
  CHECK(truth->images[0].faces[1].ellipse.x == 200);
  CHECK(truth->images[1].faces.empty());
  CHECK(truth->images[2].faces.size() == 1);
  CHECK(truth->images[3].faces.size() == 1);
  CHECK(truth->images[4].name == "last");
  CHECK(truth->images[5].name == "c");
  CHECK(truth->images[5].fold == 1);
  CHECK(truth->left_out == 6);
  const std::string list = "FDDB-fold-01-ellipseList.txt:";
  CHECK(has_problem(truth->problems, {list + "7: 5 numbers in a row, expected 6"}));
  CHECK(has_problem(truth->problems, {list + "8: 'nan'"}));
  CHECK(has_problem(truth->problems, {list + "9: radii -4"}));
  CHECK(has_problem(truth->problems, {list + "10: sixth number 2"}));
  CHECK(has_problem(truth->problems, {list + "11: short: 1 rows, expected 3"}));
  CHECK(has_problem(truth->problems, {list + "17: '41 30 1.5 100 100 1', expected the name"}));
  CHECK(has_problem(truth->problems, {list + "18: 2002/a: a second time"}));
  CHECK(has_problem(truth->problems, {"FDDB-fold-01.txt:5: absent: has no ellipses"}));
  CHECK(has_problem(truth->problems, {list + "21: last: is not listed"}));

  const auto one = read_fddb_truth(folder / "FDDB-fold-02-ellipseList.txt");
  REQUIRE(one.ok());
  CHECK(one->images.size() == 1);
  CHECK_FALSE(read_fddb_truth(folder / "nowhere").ok());
  CHECK_FALSE(read_fddb_truth(folder / "readme.txt").ok());
  const Folder empty;
  CHECK_FALSE(read_fddb_truth(empty.path()).ok());
}

TEST_CASE("FDDB: detections") {
  const Folder folder;
  folder.write("out/fold-01-out.txt", "a.jpg\n3\n1 2 3 4 .5\n40 30 1.5 100 100 .25\n1 2 3 4\nb\n0\n");
  folder.write("out/fold-02-out.txt", "c\n3\n1 2 -3 4 .5\n1 2 3 4 inf\n9 -5 1 2 3 .5\na\n1\n1 2 3 4 .5\n");
  const auto set = read_fddb_detections(folder / "out");
  REQUIRE(set.ok());
  REQUIRE(set->images.size() == 3);
  CHECK(set->images[0].name == "a");
  REQUIRE(set->images[0].detections.size() == 2);
  CHECK_FALSE(set->images[0].detections[0].ellipse.has_value());
  REQUIRE(set->images[0].detections[1].ellipse.has_value());
  CHECK(set->images[0].detections[1].ellipse->major == 40);
  CHECK(set->images[0].detections[1].box.height == doctest::Approx(80).epsilon(.01));
  CHECK(set->images[0].detections[1].score == .25);
  CHECK(set->left_out == 4);
  CHECK(has_problem(set->problems, {"fold-01-out.txt:5: 4 numbers in a row, expected 5 or 6"}));
  CHECK(has_problem(set->problems, {"fold-02-out.txt:3: size -3 and 4, expected none below 0; counted"}));
  CHECK(has_problem(set->problems, {"fold-02-out.txt:4: 'inf'"}));
  CHECK(has_problem(set->problems, {"fold-02-out.txt:5: radii 9 and -5"}));
  CHECK(has_problem(set->problems, {"fold-02-out.txt:6: a: a second time", "fold-01-out.txt:1"}));

  REQUIRE(write_fddb_detections(folder / "again.txt", set->images).ok());
  const auto again = read_fddb_detections(folder / "again.txt");
  REQUIRE(again.ok());
  CHECK(again->problems.size() == 1);  // the negative size that counts
  REQUIRE(again->images.size() == 3);
  CHECK(again->images[0].detections[0].box.width == 3);
  REQUIRE(again->images[0].detections[1].ellipse.has_value());
  CHECK(again->images[0].detections[1].ellipse->angle == 1.5);
  REQUIRE(again->images[2].detections.size() == 1);
  CHECK(again->images[2].detections[0].box.width == -3);
}

TEST_CASE("FDDB: the curve against matching anew at every threshold") {
  std::mt19937 random(4);
  const auto uniform = [&](double from, double to) {
    return std::uniform_real_distribution<double>(from, to)(random);
  };
  std::vector<FddbImage> images;
  std::vector<DetectedImage> found;
  std::set<double> thresholds;
  for (int i = 0; i < 12; ++i) {
    FddbImage image{std::to_string(i), 0, {}};
    DetectedImage detections{image.name};
    for (int f = 0; f < 3; ++f) {
      const Ellipse face{uniform(20, 60), uniform(15, 40), uniform(1, 2), uniform(50, 350), uniform(50, 350)};
      image.faces.push_back({face});
      for (int d = 0; d < 2; ++d) {
        const double score = std::round(uniform(0, 20)) / 20;
        thresholds.insert(score);
        detections.detections.push_back(
            {{face.x - face.minor + uniform(-15, 15), face.y - face.major + uniform(-15, 15), 2 * face.minor,
              2 * face.major},
             score});
      }
    }
    images.push_back(image);
    found.push_back(detections);
  }
  const FddbResult result = evaluate_fddb(truth_of(images), detected(found));
  REQUIRE(result.curve.size() == thresholds.size() + 1);
  for (std::size_t p = 1; p < result.curve.size(); ++p) {
    std::vector<DetectedImage> kept = found;
    for (DetectedImage& image : kept) {
      std::erase_if(image.detections,
                    [&](const Detection& d) { return d.score < result.curve[p].threshold; });
    }
    int true_positives = 0;
    std::size_t all = 0;
    double sum = 0;
    for (std::size_t i = 0; i < images.size(); ++i) {
      const std::size_t columns = kept[i].detections.size();
      std::vector<double> overlaps;
      for (const FddbFace& face : images[i].faces) {
        for (const Detection& d : kept[i].detections) {
          overlaps.push_back(
              overlap(clipped(draw(face.ellipse), Size{450, 450}), clipped(draw(d.box), Size{450, 450})));
        }
      }
      const std::vector<int> partner = assign(overlaps, images[i].faces.size(), columns);
      for (std::size_t f = 0; f < partner.size(); ++f) {
        if (partner[f] < 0) continue;
        const double shared = overlaps[f * columns + static_cast<std::size_t>(partner[f])];
        sum += shared;
        true_positives += shared > .5;
      }
      all += columns;
    }
    CHECK(result.curve[p].discrete == doctest::Approx(true_positives / 36.));
    CHECK(result.curve[p].continuous == doctest::Approx(sum / 36).epsilon(1e-12));
    CHECK(result.curve[p].false_positives == static_cast<int>(all) - true_positives);
  }
}

TEST_CASE("FDDB: the reference's curves") {
  if (!test::have_shared_data()) return;
  const auto folder = test::shared_data() / "reference/eval/fddb";
  const std::clock_t start =
      std::clock();  // of the processor: what runs beside a test is no fault of the code
  const auto truth = read_fddb_truth((folder / "folds").string());
  REQUIRE_MESSAGE(truth.ok(), truth.error().message);
  const auto detections = read_fddb_detections((folder / "detections").string());
  REQUIRE(detections.ok());
  const FddbResult result = evaluate_fddb(*truth, *detections);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::cout << "FDDB, " << result.images << " images: " << seconds << " s" << std::endl;
#ifdef NDEBUG  // the sanitizers' builds are not, and slow
  CHECK(seconds < 5);
#endif
  CHECK(result.images == 2845);
  CHECK(result.faces == 5171);
  CHECK(result.folds.size() == 10);
  CHECK(result.left_out == 0);
  CHECK(result.problems.empty());

  CHECK(result.images_unknown_size == 0);

  // The discrete curve is the official one byte for byte; the continuous one may differ in how the
  // sums were rounded.
  std::ifstream file(folder / "discrete-roc.txt");
  const std::string official((std::istreambuf_iterator<char>(file)), {});
  CHECK(fddb_discrete_text(result) == official);
  const std::vector<OfficialPoint> continuous = official_curve(folder / "continuous-roc.txt");
  REQUIRE(continuous.size() == result.curve.size());
  for (std::size_t i = 0; i < result.curve.size(); ++i) {
    CHECK(result.curve[i].false_positives == continuous[i].false_positives);
    CHECK(std::abs(result.curve[i].continuous - continuous[i].rate) < 1e-6);
  }

  // At equal numbers of false positives, as curves are compared.
  for (const bool is_discrete : {true, false}) {
    std::map<std::int64_t, double> highest;
    for (const OfficialPoint& point :
         is_discrete ? official_curve(folder / "discrete-roc.txt") : continuous) {
      double& rate = highest.emplace(point.false_positives, point.rate).first->second;
      rate = std::max(rate, point.rate);
    }
    FddbOptions at;
    at.false_positives.clear();
    for (const auto& [count, rate] : highest) at.false_positives.push_back(count);
    CHECK(at.false_positives.size() == 250);
    for (const FddbResult::RateAt& ours : evaluate_fddb(*truth, *detections, at).rates) {
      CHECK(std::abs((is_discrete ? ours.discrete : ours.continuous) - highest[ours.false_positives]) < 1e-6);
    }
  }
}

TEST_CASE("FDDB: sizes of its photographs") {
  CHECK_FALSE(fddb_image_size("a").has_value());
  CHECK_FALSE(fddb_image_size("2002/08/11/big/img_").has_value());
  if (!test::have_shared_data()) return;
  const auto truth = read_fddb_truth((test::shared_data() / "reference/eval/fddb/folds").string());
  REQUIRE(truth.ok());
  for (const FddbImage& image : truth->images) {
    const auto size = fddb_image_size(image.name);
    REQUIRE_MESSAGE(size.has_value(), image.name);
    CHECK(std::max(size->width, size->height) <= 450);
    CHECK(std::min(size->width, size->height) >= 100);
    for (const FddbFace& face : image.faces) {
      CHECK(face.ellipse.x <= size->width);
      CHECK(face.ellipse.y <= size->height);
    }
  }
}

TEST_CASE("FDDB: the subset cut out of LFW can be read") {
  if (!test::have_shared_data()) return;
  const auto truth = read_fddb_truth((test::shared_data() / "data/fddb_lfw").string());
  REQUIRE(truth.ok());
  CHECK(truth->problems.empty());
  CHECK(truth->folds.size() == 5);
  CHECK(truth->images.size() == 733);
  // Its own ellipses as detections find every whole face, and nothing else.
  DetectionSet perfect;
  for (const FddbImage& image : truth->images) {
    perfect.images.push_back({image.name, {}});
    for (const FddbFace& face : image.faces)
      perfect.images.back().detections.push_back(exactly(face.ellipse, .5));
  }
  FddbOptions options;
  options.ignore_cut_faces = true;
  options.image_size = [](const std::string&) { return Size{150, 150}; };
  const FddbResult result = evaluate_fddb(*truth, perfect, options);
  CHECK(result.ignored_faces > 0);
  CHECK(result.curve.back().discrete == 1);
  CHECK(result.curve.back().continuous == doctest::Approx(1));
  // Of an ellipse that is outside altogether nothing is left to overlap.
  CHECK(result.curve.back().false_positives < 20);
}

}  // namespace mtcnn
