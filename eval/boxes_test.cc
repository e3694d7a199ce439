#include "eval/boxes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <utility>

namespace mtcnn {
namespace {

LabelledFace face(float left, float top, float side, bool ignore = false) {
  LabelledFace result;
  result.box = {left, top, left + side, top + side};
  result.ignore = ignore;
  return result;
}

BoxDetection found(float left, float top, float side, double score) {
  return {{left, top, left + side, top + side}, score};
}

using Images = std::vector<LabelledImage>;
using Detections = std::vector<std::vector<BoxDetection>>;

}  // namespace

TEST_CASE("area under the envelope") {
  const auto area = [](std::vector<double> precision, std::vector<double> recall) {
    return area_under_envelope(precision, recall);
  };
  CHECK(area({}, {}) == 0);
  CHECK(area({1}, {1}) == 1);
  CHECK(area({1}, {.5}) == .5);
  // The dip to .5 is filled by the later 2/3: .5 * 1 + .5 * 2/3.
  CHECK(area({1, .5, 2. / 3}, {.5, .5, 1}) == doctest::Approx(.5 + 1. / 3));
  CHECK(area({0, .5}, {0, .25}) == doctest::Approx(.125));
}

TEST_CASE("right, double, false and missed") {
  // Faces A and B in one image, C in another, which is never found.
  const Images images = {{"1", {face(0, 0, 10), face(100, 0, 10)}}, {"2", {face(0, 0, 10)}}, {"3", {}}};
  const Detections detections = {{found(0, 0, 10, .5f),     // A again: false
                                  found(0, 0, 9, .9f),      // A, IoU .81
                                  found(103, 0, 10, .7f)},  // B, IoU 7/13
                                 {found(4, 0, 10, .8f)},    // IoU 6/14 < .5: false
                                 {found(0, 0, 10, .6f)}};   // false
  const BoxResult result = evaluate_boxes(images, detections);
  CHECK(result.images == 3);
  CHECK(result.faces == 3);
  CHECK(result.ignored_faces == 0);
  CHECK(result.detections == 5);
  CHECK(result.ignored_detections == 0);
  // By score: right, false, right, false, false.
  REQUIRE(result.curve.size() == 5);
  const std::array<std::size_t, 5> right{1, 1, 2, 2, 2}, wrong{0, 1, 1, 2, 3};
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(result.curve[i].found == right[i]);
    CHECK(result.curve[i].false_positives == wrong[i]);
  }
  CHECK(result.curve[2].score == .7f);
  CHECK(result.curve[2].precision == doctest::Approx(2. / 3));
  CHECK(result.curve[2].recall == doctest::Approx(2. / 3));
  CHECK(result.average_precision == doctest::Approx(1. / 3 * 1 + 1. / 3 * 2 / 3));
  REQUIRE(result.missed.size() == 1);
  CHECK(result.missed[0].image == 1);
  CHECK(result.missed[0].face == 0);
  REQUIRE(result.false_positives.size() == 3);
  CHECK(result.false_positives[0].image == 1);
  CHECK(result.false_positives[0].detection == 0);
  CHECK(result.false_positives[2].image == 0);
  CHECK(result.false_positives[2].detection == 0);

  // .01 and .1 of three images allow no false positive, 1 allows three, 1/3 one.
  BoxOptions options;
  options.false_positives_per_image = {.01, 1. / 3, 1};
  const auto at = evaluate_boxes(images, detections, options).recall_at;
  CHECK(at[0].recall == doctest::Approx(1. / 3));
  CHECK(at[0].score == .9f);
  CHECK(at[1].recall == doctest::Approx(2. / 3));
  CHECK(at[1].score == .7f);
  CHECK(at[2].recall == doctest::Approx(2. / 3));
  CHECK(at[2].score == .5f);

  options.iou = .4f;  // then C is found
  CHECK(evaluate_boxes(images, detections, options).missed.empty());
  options.iou = 6.f / 14;  // exactly its overlap
  CHECK(evaluate_boxes(images, detections, options).missed.empty());
  options.iou = .82f;  // then A is found by .5 alone, and .9 is false
  const BoxResult strict = evaluate_boxes(images, detections, options);
  CHECK(strict.missed.size() == 2);
  CHECK(strict.average_precision == doctest::Approx(1. / 3 * 1 / 5));
}

TEST_CASE("the face that overlaps most decides, found or not") {
  // Both detections lie on A most; the second is not given to B, though B's overlap would do.
  const Images images = {{"1", {face(0, 0, 10), face(2, 0, 10)}}};
  const Detections detections = {{found(0, 0, 10, .9f), found(.5f, 0, 10, .8f)}};
  const BoxResult result = evaluate_boxes(images, detections);
  CHECK(result.curve.back().found == 1);
  CHECK(result.false_positives.size() == 1);
}

TEST_CASE("ignored faces and regions count neither way") {
  const Images images = {{"1", {face(0, 0, 10, true), face(100, 0, 40, true), face(200, 0, 10)}}};
  const Detections detections = {{found(0, 0, 10, .9f),   // on an ignored face
                                  found(0, 0, 10, .8f),   // again
                                  found(105, 5, 8, .7f),  // within a region
                                  found(95, 0, 10, .6f),  // half in it
                                  found(94, 0, 10, .5f),  // less than half: false
                                  found(200, 0, 10, .4f)}};
  BoxResult result = evaluate_boxes(images, detections);
  CHECK(result.faces == 1);
  CHECK(result.ignored_faces == 2);
  CHECK(result.ignored_detections == 4);
  CHECK(result.detections == 2);
  CHECK(result.average_precision == .5);
  CHECK(result.missed.empty());
  BoxOptions options;
  options.ignore_overlap = .4f;
  result = evaluate_boxes(images, detections, options);
  CHECK(result.ignored_detections == 5);
  CHECK(result.average_precision == 1);

  // A region drawn over a face does not take its detection.
  CHECK(evaluate_boxes(Images{{"1", {face(0, 0, 10, true), face(0, 0, 10)}}},
                       Detections{{found(0, 0, 10, .9f)}})
            .average_precision == 1);
}

TEST_CASE("sizes out of range count neither way") {
  const Images images = {{"1", {face(0, 0, 10), face(100, 0, 20), face(200, 0, 40)}}};
  const Detections detections = {{found(0, 0, 10, .9f),      // on a small face
                                  found(300, 0, 19, .8f),    // small, on nothing
                                  found(300, 50, 20, .7f),   // false
                                  found(101, 0, 19, .6f),    // small, but on a face that counts
                                  found(200, 0, 40, .5f)}};  // on a large face
  BoxOptions options;
  options.min_face = 20;
  options.max_face = 40;
  const BoxResult result = evaluate_boxes(images, detections, options);
  CHECK(result.faces == 1);
  CHECK(result.ignored_faces == 2);
  CHECK(result.detections == 2);
  CHECK(result.ignored_detections == 3);
  CHECK(result.average_precision == .5);
  LabelledFace flat;
  flat.box = {0, 0, 100, 19};  // the shorter side decides
  CHECK(evaluate_boxes(Images{{"1", {flat}}}, Detections{{}}, options).faces == 0);
}

TEST_CASE("equal scores give the same figure in any order") {
  std::mt19937 random(1);
  Images images(4);
  Detections detections(4);
  for (std::size_t i = 0; i < 4; ++i) {
    for (int f = 0; f < 5; ++f) images[i].faces.push_back(face(100.f * static_cast<float>(f), 0, 10));
    for (int d = 0; d < 10; ++d) {
      detections[i].push_back(
          found(50.f * static_cast<float>(d), 0, 10, .1f * static_cast<float>(random() % 3)));
    }
  }
  const BoxResult result = evaluate_boxes(images, detections);
  CHECK(result.curve.size() == 3);
  for (int i = 0; i < 10; ++i) {
    for (auto& list : detections) std::shuffle(list.begin(), list.end(), random);
    CHECK(evaluate_boxes(images, detections).average_precision == result.average_precision);
  }
}

TEST_CASE("nothing to find, nothing found") {
  BoxResult result = evaluate_boxes({}, {});
  CHECK(result.average_precision == 0);
  CHECK(result.curve.empty());
  CHECK(result.recall_at[0].recall == 0);
  result = evaluate_boxes(Images{{"1", {}}}, Detections{{found(0, 0, 9, .5f)}});
  CHECK(result.average_precision == 0);
  CHECK(result.false_positives.size() == 1);
  result = evaluate_boxes(Images{{"1", {face(0, 0, 9)}}}, Detections{{}});
  CHECK(result.average_precision == 0);
  CHECK(result.missed.size() == 1);
}

TEST_CASE("boxes as JSON") {
  const nlohmann::ordered_json json =
      evaluate_boxes(Images{{"1", {face(0, 0, 10)}}}, Detections{{found(0, 0, 10, .5f)}});
  CHECK(json.at("average_precision") == 1);
  CHECK(json.at("iou") == .5);
  CHECK(json.at("max_face").is_null());
  CHECK(json.at("faces") == 1);
  CHECK(json.at("curve").at("recall").at(0) == 1);
  CHECK(json.at("recall_at").at(2).at("recall") == 1);
  BoxOptions options;
  options.iou = .4f;
  options.min_face = .1f;
  const nlohmann::ordered_json decimals =
      evaluate_boxes(Images{{"1", {face(0, 0, 10)}}}, Detections{{found(0, 0, 10, .9)}}, options);
  CHECK(decimals.at("iou").dump() == "0.4");
  CHECK(decimals.at("min_face").dump() == "0.1");
  CHECK(decimals.at("curve").at("score").dump() == "[0.9]");
  const nlohmann::ordered_json empty = evaluate_boxes({}, {});
  CHECK(empty.at("average_precision").is_null());
  CHECK(empty.at("recall_at").at(0).at("recall").is_null());
  CHECK(empty.at("recall_at").at(0).at("score").is_null());
}

}  // namespace mtcnn
