// mtcnn video: a video in, faces with ids out, in lines and in a new video. Reading, tracking and writing each have a thread
// of their own.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <filesystem>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "apps/anonymize.h"
#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/detector_flags.h"
#include "apps/draw.h"
#include "apps/face_lines.h"
#include "apps/inputs.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "apps/text.h"
#include "mtcnn/tracker.h"
#include "video/video_io.h"

namespace mtcnn {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kFooter =
    "INPUT is a video file, an image sequence ('frames/%04d.png', 'frames/*.jpg'), a camera\n"
    "(/dev/video0) or an address (rtsp://..., http://...).\n"
    "\n"
    "A line of JSON for each frame: {\"frame\": from 0, \"time\": seconds, \"width\", \"height\", \"faces\":\n"
    "[{\"id\", \"box\": [left, top, right, bottom], \"score\", \"landmarks\": [[x, y] five times],\n"
    "\"detected\"}]}, in pixels of the frame as it is shown. A face keeps its id as long as it is followed;\n"
    "\"detected\" is false where only the place was searched at which it should be. If reading breaks off,\n"
    "a last line has {\"path\", \"error\"}.\n"
    "\n"
    "The new video has the frame rate, the rotation and the sound of the old one. With --anonymize every\n"
    "frame is searched; a face that is lost stays covered for a third of a second and five frames at\n"
    "least, where it was and where it would be, and one that is found is covered five frames before, too;\n"
    "titles, dates and places are left out.\n"
    "\n"
    "Examples:\n"
    "  mtcnn video clip.mp4 -o marked.mp4\n"
    "  mtcnn video clip.mp4 -o anonymous.mp4 --anonymize blur\n"
    "  mtcnn video clip.mp4 --json faces.jsonl\n"
    "  mtcnn video rtsp://camera/stream --json - --latency .5\n"
    "\n"
    "Ctrl-C ends it early; what is written until then can be played and read.\n"
    "Exit status: 0 all fine; 1 the video is damaged or broke off, or could not be written, what came\n"
    "before is there; 2 wrong usage, no model, or no video: nothing was done.";

constexpr std::size_t kQueue = 6;  // frames between two threads

std::atomic<bool> stop_asked = false;

void on_signal(int) {
  // A second time, it ends at once.
  if (stop_asked.exchange(true)) std::_Exit(kExitFailed);
}

struct Flags {
  DetectorFlags detector;
  TrackerOptions tracker;
  VideoOptions video{.latency = .5};
  std::string input, out, json;
  std::optional<Cover> cover;
  std::optional<int> detect_every;
  double margin = .15;
  double quality = 20;
  std::int64_t frames = 0;
  bool no_sound = false;
  bool no_progress = false;
};

void add_flags(CLI::App& app, Flags& flags) {
  add_text(app, "INPUT", flags.input, "video file, image sequence, camera or address")
      ->type_name("")
      ->required();

  const char* const output = "Output";
  add_text(app, "-o,--output", flags.out, "write a video with the faces marked, or made unrecognisable")
      ->type_name("FILE")
      ->group(output);
  add_text(app, "--json", flags.json, "write a line of JSON for each frame; -: to standard output")
      ->type_name("FILE")
      ->group(output);
  add_parsed(
      app, "--anonymize",
      [](const std::string& text) -> std::optional<Cover> {
        if (text == "blur") return Cover::kBlur;
        if (text == "pixelate") return Cover::kPixelate;
        if (text == "black") return Cover::kBlack;
        return std::nullopt;
      },
      [&flags](Cover cover) { flags.cover = cover; }, "blur, pixelate or black",
      "make the faces unrecognisable: blur, pixelate or black")
      ->type_name("HOW")
      ->group(output);
  app.add_option("--margin", flags.margin, "of --anonymize: share of the face's size to add on each side")
      ->type_name("SHARE")
      ->capture_default_str()
      ->check(in_range(0., 2.))
      ->group(output);
  app.add_option("--quality", flags.quality, "of the new video: 0 (best, largest) to 51")
      ->type_name("CRF")
      ->capture_default_str()
      ->check(in_range(0., 51.))
      ->group(output);
  app.add_flag("--no-sound", flags.no_sound, "leave out sound and subtitles")->group(output);
  app.add_flag("--no-progress", flags.no_progress, "no progress bar on the terminal")->group(output);

  const char* const reading = "Reading";
  app.add_option("--frames", flags.frames, "stop after so many; 0: at the end")
      ->type_name("N")
      ->check(whole_number(0, std::numeric_limits<std::int64_t>::max()))
      ->group(reading);
  app.add_option("--fps", flags.video.frame_rate,
                 "frames a second of an image sequence (0: 25), or asked of a camera")
      ->type_name("RATE")
      ->check(in_range(0., 1000.))
      ->group(reading);
  app.add_option("--timeout", flags.video.timeout,
                 "seconds without data after which a source counts as dead; also to open it")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(in_range(.1, 1e6))
      ->group(reading);
  app.add_option("--latency", flags.video.latency,
                 "of a camera or broadcast: frames that are later than this are dropped")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(in_range(.01, 1e6))
      ->group(reading);

  const char* const tracking = "Tracking";
  app.add_option(
         "--detect-every", flags.detect_every,
         "frames from one full search to the next (default: 10; with --anonymize 1, every frame, since a "
         "new face is seen only then)")
      ->type_name("N")
      ->group(tracking);
  app.add_option("--keep-lost", flags.tracker.keep_lost,
                 "frames for which a face that is not seen keeps its id")
      ->type_name("N")
      ->capture_default_str()
      ->group(tracking);
  app.add_option("--smoothing", flags.tracker.smoothing, "how much boxes and points are calmed, 0 to 1")
      ->type_name("SHARE")
      ->capture_default_str()
      ->group(tracking);
  add_detector_flags(app, flags.detector);
}

// From one thread to the next.
template <typename T>
class Queue {
 public:
  explicit Queue(std::size_t room) : room_(room) {}

  // Waits for room; false if nobody takes any more.
  bool put(T item) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return items_.size() < room_ || closed_; });
    if (closed_) return false;
    items_.push_back(std::move(item));
    changed_.notify_all();
    return true;
  }

  // Waits for nothing: where there is no room the oldest item makes place; drop(old, next) sees it and the one behind it.
  // False if nobody takes any more.
  template <typename Drop>
  bool put_newest(T item, Drop&& drop) {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    items_.push_back(std::move(item));
    if (items_.size() > room_) drop_first(drop);
    changed_.notify_all();
    return true;
  }

  // Empty at the end.
  std::optional<T> take() {
    return take([](const T&) { return false; }, [](T&, T&) {});
  }

  // The same, but those for which late(item) holds are dropped, as above, while there is another.
  template <typename Late, typename Drop>
  std::optional<T> take(Late&& late, Drop&& drop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !items_.empty() || ended_ || closed_; });
    if (items_.empty() || closed_) return std::nullopt;
    while (items_.size() > 1 && late(items_.front())) drop_first(drop);
    T item = std::move(items_.front());
    items_.pop_front();
    changed_.notify_all();
    return item;
  }

  // No more will be put; what is there is still taken.
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  // No more will be taken.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    items_.clear();
    changed_.notify_all();
  }

 private:
  template <typename Drop>
  void drop_first(Drop& drop) {
    drop(items_[0], items_[1]);
    items_.pop_front();
  }

  const std::size_t room_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> items_;
  bool ended_ = false, closed_ = false;
};

struct TrackedFrame {
  VideoFrame frame;
  std::vector<TrackedFace> faces;
  std::vector<LostFace> lost;
};

bool has_picture(const VideoFrame& frame) { return !frame.image.rgb.empty(); }

std::string frame_line(const TrackedFrame& tracked) {
  Json json;
  json["frame"] = tracked.frame.number;
  json["time"] = static_cast<float>(tracked.frame.seconds);
  json["width"] = tracked.frame.image.width;
  json["height"] = tracked.frame.image.height;
  json["faces"] = Json::array();
  for (const TrackedFace& tracked_face : tracked.faces) {
    Json item;
    item["id"] = tracked_face.id;
    item.update(face_json(tracked_face.face));
    item["detected"] = tracked_face.detected;
    json["faces"].push_back(std::move(item));
  }
  return json.dump() + '\n';
}

class Run {
 public:
  Run(const Flags& flags, VideoReader& reader, Tracker& tracker, VideoWriter* writer, Output* lines)
      : flags_(flags),
        reader_(reader),
        tracker_(tracker),
        writer_(writer),
        lines_(lines),
        frames_(kQueue),
        // What waits behind the tracker is late as well, and can't be dropped any more.
        tracked_(reader.info().live ? 1 : kQueue) {}

  int all() {
    std::thread read([&] {
      guarded([&] { read_frames(); });
      frames_.end();
    });
    std::thread track([&] {
      guarded([&] { track_frames(); });
      tracked_.end();
    });
    guarded([&] { write_frames(); });
    frames_.close();
    tracked_.close();
    read.join();
    track.join();
    return finish();
  }

 private:
  // Whatever happens in one thread ends the others, too.
  template <typename Body>
  void guarded(Body&& body) {
    try {
      body();
    } catch (const std::bad_alloc&) {
      fail(flags_.input + ": not enough memory");
    } catch (const std::exception& error) {
      fail(flags_.input + ": " + error.what());
    }
  }

  void fail(const std::string& message) {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) failure_ = message;
    frames_.close();
    tracked_.close();
  }

  // Called by one thread at a time, whoever holds the queue.
  auto dropper() {
    return [this](VideoFrame& old, VideoFrame& next) {
      dropped_ += has_picture(old);
      // Its sound is not dropped.
      next.also.insert(next.also.begin(), std::make_move_iterator(old.also.begin()),
                       std::make_move_iterator(old.also.end()));
    };
  }

  void read_frames() {
    const bool live = reader_.info().live;
    for (std::int64_t count = 0; flags_.frames == 0 || count < flags_.frames;) {
      Result<std::optional<VideoFrame>> frame = reader_.next();
      if (!frame) {
        // What was read before it is still worked on.
        const std::lock_guard lock(mutex_);
        broken_ = frame.error().message;
        return;
      }
      if (!*frame) {
        ended_ = true;
        return;
      }
      count += has_picture(**frame);
      const bool taken =
          live ? frames_.put_newest(std::move(**frame), dropper()) : frames_.put(std::move(**frame));
      if (!taken) return;
    }
  }

  void track_frames() {
    const bool live = reader_.info().live;
    const auto late = [&](const VideoFrame& frame) {
      return live && std::chrono::duration<double>(Clock::now() - frame.due).count() > flags_.video.latency;
    };
    while (std::optional<VideoFrame> frame = frames_.take(late, dropper())) {
      TrackedFrame tracked{std::move(*frame), {}, {}};
      if (has_picture(tracked.frame)) {
        const auto faces = tracker_.update(tracked.frame.image.view());
        if (!faces)
          return fail(flags_.input + ": frame " + std::to_string(tracked.frame.number) + ": " +
                      faces.error().message);
        tracked.faces.assign(faces->begin(), faces->end());
        tracked.lost.assign(tracker_.lost().begin(), tracker_.lost().end());
      }
      if (!tracked_.put(std::move(tracked))) return;
    }
  }

  void write_frames() {
    const VideoInfo& info = reader_.info();
    std::optional<std::int64_t> total;
    if (!info.live && info.frames > 0) total = info.frames;
    if (flags_.frames > 0) total = total ? std::min(*total, flags_.frames) : flags_.frames;
    Progress progress(total, "frames", !flags_.no_progress);
    const bool shares_terminal = lines_ && lines_->is_terminal();
    while (std::optional<TrackedFrame> tracked = tracked_.take()) {
      if (!has_picture(tracked->frame)) {
        if (writer_ && !write_sound(tracked->frame.also)) return;
        continue;
      }
      if (lines_) {
        if (shares_terminal) progress.hide();
        const Output::Written written = lines_->write(frame_line(*tracked));
        if (written == Output::Written::kFailed) {
          lines_failed_ = true;
          break;
        }
        // The video is still wanted, if one is.
        if (written == Output::Written::kReaderGone) {
          lines_ = nullptr;
          reader_gone_ = true;
          if (!writer_) break;
        }
      }
      ++written_;
      progress.step();
      if (!writer_) continue;
      if (flags_.cover) {
        covers_.add(tracked->frame.seconds, tracked->faces, tracked->lost);
        uncovered_.push_back(std::move(tracked->frame));
        if (!write_covered(Covers::kBehind)) return;
        continue;
      }
      if (Status status = mark(*tracked); !status) {
        return fail(flags_.input + ": frame " + std::to_string(tracked->frame.number) + ": " +
                    status.error().message);
      }
      if (Status status = writer_->write(tracked->frame); !status) return fail(status.error().message);
    }
    if (writer_) write_covered(0);
  }

  // Sound by itself, behind that of the frames that still wait to be covered: its times must rise. False if that failed.
  bool write_sound(const std::vector<Packet>& sound) {
    const auto write = [&](const std::vector<Packet>& also) {
      const Status status = writer_->write(also);
      if (!status) fail(status.error().message);
      return status.ok();
    };
    for (VideoFrame& frame : uncovered_) {
      if (!write(frame.also)) return false;
      frame.also.clear();
    }
    return write(sound);
  }

  // All but the newest `most` of the frames that wait to be covered. False if that failed.
  bool write_covered(std::size_t most) {
    while (covers_.waiting() > most) {
      VideoFrame& frame = uncovered_.front();
      for (const Box& place : covers_.take())
        anonymize(frame.image, place, static_cast<float>(flags_.margin), *flags_.cover);
      if (Status status = writer_->write(frame); !status) {
        fail(status.error().message);
        return false;
      }
      uncovered_.pop_front();
    }
    return true;
  }

  Status mark(TrackedFrame& tracked) {
    if (tracked.faces.empty()) return std::monostate{};
    std::vector<Face> faces;
    std::vector<std::string> labels;
    for (const TrackedFace& face : tracked.faces) {
      faces.push_back(face.face);
      labels.push_back(std::to_string(face.id));
    }
    Result<Image> picture = draw_faces(tracked.frame.image, faces, labels);
    if (!picture) return picture.error();
    tracked.frame.image = std::move(*picture);
    return std::monostate{};
  }

  // Says what went wrong. Returns the exit status.
  int finish() {
    int status = lines_failed_ ? kExitFailed : kExitOk;
    const auto say = [&](const std::string& message) {
      std::fprintf(stderr, "mtcnn: %s\n", printable(message).c_str());
      status = kExitFailed;
    };
    if (writer_) {
      // Sound that goes on after the last frame.
      if (failure_.empty() && ended_) {
        if (Status rest = writer_->write(reader_.rest()); !rest) failure_ = rest.error().message;
      }
      if (Status done = writer_->finish(); !done && failure_.empty()) failure_ = done.error().message;
    }
    if (!failure_.empty()) say(failure_);
    if (broken_.empty() && failure_.empty()) {
      const VideoInfo& info = reader_.info();
      const double missing = info.seconds - reader_.seconds_read();
      if (ended_ && !stop_asked && !info.live && missing > std::max(.5, .02 * info.seconds)) {
        broken_ = flags_.input + ": ends after " + format_fixed(reader_.seconds_read(), 1) + " of " +
                  format_fixed(info.seconds, 1) + " seconds";
      }
    }
    if (!broken_.empty()) {
      say(broken_ + "; " + format_count(written_) + (written_ == 1 ? " frame is" : " frames are") + " done");
      if (lines_) {
        Json json;
        json["path"] = flags_.input;
        json["error"] = without_name(broken_, flags_.input);
        lines_->write(json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n');
      }
    }
    if (reader_.damaged() > 0)
      say(flags_.input + ": damaged in " + format_count(reader_.damaged()) + " places");
    if (const std::int64_t dropped = dropped_ + reader_.dropped(); dropped > 0)
      std::fprintf(stderr, "mtcnn: %s frames came faster than they could be looked at, and were dropped\n",
                   format_count(dropped).c_str());
    if (status == kExitOk && written_ == 0 && !stop_asked && !reader_gone_)
      say(flags_.input + ": holds no frame that can be read");
    return status;
  }

  const Flags& flags_;
  VideoReader& reader_;
  Tracker& tracker_;
  VideoWriter* writer_;
  Output* lines_;
  Queue<VideoFrame> frames_;
  Queue<TrackedFrame> tracked_;
  Covers covers_;
  std::deque<VideoFrame> uncovered_;  // as many as wait in covers_
  std::mutex mutex_;                  // the two messages
  std::string failure_, broken_;
  // Each written by one thread at a time, read once all are done.
  std::int64_t written_ = 0, dropped_ = 0;
  bool ended_ = false;
  bool lines_failed_ = false, reader_gone_ = false;
};

}  // namespace

int run_video(int argc, const char* const* argv) {
  Flags flags;
  CLI::App app("Finds the faces in a video and follows them.", "mtcnn video");
  app.footer(kFooter);
  add_flags(app, flags);
  if (const auto status = parse_command_line(app, argc, argv)) return *status;
  const auto usage = [](const std::string& message) { return usage_error("video", message); };
  if (flags.out.empty() && flags.json.empty())
    return usage("nothing to write: name a video (-o FILE) or lines (--json FILE)");
  if (flags.cover && flags.out.empty()) return usage("--anonymize goes with -o FILE");
  if (flags.input.rfind("file:", 0) == 0)
    return usage(flags.input + ": name a file by its path, without 'file:'");
  if (!flags.out.empty() &&
      std::filesystem::weakly_canonical(flags.out) == std::filesystem::weakly_canonical(flags.json))
    return usage(flags.out + ": can't be both the video and the lines");
  for (const std::string& file : {flags.out, flags.json}) {
    if (file.empty() || file == "-") continue;
    if (same_file(file, flags.input)) return usage(file + ": is also the input");
    if (!flags.detector.model.empty() && same_file(file, flags.detector.model))
      return usage(file + ": is the model file");
  }
  const auto model = load_model(flags.detector.model);
  if (!model) return usage(model.error().message);
  DetectorOptions options = flags.detector.options;
  options.threads = thread_count(options.threads);
  const auto detector = create_detector(*model, options);
  if (!detector) return usage(detector.error().message);
  if (flags.cover) flags.tracker.detect_every = 1;
  if (flags.detect_every) flags.tracker.detect_every = *flags.detect_every;
  auto tracker = Tracker::create(*detector, flags.tracker);
  if (!tracker) return usage(tracker.error().message);

  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;  // a write to a slow pipe is not torn
  for (const int number : {SIGINT, SIGTERM}) sigaction(number, &action, nullptr);
  flags.video.stop = &stop_asked;
  flags.video.max_pixels = flags.detector.limits.max_pixels;
  const auto reader = VideoReader::open(flags.input, flags.video);
  if (!reader) return usage(reader.error().message);
  Output lines;
  if (!flags.json.empty()) {
    // Emptied once nothing else can go wrong.
    if (const Status opened = lines.open(flags.json == "-" ? "" : flags.json, true); !opened)
      return usage(opened.error().message);
  }
  std::unique_ptr<VideoWriter> writer;
  if (!flags.out.empty()) {
    (*reader)->keep_other_streams(!flags.no_sound);
    auto created = VideoWriter::create(flags.out, **reader, flags.quality, !flags.cover);
    if (!created) return usage(created.error().message);
    writer = std::move(*created);
    if (!writer->left_out().empty()) {
      std::fprintf(stderr, "mtcnn: %s: this kind of file can't hold the %s, which is left out\n",
                   printable(flags.out).c_str(), printable(writer->left_out()).c_str());
    }
  }
  std::error_code error;
  if (!flags.json.empty() && flags.json != "-" && std::filesystem::is_regular_file(flags.json, error))
    std::filesystem::resize_file(flags.json, 0, error);
  return Run(flags, **reader, *tracker, writer.get(), flags.json.empty() ? nullptr : &lines).all();
}

}  // namespace mtcnn
