// The released weights, imported, give what the authors' own code gives: every face, its box, points
// and score, and the number of candidates after each stage. Reads the reference data in place.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "codecs/image_io.h"
#include "convert/convert.h"
#include "mtcnn/mtcnn.h"
#include "support/shared_data.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr double kPixels = .05;
constexpr double kScore = 1e-4;

Model released_model() {
  const std::string folder = test::shared_data() / "weights" / "release";
  Result<ModelData> data = import_model(std::vector<std::string>{folder});
  REQUIRE_MESSAGE(data.ok(), data.error().message);
  return Model(std::make_shared<const ModelData>(*std::move(data)));
}

struct Case {
  std::string name;
  Image image;
  Json expected;
};

std::vector<Case> cases(const char* outputs) {
  std::vector<Case> list;
  const fs::path reference = test::shared_data() / "reference";
  for (const auto& entry : fs::directory_iterator(reference / "outputs" / outputs)) {
    std::ifstream file(entry.path());
    Json expected = Json::parse(file);
    Result<Image> image = load_image(reference / "images" / (entry.path().stem().string() + ".png"));
    REQUIRE_MESSAGE(image.ok(), image.error().message);
    list.push_back({entry.path().stem(), *std::move(image), std::move(expected)});
  }
  REQUIRE(list.size() >= 11);
  return list;
}

// Every face of the reference, and no other: each of `faces` has one of its own.
void check_faces(const std::vector<Face>& faces, const Json& expected, const char* points) {
  REQUIRE(faces.size() == expected.size());
  double box = 0, point = 0, score = 0;
  std::vector<bool> taken(expected.size());
  for (std::size_t i = 0; i < faces.size(); ++i) {
    // The face of the reference whose box is nearest: equal scores may come in either order.
    const auto distance = [&](const Json& face) {
      // 1-based inclusive, as MATLAB prints: left = x1 - 1, right = x2.
      const double edges[] = {face["box"][0].get<double>() - 1, face["box"][1].get<double>() - 1,
                              face["box"][2].get<double>(), face["box"][3].get<double>()};
      const Box& b = faces[i].box;
      return std::max({std::abs(b.left - edges[0]), std::abs(b.top - edges[1]), std::abs(b.right - edges[2]),
                       std::abs(b.bottom - edges[3])});
    };
    const auto nearest =
        std::min_element(expected.begin(), expected.end(),
                         [&](const Json& a, const Json& b) { return distance(a) < distance(b); });
    const Json& face = *nearest;
    const auto index = static_cast<std::size_t>(nearest - expected.begin());
    CHECK_FALSE(taken[index]);
    taken[index] = true;
    box = std::max(box, distance(face));
    score = std::max(score, std::abs(faces[i].score - face["score"].get<double>()));
    for (std::size_t k = 0; k < 5; ++k) {
      point = std::max({point, std::abs(faces[i].landmarks[k].x - face[points][k][0].get<double>()),
                        std::abs(faces[i].landmarks[k].y - face[points][k][1].get<double>())});
    }
  }
  CHECK(box < kPixels);
  CHECK(point < kPixels);
  CHECK(score < kScore);
}

void check_against(const char* outputs, float min_face) {
  const Model model = released_model();
  for (const Case& c : cases(outputs)) {
    CAPTURE(c.name);
    for (const std::string& set : instruction_sets()) {
      CAPTURE(set);
      DetectorOptions options;
      options.min_face = min_face;
      options.threads = set == "scalar" ? 1 : 2;
      options.instruction_set = set;
      const Result<Trace> trace = Detector::create(model, options)->trace(c.image.view());
      REQUIRE(trace.ok());
      check_faces(trace->faces, c.expected["faces"], "points");
      std::vector<int> cells;
      for (const Trace::Level& level : trace->levels) cells.push_back(level.candidates);
      CHECK(cells == c.expected["pnet_candidates_per_scale"].get<std::vector<int>>());
      CHECK(trace->pnet.size() == c.expected["after_stage1"].get<std::size_t>());
      CHECK(trace->rnet.size() == c.expected["after_stage2"].get<std::size_t>());
    }
  }
}

TEST_CASE("the release's faces at minimum face 20, on every instruction set") {
  if (!test::have_shared_data()) return;
  check_against("matlab-port", 20);
}

TEST_CASE("the release's faces at minimum face 40, on every instruction set") {
  if (!test::have_shared_data()) return;
  check_against("matlab-port-min40", 40);
}

// Every number after every stage.
void check_same(const Trace& a, const Trace& b) {
  REQUIRE(a.levels.size() == b.levels.size());
  for (std::size_t i = 0; i < a.levels.size(); ++i) CHECK(a.levels[i].candidates == b.levels[i].candidates);
  CHECK(a.proposals == b.proposals);
  CHECK(a.pnet == b.pnet);
  CHECK(a.rnet == b.rnet);
  CHECK(a.faces == b.faces);
}

TEST_CASE("screening changes no bit of what any stage gives") {
  if (!test::have_shared_data()) return;
  std::vector<Model> models{released_model()};
  if (Result<Model> own = Model::builtin(); own.ok()) models.push_back(*std::move(own));
  for (const Case& c : cases("matlab-port")) {
    CAPTURE(c.name);
    for (const Model& model : models) {
      // The last is so low that screening does not pay.
      for (const float threshold : {.6f, .3f, .05f}) {
        CAPTURE(threshold);
        DetectorOptions options;
        options.min_face = threshold < .6f ? 40.f : 20.f;
        options.thresholds = {threshold, .7f, .7f};
        DetectorOptions plain = options;
        plain.screening = false;
        const Result<Trace> with = Detector::create(model, options)->trace(c.image.view());
        const Result<Trace> without = Detector::create(model, plain)->trace(c.image.view());
        REQUIRE(with.ok());
        REQUIRE(without.ok());
        check_same(*with, *without);
      }
    }
  }
}

TEST_CASE("MTCNNv1's mirrored points and MTCNNv2's L-Net points") {
  if (!test::have_shared_data()) return;
  const Model model = released_model();
  for (const Case& c : cases("matlab-port")) {
    CAPTURE(c.name);
    DetectorOptions mirror, lnet;
    mirror.mirror_landmarks = true;
    lnet.lnet = true;
    const auto v1 = Detector::create(model, mirror)->detect(c.image.view());
    const auto v2 = Detector::create(model, lnet)->detect(c.image.view());
    REQUIRE(v1.ok());
    REQUIRE(v2.ok());
    check_faces(*v1, c.expected["faces"], "points_v1_flip_averaged");
    check_faces(*v2, c.expected["faces"], "points_v2_lnet");
  }
}

}  // namespace
}  // namespace mtcnn
