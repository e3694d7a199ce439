#include "track/tracks.h"

#include <cmath>

#include <doctest/doctest.h>

namespace mtcnn {
namespace {

Face face_at(float x, float y, float side = 40, float score = .9f) {
  Face face;
  face.box = {x, y, x + side, y + side};
  face.score = score;
  face.landmarks.fill({x + side / 2, y + side / 2});
  return face;
}

using Seen = std::vector<std::optional<Face>>;

void detect(Tracks& tracks, std::vector<Face> faces) {
  tracks.predict();
  tracks.update(faces, {});
}

TEST_CASE("faces that move keep their ids, whatever the order of the detections") {
  Tracks tracks{{}};
  for (int frame = 0; frame < 20; ++frame) {
    const float t = static_cast<float>(frame);
    std::vector<Face> faces{face_at(10 + 9 * t, 50), face_at(400 - 9 * t, 52)};
    if (frame % 2 == 1) std::swap(faces[0], faces[1]);
    detect(tracks, faces);
    REQUIRE(tracks.list().size() == 2);
    CHECK(tracks.list()[0].id == 1);
    CHECK(tracks.list()[0].face.box.left == 10 + 9 * t);
    CHECK(tracks.list()[1].face.box.left == 400 - 9 * t);
    CHECK(tracks.list()[0].frames == frame + 1);
  }
  // Faster than their own side: only the prediction can tell.
  Tracks fast{{}};
  detect(fast, {face_at(0, 0)});
  for (int frame = 1; frame < 12; ++frame) {
    const float t = static_cast<float>(frame);
    detect(fast, {face_at(1.5f * t * t, 0)});
  }
  CHECK(fast.list().size() == 1);
  CHECK(fast.list()[0].velocity.x > 25);
}

TEST_CASE("a face that is gone keeps its id for a while, and not for longer") {
  for (const int away : {3, 4}) {
    CAPTURE(away);
    TrackerOptions options;
    options.keep_lost = 3;
    Tracks tracks{options};
    detect(tracks, {face_at(100, 100)});
    for (int frame = 0; frame < away; ++frame) {
      detect(tracks, {});
      CHECK(tracks.list().size() == (frame < 3 ? 1 : 0));
    }
    detect(tracks, {face_at(105, 100)});
    REQUIRE(tracks.list().size() == 1);
    CHECK(tracks.list()[0].id == (away == 3 ? 1 : 2));
    CHECK(tracks.list()[0].missing == 0);
  }
}

TEST_CASE("a face that moves behind something keeps its id") {
  for (const auto& way : {std::pair{12.f, 6}, {8.f, 8}, {-12.f, 6}}) {
    const float step = way.first;
    const int hidden = way.second;
    CAPTURE(step);
    CAPTURE(hidden);
    Tracks tracks{{}};
    float x = 500;
    for (int frame = 0; frame < 8; ++frame, x += step) detect(tracks, {face_at(x, 100, 64)});
    float last = tracks.list()[0].face.box.left;
    for (int frame = 0; frame < hidden; ++frame, x += step) {
      detect(tracks, {});
      // On and on, ever slower, never back.
      const float moved = (tracks.list()[0].predicted.left - last) / step;
      CHECK(moved > .5f);
      CHECK(moved <= 1);
      last = tracks.list()[0].predicted.left;
    }
    detect(tracks, {face_at(x, 100, 64)});
    REQUIRE(tracks.list().size() == 1);
    CHECK(tracks.list()[0].id == 1);
    CHECK(tracks.list()[0].missing == 0);
  }
  // Asked for twice, as after a frame that failed, it is the same.
  Tracks tracks{{}};
  for (int frame = 0; frame < 4; ++frame) detect(tracks, {face_at(static_cast<float>(9 * frame), 0)});
  detect(tracks, {});
  tracks.predict();
  const float once = tracks.list()[0].predicted.left;
  tracks.predict();
  CHECK(tracks.list()[0].predicted.left == once);
}

TEST_CASE(
    "what full detections keep missing is followed no further, even if it is seen where it is expected") {
  for (const int keep_lost : {0, 2, 6}) {
    CAPTURE(keep_lost);
    TrackerOptions options;
    options.keep_lost = keep_lost;
    Tracks tracks{options};
    const std::vector<Face> none;
    detect(tracks, {face_at(0, 0)});
    for (int frame = 1; frame <= std::max(3, keep_lost + 1); ++frame) {
      REQUIRE(tracks.list().size() == 1);
      tracks.predict();
      tracks.update(none, Seen{face_at(0, 0)});
    }
    CHECK(tracks.list().empty());
  }
  // Frames without a full detection, and one that has it, say nothing against it.
  Tracks tracks{{}};
  detect(tracks, {face_at(0, 0)});
  for (int frame = 0; frame < 100; ++frame) {
    tracks.predict();
    const std::vector<Face> faces(frame % 20 == 19 ? 1 : 0, face_at(0, 0));
    if (frame % 10 == 0 || frame % 20 == 19) {
      tracks.update(faces, Seen{face_at(0, 0)});
    } else {
      tracks.update({}, Seen{face_at(0, 0)});
    }
    REQUIRE(tracks.list().size() == 1);
    CHECK(tracks.list()[0].id == 1);
  }
}

TEST_CASE(
    "what is searched for everywhere in every frame is followed as long as it is seen where it is expected") {
  TrackerOptions options;
  options.detect_every = 1;
  Tracks tracks{options};
  const std::vector<Face> none;
  detect(tracks, {face_at(0, 0)});
  for (int frame = 0; frame < 40; ++frame) {
    tracks.predict();
    tracks.update(none, Seen{face_at(0, 0)});
    REQUIRE(tracks.list().size() == 1);
    CHECK(tracks.list()[0].id == 1);
    CHECK(tracks.list()[0].missing == 0);
  }
}

TEST_CASE("without detections faces are where they were seen, and two tracks never share one") {
  Tracks tracks{{}};
  detect(tracks, {face_at(0, 0), face_at(100, 0)});
  tracks.predict();
  tracks.update({}, Seen{face_at(5, 0), face_at(104, 0)});
  CHECK(tracks.list()[0].face.box.left == 5);
  CHECK(!tracks.list()[0].detected);
  CHECK(tracks.list()[1].missing == 0);
  // The second one slides onto the first.
  tracks.predict();
  tracks.update({}, Seen{face_at(6, 0), face_at(8, 0)});
  CHECK(tracks.list()[0].missing == 0);
  CHECK(tracks.list()[1].missing == 1);
  // Detections that find neither: what was seen still counts.
  tracks.predict();
  const std::vector<Face> other{face_at(300, 300)};
  tracks.update(other, Seen{face_at(7, 0), std::nullopt});
  REQUIRE(tracks.list().size() == 3);
  CHECK(tracks.list()[0].missing == 0);
  CHECK(tracks.list()[1].missing == 2);
  CHECK(tracks.list()[2].id == 3);
  CHECK(tracks.list()[2].detected);
}

TEST_CASE("smoothing holds back what trembles, and lets go what moves") {
  TrackerOptions options;
  options.smoothing = .8f;
  Tracks calm{options}, plain{{}};
  float calm_jitter = 0, plain_jitter = 0, last_calm = 0, last_plain = 0;
  for (int frame = 0; frame < 40; ++frame) {
    const float x = 100 + (frame % 2 == 0 ? .4f : -.4f);
    for (Tracks* tracks : {&calm, &plain}) detect(*tracks, {face_at(x, 100)});
    const float a = calm.list()[0].shown.landmarks[0].x, b = plain.list()[0].shown.landmarks[0].x;
    if (frame > 5) {
      calm_jitter += std::abs(a - last_calm);
      plain_jitter += std::abs(b - last_plain);
    }
    last_calm = a;
    last_plain = b;
  }
  CHECK(plain_jitter == doctest::Approx(34 * .8).epsilon(.01));
  CHECK(calm_jitter < plain_jitter / 2);
  // A jump of a tenth of the side and more passes whole.
  detect(calm, {face_at(110, 100)});
  CHECK(calm.list()[0].shown.box.left == doctest::Approx(110).epsilon(1e-5));
  // The face itself is never smoothed: it is what the next frame is looked for by.
  CHECK(calm.list()[0].face.box.left == 110);
}

}  // namespace
}  // namespace mtcnn
