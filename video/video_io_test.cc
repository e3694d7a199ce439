// Videos that the test writes, read back.
#include "video/video_io.h"

#include <doctest/doctest.h>

extern "C" {
#include <libavutil/display.h>
}

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "video/ffmpeg.h"
#include "video/live_clock.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "mtcnn-video-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
  std::string path;
};

// Four fields of one colour each, the first of which tells the frame.
Image picture(int width, int height, int frame) {
  const std::uint8_t colours[4][3] = {
      {static_cast<std::uint8_t>(40 + 10 * frame), 60, 200}, {220, 40, 40}, {30, 160, 60}, {230, 220, 90}};
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto* const c = colours[(2 * y >= height) * 2 + (2 * x >= width)];
      image.rgb.insert(image.rgb.end(), c, c + 3);
    }
  }
  return image;
}

// The middle of each field, all channels.
double farthest(const Image& a, const Image& b) {
  double most = 0;
  for (int v : {1, 3}) {
    for (int u : {1, 3}) {
      for (std::size_t c = 0; c < 3; ++c) {
        const auto at = [&](const Image& image) {
          return static_cast<double>(
              image.rgb[static_cast<std::size_t>(3 *
                                                 (image.height * v / 4 * image.width + image.width * u / 4)) +
                        c]);
        };
        most = std::max(most, std::abs(at(a) - at(b)));
      }
    }
  }
  return most;
}

void write_sequence(const Folder& folder, int frames, int width, int height) {
  for (int i = 0; i < frames; ++i) {
    char name[20];
    std::snprintf(name, sizeof name, "f%03d.png", i);
    REQUIRE(save_image(folder / name, picture(width, height, i).view()));
  }
}

std::unique_ptr<VideoReader> opened(const std::string& input, const VideoOptions& options = {}) {
  Result<std::unique_ptr<VideoReader>> reader = VideoReader::open(input, options);
  REQUIRE_MESSAGE(reader.ok(), reader.error().message);
  return std::move(*reader);
}

std::vector<VideoFrame> all_frames(VideoReader& reader) {
  std::vector<VideoFrame> frames;
  while (true) {
    Result<std::optional<VideoFrame>> frame = reader.next();
    REQUIRE_MESSAGE(frame.ok(), frame.error().message);
    if (!*frame) return frames;
    frames.push_back(std::move(**frame));
  }
}

std::string error_of(const std::string& input, const VideoOptions& options = {}) {
  const auto reader = VideoReader::open(input, options);
  REQUIRE_FALSE(reader.ok());
  return reader.error().message;
}

TEST_CASE("an image sequence, by number and by pattern") {
  const Folder folder;
  write_sequence(folder, 12, 64, 48);
  for (const char* pattern : {"f%03d.png", "*.png"}) {
    CAPTURE(pattern);
    const auto reader = opened(folder / pattern, {.frame_rate = 10});
    CHECK(reader->info().size.width == 64);
    CHECK(reader->info().size.height == 48);
    CHECK(reader->info().frame_rate == doctest::Approx(10));
    CHECK_FALSE(reader->info().live);
    const std::vector<VideoFrame> frames = all_frames(*reader);
    REQUIRE(frames.size() == 12);
    for (int i = 0; i < 12; ++i) {
      const VideoFrame& frame = frames[static_cast<std::size_t>(i)];
      CHECK(frame.number == i);
      CHECK(frame.seconds == doctest::Approx(i / 10.));
      CHECK(frame.image.rgb == picture(64, 48, i).rgb);
    }
    CHECK(reader->damaged() == 0);
  }
}

TEST_CASE("what is written is read back: times, size, colours, odd sides") {
  const Folder folder;
  for (const int odd : {0, 1}) {
    for (const char* name : {"a.mp4", "b.mkv", "c.mov", "d.avi"}) {
      CAPTURE(name);
      CAPTURE(odd);
      write_sequence(folder, 12, 96 + odd, 80 + odd);
      const auto source = opened(folder / "f%03d.png", {.frame_rate = 12.5});
      const std::string file = folder / name;
      {
        auto writer = VideoWriter::create(file, *source, 10);
        REQUIRE_MESSAGE(writer.ok(), writer.error().message);
        for (const VideoFrame& frame : all_frames(*source)) REQUIRE((*writer)->write(frame));
        REQUIRE((*writer)->finish());
      }
      const auto reader = opened(file);
      CHECK(reader->info().frame_rate == doctest::Approx(12.5));
      CHECK(reader->info().seconds == doctest::Approx(12 / 12.5).epsilon(.1));
      CHECK(reader->info().size.width == 96 + 2 * odd);
      CHECK(reader->info().size.height == 80 + 2 * odd);
      const std::vector<VideoFrame> frames = all_frames(*reader);
      REQUIRE(frames.size() == 12);
      for (int i = 0; i < 12; ++i) {
        const VideoFrame& frame = frames[static_cast<std::size_t>(i)];
        CHECK(frame.seconds == doctest::Approx(i / 12.5).epsilon(.02));
        CHECK(farthest(frame.image, picture(96 + 2 * odd, 80 + 2 * odd, i)) <= 8);
      }
    }
  }
}

TEST_CASE("a writer that is let go of still leaves a file that can be played") {
  const Folder folder;
  write_sequence(folder, 6, 64, 48);
  const auto source = opened(folder / "f%03d.png");
  {
    auto writer = VideoWriter::create(folder / "a.mp4", *source);
    REQUIRE(writer.ok());
    for (const VideoFrame& frame : all_frames(*source)) REQUIRE((*writer)->write(frame));
  }
  CHECK(all_frames(*opened(folder / "a.mp4")).size() == 6);
}

TEST_CASE("a display matrix is the EXIF orientation of the same turn") {
  // As FFmpeg makes them: turned with the clock, then mirrored.
  const auto orientation = [](double turn, bool across, bool down) {
    DisplayMatrix matrix;
    av_display_rotation_set(matrix.data(), turn);
    av_display_matrix_flip(matrix.data(), across, down);
    return orientation_of(matrix);
  };
  CHECK(orientation(0, false, false) == 1);
  CHECK(orientation(0, true, false) == 2);
  CHECK(orientation(180, false, false) == 3);
  CHECK(orientation(0, false, true) == 4);
  CHECK(orientation(90, true, false) == 5);
  CHECK(orientation(90, false, false) == 6);
  CHECK(orientation(-90, true, false) == 7);
  CHECK(orientation(-90, false, false) == 8);
  CHECK(orientation(85, false, false) == 6);
}

TEST_CASE("inputs that are no videos are refused, by name") {
  const Folder folder;
  CHECK(error_of(folder / "missing.mp4").find("missing.mp4: there is no such file") != std::string::npos);
  std::ofstream(folder / "text.mp4") << "no video at all\n";
  CHECK(error_of(folder / "text.mp4").find("text.mp4") != std::string::npos);
  std::ofstream(folder / "empty.mp4").flush();
  CHECK(error_of(folder / "empty.mp4").find("empty.mp4") != std::string::npos);
  CHECK(error_of(folder / "*.png").find("*.png") != std::string::npos);
  CHECK(error_of(folder.path).find(folder.path) != std::string::npos);
  write_sequence(folder, 3, 64, 48);
  CHECK(error_of(folder / "f%03d.png", {.max_pixels = 64 * 48 - 1}).find("more than the limit") !=
        std::string::npos);
  CHECK(error_of(folder / "f%03d.png", {.timeout = 0}).find("timeout") != std::string::npos);
  CHECK(error_of(folder / "f%03d.png", {.frame_rate = -1}).find("frame rate") != std::string::npos);
}

TEST_CASE("a file that ends early gives the frames that are there") {
  const Folder folder;
  write_sequence(folder, 40, 320, 240);
  const std::string file = folder / "a.mkv";
  {
    const auto source = opened(folder / "f%03d.png");
    auto writer = VideoWriter::create(file, *source, 0);
    REQUIRE(writer.ok());
    for (const VideoFrame& frame : all_frames(*source)) REQUIRE((*writer)->write(frame));
    REQUIRE((*writer)->finish());
  }
  fs::resize_file(file, fs::file_size(file) * 3 / 4);
  const auto reader = opened(file);
  std::size_t count = 0;
  while (true) {
    const Result<std::optional<VideoFrame>> frame = reader->next();
    if (!frame || !*frame) break;
    ++count;
  }
  CHECK(count > 0);
  CHECK(count < 40);
}

TEST_CASE("a reader that is told to stop ends") {
  const Folder folder;
  write_sequence(folder, 5, 64, 48);
  std::atomic<bool> stop = false;
  const auto reader = opened(folder / "f%03d.png", {.stop = &stop});
  const auto one = reader->next();
  REQUIRE(one.ok());
  CHECK(one->has_value());
  stop = true;
  const auto none = reader->next();
  REQUIRE(none.ok());
  CHECK_FALSE(none->has_value());
}

TEST_CASE("a reader of a live source knows how late it is") {
  constexpr double kFrame = .04;
  struct Source {
    LiveClock clock;
    double now = 1000, stream = 5;
    double most = 0;  // of frames()
    // Frames that are read `apart` seconds after one another, having waited for that share of it.
    double frames(int count, double apart, double waited) {
      double late = 0;
      for (int i = 0; i < count; ++i) {
        now += apart;
        stream += kFrame;
        late = clock.read(now, stream, waited * apart);
        most = std::max(most, late);
      }
      return late;
    }
    // A relay that sends ten frames at once: each comes when the last of them is there.
    double bursts(int count, double apart) {
      double late = 0;
      for (int i = 0; i < count; ++i) {
        frames(1, 10 * apart - 9 * .0005, .99);
        late = frames(9, .0005, 0);
      }
      return late;
    }
  };
  Source live;
  CHECK(live.frames(50, kFrame, .9) == doctest::Approx(0));
  // Slow work: a second behind. Then quick work catches up.
  CHECK(live.frames(25, 2 * kFrame, 0) == doctest::Approx(1));
  CHECK(live.frames(25, kFrame / 2, 0) == doctest::Approx(.5));
  CHECK(live.frames(25, kFrame / 2, 0) == doctest::Approx(0));
  CHECK(live.frames(10, kFrame, .9) == doctest::Approx(0));
  // The process stands still for a second, and finds what has gathered meanwhile.
  CHECK(live.frames(1, 1 + kFrame, 1) == doctest::Approx(1));
  CHECK(live.frames(5, .001, 0) == doctest::Approx(1 - 5 * (kFrame - .001)));
  CHECK(live.frames(20, .001, 0) == doctest::Approx(1 - 25 * (kFrame - .001)));
  CHECK(live.frames(10, kFrame, .9) == doctest::Approx(0));
  // The source pauses for a minute: what comes then comes when it can.
  live.frames(1, 60, 1);
  CHECK(live.frames(3, kFrame, .9) == doctest::Approx(0));
  // A source whose clock is slower than ours, for hours.
  CHECK(live.frames(100000, kFrame * 1.001, .9) == doctest::Approx(0));
  // It begins anew; or leaps ahead.
  live.stream = 0;
  CHECK(live.frames(1, kFrame, 0) == doctest::Approx(0));
  live.stream += 1000;
  CHECK(live.frames(5, kFrame, .9) == doctest::Approx(0));

  // Five frames a second, or one, whose times are made up as if they were 25 (FFmpeg's of a camera by HTTP).
  for (const double apart : {.2, 1.}) {
    Source camera;
    camera.frames(10, apart, .99);
    camera.most = 0;
    CHECK(camera.frames(60, apart, .99) == doctest::Approx(0));
    CHECK(camera.most == doctest::Approx(0));
    // Work that takes longer now and then.
    for (int i = 0; i < 10; ++i) {
      camera.frames(1, apart, 0);
      camera.frames(9, apart, .99);
    }
    CHECK(camera.frames(10, apart, .99) == doctest::Approx(0));
  }
  // About where a wait is long for a frame's time.
  Source uneven;
  for (int i = 0; i < 100; ++i) {
    uneven.frames(1, .15, .99);
    uneven.frames(1, .13, .99);
  }
  CHECK(uneven.most < .3);

  // Many frames at once, from a clock that is a little slower than ours, for two hours: the first of them wait for the last.
  Source relay;
  relay.bursts(18000, kFrame * 1.0001);
  CHECK(relay.most < .42);
  // What is late is so all the same.
  relay.frames(1, 3, 1);
  CHECK(relay.frames(1, .001, 0) > 2.5);
  CHECK(relay.frames(20, .001, 0) > 1.5);
  // One whose reader never waits is late for ever.
  Source slow;
  slow.frames(50, kFrame, .9);
  CHECK(slow.frames(10000, 2 * kFrame, 0) == doctest::Approx(400));
}

TEST_CASE("what can't be written is said at once") {
  const Folder folder;
  write_sequence(folder, 3, 64, 48);
  const auto source = opened(folder / "f%03d.png");
  const auto problem = [&](const std::string& name, double quality = 20) {
    const auto writer = VideoWriter::create(folder / name, *source, quality);
    REQUIRE_FALSE(writer.ok());
    return writer.error().message;
  };
  CHECK(problem("a.txt").find("a.txt") != std::string::npos);
  CHECK(problem("a").find("its ending") != std::string::npos);
  CHECK(problem("a.png").find("a.png") != std::string::npos);
  CHECK(problem("no/folder/a.mp4").find("no/folder/a.mp4") != std::string::npos);
  CHECK(problem("a.mp4", 52).find("quality") != std::string::npos);
}

}  // namespace
}  // namespace mtcnn
