// A tracker on footage made of still photographs that move: the same faces as a full detection of every frame, at a fraction
// of the searches, and ids that stay. Reads the reference data in place.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "codecs/image_io.h"
#include "convert/convert.h"
#include "geometry/box.h"
#include "mtcnn/mtcnn.h"
#include "support/shared_data.h"

namespace mtcnn {
namespace {

constexpr int kFrames = 60;

Detector released_detector(float max_face = 0) {
  const std::string folder = test::shared_data() / "weights" / "release";
  Result<ModelData> data = import_model(std::vector<std::string>{folder});
  REQUIRE_MESSAGE(data.ok(), data.error().message);
  const Result<Detector> detector = Detector::create(
      Model(std::make_shared<const ModelData>(*std::move(data))), {.min_face = 40, .max_face = max_face});
  REQUIRE_MESSAGE(detector.ok(), detector.error().message);
  return *detector;
}

// A camera that pans over a photograph, there and back: a window of it, `part` of its size, as a view.
ImageView pan(const Image& image, int frame, double part) {
  const int width = static_cast<int>(image.width * part), height = static_cast<int>(image.height * part);
  const double at = (1 - std::cos(2 * 3.14159265 * frame / kFrames)) / 2;
  const int left = static_cast<int>(at * (image.width - width)),
            top = static_cast<int>(at * (image.height - height));
  ImageView view = image.view();
  view.data += top * view.row_stride + std::ptrdiff_t{3} * left;
  view.width = width;
  view.height = height;
  return view;
}

TEST_CASE("tracking finds what full detection finds, with a fifth of the searches or less") {
  if (!test::have_shared_data()) return;
  const Detector detector = released_detector();
  const std::filesystem::path images = test::shared_data() / "reference" / "images";
  int clips = 0;
  std::size_t expected = 0, found = 0, extra = 0;
  std::int64_t frames = 0, searches = 0;
  int switches = 0;
  for (const auto& entry : std::filesystem::directory_iterator(images)) {
    const Result<Image> image = load_image(entry.path().string());
    REQUIRE(image.ok());
    if (image->width > 700 || image->width < 200) continue;  // enough of them
    CAPTURE(entry.path().string());
    Result<Tracker> tracker = Tracker::create(detector);
    REQUIRE(tracker.ok());
    ++clips;
    // Faces by their places in the photograph: the id that each had last.
    const Result<std::vector<Face>> still = detector.detect(image->view());
    REQUIRE(still.ok());
    std::vector<std::int64_t> ids(still->size());
    int switches_here = 0;
    for (int frame = 0; frame < kFrames; ++frame) {
      const ImageView view = pan(*image, frame, .9);
      const Result<std::vector<Face>> all = detector.detect(view);
      const auto tracked = tracker->update(view);
      REQUIRE(all.ok());
      REQUIRE(tracked.ok());
      expected += all->size();
      std::vector<bool> taken(tracked->size());
      for (const Face& face : *all) {
        for (std::size_t i = 0; i < taken.size(); ++i) {
          if (taken[i] || iou((*tracked)[i].face.box, face.box) < .5f) continue;
          taken[i] = true;
          ++found;
          break;
        }
      }
      extra += static_cast<std::size_t>(std::count(taken.begin(), taken.end(), false));
      const auto offset = (view.data - image->view().data) / 3;
      const auto row = offset / image->width;
      const float left = static_cast<float>(offset % image->width), top = static_cast<float>(row);
      for (const TrackedFace& one : *tracked) {
        const Box box = one.face.box;
        const Box place{box.left + left, box.top + top, box.right + left, box.bottom + top};
        for (std::size_t i = 0; i < still->size(); ++i) {
          if (iou(place, (*still)[i].box) < .5f) continue;
          switches_here += ids[i] != 0 && ids[i] != one.id;
          ids[i] = one.id;
          break;
        }
      }
    }
    CHECK(tracker->frames() == kFrames);
    CHECK(tracker->full_detections() <= kFrames / 4);  // of each clip; of all of them below
    CHECK(switches_here <= 2);
    switches += switches_here;
    frames += tracker->frames();
    searches += tracker->full_detections();
  }
  REQUIRE(clips >= 2);
  MESSAGE(clips << " clips: " << found << " of " << expected << " faces, " << extra << " others; " << searches
                << " full detections in " << frames << " frames; " << switches << " faces got another id");
  REQUIRE(expected > 200);
  CHECK(5 * searches <= frames);
  CHECK(static_cast<double>(found) >= .97 * static_cast<double>(expected));
  CHECK(static_cast<double>(extra) <= .05 * static_cast<double>(expected));
}

TEST_CASE("one face on steady footage: one id, and one search in ten frames") {
  if (!test::have_shared_data()) return;
  const Detector detector = released_detector();
  const Result<Image> image = load_image(std::string(MTCNN_EXAMPLES_DIR) + "/astronaut.jpg");
  REQUIRE_MESSAGE(image.ok(), image.error().message);
  Result<Tracker> tracker = Tracker::create(detector, {.detect_every = 10});
  REQUIRE(tracker.ok());
  for (int frame = 0; frame < kFrames; ++frame) {
    const ImageView view = pan(*image, frame, .9);
    const auto tracked = tracker->update(view);
    REQUIRE(tracked.ok());
    REQUIRE(tracked->size() == 1);
    CHECK((*tracked)[0].id == 1);
    CHECK((*tracked)[0].frames == frame + 1);
    CHECK((*tracked)[0].detected == (frame % 10 == 0));
    const Result<std::vector<Face>> all = detector.detect(view);
    REQUIRE(all.ok());
    REQUIRE(all->size() == 1);
    CHECK(iou((*all)[0].box, (*tracked)[0].face.box) > .8f);
    for (std::size_t i = 0; i < 5; ++i) {
      const Point a = (*all)[0].landmarks[i], b = (*tracked)[0].face.landmarks[i];
      CHECK(std::hypot(a.x - b.x, a.y - b.y) < .06f * (*all)[0].box.width());
    }
  }
  CHECK(tracker->full_detections() == kFrames / 10);

  // A cut to nothing: looked for everywhere once, gone at once; back within a while with its id.
  const std::vector<std::uint8_t> grey(static_cast<std::size_t>(3 * 460 * 460), 128);
  ImageView nothing = pan(*image, 0, .9);
  nothing.data = grey.data();
  nothing.row_stride = std::ptrdiff_t{3} * nothing.width;
  REQUIRE(static_cast<std::size_t>(nothing.width * nothing.height * 3) <= grey.size());
  CHECK(tracker->update(nothing)->empty());
  CHECK(tracker->full_detections() == kFrames / 10 + 1);
  CHECK(tracker->update(nothing)->empty());
  const auto back = tracker->update(pan(*image, 0, .9));
  REQUIRE(back->size() == 1);
  CHECK((*back)[0].id == 1);
  tracker->reset();
  CHECK((*tracker->update(pan(*image, 0, .9)))[0].id == 2);
  // Another size is another video.
  CHECK((*tracker->update(pan(*image, 0, .8)))[0].id == 3);
}

TEST_CASE("a face that grows past max_face is followed no further") {
  if (!test::have_shared_data()) return;
  const Result<Image> image = load_image(std::string(MTCNN_EXAMPLES_DIR) + "/astronaut.jpg");
  REQUIRE_MESSAGE(image.ok(), image.error().message);
  // The camera comes nearer, to where the face is.
  const auto zoomed = [&](int frame) {
    Image near{image->width, image->height, {}};
    const double scale = 1 / (1 + .05 * frame);
    for (int y = 0; y < near.height; ++y) {
      for (int x = 0; x < near.width; ++x) {
        const int column = static_cast<int>(x * scale + (1 - scale) * 220);
        const int row = static_cast<int>(y * scale + (1 - scale) * 110);
        for (int c = 0; c < 3; ++c) {
          near.rgb.push_back(image->rgb[static_cast<std::size_t>((row * near.width + column) * 3 + c)]);
        }
      }
    }
    return near;
  };
  const Result<std::vector<Face>> still = released_detector().detect(image->view());
  REQUIRE(still.ok());
  REQUIRE(still->size() == 1);
  const float most = 1.2f * std::sqrt(area((*still)[0].box));
  Result<Tracker> tracker = Tracker::create(released_detector(most));
  REQUIRE(tracker.ok());
  std::size_t last = 0;
  for (int frame = 0; frame < 10; ++frame) {
    const auto tracked = tracker->update(zoomed(frame).view());
    REQUIRE(tracked.ok());
    if (frame == 0) CHECK(tracked->size() == 1);
    for (const TrackedFace& one : *tracked) CHECK(area(one.face.box) <= most * most);
    last = tracked->size();
  }
  CHECK(last == 0);
}

}  // namespace
}  // namespace mtcnn
