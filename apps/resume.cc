#include "apps/resume.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "apps/face_lines.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;

// Every line begins so; so does a torn one, as far as it goes.
constexpr std::string_view kLineStart = "{\"path\":";

Error io_error(const std::string& path, const char* action) {
  return {ErrorCode::kIo, path + ": " + action + ": " + std::strerror(errno)};
}

// Hands every line that is to stay to `keep`. True if there is anything else.
Result<bool> lines_to_keep(const std::string& path,
                           const std::function<void(std::string, const Json&)>& keep) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return io_error(path, "can't open");
  bool others = false;
  std::string line;
  for (std::int64_t number = 1; std::getline(in, line); ++number) {
    const bool torn = in.eof();
    // A machine that went down may leave zeros where the rest was to be.
    if (torn) line.erase(line.find_last_not_of('\0') + 1);
    if (line.empty()) {
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
    keep(std::move(line), json);
  }
  if (in.bad()) return io_error(path, "can't read");
  return others;
}

}  // namespace

bool DoneInputs::take(const std::string& path) {
  const auto found = count_.find(path);
  if (found == count_.end() || found->second == 0) return false;
  --found->second;
  return true;
}

Result<Resumable> read_resume(const std::string& path) {
  Resumable found;
  std::error_code error;
  if (!fs::exists(path, error)) return found;
  if (!fs::is_regular_file(path, error)) {
    return Error{ErrorCode::kIo, path + ": only an ordinary file can be resumed"};
  }
  const auto others = lines_to_keep(
      path, [&](const std::string&, const Json& json) { found.done.add(json["path"].get<std::string>()); });
  if (!others) return others.error();
  found.others = *others;
  return found;
}

Status drop_others(const std::string& path) {
  std::error_code error;
  // The file itself, should the path be a link: renaming onto the link would cut it.
  const std::string real = fs::canonical(path, error).string();
  if (error) return Error{ErrorCode::kIo, path + ": can't open: " + error.message()};
  std::vector<std::string> lines;
  const auto others =
      lines_to_keep(real, [&](std::string line, const Json&) { lines.push_back(std::move(line)); });
  if (!others) return others.error();
  const std::string kept_path = real + ".resume.tmp";
  errno = 0;
  std::ofstream kept(kept_path, std::ios::binary | std::ios::trunc);
  if (!kept) return io_error(kept_path, "can't write");
  for (const std::string& line : lines) kept << line << '\n';
  kept.close();
  if (!kept) {
    const Error failed = io_error(kept_path, "can't write");
    fs::remove(kept_path, error);
    return failed;
  }
  fs::permissions(kept_path, fs::status(real, error).permissions(), error);
  fs::rename(kept_path, real, error);
  if (!error) return std::monostate{};
  const Error failed{ErrorCode::kIo, path + ": can't write: " + error.message()};
  fs::remove(kept_path, error);
  return failed;
}

}  // namespace mtcnn
