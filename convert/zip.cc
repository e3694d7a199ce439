#include "convert/zip.h"

#include <zip.h>

#include <cstdint>
#include <memory>

namespace mtcnn {
namespace {

constexpr std::int64_t kMaxEntries = 1024;
constexpr std::uint64_t kMaxUnpackedBytes = std::uint64_t{64} << 20;

// 1980-01-01, 00:00: the earliest date that zip knows.
constexpr zip_uint16_t kNoTime = 0;
constexpr zip_uint16_t kNoDate = (1 << 5) | 1;

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_source_t* source) const { zip_source_free(source); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Discard>;
using Source = std::unique_ptr<zip_source_t, Discard>;

struct ZipError {
  ZipError() { zip_error_init(&error); }
  ~ZipError() { zip_error_fini(&error); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  zip_error_t error;
};

}  // namespace

Result<std::map<std::string, std::string>> unzip(std::span<const std::byte> bytes, const std::string& file) {
  const auto bad = [&](const std::string& what) { return Error{ErrorCode::kFormat, file + ": " + what}; };
  ZipError error;
  Source source(zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error.error));
  if (!source) return Error{ErrorCode::kOutOfMemory, file + ": no memory to read a zip archive"};
  Archive archive(zip_open_from_source(source.get(), ZIP_RDONLY, &error.error));
  if (!archive) {
    return bad(std::string("is truncated or no zip archive: ") + zip_error_strerror(&error.error));
  }
  source.release();  // the archive's now

  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  if (count > kMaxEntries) {
    return Error{ErrorCode::kLimit, file + ": has more than " + std::to_string(kMaxEntries) + " entries"};
  }
  std::uint64_t total = 0;
  std::vector<zip_stat_t> stats(static_cast<std::size_t>(count));
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t& stat = stats[static_cast<std::size_t>(i)];
    if (zip_stat_index(archive.get(), static_cast<zip_uint64_t>(i), 0, &stat) != 0 ||
        !(stat.valid & ZIP_STAT_SIZE) || !(stat.valid & ZIP_STAT_NAME)) {
      return bad("has a zip entry without name or size");
    }
    if (stat.size > kMaxUnpackedBytes - total) {
      return Error{ErrorCode::kLimit,
                   file + ": unpacks to more than " + std::to_string(kMaxUnpackedBytes) + " bytes"};
    }
    total += stat.size;
  }

  std::map<std::string, std::string> entries;
  for (zip_int64_t i = 0; i < count; ++i) {
    const zip_stat_t& stat = stats[static_cast<std::size_t>(i)];
    const std::unique_ptr<zip_file_t, Discard> entry(
        zip_fopen_index(archive.get(), static_cast<zip_uint64_t>(i), 0));
    if (!entry) return bad(std::string("can't unpack: ") + zip_strerror(archive.get()));
    std::string content(static_cast<std::size_t>(stat.size), '\0');
    // One byte more than declared would be a lie about the size; the checksum is checked at the
    // end.
    char extra;
    if (zip_fread(entry.get(), content.data(), content.size()) != static_cast<zip_int64_t>(stat.size) ||
        zip_fread(entry.get(), &extra, 1) != 0) {
      return bad("has a broken zip entry");
    }
    if (!entries.emplace(stat.name, std::move(content)).second) return bad("has a zip entry twice");
  }
  return entries;
}

Result<std::vector<std::byte>> zip_stored(std::span<const std::pair<std::string, std::string>> entries,
                                          const std::string& file) {
  ZipError error;
  Source source(zip_source_buffer_create(nullptr, 0, 0, &error.error));
  const auto failed = [&](const char* why) {
    return Error{ErrorCode::kIo, file + ": can't write a zip archive: " + why};
  };
  if (!source) return failed("no memory");
  Archive archive(zip_open_from_source(source.get(), ZIP_CREATE | ZIP_TRUNCATE, &error.error));
  if (!archive) return failed(zip_error_strerror(&error.error));
  // Kept beyond the archive: it holds the result.
  zip_source_keep(source.get());
  for (const auto& [name, content] : entries) {
    zip_source_t* data = zip_source_buffer(archive.get(), content.data(), content.size(), 0);
    if (!data) return failed(zip_strerror(archive.get()));
    const zip_int64_t index = zip_file_add(archive.get(), name.c_str(), data, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(data);
      return failed(zip_strerror(archive.get()));
    }
    const auto entry = static_cast<zip_uint64_t>(index);
    if (zip_set_file_compression(archive.get(), entry, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(archive.get(), entry, kNoTime, kNoDate, 0) != 0) {
      return failed(zip_strerror(archive.get()));
    }
  }
  if (zip_close(archive.get()) != 0) return failed(zip_strerror(archive.get()));
  archive.release();

  if (zip_source_open(source.get()) != 0) return failed("can't read it back");
  zip_source_seek(source.get(), 0, SEEK_END);
  const zip_int64_t size = zip_source_tell(source.get());
  zip_source_seek(source.get(), 0, SEEK_SET);
  std::vector<std::byte> bytes(size > 0 ? static_cast<std::size_t>(size) : 0);
  const bool whole = size > 0 && zip_source_read(source.get(), bytes.data(), bytes.size()) == size;
  zip_source_close(source.get());
  if (!whole) return failed("can't read it back");
  return bytes;
}

}  // namespace mtcnn
