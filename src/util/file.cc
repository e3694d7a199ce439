#include "util/file.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <sys/stat.h>
#include <unistd.h>

namespace mtcnn {
namespace {

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closer>;

Error io_error(const std::string& path, const char* action) {
  return {ErrorCode::kIo, path + ": " + action + ": " + std::strerror(errno)};
}

}  // namespace

Result<std::vector<std::byte>> read_file(const std::string& path, std::size_t limit) {
  File file(std::fopen(path.c_str(), "rb"));
  if (!file) return io_error(path, "can't open");
  struct stat info {};
  if (fstat(fileno(file.get()), &info) != 0) return io_error(path, "can't read");
  if (S_ISDIR(info.st_mode)) return Error{ErrorCode::kIo, path + ": is a directory, expected a file"};
  if (info.st_size > 0 && static_cast<std::size_t>(info.st_size) > limit) {
    return Error{ErrorCode::kLimit, path + ": has " + std::to_string(info.st_size) + " bytes, at most " +
                                        std::to_string(limit) + " are read"};
  }
  // Pipes and files that grow have no size to trust: read until the end, within the limit.
  std::vector<std::byte> bytes(S_ISREG(info.st_mode) ? static_cast<std::size_t>(info.st_size) + 1 : 65536);
  std::size_t used = 0;
  while (true) {
    const std::size_t got = std::fread(bytes.data() + used, 1, bytes.size() - used, file.get());
    used += got;
    if (used > limit) {
      return Error{ErrorCode::kLimit, path + ": has more than " + std::to_string(limit) + " bytes"};
    }
    if (got == 0) break;
    if (used == bytes.size()) bytes.resize(2 * bytes.size());
  }
  if (std::ferror(file.get())) return io_error(path, "can't read");
  bytes.resize(used);
  return bytes;
}

Status write_file(const std::string& path, std::span<const std::byte> bytes) {
  static std::atomic<unsigned> counter = 0;
  // A device or a pipe is written to, not replaced by a file.
  struct stat info {};
  const bool in_place = stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
  const std::string target =
      in_place ? path : path + "." + std::to_string(getpid()) + "." + std::to_string(counter++) + ".tmp";
  File file(std::fopen(target.c_str(), "wb"));
  if (!file) return io_error(path, "can't write");
  bool ok = bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  ok = std::fclose(file.release()) == 0 && ok;
  ok = ok && (in_place || std::rename(target.c_str(), path.c_str()) == 0);
  if (!ok) {
    Error error = io_error(path, "can't write");
    if (!in_place) std::remove(target.c_str());
    return error;
  }
  return std::monostate{};
}

}  // namespace mtcnn
