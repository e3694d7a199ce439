// Pictures of what the sampler really cuts, to be looked at before a loss is believed: the crops as the
// net sees them, and on them what it shall answer.
#ifndef MTCNN_TRAIN_SAMPLE_SHEET_H_
#define MTCNN_TRAIN_SAMPLE_SHEET_H_

#include <array>
#include <cstdint>

#include "codecs/image_io.h"
#include "train/batches.h"

namespace mtcnn {

using Rgb = std::array<std::uint8_t, 3>;

inline constexpr int kSheetColumns = 12;
// The colour that crops of a kind are framed with.
inline constexpr std::array<Rgb, kSampleKinds> kSheetFrames{
    {{214, 69, 65}, {58, 170, 89}, {226, 152, 38}, {66, 133, 214}, {150, 96, 190}}};
inline constexpr Rgb kSheetBox{255, 230, 60};
// Of the points: those on the left of the picture, the nose, those on the right.
inline constexpr std::array<Rgb, 3> kSheetPoints{{{60, 235, 255}, {255, 255, 255}, {255, 90, 220}}};

// How large the crops of a net of this input stand on a sheet, and how far from one another: boxes
// reach beyond their crop. Pixels of the sheet.
struct SheetGrid {
  explicit SheetGrid(int side);
  int zoom;    // a pixel of the crop is a square of this side
  int margin;  // around each crop
  int cell;    // from one crop to the next
};

// The batch's crops in order, kSheetColumns in a row, each kind from a new row on; with the box to be
// regressed (positives, parts; of a calibration sample the box that its pattern leads to) and the five
// points. What is farther from the crop than the margin is cut off. Requires a batch of at least one
// sample, its pixels with ModelData's default mean and scale.
Image sample_sheet(const Batch& batch);

// The number of samples of each kind for a sheet of two rows each: those that are in the plan.
BatchPlan sheet_plan(const BatchPlan& plan);

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_SAMPLE_SHEET_H_
