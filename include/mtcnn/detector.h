#ifndef MTCNN_DETECTOR_H_
#define MTCNN_DETECTOR_H_

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mtcnn/export.h"
#include "mtcnn/model.h"
#include "mtcnn/result.h"
#include "mtcnn/types.h"

namespace mtcnn {

// Defaults are those of the authors' demo (min_face 20, factor .709) and, for the thresholds, the
// model's own. "Pixels" are those of the image given to detect(), or of the resized one if `resize`
// is set.
struct DetectorOptions {
  float min_face = 20;  // pixels; smallest face side searched, 4 to 2^24. The cost falls with its square.
  // Pixels; windows with a larger side are not searched, faces whose box (before `clip`) has a larger area than its square
  // are left out; at least min_face. 0: no limit
  float max_face = 0;
  double factor = .709;  // ratio of one pyramid level to the one before it, .1 to .99

  // Score thresholds of P-, R- and O-Net, 0 to 1. P-Net keeps score >= threshold, R- and O-Net
  // score > threshold (release). Empty: the model's defaults.
  std::optional<std::array<float, 3>> thresholds = std::nullopt;

  // Overlaps above which the lower score is dropped, 0 to 1. The first three are intersection over
  // union; the last is intersection over the smaller box (paper, section II.A; release).
  float nms_level = .5f;    // within one pyramid level
  float nms_pyramid = .7f;  // across levels
  float nms_rnet = .7f;
  float nms_onet = .7f;

  // Most boxes that each stage hands on, best scores first. 0: no cap.
  std::array<int, 3> max_candidates{0, 0, 0};

  int threads = 1;  // threads that share one detect() call, to 1024; 0: one per core

  // Search only here, in pixels of the image given, left < right and top < bottom; rounded outwards to
  // whole pixels. What lies outside is not seen, as if cropped.
  std::optional<Box> region = std::nullopt;
  // Resize the image (or the region) to this size, sides of 1 to 16384, before the pyramid; results are
  // in pixels of the image given all the same.
  std::optional<Size> resize = std::nullopt;

  bool clip = false;              // cut the boxes at the image's edges (points are left alone)
  bool mirror_landmarks = false;  // average the points with those of the mirrored patch (MTCNNv1)
  bool lnet = false;              // refine the points with L-Net (MTCNNv2); needs a model that has it
  bool largest_only = false;      // only the face with the largest box

  // Where the processor multiplies bytes faster than floats, find out with bytes which windows are far below the threshold, and
  // compute only the others in floats. The faces are the same, bit for bit; this is for tests and comparisons.
  bool screening = true;

  // "auto", or one of instruction_sets(): for tests and comparisons.
  std::string instruction_set = "auto";
};

struct Candidate {
  Box box;
  float score = 0;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

// The boxes after every stage, in pixels of the image given.
struct Trace {
  struct Level {
    float scale = 0;     // level size / image size
    Size size;           // of the level
    int candidates = 0;  // cells at or above the threshold, before any NMS
  };
  std::vector<Level> levels;
  std::vector<Candidate> proposals;  // P-Net's windows after the NMS of each level, not regressed
  std::vector<Candidate> pnet;       // after the NMS across levels, regressed and squared: R-Net's input
  std::vector<Candidate> rnet;       // R-Net's boxes after NMS, regressed and squared: O-Net's input
  std::vector<Face> faces;           // what detect() returns
};

// Scratch memory and threads of detect(). One call at a time may use a workspace; keep one for each
// thread of yours. It grows to what the largest image so far needed.
class MTCNN_EXPORT Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(Workspace&&) noexcept;
  Workspace& operator=(Workspace&&) noexcept;
  std::size_t bytes() const;  // memory held

  struct State;
  State& state();  // internal

 private:
  std::unique_ptr<State> state_;
};

// The cascade with one model and one set of options. Immutable: any number of threads may call any
// of its functions at the same time, each detect(image, workspace) with a workspace of its own.
class MTCNN_EXPORT Detector {
 public:
  // Errors: kInvalidArgument, naming the option and its range; kUnsupported for an instruction set
  // that this machine lacks, or `lnet` without L-Net in the model.
  static Result<Detector> create(const Model& model, const DetectorOptions& options = {});

  // Finds the faces of `image`, best score first; none is an empty vector. An image smaller than
  // the smallest face gives none. Errors: kInvalidArgument for a view without pixels or with a
  // stride shorter than a row; kLimit above 2^28 pixels, or if the largest pyramid level would have a
  // side above 2^18 (image side * 12 / min_face); kOutOfMemory. Calls at the same time each need memory
  // of their own, which the detector keeps for later calls.
  Result<std::vector<Face>> detect(const ImageView& image) const;

  // The same without allocating, once `workspace` has seen an image of this size and this many
  // candidates. The span is valid until the workspace is used again.
  Result<std::span<const Face>> detect(const ImageView& image, Workspace& workspace) const;

  // Looks at these places alone: R-Net and O-Net see the square around each box (pixels of `image`), R-Net to move it, O-Net to
  // judge it. For video, where faces are near to where they were: two patches a face, in place of the whole pyramid. Returns for
  // each box the face there, or none if O-Net's score is not above its threshold, or the box is empty or not finite. Two boxes may
  // find the same face. `region`, `resize`, `largest_only`, face sizes and caps have no effect. The span is valid until the
  // workspace is used again. Errors: those of detect().
  Result<std::span<const std::optional<Face>>> detect_at(const ImageView& image, std::span<const Box> boxes,
                                                         Workspace& workspace) const;

  // detect(), and what every stage before it gave.
  Result<Trace> trace(const ImageView& image) const;

  const DetectorOptions& options() const;  // as given, with thresholds, threads and instruction set filled in

 private:
  struct Impl;
  explicit Detector(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

// Names of the instruction sets that this build and this machine can run, slowest first:
// "scalar", then for example "sse4", "avx2", "avx512", "avx512vnni" or "neon".
MTCNN_EXPORT std::vector<std::string> instruction_sets();

}  // namespace mtcnn

#endif  // MTCNN_DETECTOR_H_
