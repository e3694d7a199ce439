#include "eval/landmarks.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

namespace mtcnn {
namespace {

// Eyes 10 apart; box 20 x 45, whose size is 30.
const Landmarks kPoints = {{{15, 20}, {25, 20}, {20, 25}, {16, 30}, {24, 30}}};

LabelledFace labelled(float left = 10, const Landmarks& points = kPoints) {
  LabelledFace face;
  face.box = {left, 0, left + 20, 45};
  face.landmarks = points;
  return face;
}

Landmarks moved(float dx, float dy = 0) {
  Landmarks points = kPoints;
  for (Point& p : points) p = {p.x + dx, p.y + dy};
  return points;
}

Face detected(const Box& box, float mark) {
  Face face;
  face.box = box;
  face.score = .9f;
  face.landmarks = moved(mark);
  return face;
}

using Images = std::vector<LabelledImage>;
using Predictions = std::vector<std::vector<LandmarkPrediction>>;

}  // namespace

TEST_CASE("a detection goes to the face it overlaps most, once") {
  LabelledImage image{"a", {labelled(10), labelled(20), LabelledFace{}, labelled(200)}};
  image.faces[2].box = {10, 0, 30, 45};  // without points
  std::vector<Face> faces = {detected({21, 0, 41, 45}, 1), detected({11, 0, 31, 45}, 2),
                             detected({10, 0, 30, 45}, 3), detected({217, 0, 237, 45}, 4)};
  auto predictions = match_landmarks(image, faces);
  REQUIRE(predictions.size() == 4);
  CHECK(predictions[0].points == moved(3));
  CHECK(predictions[1].points == moved(1));
  CHECK(!predictions[2].points);
  CHECK(!predictions[3].points);  // IoU 3/37
  CHECK(!predictions[0].read_off);
  CHECK(match_landmarks(image, faces, .05f)[3].points == moved(4));

  // One detection on two faces is one of theirs.
  faces = {detected({14, 0, 34, 45}, 1)};
  predictions = match_landmarks(image, faces);
  CHECK(predictions[0].points);
  CHECK(!predictions[1].points);
  image.faces[0].ignore = true;
  predictions = match_landmarks(image, faces);
  CHECK(!predictions[0].points);
  CHECK(predictions[1].points);
}

TEST_CASE("errors by hand") {
  Landmarks nose_off = kPoints;
  nose_off[2].x += 3;
  nose_off[2].y += 4;  // 5 pixels: .5 of the eye distance, .1 as a mean over five points
  LabelledFace ignored = labelled();
  ignored.ignore = true;
  const Images images = {
      {"a", {labelled(), ignored, LabelledFace{}}}, {"b", {labelled()}}, {"c", {labelled()}}};
  const Predictions predictions = {{{nose_off}, {moved(9)}, {}}, {{moved(0, 3)}}, {{moved(0)}}};
  const LandmarkResult result = evaluate_landmarks(images, predictions);
  CHECK(result.faces == 3);
  CHECK(result.detected == 3);
  CHECK(result.read_off == 0);
  CHECK(result.missing == 0);
  CHECK(result.mean_error == doctest::Approx((.1 + .3 + 0) / 3));
  CHECK(result.point_errors[0] == doctest::Approx(.1));
  CHECK(result.point_errors[2] == doctest::Approx((.5 + .3) / 3));
  CHECK(result.failure_rate == doctest::Approx(1. / 3));  // .1 itself is none
  REQUIRE(result.errors.size() == 3);
  CHECK(result.errors[0].image == 1);
  CHECK(result.errors[0].error == doctest::Approx(.3));
  CHECK(result.errors[2].error == 0);
  CHECK(result.share_within(0) == doctest::Approx(1. / 3));
  CHECK(result.share_within(.2) == doctest::Approx(2. / 3));
  CHECK(result.share_within(.31) == 1);

  LandmarkOptions options;
  options.unit = LandmarkUnit::kBoxSize;
  options.failure = .05;
  const LandmarkResult by_box = evaluate_landmarks(images, predictions, options);
  CHECK(by_box.mean_error == doctest::Approx((1. / 30 + 3. / 30) / 3));
  CHECK(by_box.failure_rate == doctest::Approx(1. / 3));
}

TEST_CASE("faces that were not detected are counted, and left out or failures") {
  const Images images = {{"a", {labelled(), labelled()}}, {"b", {labelled(), labelled()}}};
  const Predictions predictions = {{{moved(1)}, {}}, {{moved(3), true}, {}}};
  LandmarkOptions options;
  LandmarkResult result = evaluate_landmarks(images, predictions, options);
  CHECK(result.faces == 4);
  CHECK(result.detected == 1);
  CHECK(result.read_off == 1);
  CHECK(result.missing == 2);
  CHECK(result.mean_error == doctest::Approx(.2));
  CHECK(result.failure_rate == doctest::Approx(.5));
  CHECK(result.share_within(1) == 1);
  REQUIRE(result.missing_faces.size() == 2);
  CHECK(result.missing_faces[1].image == 1);
  CHECK(result.missing_faces[1].face == 1);
  CHECK(result.errors[0].read_off);

  options.missing = MissingFaces::kFail;
  result = evaluate_landmarks(images, predictions, options);
  CHECK(result.mean_error == doctest::Approx(.2));
  CHECK(result.failure_rate == doctest::Approx(.75));
  CHECK(result.share_within(1) == doctest::Approx(.5));

  // None detected at all.
  const Predictions none = {{{}, {}}, {{}, {}}};
  CHECK(evaluate_landmarks(images, none, options).failure_rate == 1);
  CHECK(std::isnan(evaluate_landmarks(images, none, options).mean_error));
  CHECK(std::isnan(evaluate_landmarks(images, none).failure_rate));
  CHECK(std::isnan(evaluate_landmarks(images, none).point_errors[4]));
  CHECK(evaluate_landmarks(images, none).missing == 4);
  CHECK(evaluate_landmarks(images, none).share_within(1) == 0);
  nlohmann::ordered_json json = evaluate_landmarks(images, none, options);
  CHECK(json.at("failure_rate") == 1);
  CHECK(json.at("mean_error").is_null());
  CHECK(json.at("points").at("nose").is_null());
}

TEST_CASE("eyes in one place") {
  Landmarks profile = kPoints;
  profile[1] = profile[0];
  const Images images = {{"a", {labelled(10, profile), labelled()}}};
  const Predictions predictions = {{{kPoints}, {moved(1)}}};
  LandmarkResult result = evaluate_landmarks(images, predictions);
  REQUIRE(result.without_unit.size() == 1);
  CHECK(result.without_unit[0].face == 0);
  CHECK(result.faces == 1);
  CHECK(result.mean_error == doctest::Approx(.1));
  LandmarkOptions options;
  options.unit = LandmarkUnit::kBoxSize;
  CHECK(evaluate_landmarks(images, predictions, options).faces == 2);
}

TEST_CASE("landmarks as JSON") {
  const Images images = {{"a", {labelled(), labelled()}}};
  const nlohmann::ordered_json json = evaluate_landmarks(images, Predictions{{{moved(1)}, {}}});
  CHECK(json.at("mean_error").get<double>() == doctest::Approx(.1));
  CHECK(json.at("unit") == "inter_ocular");
  CHECK(json.at("missing") == 1);
  CHECK(json.at("missing_faces") == "left_out");
  CHECK(json.at("points").at("nose").get<double>() == doctest::Approx(.1));
  const auto& curve = json.at("curve");
  REQUIRE(curve.at("error").size() == 41);
  CHECK(curve.at("error").at(40).get<double>() == doctest::Approx(.2));
  CHECK(curve.at("share").at(19) == 0);
  CHECK(curve.at("share").at(21) == 1);
}

}  // namespace mtcnn
