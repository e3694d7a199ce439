#include "cascade/refine.h"

#include <algorithm>
#include <numeric>

#include "cascade/score.h"

namespace mtcnn {
namespace {

// Windows that one thread takes at a time, at most: enough that the dense layers' weights are not read anew
// for each.
constexpr std::size_t kBatch = 16;

void mirror_patches(float* patches, std::size_t count, int side) {
  for (std::size_t line = 0; line < count * static_cast<std::size_t>(side); ++line) {
    float* const row = patches + line * static_cast<std::size_t>(side) * 3;
    for (int left = 0, right = side - 1; left < right; ++left, --right) {
      std::swap_ranges(row + 3 * left, row + 3 * left + 3, row + 3 * right);
    }
  }
}

// Where fewer windows than this share the work, it is more than what screening saves.
constexpr int kFewest = 9;
static_assert(kBatch == kScreenLanes);

// Moves those of `count` patches of worker.input that may be above the threshold to its front. Returns how many, and which in `kept`.
int screen(const RefineSpec& spec, int count, std::size_t patch, WorkerScratch& worker, int* kept) {
  std::iota(kept, kept + count, 0);
  if (!spec.screen || count < kFewest) return count;
  worker.words.resize(spec.screen->scratch_size());
  float scores[kScreenLanes];
  spec.screen->run(worker.input.data(), count, worker.words.data(), scores);
  const float limit = logit_bound(spec.threshold) - spec.screen->margin();
  int left = 0;
  for (int i = 0; i < count; ++i) {
    if (!(scores[i] >= limit)) continue;
    if (i > left) {
      std::copy_n(worker.input.data() + static_cast<std::size_t>(i) * patch, patch,
                  worker.input.data() + static_cast<std::size_t>(left) * patch);
    }
    kept[left++] = i;
  }
  return left;
}

// `first`: index of the first of the windows.
void refine_batch(const RefineSpec& spec, const ImageView& rgb, std::span<const ScoredBox> windows,
                  std::size_t first, WorkerScratch& worker, std::vector<AcceptedWindow>& found) {
  const int side = spec.network.spec().side;
  const Size input{side, side};
  const std::size_t patch = std::size_t{3} * static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  const std::size_t outputs = static_cast<std::size_t>(spec.network.outputs());
  constexpr std::size_t kLandmarksAt = 6;  // behind two logits and four offsets

  worker.input.resize(patch * kBatch + kSlack);
  worker.scratch.resize(spec.network.scratch_size(input, kBatch));
  worker.output.resize(2 * (outputs * kBatch + kSlack));
  float* const plain = worker.output.data();
  float* const mirror = plain + outputs * kBatch + kSlack;

  for (std::size_t i = 0; i < windows.size(); ++i) {
    read_patch(rgb, windows[i].box, side, spec.mean, spec.scale, spec.kernels, worker.patch,
               worker.input.data() + i * patch);
  }
  int kept[kBatch];
  const int count = screen(spec, static_cast<int>(windows.size()), patch, worker, kept);
  spec.network.run(worker.input.data(), count, input, worker.scratch.data(), plain);
  if (spec.mirror_landmarks) {
    mirror_patches(worker.input.data(), static_cast<std::size_t>(count), side);
    spec.network.run(worker.input.data(), count, input, worker.scratch.data(), mirror);
  }

  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const float* value = plain + i * outputs;
    const float score = face_probability(value[0], value[1]);
    if (!(score > spec.threshold)) continue;
    const std::size_t window = static_cast<std::size_t>(kept[i]);
    AcceptedWindow detection{{windows[window].box, score},
                             {value[2], value[3], value[4], value[5]},
                             {},
                             static_cast<int>(first + window)};
    if (spec.landmarks) {
      std::copy_n(value + kLandmarksAt, detection.landmarks.size(), detection.landmarks.begin());
    }
    if (spec.mirror_landmarks) {
      LandmarkOffsets other;
      std::copy_n(mirror + i * outputs + kLandmarksAt, other.size(), other.begin());
      other = mirrored(other);
      for (std::size_t j = 0; j < other.size(); ++j) {
        detection.landmarks[j] = (detection.landmarks[j] + other[j]) / 2;
      }
    }
    found.push_back(detection);
  }
}

}  // namespace

void refine(const RefineSpec& spec, const ImageView& rgb, CascadeWorkspace& workspace) {
  const std::span<const ScoredBox> windows = workspace.windows;
  workspace.detections.clear();
  if (windows.empty()) return;
  std::size_t each = kBatch;
  if (!spec.screen) {
    // As many for each thread. (Screening takes as long for one window as for a whole batch.)
    const std::size_t threads = static_cast<std::size_t>(workspace.pool->threads());
    const std::size_t rounds = (windows.size() + kBatch * threads - 1) / (kBatch * threads);
    each = (windows.size() + rounds * threads - 1) / (rounds * threads);
  }
  const std::size_t batches = (windows.size() + each - 1) / each;
  if (workspace.batch_detections.size() < batches) workspace.batch_detections.resize(batches);
  workspace.pool->for_each(static_cast<int>(batches), [&](int task, int worker) {
    const std::size_t first = static_cast<std::size_t>(task) * each;
    std::vector<AcceptedWindow>& found = workspace.batch_detections[static_cast<std::size_t>(task)];
    found.clear();
    found.reserve(kBatch);
    refine_batch(spec, rgb, windows.subspan(first, std::min(each, windows.size() - first)), first,
                 workspace.workers[static_cast<std::size_t>(worker)], found);
  });
  for (std::size_t i = 0; i < batches; ++i) {
    const std::vector<AcceptedWindow>& found = workspace.batch_detections[i];
    workspace.detections.insert(workspace.detections.end(), found.begin(), found.end());
  }
}

}  // namespace mtcnn
