#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "mtcnn/mtcnn.h"
#include "support/random_model.h"

// Counts what the whole program allocates, to show that a warm detect() does not.
namespace {
std::atomic<long> allocations = 0;

[[gnu::noinline]] void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  void* const memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (!memory) throw std::bad_alloc();
  return memory;
}
// Not inlined: the compiler would take the pairing of new and free for a mistake.
[[gnu::noinline]] void release(void* memory) { std::free(memory); }
}  // namespace

void* operator new(std::size_t size) { return counted(size ? size : 1, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size ? size : 1, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace mtcnn {
namespace {

using doctest::Approx;
using test::random_pixels;

Model random_model(unsigned seed = 51, bool lnet = false) {
  return Model(std::make_shared<const ModelData>(test::random_model(seed, lnet)));
}

struct Picture {
  int width, height;
  std::vector<std::uint8_t> pixels;
  Picture(int w, int h, unsigned seed) : width(w), height(h), pixels(random_pixels(w, h, 3, seed)) {}
  ImageView view() const {
    return {pixels.data(), width, height, std::ptrdiff_t{3} * width, PixelFormat::kRgb8};
  }
};

Detector detector(const DetectorOptions& options = {}, bool lnet = false) {
  Result<Detector> made = Detector::create(random_model(51, lnet), options);
  REQUIRE_MESSAGE(made.ok(), made.error().message);
  return *made;
}

std::vector<Face> detect(const Detector& d, const ImageView& image) {
  Result<std::vector<Face>> faces = d.detect(image);
  REQUIRE_MESSAGE(faces.ok(), faces.error().message);
  return *faces;
}

TEST_CASE("options out of range are refused by name") {
  const auto refused = [](const char* name, const std::function<void(DetectorOptions&)>& spoil,
                          ErrorCode code = ErrorCode::kInvalidArgument) {
    CAPTURE(name);
    DetectorOptions options;
    spoil(options);
    const Result<Detector> made = Detector::create(random_model(), options);
    REQUIRE(!made.ok());
    CHECK(made.error().code == code);
    CHECK(made.error().message.find(name) != std::string::npos);
  };
  refused("min_face", [](DetectorOptions& o) { o.min_face = 0; });
  refused("min_face", [](DetectorOptions& o) { o.min_face = NAN; });
  refused("max_face", [](DetectorOptions& o) { o.max_face = 10; });
  refused("factor", [](DetectorOptions& o) { o.factor = 1; });
  refused("factor", [](DetectorOptions& o) { o.factor = NAN; });
  refused("threshold", [](DetectorOptions& o) { o.thresholds = {.6f, 1.7f, .7f}; });
  refused("threshold", [](DetectorOptions& o) { o.thresholds = {.6f, NAN, .7f}; });
  refused("nms_level", [](DetectorOptions& o) { o.nms_level = -1; });
  refused("nms_onet", [](DetectorOptions& o) { o.nms_onet = 2; });
  refused("max_candidates", [](DetectorOptions& o) { o.max_candidates[1] = -1; });
  refused("threads", [](DetectorOptions& o) { o.threads = -1; });
  refused("region", [](DetectorOptions& o) { o.region = Box{5, 5, 5, 9}; });
  refused("resize", [](DetectorOptions& o) { o.resize = Size{0, 100}; });
  refused(
      "lnet", [](DetectorOptions& o) { o.lnet = true; }, ErrorCode::kUnsupported);
  refused(
      "instruction_set", [](DetectorOptions& o) { o.instruction_set = "mmx"; }, ErrorCode::kUnsupported);
}

TEST_CASE("options not given are filled in") {
  const Detector d = detector({.threads = 0});
  CHECK(d.options().thresholds == std::array<float, 3>{.6f, .4f, .4f});
  CHECK(d.options().threads >= 1);
  CHECK(d.options().instruction_set == instruction_sets().back());
}

TEST_CASE("images that are none are refused, and small ones have no faces") {
  const Detector d = detector();
  CHECK(!d.detect(ImageView{}).ok());
  const Picture tiny(19, 300, 1);
  CHECK(detect(d, tiny.view()).empty());
  const Picture dot(1, 1, 1);
  CHECK(detect(d, dot.view()).empty());
  ImageView wrong = tiny.view();
  wrong.row_stride = 10;
  const auto result = d.detect(wrong);
  REQUIRE(!result.ok());
  CHECK(result.error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("saved, loaded and parsed, a model finds the same") {
  std::string folder = (std::filesystem::temp_directory_path() / "mtcnn-api-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::string path = folder + "/model.safetensors";
  const Model model = random_model(51, true);
  REQUIRE(model.save(path).ok());
  const Result<Model> loaded = Model::load(path);
  REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
  const Picture picture(120, 90, 2);
  const auto faces = [&](const Model& m) { return *Detector::create(m)->detect(picture.view()); };
  REQUIRE(!faces(model).empty());
  CHECK(faces(*loaded) == faces(model));
  CHECK(loaded->serialize() == model.serialize());
  CHECK(loaded->info().nets.size() == 4);
  CHECK(loaded->info().nets[2].parameters == 389040);
  CHECK(loaded->info().metadata.at("provenance") == "random, for tests");

  const Result<Model> missing = Model::load(folder + "/none");
  REQUIRE(!missing.ok());
  CHECK(missing.error().code == ErrorCode::kIo);
  CHECK(missing.error().message.find(folder + "/none") != std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST_CASE("all instruction sets find the same faces") {
  const Picture picture(200, 150, 3);
  std::vector<Face> first;
  for (const std::string& name : instruction_sets()) {
    CAPTURE(name);
    DetectorOptions options;
    options.instruction_set = name;
    const std::vector<Face> faces = detect(detector(options), picture.view());
    if (name == "scalar") {
      first = faces;
      REQUIRE(!first.empty());
    }
    REQUIRE(faces.size() == first.size());
    for (std::size_t i = 0; i < faces.size(); ++i) {
      CHECK(std::abs(faces[i].score - first[i].score) < 1e-4);
      CHECK(std::abs(faces[i].box.left - first[i].box.left) < .05);
      CHECK(std::abs(faces[i].box.top - first[i].box.top) < .05);
      CHECK(std::abs(faces[i].box.right - first[i].box.right) < .05);
      CHECK(std::abs(faces[i].box.bottom - first[i].box.bottom) < .05);
      for (std::size_t k = 0; k < 5; ++k) {
        CHECK(std::abs(faces[i].landmarks[k].x - first[i].landmarks[k].x) < .05);
        CHECK(std::abs(faces[i].landmarks[k].y - first[i].landmarks[k].y) < .05);
      }
    }
  }
}

TEST_CASE("pixel formats and strides make no difference") {
  const Picture picture(120, 100, 4);
  const Detector d = detector();
  const std::vector<Face> expected = detect(d, picture.view());
  REQUIRE(!expected.empty());
  std::vector<std::uint8_t> bgra;
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) {
    for (const std::uint8_t v :
         {picture.pixels[i + 2], picture.pixels[i + 1], picture.pixels[i], std::uint8_t{3}}) {
      bgra.push_back(v);
    }
  }
  CHECK(detect(d, {bgra.data(), 120, 100, 480, PixelFormat::kBgra8}) == expected);
  std::vector<std::uint8_t> padded(100 * 400 + 7, 0xee);
  std::vector<std::uint8_t> bottom_up(picture.pixels.size());
  for (std::size_t y = 0; y < 100; ++y) {
    std::copy_n(&picture.pixels[y * 360], 360, &padded[y * 400 + 7]);
    std::copy_n(&picture.pixels[y * 360], 360, &bottom_up[(99 - y) * 360]);
  }
  CHECK(detect(d, {padded.data() + 7, 120, 100, 400, PixelFormat::kRgb8}) == expected);
  CHECK(detect(d, {bottom_up.data() + 99 * 360, 120, 100, -360, PixelFormat::kRgb8}) == expected);
  const Picture grey(120, 100, 5);  // only that it runs: three times the height of one channel
  CHECK(d.detect({grey.pixels.data(), 120, 300, 120, PixelFormat::kGray8}).ok());
}

TEST_CASE("a region is searched as if it were cropped") {
  const Picture picture(200, 160, 6);
  DetectorOptions options;
  options.region = Box{40.5f, 30, 150, 129.5f};
  ImageView crop = picture.view();
  crop.data += 30 * 600 + 40 * 3;
  crop.width = 110;
  crop.height = 100;
  std::vector<Face> expected = detect(detector(), crop);
  REQUIRE(!expected.empty());
  const std::vector<Face> faces = detect(detector(options), picture.view());
  REQUIRE(faces.size() == expected.size());
  for (std::size_t i = 0; i < faces.size(); ++i) {
    CHECK(faces[i].score == expected[i].score);
    CHECK(faces[i].box.left == Approx(expected[i].box.left + 40));
    CHECK(faces[i].box.bottom == Approx(expected[i].box.bottom + 30));
    CHECK(faces[i].landmarks[2].x == Approx(expected[i].landmarks[2].x + 40));
  }
  options.region = Box{1000, 1000, 1100, 1100};
  CHECK(detect(detector(options), picture.view()).empty());
  options.region = Box{-100, -100, 1000, 1000};
  CHECK(detect(detector(options), picture.view()) == detect(detector(), picture.view()));
}

TEST_CASE("results on a resized image are in pixels of the image given") {
  const Picture picture(120, 80, 7);
  DetectorOptions options;
  options.resize = Size{120, 80};
  CHECK(detect(detector(options), picture.view()) == detect(detector(), picture.view()));
  // Every pixel four times: shrunk to half, that is the picture again.
  Picture large(240, 160, 0);
  for (std::size_t y = 0; y < 160; ++y) {
    for (std::size_t x = 0; x < 240; ++x) {
      std::copy_n(&picture.pixels[(y / 2 * 120 + x / 2) * 3], 3, &large.pixels[(y * 240 + x) * 3]);
    }
  }
  const std::vector<Face> expected = detect(detector(), picture.view());
  const std::vector<Face> faces = detect(detector(options), large.view());
  REQUIRE(!expected.empty());
  REQUIRE(faces.size() == expected.size());
  for (std::size_t i = 0; i < faces.size(); ++i) {
    CHECK(faces[i].box.right == Approx(2 * expected[i].box.right));
    CHECK(faces[i].landmarks[0].y == Approx(2 * expected[i].landmarks[0].y));
  }
}

TEST_CASE("clip and largest_only") {
  const Picture picture(150, 130, 8);
  const std::vector<Face> all = detect(detector(), picture.view());
  DetectorOptions options;
  options.clip = true;
  const std::vector<Face> cut = detect(detector(options), picture.view());
  REQUIRE(cut.size() == all.size());
  bool any_outside = false;
  for (std::size_t i = 0; i < all.size(); ++i) {
    any_outside = any_outside || all[i].box.left < 0 || all[i].box.bottom > 130;
    CHECK(cut[i].box.left >= 0);
    CHECK(cut[i].box.top >= 0);
    CHECK(cut[i].box.right <= 150);
    CHECK(cut[i].box.bottom <= 130);
    CHECK(cut[i].landmarks == all[i].landmarks);
  }
  CHECK(any_outside);
  const std::vector<Face> one = detect(detector({.largest_only = true}), picture.view());
  REQUIRE(one.size() == 1);
  for (const Face& face : all) {
    CHECK(face.box.width() * face.box.height() <= one[0].box.width() * one[0].box.height());
  }
}

TEST_CASE("detect_at() finds the faces where detect() has them, and says so box by box") {
  DetectorOptions options;
  options.thresholds = {.6f, .4f, .4f};
  const Detector d = detector(options);
  const Picture picture(160, 120, 7);
  const std::vector<Face> faces = detect(d, picture.view());
  REQUIRE(faces.size() >= 2);
  // What R-Net handed to O-Net: seen there again, as O-Net sees it.
  std::vector<Box> boxes;
  for (const Face& face : faces) boxes.push_back(face.box);
  const float nan = NAN;
  boxes.push_back({nan, 0, 10, 10});
  boxes.push_back({10, 10, 10, 20});
  boxes.push_back({0, 0, 3e38f, 3e38f});
  Workspace workspace;
  const auto seen = d.detect_at(picture.view(), boxes, workspace);
  REQUIRE(seen.ok());
  REQUIRE(seen->size() == boxes.size());
  for (std::size_t i = faces.size(); i < boxes.size(); ++i) CHECK(!(*seen)[i]);
  const std::vector<std::optional<Face>> together(seen->begin(), seen->end());
  std::size_t found = 0;
  // One by one, in another order, with more threads: the same.
  DetectorOptions threaded = options;
  threaded.threads = 3;
  const Detector d3 = detector(threaded);
  for (std::size_t i = boxes.size(); i-- > 0;) {
    const auto alone = d3.detect_at(picture.view(), std::span(&boxes[i], 1), workspace);
    REQUIRE(alone.ok());
    REQUIRE(alone->size() == 1);
    CHECK((*alone)[0].has_value() == together[i].has_value());
    if (!together[i]) continue;
    ++found;
    CHECK(std::abs((*alone)[0]->box.left - together[i]->box.left) < 1e-3f);
    CHECK(together[i]->score > .4f);
  }
  CHECK(found > 0);
  CHECK(d.detect_at(picture.view(), {}, workspace)->empty());
  CHECK(!d.detect_at({}, boxes, workspace).ok());
}

TEST_CASE("a tracker's options out of range are refused by name") {
  const auto refused = [](const char* name, const TrackerOptions& options, const DetectorOptions& d = {}) {
    const Result<Tracker> made = Tracker::create(detector(d), options);
    REQUIRE(!made.ok());
    CHECK(made.error().code == ErrorCode::kInvalidArgument);
    CHECK(made.error().message.find(name) != std::string::npos);
  };
  refused("detect_every", {.detect_every = 0});
  refused("min_overlap", {.min_overlap = NAN});
  refused("keep_lost", {.keep_lost = -1});
  refused("smoothing", {.smoothing = 1.5f});
  refused("largest_only", {}, {.largest_only = true});
  Result<Tracker> tracker = Tracker::create(detector());
  REQUIRE(tracker.ok());
  CHECK(!tracker->update({}).ok());
  CHECK(tracker->frames() == 0);
}

TEST_CASE("detect on a warm workspace allocates nothing") {
  const Picture picture(120, 90, 9);
  const Picture smaller(60, 70, 10);
  for (const int threads : {1, 2, 4}) {
    CAPTURE(threads);
    DetectorOptions options{.threads = threads, .lnet = true};
    options.mirror_landmarks = true;
    options.resize = Size{100, 85};
    const Detector d = detector(options, true);
    Workspace workspace;
    REQUIRE(d.detect(picture.view(), workspace).ok());
    REQUIRE(d.detect(smaller.view(), workspace).ok());
    const long before = allocations;
    for (int i = 0; i < 10; ++i) {
      const auto faces = d.detect(picture.view(), workspace);
      const auto more = d.detect(smaller.view(), workspace);
      CHECK(faces.ok());
      CHECK(more.ok());
    }
    CHECK(allocations - before == 0);
    CHECK(workspace.bytes() > 10000);
  }
}

TEST_CASE("memory does not grow from call to call") {
  const Picture picture(90, 80, 14);
  const Detector d = detector();
  REQUIRE(d.detect(picture.view()).ok());
  const long before = allocations;
  REQUIRE(d.detect(picture.view()).ok());
  const long each = allocations - before;  // the list that is returned
  CHECK(each <= 2);
  for (int i = 0; i < 50; ++i) REQUIRE(d.detect(picture.view()).ok());
  CHECK(allocations - before == 51 * each);
}

TEST_CASE("a workspace may go from detector to detector, and be moved") {
  const Picture picture(100, 100, 15);
  const Detector one = detector(), three = detector({.threads = 3});
  const std::vector<Face> expected = detect(one, picture.view());
  Workspace workspace;
  for (const Detector* d : {&one, &three, &one}) {
    const auto faces = d->detect(picture.view(), workspace);
    REQUIRE(faces.ok());
    CHECK(std::equal(faces->begin(), faces->end(), expected.begin(), expected.end()));
  }
  Workspace other = std::move(workspace);
  CHECK(other.bytes() > 0);
  CHECK(workspace.bytes() == 0);  // NOLINT(bugprone-use-after-move): said to be empty, and usable
  CHECK(one.detect(picture.view(), workspace).ok());
}

TEST_CASE("images at the limits of sizes") {
  // Wider than a float can count: the region's edge is rounded up, the image has no such column.
  std::vector<std::uint8_t> wide((1 << 25) - 1);
  const ImageView line{wide.data(), (1 << 25) - 1, 1, (1 << 25) - 1, PixelFormat::kGray8};
  DetectorOptions options;
  options.region = Box{0, 0, 1e9f, 1e9f};
  options.resize = Size{1, 1};
  const auto none = detector(options).detect(line);
  REQUIRE(none.ok());
  CHECK(none->empty());
  const auto refused = detector({.min_face = 4}).detect(line);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::kLimit);
}

TEST_CASE("one detector, many threads") {
  const Detector d = detector({.threads = 2});
  const Picture a(160, 120, 11), b(90, 140, 12);
  const std::vector<Face> faces_a = detect(d, a.view()), faces_b = detect(d, b.view());
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      Workspace workspace;
      for (int round = 0; round < 5; ++round) {
        const auto own = d.detect(a.view(), workspace);
        if (!own.ok() || !std::equal(own->begin(), own->end(), faces_a.begin(), faces_a.end())) ++wrong;
        const auto shared = d.detect(i % 2 ? a.view() : b.view());
        if (!shared.ok() || *shared != (i % 2 ? faces_a : faces_b)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("the trace ends in the faces that detect finds") {
  const Picture picture(140, 140, 13);
  const Detector d = detector();
  const Result<Trace> trace = d.trace(picture.view());
  REQUIRE(trace.ok());
  CHECK(trace->faces == detect(d, picture.view()));
  REQUIRE(!trace->levels.empty());
  CHECK(trace->levels[0].size == Size{84, 84});
  int cells = 0;
  for (const Trace::Level& level : trace->levels) cells += level.candidates;
  CHECK(cells >= static_cast<int>(trace->proposals.size()));
  CHECK(trace->proposals.size() >= trace->pnet.size());
  CHECK(trace->pnet.size() >= trace->rnet.size());
}

TEST_CASE("the version is that of the headers") {
  CHECK(std::string(version()) == std::to_string(MTCNN_VERSION_MAJOR) + "." +
                                      std::to_string(MTCNN_VERSION_MINOR) + "." +
                                      std::to_string(MTCNN_VERSION_PATCH));
}

}  // namespace
}  // namespace mtcnn
