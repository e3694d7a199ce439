// One reader for each foreign format: a file's bytes to the net that it holds. `file` names it in
// messages. All read untrusted bytes: every size is checked before anything is allocated, nothing
// is executed, and every failure is an Error (kFormat, kUnsupported, kLimit).
#ifndef MTCNN_CONVERT_READERS_H_
#define MTCNN_CONVERT_READERS_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "convert/assemble.h"
#include "mtcnn/result.h"

namespace mtcnn {

Result<RawNet> read_caffemodel(std::span<const std::byte> bytes, const std::string& file);
// One net (facenet's files) or all three (the `mtcnn` Python package before 1.0).
Result<std::vector<RawNet>> read_npy_nets(std::span<const std::byte> bytes, const std::string& file);
Result<RawNet> read_torch(std::span<const std::byte> bytes, const std::string& file);
Result<RawNet> read_joblib(std::span<const std::byte> bytes, const std::string& file);
// What read_joblib() unpacks, by itself: the fuzzer does not get far through compression.
Result<RawNet> read_joblib_pickle(std::span<const std::byte> bytes, const std::string& file);
Result<RawNet> read_onnx(std::span<const std::byte> bytes, const std::string& file);

// Our own archive: a whole model with its settings.
Result<ModelData> read_npz(std::span<const std::byte> bytes, const std::string& file);

// Whether bytes that begin like no other format are one of the two without a signature: they are if
// their first fields are. True for truncated files too, so that the reader can say what is wrong.
bool looks_like_caffemodel(std::span<const std::byte> bytes);
bool looks_like_onnx(std::span<const std::byte> bytes);

}  // namespace mtcnn

#endif  // MTCNN_CONVERT_READERS_H_
