// What the whole cascade and the alignment gave when their numbers were last looked at, on every
// instruction set: golden/cascade.json. It needs no reference data, and it pins what none of the
// reference data does: the exact cell geometry and the options. A change that is meant to change
// results writes the file anew, and its diff is then part of the review:
//
//   MTCNN_WRITE_GOLDEN=1 ./dev test -R golden
//
// The weights know nothing of faces (tests/support/random_model.h); where they "see" some is chance,
// but the same chance every time.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "mtcnn/mtcnn.h"
#include "support/random_model.h"

namespace mtcnn {
namespace {

using Json = nlohmann::ordered_json;

// Instruction sets with and without fused multiply-add round differently.
constexpr double kPixels = .01;
constexpr double kScore = 1e-4;
constexpr double kGrey = .1;  // of a mean of pixel values

constexpr int kWidth = 120, kHeight = 90;

struct Case {
  const char* name;
  CellGeometry geometry;
  DetectorOptions options;
};

std::vector<Case> cases() {
  DetectorOptions plain;
  plain.thresholds = std::array<float, 3>{.6f, .62f, .45f};
  std::vector<Case> list{{"exact", CellGeometry::kExact, plain}, {"release", CellGeometry::kRelease, plain}};
  const auto add = [&](const char* name, CellGeometry geometry, auto change) {
    list.push_back({name, geometry, plain});
    change(list.back().options);
  };
  add("small faces", CellGeometry::kExact, [](DetectorOptions& o) {
    o.min_face = 14;
    o.max_face = 40;
    o.factor = .79;
    o.max_candidates = {100, 20, 4};
  });
  add("region, clipped", CellGeometry::kExact, [](DetectorOptions& o) {
    o.region = Box{10.5f, 20, 100, 90};
    o.clip = true;
  });
  add("resized", CellGeometry::kExact, [](DetectorOptions& o) { o.resize = Size{112, 70}; });
  add("mirrored landmarks, release", CellGeometry::kRelease,
      [](DetectorOptions& o) { o.mirror_landmarks = true; });
  add("L-Net", CellGeometry::kExact, [](DetectorOptions& o) { o.lnet = true; });
  add("L-Net, release", CellGeometry::kRelease, [](DetectorOptions& o) { o.lnet = true; });
  add("overlaps, largest", CellGeometry::kExact, [](DetectorOptions& o) {
    o.nms_level = .3f;
    o.nms_pyramid = .4f;
    o.nms_rnet = .5f;
    o.nms_onet = .6f;
    o.largest_only = true;
  });
  return list;
}

// As many decimals as the tolerances leave meaning to.
double rounded(double value) { return std::round(value * 1e5) / 1e5; }

Json numbers(const Face& face) {
  Json list{rounded(face.score)};
  for (const float edge : {face.box.left, face.box.top, face.box.right, face.box.bottom}) {
    list.push_back(rounded(edge));
  }
  for (const Point& point : face.landmarks) {
    list.push_back(rounded(point.x));
    list.push_back(rounded(point.y));
  }
  return list;
}

// Means of the green values in 4 x 4 parts of a crop.
Json parts(const AlignedCrop& crop) {
  Json means = Json::array();
  for (int row = 0; row < 4; ++row) {
    for (int column = 0; column < 4; ++column) {
      double sum = 0;
      int count = 0;
      for (int y = row * crop.height / 4; y < (row + 1) * crop.height / 4; ++y) {
        for (int x = column * crop.width / 4; x < (column + 1) * crop.width / 4; ++x, ++count) {
          sum += crop.rgb[static_cast<std::size_t>(3 * (y * crop.width + x) + 1)];
        }
      }
      means.push_back(rounded(sum / count));
    }
  }
  return means;
}

Json outcome(const Case& c, const std::string& instruction_set) {
  ModelData data = test::random_model(62, true);
  data.geometry = c.geometry;
  const Model model(std::make_shared<const ModelData>(std::move(data)));
  const std::vector<std::uint8_t> pixels = test::random_pixels(kWidth, kHeight, 3, 52);
  const ImageView image{pixels.data(), kWidth, kHeight, std::ptrdiff_t{3} * kWidth, PixelFormat::kRgb8};
  DetectorOptions options = c.options;
  options.instruction_set = instruction_set;
  const auto detector = Detector::create(model, options);
  REQUIRE_MESSAGE(detector.ok(), detector.error().message);
  const auto trace = detector->trace(image);
  REQUIRE_MESSAGE(trace.ok(), trace.error().message);

  Json json;
  json["cells"] = Json::array();
  for (const Trace::Level& level : trace->levels) json["cells"].push_back(level.candidates);
  // Each stage must have something to decide, or the file would pin nothing.
  REQUIRE(trace->rnet.size() < trace->pnet.size());
  REQUIRE(trace->faces.size() < trace->rnet.size());
  json["boxes"] = Json{trace->proposals.size(), trace->pnet.size(), trace->rnet.size()};
  json["faces"] = Json::array();
  for (const Face& face : trace->faces) json["faces"].push_back(numbers(face));
  REQUIRE(!trace->faces.empty());
  json["crops"] = Json::array();
  for (const AlignOptions& align_options :
       {AlignOptions{}, AlignOptions{{96, 112}, .25f, {9, 8, 7}}, AlignOptions{{160, 160}, 0, {0, 0, 0}}}) {
    const auto crop = align(image, trace->faces[0].landmarks, align_options);
    REQUIRE_MESSAGE(crop.ok(), crop.error().message);
    json["crops"].push_back(parts(*crop));
  }
  return json;
}

// Largest difference of two lists of numbers; infinity if one is longer.
double difference(const Json& a, const Json& b, std::size_t begin, std::size_t end) {
  if (a.size() != b.size()) return HUGE_VAL;
  double most = 0;
  for (std::size_t i = begin; i < std::min(end, a.size()); ++i) {
    most = std::max(most, std::abs(a[i].get<double>() - b[i].get<double>()));
  }
  return most;
}

TEST_CASE("the cascade and the alignment give what they gave") {
  const std::string path = MTCNN_GOLDEN_FILE;
  if (std::getenv("MTCNN_WRITE_GOLDEN") != nullptr) {
    std::ofstream file(path);
    const char* separator = "{\n";
    for (const Case& c : cases()) {
      file << separator << Json(c.name) << ": {";
      const char* comma = "\n  ";
      const Json found = outcome(c, "scalar");
      for (const auto& [key, list] : found.items()) {
        file << comma << Json(key) << ": [";
        // A face, a crop a line: a diff then shows which changed.
        const char* next = list[0].is_array() ? "\n    " : "";
        for (const Json& item : list) {
          file << next << item;
          next = list[0].is_array() ? ",\n    " : ", ";
        }
        file << "]";
        comma = ",\n  ";
      }
      file << "}";
      separator = ",\n";
    }
    file << "\n}\n";
    REQUIRE(file.good());
  }
  std::ifstream file(path);
  const Json golden = Json::parse(file, nullptr, false);
  REQUIRE_MESSAGE(golden.is_object(), path);
  CHECK(golden.size() == cases().size());
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    REQUIRE(golden.contains(c.name));
    const Json& expected = golden[c.name];
    for (const std::string& set : instruction_sets()) {
      CAPTURE(set);
      const Json found = outcome(c, set);
      CHECK(found["cells"] == expected["cells"]);
      CHECK(found["boxes"] == expected["boxes"]);
      REQUIRE(found["faces"].size() == expected["faces"].size());
      for (std::size_t i = 0; i < found["faces"].size(); ++i) {
        CHECK(difference(found["faces"][i], expected["faces"][i], 0, 1) < kScore);
        CHECK(difference(found["faces"][i], expected["faces"][i], 1, 15) < kPixels);
      }
      REQUIRE(found["crops"].size() == expected["crops"].size());
      for (std::size_t i = 0; i < found["crops"].size(); ++i) {
        CHECK(difference(found["crops"][i], expected["crops"][i], 0, 16) < kGrey);
      }
    }
  }
}

}  // namespace
}  // namespace mtcnn
