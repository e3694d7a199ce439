// The weights of the `mtcnn` Python package: joblib's pickle in an LZ4 frame, a list of arrays in
// the order in which Keras gives a model's weights. Kernels are [height, width, in, out], upright;
// the first dense layer runs over columns, rows, channels.
#include <lz4frame.h>

#include <memory>
#include <utility>
#include <vector>

#include "convert/npy.h"
#include "convert/readers.h"

namespace mtcnn {
namespace {

using Kind = PickleValue::Kind;

// The weights of one net take 1.6 MB.
constexpr std::size_t kMaxUnpackedBytes = std::size_t{64} << 20;

constexpr std::string_view kGlobals[] = {"joblib.numpy_pickle.NumpyArrayWrapper", "numpy.ndarray",
                                         "numpy.dtype"};

Error bad(const std::string& name, const std::string& what) {
  return {ErrorCode::kFormat, name + ": " + what};
}

Result<std::vector<std::byte>> unpack(std::span<const std::byte> bytes, const std::string& file) {
  LZ4F_dctx* raw_context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&raw_context, LZ4F_VERSION))) {
    return Error{ErrorCode::kOutOfMemory, file + ": no memory to unpack LZ4"};
  }
  const std::unique_ptr<LZ4F_dctx, decltype(&LZ4F_freeDecompressionContext)> context(
      raw_context, &LZ4F_freeDecompressionContext);
  std::vector<std::byte> out;
  std::vector<std::byte> chunk(std::size_t{1} << 16);
  std::size_t at = 0;
  while (true) {
    std::size_t written = chunk.size();
    std::size_t read = bytes.size() - at;
    const std::size_t hint =
        LZ4F_decompress(context.get(), chunk.data(), &written, bytes.data() + at, &read, nullptr);
    if (LZ4F_isError(hint)) {
      return bad(file, std::string("its LZ4 frame is broken: ") + LZ4F_getErrorName(hint));
    }
    at += read;
    if (written > kMaxUnpackedBytes - out.size()) {
      return Error{ErrorCode::kLimit,
                   file + ": unpacks to more than " + std::to_string(kMaxUnpackedBytes) + " bytes"};
    }
    out.insert(out.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(written));
    if (hint == 0) return out;
    if (read == 0 && written == 0) return bad(file, "its LZ4 frame is truncated");
  }
}

// The bytes of an array follow its wrapper: one byte says how many are skipped so that it lies
// aligned.
Result<std::size_t> find_array(PickleValue& object, std::size_t position, std::span<const std::byte> bytes,
                               const std::string& file) {
  if (!object.is_object_of(kGlobals[0]) || !object.payload.empty()) return position;
  const PickleValue& state = *object.state;
  const auto shape = pickled_shape(state.find("shape"));
  if (!shape || !is_float32(state.find("dtype"))) {
    return bad(file, "expected joblib arrays of little-endian float32");
  }
  std::size_t count = 1;
  for (const std::int64_t n : *shape) {
    if (n < 1 || static_cast<std::size_t>(n) > bytes.size() / count) {
      return bad(file, "has an array of shape " + shape_text(*shape) + ", larger than the file");
    }
    count *= static_cast<std::size_t>(n);
  }
  const PickleValue* alignment = state.find("numpy_array_alignment_bytes");
  if (alignment && !alignment->is(Kind::kNone)) {
    if (position >= bytes.size()) return bad(file, "is truncated");
    position += 1 + std::to_integer<std::size_t>(bytes[position]);
  }
  if (position > bytes.size() || count > (bytes.size() - position) / sizeof(float)) {
    return bad(file, "is truncated inside an array of shape " + shape_text(*shape));
  }
  object.payload = bytes.subspan(position, count * sizeof(float));
  return position + object.payload.size();
}

}  // namespace

Result<RawNet> read_joblib(std::span<const std::byte> bytes, const std::string& file) {
  Result<std::vector<std::byte>> unpacked = unpack(bytes, file);
  if (!unpacked) return unpacked.error();
  return read_joblib_pickle(*unpacked, file);
}

Result<RawNet> read_joblib_pickle(std::span<const std::byte> bytes, const std::string& file) {
  const auto after_build = [&](PickleValue& object, std::size_t position) {
    return find_array(object, position, bytes, file);
  };
  Result<Pickle> pickle = read_pickle(bytes, 0, {kGlobals, after_build}, file);
  if (!pickle) return pickle.error();
  const PickleValue& list = *pickle->root;
  if (!list.is(Kind::kList) || list.items.size() > 64) {
    return bad(file, "expected a list of a net's arrays");
  }

  std::int64_t budget = kMaxImportValues;
  std::vector<Tensor> arrays;
  for (const PickleValue* item : list.items) {
    if (!item->is_object_of(kGlobals[0]) || item->payload.empty()) {
      return bad(file, "expected a list of arrays");
    }
    const PickleValue* order = item->state->find("order");
    const bool fortran = order && order->is(Kind::kString) && order->text == "F";
    Result<Tensor> array = gather_dense(item->payload, *pickled_shape(item->state->find("shape")), fortran,
                                        budget, file + ": array " + std::to_string(arrays.size()));
    if (!array) return array.error();
    arrays.push_back(*std::move(array));
  }

  Result<RawNet> raw = net_in_keras_order(std::move(arrays), file);
  if (raw) raw->layout = {.swap_kernels = false, .columns_first = true, .channels_last = true};
  return raw;
}

}  // namespace mtcnn
