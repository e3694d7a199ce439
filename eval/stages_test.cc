#include "eval/stages.h"

#include <doctest/doctest.h>

#include <string>

namespace mtcnn {
namespace {

LabelledFace face(float left, float side, bool ignore = false) {
  LabelledFace result;
  result.box = {left, 0, left + side, side};
  result.ignore = ignore;
  return result;
}

Candidate window(float left, float side) { return {{left, 0, left + side, side}, .9f}; }

Trace example() {
  Trace trace;
  // On the first face twice, exactly half over the second (IoU 20 / 40), beside all.
  trace.proposals = {window(0, 10), window(1, 10), {{100, 0, 120, 40}, .9f}, window(300, 10)};
  trace.pnet = {window(0, 10), {{100, 0, 120, 40}, .9f}, window(200, 10)};
  trace.rnet = {window(0, 10), window(2, 10)};
  Face last;
  last.box = {4, 0, 14, 10};  // IoU 6 / 14
  trace.faces = {last};
  return trace;
}

const LabelledImage kImage{"a", {face(0, 10), face(100, 40, false), face(200, 10, true)}};

}  // namespace

TEST_CASE("what each stage keeps, and how many windows") {
  StageOptions options;
  options.buckets = {10, 40, 100};
  StageTally tally(options);
  tally.add(kImage, example());
  tally.add(LabelledImage{"b", {face(0, 9)}}, Trace{});
  CHECK(tally.images() == 2);
  CHECK(tally.all().faces == 3);
  CHECK(tally.all().kept == std::array<std::size_t, kStages>{2, 2, 1, 0});
  CHECK(tally.all().recall(Stage::kProposals) == doctest::Approx(2. / 3));
  CHECK(tally.all().recall(Stage::kONet) == 0);
  CHECK(tally.windows(Stage::kProposals) == 4);
  CHECK(tally.windows(Stage::kPNet) == 3);
  CHECK(tally.windows_per_image(Stage::kRNet) == 1);
  CHECK(tally.windows_per_image(Stage::kONet) == .5);
  // 9 is below the first bucket, 10 begins it, 40 begins the second.
  CHECK(tally.by_size()[0].faces == 1);
  CHECK(tally.by_size()[0].kept == std::array<std::size_t, kStages>{1, 1, 1, 0});
  CHECK(tally.by_size()[1].faces == 1);
  CHECK(tally.by_size()[1].kept == std::array<std::size_t, kStages>{1, 1, 0, 0});
  CHECK(tally.by_size()[2].faces == 0);
  CHECK(tally.by_size()[2].recall(Stage::kPNet) == 0);
}

TEST_CASE("the least overlap decides") {
  StageOptions options;
  options.iou = .51f;
  StageTally strict(options);
  strict.add(kImage, example());
  CHECK(strict.all().kept == std::array<std::size_t, kStages>{1, 1, 1, 0});
  options.iou = 6.f / 14;
  StageTally loose(options);
  loose.add(kImage, example());
  CHECK(loose.all().kept == std::array<std::size_t, kStages>{2, 2, 1, 1});
}

TEST_CASE("two tallies are as one") {
  StageTally one, first, second;
  first.add(kImage, example());
  second.add(LabelledImage{"b", {face(0, 200)}}, example());
  one.add(kImage, example());
  one.add(LabelledImage{"b", {face(0, 200)}}, example());
  first.add(second);
  CHECK(nlohmann::ordered_json(first) == nlohmann::ordered_json(one));
  CHECK(first.images() == 2);
}

TEST_CASE("stages as JSON") {
  StageTally tally;
  CHECK(tally.windows_per_image(Stage::kPNet) == 0);
  CHECK(nlohmann::ordered_json(tally).at("windows_per_image").at("pnet").is_null());
  tally.add(kImage, example());
  const nlohmann::ordered_json json = tally;
  CHECK(json.at("iou") == .5);
  CHECK(json.at("faces") == 2);
  CHECK(json.at("recall").at("proposals") == 1);
  CHECK(json.at("recall").at("rnet") == .5);
  CHECK(json.at("windows_per_image").at("pnet") == 3);
  CHECK(json.at("by_size").at(0).at("to") == 20);
  CHECK(json.at("by_size").back().at("to").is_null());
  CHECK(json.at("by_size").back().at("faces") == 0);
  CHECK(json.at("by_size").back().at("recall").at("pnet").is_null());
}

}  // namespace mtcnn
