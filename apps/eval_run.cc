#include "apps/eval_run.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <new>
#include <unordered_set>
#include <utility>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/ordered_map.h"
#include "apps/progress.h"
#include "apps/resume.h"
#include "apps/sha256.h"
#include "apps/text.h"
#include "codecs/image_io.h"
#include "datasets/reader.h"
#include "eval/decimal.h"
#include "mtcnn/version.h"
#include "util/file.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxModelBytes = std::size_t{64} << 20;  // Model::load()'s own
constexpr std::size_t kMaxRunFileBytes = std::size_t{1} << 30;
constexpr const char* kSettingsFile = "settings.json";
constexpr const char* kFacesFile = "faces.jsonl";
constexpr const char* kDetectionsFolder = "detections";

Error usage(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

std::string in_folder(const std::string& folder, const std::string& name) {
  return (fs::path(folder) / name).string();
}

bool is_file(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

std::string size_text(Size size) { return std::to_string(size.width) + "x" + std::to_string(size.height); }

EvalJson settings_json(const Model& model, const std::string& file, const std::string& hash,
                       const DetectorOptions& options) {
  const ModelInfo info = model.info();
  EvalJson json;
  json["model"] = {{"file", file.empty() ? "built-in" : fs::path(file).filename().string()},
                   {"sha256", hash},
                   {"architecture", info.architecture},
                   {"geometry", info.geometry == CellGeometry::kExact ? "exact" : "release"}};
  json["min_face"] = decimal(options.min_face);
  json["max_face"] = decimal(options.max_face);
  json["factor"] = options.factor;
  json["thresholds"] = EvalJson::array();
  for (const float threshold : *options.thresholds) json["thresholds"].push_back(decimal(threshold));
  json["nms"] = {decimal(options.nms_level), decimal(options.nms_pyramid), decimal(options.nms_rnet),
                 decimal(options.nms_onet)};
  json["max_candidates"] = options.max_candidates;
  json["resize"] = options.resize ? EvalJson(size_text(*options.resize)) : EvalJson(nullptr);
  json["region"] = nullptr;
  if (options.region) {
    const Box& box = *options.region;
    json["region"] = {decimal(box.left), decimal(box.top), decimal(box.right), decimal(box.bottom)};
  }
  json["clip"] = options.clip;
  json["mirror_landmarks"] = options.mirror_landmarks;
  json["lnet"] = options.lnet;
  json["largest_only"] = options.largest_only;
  return json;
}

// Where two settings differ, in a few words; empty if nowhere but in the model file's name.
std::string differences(const EvalJson& before, const EvalJson& now) {
  const auto flat = [](EvalJson json) {
    if (json.contains("model") && json["model"].is_object()) json["model"].erase("file");
    return json.flatten();
  };
  const EvalJson a = flat(before), b = flat(now);
  std::string text;
  for (const auto& [key, value] : b.items()) {
    if (a.contains(key) && a[key] == value) continue;
    const std::string was = a.contains(key) ? a[key].dump() : "nothing";
    text += (text.empty() ? "" : ", ") + key.substr(1) + " was " + was + ", is " + value.dump();
  }
  for (const auto& [key, value] : a.items()) {
    if (!b.contains(key))
      text += (text.empty() ? "" : ", ") + key.substr(1) + " was " + value.dump() + ", is nothing";
  }
  return text;
}

std::optional<EvalJson> read_json_file(const std::string& path) {
  const auto bytes = read_file(path, kMaxRunFileBytes);
  if (!bytes) return std::nullopt;
  EvalJson json =
      EvalJson::parse(reinterpret_cast<const char*>(bytes->data()),
                      reinterpret_cast<const char*>(bytes->data()) + bytes->size(), nullptr, false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

std::string dumped(const EvalJson& json, int indent) {
  return json.dump(indent, ' ', false, EvalJson::error_handler_t::replace) + '\n';
}

// The images of a set by image_name().
class SetIndex {
 public:
  explicit SetIndex(const std::vector<SetImage>& images) {
    for (std::size_t i = 0; i < images.size(); ++i) index_.emplace(image_name(images[i].name), i);
  }
  std::optional<std::size_t> find(const std::string& name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? std::nullopt : std::optional(found->second);
  }
  // The name of the set that `path` stands for: without as few of its first folders as makes it known;
  // unchanged if nothing does.
  std::string known_name(const std::string& path) const {
    const std::string name = image_name(path);
    for (std::string rest = name; !rest.empty();) {
      if (find(rest)) return rest;
      const std::size_t slash = rest.find('/');
      rest = slash == std::string::npos ? "" : rest.substr(slash + 1);
    }
    return name;
  }

 private:
  std::unordered_map<std::string, std::size_t> index_;
};

DetectedImage detected_image(const std::string& name, const std::vector<Face>& faces) {
  DetectedImage image{name};
  for (const Face& face : faces) image.detections.push_back(to_detection(face));
  return image;
}

// The lines of a file, without line breaks.
Result<std::vector<std::string>> read_lines(const std::string& path) {
  const auto bytes = read_file(path, kMaxRunFileBytes);
  if (!bytes) return bytes.error();
  const std::string text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// Takes up lines of JSON as `mtcnn detect --json` writes them.
Status read_face_lines(const std::string& path, const SetIndex& set, Run& run) {
  const auto lines = read_lines(path);
  if (!lines) return lines.error();
  const auto problem = [&](int line, std::string what) {
    run.detections.problems.push_back({path, line, std::move(what)});
  };
  int number = 0;
  std::size_t understood = 0;
  for (const std::string& line : *lines) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto image = parse_json_line(line);
    if (!image) {
      problem(number,
              "expected a line of 'mtcnn detect --json': path, width, height and faces with box, score and "
              "five landmarks, all finite");
      ++run.detections.left_out;
      continue;
    }
    ++understood;
    if (!image->error.empty()) {
      problem(number, image->path + ": failed when it was detected: " + image->error);
      run.detections.failed.insert(set.known_name(image->path));
      continue;
    }
    const std::string name = set.known_name(image->path);
    if (run.faces.contains(name)) {
      problem(number, name + ": a second time, expected once");
      run.detections.left_out += static_cast<std::int64_t>(image->faces.size());
      continue;
    }
    DetectedImage detected = detected_image(name, image->faces);
    detected.file = path;
    detected.line = number;
    run.detections.images.push_back(std::move(detected));
    run.faces.emplace(name, std::move(*image));
  }
  if (understood == 0) return Error{ErrorCode::kFormat, path + ": expected lines of 'mtcnn detect --json'"};
  run.has_points = true;
  return std::monostate{};
}

Status read_detections_of(const std::string& path, const SetIndex& set, const ReadDetections& read,
                          Run& run) {
  const std::string lines = in_folder(path, kFacesFile);
  if (is_file(lines)) {  // a run of ours
    if (const auto json = read_json_file(in_folder(path, kSettingsFile));
        json && json->contains("settings")) {
      run.settings = (*json)["settings"];
    }
    return read_face_lines(lines, set, run);
  }
  if (path.ends_with(".jsonl") || path.ends_with(".json") || !read) return read_face_lines(path, set, run);
  auto detections = read(path);
  if (!detections) return detections.error();
  run.detections = std::move(*detections);
  return std::monostate{};
}

// Makes the folder of a run, or checks that it may be gone on with; gives what it has of finished images.
Result<std::vector<ImageFaces>> prepare_folder(const std::string& folder, const RunFlags& flags,
                                               const EvalJson& settings) {
  std::error_code error;
  const std::string settings_file = in_folder(folder, kSettingsFile);
  const std::string faces_file = in_folder(folder, kFacesFile);
  const std::string images = fs::weakly_canonical(flags.images, error).string();
  std::vector<ImageFaces> done;
  bool in_use = false;
  for (const char* const name : {kSettingsFile, kFacesFile, kDetectionsFolder}) {
    in_use = in_use || fs::exists(in_folder(folder, name), error);
  }
  if (in_use && !flags.resume) {
    return usage(folder + ": holds detections already; --resume goes on with them, or name another folder");
  }
  if (in_use) {
    const auto before = read_json_file(settings_file);
    if (!before || !before->contains("settings") || !before->contains("images")) {
      return usage(settings_file +
                   ": expected the settings of the run that is to go on; name another folder");
    }
    std::string change = differences((*before)["settings"], settings);
    if ((*before)["images"] != images) {
      change += (change.empty() ? "" : ", ") + std::string("images was ") + (*before)["images"].dump() +
                ", is " + EvalJson(images).dump(-1, ' ', false, EvalJson::error_handler_t::replace);
    }
    if (!change.empty()) {
      return usage(settings_file + ": that run had other settings, and the two must not be mixed: " + change);
    }
    const auto before_lines = read_resume(faces_file);
    if (!before_lines) return before_lines.error();
    if (before_lines->others) {
      if (const Status dropped = drop_others(faces_file); !dropped) return dropped.error();
    }
    if (const auto lines = read_lines(faces_file)) {
      for (const std::string& line : *lines) {
        if (auto image = parse_json_line(line)) done.push_back(std::move(*image));
      }
    }
    return done;
  }
  fs::create_directories(folder, error);
  if (error) return Error{ErrorCode::kIo, folder + ": can't make this folder: " + error.message()};
  const std::string text =
      dumped({{"program", std::string("mtcnn ") + version()}, {"images", images}, {"settings", settings}}, 2);
  if (const Status written = write_file(settings_file, std::as_bytes(std::span(text))); !written) {
    return written.error();
  }
  return done;
}

// Appends lines to a file, each whole.
class LineFile {
 public:
  Status open(const std::string& path) {
    path_ = path;
    file_.reset(std::fopen(path.c_str(), "ab"));
    return file_ ? Status(std::monostate{}) : failed();
  }
  Status add(const std::string& line) {
    if (!file_) return std::monostate{};
    if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() ||
        std::fflush(file_.get()) != 0) {
      return failed();
    }
    return std::monostate{};
  }

 private:
  Error failed() const { return {ErrorCode::kIo, path_ + ": can't write: " + std::strerror(errno)}; }
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

ImageFaces detect_image(const SetImage& image, const Detector& detector, const DecodeLimits& limits,
                        Workspace& workspace) {
  ImageFaces result;
  result.path = image.name;
  const auto fail = [&](const std::string& message) {
    result.error = without_name(message, image.file);
    return result;
  };
  try {
    const auto pixels = load_image(image.file, limits);
    if (!pixels) return fail(pixels.error().message);
    const auto faces = detector.detect(pixels->view(), workspace);
    if (!faces) return fail(faces.error().message);
    result.width = pixels->width;
    result.height = pixels->height;
    result.faces.assign(faces->begin(), faces->end());
    return result;
  } catch (const std::bad_alloc&) {
    return fail("not enough memory");
  }
}

Status write_folds(const std::string& folder, const std::vector<SetImage>& images, const Run& run) {
  std::map<std::string, std::vector<DetectedImage>> folds;
  for (const SetImage& image : images) {
    const auto found = run.faces.find(image_name(image.name));
    if (found != run.faces.end())
      folds[image.group].push_back(detected_image(found->first, found->second.faces));
  }
  std::error_code error;
  fs::create_directories(folder, error);
  for (const auto& [fold, detected] : folds) {
    const Status written = write_fddb_detections(in_folder(folder, fold + "-out.txt"), detected);
    if (!written) return written.error();
  }
  return std::monostate{};
}

// Runs the model over the images that are not done.
Status run_images(const RunFlags& flags, const std::vector<SetImage>& images, DetectionLayout layout,
                  const std::string& folder, int workers, Run& run) {
  std::vector<Problem>& problems = run.detections.problems;
  const SetIndex set(images);
  std::vector<bool> finished(images.size(), false);
  LineFile lines;
  if (!folder.empty()) {
    std::size_t resumed = 0;
    auto done = prepare_folder(folder, flags, run.settings);
    if (!done) return done.error();
    std::unordered_map<std::string, std::size_t> by_path;
    for (std::size_t i = 0; i < images.size(); ++i) by_path.emplace(json_path(images[i].name), i);
    for (ImageFaces& image : *done) {
      const auto at = by_path.find(image.path);
      if (at == by_path.end() || finished[at->second]) continue;
      finished[at->second] = true;
      ++resumed;
      run.faces.emplace(image_name(images[at->second].name), std::move(image));
    }
    if (flags.resume) {
      std::fprintf(stderr, "mtcnn eval: %s: %zu of %zu images are done already\n", printable(folder).c_str(),
                   resumed, images.size());
    }
    if (const Status opened = lines.open(in_folder(folder, kFacesFile)); !opened) return opened.error();
  }

  std::vector<std::size_t> pending;
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (finished[i]) continue;
    if (set.find(image_name(images[i].name)) != i) {
      problems.push_back({images[i].listed_in, images[i].line,
                          images[i].name + ": another image has this name but for its ending, left out"});
    } else if (images[i].file.empty()) {
      problems.push_back(no_such_image(images[i], flags.images));
      run.detections.failed.insert(image_name(images[i].name));
    } else {
      pending.push_back(i);
    }
  }

  struct Done {
    std::size_t index;
    ImageFaces faces;
  };
  std::vector<Workspace> workspaces(static_cast<std::size_t>(workers));
  Progress progress(static_cast<std::int64_t>(pending.size()), "images",
                    !flags.no_progress && pending.size() > 1);
  Status failed = std::monostate{};
  std::size_t next_pending = 0;
  const auto next = [&]() -> std::optional<std::size_t> {
    return next_pending < pending.size() ? std::optional(pending[next_pending++]) : std::nullopt;
  };
  const auto work = [&](std::size_t index, int worker) {
    return Done{index, detect_image(images[index], run.model->detector, flags.detector.limits,
                                    workspaces[static_cast<std::size_t>(worker)])};
  };
  const auto sink = [&](Done done) {
    const SetImage& image = images[done.index];
    // The line comes last: it says that everything else is there.
    if (done.faces.error.empty() && layout == DetectionLayout::kWider && !folder.empty()) {
      failed = write_wider_detections(in_folder(folder, kDetectionsFolder),
                                      detected_image(image_name(image.name), done.faces.faces));
      if (!failed) return false;
    }
    failed = lines.add(json_line(done.faces));
    if (!failed) return false;
    if (done.faces.error.empty()) {
      run.faces.emplace(image_name(image.name), std::move(done.faces));
    } else {
      problems.push_back({image.file, 0, done.faces.error});
      run.detections.failed.insert(image_name(image.name));
    }
    progress.step();
    return true;
  };
  ordered_map(workers, 64 * static_cast<std::size_t>(workers), next, work, sink);
  progress.hide();
  if (!failed) return failed;

  for (const SetImage& image : images) {
    const auto found = run.faces.find(image_name(image.name));
    if (found == run.faces.end() || &image != &images[*set.find(found->first)]) continue;
    run.detections.images.push_back(detected_image(found->first, found->second.faces));
    run.detections.images.back().file = image.file;
  }
  run.has_points = true;
  if (layout == DetectionLayout::kFddb && !folder.empty()) {
    return write_folds(in_folder(folder, kDetectionsFolder), images, run);
  }
  return std::monostate{};
}

// What a file or folder is called in the table.
std::string short_name(const std::string& path) {
  fs::path at = fs::path(path).lexically_normal();
  if (!at.has_filename()) at = at.parent_path();
  if (at.filename() == kDetectionsFolder && at.has_parent_path()) at = at.parent_path();
  const std::string ending = at.extension().string();
  const bool known = ending == ".safetensors" || ending == ".jsonl" || ending == ".json" || ending == ".txt";
  return (known ? at.stem() : at.filename()).string();
}

std::string folder_of(const RunFlags& flags, const Run& run, bool alone) {
  if (flags.output.empty() || alone) return flags.output;
  std::string name = run.name;
  std::replace(name.begin(), name.end(), '/', '_');
  return in_folder(flags.output, name == "." || name == ".." ? "_" : name);
}

}  // namespace

void add_run_flags(CLI::App& app, RunFlags& flags, const std::string& layout_help,
                   std::optional<float> default_score) {
  const bool reads = !layout_help.empty();
  const char* const source = "Detections";
  if (reads) {
    add_paths(app, "--detections", flags.detections,
              layout_help +
                  ", the folder of an earlier run (--output), or a file of 'mtcnn detect --json'; may be "
                  "repeated")
        ->type_name("PATH")
        ->group(source);
  }
  add_text(app, "--images", flags.images,
           reads ? "folder of the images: the detector runs over them, unless there are --detections"
                 : "folder of the images")
      ->type_name("DIR")
      ->group(source);
  add_paths(app, "--model", flags.models,
            "model file (default: MTCNN_MODEL, or the built-in model); several are compared")
      ->type_name("FILE")
      ->group(source);
  add_paths(app, "--name", flags.names, "what to call each of the detections and models, in this order")
      ->type_name("NAME")
      ->group(source);
  if (reads) {
    add_text(app, "-o,--output", flags.output,
             "keep what the detector finds: settings.json, faces.jsonl, detections/ for other programs")
        ->type_name("DIR")
        ->group(source);
    app.add_flag("--resume", flags.resume, "with --output: go on with the interrupted run that wrote DIR")
        ->group(source);
  }
  add_text(
      app, "--report", flags.report,
      "write a page with curves, tables, settings and the worst pictures (if --images says where they are), and "
      "the same as JSON beside it")
      ->type_name("FILE.html")
      ->group("Output");
  add_text(app, "--set", flags.set, "what to call the images and labels in the report")
      ->type_name("NAME")
      ->group("Output");
  app.add_flag("--no-progress", flags.no_progress, "no progress bar on the terminal")->group("Output");
  app.add_flag("--json", flags.json, "all figures, curves, settings and problems as JSON")->group("Output");
  add_detector_options(app, flags.detector);
  app.add_option(
         "--score-threshold", flags.score_threshold,
         "least score of the last stage alone (default: " +
             (default_score ? format_float(*default_score) + ", so that the curves go on" : "the model's") +
             ")")
      ->type_name("SCORE")
      ->excludes("--thresholds")
      ->group("What is kept");
}

int eval_usage(const std::string& command, const std::string& message) {
  return usage_error("eval " + command, message);
}

Result<RunModel> load_run_model(const std::string& path, const RunFlags& flags,
                                std::optional<float> default_score, int threads) {
  const auto model = load_model(path);
  if (!model) return model.error();
  std::string hash;
  if (path.empty()) {
    hash = sha256(model->serialize());
  } else {
    const auto bytes = read_file(path, kMaxModelBytes);
    if (!bytes) return bytes.error();
    hash = sha256(*bytes);
  }
  DetectorOptions options = flags.detector.options;
  options.threads = threads;
  if (!options.thresholds) {
    options.thresholds = model->info().thresholds;
    if (default_score) (*options.thresholds)[2] = *default_score;
    if (flags.score_threshold) (*options.thresholds)[2] = *flags.score_threshold;
  }
  auto detector = create_detector(*model, options);
  if (!detector) return detector.error();
  EvalJson settings = settings_json(*model, path, hash, detector->options());
  return RunModel{*model, std::move(*detector), std::move(settings)};
}

std::vector<std::string> models_to_run(const RunFlags& flags) {
  if (!flags.models.empty()) return flags.models;
  const char* const named = std::getenv("MTCNN_MODEL");
  return {named ? named : ""};
}

void name_runs(const std::vector<std::string>& given, std::vector<Run>& runs) {
  if (!given.empty()) {
    for (std::size_t i = 0; i < runs.size(); ++i) runs[i].name = given[i];
    return;
  }
  std::map<std::string, int> times;
  for (Run& run : runs) ++times[run.name = run.source.empty() ? "built-in" : short_name(run.source)];
  for (Run& run : runs) {
    if (times[run.name] > 1) run.name = run.source;
  }
  std::map<std::string, int> used;
  for (Run& run : runs) {
    if (const int number = ++used[run.name]; number > 1) run.name += " (" + std::to_string(number) + ")";
  }
}

std::string because(std::span<const Problem> problems) {
  if (problems.empty()) return {};
  return "; " + format_count(static_cast<std::int64_t>(problems.size())) +
         (problems.size() == 1 ? " problem: " : " problems, the first: ") + problems.front().text();
}

std::string nothing_measured(const Run& run, std::size_t images) {
  const std::vector<DetectedImage>& found = run.detections.images;
  return "nothing to measure, none of the set's " + format_count(static_cast<std::int64_t>(images)) +
         " images " + (run.model ? "could be read" : "is among the detections") +
         (found.empty() ? "" : ", which begin with '" + found.front().name + "'") +
         because(run.detections.problems);
}

Problem no_such_image(const SetImage& image, const std::string& folder) {
  return {image.listed_in, image.line, image.name + ": there is no such image in " + folder};
}

std::vector<std::optional<Size>> detected_sizes(const RunFlags& flags,
                                                const std::vector<std::string>& names) {
  std::vector<SetImage> images;
  for (const std::string& name : names) images.push_back({name, {}, {}});
  const SetIndex set(images);
  std::vector<std::optional<Size>> sizes(names.size());
  std::vector<bool> contradicted(names.size(), false);
  for (const std::string& path : flags.detections) {
    const std::string of_run = in_folder(path, kFacesFile);
    const auto lines = read_lines(is_file(of_run) ? of_run : path);
    if (!lines) continue;
    for (const std::string& line : *lines) {
      const auto image = parse_json_line(line);
      if (!image || !image->error.empty()) continue;
      const auto at = set.find(set.known_name(image->path));
      if (!at) continue;
      const Size size{image->width, image->height};
      if (!sizes[*at]) sizes[*at] = size;
      if (*sizes[*at] != size) contradicted[*at] = true;
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    // Names that differ in their endings alone share an entry, as they do among the detections.
    const std::size_t entry = *set.find(image_name(names[i]));
    sizes[i] = contradicted[entry] ? std::nullopt : sizes[entry];
  }
  return sizes;
}

std::string find_set_image(const std::string& folder, const std::string& name) {
  if (folder.empty()) return {};
  const std::string exact = in_folder(folder, name);
  if (is_file(exact)) return exact;
  const std::string stem = in_folder(folder, image_name(name));
  for (const std::string_view ending : image_extensions()) {
    std::string upper(ending);
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    for (const std::string& tried : {stem + std::string(ending), stem + upper}) {
      if (is_file(tried)) return tried;
    }
  }
  return {};
}

Result<std::vector<Run>> prepare_runs(const RunFlags& flags, const std::vector<SetImage>& images,
                                      DetectionLayout layout, std::optional<float> default_score,
                                      const ReadDetections& read) {
  const bool runs_models = flags.detections.empty() || !flags.models.empty();
  if (runs_models && flags.images.empty()) {
    return usage(flags.models.empty() ? "--detections or --images is required" : "--model needs --images");
  }
  if (!runs_models && !flags.output.empty())
    return usage("--output is for runs of the detector, not for --detections");
  if (flags.resume && flags.output.empty()) return usage("--resume goes with --output");
  std::error_code error;
  if (!flags.images.empty() && !fs::is_directory(flags.images, error)) {
    return usage(flags.images + ": expected the folder of the images");
  }

  std::vector<Run> runs;
  const SetIndex set(images);
  const bool several = flags.detections.size() + (runs_models ? models_to_run(flags).size() : 0) > 1;
  for (const std::string& path : flags.detections) {
    Run& run = runs.emplace_back();
    run.source = path;
    const Status done = read_detections_of(path, set, read, run);
    if (done) continue;
    // Other runs have their figures all the same.
    if (!several || !fs::exists(path, error)) return done.error();
    run.detections.problems.push_back(problem_of(path, done.error()));
  }
  std::size_t at = runs.size();
  if (runs_models) {
    const std::vector<std::string> models = models_to_run(flags);
    const int threads = thread_count(flags.detector.options.threads);
    const int workers =
        static_cast<int>(std::clamp<std::size_t>(images.size(), 1, static_cast<std::size_t>(threads)));
    for (const std::string& path : models) {
      auto model = load_run_model(path, flags, default_score, std::max(1, threads / workers));
      if (!model) return model.error();
      Run& run = runs.emplace_back();
      run.source = path;
      run.settings = model->settings;
      run.model = std::move(*model);
    }
  }
  if (!flags.names.empty() && flags.names.size() != runs.size()) {
    return usage(std::to_string(flags.names.size()) + " of --name, expected " + std::to_string(runs.size()));
  }
  name_runs(flags.names, runs);
  const std::unordered_set<std::string> distinct(flags.names.begin(), flags.names.end());
  if (distinct.size() != flags.names.size()) return usage("--name: the same name twice");
  const bool alone = runs.size() == at + 1;
  for (; at < runs.size(); ++at) {
    const int threads = thread_count(flags.detector.options.threads);
    const int workers =
        static_cast<int>(std::clamp<std::size_t>(images.size(), 1, static_cast<std::size_t>(threads)));
    const Status done =
        run_images(flags, images, layout, folder_of(flags, runs[at], alone), workers, runs[at]);
    if (!done) return done.error();
  }
  return runs;
}

std::unordered_map<std::string, Size> image_sizes(const std::vector<SetImage>& images, const RunFlags& flags,
                                                  std::vector<Problem>& problems) {
  struct Found {
    std::size_t index;
    Size size;
    std::string error;
  };
  std::unordered_map<std::string, Size> sizes;
  std::size_t at = 0;
  const auto next = [&]() -> std::optional<std::size_t> {
    while (at < images.size() && images[at].file.empty()) {
      problems.push_back(no_such_image(images[at], flags.images));
      problems.back().what += ", its size is not known";
      ++at;
    }
    return at < images.size() ? std::optional(at++) : std::nullopt;
  };
  const auto work = [&](std::size_t index, int) {
    const auto image = load_image(images[index].file, flags.detector.limits);
    if (!image) return Found{index, {}, without_name(image.error().message, images[index].file)};
    return Found{index, {image->width, image->height}, {}};
  };
  const auto sink = [&](const Found& found) {
    if (found.error.empty()) {
      sizes.emplace(image_name(images[found.index].name), found.size);
    } else {
      problems.push_back({images[found.index].file, 0, found.error});
    }
    return true;
  };
  const int workers = thread_count(flags.detector.options.threads);
  ordered_map(workers, 64 * static_cast<std::size_t>(workers), next, work, sink);
  return sizes;
}

std::vector<BoxDetection> candidates_of(const DetectedImage& image) {
  std::vector<BoxDetection> list;
  for (const Detection& detection : image.detections) {
    const Rectangle& box = detection.box;
    list.push_back({{static_cast<float>(box.x), static_cast<float>(box.y),
                     static_cast<float>(box.x + box.width), static_cast<float>(box.y + box.height)},
                    detection.score});
  }
  return list;
}

}  // namespace mtcnn
