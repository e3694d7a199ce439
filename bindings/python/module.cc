// The compiled half of the Python package: models, detectors and crops over buffers of pixels. What
// a Python programmer sees (images of all kinds, typed results, options with defaults) is
// written in Python, in libmtcnn/, over this; nothing else imports it.
//
// Results are bytearrays of floats, which NumPy takes over without a copy. The interpreter's lock is
// released wherever the library works.
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "convert/convert.h"
#include "mtcnn/mtcnn.h"

namespace nb = nanobind;

namespace mtcnn {
namespace {

struct Failure : std::exception {
  explicit Failure(Error e) : error(std::move(e)) {}
  const char* what() const noexcept override { return error.message.c_str(); }
  Error error;
};

template <typename T>
T value_of(Result<T> result) {
  if (!result) throw Failure(result.error());
  return *std::move(result);
}

// The classes are Python's (libmtcnn/_errors.py), in the order of ErrorCode.
void raise_failure(const Error& error) {
  const nb::object classes = nb::module_::import_("libmtcnn._errors").attr("BY_CODE");
  const nb::object type = classes[static_cast<int>(error.code)];
  // Messages name files, and file names may be any bytes.
  const nb::object message = nb::steal(PyUnicode_DecodeUTF8(
      error.message.data(), static_cast<Py_ssize_t>(error.message.size()), "surrogateescape"));
  if (message.is_valid()) PyErr_SetObject(type.ptr(), message.ptr());
}

nb::object bytes_object(const void* data, std::size_t size) {
  nb::object object =
      nb::steal(PyByteArray_FromStringAndSize(static_cast<const char*>(data), static_cast<Py_ssize_t>(size)));
  if (!object.is_valid()) nb::raise_python_error();
  return object;
}

template <typename T>
nb::object floats_object(std::span<const T> items) {
  static_assert(sizeof(T) % sizeof(float) == 0 && alignof(T) == alignof(float));
  return bytes_object(items.data(), items.size_bytes());
}

// A buffer of rows x columns x channels bytes, where the bytes of a pixel, and the pixels of a row,
// follow one another. Held for as long as the view is used.
class Pixels {
 public:
  Pixels(nb::handle array, int format) {
    if (PyObject_GetBuffer(array.ptr(), &buffer_, PyBUF_STRIDED_RO) != 0) nb::raise_python_error();
    const auto fits = [&](Py_ssize_t n) { return n <= std::numeric_limits<int>::max(); };
    const int channels = bytes_per_pixel(static_cast<PixelFormat>(format));
    if (buffer_.ndim != 3 || buffer_.itemsize != 1 || channels == 0 || buffer_.shape[2] != channels ||
        (channels > 1 && buffer_.strides[2] != 1) ||
        (buffer_.shape[1] > 1 && buffer_.strides[1] != channels) || !fits(buffer_.shape[0]) ||
        !fits(buffer_.shape[1])) {
      PyBuffer_Release(&buffer_);
      throw nb::type_error("expected rows x columns x channels of bytes, without gaps within a row");
    }
    view_ = {static_cast<const std::uint8_t*>(buffer_.buf), static_cast<int>(buffer_.shape[1]),
             static_cast<int>(buffer_.shape[0]), buffer_.strides[0], static_cast<PixelFormat>(format)};
  }
  ~Pixels() { PyBuffer_Release(&buffer_); }
  Pixels(const Pixels&) = delete;
  Pixels& operator=(const Pixels&) = delete;
  const ImageView& view() const { return view_; }

 private:
  Py_buffer buffer_{};
  ImageView view_;
};

// A detector that outlives a fork. The child has none of the parent's threads, and perhaps its locks as
// they were at that moment; so it makes a detector of its own and leaves the parent's memory alone.
// Requires the interpreter's lock.
class ForkSafeDetector {
 public:
  ForkSafeDetector(Model model, DetectorOptions options)
      : model_(std::move(model)), options_(std::move(options)) {
    create();
  }
  ~ForkSafeDetector() { leave_parents(); }
  ForkSafeDetector(const ForkSafeDetector&) = delete;
  ForkSafeDetector& operator=(const ForkSafeDetector&) = delete;

  const Detector& get() {
    leave_parents();
    if (!detector_) create();
    return *detector_;
  }

 private:
  void create() {
    detector_ = std::make_unique<Detector>(value_of(Detector::create(model_, options_)));
    process_ = getpid();
  }
  void leave_parents() {
    if (detector_ && process_ != getpid()) static_cast<void>(detector_.release());
  }

  Model model_;
  DetectorOptions options_;
  std::unique_ptr<Detector> detector_;
  pid_t process_ = 0;
};

// A tracker is one video's: a call that comes while another runs waits for it. A forked process has none of the threads that
// it may work on, and can't use its parent's.
class PythonTracker {
 public:
  PythonTracker(ForkSafeDetector& detector, const TrackerOptions& options)
      : tracker_(std::make_unique<Tracker>(value_of(Tracker::create(detector.get(), options)))) {}
  ~PythonTracker() {
    if (process_ != getpid()) static_cast<void>(tracker_.release());
  }
  PythonTracker(const PythonTracker&) = delete;
  PythonTracker& operator=(const PythonTracker&) = delete;

  std::vector<TrackedFace> update(const ImageView& frame) {
    check_process();
    const std::lock_guard lock(mutex_);
    const std::span<const TrackedFace> faces = value_of(tracker_->update(frame));
    return {faces.begin(), faces.end()};
  }
  void reset() {
    check_process();
    const std::lock_guard lock(mutex_);
    tracker_->reset();
  }
  // Frames, and those with a full detection.
  std::array<std::int64_t, 2> counts() {
    check_process();
    const std::lock_guard lock(mutex_);
    return {tracker_->frames(), tracker_->full_detections()};
  }

 private:
  void check_process() const {
    if (process_ != getpid())
      throw Failure(
          Error{ErrorCode::kUnsupported, "a tracker can't be used in a forked process: make one there"});
  }

  std::unique_ptr<Tracker> tracker_;
  std::mutex mutex_;
  const pid_t process_ = getpid();
};

using FourFloats = std::array<float, 4>;
using TenFloats = std::array<float, 10>;
using TwoInts = std::array<int, 2>;
using ThreeInts = std::array<int, 3>;

Landmarks landmarks_of(const TenFloats& v) {
  return {Point{v[0], v[1]}, {v[2], v[3]}, {v[4], v[5]}, {v[6], v[7]}, {v[8], v[9]}};
}

nb::tuple similarity_tuple(const Similarity& s) { return nb::make_tuple(s.a, s.b, s.tx, s.ty); }

AlignOptions align_options(const TwoInts& size, float margin, const ThreeInts& fill) {
  AlignOptions options{{size[0], size[1]}, margin};
  for (std::size_t i = 0; i < 3; ++i) options.fill[i] = static_cast<std::uint8_t>(fill[i]);
  return options;
}

nb::object detect(ForkSafeDetector& self, nb::handle array, int format) {
  const Pixels pixels(array, format);
  const Detector& detector = self.get();
  std::vector<Face> faces;
  {
    const nb::gil_scoped_release unlocked;
    faces = value_of(detector.detect(pixels.view()));
  }
  return floats_object(std::span<const Face>(faces));
}

nb::tuple update(PythonTracker& self, nb::handle array, int format) {
  const Pixels pixels(array, format);
  std::vector<TrackedFace> tracked;
  {
    const nb::gil_scoped_release unlocked;
    tracked = self.update(pixels.view());
  }
  std::vector<Face> faces;
  nb::list about;
  for (const TrackedFace& face : tracked) {
    faces.push_back(face.face);
    about.append(nb::make_tuple(face.id, face.frames, face.detected));
  }
  return nb::make_tuple(floats_object(std::span<const Face>(faces)), about);
}

nb::tuple trace(ForkSafeDetector& self, nb::handle array, int format) {
  const Pixels pixels(array, format);
  const Detector& detector = self.get();
  Trace trace;
  {
    const nb::gil_scoped_release unlocked;
    trace = value_of(detector.trace(pixels.view()));
  }
  nb::list levels;
  for (const Trace::Level& level : trace.levels) {
    levels.append(nb::make_tuple(level.scale, level.size.width, level.size.height, level.candidates));
  }
  return nb::make_tuple(levels, floats_object(std::span<const Candidate>(trace.proposals)),
                        floats_object(std::span<const Candidate>(trace.pnet)),
                        floats_object(std::span<const Candidate>(trace.rnet)),
                        floats_object(std::span<const Face>(trace.faces)));
}

nb::tuple align_face(nb::handle array, int format, const TenFloats& points, const TwoInts& size, float margin,
                     const ThreeInts& fill) {
  const Pixels pixels(array, format);
  AlignedCrop crop;
  {
    const nb::gil_scoped_release unlocked;
    crop = value_of(align(pixels.view(), landmarks_of(points), align_options(size, margin, fill)));
  }
  return nb::make_tuple(bytes_object(crop.rgb.data(), crop.rgb.size()), similarity_tuple(crop.to_crop),
                        similarity_tuple(crop.to_image));
}

std::vector<float> template_points(const TwoInts& size, float margin) {
  std::vector<float> points;
  for (const Point& p : value_of(alignment_template(align_options(size, margin, {})))) {
    points.insert(points.end(), {p.x, p.y});
  }
  return points;
}

Model parse_model(const nb::bytes& bytes, const std::string& name) {
  const std::span<const std::byte> span(static_cast<const std::byte*>(bytes.data()), bytes.size());
  const nb::gil_scoped_release unlocked;
  return value_of(Model::parse(span, name));
}

std::string path_of(const nb::bytes& path) { return {path.c_str(), path.size()}; }

nb::dict info_of(const Model& model) {
  const ModelInfo info = model.info();
  nb::dict nets;
  for (const NetInfo& net : info.nets) nets[net.name.c_str()] = net.parameters;
  nb::dict metadata;
  for (const auto& [key, value] : info.metadata) metadata[key.c_str()] = value;
  nb::dict dict;
  dict["format_version"] = info.format_version;
  dict["architecture"] = info.architecture;
  dict["geometry"] = info.geometry == CellGeometry::kExact ? "exact" : "release";
  dict["pixel_mean"] = info.pixel_mean;
  dict["pixel_scale"] = info.pixel_scale;
  dict["thresholds"] = nb::make_tuple(info.thresholds[0], info.thresholds[1], info.thresholds[2]);
  dict["nets"] = nets;
  dict["metadata"] = metadata;
  return dict;
}

}  // namespace
}  // namespace mtcnn

NB_MODULE(_core, m) {
  using namespace mtcnn;         // NOLINT(google-build-using-namespace)
  nb::set_leak_warnings(false);  // the library never prints
  nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Failure& failure) {
      raise_failure(failure.error);
    }
  });

  nb::class_<Model>(m, "Model")
      .def_static("load",
                  [](const nb::bytes& path) {
                    const std::string name = path_of(path);
                    const nb::gil_scoped_release unlocked;
                    return value_of(Model::load(name));
                  })
      .def_static("parse", &parse_model)
      .def_static("builtin", [] { return value_of(Model::builtin()); })
      .def_static("convert",
                  [](const std::vector<nb::bytes>& paths) {
                    std::vector<std::string> inputs;
                    for (const nb::bytes& path : paths) inputs.push_back(path_of(path));
                    const nb::gil_scoped_release unlocked;
                    return Model(std::make_shared<const ModelData>(value_of(import_model(inputs))));
                  })
      .def("serialize",
           [](const Model& model) {
             const std::vector<std::byte> bytes = model.serialize();
             return nb::bytes(bytes.data(), bytes.size());
           })
      .def("save",
           [](const Model& model, const nb::bytes& path) {
             const std::string name = path_of(path);
             const nb::gil_scoped_release unlocked;
             value_of(model.save(name));
           })
      .def("info", &info_of);

  nb::class_<ForkSafeDetector>(m, "Detector")
      .def(
          "__init__",
          [](ForkSafeDetector* self, const Model& model, float min_face, float max_face, double factor,
             std::optional<std::array<float, 3>> thresholds, float nms_level, float nms_pyramid,
             float nms_rnet, float nms_onet, const ThreeInts& max_candidates, int threads,
             std::optional<FourFloats> region, std::optional<TwoInts> size, bool clip, bool mirror_landmarks,
             bool lnet, bool largest_only, const std::string& instruction_set) {
            DetectorOptions options;
            options.min_face = min_face;
            options.max_face = max_face;
            options.factor = factor;
            options.thresholds = thresholds;
            options.nms_level = nms_level;
            options.nms_pyramid = nms_pyramid;
            options.nms_rnet = nms_rnet;
            options.nms_onet = nms_onet;
            options.max_candidates = max_candidates;
            options.threads = threads;
            if (region) options.region = Box{(*region)[0], (*region)[1], (*region)[2], (*region)[3]};
            if (size) options.resize = Size{(*size)[0], (*size)[1]};
            options.clip = clip;
            options.mirror_landmarks = mirror_landmarks;
            options.lnet = lnet;
            options.largest_only = largest_only;
            options.instruction_set = instruction_set;
            new (self) ForkSafeDetector(model, options);
          },
          nb::arg("model"), nb::kw_only(), nb::arg("min_face"), nb::arg("max_face"), nb::arg("factor"),
          nb::arg("thresholds").none(), nb::arg("nms_level"), nb::arg("nms_pyramid"), nb::arg("nms_rnet"),
          nb::arg("nms_onet"), nb::arg("max_candidates"), nb::arg("threads"), nb::arg("region").none(),
          nb::arg("resize").none(), nb::arg("clip"), nb::arg("mirror_landmarks"), nb::arg("lnet"),
          nb::arg("largest_only"), nb::arg("instruction_set"))
      .def("detect", &detect)
      .def("trace", &trace)
      // What the library filled in.
      .def("resolved", [](ForkSafeDetector& self) {
        const DetectorOptions& o = self.get().options();
        const std::array<float, 3> t = o.thresholds.value_or(std::array<float, 3>{});
        return nb::make_tuple(nb::make_tuple(t[0], t[1], t[2]), o.threads, o.instruction_set);
      });

  nb::class_<PythonTracker>(m, "Tracker")
      .def(
          "__init__",
          [](PythonTracker* self, ForkSafeDetector& detector, int detect_every, float min_overlap,
             int keep_lost, float smoothing) {
            new (self) PythonTracker(detector, {.detect_every = detect_every,
                                                .min_overlap = min_overlap,
                                                .keep_lost = keep_lost,
                                                .smoothing = smoothing});
          },
          nb::arg("detector"), nb::kw_only(), nb::arg("detect_every"), nb::arg("min_overlap"),
          nb::arg("keep_lost"), nb::arg("smoothing"))
      .def("update", &update)
      .def("reset",
           [](PythonTracker& self) {
             const nb::gil_scoped_release unlocked;
             self.reset();
           })
      .def("counts", [](PythonTracker& self) {
        const nb::gil_scoped_release unlocked;
        return self.counts();
      });

  m.def("align", &align_face);
  m.def("alignment_template", &template_points);
  m.def("instruction_sets", &instruction_sets);
  m.def("version", &version);
}
