#include "train/mining.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <doctest/doctest.h>

#include "geometry/box.h"
#include "mtcnn/detector.h"
#include "support/random_model.h"
#include "train/check.h"
#include "util/file.h"

namespace mtcnn {
namespace {

class Album {
 public:
  Album() : folder(std::filesystem::temp_directory_path() / ("mtcnn_mining_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder);
    for (unsigned i = 0; i < 3; ++i) {
      Image image{120, 100, test::random_pixels(120, 100, 3, i)};
      const std::string file = (folder / (std::to_string(i) + ".png")).string();
      REQUIRE(save_image(file, image.view()).ok());
      photographs.list.push_back({file, 0, {}, {}});
    }
    photographs.sets.resize(1);
  }
  ~Album() { std::filesystem::remove_all(folder); }
  std::filesystem::path folder;
  Photographs photographs;
};

MiningOptions options() {
  MiningOptions o;
  o.thresholds = {.5, .3, .3};
  o.most = 1000;
  o.threads = 2;
  return o;
}

bool same(const MinedWindows& a, const MinedWindows& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](const ScoredBox& p, const ScoredBox& q) {
      return p.box == q.box && p.score == q.score;
    });
  });
}

TEST_CASE("what is mined for the next net is what detect() shows it, in pixels of the photograph") {
  const Album album;
  int max_side = 0;
  SUBCASE("whole photographs") { max_side = 0; }
  SUBCASE("shrunk ones") { max_side = 80; }
  ImageCache images(1 << 24, max_side);
  const ModelData data = test::random_model(3);
  DetectorOptions detector_options;
  detector_options.thresholds = std::array<float, 3>{.5f, .3f, .3f};
  const auto detector = Detector::create(Model(std::make_shared<const ModelData>(data)), detector_options);
  REQUIRE(detector.ok());
  for (const int stages : {1, 2}) {
    CAPTURE(stages);
    MiningOptions o = options();
    o.stages = stages;
    const MinedWindows mined = mine(data, o, album.photographs, images);
    REQUIRE(mined.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto pixels = *images.get(album.photographs.list[i].file);
      const Result<Trace> trace = detector->trace(pixels->image.view());
      REQUIRE(trace.ok());
      CHECK(pixels->scale == (max_side == 0 ? 1 : 80 / 120.));
      std::vector<Candidate> expected = stages == 1 ? trace->pnet : trace->rnet;
      REQUIRE(expected.size() > 3);
      std::stable_sort(expected.begin(), expected.end(),
                       [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
      REQUIRE(mined[i].size() == expected.size());
      for (std::size_t k = 0; k < expected.size(); ++k) {
        CHECK(mined[i][k].box == scaled(expected[k].box, 1 / pixels->scale));
        CHECK(mined[i][k].score == expected[k].score);
      }
    }
  }
}

TEST_CASE("a net's own windows are those that it was shown and accepts") {
  const Album album;
  ImageCache images(1 << 24);
  const ModelData data = test::random_model(3);
  MiningOptions o = options();
  o.stages = 1;
  const MinedWindows shown = mine(data, o, album.photographs, images);
  o.stages = 2;
  o.mine = Mine::kOwn;
  const MinedWindows own = mine(data, o, album.photographs, images);
  std::size_t total = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    total += own[i].size();
    CHECK(own[i].size() <= shown[i].size());
    for (const ScoredBox& window : own[i]) {
      CHECK(window.score > .3f);
      CHECK(std::any_of(shown[i].begin(), shown[i].end(),
                        [&](const ScoredBox& s) { return s.box == window.box; }));
    }
  }
  CHECK(total > 3);
}

TEST_CASE("the number of threads changes nothing, a cap keeps the best, parts make the whole") {
  const Album album;
  ImageCache images(1 << 24);
  const ModelData data = test::random_model(3);
  MiningOptions o = options();
  const MinedWindows all = mine(data, o, album.photographs, images);
  o.threads = 1;
  CHECK(same(mine(data, o, album.photographs, images), all));
  MinedWindows joined(3);
  for (std::size_t part = 0; part < 2; ++part) {
    const MinedWindows half = mine(data, o, album.photographs, images, part, 2);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK((i % 2 == part || half[i].empty()));
      if (i % 2 == part) joined[i] = half[i];
    }
  }
  CHECK(same(joined, all));
  o.most = 2;
  for (const auto& list : mine(data, o, album.photographs, images)) {
    REQUIRE(list.size() == 2);
    CHECK(list[0].score >= list[1].score);
  }
}

TEST_CASE("once it is told to stop, mining begins no other photograph") {
  const Album album;
  ImageCache images(1 << 24);
  MiningOptions o = options();
  std::atomic<bool> stop = false;
  o.stop = &stop;
  CHECK(!mine(test::random_model(3), o, album.photographs, images)[0].empty());
  stop = true;
  for (const auto& list : mine(test::random_model(3), o, album.photographs, images)) CHECK(list.empty());
}

TEST_CASE("windows are of the nets, the search and the photographs that their key is made of") {
  Album album;
  ModelData data = test::random_model(3);
  MiningOptions o = options();
  o.stages = 2;
  const std::string key = mining_key(data, o, album.photographs);
  CHECK(mining_key(data, o, album.photographs) == key);
  MiningOptions other = o;
  other.thresholds[1] = .31;
  CHECK(mining_key(data, other, album.photographs) != key);
  other = o;
  other.search.min_face = 21;
  CHECK(mining_key(data, other, album.photographs) != key);
  other = o;
  other.mine = Mine::kOwn;
  const std::string own = mining_key(data, other, album.photographs);
  CHECK(own != key);
  // Number of threads, and nets that do not run.
  o.threads = 1;
  data.tensors.at("onet.class.bias").values[0] += 1;
  CHECK(mining_key(data, o, album.photographs) == key);
  // The last net of its own windows has learned more since.
  data.tensors.at("rnet.class.bias").values[0] += 1;
  CHECK(mining_key(data, o, album.photographs) != key);
  CHECK(mining_key(data, other, album.photographs) == own);
  data.tensors.at("pnet.class.bias").values[0] += 1;
  CHECK(mining_key(data, other, album.photographs) != own);
  const std::string before = mining_key(data, o, album.photographs);
  album.photographs.list[1].ignored.push_back({1, 2, 3, 4});
  CHECK(mining_key(data, o, album.photographs) != before);
}

TEST_CASE("mined windows come back from their file, and from no other") {
  const Album album;
  const std::string file = (album.folder / "mined").string();
  const MinedWindows windows{{{{1, 2, 3, 4}, .5f}}, {}, {{{5, 6, 7, 8}, .25f}, {{0, 0, 9, 9}, .125f}}};
  REQUIRE(save_mined(file, "key", windows).ok());
  const Result<MinedWindows> loaded = load_mined(file, "key", 3);
  REQUIRE(loaded.ok());
  CHECK(same(*loaded, windows));
  CHECK(load_mined(file, "other", 3).error().message ==
        file + ": was mined with another model or other settings");
  CHECK(load_mined(file, "key", 4).error().message == file + ": is of other photographs");
  CHECK(load_mined(file + "x", "key", 3).error().code == ErrorCode::kIo);
  const std::vector<std::byte> bytes = *read_file(file, 1 << 20);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    REQUIRE(write_file(file, std::span(bytes).first(length)).ok());
    CHECK(!load_mined(file, "key", 3).ok());
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::vector<std::byte> damaged = bytes;
    damaged[at] ^= std::byte{64};
    REQUIRE(write_file(file, damaged).ok());
    CHECK(!load_mined(file, "key", 3).ok());
  }
}

TEST_CASE("scores are moved, and spread but never drawn together") {
  const auto moved = [](const ScoreMove& move, double score) {
    const double z = move.factor * std::log(score / (1 - score)) + move.shift;
    return 1 / (1 + std::exp(-z));
  };
  const ScoreMove spread = score_move(.8, .1, .7, .3);
  CHECK(spread.factor < 1);
  CHECK(moved(spread, .8) == doctest::Approx(.7));
  CHECK(moved(spread, .1) == doctest::Approx(.3));
  for (const ScoreMove& move : {score_move(.8, 0, .7, .3), score_move(.8, .79, .7, .3)}) {
    CHECK(move.factor == 1);
    CHECK(moved(move, .8) == doctest::Approx(.7));
  }
}

TEST_CASE("where nothing is background there are no false positives to count") {
  Album album;
  ImageCache images(1 << 24);
  const ModelData data = test::random_model(3);
  CheckOptions o;
  o.stages = 3;
  o.thresholds = {.5, .3, .3};
  o.windows_per_image = 1;
  LabelledFace nowhere;
  nowhere.box = {-900, -900, -800, -800};
  album.photographs.list[0].faces.push_back(nowhere);
  REQUIRE(check(data, o, album.photographs, images).threshold > 0);
  album.photographs.list[0].incomplete = album.photographs.list[1].incomplete = true;
  const CheckResult one = check(data, o, album.photographs, images);
  CHECK(one.windows == 1);  // of the one photograph that is complete
  album.photographs.list[2].incomplete = true;
  const CheckResult none = check(data, o, album.photographs, images);
  CHECK(none.windows == 0);
  CHECK(none.threshold == 0);
}

TEST_CASE("checks count faces by the windows that keep them") {
  Album album;
  ImageCache images(1 << 24);
  const ModelData data = test::random_model(3);
  CheckOptions o;
  o.thresholds = {.5, .3, .3};
  o.windows_per_image = 1e6;
  MiningOptions m = options();
  const MinedWindows shown = mine(data, m, album.photographs, images);
  // Faces exactly where windows are, and one where none is.
  std::size_t windows = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    windows += shown[i].size();
    LabelledFace face;
    face.box = shown[i].back().box;  // the worst
    album.photographs.list[i].faces.push_back(face);
  }
  LabelledFace nowhere;
  nowhere.box = {-900, -900, -800, -800};
  album.photographs.list[0].faces.push_back(nowhere);
  CheckResult result = check(data, o, album.photographs, images);
  CHECK(result.recall == .75);
  CHECK(result.figure == .75);
  CHECK(result.recall_of_all == .75);
  CHECK(result.windows == doctest::Approx(static_cast<double>(windows) / 3));
  CHECK(result.threshold == 0);  // there are not so many
  // With one window an image the worst are lost, unless a better one overlaps them.
  o.windows_per_image = 1;
  result = check(data, o, album.photographs, images);
  CHECK(result.windows >= 1);
  CHECK(result.threshold > .5);
  CHECK(result.recall < .75);
  CHECK(result.recall_of_all == .75);

  // Whole cascade: the faces that it finds are all there is to find.
  for (Photograph& photograph : album.photographs.list) photograph.faces.clear();
  DetectorOptions detector_options;
  detector_options.thresholds = std::array<float, 3>{.5f, .3f, .3f};
  const auto detector = Detector::create(Model(std::make_shared<const ModelData>(data)), detector_options);
  for (Photograph& photograph : album.photographs.list) {
    const Result<std::vector<Face>> faces = detector->detect((*images.get(photograph.file))->image.view());
    REQUIRE(faces.ok());
    for (const Face& found : *faces) {
      LabelledFace face;
      face.box = found.box;
      face.landmarks = found.landmarks;
      photograph.faces.push_back(face);
    }
  }
  o.stages = 3;
  result = check(data, o, album.photographs, images);
  REQUIRE(result.faces > 2);
  CHECK(result.average_precision == doctest::Approx(1));
  CHECK(result.landmark_error == doctest::Approx(0));
  CHECK(result.landmark_faces == result.faces);
  // No false positive at any score.
  CHECK(result.windows == 0);
  CHECK(result.threshold == 0);
  for (Photograph& photograph : album.photographs.list) photograph.faces.clear();
  album.photographs.list[0].faces.push_back(nowhere);
  result = check(data, o, album.photographs, images);
  CHECK(result.windows == 1);
  CHECK(result.threshold > .3);
  // Ten times as many have lower scores; where there are not so many, nothing is told.
  CHECK(result.threshold_of_more > 0);
  CHECK(result.threshold_of_more < result.threshold);
  o.windows_per_image = 1e3;
  CHECK(check(data, o, album.photographs, images).threshold_of_more == 0);
}

}  // namespace
}  // namespace mtcnn
