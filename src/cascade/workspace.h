// All memory and threads of a detection in progress. Everything is kept from call to call, so that a
// warm workspace need not allocate.
#ifndef MTCNN_CASCADE_WORKSPACE_H_
#define MTCNN_CASCADE_WORKSPACE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "cascade/pyramid.h"
#include "engine/row_network.h"
#include "engine/screened_network.h"
#include "geometry/codec.h"
#include "geometry/nms.h"
#include "image/patch.h"
#include "image/resample.h"
#include "mtcnn/detector.h"
#include "util/aligned.h"
#include "util/parallel.h"

namespace mtcnn {

// A cell of P-Net above the threshold.
struct Proposal {
  ScoredBox window;
  BoxOffsets offsets{};
  int column = 0, row = 0;  // in its level
};

// Some cells of one pyramid level: what one thread works on at a time.
struct LevelTile {
  int level = 0;
  Tile tile;
};

// A window that R-Net or O-Net takes for a face.
struct AcceptedWindow {
  ScoredBox window;
  BoxOffsets offsets{};
  LandmarkOffsets landmarks{};  // O-Net only
  int index = 0;                // among the windows that the net was shown
};

// One thread's own.
struct WorkerScratch {
  AxisTaps horizontal, vertical;
  ResampleScratch resample;
  PatchScratch patch;
  AlignedFloats input, scratch, output;
  ScreenScratch screen;
  AlignedWords words;
};

struct CascadeWorkspace {
  std::unique_ptr<ThreadPool> pool;
  int threads_asked = 0;
  std::vector<WorkerScratch> workers;  // one for each thread of the pool

  std::vector<std::uint8_t> rgb, resized;
  AlignedFloats resized_floats;
  AxisTaps resize_horizontal, resize_vertical;

  std::vector<PyramidLevel> levels;
  std::vector<LevelTile> tiles;
  std::vector<std::vector<Proposal>> tile_proposals;
  std::vector<int> level_candidates;  // cells above the threshold in each level
  std::vector<Proposal> level_proposals, proposals;

  NmsScratch nms;
  std::vector<ScoredBox> nms_input;
  std::vector<int> keep;

  std::vector<ScoredBox> windows;  // what the next stage is shown
  std::vector<std::vector<AcceptedWindow>> batch_detections;
  std::vector<AcceptedWindow> detections;
  std::vector<Face> accepted;  // O-Net's, before NMS
  std::vector<Face> faces;

  std::vector<int> shown, looked;               // look(): which of its boxes a window or a face belongs to
  std::vector<std::optional<Face>> seen_again;  // what look() found

  // Makes the pool fit. Requires threads >= 1.
  void use_threads(int threads);

  // Gives every worker the capacities of the one that has most.
  void level_workers();

  // Memory held.
  std::size_t bytes() const;
};

}  // namespace mtcnn

#endif  // MTCNN_CASCADE_WORKSPACE_H_
