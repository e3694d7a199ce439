#include "convert/zip.h"

#include <unzip.h>
#include <zip.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

namespace mtcnn {
namespace {

constexpr ZPOS64_T kMaxEntries = 1024;
constexpr ZPOS64_T kMaxUnpackedBytes = ZPOS64_T{64} << 20;
constexpr std::size_t kMaxName = 1024;

// 1980-01-01, 00:00: the earliest date that zip knows.
constexpr uLong kNoTime = ((1 << 5) | 1) << 16;
constexpr uLong kUtf8 = 1 << 11;

// What minizip takes for a file.
struct Memory {
  std::span<const std::byte> input;  // read, or
  std::vector<std::byte> output;     // written
  std::size_t at = 0;
  std::size_t size() const { return input.empty() ? output.size() : input.size(); }
};

Memory& memory_of(voidpf stream) { return *static_cast<Memory*>(stream); }

zlib_filefunc64_def calls(Memory& memory) {
  zlib_filefunc64_def calls{};
  calls.opaque = &memory;
  calls.zopen64_file = [](voidpf opaque, const void*, int) { return opaque; };
  calls.zread_file = [](voidpf, voidpf stream, void* to, uLong size) -> uLong {
    Memory& m = memory_of(stream);
    const std::size_t count = std::min<std::size_t>(size, m.size() - std::min(m.at, m.size()));
    const std::byte* from = m.input.empty() ? m.output.data() : m.input.data();
    if (count > 0) std::memcpy(to, from + m.at, count);
    m.at += count;
    return count;
  };
  calls.zwrite_file = [](voidpf, voidpf stream, const void* from, uLong size) -> uLong {
    Memory& m = memory_of(stream);
    try {
      m.output.resize(std::max<std::size_t>(m.output.size(), m.at + size));
    } catch (const std::bad_alloc&) {
      return 0;
    }
    if (size > 0) std::memcpy(m.output.data() + m.at, from, size);
    m.at += size;
    return size;
  };
  calls.ztell64_file = [](voidpf, voidpf stream) -> ZPOS64_T { return memory_of(stream).at; };
  calls.zseek64_file = [](voidpf, voidpf stream, ZPOS64_T offset, int origin) -> long {
    Memory& m = memory_of(stream);
    const std::size_t from = origin == SEEK_CUR ? m.at : origin == SEEK_END ? m.size() : 0;
    if (offset > m.size() - std::min(from, m.size())) return -1;
    m.at = from + static_cast<std::size_t>(offset);
    return 0;
  };
  calls.zclose_file = [](voidpf, voidpf) { return 0; };
  calls.zerror_file = [](voidpf, voidpf) { return 0; };
  return calls;
}

// Whether the archive's last record, which minizip looks for from the end, is there to its last byte: minizip does not mind
// if it is cut short.
bool has_whole_end(std::span<const std::byte> bytes) {
  constexpr std::size_t kEndBytes = 22;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t at = text.rfind("PK\5\6");
  if (at == std::string_view::npos || text.size() - at < kEndBytes) return false;
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(bytes[at + i]); };
  return text.size() - at - kEndBytes == (byte(20) | byte(21) << 8);
}

struct CloseUnzip {
  void operator()(void* archive) const { unzClose(archive); }
};

}  // namespace

Result<std::map<std::string, std::string>> unzip(std::span<const std::byte> bytes, const std::string& file) {
  const auto bad = [&](const std::string& what) { return Error{ErrorCode::kFormat, file + ": " + what}; };
  if (!has_whole_end(bytes)) return bad("is truncated or no zip archive");
  Memory memory{bytes, {}, 0};
  zlib_filefunc64_def from_memory = calls(memory);
  const std::unique_ptr<void, CloseUnzip> archive(unzOpen2_64("", &from_memory));
  if (!archive) return bad("has a broken zip directory");

  unz_global_info64 global{};
  if (unzGetGlobalInfo64(archive.get(), &global) != UNZ_OK) return bad("has a broken zip directory");
  if (global.number_entry > kMaxEntries) {
    return Error{ErrorCode::kLimit, file + ": has more than " + std::to_string(kMaxEntries) + " entries"};
  }
  struct Entry {
    std::string name;
    std::size_t size = 0;
  };
  std::vector<Entry> entries(static_cast<std::size_t>(global.number_entry));
  ZPOS64_T total = 0;
  for (Entry& entry : entries) {
    const bool first = &entry == entries.data();
    unz_file_info64 info{};
    if ((first ? unzGoToFirstFile(archive.get()) : unzGoToNextFile(archive.get())) != UNZ_OK ||
        unzGetCurrentFileInfo64(archive.get(), &info, nullptr, 0, nullptr, 0, nullptr, 0) != UNZ_OK ||
        info.size_filename > kMaxName) {
      return bad("has a broken zip directory");
    }
    entry.name.resize(info.size_filename);
    if (unzGetCurrentFileInfo64(archive.get(), &info, entry.name.data(), info.size_filename, nullptr, 0,
                                nullptr, 0) != UNZ_OK) {
      return bad("has a broken zip directory");
    }
    if (info.uncompressed_size > kMaxUnpackedBytes - total) {
      return Error{ErrorCode::kLimit,
                   file + ": unpacks to more than " + std::to_string(kMaxUnpackedBytes) + " bytes"};
    }
    if ((info.flag & 1) != 0) return Error{ErrorCode::kUnsupported, file + ": has an encrypted zip entry"};
    entry.size = static_cast<std::size_t>(info.uncompressed_size);
    total += info.uncompressed_size;
  }

  std::map<std::string, std::string> contents;
  for (Entry& entry : entries) {
    const bool first = &entry == entries.data();
    std::string content(entry.size, '\0');
    // One byte more than declared would be a lie about the size; the checksum is compared when the entry is closed.
    char extra = 0;
    if ((first ? unzGoToFirstFile(archive.get()) : unzGoToNextFile(archive.get())) != UNZ_OK ||
        unzOpenCurrentFile(archive.get()) != UNZ_OK ||
        unzReadCurrentFile(archive.get(), content.data(), static_cast<unsigned>(content.size())) !=
            static_cast<int>(content.size()) ||
        unzReadCurrentFile(archive.get(), &extra, 1) != 0 || unzCloseCurrentFile(archive.get()) != UNZ_OK) {
      return bad("has a broken zip entry");
    }
    if (!contents.emplace(std::move(entry.name), std::move(content)).second)
      return bad("has a zip entry twice");
  }
  return contents;
}

Result<std::vector<std::byte>> zip_stored(std::span<const std::pair<std::string, std::string>> entries,
                                          const std::string& file) {
  const Error failed{ErrorCode::kIo, file + ": can't write a zip archive"};
  Memory memory;
  zlib_filefunc64_def to_memory = calls(memory);
  const zipFile archive = zipOpen2_64("", APPEND_STATUS_CREATE, nullptr, &to_memory);
  if (!archive) return failed;
  bool fine = true;
  for (const auto& [name, content] : entries) {
    zip_fileinfo info{};
    info.dosDate = kNoTime;
    fine = fine &&
           zipOpenNewFileInZip4_64(archive, name.c_str(), &info, nullptr, 0, nullptr, 0, nullptr, 0, 0, 0,
                                   -MAX_WBITS, DEF_MEM_LEVEL, Z_DEFAULT_STRATEGY, nullptr, 0, 0, kUtf8,
                                   0) == ZIP_OK &&
           zipWriteInFileInZip(archive, content.data(), static_cast<unsigned>(content.size())) == ZIP_OK &&
           zipCloseFileInZip(archive) == ZIP_OK;
  }
  fine = zipClose(archive, nullptr) == ZIP_OK && fine;
  if (!fine) return failed;
  return std::move(memory.output);
}

}  // namespace mtcnn
