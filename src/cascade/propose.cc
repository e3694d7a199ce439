#include "cascade/propose.h"

#include <algorithm>

#include "cascade/score.h"

namespace mtcnn {
namespace {

// Rows of cells in one strip. A strip's maps should stay in the second-level cache; the rows that
// neighbouring strips both compute (10 of pixels) should be few.
int strip_rows(int level_width) {
  constexpr int kMapBytes = 768 << 10;
  constexpr int kBytesPerPixel = 10 * static_cast<int>(sizeof(float));  // the first layer's map
  return std::clamp(kMapBytes / (2 * kBytesPerPixel * level_width), 8, 64);
}

void propose_strip(const ProposeSpec& spec, const ImageView& rgb, const PyramidLevel& level,
                   const AxisTaps& columns, const Strip& strip, WorkerScratch& worker,
                   std::vector<Proposal>& found) {
  const Size cells = spec.network.positions(level.size);
  const int top = kCellStride * strip.first_row;
  // The last strip takes all that is left: where the pool's last window is cut, it must be cut here too.
  const int bottom =
      strip.last_row == cells.height ? level.size.height : kCellStride * (strip.last_row - 1) + kCellSize;
  const Size input{level.size.width, bottom - top};
  const std::size_t rows = static_cast<std::size_t>(strip.last_row - strip.first_row);
  const std::size_t outputs = static_cast<std::size_t>(spec.network.outputs());

  worker.input.resize(std::size_t{3} * static_cast<std::size_t>(input.width) *
                          static_cast<std::size_t>(input.height) +
                      kSlack);
  worker.scratch.resize(spec.network.scratch_size(input, 1));
  worker.output.resize(rows * static_cast<std::size_t>(cells.width) * outputs + kSlack);

  make_taps(0, rgb.height, level.size.height, top, bottom, rgb.height, worker.vertical);
  resample(rgb, columns, worker.vertical, spec.mean, spec.scale, spec.kernels, worker.resample,
           worker.input.data());
  spec.network.run(worker.input.data(), 1, input, worker.scratch.data(), worker.output.data());

  const float bound = logit_bound(spec.threshold);
  const float* value = worker.output.data();
  for (int row = strip.first_row; row < strip.last_row; ++row) {
    for (int column = 0; column < cells.width; ++column, value += outputs) {
      if (value[1] - value[0] < bound) continue;
      const float score = face_probability(value[0], value[1]);
      if (!(score >= spec.threshold)) continue;  // false for NaN, too
      found.push_back({{cell_window(spec.geometry, column, row, level.scale), score},
                       {value[2], value[3], value[4], value[5]}});
    }
  }
}

}  // namespace

void propose(const ProposeSpec& spec, const ImageView& rgb, CascadeWorkspace& workspace) {
  const std::size_t levels = workspace.levels.size();
  workspace.strips.clear();
  if (workspace.level_columns.size() < levels) workspace.level_columns.resize(levels);
  for (std::size_t i = 0; i < levels; ++i) {
    const PyramidLevel& level = workspace.levels[i];
    make_taps(0, rgb.width, level.size.width, 0, level.size.width, rgb.width, workspace.level_columns[i]);
    const int rows = spec.network.positions(level.size).height;
    const int step = strip_rows(level.size.width);
    for (int row = 0; row < rows; row += step) {
      workspace.strips.push_back({static_cast<int>(i), row, std::min(row + step, rows)});
    }
  }

  const std::size_t strips = workspace.strips.size();
  if (workspace.strip_proposals.size() < strips) workspace.strip_proposals.resize(strips);
  workspace.pool->for_each(static_cast<int>(strips), [&](int task, int worker) {
    const std::size_t index = static_cast<std::size_t>(task);
    const Strip& strip = workspace.strips[index];
    const std::size_t level = static_cast<std::size_t>(strip.level);
    std::vector<Proposal>& found = workspace.strip_proposals[index];
    found.clear();
    propose_strip(spec, rgb, workspace.levels[level], workspace.level_columns[level], strip,
                  workspace.workers[static_cast<std::size_t>(worker)], found);
  });

  workspace.proposals.clear();
  workspace.level_candidates.assign(levels, 0);
  for (std::size_t strip = 0; strip < strips;) {
    const int level = workspace.strips[strip].level;
    workspace.level_proposals.clear();
    for (; strip < strips && workspace.strips[strip].level == level; ++strip) {
      const std::vector<Proposal>& found = workspace.strip_proposals[strip];
      workspace.level_proposals.insert(workspace.level_proposals.end(), found.begin(), found.end());
    }
    workspace.level_candidates[static_cast<std::size_t>(level)] =
        static_cast<int>(workspace.level_proposals.size());
    workspace.nms_input.clear();
    for (const Proposal& proposal : workspace.level_proposals) {
      workspace.nms_input.push_back(proposal.window);
    }
    nms(workspace.nms_input, Overlap::kUnion, spec.nms_level, workspace.nms, workspace.keep);
    for (const int index : workspace.keep) {
      workspace.proposals.push_back(workspace.level_proposals[static_cast<std::size_t>(index)]);
    }
  }
}

}  // namespace mtcnn
