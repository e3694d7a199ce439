#include "apps/resume.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
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

Result<DoneInputs> prepare_resume(const std::string& path) {
  DoneInputs done;
  std::error_code error;
  if (!fs::exists(path, error)) return done;
  if (!fs::is_regular_file(path, error)) {
    return Error{ErrorCode::kIo, path + ": only an ordinary file can be resumed"};
  }
  // The file itself, should the path be a link: renaming onto the link would cut it.
  const std::string real = fs::canonical(path, error).string();
  const std::string kept_path = real + ".resume.tmp";
  bool changed = false;
  {
    errno = 0;
    std::ifstream in(real, std::ios::binary);
    if (!in) return io_error(path, "can't open");
    std::ofstream kept(kept_path, std::ios::binary | std::ios::trunc);
    if (!kept) return io_error(kept_path, "can't write");
    std::string line;
    for (std::int64_t number = 1; std::getline(in, line); ++number) {
      const bool torn = in.eof();
      const std::string_view start = kLineStart.substr(0, torn ? line.size() : kLineStart.size());
      Json json;
      if (!torn) json = Json::parse(line, nullptr, false);
      if (!line.starts_with(start) || (!torn && (!json.is_object() || !json["path"].is_string() ||
                                                 !(json.contains("faces") || json.contains("error"))))) {
        kept.close();
        fs::remove(kept_path, error);
        return Error{ErrorCode::kFormat, path + ": line " + std::to_string(number) +
                                             " is not one that 'mtcnn detect --json' wrote; nothing "
                                             "was changed"};
      }
      if (torn || json.contains("error")) {
        changed = true;
        continue;
      }
      done.add(json["path"].get<std::string>());
      kept << line << '\n';
    }
    if (in.bad()) return io_error(path, "can't read");
    kept.close();
    if (!kept) {
      fs::remove(kept_path, error);
      return io_error(path, "can't write");
    }
  }
  if (!changed) {
    fs::remove(kept_path, error);
    return done;
  }
  fs::rename(kept_path, real, error);
  if (error) return Error{ErrorCode::kIo, path + ": can't write: " + error.message()};
  return done;
}

}  // namespace mtcnn
