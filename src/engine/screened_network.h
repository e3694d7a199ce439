// P-Net without the work that changes nothing. Nearly all cells of an image are far below the threshold, and eight bits are enough to see
// it: the layers behind the pool run over all cells in bytes first, and then in floats at those cells alone whose rough score is not
// below the threshold by more than the roughness can explain. These get the very numbers that RowNetwork gives them, bit for bit.
//
// What the bytes stand for, and how far the rough scores are off, is measured when the net is made, on a picture that is painted for
// it: so a model file need not say, and any weights will do.
#ifndef MTCNN_ENGINE_SCREENED_NETWORK_H_
#define MTCNN_ENGINE_SCREENED_NETWORK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/model_data.h"
#include "engine/rough_layer.h"
#include "engine/row_network.h"
#include "kernels/kernels.h"
#include "util/aligned.h"

namespace mtcnn {

// What ScreenedNetwork::run() works in; grows to what the largest tile needs.
struct ScreenScratch {
  AlignedFloats floats;
  AlignedWords words;
  std::vector<std::uint8_t> done;
  std::vector<int> columns;
  std::vector<const float*> windows;
  std::vector<float*> targets;
};

// Immutable; run() may be called from many threads, each with scratch of its own.
class ScreenedNetwork {
 public:
  // Requires kernels that can screen, a fully convolutional net whose layers are some that end in a pool and two convolutions of
  // the same size with PReLUs, data that has the net's tensors, and the head "class" first.
  ScreenedNetwork(const NetSpec& net, const ModelData& data, const Kernels& kernels,
                  std::initializer_list<std::string_view> heads);

  // How far below its true value a rough difference of the logits may lie and still be looked at again; infinite or NaN where the
  // weights are such that bytes can't stand for what they give.
  float margin() const { return margin_; }

  // The largest and the root mean square error on the painted picture.
  float worst_error() const { return worst_error_; }
  float typical_error() const { return typical_error_; }

  // Whether it is worth it to look for cells whose difference of logits (face - background) is `bound` or more: not where too
  // many would have to be looked at again.
  bool pays(float bound) const;

  // The columns and rows of the input that a tile looks at.
  Range input_columns(const Tile& tile) const { return front_.input_columns(front_tile(tile)); }
  Range input_rows(const Tile& tile) const { return front_.input_rows(front_tile(tile)); }

  // As RowNetwork::run(), with found(row, column, values) for some of the positions, row by row from left to right: for all whose
  // difference of logits is `bound` or more. `rough`: where the rough differences go, row by row without gaps, or null.
  template <typename Read, typename Found>
  void run(const Tile& tile, float bound, ScreenScratch& scratch, Read&& read, Found&& found,
           float* rough = nullptr) const {
    Front front;
    begin(tile, bound, scratch, rough, front);
    front_.run(
        front.tile, scratch.floats.data(), read, [&](int row, const float* planes, std::ptrdiff_t plane) {
          const int cells = advance(front, scratch, planes, plane);
          const int top = row - kReach;
          for (int i = 0; i < cells; ++i) {
            found(top, tile.left + scratch.columns[static_cast<std::size_t>(i)], front.values + i * outputs_);
          }
        });
  }

 private:
  // A convolution in floats, as ConvAtArgs says.
  struct Exact {
    int channels = 0, outputs = 0;
    AlignedFloats weights, bias, slopes;
  };
  static constexpr int kKernel = 3;
  static constexpr int kReach =
      2 * (kKernel - 1);  // rows of the pool's map that a position looks at beyond its own
  static constexpr int kKept = kReach + 1;

  // A run in progress.
  struct Front {
    Tile tile;  // of the pool's map
    float limit = 0;
    int columns = 0;  // of the tile
    int row = 0;      // of the pool's map, counted from the tile's first
    float* rough = nullptr;
    const float* pooled[kKept] = {};
    std::ptrdiff_t quad_plane = 0;
    std::uint32_t *first = nullptr, *second = nullptr;  // what the convolutions look at
    float *scores = nullptr, *map = nullptr, *hidden = nullptr, *values = nullptr;
  };
  Tile front_tile(const Tile& tile) const {
    return {tile.map, tile.left, tile.right + kReach, tile.top, tile.bottom + kReach};
  }
  void begin(const Tile& tile, float bound, ScreenScratch& scratch, float* rough, Front& front) const;
  int advance(Front& front, ScreenScratch& scratch, const float* planes, std::ptrdiff_t plane) const;
  void redo(const Front& front, ScreenScratch& scratch, int count, std::ptrdiff_t plane) const;
  void calibrate(const NetSpec& net, const ModelData& data, const Kernels& kernels);

  const Kernels* kernels_;
  RowNetwork front_;
  AlignedFloats pool_scale_, pool_zero_;  // of the bytes of the pool's map
  std::vector<RoughLayer> rough_;
  std::array<Exact, 2> exact_;
  Exact heads_;
  AlignedFloats mix_;  // how the last features make the difference of the logits
  float mix_offset_ = 0;
  int outputs_ = 0;
  float margin_ = 0, worst_error_ = 0, typical_error_ = 0;
  std::vector<float> painted_;  // rough differences of the painted picture, smallest first
};

}  // namespace mtcnn

#endif  // MTCNN_ENGINE_SCREENED_NETWORK_H_
