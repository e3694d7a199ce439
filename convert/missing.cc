// Stands in for the readers of formats whose libraries this build was made without: files of these
// formats are known when they are seen, so that the message can say what is missing.
#include "convert/readers.h"

namespace mtcnn {
namespace {

[[maybe_unused]] Result<RawNet> cannot(const std::string& file, const char* format, const char* library) {
  return Error{ErrorCode::kUnsupported,
               file + ": is " + format + ", and this build has no " + library + ", which reading it needs"};
}

[[maybe_unused]] bool begins_with(std::span<const std::byte> bytes, int value) {
  return !bytes.empty() && std::to_integer<int>(bytes[0]) == value;
}

}  // namespace

#ifdef MTCNN_NO_PROTOZERO
// The first field of nearly all such files: an ONNX model's version, a Caffe net's name.
bool looks_like_onnx(std::span<const std::byte> bytes) { return begins_with(bytes, 0x08); }
bool looks_like_caffemodel(std::span<const std::byte> bytes) { return begins_with(bytes, 0x0a); }

Result<RawNet> read_onnx(std::span<const std::byte>, const std::string& file) {
  return cannot(file, "ONNX", "protozero");
}
Result<RawNet> read_caffemodel(std::span<const std::byte>, const std::string& file) {
  return cannot(file, "a Caffe model", "protozero");
}
#endif

#ifdef MTCNN_NO_LZ4
Result<RawNet> read_joblib(std::span<const std::byte>, const std::string& file) {
  return cannot(file, "compressed with LZ4", "LZ4");
}
#endif

}  // namespace mtcnn
