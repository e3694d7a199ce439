#include "util/file.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <signal.h>
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

constexpr std::string_view kTemporary = ".tmp";

std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> counter = 0;
  return path + "." + std::to_string(getpid()) + "." + std::to_string(counter++) + std::string(kTemporary);
}

// The process that gave a file this temporary name; nothing if it is none.
std::optional<pid_t> process_of(std::string_view name) {
  if (!name.ends_with(kTemporary)) return std::nullopt;
  name.remove_suffix(kTemporary.size());
  std::string_view numbers[2];
  for (std::string_view& number : numbers) {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) return std::nullopt;
    number = name.substr(dot + 1);
    name = name.substr(0, dot);
    if (number.empty() || number.size() > 9 ||
        number.find_first_not_of("0123456789") != std::string_view::npos) {
      return std::nullopt;
    }
  }
  return static_cast<pid_t>(std::stol(std::string(numbers[1])));
}

// The entry of a renamed file is its folder's. Not all file systems can do this: no error.
void sync_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int handle = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return;
  fsync(handle);
  close(handle);
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

Status write_file(const std::string& path, std::span<const std::byte> bytes, bool durable) {
  // A device or a pipe is written to, not replaced by a file.
  struct stat info {};
  const bool in_place = stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
  const std::string target = in_place ? path : temporary_name(path);
  File file(std::fopen(target.c_str(), "wb"));
  if (!file) return io_error(path, "can't write");
  bool ok = bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  // Else the new name may be on the disk before the bytes are.
  if (durable && !in_place) ok = ok && std::fflush(file.get()) == 0 && fsync(fileno(file.get())) == 0;
  ok = std::fclose(file.release()) == 0 && ok;
  ok = ok && (in_place || std::rename(target.c_str(), path.c_str()) == 0);
  if (!ok) {
    Error error = io_error(path, "can't write");
    if (!in_place) std::remove(target.c_str());
    return error;
  }
  if (durable && !in_place) sync_folder_of(path);
  return std::monostate{};
}

void remove_leftovers(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::optional<pid_t> process = process_of(entry->path().filename().string());
    if (!process || kill(*process, 0) == 0 || errno != ESRCH) continue;
    std::error_code ignored;
    std::filesystem::remove(entry->path(), ignored);
  }
}

}  // namespace mtcnn
