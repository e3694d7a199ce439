#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "cascade/cascade.h"
#include "cascade/propose.h"
#include "cascade/refine.h"
#include "cascade/score.h"
#include "support/random_model.h"

namespace mtcnn {
namespace {

using doctest::Approx;
using test::random_model;
using test::random_pixels;

ImageView rgb_view(const std::vector<std::uint8_t>& bytes, int width, int height) {
  return {bytes.data(), width, height, std::ptrdiff_t{3} * width, PixelFormat::kRgb8};
}

DetectorOptions options(int threads = 1) {
  DetectorOptions o;
  o.thresholds = std::array<float, 3>{.6f, .4f, .4f};
  o.threads = threads;
  return o;
}

TEST_CASE("the pyramid of a VGA image") {
  std::vector<PyramidLevel> levels;
  pyramid_levels({640, 480}, 20, 0, .709, levels);
  REQUIRE(levels.size() == 10);
  CHECK(levels[0].size == Size{384, 288});
  CHECK(levels[1].size == Size{273, 205});  // 640 * .4254 = 272.3, 480 * .4254 = 204.2: rounded up
  CHECK(levels[1].scale.nominal == Approx(.6 * .709));
  CHECK(levels[1].scale.x == Approx(273. / 640));
  // The next level's short side would be below P-Net's field.
  CHECK(480 * .6 * std::pow(.709, 9) >= 12);
  CHECK(480 * .6 * std::pow(.709, 10) < 12);
}

TEST_CASE("limits of the pyramid") {
  std::vector<PyramidLevel> levels(3);
  pyramid_levels({19, 500}, 20, 0, .709, levels);
  CHECK(levels.empty());
  pyramid_levels({20, 500}, 20, 0, .709, levels);
  CHECK(levels.size() == 1);
  pyramid_levels({640, 480}, 20, 20, .709, levels);
  CHECK(levels.size() == 1);
  pyramid_levels({640, 480}, 20, 60, .709, levels);
  for (const PyramidLevel& level : levels) CHECK(12 / level.scale.nominal <= 60);
  CHECK(levels.size() == 4);
  for (int face = 4; face < 300; ++face) {
    pyramid_levels({640, 480}, face, face, .709, levels);
    CHECK(levels.size() == 1);
  }
  pyramid_levels({30, 30}, 6, 0, .5, levels);
  CHECK(levels[0].size == Size{60, 60});  // smaller faces than the field: the image grows
}

TEST_CASE("the score is the softmax, and its bound loses nothing") {
  CHECK(face_probability(0, 0) == .5f);
  CHECK(face_probability(1, 3) == Approx(1 / (1 + std::exp(-2.))));
  CHECK(face_probability(500, -500) == 0);
  CHECK(face_probability(-500, 500) == 1);
  for (const float threshold : {0.f, 1e-6f, .05f, .5f, .6f, .7f, .99f, .999999f, 1.f}) {
    for (float difference = -30; difference < 30; difference += .0137f) {
      if (face_probability(.3f, .3f + difference) >= threshold) CHECK(difference >= logit_bound(threshold));
    }
  }
}

constexpr float kScore = .6f;  // leaves fewer cells for the NMS to compare

TEST_CASE("cut into tiles, a level gives the cells that it gives in one piece") {
  const ModelData data = random_model(31);
  const Kernels& kernels = *find_kernels("auto");
  const RowNetwork pnet(kPNet, data, kernels, {"class", "box"});
  std::optional<ScreenedNetwork> screen;
  if (kernels.screen)
    screen.emplace(kPNet, data, kernels, std::initializer_list<std::string_view>{"class", "box"});
  for (const Size size : {Size{300, 411}, Size{60, 900}, Size{801, 30}, Size{64, 33}}) {
    const std::vector<std::uint8_t> pixels = random_pixels(size.width, size.height, 3, 32);
    const ImageView image = rgb_view(pixels, size.width, size.height);
    for (const int threads : {1, 3}) {
      CascadeWorkspace workspace;
      workspace.use_threads(threads);
      pyramid_levels(size, 12, 12, .709, workspace.levels);
      REQUIRE(workspace.levels.size() == 1);
      REQUIRE(workspace.levels[0].size == size);
      // NMS at 1 keeps every cell.
      propose(
          {pnet, kernels, CellGeometry::kExact, 127.5f, 1 / 128.f, kScore, 1.f, screen ? &*screen : nullptr},
          image, workspace);

      const Size cells = pnet.positions(size);
      const Tile all{size, 0, cells.width, 0, cells.height};
      std::vector<float> scratch(pnet.scratch_size(all));
      std::vector<Proposal> expected;
      pnet.run(
          all, scratch.data(),
          [&](int row, float* planes, std::ptrdiff_t plane) {
            for (int x = 0; x < size.width; ++x) {
              for (int c = 0; c < 3; ++c) {
                const std::uint8_t byte = pixels[static_cast<std::size_t>((row * size.width + x) * 3 + c)];
                planes[c * plane + x] = (static_cast<float>(byte) - 127.5f) / 128;
              }
            }
          },
          [&](int row, const float* planes, std::ptrdiff_t plane) {
            for (int column = 0; column < cells.width; ++column) {
              const float* v = planes + column;
              const float score = face_probability(v[0], v[plane]);
              if (score < kScore) continue;
              expected.push_back({{cell_window(CellGeometry::kExact, column, row, {1, 1, 1}), score},
                                  {v[2 * plane], v[3 * plane], v[4 * plane], v[5 * plane]}});
            }
          });
      REQUIRE(!expected.empty());
      CHECK(workspace.level_candidates == std::vector<int>{static_cast<int>(expected.size())});
      REQUIRE(workspace.proposals.size() == expected.size());
      const auto by_place = [](const Proposal& a, const Proposal& b) {
        return std::pair(a.window.box.top, a.window.box.left) <
               std::pair(b.window.box.top, b.window.box.left);
      };
      std::sort(workspace.proposals.begin(), workspace.proposals.end(), by_place);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK(workspace.proposals[i].window.box == expected[i].window.box);
        CHECK(workspace.proposals[i].window.score == expected[i].window.score);
        CHECK(workspace.proposals[i].offsets == expected[i].offsets);
      }
    }
  }
}

TEST_CASE("refine judges each window by itself and keeps their order") {
  const ModelData data = random_model(33);
  const Kernels& kernels = *find_kernels("auto");
  const Network onet(kONet, data, kernels, {"class", "box", "landmarks"});
  const std::vector<std::uint8_t> pixels = random_pixels(200, 150, 3, 34);
  const ImageView image = rgb_view(pixels, 200, 150);
  CascadeWorkspace workspace;
  std::vector<ScoredBox> windows;
  for (int i = 0; i < 45; ++i) {
    const float left = static_cast<float>(i * 7 % 190) - 20;
    const float top = static_cast<float>(i * 11 % 140) - 20;
    const float side = 10 + static_cast<float>(i);
    windows.push_back({{left, top, left + side, top + side}, 0});
  }
  std::vector<AcceptedWindow> single;
  workspace.use_threads(1);
  const RefineSpec spec{onet, kernels, 127.5f, 1 / 128.f, .45f, true, false};
  for (std::size_t i = 0; i < windows.size(); ++i) {
    workspace.windows = {windows[i]};
    refine(spec, image, workspace);
    for (AcceptedWindow found : workspace.detections) {
      found.index = static_cast<int>(i);
      single.push_back(found);
    }
  }
  REQUIRE(single.size() > 5);
  REQUIRE(single.size() < windows.size());
  for (const int threads : {1, 2, 4, 7}) {
    workspace.use_threads(threads);
    for (const std::size_t count : {0, 1, 2, 3, 5, 16, 17, 33, 45}) {
      CAPTURE(threads);
      CAPTURE(count);
      REQUIRE(count <= windows.size());
      workspace.windows.assign(windows.begin(), windows.begin() + static_cast<std::ptrdiff_t>(count));
      refine(spec, image, workspace);
      const auto end = std::find_if(single.begin(), single.end(), [&](const AcceptedWindow& found) {
        return found.index >= static_cast<int>(count);
      });
      REQUIRE(workspace.detections.size() == static_cast<std::size_t>(end - single.begin()));
      for (std::size_t i = 0; i < workspace.detections.size(); ++i) {
        const AcceptedWindow& found = workspace.detections[i];
        CHECK(found.index == single[i].index);
        CHECK(found.window.box == single[i].window.box);
        CHECK(found.window.score == single[i].window.score);
        CHECK(found.offsets == single[i].offsets);
        CHECK(found.landmarks == single[i].landmarks);
      }
    }
  }
}

TEST_CASE("screened, refine gives the windows above the threshold bit for bit") {
  const ModelData data = random_model(33);
  const Kernels& kernels = *find_kernels("auto");
  if (!kernels.screen) return;
  const Network rnet(kRNet, data, kernels, {"class", "box"});
  const PatchScreen screen(kRNet, data, kernels, rnet);
  constexpr int kWidth = 300, kHeight = 200;
  const std::vector<std::uint8_t> pixels = random_pixels(kWidth, kHeight, 3, 34);
  const ImageView image = rgb_view(pixels, kWidth, kHeight);
  CascadeWorkspace workspace;
  workspace.use_threads(2);
  for (int i = 0; i < 75; ++i) {
    const float left = static_cast<float>(i * 37 % 260 - 10), top = static_cast<float>(i * 23 % 170 - 10);
    const float side = static_cast<float>(20 + i);
    workspace.windows.push_back({{left, top, left + side, top + side}, 1});
  }
  RefineSpec spec{rnet, kernels, 127.5f, 1 / 128.f, 0, false, false};
  refine(spec, image, workspace);
  std::vector<float> scores;
  for (const AcceptedWindow& found : workspace.detections) scores.push_back(found.window.score);
  std::sort(scores.begin(), scores.end());
  for (const std::size_t kept : {3u, 20u, 60u}) {
    CAPTURE(kept);
    spec.threshold = scores[scores.size() - kept - 1];
    spec.screen = nullptr;
    refine(spec, image, workspace);
    const std::vector<AcceptedWindow> expected = workspace.detections;
    REQUIRE(expected.size() == kept);
    spec.screen = &screen;
    refine(spec, image, workspace);
    REQUIRE(workspace.detections.size() == kept);
    for (std::size_t i = 0; i < kept; ++i) {
      CHECK(workspace.detections[i].index == expected[i].index);
      CHECK(workspace.detections[i].window.box == expected[i].window.box);
      CHECK(workspace.detections[i].window.score == expected[i].window.score);
      CHECK(workspace.detections[i].offsets == expected[i].offsets);
    }
  }
}

TEST_CASE("with mirrored averaging a mirrored face has mirrored points") {
  const ModelData data = random_model(35);
  const Kernels& kernels = *find_kernels("auto");
  const Network onet(kONet, data, kernels, {"class", "box", "landmarks"});
  const int side = 64;
  const std::vector<std::uint8_t> pixels = random_pixels(side, side, 3, 36);
  std::vector<std::uint8_t> turned(pixels.size());
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      std::copy_n(&pixels[static_cast<std::size_t>((y * side + x) * 3)], 3,
                  &turned[static_cast<std::size_t>((y * side + side - 1 - x) * 3)]);
    }
  }
  CascadeWorkspace workspace;
  workspace.use_threads(1);
  workspace.windows = {{{3, 5, 55, 57}, 0}};
  const RefineSpec spec{onet, kernels, 127.5f, 1 / 128.f, 0, true, true};
  refine(spec, rgb_view(pixels, side, side), workspace);
  REQUIRE(workspace.detections.size() == 1);
  const LandmarkOffsets plain = workspace.detections[0].landmarks;
  workspace.windows = {{{64 - 55, 5, 64 - 3, 57}, 0}};
  refine(spec, rgb_view(turned, side, side), workspace);
  REQUIRE(workspace.detections.size() == 1);
  const LandmarkOffsets other = mirrored(workspace.detections[0].landmarks);
  for (std::size_t i = 0; i < 10; ++i) CHECK(other[i] == Approx(plain[i]).epsilon(1e-3));
}

TEST_CASE("faces, trace and order do not depend on the threads") {
  const ModelData data = random_model(37, true);
  const std::vector<std::uint8_t> pixels = random_pixels(230, 170, 3, 38);
  const ImageView image = rgb_view(pixels, 230, 170);
  Trace first;
  for (const int threads : {1, 2, 5}) {
    DetectorOptions o = options(threads);
    o.lnet = true;
    const Cascade cascade(data, o, *find_kernels("auto"));
    CascadeWorkspace workspace;
    Trace trace;
    cascade.run(image, workspace, &trace);
    if (threads == 1) {
      first = trace;
      REQUIRE(!first.faces.empty());
      REQUIRE(first.pnet.size() > first.rnet.size());
      CHECK(std::is_sorted(first.faces.begin(), first.faces.end(),
                           [](const Face& a, const Face& b) { return a.score > b.score; }));
      continue;
    }
    CHECK(trace.proposals == first.proposals);
    CHECK(trace.pnet == first.pnet);
    CHECK(trace.rnet == first.rnet);
    CHECK(trace.faces == first.faces);
  }
}

TEST_CASE("a cap keeps the best") {
  const ModelData data = random_model(39);
  const std::vector<std::uint8_t> pixels = random_pixels(160, 160, 3, 40);
  const ImageView image = rgb_view(pixels, 160, 160);
  CascadeWorkspace workspace;
  Trace all, capped;
  Cascade(data, options(), *find_kernels("auto")).run(image, workspace, &all);
  REQUIRE(all.pnet.size() > 20);
  DetectorOptions o = options();
  o.max_candidates = {7, 0, 0};
  Cascade(data, o, *find_kernels("auto")).run(image, workspace, &capped);
  REQUIRE(capped.pnet.size() == 7);
  for (std::size_t i = 0; i < 7; ++i) CHECK(capped.pnet[i] == all.pnet[i]);
  REQUIRE(all.rnet.size() > 3);
  o.max_candidates = {0, 3, 0};
  Trace second;
  Cascade(data, o, *find_kernels("auto")).run(image, workspace, &second);
  REQUIRE(second.rnet.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(second.rnet[i] == all.rnet[i]);
  REQUIRE(all.faces.size() > 1);
  o.max_candidates = {0, 0, 1};
  Trace third;
  Cascade(data, o, *find_kernels("auto")).run(image, workspace, &third);
  REQUIRE(third.faces.size() == 1);
  CHECK(third.faces[0] == all.faces[0]);
}

TEST_CASE("nets that overflow give no faces, and no crash") {
  const std::vector<std::uint8_t> pixels = random_pixels(160, 160, 3, 40);
  const auto faces = [&](const ModelData& data) {
    CascadeWorkspace workspace;
    Trace trace;
    Cascade(data, options(), *find_kernels("auto")).run(rgb_view(pixels, 160, 160), workspace, &trace);
    return trace.faces;
  };
  const ModelData data = random_model(39);
  REQUIRE(!faces(data).empty());
  // All that a net says is infinite or not a number; or only its offsets are; or only the points.
  for (const char* name : {"pnet.conv3.weight", "rnet.conv3.weight", "onet.conv3.weight", "pnet.box.weight",
                           "rnet.box.weight", "onet.box.weight", "onet.landmarks.weight"}) {
    CAPTURE(name);
    ModelData spoilt = data;
    for (float& value : spoilt.tensors.at(name).values) value = value < 0 ? -3e38f : 3e38f;
    CHECK(faces(spoilt).empty());
  }
}

TEST_CASE("the cascade's grid is P-Net's") {
  CHECK(kPNet.side == kCellSize);
  int stride = 1;
  for (const Layer& layer : kPNet.layers) stride *= layer.stride;
  CHECK(stride == kCellStride);
}

}  // namespace
}  // namespace mtcnn
