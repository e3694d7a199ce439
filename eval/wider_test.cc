#include "eval/wider.h"

#include <matio.h>
#include <zip.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "eval/test_folder.h"
#include "geometry/box.h"
#include "support/shared_data.h"

namespace mtcnn {
namespace {

using test::Folder;

// Whether some problem's text has all of these parts.
bool has_problem(const std::vector<Problem>& problems, std::initializer_list<std::string_view> parts) {
  return std::any_of(problems.begin(), problems.end(), [&](const Problem& problem) {
    const std::string text = problem.text();
    return std::all_of(parts.begin(), parts.end(),
                       [&](std::string_view part) { return text.find(part) != std::string::npos; });
  });
}

WiderTruth one_subset(std::vector<WiderImage> images) {
  WiderTruth truth;
  truth.subsets = {"all"};
  truth.images = std::move(images);
  return truth;
}

DetectionSet detected(std::vector<DetectedImage> images) {
  DetectionSet set;
  set.images = std::move(images);
  return set;
}

double ap(const WiderResult& result, std::size_t subset = 0) {
  return result.subsets[subset].average_precision;
}

}  // namespace

TEST_CASE("WIDER: a figure by hand") {
  // Two faces that count, one that does not. Scores .9 .7 .6 .5 .1 become 1 .75 .625 .5 0.
  const WiderTruth truth =
      one_subset({{"e/a", {{{0, 0, 9, 9}, 1}, {{100, 0, 9, 9}, 1}, {{200, 0, 9, 9}, 0}}}});
  const DetectionSet detections = detected({{"e/a",
                                             {{{0, 0, 9, 9}, .9},        // found
                                              {{0, 1, 9, 9}, .7},        // again: only a proposal
                                              {{200, 0, 9, 9}, .6},      // neither way
                                              {{100, 0, 9, 9}, .5},      // found
                                              {{300, 0, 9, 9}, .1}}}});  // nothing there
  const WiderResult result = evaluate_wider(truth, detections);
  const WiderResult::Subset& all = result.subsets[0];
  CHECK(all.faces == 2);
  CHECK(result.labelled_faces == 3);
  CHECK(result.detections == 5);
  REQUIRE(all.curve.size() == 1000);
  CHECK(all.curve[0].threshold == doctest::Approx(.999));
  CHECK(all.curve[0].proposals == 1);
  CHECK(all.curve[0].found == 1);
  CHECK(all.curve[260].proposals == 2);
  CHECK(all.curve[400].proposals == 2);  // the ignored one adds nothing
  CHECK(all.curve[510].proposals == 3);
  CHECK(all.curve[510].found == 2);
  CHECK(all.curve[998].proposals == 3);
  CHECK(all.curve[999].threshold == 0);
  CHECK(all.curve[999].proposals == 4);
  CHECK(all.recall == 1);
  CHECK(ap(result) == doctest::Approx(.5 * 1 + .5 * 2 / 3.).epsilon(1e-12));
}

TEST_CASE("WIDER: boxes are a pixel wider and higher in the overlap") {
  // 10 x 10 and 10 x 10 shifted by 3: 70 / 130 is enough; by 4: 60 / 140 is not. As 9 x 9 boxes the
  // first would be 54 / 108 = .5 and the second 45 / 117.
  const WiderTruth truth = one_subset({{"e/a", {{{0, 0, 9, 9}, 1}}}});
  const auto found = [&](Rectangle box) {
    return evaluate_wider(truth, detected({{"e/a", {{box, .5}}}})).subsets[0].curve.back().found;
  };
  CHECK(found({3, 0, 9, 9}) == 1);
  CHECK(found({4, 0, 9, 9}) == 0);
  CHECK(found({0, 0, 19, 9}) == 1);  // exactly one half
  CHECK(found({0, 0, 19.5, 9}) == 0);
}

TEST_CASE("WIDER: scores are stretched over all images, faces of images without detections count") {
  const WiderTruth truth = one_subset({{"e/a", {{{0, 0, 9, 9}, 1}}},
                                       {"e/b", {{{0, 0, 9, 9}, 1}}},
                                       {"e/c", {{{0, 0, 9, 9}, 1}}},
                                       {"e/d", {}}});
  const DetectionSet detections =
      detected({{"e/a", {{{0, 0, 9, 9}, .62}}},
                {"e/b", {{{50, 0, 9, 9}, .61}, {{0, 0, 9, 9}, .60}}},
                {"e/d", {{{50, 0, 9, 9}, .615}}},  // no labels at all: left out
                {"e/x", {{{0, 0, 9, 9}, .99}}}});  // unknown: no part in the stretching
  const WiderResult result = evaluate_wider(truth, detections);
  CHECK(result.lowest_score == .60);
  CHECK(result.highest_score == .62);
  CHECK(result.images == 4);
  CHECK(result.images_not_listed == 1);
  CHECK(result.left_out == 1);
  CHECK(result.subsets[0].faces == 3);
  CHECK(result.subsets[0].curve[0].found == 1);
  CHECK(result.subsets[0].curve[400].proposals == 1);
  CHECK(result.subsets[0].curve[510].proposals == 2);
  CHECK(ap(result) == doctest::Approx(1 / 3. + 1 / 3. * 2 / 3.));
  CHECK(has_problem(result.problems, {"e/c: missing among the detections"}));
  CHECK(has_problem(result.problems, {"e/x", "no such image"}));

  WiderOptions options;
  options.only_with_detections = true;
  const WiderResult restricted = evaluate_wider(truth, detections, options);
  CHECK(restricted.images == 3);
  CHECK(restricted.images_excluded == 1);
  CHECK(restricted.images_not_listed == 0);
  CHECK(restricted.subsets[0].faces == 2);

  options = {};
  options.images = {{"e/a", "list.txt", 1}, {"e/z", "list.txt", 2}};
  const WiderResult listed = evaluate_wider(truth, detections, options);
  CHECK(listed.images == 1);
  CHECK(listed.images_excluded == 3);
  CHECK(ap(listed) == 1);  // one score alone: stretched to 1
  CHECK(has_problem(listed.problems, {"list.txt:2: e/z: no such image in the ground truth"}));
}

TEST_CASE("WIDER: the protocol step by step on random boxes") {
  // The same figure from a direct transcription of the protocol's words, threshold by threshold.
  std::mt19937 random(7);
  const auto uniform = [&](double from, double to) {
    return std::uniform_real_distribution<double>(from, to)(random);
  };
  for (int round = 0; round < 20; ++round) {
    std::vector<WiderImage> images;
    std::vector<DetectedImage> found;
    for (int i = 0; i < 6; ++i) {
      WiderImage image{"e/" + std::to_string(i), {}};
      DetectedImage detections{image.name};
      for (int f = 0; f < 5; ++f) {
        const Rectangle box{uniform(0, 60), uniform(0, 60), uniform(5, 30), uniform(5, 30)};
        image.faces.push_back({box, uniform(0, 1) < .7 ? 1u : 0u});
        for (int d = 0; d < 3; ++d) {
          detections.detections.push_back(
              {{box.x + uniform(-6, 6), box.y + uniform(-6, 6), box.width, box.height},
               std::round(uniform(.3, .9) * 100) / 100});
        }
      }
      images.push_back(image);
      found.push_back(detections);
    }
    const WiderResult result = evaluate_wider(one_subset(images), detected(found));

    double lowest = 1, highest = 0;
    int faces = 0;
    for (std::size_t i = 0; i < images.size(); ++i) {
      for (const WiderFace& face : images[i].faces) faces += face.subsets == 1;
      for (const Detection& d : found[i].detections) {
        lowest = std::min(lowest, d.score);
        highest = std::max(highest, d.score);
      }
    }
    for (const int t : {0, 100, 333, 500, 998, 999}) {
      std::int64_t proposals = 0, recalled = 0;
      for (std::size_t i = 0; i < images.size(); ++i) {
        std::vector<Detection> sorted = found[i].detections;
        std::stable_sort(sorted.begin(), sorted.end(),
                         [](const Detection& a, const Detection& b) { return a.score > b.score; });
        std::vector<bool> is_found(images[i].faces.size());
        for (const Detection& d : sorted) {
          if ((d.score - lowest) / (highest - lowest) < 1 - (t + 1) / 1000.) continue;
          std::size_t best = 0;
          float best_overlap = 0;
          for (std::size_t f = 0; f < images[i].faces.size(); ++f) {
            const auto edges = [](const Rectangle& r) {
              return Box{static_cast<float>(r.x), static_cast<float>(r.y),
                         static_cast<float>(r.x + r.width + 1), static_cast<float>(r.y + r.height + 1)};
            };
            const float shared = iou(edges(d.box), edges(images[i].faces[f].box));
            if (shared > best_overlap) {
              best_overlap = shared;
              best = f;
            }
          }
          const bool hit = best_overlap >= .5f;
          if (hit && images[i].faces[best].subsets == 0) continue;
          ++proposals;
          if (hit && !is_found[best]) {
            is_found[best] = true;
            ++recalled;
          }
        }
      }
      const WiderResult::CurvePoint& point = result.subsets[0].curve[static_cast<std::size_t>(t)];
      CHECK(point.proposals == proposals);
      CHECK(point.found == recalled);
      CHECK(point.recall == doctest::Approx(static_cast<double>(recalled) / faces));
    }
  }
}

TEST_CASE("WIDER: detections that can't be used are reported with file and line") {
  const Folder folder;
  folder.write("e/good.txt", "good\r\n2\r\n1 2 3 4 .5\r\n 5 6 7 8 .25 \r\n\r\n");
  folder.write("e/bad.txt",
               "bad\n7\n1 2 3 4 .5\n1 2 3 4\n1 2 3 4 nan\n1 2 x 4 .5\n1 2 -3 4 .5\n1 2 3 4 .5 "
               "6\n2e9 2 3 4 .5\n");
  folder.write("e/title.txt", "other.jpg\n1\n1 2 3 4 .5\n");
  folder.write("e/count.txt", "count.jpg\n3\n1 2 3 4 .5\n");
  folder.write("e/none.txt", "");
  const auto set = read_wider_detections(folder.path());
  REQUIRE(set.ok());
  REQUIRE(set->images.size() == 5);
  CHECK(set->left_out == 4);
  CHECK(set->images[0].name == "e/bad");
  // What is absurd but has five numbers counts, as in the official evaluation.
  REQUIRE(set->images[0].detections.size() == 3);
  CHECK(set->images[0].detections[1].box.width == -3);
  CHECK(set->images[0].detections[2].box.x == 1e6);
  CHECK(has_problem(set->problems, {"bad.txt:4: 4 numbers in a row, expected 5"}));
  CHECK(has_problem(set->problems, {"bad.txt:5: 'nan'"}));
  CHECK(has_problem(set->problems, {"bad.txt:6: 'x'"}));
  CHECK(has_problem(set->problems, {"bad.txt:7: size -3", "counted"}));
  CHECK(has_problem(set->problems, {"bad.txt:8: 6 numbers in a row"}));
  CHECK(has_problem(set->problems, {"bad.txt:9: coordinate", "counted"}));
  CHECK(has_problem(set->problems, {"title.txt:1: 'other.jpg'", "'title'"}));
  CHECK(has_problem(set->problems, {"count.txt:2: 3 detections, but there are 1 rows"}));
  CHECK(has_problem(set->problems, {"none.txt:2"}));
  for (const Problem& problem : set->problems) {
    CHECK_FALSE(problem.file.ends_with("good.txt"));
  }
  CHECK(set->images[2].detections.size() == 2);
  CHECK(set->images[2].detections[1].box.width == 7);
  CHECK(set->images[2].detections[1].score == .25);
  CHECK_FALSE(read_wider_detections(folder / "nowhere").ok());
}

TEST_CASE("WIDER: two files of one image, and files without name or number") {
  const Folder folder;
  folder.write("d/e/a.txt", "a\n1\n0 0 9 9 .5\n");
  folder.write("d/e/a.jpg.txt", "a\n2\n0 0 9 9 .5\n0 0 5 5 .25\n");
  folder.write("d/e/b.txt", "0 0 9 9 .5\n1 1 9 9 .25\n");     // neither
  folder.write("d/e/c.txt", "2\n0 0 9 9 .5\n1 1 9 9 .25\n");  // no name
  folder.write("d/e/d.txt", "d\n0 0 9 9 .5\n1 1 9 9 .25\n");  // no number
  folder.write("d/e/7.txt", "7\n1\n0 0 9 9 .5\n");            // a name that is a number
  folder.write("d/e/1 2 3 4 5.txt", "1 2 3 4 5\n1\n0 0 9 9 .5\n");
  folder.write("d/e/f.txt", "f\n0 0 9 9\n1 1 9 9 .25\n");  // no number, and a row without a score
  const auto set = read_wider_detections(folder / "d");
  REQUIRE(set.ok());
  std::map<std::string, std::size_t> rows;
  for (const DetectedImage& image : set->images) rows[image.name] = image.detections.size();
  CHECK(rows ==
        std::map<std::string, std::size_t>{
            {"e/1 2 3 4 5", 1}, {"e/7", 1}, {"e/f", 1}, {"e/a", 2}, {"e/b", 2}, {"e/c", 2}, {"e/d", 2}});
  CHECK(set->left_out == 2);
  CHECK(has_problem(set->problems, {"f.txt:2", "expected the number"}));
  CHECK(has_problem(set->problems, {"a.txt", "e/a: a second time", "a.jpg.txt"}));
  CHECK(has_problem(set->problems, {"b.txt:1", "expected the image's name"}));
  CHECK(has_problem(set->problems, {"b.txt:1", "expected the number"}));
  CHECK(has_problem(set->problems, {"c.txt:1", "expected the image's name"}));
  CHECK(has_problem(set->problems, {"d.txt:2", "expected the number"}));
  CHECK(set->problems.size() == 7);
}

TEST_CASE("WIDER: what is written is read back the same") {
  const Folder folder;
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(0, 1000);
  DetectedImage image{"0--Parade/some photograph", {}};
  for (int i = 0; i < 50; ++i) {
    Face face;
    face.box = {uniform(random) - 10, uniform(random) - 10, 0, 0};
    face.box.right = face.box.left + uniform(random);
    face.box.bottom = face.box.top + uniform(random) * 1e-6f;
    face.score = uniform(random) / 1000;
    image.detections.push_back(to_detection(face));
  }
  REQUIRE(write_wider_detections(folder.path(), image).ok());
  REQUIRE(write_wider_detections(folder.path(), {"0--Parade/empty", {}}).ok());
  const auto set = read_wider_detections(folder.path());
  REQUIRE(set.ok());
  CHECK(set->problems.empty());
  REQUIRE(set->images.size() == 2);
  CHECK(set->images[0].name == "0--Parade/empty");
  REQUIRE(set->images[1].detections.size() == 50);
  std::stable_sort(image.detections.begin(), image.detections.end(),
                   [](const Detection& a, const Detection& b) { return a.score > b.score; });
  for (std::size_t i = 0; i < 50; ++i) {
    const Detection &a = image.detections[i], &b = set->images[1].detections[i];
    CHECK(a.score == b.score);
    CHECK(a.box.x == b.box.x);
    CHECK(a.box.y == b.box.y);
    CHECK(a.box.width == b.box.width);
    CHECK(a.box.height == b.box.height);
  }
  for (const char* const name : {"", "../a", "/a", "x/../../a"}) {
    CAPTURE(name);
    CHECK_FALSE(write_wider_detections(folder.path(), {name, {}}).ok());
  }
}

TEST_CASE("WIDER: ground truth as text") {
  const Folder folder;
  const std::string flags = folder.write("gt.txt",
                                         "e/a.jpg\n2\n1 2 3 4 1 1 1\n5 6 7 8 0 0 1\n"
                                         "e/b.jpg\n0\n"
                                         "e/c.jpg\n3\n1 2 3 4 1 1 2\n1 2 3 4 1\n9 9 9 9 0 1 1\n"
                                         "e/a.jpg\n1\n1 2 3 4 1 1 1\n");
  const auto truth = read_wider_truth(flags);
  REQUIRE(truth.ok());
  CHECK(truth->subsets == std::vector<std::string>{"easy", "medium", "hard"});
  REQUIRE(truth->images.size() == 3);
  CHECK(truth->images[0].name == "e/a");
  CHECK(truth->file == flags);
  CHECK(truth->images[2].line == 7);
  CHECK(truth->images[0].faces[0].subsets == 7);
  CHECK(truth->images[0].faces[1].subsets == 4);
  CHECK(truth->images[0].faces[1].box.height == 8);
  CHECK(truth->images[1].faces.empty());
  REQUIRE(truth->images[2].faces.size() == 1);
  CHECK(truth->images[2].faces[0].subsets == 6);
  CHECK(truth->left_out == 3);
  CHECK(has_problem(truth->problems, {"gt.txt:9: expected 0 or 1"}));
  CHECK(has_problem(truth->problems, {"gt.txt:10: 5 numbers in a row, expected 7"}));
  CHECK(has_problem(truth->problems, {"gt.txt:12: e/a: a second time"}));

  const std::string bbx = folder.write("bbx_gt.txt",
                                       "e/a.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n5 6 7 8 0 0 0 1 0 0\n"
                                       "e/b.jpg\n0\n0 0 0 0 0 0 0 0 0 0\n");
  const auto all = read_wider_truth(bbx);
  REQUIRE(all.ok());
  CHECK(all->subsets == std::vector<std::string>{"all"});
  REQUIRE(all->images.size() == 2);
  REQUIRE(all->images[0].faces.size() == 2);
  CHECK(all->images[0].faces[0].subsets == 1);
  CHECK(all->images[0].faces[0].box.width == 3);
  CHECK(all->images[0].faces[1].subsets == 0);  // invalid
  CHECK(all->images[1].line == 5);
  const auto spoilt = read_wider_truth(folder.write("bad.txt", "e/a.jpg\n3\n1 2 3 4\n1 2 3\n1 2 nan 4\n"));
  REQUIRE(spoilt.ok());
  CHECK(spoilt->left_out == 2);

  CHECK_FALSE(read_wider_truth(folder.write("empty.txt", "")).ok());
  CHECK_FALSE(read_wider_truth(folder / "nowhere").ok());
}

namespace {

matvar_t* mat_text(std::string text) {
  std::size_t dims[] = {1, text.size()};
  return Mat_VarCreate(nullptr, MAT_C_CHAR, MAT_T_UINT8, 2, dims, text.data(), 0);
}

matvar_t* mat_numbers(std::vector<double> numbers, std::size_t columns) {
  std::size_t dims[] = {numbers.size() / columns, columns};
  return Mat_VarCreate(nullptr, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, dims, numbers.data(), 0);
}

matvar_t* mat_cells(const char* name, std::vector<matvar_t*> content) {
  std::size_t dims[] = {content.size(), 1};
  matvar_t* const cell = Mat_VarCreate(name, MAT_C_CELL, MAT_T_CELL, 2, dims, nullptr, 0);
  for (std::size_t i = 0; i < content.size(); ++i) Mat_VarSetCell(cell, static_cast<int>(i), content[i]);
  return cell;
}

void write_mat(const std::string& path, const std::vector<matvar_t*>& variables) {
  mat_t* const file = Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5);
  REQUIRE(file != nullptr);
  for (matvar_t* const variable : variables) {
    Mat_VarWrite(file, variable, MAT_COMPRESSION_ZLIB);
    Mat_VarFree(variable);
  }
  Mat_Close(file);
}

// One event of two images with two faces and one.
void write_small_set(const Folder& folder, const std::vector<double>& hard_marks = {1, 2},
                     double first_x = 1) {
  const auto names = [] {
    return mat_cells("file_list", {mat_cells(nullptr, {mat_text("a"), mat_text("b")})});
  };
  write_mat(folder / "wider_face_val.mat",
            {mat_cells("event_list", {mat_text("e--x")}), names(),
             mat_cells("face_bbx_list", {mat_cells(nullptr, {mat_numbers({first_x, 5, 2, 6, 3, 7, 4, 8}, 4),
                                                             mat_numbers({9, 10, 11, 12}, 4)})})});
  const auto marks = [&](const char* subset, const std::vector<double>& first,
                         const std::vector<double>& second) {
    write_mat(folder / (std::string("wider_") + subset + "_val.mat"),
              {names(),
               mat_cells("gt_list", {mat_cells(nullptr, {mat_numbers(first, 1), mat_numbers(second, 1)})})});
  };
  marks("easy", {}, {1});
  marks("medium", {2}, {1});
  marks("hard", hard_marks, {1});
}

}  // namespace

TEST_CASE("WIDER: ground truth from .mat files") {
  const Folder folder;
  write_small_set(folder);
  const auto truth = read_wider_truth(folder.path());
  REQUIRE_MESSAGE(truth.ok(), truth.error().message);
  CHECK(truth->problems.empty());
  REQUIRE(truth->images.size() == 2);
  CHECK(truth->images[0].name == "e--x/a");
  REQUIRE(truth->images[0].faces.size() == 2);
  CHECK(truth->images[0].faces[0].box.x == 1);
  CHECK(truth->images[0].faces[0].box.height == 4);
  CHECK(truth->images[0].faces[0].subsets == 4);
  CHECK(truth->images[0].faces[1].box.x == 5);
  CHECK(truth->images[0].faces[1].box.width == 7);
  CHECK(truth->images[0].faces[1].subsets == 6);
  CHECK(truth->images[1].faces[0].subsets == 7);

  SUBCASE("a face that is no number keeps its place") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    write_small_set(folder, {1, 2}, nan);
    const auto spoilt = read_wider_truth(folder.path());
    REQUIRE_MESSAGE(spoilt.ok(), spoilt.error().message);
    CHECK(spoilt->left_out == 1);
    CHECK(has_problem(spoilt->problems, {"wider_face_val.mat: e--x/a: face 1: coordinate nan"}));
    REQUIRE(spoilt->images[0].faces.size() == 2);
    CHECK(spoilt->images[0].faces[0].unusable);
    CHECK(spoilt->images[0].faces[0].subsets == 0);  // though "hard" marks it
    CHECK(spoilt->images[0].faces[1].subsets == 6);
    // Nothing is taken for it: what lies where it might be is a false positive.
    const WiderResult result = evaluate_wider(
        *spoilt, detected({{"e--x/a", {{{0, 0, 0, 0}, .9}, {{-5, -5, 9, 9}, .8}}}, {"e--x/b", {}}}));
    CHECK(result.subsets[2].faces == 2);
    CHECK(result.labelled_faces == 2);
    CHECK(result.left_out == 1);
    CHECK(result.subsets[2].curve.back().proposals == 2);
    CHECK(result.subsets[2].curve.back().found == 0);
  }
  SUBCASE("a mark that no face has") {
    write_small_set(folder, {1, 3});
    const auto marked = read_wider_truth(folder.path());
    REQUIRE(marked.ok());
    CHECK(marked->left_out == 1);
    CHECK(has_problem(marked->problems, {"wider_hard_val.mat", "e--x/a: marks face 3 of 2"}));
  }
  SUBCASE("a missing file") {
    std::filesystem::remove(folder / "wider_medium_val.mat");
    const auto missing = read_wider_truth(folder.path());
    REQUIRE_FALSE(missing.ok());
    CHECK(missing.error().message.find("wider_medium_val.mat") != std::string::npos);
  }
  SUBCASE("other images") {
    write_mat(folder / "wider_easy_val.mat",
              {mat_cells("file_list", {mat_cells(nullptr, {mat_text("a"), mat_text("c")})}),
               mat_cells("gt_list", {mat_cells(nullptr, {mat_numbers({1}, 1), mat_numbers({1}, 1)})})});
    CHECK_FALSE(read_wider_truth(folder.path()).ok());
  }
  SUBCASE("other variables") {
    write_mat(folder / "wider_face_val.mat", {mat_cells("event_list", {mat_text("e--x")})});
    const auto other = read_wider_truth(folder.path());
    REQUIRE_FALSE(other.ok());
    CHECK(other.error().message.find("file_list") != std::string::npos);
  }
  SUBCASE("a matrix of three columns") {
    write_mat(folder / "wider_face_val.mat",
              {mat_cells("event_list", {mat_text("e--x")}),
               mat_cells("file_list", {mat_cells(nullptr, {mat_text("a")})}),
               mat_cells("face_bbx_list",
                         {mat_cells(nullptr, {mat_numbers({1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}, 3)})})});
    CHECK_FALSE(read_wider_truth(folder.path()).ok());
  }
  SUBCASE("no MATLAB file") {
    folder.write("wider_face_val.mat",
                 "this is text, and long enough that a header of 128 bytes could be read of it, "
                 "which then does not make sense to anybody who knows the format");
    CHECK_FALSE(read_wider_truth(folder.path()).ok());
  }
  SUBCASE("files that end early") {
    std::ifstream file(folder / "wider_face_val.mat", std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(file)), {});
    for (std::size_t length = 0; length < whole.size(); length += length + 40 < whole.size() ? 7 : 1) {
      CAPTURE(length);
      folder.write("wider_face_val.mat", whole.substr(0, length));
      CHECK_FALSE(read_wider_truth(folder.path()).ok());
    }
  }
}

TEST_CASE("WIDER: lists of images") {
  const Folder folder;
  const auto names = read_image_list(folder.write(
      "list.tsv", "# name\tsize\n\ne/a.jpg\t1024\t736\ne\\b.PNG 5\ne/c.d\ne/my pic.jpg\n77\ne/12\timg\n"));
  REQUIRE(names.ok());
  REQUIRE(names->size() == 6);
  CHECK(names->at(4).name == "77");
  CHECK(names->at(5).name == "e/12");
  CHECK(names->at(3).name == "e/my pic");
  CHECK(names->at(0).name == "e/a");
  CHECK(names->at(1).name == "e/b");
  CHECK(names->at(2).name == "e/c.d");
  CHECK(names->at(2).file == folder / "list.tsv");
  CHECK(names->at(2).line == 5);
  CHECK_FALSE(read_image_list(folder.write("none.txt", "# nothing\n")).ok());
}

namespace {

// Unpacks a zip of texts.
void unzip(const std::filesystem::path& archive, const Folder& folder) {
  zip_t* const zip = zip_open(archive.c_str(), ZIP_RDONLY, nullptr);
  REQUIRE(zip != nullptr);
  for (zip_int64_t i = 0; i < zip_get_num_entries(zip, 0); ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    zip_stat_t info;
    REQUIRE(zip_stat_index(zip, index, 0, &info) == 0);
    if (std::string_view(info.name).ends_with('/')) continue;
    std::string content(info.size, '\0');
    zip_file_t* const file = zip_fopen_index(zip, index, 0);
    REQUIRE(zip_fread(file, content.data(), info.size) == static_cast<zip_int64_t>(info.size));
    zip_fclose(file);
    folder.write(info.name, content);
  }
  zip_close(zip);
}

void check_reference(const WiderResult& result, std::array<double, 3> expected,
                     std::array<std::size_t, 3> faces) {
  REQUIRE(result.subsets.size() == 3);
  for (std::size_t s = 0; s < 3; ++s) {
    CAPTURE(result.subsets[s].name);
    CHECK(result.subsets[s].faces == faces[s]);
    CHECK(std::abs(result.subsets[s].average_precision - expected[s]) < 1e-6);
  }
  CHECK(result.left_out == 0);
}

}  // namespace

TEST_CASE("WIDER: reference, all images") {
  if (!test::have_shared_data()) return;
  const auto cases = test::shared_data() / "reference/eval/wider";
  const Folder folder;
  unzip(cases / "wider_synthetic_1/pred.zip", folder);
  const std::clock_t start =
      std::clock();  // of the processor: what runs beside a test is no fault of the code
  const auto truth = read_wider_truth(cases.string());
  REQUIRE_MESSAGE(truth.ok(), truth.error().message);
  const auto detections = read_wider_detections(folder.path());
  REQUIRE(detections.ok());
  const WiderResult result = evaluate_wider(*truth, *detections);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::cout << "WIDER FACE val, " << result.images << " images: " << seconds << " s" << std::endl;
#ifdef NDEBUG  // the sanitizers' builds are not, and slow
  CHECK(seconds < 10);
#endif
  CHECK(result.images == 3226);
  CHECK(result.images_empty == 42);
  CHECK(result.images_not_listed == 0);
  CHECK(result.detections == 41022);
  CHECK(result.problems.empty());
  check_reference(result, {0.667843, 0.591066, 0.436264}, {7211, 13319, 31958});
  CHECK(result.subsets[0].recall == doctest::Approx(.802108).epsilon(1e-6));
}

TEST_CASE("WIDER: reference, 149 images") {
  if (!test::have_shared_data()) return;
  const auto cases = test::shared_data() / "reference/eval/wider";
  const auto released = cases / "wider149_released";
  SUBCASE("at 416 pixels, with the text of flags") {
    const Folder folder;
    unzip(released / "pred_416.zip", folder);
    const auto truth = read_wider_truth((released / "gt_416.txt").string());
    REQUIRE(truth.ok());
    const auto detections = read_wider_detections(folder.path());
    REQUIRE(detections.ok());
    const WiderResult result = evaluate_wider(*truth, *detections);
    CHECK(result.images == 149);
    CHECK(result.detections == 1194);
    CHECK(result.problems.empty());
    check_reference(result, {0.777249, 0.649911, 0.324895}, {450, 951, 2518});
  }
  SUBCASE("at the original size, with the .mat files") {
    const Folder folder;
    unzip(released / "pred_orig.zip", folder);
    const auto truth = read_wider_truth(cases.string());
    REQUIRE(truth.ok());
    const auto detections = read_wider_detections(folder.path());
    REQUIRE(detections.ok());
    WiderOptions options;
    options.only_with_detections = true;
    const WiderResult result = evaluate_wider(*truth, *detections, options);
    CHECK(result.images == 149);
    CHECK(result.images_excluded == 3077);
    check_reference(result, {0.769033, 0.640544, 0.317257}, {450, 951, 2518});

    const auto list = read_image_list((released / "images.tsv").string());
    REQUIRE(list.ok());
    options = {};
    options.images = *list;
    check_reference(evaluate_wider(*truth, *detections, options), {0.769033, 0.640544, 0.317257},
                    {450, 951, 2518});
  }
}

TEST_CASE("WIDER: JSON") {
  WiderTruth truth;
  truth.subsets = {"easy", "medium", "hard"};
  truth.images = {{"e/a", {{{0, 0, 9, 9}, 7}, {{50, 0, 9, 9}, 4}}}};
  const WiderResult result = evaluate_wider(truth, detected({{"e/a", {{{0, 0, 9, 9}, .5}}}}));
  const nlohmann::ordered_json json = result;
  CHECK(json["easy"] == 1);
  CHECK(json["hard"] == .5);
  CHECK(json["faces"]["hard"] == 2);
  CHECK(json["curves"]["easy"]["precision"].size() == 1000);
  CHECK(json["images"] == 1);
  CHECK(json["left_out"] == 0);
  // A mean over no face is no figure.
  truth.images[0].faces = {{{0, 0, 9, 9}, 4}};
  const nlohmann::ordered_json hard_alone = evaluate_wider(truth, detected({{"e/a", {}}}));
  CHECK(hard_alone["easy"].is_null());
  CHECK(hard_alone["recall"]["easy"].is_null());
  CHECK(hard_alone["hard"] == 0);
  // Detections of another set have no figure either.
  const WiderResult elsewhere = evaluate_wider(truth, detected({{"e/z", {{{0, 0, 9, 9}, .5}}}}));
  CHECK(!elsewhere.any_listed());
  CHECK(nlohmann::ordered_json(elsewhere)["hard"].is_null());
  CHECK(nlohmann::ordered_json(elsewhere)["curves"]["hard"]["recall"].empty());
}

TEST_CASE("WIDER: what the caller has reported is not said again") {
  WiderTruth truth = one_subset(
      {{"e/a", {{{0, 0, 9, 9}, 1}}, 4}, {"e/b", {{{0, 0, 9, 9}, 1}}, 9}, {"e/c", {{{0, 0, 9, 9}, 1}}, 12}});
  truth.file = "gt.txt";
  DetectionSet detections = detected({{"e/c", {}}});
  detections.failed = {"e/a"};
  const WiderResult result = evaluate_wider(truth, detections);
  CHECK(result.images_not_listed == 2);
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].text() == "gt.txt:9: e/b: missing among the detections, counted as nothing found");
  WiderOptions options;
  options.run = "ours";
  const WiderResult named = evaluate_wider(truth, detections, options);
  CHECK(named.problems.at(0).text() ==
        "gt.txt:9: e/b: missing among the detections of ours, counted as nothing found");
}

}  // namespace mtcnn
