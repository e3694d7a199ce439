// Whole files, with errors that name them.
#ifndef MTCNN_UTIL_FILE_H_
#define MTCNN_UTIL_FILE_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "mtcnn/result.h"

namespace mtcnn {

// Errors: kIo; kLimit for a file of more than `limit` bytes, before any of it is read.
Result<std::vector<std::byte>> read_file(const std::string& path, std::size_t limit);

// Writes a temporary file beside `path` and renames it: whenever the program is stopped, `path` holds
// the old bytes or the new ones, never a part. A device or a pipe is written to as it is. Errors: kIo.
Status write_file(const std::string& path, std::span<const std::byte> bytes);

}  // namespace mtcnn

#endif  // MTCNN_UTIL_FILE_H_
