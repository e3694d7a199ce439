#include "apps/anonymize.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "track/tracks.h"

namespace mtcnn {
namespace {

Image noise(int width, int height) {
  std::mt19937 random(1);
  Image image{width, height, {}};
  for (int i = 0; i < 3 * width * height; ++i) image.rgb.push_back(random() % 2 == 0 ? 0 : 255);
  return image;
}

int at(const Image& image, int x, int y) {
  return image.rgb[static_cast<std::size_t>(3 * (y * image.width + x))];
}

// How much a pixel differs from its neighbours: 128 on the average in noise.
double detail(const Image& image, int x, int y) {
  int sum = 0, count = 0;
  for (const auto& [dx, dy] : {std::pair{-1, 0}, {1, 0}, {0, -1}, {0, 1}}) {
    if (x + dx < 0 || x + dx >= image.width || y + dy < 0 || y + dy >= image.height) continue;
    sum += std::abs(at(image, x, y) - at(image, x + dx, y + dy));
    ++count;
  }
  return static_cast<double>(sum) / count;
}

TEST_CASE("a box is covered to its corners, also where the picture ends, and nothing far from it is") {
  const Image before = noise(300, 240);
  for (const Box& box : {Box{100, 80, 180, 180}, Box{-30, -20, 60, 90}, Box{240, 170, 330, 290}}) {
    for (const Cover how : {Cover::kBlur, Cover::kPixelate, Cover::kBlack}) {
      CAPTURE(box.left);
      CAPTURE(static_cast<int>(how));
      Image image = before;
      anonymize(image, box, 0, how);
      double most = 0;
      int changed = 0;
      const float reach = .25f * std::max(box.width(), box.height());
      for (int y = 0; y < image.height; ++y) {
        for (int x = 0; x < image.width; ++x) {
          const bool inside = static_cast<float>(x) >= box.left && static_cast<float>(x) < box.right &&
                              static_cast<float>(y) >= box.top && static_cast<float>(y) < box.bottom;
          const bool near =
              static_cast<float>(x) >= box.left - reach && static_cast<float>(x) < box.right + reach &&
              static_cast<float>(y) >= box.top - reach && static_cast<float>(y) < box.bottom + reach;
          // At the rectangle's own edge a neighbour is not covered.
          const bool edge = std::abs(static_cast<float>(x) + .5f - box.left) < 1 ||
                            std::abs(static_cast<float>(x) + .5f - box.right) < 1 ||
                            std::abs(static_cast<float>(y) + .5f - box.top) < 1 ||
                            std::abs(static_cast<float>(y) + .5f - box.bottom) < 1;
          if (inside && !edge) most = std::max(most, detail(image, x, y));
          if (!near) changed += at(image, x, y) != at(before, x, y);
        }
      }
      // Cells of the pixels are as large as an eighth, and touch others.
      CHECK(most < (how == Cover::kPixelate ? 60 : 40));
      CHECK(changed == 0);
    }
  }
  Image image = before;
  anonymize(image, {400, 300, 500, 400}, .15f, Cover::kBlur);
  anonymize(image, {NAN, 0, 10, 10}, .15f, Cover::kBlur);
  anonymize(image, {10, 10, 10, 20}, .15f, Cover::kBlack);
  CHECK(image.rgb == before.rgb);
}

TEST_CASE("a tilted face is covered from chin to forehead and ear to ear") {
  const Box box{160, 150, 240, 250};  // as the detector draws it about an upright face
  for (const int degrees : {0, 30, 45, 60, -60}) {
    CAPTURE(degrees);
    Image image = noise(400, 400);
    anonymize(image, box, .15f, Cover::kBlur);
    const double tilt = degrees * 3.14159265 / 180;
    double most = 0;
    for (int step = 0; step < 360; ++step) {
      const double angle = step * 3.14159265 / 180;
      // With ears, chin and hairline, which are a little beyond the box.
      const double u = .6 * 80 * std::cos(angle), v = .6 * 100 * std::sin(angle);
      const int x = static_cast<int>(200 + u * std::cos(tilt) - v * std::sin(tilt));
      const int y = static_cast<int>(200 + u * std::sin(tilt) + v * std::cos(tilt));
      most = std::max(most, detail(image, x, y));
    }
    CHECK(most < 40);
  }
}

TrackedFace seen(const Track& track) { return {track.id, track.shown, track.frames, track.detected}; }
LostFace lost(const Track& track) { return {track.id, track.face.box, track.place, track.missing}; }

// A face that moves `step` pixels a frame and is found, or not, as `found` says: for each frame, whether all of it is covered.
std::vector<bool> covered(const std::string& found, float step, double rate) {
  Tracks tracks{{}};
  Covers covers;
  std::vector<bool> result;
  const auto box = [&](std::size_t frame) {
    const float left = 20 + step * static_cast<float>(frame);
    return Box{left, 50, left + 80, 150};
  };
  const auto take = [&] {
    const Box face = box(result.size());
    bool whole = false;
    for (const Box& place : covers.take()) {
      const float dx = .15f * place.width(), dy = .15f * place.height();
      whole |= place.left - dx <= face.left && place.top - dy <= face.top && place.right + dx >= face.right &&
               place.bottom + dy >= face.bottom;
    }
    result.push_back(whole);
  };
  for (std::size_t frame = 0; frame < found.size(); ++frame) {
    std::vector<Face> faces;
    if (found[frame] == '+') {
      faces.emplace_back();
      faces[0].box = box(frame);
    }
    tracks.predict();
    tracks.update(faces, {});
    std::vector<TrackedFace> here;
    std::vector<LostFace> gone;
    for (const Track& track : tracks.list()) {
      if (track.missing == 0) here.push_back(seen(track));
      if (track.missing > 0) gone.push_back(lost(track));
    }
    covers.add(static_cast<double>(frame) / rate, here, gone);
    while (covers.waiting() > Covers::kBehind) take();
  }
  while (covers.waiting() > 0) take();
  return result;
}

TEST_CASE("a face that moves and is lost for some frames stays covered") {
  for (const double rate : {2., 25.}) {
    CAPTURE(rate);
    for (const char* const found : {"+++++-+++++", "+++++---+++++", "+++++------+++++"}) {
      CAPTURE(found);
      const std::vector<bool> result = covered(found, 20, rate);
      CHECK(std::count(result.begin(), result.end(), false) == 0);
    }
  }
  // Lost for longer: a third of a second at 25 frames a second.
  const std::vector<bool> result = covered("+++++--------+++++", 20, 25);
  CHECK(std::count(result.begin(), result.end(), false) == 0);
}

TEST_CASE(
    "a lost face is covered for a third of a second and five frames, whichever is longer; a found one before, too") {
  for (const auto& way : {std::pair{2., 5}, {12., 5}, {25., 8}, {50., 16}}) {
    const double rate = way.first;
    const int frames = way.second;
    CAPTURE(rate);
    const std::vector<bool> result = covered("----------+++" + std::string(40, '-'), 0, rate);
    REQUIRE(result.size() == 53);
    for (int frame = 0; frame < 53; ++frame) {
      CAPTURE(frame);
      CHECK(result[static_cast<std::size_t>(frame)] == (frame >= 5 && frame <= 12 + frames));
    }
  }
}

}  // namespace
}  // namespace mtcnn
