// mtcnn detect: image files in, faces out.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/detector_flags.h"
#include "apps/draw.h"
#include "apps/face_lines.h"
#include "apps/inputs.h"
#include "apps/ordered_map.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "apps/resume.h"
#include "apps/text.h"
#include "codecs/image_io.h"
#include "mtcnn/align.h"
#include "mtcnn/detector.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFooter =
    "PATH is a file, a folder (searched to any depth), a pattern in quotes like 'photos/*.jpg', or "
    "-\n"
    "for a list of paths on standard input. JPEG, PNG, WebP, BMP, PNM and GIF are read.\n"
    "\n"
    "Boxes (left, top, right, bottom) and points (left eye, right eye, nose, left and right corner "
    "of\n"
    "the mouth, as the viewer sees them) are in pixels of the image turned upright as its EXIF "
    "data\n"
    "say, counted from its top left corner; right and bottom are the edges just behind the last "
    "pixel.\n"
    "\n"
    "Files in DIR have the input's name, with the folders below a folder that was named; a name "
    "that\n"
    "is taken gets -2, -3 ...: --draw writes NAME.jpg (or .png ...), with --trace also\n"
    "NAME.1-pnet-proposals.png to NAME.4-onet.png; --crops writes NAME_face1.png, NAME_face2.png "
    "...\n"
    "in the order of the faces. DIR itself is not searched for inputs.\n"
    "\n"
    "--resume keeps what FILE has of finished inputs, goes on with the others at its end, and "
    "tries\n"
    "again those that failed. What FILE has was found with the options of its run: give the same ones.\n"
    "\n"
    "Examples:\n"
    "  mtcnn detect photo.jpg\n"
    "  mtcnn detect photos/ --min-face 40 --draw annotated/\n"
    "  mtcnn detect photos/ --json -o faces.jsonl --resume\n"
    "  find . -name '*.jpg' | mtcnn detect - --csv > faces.csv\n"
    "\n"
    "Exit status: 0 all fine; 1 some inputs failed, each named on stderr, the others are done;\n"
    "2 wrong usage, no model or no inputs: nothing was done.";

enum class Format { kTable, kJson, kCsv };

struct Flags {
  DetectorFlags detector;
  std::vector<std::string> paths;
  bool null_separated = false;
  bool json = false;
  bool csv = false;
  bool resume = false;
  bool trace = false;
  bool no_progress = false;
  std::string out;
  std::string draw;
  std::string crops;
  AlignOptions align;

  Format format() const {
    if (json) return Format::kJson;
    if (csv) return Format::kCsv;
    if (out.ends_with(".jsonl") || out.ends_with(".json")) return Format::kJson;
    return out.ends_with(".csv") ? Format::kCsv : Format::kTable;
  }
  bool writes_pictures() const { return !draw.empty() || !crops.empty(); }
  InputOptions inputs() const {
    InputOptions options{paths, null_separated, {}, &std::cin};
    for (const std::string& folder : {draw, crops}) {
      if (!folder.empty()) options.excluded.push_back(folder);
    }
    return options;
  }
};

void add_flags(CLI::App& app, Flags& flags) {
  add_paths(app, "PATH", flags.paths, "images, folders, patterns, or - for a list on standard input")
      ->type_name("")
      ->required();
  app.add_flag("-0,--null", flags.null_separated, "in that list, a NUL byte ends a path, not a line break");

  const char* const output = "Output";
  CLI::Option* const json = app.add_flag("--json", flags.json, "one line of JSON for each image");
  json->group(output);
  app.add_flag("--csv", flags.csv, "one line of CSV for each face")->excludes(json)->group(output);
  add_text(app, "-o,--output", flags.out, "write there (.jsonl and .csv imply the format)")
      ->type_name("FILE")
      ->group(output);
  app.add_flag("--resume", flags.resume,
               "with --json -o FILE: go on with the interrupted run that wrote FILE")
      ->group(output);
  add_text(app, "--draw", flags.draw, "write pictures with the faces marked")
      ->type_name("DIR")
      ->group(output);
  add_text(app, "--crops", flags.crops, "write every face, cut out and turned upright")
      ->type_name("DIR")
      ->group(output);
  add_parsed(
      app, "--crop-size", [](const std::string& text) { return parse_size(text); },
      [&flags](Size size) { flags.align.size = size; }, "a size like 112x112",
      "size of the crops in pixels (default: 112x112)")
      ->type_name("WxH")
      ->group(output);
  app.add_option("--crop-margin", flags.align.margin, "share of the crop's size to add on each side")
      ->type_name("SHARE")
      ->capture_default_str()
      ->group(output);
  app.add_flag("--trace", flags.trace,
               "also what each stage of the cascade found, in the JSON and in pictures")
      ->group(output);
  app.add_flag("--no-progress", flags.no_progress, "no progress bar on the terminal")->group(output);
  add_detector_flags(app, flags.detector);
}

struct Job {
  Input input;
  std::string stem;  // of the pictures' names
};

// The ending of the annotated picture: the input's own if we can write it.
std::string picture_ending(const std::string& path) {
  std::string ending = fs::path(path).extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* const known : {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm"}) {
    if (ending == known) return ending;
  }
  return ".png";
}

Status save_picture(const std::string& path, const Result<Image>& picture) {
  if (!picture) return picture.error();
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);  // if that fails, so does writing
  return save_image(path, picture->view());
}

Status draw_stages(const Image& image, const Trace& trace, const std::string& stem) {
  const auto caption = [](const char* stage, std::size_t boxes) {
    return std::string(stage) + ": " + format_count(static_cast<std::int64_t>(boxes));
  };
  const auto name = [&](std::size_t stage) { return stem + std::string(kStageEndings[stage]) + ".png"; };
  Status status = save_picture(
      name(0),
      draw_candidates(image, trace.proposals, caption("1  P-Net, all levels", trace.proposals.size())));
  if (status) {
    status = save_picture(
        name(1),
        draw_candidates(image, trace.pnet, caption("2  P-Net, merged and regressed", trace.pnet.size())));
  }
  if (status) {
    status =
        save_picture(name(2), draw_candidates(image, trace.rnet, caption("3  R-Net", trace.rnet.size())));
  }
  if (status) {
    status = save_picture(name(3), draw_faces(image, trace.faces, caption("4  O-Net", trace.faces.size())));
  }
  return status;
}

Status save_crops(const Image& image, std::span<const Face> faces, const AlignOptions& options,
                  const std::string& stem) {
  std::error_code error;
  fs::create_directories(fs::path(stem).parent_path(), error);
  for (std::size_t i = 0; i < faces.size(); ++i) {
    const auto crop = align(image.view(), faces[i].landmarks, options);
    if (!crop) return crop.error();
    const Status saved = save_image(stem + "_face" + std::to_string(i + 1) + ".png", crop->view());
    if (!saved) return saved;
  }
  return std::monostate{};
}

Result<ImageFaces> detect_file(const Job& job, const Flags& flags, const Detector& detector,
                               Workspace& workspace) {
  const auto image = load_image(job.input.path, flags.detector.limits);
  if (!image) return image.error();
  ImageFaces result;
  result.width = image->width;
  result.height = image->height;
  if (flags.trace) {
    auto trace = detector.trace(image->view());
    if (!trace) return trace.error();
    result.faces = trace->faces;
    result.trace = std::move(*trace);
  } else {
    const auto faces = detector.detect(image->view(), workspace);
    if (!faces) return faces.error();
    result.faces.assign(faces->begin(), faces->end());
  }
  if (!flags.draw.empty()) {
    const std::string stem = (fs::path(flags.draw) / job.stem).string();
    Status status = save_picture(stem + picture_ending(job.input.path), draw_faces(*image, result.faces));
    if (status && result.trace) status = draw_stages(*image, *result.trace, stem);
    if (!status) return status.error();
  }
  if (!flags.crops.empty()) {
    const std::string stem = (fs::path(flags.crops) / job.stem).string();
    const Status status = save_crops(*image, result.faces, flags.align, stem);
    if (!status) return status.error();
  }
  return result;
}

// The result of one input, whatever happens: a failure is a result too.
ImageFaces process(const Job& job, const Flags& flags, const Detector& detector, Workspace& workspace) {
  ImageFaces failed;
  if (!job.input.error.empty()) {
    failed.error = job.input.error;
  } else {
    try {
      auto result = detect_file(job, flags, detector, workspace);
      if (result) {
        result->path = job.input.path;
        return std::move(*result);
      }
      failed.error = without_name(result.error().message, job.input.path);
    } catch (const std::bad_alloc&) {
      failed.error = "not enough memory";
    }
  }
  failed.path = job.input.path;
  return failed;
}

std::string format_result(const ImageFaces& result, Format format) {
  switch (format) {
    case Format::kJson: return json_line(result);
    case Format::kCsv: return csv_lines(result);
    case Format::kTable: break;
  }
  return table_block(result);
}

// What a walk over all inputs finds out beforehand.
struct Survey {
  std::int64_t inputs = 0;
  std::int64_t pending = 0;  // inputs without what a resumed file has already
  std::string conflict;      // an output that would fall on an input
};

// Empty if nothing that is to be written can fall on this input, otherwise what can.
std::string conflict_with(const Input& input, const Flags& flags) {
  if (!flags.out.empty() && same_file(input.path, flags.out)) return flags.out + ": is also an input";
  for (const std::string& folder : {flags.draw, flags.crops}) {
    if (!folder.empty() && same_file(input.path, folder)) return folder + ": is an input, expected a folder";
    if (!folder.empty() && lies_in(input.path, folder)) {
      return input.path + ": lies in the folder " + folder +
             ", where pictures are to be written: inputs are never overwritten, choose another "
             "folder";
    }
  }
  return {};
}

Survey survey(const Flags& flags, DoneInputs done) {
  Survey found;
  InputSource source(flags.inputs());
  while (const auto input = source.next()) {
    ++found.inputs;
    if (!done.take(json_path(input->path))) ++found.pending;
    found.conflict = conflict_with(*input, flags);
    if (!found.conflict.empty()) break;
  }
  return found;
}

// Empty if the options fit together, otherwise what does not.
std::string check_flags(const Flags& flags) {
  if (flags.resume && (flags.out.empty() || flags.format() != Format::kJson)) {
    return "--resume goes with --json -o FILE";
  }
  if (const auto points = alignment_template(flags.align); !points) {
    return "--crop-size, --crop-margin: " + points.error().message;
  }
  if (!flags.out.empty() && !flags.detector.model.empty() && same_file(flags.out, flags.detector.model)) {
    return flags.out + ": is the model file";
  }
  return {};
}

// Makes the folders of pictures, and takes them away again unless they are to be kept: wrong usage leaves nothing behind.
class Folders {
 public:
  Folders() = default;
  Folders(const Folders&) = delete;
  Folders& operator=(const Folders&) = delete;
  ~Folders() {
    std::error_code ignored;
    for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) fs::remove(*folder, ignored);
  }

  // Empty if they are there, otherwise why not.
  std::string make(const Flags& flags) {
    for (const std::string& folder : {flags.draw, flags.crops}) {
      if (folder.empty()) continue;
      std::error_code error;
      fs::path part;
      for (const fs::path& name : fs::path(folder)) {
        part /= name;
        if (fs::create_directory(part, error)) made_.push_back(part);
        if (error) break;
      }
      std::error_code ignored;
      if (error || !fs::is_directory(folder, ignored)) {
        return folder + ": can't make this folder" + (error ? ": " + error.message() : "");
      }
    }
    return {};
  }

  void keep() { made_.clear(); }

 private:
  std::vector<fs::path> made_;
};

// Threads go to files first, since those never wait for each other; what is left over for few files
// is shared inside detect().
struct ThreadPlan {
  int workers = 1;
  int threads_each = 1;
};

ThreadPlan plan_threads(int threads, std::optional<std::int64_t> files) {
  ThreadPlan plan;
  plan.workers = files ? static_cast<int>(std::clamp<std::int64_t>(*files, 1, threads)) : threads;
  plan.threads_each = std::max(1, threads / plan.workers);
  return plan;
}

// `resumable`: what was found before the inputs were looked at.
int detect_all(const Flags& flags, const Detector& detector, int workers, Resumable resumable,
               std::optional<std::int64_t> pending) {
  const Format format = flags.format();
  InputSource source(flags.inputs());
  OutputStems stems;
  const auto next = [&]() -> std::optional<Job> {
    while (auto input = source.next()) {
      Job job{std::move(*input), {}};
      // Also for inputs that are skipped, so that a resumed run names its pictures as the first
      // did.
      if (flags.writes_pictures()) job.stem = stems.next(job.input.relative);
      if (flags.resume && resumable.done.take(json_path(job.input.path))) continue;
      if (job.input.error.empty()) job.input.error = conflict_with(job.input, flags);
      return job;
    }
    return std::nullopt;
  };

  // Only now is it known that there is one in a list, and nothing was written yet.
  std::optional<Job> first = next();
  if (!first && !flags.resume) return usage_error("detect", "no images found");
  Folders folders;
  if (const std::string problem = folders.make(flags); !problem.empty())
    return usage_error("detect", problem);
  if (resumable.others) {
    if (const Status dropped = drop_others(flags.out); !dropped) {
      return usage_error("detect", dropped.error().message);
    }
  }
  Output output;
  if (const Status opened = output.open(flags.out, flags.resume); !opened) {
    return usage_error("detect", opened.error().message);
  }
  folders.keep();

  std::vector<Workspace> workspaces(static_cast<std::size_t>(workers));
  const auto work = [&](const Job& job, int worker) {
    return process(job, flags, detector, workspaces[static_cast<std::size_t>(worker)]);
  };

  Progress progress(pending, "images", !flags.no_progress && pending != 1);
  const bool shares_terminal = output.is_terminal();
  std::int64_t images = 0;
  std::int64_t faces = 0;
  std::int64_t failed = 0;
  bool write_failed = false;
  const auto write = [&](const std::string& text) {
    if (text.empty()) return true;
    if (shares_terminal) progress.hide();
    const auto written = output.write(text);
    if (written == Output::Written::kFailed) write_failed = true;
    return written == Output::Written::kYes;
  };
  const auto sink = [&](const ImageFaces& result) {
    ++images;
    faces += static_cast<std::int64_t>(result.faces.size());
    if (!result.error.empty()) {
      ++failed;
      progress.hide();
      std::fprintf(stderr, "mtcnn: %s: %s\n", printable(result.path).c_str(),
                   printable(result.error).c_str());
    }
    const bool go_on = write(format_result(result, format));
    progress.step();
    return go_on;
  };

  if (format == Format::kCsv && !write(csv_header())) return write_failed ? kExitFailed : kExitOk;
  // Results are small beside images: a long window costs little and keeps all threads busy behind a
  // slow image.
  const std::size_t window = 64 * static_cast<std::size_t>(workers);
  const auto next_or_first = [&] { return first ? std::exchange(first, std::nullopt) : next(); };
  ordered_map(workers, window, next_or_first, work, sink);
  progress.hide();
  if (format == Format::kTable && images > 1) {
    write(format_count(images) + " images, " + format_count(faces) + (faces == 1 ? " face" : " faces") +
          (failed > 0 ? ", " + format_count(failed) + " failed" : "") + '\n');
  }
  return failed > 0 || write_failed ? kExitFailed : kExitOk;
}

}  // namespace

int run_detect(int argc, const char* const* argv) {
  Flags flags;
  CLI::App app("Finds the faces in images: for each a box, a score and five points.", "mtcnn detect");
  app.footer(kFooter);
  add_flags(app, flags);
  if (const auto status = parse_command_line(app, argc, argv)) return *status;
  if (flags.out == "-") flags.out.clear();
  const auto usage = [](const std::string& message) { return usage_error("detect", message); };

  if (const std::string problem = check_flags(flags); !problem.empty()) return usage(problem);
  const auto model = load_model(flags.detector.model);
  if (!model) return usage(model.error().message);

  auto resumable = flags.resume ? read_resume(flags.out) : Result<Resumable>(Resumable());
  if (!resumable) return usage(resumable.error().message);
  // A list on standard input can be read only once, and may still be growing: its length is not
  // known.
  std::optional<std::int64_t> pending;
  if (std::find(flags.paths.begin(), flags.paths.end(), "-") == flags.paths.end()) {
    const Survey found = survey(flags, resumable->done);
    if (!found.conflict.empty()) return usage(found.conflict);
    if (found.inputs == 0) return usage("no images found in what was named");
    pending = found.pending;
  }

  const ThreadPlan plan = plan_threads(thread_count(flags.detector.options.threads), pending);
  DetectorOptions options = flags.detector.options;
  options.threads = plan.threads_each;
  const auto detector = create_detector(*model, options);
  if (!detector) return usage(detector.error().message);
  return detect_all(flags, *detector, plan.workers, std::move(*resumable), pending);
}

}  // namespace mtcnn
