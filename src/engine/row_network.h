// A fully convolutional net that runs row by row: P-Net over a level of the pyramid. Each layer keeps only the rows that the next one
// looks at, so that what it works on stays in the first caches, whatever the size of the level.
#ifndef MTCNN_ENGINE_ROW_NETWORK_H_
#define MTCNN_ENGINE_ROW_NETWORK_H_

#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/model_data.h"
#include "kernels/kernels.h"
#include "mtcnn/types.h"
#include "nets/net_spec.h"
#include "util/aligned.h"

namespace mtcnn {

// Positions [left, right) x [top, bottom) of those that a net has on a map of this size.
struct Tile {
  Size map;
  int left = 0, right = 0, top = 0, bottom = 0;
};

// Half-open.
struct Range {
  int begin = 0, end = 0;
};

// Immutable; run() may be called from many threads, each with scratch of its own.
class RowNetwork {
 public:
  // `heads`: those to compute, in the order of the planes that run() gives. Requires a fully convolutional net of
  // convolutions and 2 x 2 pools, and data that has the net's tensors with these heads. Keeps nothing of `data`.
  RowNetwork(const NetSpec& net, const ModelData& data, const Kernels& kernels,
             std::initializer_list<std::string_view> heads)
      : RowNetwork(net, data, kernels, {0, static_cast<int>(net.layers.size())}, heads) {}

  // Of its layers these alone, indices into net.layers; without heads (none named), the planes are what the last of them gives.
  // `kept`: how many rows of the result stay where found() sees them, the last one included.
  RowNetwork(const NetSpec& net, const ModelData& data, const Kernels& kernels, Range layers,
             std::initializer_list<std::string_view> heads, int kept = 1);

  // Values of all heads at one position.
  int outputs() const { return steps_.back().outputs; }

  // Rows and columns of positions for an input of this size. Requires all layers of the net.
  Size positions(Size input) const;

  // The columns and rows of the input that a tile looks at. Odd positions are computed with the even ones before them, so that the same
  // operations give a position whatever the tile.
  Range input_columns(const Tile& tile) const;
  Range input_rows(const Tile& tile) const;

  // Floats of scratch that run() needs.
  std::size_t scratch_size(const Tile& tile) const;

  // Calls read(row, planes, plane) for each of input_rows(tile), in order: it writes the values of channel c of
  // columns input_columns(tile) to planes + c * plane, and up to kSlack floats behind them. Calls found(row, planes,
  // plane) for each row of the tile, in order: the raw value o of its position left + x is planes[o * plane + x].
  template <typename Read, typename Found>
  void run(const Tile& tile, float* scratch, Read&& read, Found&& found) const {
    const auto address = [](const auto& body) { return const_cast<void*>(static_cast<const void*>(&body)); };
    run(
        tile, scratch,
        [](void* context, int row, float* planes, std::ptrdiff_t plane) {
          (*static_cast<std::remove_reference_t<Read>*>(context))(row, planes, plane);
        },
        address(read),
        [](void* context, int row, const float* planes, std::ptrdiff_t plane) {
          (*static_cast<std::remove_reference_t<Found>*>(context))(row, planes, plane);
        },
        address(found));
  }

 private:
  using Read = void (*)(void* context, int row, float* planes, std::ptrdiff_t plane);
  using Found = void (*)(void* context, int row, const float* planes, std::ptrdiff_t plane);
  void run(const Tile& tile, float* scratch, Read read, void* read_context, Found found,
           void* found_context) const;

  // The kernel that makes it.
  enum class Kind { kConv, kWinograd, kConvPool, kPool };

  // A convolution with the PReLU behind it, a pool, or all of these.
  struct Step {
    Kind kind = Kind::kPool;
    int kernel = 0;  // rows of the input that are looked at at a time
    int channels = 0, outputs = 0;
    AlignedFloats weights, bias, slopes;  // as the kernel's arguments say
  };

  // What a layer's map is of for a tile, the input first: map i is what step i looks at.
  struct Map {
    Size size;            // of the whole map
    Range columns, rows;  // of the part that the tile needs
    int channels = 0;
    int kept = 0;                       // rows
    std::ptrdiff_t plane = 0, row = 0;  // floats from one to the next
  };
  static constexpr std::size_t kMostMaps = 16;
  void lay_out(const Tile& tile, Map* maps) const;

  const NetSpec* net_;
  const Kernels* kernels_;
  std::vector<Step> steps_;
  int inputs_ = 0;  // channels
  int kept_ = 1;
};

}  // namespace mtcnn

#endif  // MTCNN_ENGINE_ROW_NETWORK_H_
