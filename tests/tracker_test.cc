// A tracker on footage made of still photographs that move: the same faces as a full detection of every frame, at a fraction
// of the searches, and ids that stay. Reads the reference data in place.
#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "codecs/image_io.h"
#include "convert/convert.h"
#include "geometry/box.h"
#include "mtcnn/mtcnn.h"
#include "nets/mtcnn_nets.h"
#include "support/shared_data.h"

namespace mtcnn {
namespace {

constexpr int kFrames = 60;

Detector released_detector(const DetectorOptions& options = {.min_face = 40}) {
  const std::string folder = test::shared_data() / "weights" / "release";
  Result<ModelData> data = import_model(std::vector<std::string>{folder});
  REQUIRE_MESSAGE(data.ok(), data.error().message);
  const Result<Detector> detector =
      Detector::create(Model(std::make_shared<const ModelData>(*std::move(data))), options);
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
  Result<Tracker> tracker = Tracker::create(released_detector({.min_face = 40, .max_face = most}));
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

// Multiplications of a net on one input of this size.
double work(const NetSpec& net, int height, int width) {
  MapShape in{net.channels, height, width};
  double sum = 0;
  for (const Layer& layer : net.layers) {
    const MapShape out = output_shape(layer, in);
    const double values = static_cast<double>(out.channels) * out.height * out.width;
    if (layer.kind == LayerKind::kConv) sum += values * in.channels * layer.kernel * layer.kernel;
    if (layer.kind == LayerKind::kDense) sum += values * in.channels * in.height * in.width;
    in = out;
  }
  return sum;
}

double work_of_detection(const Trace& trace) {
  double sum = 0;
  for (const auto& level : trace.levels) sum += work(kPNet, level.size.height, level.size.width);
  return sum + static_cast<double>(trace.pnet.size()) * work(kRNet, kRNet.side, kRNet.side) +
         static_cast<double>(trace.rnet.size()) * work(kONet, kONet.side, kONet.side);
}

TEST_CASE("on steady footage tracking takes a fifth of the work of full detection, or less") {
  if (!test::have_shared_data()) return;
  const Detector detector = released_detector({});
  double full_of_all = 0, tracked_of_all = 0;
  const double look = work(kRNet, kRNet.side, kRNet.side) + work(kONet, kONet.side, kONet.side);
  const std::string images = test::shared_data() / "reference" / "images";
  for (const std::string& name :
       {std::string(MTCNN_EXAMPLES_DIR) + "/astronaut.jpg", images + "/vga_1_four.png",
        images + "/vga_2_selfie.png", images + "/vga_3_bench.png"}) {
    CAPTURE(name);
    const Result<Image> image = load_image(name);
    REQUIRE(image.ok());
    Result<Tracker> tracker = Tracker::create(detector);
    REQUIRE(tracker.ok());
    double full = 0, tracked = 0;
    std::size_t places = 0;
    for (int frame = 0; frame < kFrames; ++frame) {
      const ImageView view = pan(*image, frame, .9);
      const Result<Trace> trace = detector.trace(view);
      REQUIRE(trace.ok());
      full += work_of_detection(*trace);
      // Where faces were, seen or not, it looks again.
      tracked += static_cast<double>(places) * look;
      const std::int64_t before = tracker->full_detections();
      const auto faces = tracker->update(view);
      REQUIRE(faces.ok());
      if (tracker->full_detections() > before) tracked += work_of_detection(*trace);
      places = faces->size() + tracker->lost().size();
    }
    MESSAGE(name << ": " << full / tracked << " times less work, " << places << " faces at the end, "
                 << tracker->full_detections() << " full detections");
    CHECK(full >= 4 * tracked);  // a dozen faces in a small picture
    full_of_all += full;
    tracked_of_all += tracked;
  }
  MESSAGE("all: " << full_of_all / tracked_of_all << " times less work");
  CHECK(full_of_all >= 5 * tracked_of_all);
}

// Somebody cut out of a photograph, with room about the face.
struct Person {
  Image image;
  Box face;  // in that image
};

Person person(const std::string& photograph, std::size_t number) {
  const Result<Image> image = load_image(photograph);
  REQUIRE_MESSAGE(image.ok(), image.error().message);
  const Result<std::vector<Face>> faces = released_detector().detect(image->view());
  REQUIRE(faces.ok());
  REQUIRE(faces->size() > number);
  const Box& face = (*faces)[number].box;
  const float room = .35f * face.height();
  const int left = std::max(0, static_cast<int>(face.left - room)),
            top = std::max(0, static_cast<int>(face.top - room)),
            right = std::min(image->width, static_cast<int>(face.right + room)),
            bottom = std::min(image->height, static_cast<int>(face.bottom + room));
  Person result{{right - left, bottom - top, {}},
                {face.left - static_cast<float>(left), face.top - static_cast<float>(top),
                 face.right - static_cast<float>(left), face.bottom - static_cast<float>(top)}};
  for (int y = top; y < bottom; ++y) {
    const auto row = image->rgb.begin() + std::ptrdiff_t{3} * (y * image->width);
    result.image.rgb.insert(result.image.rgb.end(), row + std::ptrdiff_t{3} * left,
                            row + std::ptrdiff_t{3} * right);
  }
  return result;
}

// A person whose face is in the middle of `middle`, so many pixels high; or, without one, a board that hides all.
struct Placed {
  const Person* who;
  Point middle;
  float height;

  float scale() const { return height / who->face.height(); }
  Box face() const {
    const float width = who->face.width() * scale();
    return {middle.x - width / 2, middle.y - height / 2, middle.x + width / 2, middle.y + height / 2};
  }
};

// On grey; the last in front.
Image scene(int width, int height, std::span<const Placed> all) {
  Image image{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * width * height), 128)};
  for (const Placed& placed : all) {
    const Image* const from = placed.who ? &placed.who->image : nullptr;
    const Box face = placed.who ? placed.face() : Box{};
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const std::size_t to = static_cast<std::size_t>(3 * (y * width + x));
        if (!from) {
          if (std::abs(static_cast<float>(x) - placed.middle.x) < placed.height / 2)
            std::fill_n(image.rgb.begin() + static_cast<std::ptrdiff_t>(to), 3, std::uint8_t{90});
          continue;
        }
        // Bilinear.
        const float u =
            (static_cast<float>(x) + .5f - face.left) / placed.scale() + placed.who->face.left - .5f;
        const float v =
            (static_cast<float>(y) + .5f - face.top) / placed.scale() + placed.who->face.top - .5f;
        const int column = static_cast<int>(std::floor(u)), row = static_cast<int>(std::floor(v));
        if (column < 0 || row < 0 || column + 1 >= from->width || row + 1 >= from->height) continue;
        const float right = u - static_cast<float>(column), down = v - static_cast<float>(row);
        for (std::size_t c = 0; c < 3; ++c) {
          const auto pixel = [&](int dx, int dy) {
            return static_cast<float>(
                from->rgb[static_cast<std::size_t>(3 * ((row + dy) * from->width + column + dx)) + c]);
          };
          const float above = pixel(0, 0) + right * (pixel(1, 0) - pixel(0, 0));
          const float below = pixel(0, 1) + right * (pixel(1, 1) - pixel(0, 1));
          image.rgb[to + c] = static_cast<std::uint8_t>(above + down * (below - above) + .5f);
        }
      }
    }
  }
  return image;
}

// What became of the people of a scene: frames in which the tracker had their faces, and how often they got another id.
struct Followed {
  std::vector<int> seen, switches;
  std::size_t ids = 0;  // all that were given
};

template <typename PlaceAll>
Followed follow(const TrackerOptions& options, int frames, PlaceAll&& place_all) {
  Result<Tracker> tracker = Tracker::create(released_detector(), options);
  REQUIRE(tracker.ok());
  Followed result;
  std::vector<std::int64_t> ids;
  std::int64_t highest = 0;
  for (int frame = 0; frame < frames; ++frame) {
    const std::vector<Placed> all = place_all(static_cast<float>(frame));
    const auto tracked = tracker->update(scene(640, 360, all).view());
    REQUIRE(tracked.ok());
    ids.resize(all.size());
    result.seen.resize(all.size());
    result.switches.resize(all.size());
    for (const TrackedFace& face : *tracked) highest = std::max(highest, face.id);
    std::vector<bool> taken(tracked->size());
    // Those in front first: a face is theirs.
    for (std::size_t i = all.size(); i-- > 0;) {
      if (!all[i].who) continue;
      for (std::size_t t = 0; t < tracked->size(); ++t) {
        const TrackedFace& face = (*tracked)[t];
        if (taken[t] || iou(face.face.box, all[i].face()) < .5f) continue;
        taken[t] = true;
        ++result.seen[i];
        result.switches[i] += ids[i] != 0 && ids[i] != face.id;
        ids[i] = face.id;
        break;
      }
    }
  }
  result.ids = static_cast<std::size_t>(highest);
  return result;
}

void report(const std::string& what, const Followed& followed, int frames) {
  std::string text;
  for (std::size_t i = 0; i < followed.seen.size(); ++i) {
    text += " " + std::to_string(followed.seen[i]) + "/" + std::to_string(frames) + " frames, " +
            std::to_string(followed.switches[i]) + " switches;";
  }
  MESSAGE(what << ":" << text << " " << followed.ids << " ids");
}

TEST_CASE("ids stay where faces move fast, come near, pass behind something, and one another") {
  if (!test::have_shared_data()) return;
  const std::string images = test::shared_data() / "reference" / "images";
  const Person anna = person(std::string(MTCNN_EXAMPLES_DIR) + "/astronaut.jpg", 0);
  const Person ben = person(images + "/ref_test2.png", 0);
  const TrackerOptions options;
  const auto swing = [](float frame, float period) { return std::sin(2 * 3.14159265f * frame / period); };

  SUBCASE("a face that swings over the picture, up to 19 pixels a frame") {
    const Followed followed = follow(options, 90, [&](float frame) {
      return std::vector<Placed>{{&anna, {320 + 180 * swing(frame, 60), 180 + 40 * swing(frame, 23)}, 110}};
    });
    report("swinging", followed, 90);
    CHECK(followed.seen[0] >= 88);
    CHECK(followed.switches[0] == 0);
  }
  SUBCASE("a face that comes nearer and goes away again, by up to 5 % a frame") {
    const Followed followed = follow(options, 90, [&](float frame) {
      return std::vector<Placed>{{&anna, {320, 180}, 125 * std::exp(.75f * swing(frame, 94))}};
    });
    report("zooming", followed, 90);
    CHECK(followed.seen[0] >= 88);
    CHECK(followed.switches[0] == 0);
  }
  SUBCASE("a face that passes behind a board") {
    const Followed followed = follow(options, 70, [&](float frame) {
      return std::vector<Placed>{{&anna, {80 + 8 * frame, 180}, 110}, {nullptr, {320, 0}, 50}};
    });
    report("hidden", followed, 70);
    CHECK(followed.seen[0] >= 40);
    CHECK(followed.switches[0] == 0);
    CHECK(followed.ids == 1);
  }
  SUBCASE("two faces that cross, one in front of the other") {
    for (const int speed : {6, 10}) {
      CAPTURE(speed);
      const int frames = 480 / speed;
      const Followed followed = follow(options, frames, [&](float frame) {
        const float way = static_cast<float>(speed) * frame;
        return std::vector<Placed>{{&ben, {560 - way, 190}, 110}, {&anna, {80 + way, 170}, 110}};
      });
      report("crossing", followed, frames);
      CHECK(followed.seen[1] >= frames - 2);
      CHECK(followed.seen[0] >= frames / 2);
      // While one looks through the other the two may change places.
      CHECK(followed.switches[0] + followed.switches[1] <= 3);
      CHECK(followed.ids <= 3);
    }
  }
}

TEST_CASE("a face is followed only within the region, and down to min_face") {
  if (!test::have_shared_data()) return;
  const Person anna = person(std::string(MTCNN_EXAMPLES_DIR) + "/astronaut.jpg", 0);
  const auto run = [&](const DetectorOptions& detector, auto&& place, auto&& check) {
    Result<Tracker> tracker = Tracker::create(released_detector(detector));
    REQUIRE(tracker.ok());
    std::size_t first = 0, last = 0;
    for (int frame = 0; frame < 60; ++frame) {
      const Placed placed = place(static_cast<float>(frame));
      const auto tracked = tracker->update(scene(640, 360, {&placed, 1}).view());
      REQUIRE(tracked.ok());
      if (frame == 0) first = tracked->size();
      last = tracked->size();
      for (const TrackedFace& face : *tracked) check(face.face.box);
    }
    CHECK(first == 1);
    CHECK(last == 0);
  };
  SUBCASE("region") {
    run(
        {.min_face = 40, .region = Box{0, 0, 320, 360}},
        [&](float frame) {
          return Placed{&anna, {200 + 5 * frame, 180}, 110};
        },
        [](const Box& box) { CHECK((box.left + box.right) / 2 < 320); });
  }
  SUBCASE("small") {
    run(
        {.min_face = 60},
        [&](float frame) {
          return Placed{&anna, {320, 180}, 110 - 1.5f * frame};
        },
        [](const Box& box) { CHECK(std::max(box.width(), box.height()) >= .5f * 60); });
  }
  SUBCASE("small in the picture that is searched") {
    run(
        {.min_face = 30, .resize = Size{320, 180}},
        [&](float frame) {
          return Placed{&anna, {320, 180}, 110 - 1.5f * frame};
        },
        [](const Box& box) { CHECK(std::max(box.width(), box.height()) >= .5f * 60); });
  }
}

TEST_CASE("a lost face is told, with where it was and where it would be") {
  if (!test::have_shared_data()) return;
  const Person anna = person(std::string(MTCNN_EXAMPLES_DIR) + "/astronaut.jpg", 0);
  Result<Tracker> tracker = Tracker::create(released_detector(), {.detect_every = 1, .keep_lost = 3});
  REQUIRE(tracker.ok());
  std::optional<Box> last;
  for (int frame = 0; frame < 15; ++frame) {
    const Placed placed{&anna, {200 + 10 * static_cast<float>(frame), 180}, 110};
    const bool there = frame < 10;
    const auto tracked =
        tracker->update(scene(640, 360, {&placed, static_cast<std::size_t>(there ? 1 : 0)}).view());
    REQUIRE(tracked.ok());
    CHECK(tracked->size() == (there ? 1 : 0));
    if (there) {
      last = (*tracked)[0].face.box;
      CHECK(tracker->lost().empty());
      continue;
    }
    const int missing = frame - 9;
    REQUIRE(tracker->lost().size() == (missing <= 3 ? 1 : 0));
    if (missing > 3) continue;
    const LostFace& lost = tracker->lost()[0];
    CHECK(lost.id == 1);
    CHECK(lost.missing == missing);
    CHECK(lost.seen.left == last->left);
    CHECK(lost.expected.left - last->left == doctest::Approx(10 * missing).epsilon(.25));
  }
  for (int frame = 0; frame < 2; ++frame) {
    const Placed placed{&anna, {200, 180}, 110};
    REQUIRE(tracker->update(scene(640, 360, {&placed, static_cast<std::size_t>(frame == 0)}).view()).ok());
  }
  CHECK(tracker->lost().size() == 1);
  tracker->reset();
  CHECK(tracker->lost().empty());
}

}  // namespace
}  // namespace mtcnn
