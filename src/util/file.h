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
// the old bytes or the new ones, never a part. `durable`: also when the power fails, and the new ones once this
// has returned; it waits for the disk, so it is for what took long to make. A device or a pipe is written to as it is.
// Errors: kIo.
Status write_file(const std::string& path, std::span<const std::byte> bytes, bool durable = false);

// Removes the temporary files in `folder` that write_file() left there when its process was killed, those of
// processes that still run aside. What can't be removed stays.
void remove_leftovers(const std::string& folder);

}  // namespace mtcnn

#endif  // MTCNN_UTIL_FILE_H_
