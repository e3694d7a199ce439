// The C face: plain structs to the library's types, results to status codes. Nothing is decided
// here.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "mtcnn/mtcnn.h"
#include "mtcnn/mtcnn_c.h"

struct mtcnn_model {
  explicit mtcnn_model(mtcnn::Model m) : model(std::move(m)), info(model.info()) {}
  mtcnn::Model model;
  mtcnn::ModelInfo info;
};

struct mtcnn_detector {
  mtcnn::Detector detector;
};

struct mtcnn_workspace {
  mtcnn::Workspace workspace;
  std::vector<mtcnn_face> faces;
};

struct mtcnn_trace {
  std::vector<mtcnn_level> levels;
  std::vector<mtcnn_candidate> stages[3];
  std::vector<mtcnn_face> faces;
};

struct mtcnn_tracker {
  mtcnn::Tracker tracker;
  std::vector<mtcnn_tracked_face> faces;
};

namespace mtcnn {
namespace {

constexpr int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return MTCNN_INVALID_ARGUMENT;
    case ErrorCode::kIo: return MTCNN_IO;
    case ErrorCode::kFormat: return MTCNN_FORMAT;
    case ErrorCode::kUnsupported: return MTCNN_UNSUPPORTED;
    case ErrorCode::kLimit: return MTCNN_LIMIT;
    case ErrorCode::kOutOfMemory: return MTCNN_OUT_OF_MEMORY;
  }
  return MTCNN_INTERNAL;
}

static_assert(MTCNN_GRAY8 == static_cast<int>(PixelFormat::kGray8) &&
              MTCNN_RGB8 == static_cast<int>(PixelFormat::kRgb8) &&
              MTCNN_BGR8 == static_cast<int>(PixelFormat::kBgr8) &&
              MTCNN_RGBA8 == static_cast<int>(PixelFormat::kRgba8) &&
              MTCNN_BGRA8 == static_cast<int>(PixelFormat::kBgra8) &&
              MTCNN_GRAY_ALPHA8 == static_cast<int>(PixelFormat::kGrayAlpha8));

int report(mtcnn_error* error, int code, std::string_view message) {
  if (error == nullptr) return code;
  std::size_t length = std::min(message.size(), sizeof(error->message) - 1);
  // Not in the middle of a UTF-8 sequence: its later bytes all begin with the bits 10.
  if (length < message.size()) {
    while (length > 0 && (static_cast<unsigned char>(message[length]) & 0xC0) == 0x80) --length;
  }
  error->code = code;
  std::memcpy(error->message, message.data(), length);
  error->message[length] = 0;
  return code;
}

// Runs `body`, which returns a Status, and reports how it went. Nothing is thrown past this.
template <typename Body>
int guarded(mtcnn_error* error, Body body) noexcept {
  try {
    const Status status = body();
    if (status) return report(error, MTCNN_OK, "");
    return report(error, status_of(status.error().code), status.error().message);
  } catch (const std::bad_alloc&) {
    return report(error, MTCNN_OUT_OF_MEMORY, "not enough memory");
  } catch (const std::exception& unexpected) {
    return report(error, MTCNN_INTERNAL, unexpected.what());
  } catch (...) {
    return report(error, MTCNN_INTERNAL, "unknown exception");
  }
}

Status null_argument(const char* name) {
  return Error{ErrorCode::kInvalidArgument, std::string(name) + " is NULL"};
}

Status done() { return std::monostate{}; }

// A model, or why there is none, to where the caller wants it.
Status hand_over(Result<Model> model, mtcnn_model** out) {
  if (!model) return model.error();
  *out = new mtcnn_model(*std::move(model));
  return done();
}

ImageView to_view(const mtcnn_image& image) {
  return {image.data, image.width, image.height, image.row_stride, static_cast<PixelFormat>(image.format)};
}

Landmarks to_landmarks(const mtcnn_point points[5]) {
  Landmarks result;
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = {points[i].x, points[i].y};
  return result;
}

void copy_points(const Landmarks& from, mtcnn_point to[5]) {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = {from[i].x, from[i].y};
}

mtcnn_similarity to_c(const Similarity& s) { return {s.a, s.b, s.tx, s.ty}; }

mtcnn_box to_c(const Box& box) { return {box.left, box.top, box.right, box.bottom}; }

mtcnn_face to_c(const Face& face) {
  mtcnn_face result{to_c(face.box), face.score, {}};
  copy_points(face.landmarks, result.landmarks);
  return result;
}

std::vector<mtcnn_candidate> to_c(const std::vector<Candidate>& candidates) {
  std::vector<mtcnn_candidate> result;
  for (const Candidate& candidate : candidates) result.push_back({to_c(candidate.box), candidate.score});
  return result;
}

template <typename T>
size_t show(const std::vector<T>& list, const T** address) {
  if (address != nullptr) *address = list.data();
  return list.size();
}

template <typename T>
size_t show_nothing(const T** address) {
  if (address != nullptr) *address = nullptr;
  return 0;
}

mtcnn_options default_options() {
  const DetectorOptions d;
  mtcnn_options o{};
  o.struct_size = sizeof o;
  o.min_face = d.min_face;
  o.max_face = d.max_face;
  o.factor = d.factor;
  std::fill(std::begin(o.thresholds), std::end(o.thresholds), -1.f);
  o.nms_level = d.nms_level;
  o.nms_pyramid = d.nms_pyramid;
  o.nms_rnet = d.nms_rnet;
  o.nms_onet = d.nms_onet;
  std::copy(d.max_candidates.begin(), d.max_candidates.end(), o.max_candidates);
  o.threads = d.threads;
  o.clip = d.clip;
  o.mirror_landmarks = d.mirror_landmarks;
  o.lnet = d.lnet;
  o.largest_only = d.largest_only;
  return o;
}

mtcnn_align_options default_align_options() {
  const AlignOptions d;
  mtcnn_align_options o{};
  o.struct_size = sizeof o;
  o.width = d.size.width;
  o.height = d.size.height;
  o.margin = d.margin;
  std::copy(std::begin(d.fill), std::end(d.fill), o.fill);
  return o;
}

mtcnn_tracker_options default_tracker_options() {
  const TrackerOptions d;
  mtcnn_tracker_options o{};
  o.struct_size = sizeof o;
  o.detect_every = d.detect_every;
  o.min_overlap = d.min_overlap;
  o.keep_lost = d.keep_lost;
  o.smoothing = d.smoothing;
  return o;
}

// Up to where the first version of each struct reached. These never change: new fields go behind.
constexpr std::size_t kFirstOptionsSize = offsetof(mtcnn_options, instruction_set) + sizeof(const char*);
constexpr std::size_t kFirstAlignOptionsSize = offsetof(mtcnn_align_options, fill) + 3;
constexpr std::size_t kFirstTrackerOptionsSize = offsetof(mtcnn_tracker_options, smoothing) + sizeof(float);

// Writes defaults to a caller's struct, which may be shorter or longer than ours.
template <typename Options>
void init_options(Options* options, std::size_t struct_size, Options defaults) {
  if (options == nullptr || struct_size < sizeof defaults.struct_size) return;
  std::memset(static_cast<void*>(options), 0, struct_size);
  defaults.struct_size = struct_size;
  std::memcpy(static_cast<void*>(options), &defaults, std::min(struct_size, sizeof defaults));
}

// Reads a caller's struct, which may be shorter or longer than ours, over the defaults. What a
// longer one holds beyond must be 0, as mtcnn_options_init() leaves it: otherwise it asks for
// something that we don't know.
template <typename Options>
Result<Options> read_options(const Options* given, std::size_t first_size, Options options) {
  if (given == nullptr) return options;
  const std::size_t size = given->struct_size;
  // No version will have anything like a page of options: a larger size is an uninitialised
  // struct's.
  if (size < first_size || size > 4096) {
    return Error{ErrorCode::kInvalidArgument, "options: struct_size is " + std::to_string(size) +
                                                  ", expected that of a struct filled by its _init function"};
  }
  const char* bytes = reinterpret_cast<const char*>(given);
  if (size > sizeof options &&
      std::any_of(bytes + sizeof options, bytes + size, [](char b) { return b != 0; })) {
    return Error{ErrorCode::kUnsupported, "options: one is set that this version of the library, " +
                                              std::string(version()) + ", does not have"};
  }
  std::memcpy(static_cast<void*>(&options), given, std::min(size, sizeof options));
  return options;
}

Result<DetectorOptions> to_detector_options(const mtcnn_options* given, const Model& model) {
  const Result<mtcnn_options> read = read_options(given, kFirstOptionsSize, default_options());
  if (!read) return read.error();
  const mtcnn_options& o = *read;
  DetectorOptions result;
  result.min_face = o.min_face;
  result.max_face = o.max_face;
  result.factor = o.factor;
  std::array<float, 3> thresholds = model.info().thresholds;
  for (std::size_t i = 0; i < 3; ++i) {
    if (o.thresholds[i] != -1) thresholds[i] = o.thresholds[i];
  }
  result.thresholds = thresholds;
  result.nms_level = o.nms_level;
  result.nms_pyramid = o.nms_pyramid;
  result.nms_rnet = o.nms_rnet;
  result.nms_onet = o.nms_onet;
  std::copy(std::begin(o.max_candidates), std::end(o.max_candidates), result.max_candidates.begin());
  result.threads = o.threads;
  if (o.has_region) result.region = Box{o.region.left, o.region.top, o.region.right, o.region.bottom};
  if (o.resize_width != 0 || o.resize_height != 0) result.resize = Size{o.resize_width, o.resize_height};
  result.clip = o.clip != 0;
  result.mirror_landmarks = o.mirror_landmarks != 0;
  result.lnet = o.lnet != 0;
  result.largest_only = o.largest_only != 0;
  if (o.instruction_set != nullptr) result.instruction_set = o.instruction_set;
  return result;
}

Result<AlignOptions> to_align_options(const mtcnn_align_options* given) {
  const Result<mtcnn_align_options> read =
      read_options(given, kFirstAlignOptionsSize, default_align_options());
  if (!read) return read.error();
  AlignOptions result;
  result.size = {read->width, read->height};
  result.margin = read->margin;
  std::copy(std::begin(read->fill), std::end(read->fill), result.fill);
  return result;
}

}  // namespace
}  // namespace mtcnn

using namespace mtcnn;

const char* mtcnn_version(void) { return version(); }

const char* mtcnn_instruction_set(size_t index) {
  try {
    static const std::vector<std::string> names = instruction_sets();
    return index < names.size() ? names[index].c_str() : nullptr;
  } catch (...) {
    return nullptr;
  }
}

int mtcnn_model_load(const char* path, mtcnn_model** model, mtcnn_error* error) {
  if (model != nullptr) *model = nullptr;
  return guarded(error, [&] {
    if (path == nullptr) return null_argument("path");
    if (model == nullptr) return null_argument("model");
    return hand_over(Model::load(path), model);
  });
}

int mtcnn_model_parse(const void* bytes, size_t size, const char* name, mtcnn_model** model,
                      mtcnn_error* error) {
  if (model != nullptr) *model = nullptr;
  return guarded(error, [&] {
    if (bytes == nullptr) return null_argument("bytes");
    if (model == nullptr) return null_argument("model");
    const std::span<const std::byte> content(static_cast<const std::byte*>(bytes), size);
    return hand_over(Model::parse(content, name != nullptr ? name : "model"), model);
  });
}

int mtcnn_model_builtin(mtcnn_model** model, mtcnn_error* error) {
  if (model != nullptr) *model = nullptr;
  return guarded(error, [&] {
    if (model == nullptr) return null_argument("model");
    return hand_over(Model::builtin(), model);
  });
}

int mtcnn_model_save(const mtcnn_model* model, const char* path, mtcnn_error* error) {
  return guarded(error, [&] {
    if (model == nullptr) return null_argument("model");
    if (path == nullptr) return null_argument("path");
    return model->model.save(path);
  });
}

int mtcnn_model_thresholds(const mtcnn_model* model, float thresholds[3], mtcnn_error* error) {
  return guarded(error, [&] {
    if (model == nullptr) return null_argument("model");
    if (thresholds == nullptr) return null_argument("thresholds");
    const std::array<float, 3> values = model->info.thresholds;
    std::copy(values.begin(), values.end(), thresholds);
    return done();
  });
}

int mtcnn_model_get_info(const mtcnn_model* model, mtcnn_model_info* info, size_t info_size,
                         mtcnn_error* error) {
  return guarded(error, [&] {
    if (model == nullptr) return null_argument("model");
    if (info == nullptr) return null_argument("info");
    const ModelInfo& from = model->info;
    mtcnn_model_info all{};
    all.format_version = from.format_version;
    from.architecture.copy(all.architecture, sizeof all.architecture - 1);
    all.release_geometry = from.geometry == CellGeometry::kRelease;
    all.pixel_mean = from.pixel_mean;
    all.pixel_scale = from.pixel_scale;
    std::copy(from.thresholds.begin(), from.thresholds.end(), all.thresholds);
    all.has_lnet = std::any_of(from.nets.begin(), from.nets.end(),
                               [](const NetInfo& net) { return net.name == "lnet"; });
    std::memset(static_cast<void*>(info), 0, info_size);
    std::memcpy(static_cast<void*>(info), &all, std::min(info_size, sizeof all));
    return done();
  });
}

const char* mtcnn_model_metadata(const mtcnn_model* model, const char* key) {
  if (model == nullptr || key == nullptr) return nullptr;
  for (const auto& [name, value] : model->info.metadata) {
    if (name == key) return value.c_str();
  }
  return nullptr;
}

int mtcnn_model_serialize(const mtcnn_model* model, void* bytes, size_t room, size_t* size,
                          mtcnn_error* error) {
  if (size != nullptr) *size = 0;
  return guarded(error, [&]() -> Status {
    if (model == nullptr) return null_argument("model");
    if (size == nullptr) return null_argument("size");
    if (bytes == nullptr && room > 0) return null_argument("bytes");
    const std::vector<std::byte> all = model->model.serialize();
    if (room > 0 && room < all.size()) {
      return Error{ErrorCode::kInvalidArgument,
                   "room is " + std::to_string(room) + " bytes, the model has " + std::to_string(all.size())};
    }
    if (room > 0) std::memcpy(bytes, all.data(), all.size());
    *size = all.size();
    return done();
  });
}

void mtcnn_model_free(mtcnn_model* model) { delete model; }

void mtcnn_options_init(mtcnn_options* options, size_t struct_size) {
  init_options(options, struct_size, default_options());
}

int mtcnn_detector_create(const mtcnn_model* model, const mtcnn_options* options, mtcnn_detector** detector,
                          mtcnn_error* error) {
  if (detector != nullptr) *detector = nullptr;
  return guarded(error, [&]() -> Status {
    if (model == nullptr) return null_argument("model");
    if (detector == nullptr) return null_argument("detector");
    const Result<DetectorOptions> read = to_detector_options(options, model->model);
    if (!read) return read.error();
    Result<Detector> created = Detector::create(model->model, *read);
    if (!created) return created.error();
    *detector = new mtcnn_detector{*std::move(created)};
    return done();
  });
}

void mtcnn_detector_free(mtcnn_detector* detector) { delete detector; }

int mtcnn_workspace_create(mtcnn_workspace** workspace, mtcnn_error* error) {
  if (workspace != nullptr) *workspace = nullptr;
  return guarded(error, [&] {
    if (workspace == nullptr) return null_argument("workspace");
    *workspace = new mtcnn_workspace;
    return done();
  });
}

size_t mtcnn_workspace_bytes(const mtcnn_workspace* workspace) {
  if (workspace == nullptr) return 0;
  return workspace->workspace.bytes() + workspace->faces.capacity() * sizeof(mtcnn_face);
}

void mtcnn_workspace_free(mtcnn_workspace* workspace) { delete workspace; }

int mtcnn_detect(const mtcnn_detector* detector, const mtcnn_image* image, mtcnn_workspace* workspace,
                 const mtcnn_face** faces, size_t* count, mtcnn_error* error) {
  if (faces != nullptr) *faces = nullptr;
  if (count != nullptr) *count = 0;
  return guarded(error, [&]() -> Status {
    if (detector == nullptr) return null_argument("detector");
    if (image == nullptr) return null_argument("image");
    if (workspace == nullptr) return null_argument("workspace");
    if (faces == nullptr) return null_argument("faces");
    if (count == nullptr) return null_argument("count");
    const auto found = detector->detector.detect(to_view(*image), workspace->workspace);
    if (!found) return found.error();
    workspace->faces.clear();
    for (const Face& face : *found) workspace->faces.push_back(to_c(face));
    *faces = workspace->faces.data();
    *count = workspace->faces.size();
    return done();
  });
}

int mtcnn_detect_at(const mtcnn_detector* detector, const mtcnn_image* image, const mtcnn_box* boxes,
                    size_t count, mtcnn_workspace* workspace, const mtcnn_face** faces, mtcnn_error* error) {
  if (faces != nullptr) *faces = nullptr;
  return guarded(error, [&]() -> Status {
    if (detector == nullptr) return null_argument("detector");
    if (image == nullptr) return null_argument("image");
    if (boxes == nullptr && count > 0) return null_argument("boxes");
    if (workspace == nullptr) return null_argument("workspace");
    if (faces == nullptr) return null_argument("faces");
    std::vector<Box> places;
    for (std::size_t i = 0; i < count; ++i)
      places.push_back({boxes[i].left, boxes[i].top, boxes[i].right, boxes[i].bottom});
    const auto found = detector->detector.detect_at(to_view(*image), places, workspace->workspace);
    if (!found) return found.error();
    workspace->faces.clear();
    for (const std::optional<Face>& face : *found)
      workspace->faces.push_back(face ? to_c(*face) : mtcnn_face{});
    *faces = workspace->faces.data();
    return done();
  });
}

int mtcnn_trace_create(const mtcnn_detector* detector, const mtcnn_image* image, mtcnn_trace** trace,
                       mtcnn_error* error) {
  if (trace != nullptr) *trace = nullptr;
  return guarded(error, [&]() -> Status {
    if (detector == nullptr) return null_argument("detector");
    if (image == nullptr) return null_argument("image");
    if (trace == nullptr) return null_argument("trace");
    const Result<Trace> found = detector->detector.trace(to_view(*image));
    if (!found) return found.error();
    auto result = std::make_unique<mtcnn_trace>();
    for (const Trace::Level& level : found->levels)
      result->levels.push_back({level.scale, level.size.width, level.size.height, level.candidates});
    result->stages[MTCNN_PROPOSALS] = to_c(found->proposals);
    result->stages[MTCNN_PNET] = to_c(found->pnet);
    result->stages[MTCNN_RNET] = to_c(found->rnet);
    for (const Face& face : found->faces) result->faces.push_back(to_c(face));
    *trace = result.release();
    return done();
  });
}

size_t mtcnn_trace_levels(const mtcnn_trace* trace, const mtcnn_level** levels) {
  return trace != nullptr ? show(trace->levels, levels) : show_nothing(levels);
}

size_t mtcnn_trace_stage(const mtcnn_trace* trace, int stage, const mtcnn_candidate** candidates) {
  if (trace == nullptr || stage < MTCNN_PROPOSALS || stage > MTCNN_RNET) return show_nothing(candidates);
  return show(trace->stages[stage], candidates);
}

size_t mtcnn_trace_faces(const mtcnn_trace* trace, const mtcnn_face** faces) {
  return trace != nullptr ? show(trace->faces, faces) : show_nothing(faces);
}

void mtcnn_trace_free(mtcnn_trace* trace) { delete trace; }

void mtcnn_tracker_options_init(mtcnn_tracker_options* options, size_t struct_size) {
  init_options(options, struct_size, default_tracker_options());
}

int mtcnn_tracker_create(const mtcnn_detector* detector, const mtcnn_tracker_options* options,
                         mtcnn_tracker** tracker, mtcnn_error* error) {
  if (tracker != nullptr) *tracker = nullptr;
  return guarded(error, [&]() -> Status {
    if (detector == nullptr) return null_argument("detector");
    if (tracker == nullptr) return null_argument("tracker");
    const Result<mtcnn_tracker_options> read =
        read_options(options, kFirstTrackerOptionsSize, default_tracker_options());
    if (!read) return read.error();
    TrackerOptions wanted;
    wanted.detect_every = read->detect_every;
    wanted.min_overlap = read->min_overlap;
    wanted.keep_lost = read->keep_lost;
    wanted.smoothing = read->smoothing;
    Result<Tracker> created = Tracker::create(detector->detector, wanted);
    if (!created) return created.error();
    *tracker = new mtcnn_tracker{*std::move(created), {}};
    return done();
  });
}

int mtcnn_tracker_update(mtcnn_tracker* tracker, const mtcnn_image* frame, const mtcnn_tracked_face** faces,
                         size_t* count, mtcnn_error* error) {
  if (faces != nullptr) *faces = nullptr;
  if (count != nullptr) *count = 0;
  return guarded(error, [&]() -> Status {
    if (tracker == nullptr) return null_argument("tracker");
    if (frame == nullptr) return null_argument("frame");
    if (faces == nullptr) return null_argument("faces");
    if (count == nullptr) return null_argument("count");
    const auto found = tracker->tracker.update(to_view(*frame));
    if (!found) return found.error();
    tracker->faces.clear();
    for (const TrackedFace& face : *found)
      tracker->faces.push_back({face.id, to_c(face.face), face.frames, face.detected});
    *count = show(tracker->faces, faces);
    return done();
  });
}

void mtcnn_tracker_reset(mtcnn_tracker* tracker) {
  if (tracker != nullptr) tracker->tracker.reset();
}

void mtcnn_tracker_free(mtcnn_tracker* tracker) { delete tracker; }

void mtcnn_align_options_init(mtcnn_align_options* options, size_t struct_size) {
  init_options(options, struct_size, default_align_options());
}

int mtcnn_alignment_template(const mtcnn_align_options* options, mtcnn_point points[5], mtcnn_error* error) {
  return guarded(error, [&]() -> Status {
    if (points == nullptr) return null_argument("points");
    const Result<AlignOptions> read = to_align_options(options);
    if (!read) return read.error();
    const Result<Landmarks> result = alignment_template(*read);
    if (!result) return result.error();
    copy_points(*result, points);
    return done();
  });
}

int mtcnn_align(const mtcnn_image* image, const mtcnn_point landmarks[5], const mtcnn_align_options* options,
                uint8_t* rgb, size_t rgb_size, mtcnn_similarity* to_crop, mtcnn_similarity* to_image,
                mtcnn_error* error) {
  return guarded(error, [&]() -> Status {
    if (image == nullptr) return null_argument("image");
    if (landmarks == nullptr) return null_argument("landmarks");
    if (rgb == nullptr) return null_argument("rgb");
    const Result<AlignOptions> read = to_align_options(options);
    if (!read) return read.error();
    const Result<AlignedCrop> crop = align(to_view(*image), to_landmarks(landmarks), *read);
    if (!crop) return crop.error();
    if (rgb_size < crop->rgb.size()) {
      return Error{ErrorCode::kInvalidArgument, "rgb_size is " + std::to_string(rgb_size) +
                                                    " bytes, the crop has " +
                                                    std::to_string(crop->rgb.size())};
    }
    std::memcpy(rgb, crop->rgb.data(), crop->rgb.size());
    if (to_crop != nullptr) *to_crop = to_c(crop->to_crop);
    if (to_image != nullptr) *to_image = to_c(crop->to_image);
    return done();
  });
}

int mtcnn_fit_similarity(const mtcnn_point from[5], const mtcnn_point to[5], mtcnn_similarity* similarity,
                         mtcnn_error* error) {
  return guarded(error, [&]() -> Status {
    if (from == nullptr) return null_argument("from");
    if (to == nullptr) return null_argument("to");
    if (similarity == nullptr) return null_argument("similarity");
    const Result<Similarity> fit = fit_similarity(to_landmarks(from), to_landmarks(to));
    if (!fit) return fit.error();
    *similarity = to_c(*fit);
    return done();
  });
}

mtcnn_similarity mtcnn_similarity_inverse(mtcnn_similarity s) {
  return to_c(inverse({s.a, s.b, s.tx, s.ty}));
}
