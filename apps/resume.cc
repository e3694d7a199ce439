#include "apps/resume.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string_view>
#include <system_error>

#include "apps/face_lines.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;

// Every line begins so; so does a torn one, as far as it goes.
constexpr std::string_view kLineStart = "{\"path\":";

Error io_error(const std::string& path, const char* action) {
  return {ErrorCode::kIo, path + ": " + action + ": " + std::strerror(errno)};
}

}  // namespace

bool DoneInputs::take(const std::string& path) {
  const auto found = count_.find(path);
  if (found == count_.end() || found->second == 0) return false;
  --found->second;
  return true;
}

namespace {

// Hands every line that is to stay to `keep`. True if there are others.
Result<bool> read_lines_to_keep(const std::string& path, const std::string& real, DoneInputs& done,
                                const std::function<void(const std::string&)>& keep) {
  errno = 0;
  std::ifstream in(real, std::ios::binary);
  if (!in) return io_error(path, "can't open");
  bool others = false;
  std::string line;
  for (std::int64_t number = 1; std::getline(in, line); ++number) {
    const bool torn = in.eof();
    // A machine that went down may leave zeros where the last lines were to be.
    if (line.empty() || (torn && line.front() == '\0')) {
      others = true;
      continue;
    }
    const std::string_view start = kLineStart.substr(0, torn ? line.size() : kLineStart.size());
    Json json;
    if (!torn) json = Json::parse(line, nullptr, false);
    if (!line.starts_with(start) || (!torn && (!json.is_object() || !json["path"].is_string() ||
                                               !(json.contains("faces") || json.contains("error"))))) {
      return Error{ErrorCode::kFormat,
                   path + ": line " + std::to_string(number) +
                       " is not one that 'mtcnn detect --json' wrote; nothing was changed"};
    }
    if (torn || json.contains("error")) {
      others = true;
      continue;
    }
    done.add(json["path"].get<std::string>());
    keep(line);
  }
  if (in.bad()) return io_error(path, "can't read");
  return others;
}

// Empty if there is no file. The file itself, should the path be a link: renaming onto the link would cut it.
Result<std::string> real_file(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return std::string();
  if (!fs::is_regular_file(path, error)) {
    return Error{ErrorCode::kIo, path + ": only an ordinary file can be resumed"};
  }
  return fs::canonical(path, error).string();
}

}  // namespace

Result<DoneInputs> read_resume(const std::string& path) {
  DoneInputs done;
  const auto real = real_file(path);
  if (!real) return real.error();
  if (real->empty()) return done;
  const auto read = read_lines_to_keep(path, *real, done, [](const std::string&) {});
  if (!read) return read.error();
  return done;
}

Result<DoneInputs> prepare_resume(const std::string& path) {
  DoneInputs done;
  const auto real = real_file(path);
  if (!real) return real.error();
  if (real->empty()) return done;
  const std::string kept_path = *real + ".resume.tmp";
  errno = 0;
  std::ofstream kept(kept_path, std::ios::binary | std::ios::trunc);
  if (!kept) return io_error(kept_path, "can't write");
  const auto others =
      read_lines_to_keep(path, *real, done, [&](const std::string& line) { kept << line << '\n'; });
  kept.close();
  std::error_code error;
  if (others && *others && kept) {
    fs::rename(kept_path, *real, error);
    if (!error) return done;
  }
  const Error failed = io_error(path, "can't write");
  std::error_code ignored;
  fs::remove(kept_path, ignored);
  if (!others) return others.error();
  if (error) return Error{ErrorCode::kIo, path + ": can't write: " + error.message()};
  if (!kept) return failed;
  return done;
}

}  // namespace mtcnn
