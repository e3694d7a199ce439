#include "apps/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "apps/text.h"

namespace mtcnn {

Status Output::open(const std::string& path, bool append) {
  name_ = path.empty() ? "standard output" : path;
  if (path.empty()) return std::monostate{};
  file_.reset(std::fopen(path.c_str(), append ? "ab" : "wb"));
  if (!file_) return Error{ErrorCode::kIo, path + ": can't write: " + std::strerror(errno)};
  return std::monostate{};
}

Output::Written Output::write(const std::string& text) {
  std::FILE* const file = file_ ? file_.get() : stdout;
  if (std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0) {
    return Written::kYes;
  }
  if (errno == EPIPE) return Written::kReaderGone;
  std::fprintf(stderr, "mtcnn: %s: can't write: %s\n", printable(name_).c_str(), std::strerror(errno));
  return Written::kFailed;
}

bool Output::is_terminal() const { return isatty(file_ ? fileno(file_.get()) : STDOUT_FILENO) == 1; }

}  // namespace mtcnn
