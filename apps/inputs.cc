#include "apps/inputs.h"

#include <dirent.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <istream>
#include <string_view>
#include <system_error>

#include "codecs/image_io.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;

std::string file_name(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

bool is_image_name(const std::string& name) {
  std::string lower = name;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::any_of(image_extensions().begin(), image_extensions().end(),
                     [&](std::string_view ending) { return lower.ends_with(ending); });
}

}  // namespace

InputSource::InputSource(InputOptions options) : options_(std::move(options)) {
  for (const std::string& folder : options_.excluded) {
    struct stat info {};
    if (stat(folder.c_str(), &info) == 0) excluded_.emplace_back(info.st_dev, info.st_ino);
  }
}

std::optional<Input> InputSource::next() {
  while (true) {
    if (!folders_.empty()) {
      Folder& folder = folders_.back();
      if (folder.at == folder.entries.size()) {
        folders_.pop_back();
        continue;
      }
      const Entry& entry = folder.entries[folder.at++];
      const std::string path = folder.path + entry.name;
      const std::string relative = folder.relative + entry.name;
      if (!entry.is_folder) return Input{path, relative, {}};
      if (is_excluded(path)) continue;
      if (auto input = open_folder(path, relative)) return input;
    } else if (!matches_.empty()) {
      const std::string path = std::move(matches_.front());
      matches_.pop_front();
      if (auto input = visit(path, false)) return input;
    } else if (in_list_) {
      std::string line;
      if (!std::getline(*options_.list, line, options_.null_separated ? '\0' : '\n')) {
        in_list_ = false;
        continue;
      }
      if (!options_.null_separated && line.ends_with('\r')) {
        // A list from Windows, unless a file is really named so.
        struct stat info {};
        if (stat(line.c_str(), &info) != 0) line.pop_back();
      }
      if (line.empty()) continue;
      if (auto input = visit(line, false)) return input;
    } else if (argument_ < options_.arguments.size()) {
      const std::string& argument = options_.arguments[argument_++];
      if (argument == "-") {
        in_list_ = true;
      } else if (auto input = visit(argument, true)) {
        return input;
      }
    } else {
      return std::nullopt;
    }
  }
}

std::optional<Input> InputSource::visit(const std::string& path, bool may_be_pattern) {
  struct stat info {};
  if (stat(path.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) return Input{path, file_name(path), {}};
    return open_folder(path, "");
  }
  const int reason = errno;
  if (reason == ENOENT && may_be_pattern && path.find_first_of("*?[") != std::string::npos) {
    glob_t found{};
    const int status = glob(path.c_str(), 0, nullptr, &found);
    if (status == 0) matches_.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    globfree(&found);
    if (status == 0) return std::nullopt;
    return Input{path, file_name(path), "no such file, and no file matches this pattern"};
  }
  return Input{path, file_name(path), reason == ENOENT ? "no such file or folder" : std::strerror(reason)};
}

std::optional<Input> InputSource::open_folder(const std::string& path, const std::string& relative) {
  Folder folder;
  folder.path = path.ends_with('/') ? path : path + '/';
  folder.relative = relative;
  DIR* const stream = opendir(path.c_str());
  if (stream == nullptr) {
    return Input{path, relative, std::string("can't search this folder: ") + std::strerror(errno)};
  }
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string entry_path = folder.path + name;
    struct stat info {};
    if (lstat(entry_path.c_str(), &info) != 0) continue;  // gone since the folder was read
    if (S_ISDIR(info.st_mode)) {
      folder.entries.push_back({name + '/', true});
      continue;
    }
    if (!is_image_name(name)) continue;
    if (S_ISLNK(info.st_mode)) {
      // A link that leads nowhere is left in: opening it then says so.
      if (stat(entry_path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) continue;
    } else if (!S_ISREG(info.st_mode)) {
      continue;
    }
    folder.entries.push_back({name, false});
  }
  closedir(stream);
  std::sort(folder.entries.begin(), folder.entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  folders_.push_back(std::move(folder));
  return std::nullopt;
}

bool InputSource::is_excluded(const std::string& path) const {
  if (excluded_.empty()) return false;
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && std::find(excluded_.begin(), excluded_.end(),
                                                     std::pair(info.st_dev, info.st_ino)) != excluded_.end();
}

bool lies_in(const std::string& path, const std::string& folder) {
  std::error_code error;
  const fs::path inner = fs::canonical(path, error);
  if (error) return false;
  const fs::path outer = fs::canonical(folder, error);
  if (error) return false;
  const auto [end, at] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return end == outer.end();
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) && !error;
}

namespace {

// "a" of "a_face12" and of "a.2-pnet", which are names of pictures about "a"; empty if it is none such.
std::string beginning(const std::string& stem) {
  constexpr std::string_view kDigits = "0123456789";
  const std::size_t last = stem.find_last_not_of(kDigits);
  constexpr std::string_view kFace = "_face";
  if (last != std::string::npos && last + 1 < stem.size() && last + 1 >= kFace.size() &&
      stem.compare(last + 1 - kFace.size(), kFace.size(), kFace) == 0) {
    return stem.substr(0, last + 1 - kFace.size());
  }
  for (const std::string_view ending : kStageEndings) {
    if (stem.size() > ending.size() && stem.ends_with(ending))
      return stem.substr(0, stem.size() - ending.size());
  }
  return {};
}

}  // namespace

bool OutputStems::is_free(const std::string& stem) const {
  return !used_.contains(stem) && !beginnings_.contains(stem) && !used_.contains(beginning(stem));
}

void OutputStems::use(const std::string& stem) {
  used_.try_emplace(stem, 1);
  if (std::string before = beginning(stem); !before.empty()) beginnings_.insert(std::move(before));
}

std::string OutputStems::next(const std::string& relative) {
  const std::size_t slash = relative.rfind('/');
  const std::size_t dot = relative.rfind('.');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  // A dot at the start of the name begins no ending.
  const std::string stem = dot == std::string::npos || dot <= name ? relative : relative.substr(0, dot);
  if (is_free(stem)) {
    use(stem);
    return stem;
  }
  int number = used_.try_emplace(stem, 1).first->second;
  std::string numbered;
  do {
    numbered = stem + "-" + std::to_string(++number);
  } while (!is_free(numbered));
  used_[stem] = number;
  use(numbered);
  return numbered;
}

}  // namespace mtcnn
