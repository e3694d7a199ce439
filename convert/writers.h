// The exporters, each to bytes in memory. All require validated data.
#ifndef MTCNN_CONVERT_WRITERS_H_
#define MTCNN_CONVERT_WRITERS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "engine/model_data.h"
#include "mtcnn/result.h"

namespace mtcnn {

// One net as an ONNX model (opset 13).
std::string write_onnx(const ModelData& data, const NetSpec& net);

// All tensors as a NumPy archive. Errors: kIo from the zip library, naming `file`.
Result<std::vector<std::byte>> write_npz(const ModelData& data, const std::string& file);

}  // namespace mtcnn

#endif  // MTCNN_CONVERT_WRITERS_H_
