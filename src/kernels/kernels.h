// The operations that all time goes into, once for every instruction set, and the choice among them
// at run time. Adding one: a line in MTCNN_KERNELS below, a scalar version in reference.cc, a SIMD
// version in simd-inl.h, and a case in kernels_test.cc that compares the two on every level.
//
// Maps are stored channels last: value c of column x of row y at (y * width + x) * channels + c.
// Kernels may read up to kSlack floats past the end of a map, and write there too (conv leaves what it
// finds, but may read and write it back): allocate them.
#ifndef MTCNN_KERNELS_KERNELS_H_
#define MTCNN_KERNELS_KERNELS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace mtcnn {

inline constexpr int kSlack = 16;

// Output channels are computed in blocks of this many; weights are packed by them (Network::pack).
inline constexpr int kBlock = 16;

// A convolution, dense layer or set of heads, with bias and PReLU: for every output pixel
//   out[o] = prelu(bias[o] + sum over runs r, i < run_length of in[run_offsets[r] + i] * weight)
// where `in` points at the pixel's window. A 3 x 3 convolution has 3 runs (rows) of 3 * channels
// values, a dense layer on a map one run of all its values.
struct ConvArgs {
  const float* input = nullptr;
  int rows = 0;                     // output rows; a dense layer's batch is one row of pixels
  int columns = 0;                  // output columns
  std::ptrdiff_t row_stride = 0;    // floats from one output row's first window to the next one's
  std::ptrdiff_t pixel_stride = 0;  // floats from one output column's window to the next one's
  const int* run_offsets = nullptr;
  int runs = 0;
  int run_length = 0;
  int outputs = 0;                 // channels computed
  const float* weights = nullptr;  // [block][run][i][kBlock], zeros beyond `outputs`
  const float* bias = nullptr;     // [blocks * kBlock]
  const float* slopes = nullptr;   // [blocks * kBlock], or null for no PReLU
  float* output = nullptr;         // pixels without gaps, output_stride floats each
  int output_stride = 0;           // >= outputs
};

// A convolution with 3 x 3 kernels by Winograd's algorithm F(3 x 3, 3 x 3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2016; at the points 0, 1, -1, 2 and infinity): 25 multiplications where 81 would be, of sums of inputs with sums of weights.
// Three divides the maps of R-Net's and O-Net's second convolution, 9 and 21 wide. A result is as conv() has it but for rounding, and
// depends on nothing but the input up to one row and column beyond its window, the map's edges, and what its row and column leave
// when divided by three.
inline constexpr int kWinogradOutputs = 3;  // of a tile, along either axis
inline constexpr int kWinogradInputs = kWinogradOutputs + 2;
inline constexpr int kWinogradPlaces = kWinogradInputs * kWinogradInputs;
inline constexpr int kWinogradTiles = 12;  // are worked on together
struct WinogradArgs {
  const float* input = nullptr;  // (rows + 2) x (columns + 2) x channels
  int rows = 0, columns = 0;     // of the output
  int channels = 0;
  int outputs = 0;
  // As conv() would have those of 5 x 5 kernels that are winograd_weights(): [block][place][channel][kBlock], zeros beyond `outputs`.
  const float* weights = nullptr;
  const float* bias = nullptr;    // [blocks * kBlock]
  const float* slopes = nullptr;  // [blocks * kBlock], or null for no PReLU
  float* output = nullptr;        // rows x columns x outputs
  float* scratch = nullptr;       // winograd_scratch() floats
};
std::size_t winograd_scratch(int channels, int outputs);

// Of one kernel, nine weights row by row, what stands at each place.
std::array<float, kWinogradPlaces> winograd_weights(const std::array<float, 9>& kernel);

// The same with tiles of 2 x 2 outputs, pairs along either axis: F(2 x 2, 3 x 3) at the points 0, 1, -1 and infinity, 16 multiplications
// where 36 would be. A result depends on nothing but its tile's windows.
inline constexpr int kPairInputs = 4;  // of a tile, along either axis
inline constexpr int kPairPlaces = kPairInputs * kPairInputs;

// Of one kernel, nine weights row by row, what stands at each place.
std::array<float, kPairPlaces> pair_weights(const std::array<float, 9>& kernel);

// The channels of an image: thin maps, whose first convolution and its pool are one kernel.
inline constexpr int kThinChannels = 3;

// conv() with 3 x 3 kernels on kThinChannels channels and the max_pool() of 3 x 3 windows, stride 2, behind it, in such tiles. A result is
// as these have it but for rounding.
inline constexpr int kMostThinColumns = 46;  // O-Net's
struct ConvPoolArgs {
  const float* input = nullptr;  // (rows + 2) x (columns + 2) x kThinChannels
  int rows = 0, columns = 0;     // of the convolution, at least 3, columns at most kMostThinColumns
  int outputs = 0;
  // As conv() would have those of 4 x 4 kernels that are pair_weights(): [block][place][channel][kBlock], zeros beyond `outputs`.
  const float* weights = nullptr;
  const float* bias = nullptr;    // [blocks * kBlock]
  const float* slopes = nullptr;  // [blocks * kBlock], or null for no PReLU
  float* output = nullptr;        // rows / 2 x columns / 2 x outputs
};

// conv() at chosen places: window i to targets[i]. Bit for bit what conv() and plane_conv() give for the same sums in the same
// order, whichever windows there are.
struct ConvAtArgs {
  const float* const* windows = nullptr;
  float* const* targets = nullptr;  // outputs floats each
  int count = 0;
  const int* run_offsets = nullptr;
  int runs = 0;
  int run_length = 0;
  int outputs = 0;
  const float* weights = nullptr;  // as ConvArgs has them
  const float* bias = nullptr;
  const float* slopes = nullptr;
};

// Maximum over size x size windows, ceil mode: windows are cut at the right and bottom edges.
struct PoolArgs {
  const float* input = nullptr;
  int rows = 0, columns = 0, channels = 0;  // of the input
  int size = 0, stride = 0;
  int output_rows = 0, output_columns = 0;
  float* output = nullptr;
};

// Local response normalisation: for every pixel and channel,
//   out[c] = in[c] * (1 + alpha / size * sum over |d| <= size / 2 of in[c + d]^2) ^ -3/4
// where channels that do not exist count as 0.
inline constexpr int kMaxLrnChannels = 256;
struct LrnArgs {
  const float* input = nullptr;
  int pixels = 0;
  int channels = 0;  // <= kMaxLrnChannels
  int size = 0;      // odd, <= 2 * kBlock + 1
  float alpha = 0;   // >= 0
  float* output = nullptr;
};

// out[i] = sum over r < rows of weights[r] * source[r][i], for i < count: the vertical half of a resize.
struct BlendRowsArgs {
  const std::uint8_t* const* sources = nullptr;
  const float* weights = nullptr;
  int rows = 0;
  int count = 0;
  float* output = nullptr;
};

// The horizontal half, on rows of RGB pixels: for every row r, output pixel x and channel c,
//   output[r * output_stride + 3 x + c] = (sum over t < taps of
//       weights[x * taps + t] * input[r * input_stride + 3 (first[x] - origin + t) + c] - mean) * scale
// One float past the end of each input row may be read; one past the end of the last output row may be read and written back.
struct BlendColumnsArgs {
  const float* input = nullptr;
  std::ptrdiff_t input_stride = 0;
  int rows = 0;
  int origin = 0;  // what `first` counts an input row's first pixel as
  int columns = 0;
  int taps = 0;
  const int* first = nullptr;
  const float* weights = nullptr;
  float mean = 0, scale = 1;
  float* output = nullptr;
  std::ptrdiff_t output_stride = 0;
};

// The kernels below work on rows of planes: the values of one channel of one row of a map lie side by side, so that lanes are columns and
// none is idle, however many channels there are. They may read and write up to kSlack floats past the end of each plane's row.

// One row of a convolution over all columns, with bias and PReLU: for every output o and column x
//   output[o * output_plane + x] = prelu(bias[o] + sum over rows r, channels c, columns k of
//       rows[r][c * plane + x + k] * weights[((r * channels + c) * kernel_columns + k) * outputs + o])
struct PlaneConvArgs {
  const float* const* rows = nullptr;  // kernel_rows of them
  int kernel_rows = 0, kernel_columns = 0;
  int channels = 0;
  std::ptrdiff_t plane = 0;
  int columns = 0;  // of the output
  int outputs = 0;
  const float* weights = nullptr;
  const float* bias = nullptr;
  const float* slopes = nullptr;  // or null for no PReLU
  float* output = nullptr;
  std::ptrdiff_t output_plane = 0;
};

// One row of a maximum over 2 x 2 windows, stride 2: for every channel c and column x the largest of columns 2 x and 2 x + 1 of
// `top` and `bottom`, which may be the same row; column 2 x + 1 is left out where it is not below input_columns.
struct PlanePoolArgs {
  const float *top = nullptr, *bottom = nullptr;
  std::ptrdiff_t plane = 0;
  int input_columns = 0;
  int channels = 0;
  int columns = 0;  // of the output
  float* output = nullptr;
  std::ptrdiff_t output_plane = 0;
};

// plane_conv() with 3 x 3 kernels on kThinChannels channels and the plane_pool() behind it, by Winograd's algorithm with tiles of 2 x 2
// outputs, a window of the pool each. A result is as these have it but for rounding. Reads up to 2 * kSlack floats past the end of each row of
// the input.
struct PlaneConvPoolArgs {
  const float* const* rows = nullptr;  // of the input, four of them
  int conv_rows = 2;                   // 1: the window is cut, and rows[3] may be anything that can be read
  int conv_columns = 0;                // of the convolution, more than 2 * (columns - 1)
  int channels = kThinChannels;        // no other number; GCC makes better code where it does not know it
  std::ptrdiff_t plane = 0;
  int columns = 0;  // of the output
  int outputs = 0;
  // pair_weights(): [row of places][channel][place of the row][output].
  const float* weights = nullptr;
  const float* bias = nullptr;
  const float* slopes = nullptr;  // or null for no PReLU
  float* output = nullptr;
  std::ptrdiff_t output_plane = 0;
};

// Two rows of plane_conv() with 3 x 3 kernels, by the same algorithm. A result is as plane_conv() has it but for rounding, and depends on
// nothing but its own window, and on whether its row and its column are the first or the second of a tile.
inline constexpr int kMostPlaneChannels = 32;
inline constexpr int kPlaneBlock = 4;  // outputs are computed in blocks of this many
struct PlaneWinogradArgs {
  const float* const* rows =
      nullptr;       // of the input, four of them; the last may be anything that can be read without `lower`
  int channels = 0;  // at most kMostPlaneChannels
  std::ptrdiff_t plane = 0;
  int columns = 0;  // of the output
  int outputs = 0;
  const float* weights =
      nullptr;  // pair_weights(): [block][place][channel][kPlaneBlock], zeros beyond `outputs`
  const float* bias = nullptr;
  const float* slopes = nullptr;             // or null for no PReLU
  float *upper = nullptr, *lower = nullptr;  // the rows of the output; lower: null for none
  std::ptrdiff_t output_plane = 0;
};

// output[c * plane + x] = rgb[3 x + c]: a row of pixels as three planes.
struct PlaneSplitArgs {
  const float* rgb = nullptr;
  int columns = 0;
  float* output = nullptr;
  std::ptrdiff_t plane = 0;
};

// NAME, ARGUMENTS
#define MTCNN_KERNELS(X)             \
  X(conv, ConvArgs)                  \
  X(max_pool, PoolArgs)              \
  X(lrn, LrnArgs)                    \
  X(blend_rows, BlendRowsArgs)       \
  X(blend_columns, BlendColumnsArgs) \
  X(plane_conv, PlaneConvArgs)       \
  X(plane_pool, PlanePoolArgs)       \
  X(plane_split, PlaneSplitArgs)     \
  X(conv_at, ConvAtArgs)

// The screening kernels work on rows of quads: lane x of quad q is a 32-bit word with channels 4 q to 4 q + 3 of column x, the
// first one in the lowest byte, each a value of 0 to 255. They may read and write up to kSlack words past the end of each quad's row.

// Outputs of the screening convolutions are computed in blocks of this many.
inline constexpr int kScreenBlock = 8;

// Channel c of column x is round(input[c * plane + x] * scale[c] + zero[c]), within 0 to 255; channels that fill up a quad are 0.
struct ScreenPackArgs {
  const float* input = nullptr;
  std::ptrdiff_t plane = 0;
  int channels = 0;
  int columns = 0;
  const float *scale = nullptr, *zero = nullptr;
  std::uint32_t* output = nullptr;
  std::ptrdiff_t output_plane = 0;
};

// A row of a convolution. For every output o and column x
//   sum = over rows r, quads q, columns k, channels i of a quad, of rows[r][q * plane + x + k * column_step] channel i *
//       weights[(((r * quads + q) * kernel_columns + k) * outputs + o) * 4 + i]
//   whole = sum * scale[o] + bias[o]
//   value = whole < bend[o] ? whole * slope[o] + lift[o] : whole
// which is a PReLU of values that are counted from bend[o], if lift[o] is bend[o] * (1 - slope[o]).
struct ScreenConvArgs {
  const std::uint32_t* const* rows = nullptr;  // kernel_rows of them
  int kernel_rows = 0, kernel_columns = 0;
  int quads = 0;
  std::ptrdiff_t plane = 0;
  int columns = 0;                       // of the output
  int column_step = 1;                   // words from one column of the kernel to the next
  int outputs = 0;                       // a multiple of kScreenBlock
  const std::int8_t* weights = nullptr;  // on a word's boundary
  const float *scale = nullptr, *bias = nullptr, *bend = nullptr, *slope = nullptr, *lift = nullptr;
  // conv: channel o of column x is round(value), within 0 to 255.
  std::uint32_t* output = nullptr;
  std::ptrdiff_t output_plane = 0;
  // score: scores[x] = offset + sum over o of value * mix[o].
  const float* mix = nullptr;
  float offset = 0;
  float* scores = nullptr;
};

// Where many small maps are looked at together, lanes are maps: word x * kScreenLanes + m of a row is of column x of map m.
inline constexpr int kScreenLanes = 16;

// Maps of three channels as such rows: channel c of pixel i of map m is round(maps[m][3 i + c] * scale + zero), within 0 to 255, in
// word i * kScreenLanes + m. The fourth channel is anything. Maps m >= count are left as they are.
struct ScreenLanesArgs {
  const float* maps = nullptr;
  std::ptrdiff_t map = 0;  // floats from one to the next
  int count = 0;           // 1 to kScreenLanes
  int pixels = 0;          // a multiple of 4
  float scale = 1, zero = 0;
  std::uint32_t* output = nullptr;
};

// A row of the maximum over size x size windows of such rows, cut at the right edge; cut at the bottom there are fewer rows.
struct ScreenPoolArgs {
  const std::uint32_t* const* rows = nullptr;
  int row_count = 0;
  int size = 0, stride = 0;
  int quads = 0;
  int input_columns = 0, columns = 0;  // of each map
  std::ptrdiff_t plane = 0, output_plane = 0;
  std::uint32_t* output = nullptr;
};

#define MTCNN_SCREEN_KERNELS(X) \
  X(pack, ScreenPackArgs)       \
  X(conv, ScreenConvArgs)       \
  X(score, ScreenConvArgs)      \
  X(lanes, ScreenLanesArgs)     \
  X(pool, ScreenPoolArgs)

struct ScreenKernels {
#define MTCNN_KERNEL_POINTER(NAME, ARGUMENTS) void (*NAME)(const ARGUMENTS&) = nullptr;
  MTCNN_SCREEN_KERNELS(MTCNN_KERNEL_POINTER)
#undef MTCNN_KERNEL_POINTER
};

// One instruction set's versions.
struct Kernels {
  const char* name = nullptr;  // "scalar", "sse4", ...
#define MTCNN_KERNEL_POINTER(NAME, ARGUMENTS) void (*NAME)(const ARGUMENTS&) = nullptr;
  MTCNN_KERNELS(MTCNN_KERNEL_POINTER)
#undef MTCNN_KERNEL_POINTER
  // Null where products of bytes are no faster than those of floats.
  const ScreenKernels* screen = nullptr;
  // Null in the scalar reference, which computes as the nets say.
  void (*winograd)(const WinogradArgs&) = nullptr;
  void (*conv_pool)(const ConvPoolArgs&) = nullptr;
  void (*plane_conv_pool)(const PlaneConvPoolArgs&) = nullptr;
  // Null with AVX-512, too: with VNNI P-Net is screened, where single cells are computed again, and shall be the same bit for bit; without
  // it the table is the same.
  void (*plane_winograd)(const PlaneWinogradArgs&) = nullptr;
};

// What the screening kernels mean; too slow to screen with.
const ScreenKernels& reference_screen_kernels();

// Those that this build has and this machine can run, slowest first; the first is the scalar reference.
std::span<const Kernels* const> available_kernels();

// By name, or the fastest for "auto"; null if there is none of that name here.
const Kernels* find_kernels(std::string_view name);

}  // namespace mtcnn

#endif  // MTCNN_KERNELS_KERNELS_H_
