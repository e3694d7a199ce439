// NumPy's arrays: the .npy container, and arrays inside pickles.
#ifndef MTCNN_CONVERT_NPY_H_
#define MTCNN_CONVERT_NPY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "convert/pickle.h"
#include "engine/model_data.h"
#include "mtcnn/result.h"

namespace mtcnn {

struct NpyHeader {
  std::string descr;  // "<f4", "|O", ..
  bool fortran = false;
  std::vector<std::int64_t> shape;
  std::size_t data = 0;  // where the data begins
};

// Errors: kFormat, after `name`.
Result<NpyHeader> read_npy_header(std::span<const std::byte> bytes, const std::string& name);

// A whole .npy file of version 1.0; `descr` and `data` fit `shape`, row-major.
std::string npy_file(const std::string& descr, std::span<const std::int64_t> shape,
                     std::span<const std::byte> data);

// Whether this is numpy.dtype for little-endian float32.
bool is_float32(const PickleValue* dtype);

// A tuple of sizes; nothing if it is anything else.
std::optional<std::vector<std::int64_t>> pickled_shape(const PickleValue* tuple);

}  // namespace mtcnn

#endif  // MTCNN_CONVERT_NPY_H_
