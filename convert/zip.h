// Zip archives in memory, for PyTorch's and NumPy's files.
#ifndef MTCNN_CONVERT_ZIP_H_
#define MTCNN_CONVERT_ZIP_H_

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mtcnn/result.h"

namespace mtcnn {

// All entries by name, unpacked. Errors: kFormat for a broken archive; kLimit, before anything is
// unpacked, if it declares more than 1024 entries or 64 MiB in all; kUnsupported if it is encrypted. `file` is for
// messages.
Result<std::map<std::string, std::string>> unzip(std::span<const std::byte> bytes, const std::string& file);

// An archive of these entries, stored without compression, in this order; the bytes depend on the
// entries alone. Errors: kIo, naming `file`.
Result<std::vector<std::byte>> zip_stored(std::span<const std::pair<std::string, std::string>> entries,
                                          const std::string& file);

}  // namespace mtcnn

#endif  // MTCNN_CONVERT_ZIP_H_
