#include "cascade/propose.h"

#include <algorithm>

#include "cascade/score.h"

namespace mtcnn {
namespace {

// Cells of one tile. A tile's rows should stay in the first caches; what neighbours both compute (ten pixels) should be little.
// Only several threads need more than one tile down.
constexpr int kTileColumns = 256;
constexpr int kTileRows = 64;

void propose_tile(const ProposeSpec& spec, const ImageView& rgb, const PyramidLevel& level, const Tile& tile,
                  WorkerScratch& worker, std::vector<Proposal>& found) {
  const Range columns = spec.network.input_columns(tile);
  const Range rows = spec.network.input_rows(tile);
  make_taps(0, rgb.width, level.size.width, columns.begin, columns.end, rgb.width, worker.horizontal);
  make_taps(0, rgb.height, level.size.height, rows.begin, rows.end, rgb.height, worker.vertical);
  const int width = columns.end - columns.begin;
  worker.input.resize(std::size_t{3} * kResampleRows * static_cast<std::size_t>(width) + kSlack);

  const float bound = logit_bound(spec.threshold);
  // Asked for one row after the other.
  const auto read = [&](int row, float* planes, std::ptrdiff_t plane) {
    const int ready = (row - rows.begin) % kResampleRows;
    if (ready == 0) {
      resample_rows(rgb, worker.horizontal, worker.vertical, static_cast<std::size_t>(row - rows.begin),
                    std::min(kResampleRows, rows.end - row), spec.mean, spec.scale, spec.kernels,
                    worker.resample, worker.input.data());
    }
    spec.kernels.plane_split({.rgb = worker.input.data() + std::ptrdiff_t{3} * width * ready,
                              .columns = width,
                              .output = planes,
                              .plane = plane});
  };
  // The values of a cell's heads are `stride` apart.
  const auto look = [&](int row, int column, const float* value, std::ptrdiff_t stride) {
    if (value[stride] - value[0] < bound) return;
    const float score = face_probability(value[0], value[stride]);
    if (!(score >= spec.threshold)) return;  // false for NaN, too
    found.push_back({{cell_window(spec.geometry, column, row, level.scale), score},
                     {value[2 * stride], value[3 * stride], value[4 * stride], value[5 * stride]},
                     column,
                     row});
  };
  if (spec.screen) {
    spec.screen->run(tile, bound, worker.screen, read,
                     [&](int row, int column, const float* values) { look(row, column, values, 1); });
    return;
  }
  worker.scratch.resize(spec.network.scratch_size(tile));
  spec.network.run(tile, worker.scratch.data(), read,
                   [&](int row, const float* planes, std::ptrdiff_t plane) {
                     for (int x = 0; x < tile.right - tile.left; ++x)
                       look(row, tile.left + x, planes + x, plane);
                   });
}

}  // namespace

void propose(const ProposeSpec& spec, const ImageView& rgb, CascadeWorkspace& workspace) {
  const std::size_t levels = workspace.levels.size();
  workspace.tiles.clear();
  for (std::size_t i = 0; i < levels; ++i) {
    const PyramidLevel& level = workspace.levels[i];
    const Size cells = spec.network.positions(level.size);
    const int rows = workspace.pool->threads() > 1 ? kTileRows : cells.height;
    for (int row = 0; row < cells.height; row += rows) {
      for (int column = 0; column < cells.width; column += kTileColumns) {
        workspace.tiles.push_back({static_cast<int>(i),
                                   {level.size, column, std::min(column + kTileColumns, cells.width), row,
                                    std::min(row + rows, cells.height)}});
      }
    }
  }

  const std::size_t tiles = workspace.tiles.size();
  if (workspace.tile_proposals.size() < tiles) workspace.tile_proposals.resize(tiles);
  workspace.pool->for_each(static_cast<int>(tiles), [&](int task, int worker) {
    const std::size_t index = static_cast<std::size_t>(task);
    const LevelTile& one = workspace.tiles[index];
    std::vector<Proposal>& found = workspace.tile_proposals[index];
    found.clear();
    propose_tile(spec, rgb, workspace.levels[static_cast<std::size_t>(one.level)], one.tile,
                 workspace.workers[static_cast<std::size_t>(worker)], found);
  });

  workspace.proposals.clear();
  workspace.level_candidates.assign(levels, 0);
  for (std::size_t tile = 0; tile < tiles;) {
    const int level = workspace.tiles[tile].level;
    workspace.level_proposals.clear();
    for (; tile < tiles && workspace.tiles[tile].level == level; ++tile) {
      const std::vector<Proposal>& found = workspace.tile_proposals[tile];
      workspace.level_proposals.insert(workspace.level_proposals.end(), found.begin(), found.end());
    }
    // Where scores are the same, NMS goes by the order. This is the release's: find() goes down the columns.
    std::sort(workspace.level_proposals.begin(), workspace.level_proposals.end(),
              [](const Proposal& a, const Proposal& b) {
                return a.column != b.column ? a.column < b.column : a.row < b.row;
              });
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
