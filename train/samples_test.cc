#include "train/samples.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <tuple>

#include <unistd.h>

#include <doctest/doctest.h>

#include "engine/model_data.h"
#include "geometry/box.h"
#include "geometry/calibration.h"
#include "train/batches.h"

namespace mtcnn {
namespace {

// Two photographs on disk, of noise with blobs, and a background.
class Album {
 public:
  Album()
      : folder_(std::filesystem::temp_directory_path() / ("mtcnn_samples_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    Random random{5};
    for (int i = 0; i < 3; ++i) {
      Image image{200, 160, {}};
      for (int k = 0; k < 200 * 160 * 3; ++k)
        image.rgb.push_back(static_cast<std::uint8_t>(random.below(256)));
      const std::string file = (folder_ / (std::to_string(i) + ".png")).string();
      REQUIRE(save_image(file, image.view()).ok());
      photographs.list.push_back({file, i == 2 ? 1 : 0, {}, {}});
    }
    LabelledFace face;
    face.box = {40, 30, 80, 80};
    face.landmarks = Landmarks{Point{50, 50}, {70, 50}, {60, 60}, {52, 70}, {68, 70}};
    photographs.list[0].faces.push_back(face);
    face.box = {120, 90, 170, 150};
    face.landmarks.reset();
    photographs.list[0].faces.push_back(face);
    face.box = {60, 50, 100, 110};
    photographs.list[1].faces.push_back(face);
    photographs.list[1].ignored.push_back({120, 0, 200, 160});
    photographs.sets.resize(2);
  }
  ~Album() { std::filesystem::remove_all(folder_); }
  Photographs photographs;

 private:
  std::filesystem::path folder_;
};

// Nothing but what read_patch() does.
TrainConfig plain() {
  TrainConfig config;
  config.augment = AugmentConfig::none();
  return config;
}

std::size_t floats(int side) { return static_cast<std::size_t>(side * side * 3) + kSlack; }

TEST_CASE("windows are told apart by their overlap") {
  Photograph photograph;
  LabelledFace face;
  face.box = {0, 0, 100, 100};
  photograph.faces.push_back(face);
  photograph.ignored.push_back({300, 0, 400, 100});
  const SampleConfig config;
  // Shifted by d: IoU (100 - d) / (100 + d).
  const auto shifted = [&](float d) { return classify({d, 0, 100 + d, 100}, photograph, config); };
  CHECK(shifted(0).positive);
  CHECK(shifted(0).iou == 1);
  CHECK(shifted(21).positive);   // .653
  CHECK(!shifted(22).positive);  // .639
  CHECK(shifted(22).part);
  CHECK(shifted(42).part);                  // .408
  const WindowClass between = shifted(44);  // .389: of no use
  CHECK((!between.part && !between.positive && !between.negative));
  CHECK(shifted(55).negative);  // .290
  CHECK(shifted(150).face == -1);
  CHECK(shifted(150).negative);
  // An ignored region is no background, but a window around a small one is.
  CHECK(!shifted(300).negative);
  CHECK(!classify({310, 10, 340, 40}, photograph, config).negative);
  CHECK(!classify({265, 0, 365, 100}, photograph, config).negative);
  CHECK(classify({200, -300, 700, 200}, photograph, config).negative);
}

TEST_CASE("a face whose box was guessed teaches its points alone, and is no background") {
  Photograph photograph;
  LabelledFace face;
  face.box = {0, 0, 100, 100};
  face.guessed_box = true;
  photograph.faces.push_back(face);
  const auto shifted = [&](float d) { return classify({d, 0, 100 + d, 100}, photograph, {}); };
  CHECK(shifted(0).near_enough);
  CHECK(!shifted(0).positive);
  CHECK(!shifted(22).near_enough);
  CHECK(!shifted(22).part);
  CHECK(!shifted(22).negative);
  CHECK(shifted(55).negative);

  Album album;
  for (LabelledFace& one : album.photographs.list[0].faces) one.guessed_box = true;
  TrainConfig config = plain();
  config.samples.mined_faces = .5;
  config.samples.mined_jitter = 0;
  ImageCache images(1 << 24);
  Sampler sampler(album.photographs, images, config, 12, 1);
  sampler.use_windows(
      {{{{36, 30, 84, 78}, .9f}, {{40, 40, 70, 70}, .7f}, {{122, 92, 172, 142}, .6f}}, {}, {}});
  CHECK(sampler.mined(SampleKind::kPositive) == 0);
  CHECK(sampler.mined(SampleKind::kPart) == 0);
  CHECK(sampler.mined(SampleKind::kLandmark) == 1);
  SamplerScratch scratch;
  std::vector<float> pixels(floats(12));
  for (std::uint64_t position = 0; position < 40; ++position) {
    CHECK(sampler.cut(SampleKind::kLandmark, position, scratch, pixels.data()).ok());
    CHECK(sampler.cut(SampleKind::kPositive, position, scratch, pixels.data()).ok());
    CHECK(sampler.cut(SampleKind::kPart, position, scratch, pixels.data()).ok());
  }
  // A guessed and a drawn one in a photograph: boxes are learned from the drawn one alone.
  album.photographs.list[0].faces[1].guessed_box = false;
  album.photographs.list[1].faces[0].guessed_box = true;
  config.samples.mined_faces = 0;
  const Sampler drawn(album.photographs, images, config, 12, 1);
  for (std::uint64_t position = 0; position < 40; ++position) {
    const Result<SampleTarget> target = drawn.cut(SampleKind::kPositive, position, scratch, pixels.data());
    REQUIRE(target.ok());
    // That face is 50 wide and 60 high, the other one 40 and 50.
    const float width = 1 + target->box[2] - target->box[0], height = 1 + target->box[3] - target->box[1];
    CHECK(height / width == doctest::Approx(1.2).epsilon(.001));
  }
  album.photographs.list[0].faces[1].guessed_box = true;
  // With no other face there is nothing to learn boxes from.
  album.photographs.list[1].faces[0].guessed_box = true;
  const Sampler without(album.photographs, images, config, 12, 1);
  CHECK(!without.has(SampleKind::kPositive));
  CHECK(!without.has(SampleKind::kPart));
  CHECK(without.has(SampleKind::kLandmark));
}

// A photograph whose pixels say where they are: red is the column, green the row.
Image map_of_places(int side) {
  Image image{side, side, {}};
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      image.rgb.push_back(static_cast<std::uint8_t>(x));
      image.rgb.push_back(static_cast<std::uint8_t>(y));
      image.rgb.push_back(0);
    }
  }
  return image;
}

TEST_CASE("with a share of a window that a face fills, overlaps are those of the window's middle") {
  Album album;
  constexpr int kPlaces = 240, kSide = 12;
  constexpr double kShare = .7;
  REQUIRE(save_image(album.photographs.list[0].file, map_of_places(kPlaces).view()).ok());
  album.photographs.list.resize(1);
  LabelledFace face;
  face.box = {90, 80, 150, 140};
  album.photographs.list[0].faces = {face};
  album.photographs.list[0].ignored.clear();
  TrainConfig config = plain();
  config.samples.near_faces = 1;
  config.samples.mined_negatives = config.samples.mined_faces = .5;
  ImageCache images(1 << 24);
  Sampler sampler(album.photographs, images, config, kSide, 1, kShare);
  // The first one's middle is the face, the second one's overlaps it by .24, itself by .36.
  const Box around{77, 67, 163, 153}, beside{123, 67, 209, 153};
  sampler.use_windows({{{around, .9f}, {beside, .8f}}});
  CHECK(sampler.mined(SampleKind::kPositive) == 1);
  CHECK(sampler.mined(SampleKind::kNegative) == 1);
  SamplerScratch scratch;
  std::vector<float> pixels(floats(kSide));
  for (const auto& [kind, least, most] : {std::tuple{SampleKind::kNegative, 0., .3},
                                          {SampleKind::kPositive, .65, 1.},
                                          {SampleKind::kPart, .4, .65}}) {
    double sides = 0;
    int beyond = 0;
    for (std::uint64_t position = 0; position < 200; ++position) {
      const Result<SampleTarget> target = sampler.cut(kind, position, scratch, pixels.data());
      REQUIRE(target.ok());
      // Red and green of a pixel are the place of its middle.
      const auto place = [&](int i, int channel) {
        return pixels[static_cast<std::size_t>(3 * i + channel)] / kPixelScale + kPixelMean + .5f;
      };
      const float left = place(5, 0), right = place(6, 0), top = place(5 * kSide, 1),
                  bottom = place(6 * kSide, 1);
      const float x = (left + right) / 2, y = (top + bottom) / 2, half = .5f * kSide * (right - left);
      const float middle = half * static_cast<float>(kShare);
      const float overlap = iou({x - middle, y - middle, x + middle, y + middle}, face.box);
      CHECK(overlap >= least - .03);
      CHECK(overlap <= most + .03);
      sides += half / 100;
      beyond += iou({x - half, y - half, x + half, y + half}, face.box) >= least - .03 ? 0 : 1;
      if (kind != SampleKind::kNegative) {
        // Offsets are those of the whole window.
        CHECK(target->box[0] == doctest::Approx((90 - (x - half)) / (2 * half)).epsilon(.05));
      }
    }
    if (kind == SampleKind::kPositive) {
      CHECK(sides == doctest::Approx(60 / kShare).epsilon(.1));
      CHECK(beyond > 100);
    }
  }
}

TEST_CASE("what is cut lies where its kind says: random and mined windows, moved a little") {
  Album album;
  constexpr int kPlaces = 240;
  REQUIRE(save_image(album.photographs.list[0].file, map_of_places(kPlaces).view()).ok());
  Photograph& photograph = album.photographs.list[0];
  album.photographs.list.resize(1);
  LabelledFace face;
  face.box = {90, 80, 150, 150};
  face.landmarks = Landmarks{Point{105, 105}, {135, 105}, {120, 120}, {108, 132}, {132, 132}};
  photograph.faces = {face};
  photograph.ignored = {{180, 0, 240, 60}};
  TrainConfig config = plain();
  config.samples.mined_negatives = config.samples.mined_faces = .5;
  config.samples.near_faces = .5;
  config.samples.mined_jitter = .3;
  ImageCache images(1 << 24);
  constexpr int kSide = 24;
  Sampler sampler(album.photographs, images, config, kSide, 1);
  // Each of them is near the end of its band, so that most moves would take it out.
  sampler.use_windows({{{{90, 85, 150, 145}, .9f},
                        {{104, 90, 158, 144}, .8f},
                        {{120, 100, 170, 150}, .7f},
                        {{20, 20, 110, 110}, .6f}}});
  for (const SampleKind kind :
       {SampleKind::kNegative, SampleKind::kPositive, SampleKind::kPart, SampleKind::kLandmark}) {
    REQUIRE(sampler.mined(kind) > 0);
  }
  SamplerScratch scratch;
  std::vector<float> pixels(floats(kSide));
  for (const SampleKind kind :
       {SampleKind::kNegative, SampleKind::kPositive, SampleKind::kPart, SampleKind::kLandmark}) {
    CAPTURE(kind_name(kind));
    int judged = 0, apart = 0;
    Box last;
    for (std::uint64_t position = 0; position < 400; ++position) {
      REQUIRE(sampler.cut(kind, position, scratch, pixels.data()).ok());
      const auto place = [&](int at, int channel) {
        return pixels[static_cast<std::size_t>((at * kSide + at) * 3 + channel)] / kPixelScale + kPixelMean +
               .5f;
      };
      // Beyond the picture all is 0, and what is enlarged much is bent at its edge: such windows can't be read off.
      constexpr int kFrom = 8, kTo = 15;
      const float step_x = (place(kTo, 0) - place(kFrom, 0)) / (kTo - kFrom),
                  step_y = (place(kTo, 1) - place(kFrom, 1)) / (kTo - kFrom);
      if (std::abs(step_x - step_y) > .02f || step_x < .3f) continue;
      const float left = place(kFrom, 0) - (kFrom + .5f) * step_x,
                  top = place(kFrom, 1) - (kFrom + .5f) * step_y;
      const Box window{left, top, left + kSide * step_x, top + kSide * step_y};
      ++judged;
      apart += std::abs(window.left - last.left) > .5f;
      last = window;
      constexpr float kRough = .02f;  // colours are whole numbers
      const float overlap = iou(window, face.box);
      CAPTURE(window.left);
      CAPTURE(window.top);
      CAPTURE(window.width());
      if (kind == SampleKind::kNegative) {
        CHECK(overlap < .3f + kRough);
        CHECK(intersection(window, photograph.ignored[0]) < (.3f + kRough) * area(window));
        CHECK(window.width() > 9.5f);
      } else if (kind == SampleKind::kPart) {
        CHECK(overlap > .4f - kRough);
        CHECK(overlap < .65f + kRough);
      } else {
        CHECK(overlap > .65f - kRough);
      }
    }
    CHECK(judged > 200);
    CHECK(apart > judged / 2);
  }
}

TEST_CASE("photographs whose faces are not all labelled give no negatives, and are not asked for them") {
  Album album;
  TrainConfig config = plain();
  config.samples.near_faces = .5;
  ImageCache images(1 << 24);
  for (const std::size_t i : {0, 1}) album.photographs.list[i].incomplete = true;
  CHECK(!classify({0, 0, 20, 20}, album.photographs.list[0], config.samples).negative);
  const Sampler sampler(album.photographs, images, config, 12, 1);
  SamplerScratch scratch;
  std::vector<float> pixels(floats(12));
  for (std::uint64_t position = 0; position < 40; ++position)
    CHECK(sampler.cut(SampleKind::kNegative, position, scratch, pixels.data()).ok());
  CHECK(images.decoded() == 1);
  album.photographs.list[2].incomplete = true;
  const Sampler none(album.photographs, images, config, 12, 1);
  CHECK(!none.has(SampleKind::kNegative));
  const auto plan = plan_batch(none, {3, 1, 1, 2, 0}, 70, 0, 1);
  REQUIRE(!plan.ok());
  CHECK(plan.error().message.find("whose faces are all labelled (unlabelled_faces)") != std::string::npos);
}

TEST_CASE("a long face has positives if they are asked for") {
  Photograph photograph;
  LabelledFace face;
  face.box = {0, 0, 50, 100};  // the best square, of side 70.7, overlaps it by .547
  photograph.faces.push_back(face);
  SampleConfig config;
  const Box best{-10.36f, 14.64f, 60.36f, 85.36f};
  CHECK(classify(best, photograph, config).iou == doctest::Approx(.547).epsilon(.01));
  CHECK(classify(best, photograph, config).part);
  config.positive_share = .85;
  CHECK(classify(best, photograph, config).positive);
  CHECK(classify({30, 0, 100, 70}, photograph, config).negative);
}

TEST_CASE("samples are of their kind, and their targets lead back to the labels") {
  Album album;
  TrainConfig config = plain();
  ImageCache images(1 << 24);
  constexpr int kSide = 24;
  const Sampler sampler(album.photographs, images, config, kSide, 1);
  SamplerScratch scratch;
  std::vector<float> pixels(floats(kSide)), expected(floats(kSide));
  PatchScratch patch;
  // Where a target's window must be: its box is one of the labels. Cut anew there, the pixels are the same.
  const auto window_of = [](const Box& truth, const BoxOffsets& o) {
    // truth.left = left + o0 w, truth.right = left + w + o2 w
    const float width = truth.width() / (1 + o[2] - o[0]), height = truth.height() / (1 + o[3] - o[1]);
    const float left = truth.left - o[0] * width, top = truth.top - o[1] * height;
    return Box{left, top, left + width, top + height};
  };
  for (const SampleKind kind : {SampleKind::kPositive, SampleKind::kPart}) {
    CAPTURE(kind_name(kind));
    std::set<int> met;
    for (std::uint64_t position = 0; position < 60; ++position) {
      const Result<SampleTarget> target = sampler.cut(kind, position, scratch, pixels.data());
      REQUIRE(target.ok());
      CHECK(target->kind == kind);
      bool found = false;
      int number = 0;
      for (const Photograph& photograph : album.photographs.list) {
        for (const LabelledFace& face : photograph.faces) {
          ++number;
          const Box window = window_of(face.box, target->box);
          if (std::abs(window.width() - window.height()) > .01f) continue;
          read_patch((*images.get(photograph.file))->image.view(), window, kSide, kPixelMean, kPixelScale,
                     *find_kernels("auto"), patch, expected.data());
          float worst = 0;
          for (int i = 0; i < kSide * kSide * 3; ++i)
            worst = std::max(worst, std::abs(pixels[i] - expected[i]));
          if (worst > .02f) continue;
          found = true;
          met.insert(number);
          const float overlap = iou(window, face.box);
          if (kind == SampleKind::kPositive) CHECK(overlap >= .649f);
          if (kind == SampleKind::kPart) CHECK((overlap >= .399f && overlap < .651f));
        }
      }
      CHECK(found);
    }
    CHECK(met.size() == 3);  // every face
  }
}

TEST_CASE("landmark samples hold the points, mirrored and turned ones too") {
  Album album;
  // Pixels that show where the points are.
  Image image{200, 160, std::vector<std::uint8_t>(200 * 160 * 3, 0)};
  const Landmarks points = *album.photographs.list[0].faces[0].landmarks;
  for (std::size_t i = 0; i < 5; ++i) {
    for (int y = -2; y < 2; ++y) {
      for (int x = -2; x < 2; ++x) {
        const std::size_t at = static_cast<std::size_t>(
            ((static_cast<int>(points[i].y) + y) * 200 + static_cast<int>(points[i].x) + x) * 3);
        // Left ones red, right ones green, the nose blue.
        image.rgb[at + (i == 2 ? 2 : i % 3 == 0 ? 0 : 1)] = 255;
      }
    }
  }
  REQUIRE(save_image(album.photographs.list[0].file, image.view()).ok());
  TrainConfig config = plain();
  config.augment.flip = .5;
  config.augment.rotate = .5;
  config.augment.rotate_by = 30;
  ImageCache images(1 << 24);
  constexpr int kSide = 48;
  const Sampler sampler(album.photographs, images, config, kSide, 1);
  SamplerScratch scratch;
  std::vector<float> pixels(floats(kSide));
  for (std::uint64_t position = 0; position < 200; ++position) {
    const Result<SampleTarget> target = sampler.cut(SampleKind::kLandmark, position, scratch, pixels.data());
    REQUIRE(target.ok());
    for (std::size_t i = 0; i < 5; ++i) {
      const int x = static_cast<int>(target->landmarks[i] * kSide),
                y = static_cast<int>(target->landmarks[i + 5] * kSide);
      if (x < 0 || y < 0 || x >= kSide || y >= kSide) continue;
      // A mirrored left eye is the right eye of the picture: red and green change places.
      const float* const p = pixels.data() + (y * kSide + x) * 3;
      if (i == 2) {
        CHECK(p[2] > .3f);
      } else {
        CHECK(std::max(p[0], p[1]) > .3f);
      }
    }
    // Left is left of right, after any mirroring.
    CHECK(target->landmarks[0] < target->landmarks[1]);
    CHECK(target->landmarks[3] < target->landmarks[4]);
  }
}

TEST_CASE("mirrored samples are the mirrored pixels with the mirrored targets") {
  Album album;
  TrainConfig config = plain();
  ImageCache images(1 << 24);
  constexpr int kSide = 12;
  std::vector<float> straight(floats(kSide)), turned_round(floats(kSide));
  SamplerScratch scratch;
  const Sampler one(album.photographs, images, config, kSide, 1);
  TrainConfig other = config;
  other.augment.flip = 1;
  const Sampler two(album.photographs, images, other, kSide, 1);
  for (std::uint64_t position = 0; position < 20; ++position) {
    const Result<SampleTarget> a = one.cut(SampleKind::kPositive, position, scratch, straight.data());
    const Result<SampleTarget> b = two.cut(SampleKind::kPositive, position, scratch, turned_round.data());
    REQUIRE((a.ok() && b.ok()));
    CHECK(a->box[0] == -b->box[2]);
    CHECK(a->box[1] == b->box[1]);
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) {
        for (int c = 0; c < 3; ++c) {
          CHECK(straight[static_cast<std::size_t>((y * kSide + x) * 3 + c)] ==
                turned_round[static_cast<std::size_t>((y * kSide + kSide - 1 - x) * 3 + c)]);
        }
      }
    }
  }
}

TEST_CASE("mined windows are used by their kind") {
  Album album;
  TrainConfig config = plain();
  config.samples.mined_jitter = 0;
  config.samples.mined_negatives = config.samples.mined_faces = 1;
  ImageCache images(1 << 24);
  Sampler sampler(album.photographs, images, config, 12, 1);
  MinedWindows windows(3);
  windows[0] = {{{36, 30, 84, 78}, .9f}, {{150, 10, 180, 40}, .8f}, {{40, 40, 70, 70}, .7f}};
  windows[1] = {{{130, 20, 160, 50}, .9f}};  // ignored
  windows[2] = {{{10, 10, 60, 60}, .9f}};
  sampler.use_windows(windows);
  CHECK(sampler.mined(SampleKind::kPositive) == 1);
  CHECK(sampler.mined(SampleKind::kLandmark) == 1);
  CHECK(sampler.mined(SampleKind::kPart) == 1);
  CHECK(sampler.mined(SampleKind::kNegative) == 2);
  sampler.use_negatives({{{{36, 30, 84, 78}, .9f}}, {{{0, 0, 20, 20}, .9f}}, {}});
  CHECK(sampler.mined(SampleKind::kPositive) == 1);
  CHECK(sampler.mined(SampleKind::kNegative) == 3);
  // The only positive there is.
  SamplerScratch scratch;
  std::vector<float> pixels(floats(12));
  for (std::uint64_t position = 0; position < 10; ++position) {
    const Result<SampleTarget> target = sampler.cut(SampleKind::kPositive, position, scratch, pixels.data());
    REQUIRE(target.ok());
    const BoxOffsets expected = encode_offsets({36, 30, 84, 78}, {40, 30, 80, 80});
    for (std::size_t i = 0; i < 4; ++i) CHECK(target->box[i] == doctest::Approx(expected[i]));
  }
}

TEST_CASE("a photograph that can't be read is passed over") {
  Album album;
  std::ofstream(album.photographs.list[0].file) << "no picture";
  TrainConfig config = plain();
  ImageCache images(1 << 24);
  const Sampler sampler(album.photographs, images, config, 12, 1);
  SamplerScratch scratch;
  std::vector<float> pixels(floats(12));
  for (std::uint64_t position = 0; position < 20; ++position) {
    CHECK(sampler.cut(SampleKind::kPositive, position, scratch, pixels.data()).ok());
  }
  // It had the only points.
  const Result<SampleTarget> none = sampler.cut(SampleKind::kLandmark, 0, scratch, pixels.data());
  REQUIRE(!none.ok());
  CHECK(none.error().message.find("no landmark sample") != std::string::npos);
  REQUIRE(images.failures().size() == 1);
  CHECK(images.failures()[0].find("0.png") != std::string::npos);
}

TEST_CASE("sets are drawn by their weights") {
  Album album;
  TrainConfig config = plain();
  config.samples.near_faces = 0;
  album.photographs.sets[0].weight = 1;  // two photographs
  album.photographs.sets[1].weight = 6;  // one: three times as likely as both
  Image white{200, 160, std::vector<std::uint8_t>(200 * 160 * 3, 255)};
  REQUIRE(save_image(album.photographs.list[2].file, white.view()).ok());
  ImageCache images(1 << 24);
  const Sampler sampler(album.photographs, images, config, 12, 1);
  SamplerScratch scratch;
  std::vector<float> pixels(floats(12));
  int of_second = 0;
  constexpr int kSamples = 4000;
  for (std::uint64_t position = 0; position < kSamples; ++position) {
    REQUIRE(sampler.cut(SampleKind::kNegative, position, scratch, pixels.data()).ok());
    of_second += pixels[0] > .99f && pixels[10] > .99f && pixels[100] > .99f;
  }
  CHECK(of_second == doctest::Approx(.75 * kSamples).epsilon(.05));
}

TEST_CASE("batches have the ratio, are the same from any number of threads, and are shared by ranks") {
  Album album;
  TrainConfig config;  // with everything that is random
  ImageCache images(1 << 24);
  const Sampler sampler(album.photographs, images, config, 12, 1);
  const std::array<double, kSampleKinds> ratio{3, 1, 1, 2, 0};
  const BatchPlan plan = *plan_batch(sampler, ratio, 70, 0, 1);
  CHECK(plan.counts == std::array<int, kSampleKinds>{30, 10, 10, 20, 0});
  SamplerScratch scratch;
  const auto same = [](const Batch& a, const Batch& b) {
    if (a.targets.size() != b.targets.size()) return false;
    const std::ptrdiff_t count = static_cast<std::ptrdiff_t>(a.targets.size()) * 12 * 12 * 3;
    return std::equal(a.pixels.begin(), a.pixels.begin() + count, b.pixels.begin());
  };
  std::vector<Batch> expected;
  for (int step = 0; step < 8; ++step) expected.push_back(*make_batch(sampler, plan, 12, step, scratch));
  CHECK(!same(expected[0], expected[1]));
  for (const int threads : {1, 4}) {
    CAPTURE(threads);
    BatchQueue queue(sampler, plan, 12, 3, 8, threads);
    for (std::size_t step = 3; step < 8; ++step) CHECK(same(*queue.next(), expected[step]));
  }
  // Two ranks' halves are the whole.
  Batch half[2];
  for (int rank = 0; rank < 2; ++rank)
    half[rank] = *make_batch(sampler, *plan_batch(sampler, ratio, 70, rank, 2), 12, 5, scratch);
  CHECK(half[0].targets.size() == 35);
  for (std::size_t i = 0; i < expected[5].targets.size(); ++i) {
    const SampleKind kind = expected[5].targets[i].kind;
    bool found = false;
    for (const Batch& part : half) {
      for (std::size_t j = 0; j < part.targets.size() && !found; ++j) {
        found = part.targets[j].kind == kind &&
                std::equal(expected[5].pixels.begin() + static_cast<std::ptrdiff_t>(i * 432),
                           expected[5].pixels.begin() + static_cast<std::ptrdiff_t>((i + 1) * 432),
                           part.pixels.begin() + static_cast<std::ptrdiff_t>(j * 432));
      }
    }
    CHECK(found);
  }
}

TEST_CASE("the last steps' crops are plain, if they shall be") {
  CHECK(plain_from(100, 0) == 100);
  CHECK(plain_from(100, .25) == 75);
  CHECK(plain_from(100, 1) == 0);
  Album album;
  TrainConfig changing;
  changing.augment = {.flip = .5,
                      .rotate = 1,
                      .rotate_by = 20,
                      .colour = 1,
                      .grey = 1,
                      .low_resolution = 1,
                      .blur = 1,
                      .jpeg = 1,
                      .noise = 1,
                      .occlude = 1};
  TrainConfig mirroring;
  mirroring.augment = AugmentConfig::none();
  mirroring.augment.flip = .5;
  ImageCache images(1 << 24);
  const Sampler sampler(album.photographs, images, changing, 12, 1);
  const Sampler expected(album.photographs, images, mirroring, 12, 1);
  BatchPlan plan = *plan_batch(sampler, {3, 1, 1, 2, 0}, 70, 0, 1);
  plan.plain_from = 6;
  SamplerScratch scratch;
  for (const int step : {5, 6, 7}) {
    CAPTURE(step);
    const Batch a = *make_batch(sampler, plan, 12, step, scratch);
    const Batch b = *make_batch(expected, plan, 12, step, scratch);
    CHECK(std::equal(a.pixels.begin(), a.pixels.end() - kSlack, b.pixels.begin()) == (step >= 6));
    bool same_points = true;
    for (std::size_t i = 0; i < a.targets.size(); ++i) {
      same_points = same_points && a.targets[i].landmarks == b.targets[i].landmarks;
    }
    CHECK(same_points == (step >= 6));
  }
}

TEST_CASE("without a kind the others fill the batch") {
  Album album;
  for (Photograph& photograph : album.photographs.list) {
    for (LabelledFace& face : photograph.faces) face.landmarks.reset();
  }
  TrainConfig config = plain();
  ImageCache images(1 << 24);
  const Sampler sampler(album.photographs, images, config, 12, 1);
  CHECK(!sampler.has(SampleKind::kLandmark));
  CHECK(plan_batch(sampler, {3, 1, 1, 2, 0}, 100, 0, 1)->counts ==
        std::array<int, kSampleKinds>{60, 20, 20, 0, 0});
}

TEST_CASE("sets of weight 0 give no batch") {
  Album album;
  for (SetConfig& set : album.photographs.sets) set.weight = 0;
  TrainConfig config = plain();
  ImageCache images(1 << 24);
  const Sampler sampler(album.photographs, images, config, 12, 1);
  const Result<BatchPlan> plan = plan_batch(sampler, {3, 1, 1, 2, 0}, 100, 0, 1);
  REQUIRE(!plan.ok());
  CHECK(plan.error().message.find("weight is above 0") != std::string::npos);
}

TEST_CASE("a photograph with a label that can't be used gives no negatives") {
  Album album;
  for (Photograph& photograph : album.photographs.list)
    photograph.ignored.push_back({-1e6f, -1e6f, 1e6f, 1e6f});
  TrainConfig config = plain();
  ImageCache images(1 << 24);
  const Sampler sampler(album.photographs, images, config, 12, 1);
  SamplerScratch scratch;
  std::vector<float> pixels(12 * 12 * 3 + kSlack);
  CHECK(!sampler.cut(SampleKind::kNegative, 1, scratch, pixels.data()).ok());
  CHECK(sampler.cut(SampleKind::kPositive, 1, scratch, pixels.data()).ok());
}

TEST_CASE("calibration samples lie about the face by their pattern") {
  Album album;
  TrainConfig config = plain();
  config.augment.flip = .5;
  ImageCache images(1 << 24);
  const Sampler sampler(album.photographs, images, config, 12, 1);
  SamplerScratch scratch;
  std::vector<float> pixels(floats(12));
  std::set<int> patterns;
  for (std::uint64_t position = 0; position < 600; ++position) {
    const Result<SampleTarget> target =
        sampler.cut(SampleKind::kCalibration, position, scratch, pixels.data());
    REQUIRE(target.ok());
    patterns.insert(target->pattern);
  }
  CHECK(patterns.size() == kCalibrationPatterns.size());
}

TEST_CASE("a calibration sample's pixels are those of a window that lies by its pattern") {
  Album album;
  ImageCache images(1 << 24);
  constexpr int kSide = 24;
  SamplerScratch scratch;
  PatchScratch patch;
  std::vector<float> pixels(floats(kSide)), expected(floats(kSide));
  for (const double flip : {0., 1.}) {
    CAPTURE(flip);
    TrainConfig config = plain();
    config.augment.flip = flip;
    const Sampler sampler(album.photographs, images, config, kSide, 1);
    for (std::uint64_t position = 0; position < 20; ++position) {
      const Result<SampleTarget> target =
          sampler.cut(SampleKind::kCalibration, position, scratch, pixels.data());
      REQUIRE(target.ok());
      int found = 0;
      for (const Photograph& photograph : album.photographs.list) {
        for (const LabelledFace& face : photograph.faces) {
          const Box box = squared(face.box);
          for (const CalibrationPattern& drawn : kCalibrationPatterns) {
            const Box window = disturbed(box, drawn);
            read_patch((*images.get(photograph.file))->image.view(), window, kSide, kPixelMean, kPixelScale,
                       *find_kernels("auto"), patch, expected.data());
            bool same = true;
            for (int i = 0; i < kSide * kSide && same; ++i) {
              const int at = flip > 0 ? i / kSide * kSide + kSide - 1 - i % kSide : i;
              same =
                  std::equal(pixels.begin() + 3 * i, pixels.begin() + 3 * i + 3, expected.begin() + 3 * at);
            }
            if (!same) continue;
            ++found;
            const Box mirrored{box.left + box.right - window.right, window.top,
                               box.left + box.right - window.left, window.bottom};
            const std::size_t label = calibration_label(flip > 0 ? mirrored : window, box);
            CHECK(target->pattern == static_cast<int>(label));
            if (flip == 0) CHECK(kCalibrationPatterns[label] == drawn);
          }
        }
      }
      CHECK(found == 1);
    }
  }
}

TEST_CASE("samples of one visit do not stand beside one another, however many there are") {
  Album album;
  album.photographs.list.clear();
  const std::filesystem::path folder(std::filesystem::temp_directory_path() /
                                     ("mtcnn_mixed_" + std::to_string(::getpid())));
  std::filesystem::create_directories(folder);
  constexpr int kImages = 16;
  for (int i = 0; i < kImages; ++i) {
    const Image flat{40, 40, std::vector<std::uint8_t>(40 * 40 * 3, static_cast<std::uint8_t>(15 * i))};
    const std::string file = (folder / (std::to_string(i) + ".png")).string();
    REQUIRE(save_image(file, flat.view()).ok());
    album.photographs.list.push_back({file, 0, {}, {}});
  }
  ImageCache images(1 << 24);
  TrainConfig config = plain();
  SamplerScratch scratch;
  std::vector<float> pixels(floats(12));
  for (const int visits : {3, 4, 6, 1000}) {
    CAPTURE(visits);
    config.data.crops_per_visit = visits;
    const Sampler sampler(album.photographs, images, config, 12, 1);
    int alike = 0;
    float before = 9;
    constexpr int kSamples = 1000;
    for (std::uint64_t position = 0; position < kSamples; ++position) {
      REQUIRE(sampler.cut(SampleKind::kNegative, position, scratch, pixels.data()).ok());
      alike += pixels[0] == before;
      before = pixels[0];
    }
    // One in 16 by chance; two of three if the samples of a visit came one after the other. Of a factor that is nearly the
    // number of places, or a part of it, neighbours may be a little more alike.
    CHECK(alike < kSamples / 4);
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("a large photograph is shrunk in the cache, and crops are cut from the same places") {
  Album album;
  const std::string& file = album.photographs.list[0].file;
  ImageCache whole(1 << 24), small(1 << 24, 100);
  const auto large = *whole.get(file), shrunk = *small.get(file);
  CHECK(large->scale == 1);
  CHECK(large->size == Size{200, 160});
  CHECK(shrunk->size == Size{200, 160});
  CHECK(shrunk->scale == .5);
  REQUIRE(shrunk->image.width == 100);
  REQUIRE(shrunk->image.height == 80);
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{3} * (40 * 100 + 50), std::size_t{3} * (79 * 100 + 99)}) {
    const std::size_t x = at / 3 % 100 * 2, y = at / 300 * 2;
    int sum = 0;
    for (const std::size_t i : {y * 200 + x, y * 200 + x + 1, (y + 1) * 200 + x, (y + 1) * 200 + x + 1}) {
      sum += large->image.rgb[3 * i];
    }
    CHECK(std::abs(shrunk->image.rgb[at] - sum / 4.) <= .51);
  }

  TrainConfig config = plain();
  constexpr int kSide = 12;
  const Sampler from_large(album.photographs, whole, config, kSide, 1),
      from_small(album.photographs, small, config, kSide, 1);
  SamplerScratch scratch;
  std::vector<float> a(floats(kSide)), b(a);
  double difference = 0;
  for (std::uint64_t i = 0; i < 50; ++i) {
    const Result<SampleTarget> one = from_large.cut(SampleKind::kPositive, i, scratch, a.data());
    const Result<SampleTarget> two = from_small.cut(SampleKind::kPositive, i, scratch, b.data());
    REQUIRE(one.ok());
    REQUIRE(two.ok());
    CHECK(one->box == two->box);
    for (int j = 0; j < kSide * kSide * 3; ++j) {
      difference += std::abs(a[static_cast<std::size_t>(j)] - b[static_cast<std::size_t>(j)]);
    }
  }
  CHECK(difference / (50 * kSide * kSide * 3) < .06);
}

TEST_CASE("a cache that is too small forgets the oldest") {
  Album album;
  ImageCache images(2 * 200 * 160 * 3);
  for (const Photograph& photograph : album.photographs.list) REQUIRE(images.get(photograph.file).ok());
  CHECK(images.decoded() == 3);
  CHECK(images.bytes() == 2 * 200 * 160 * 3);
  REQUIRE(images.get(album.photographs.list[2].file).ok());
  CHECK(images.decoded() == 3);
  REQUIRE(images.get(album.photographs.list[0].file).ok());
  CHECK(images.decoded() == 4);
}

}  // namespace
}  // namespace mtcnn
