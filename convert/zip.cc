// Little of the format is needed: archives of 32-bit sizes in memory, entries stored as they are or,
// if zlib is at hand, deflated. An archive is read by its directory at the end; what the entries' own
// headers say of sizes is not trusted, and often not filled in (PyTorch, NumPy).
#include "convert/zip.h"

#include <array>
#include <cstdint>
#include <string_view>

#ifdef MTCNN_ZLIB
#include <zlib.h>
#endif

namespace mtcnn {
namespace {

constexpr std::size_t kMaxEntries = 1024;
constexpr std::size_t kMaxUnpackedBytes = std::size_t{64} << 20;

constexpr std::string_view kLocalSignature("PK\3\4", 4);
constexpr std::string_view kDirectorySignature("PK\1\2", 4);
constexpr std::string_view kEndSignature("PK\5\6", 4);
constexpr std::size_t kLocalBytes = 30, kDirectoryBytes = 46, kEndBytes = 22;
constexpr std::size_t kMaxComment = 0xffff;

constexpr std::uint32_t kStored = 0, kDeflated = 8;
constexpr std::uint32_t kEncrypted = 1, kUtf8 = 1 << 11;
// 1980-01-01, the earliest date that zip knows; its time of day is 0.
constexpr std::uint32_t kNoDate = (1 << 5) | 1;

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    table[i] = crc;
  }
  return table;
}();

std::uint32_t crc32_of(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = crc >> 8 ^ kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

// Little-endian numbers. Require that they lie within `bytes`.
std::uint32_t read16(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]) |
         static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + 1])) << 8;
}
std::uint32_t read32(std::string_view bytes, std::size_t at) {
  return read16(bytes, at) | read16(bytes, at + 2) << 16;
}

struct Entry {
  std::string name;
  std::uint32_t flags = 0, method = 0, crc = 0;
  std::size_t packed = 0, size = 0, header = 0;  // bytes; where its own header stands
};

// Whether `content`, which has the size it must have, could be filled with the deflated `packed`.
bool inflate_into([[maybe_unused]] std::string_view packed, [[maybe_unused]] std::string& content) {
#ifdef MTCNN_ZLIB
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
  // One byte more than there should be would be a lie about the size.
  content.push_back('\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(content.data());
  stream.avail_out = static_cast<uInt>(content.size());
  const int status = inflate(&stream, Z_FINISH);
  const std::size_t written = content.size() - stream.avail_out;
  inflateEnd(&stream);
  content.pop_back();
  return status == Z_STREAM_END && written == content.size();
#else
  return false;
#endif
}

void put16(std::string& out, std::uint32_t value) {
  out += static_cast<char>(value & 0xff);
  out += static_cast<char>(value >> 8 & 0xff);
}
void put32(std::string& out, std::uint32_t value) {
  put16(out, value & 0xffff);
  put16(out, value >> 16);
}

// What an entry's own header and its line in the directory have in common.
void put_common(std::string& out, std::string_view name, std::uint32_t crc, std::uint32_t size) {
  put16(out, 20);  // version 2.0 reads it
  put16(out, kUtf8);
  put16(out, kStored);
  put16(out, 0);
  put16(out, kNoDate);
  put32(out, crc);
  put32(out, size);
  put32(out, size);
  put16(out, static_cast<std::uint32_t>(name.size()));
  put16(out, 0);  // no extra fields
}

}  // namespace

Result<std::map<std::string, std::string>> unzip(std::span<const std::byte> bytes, const std::string& file) {
  const auto bad = [&](const std::string& what) { return Error{ErrorCode::kFormat, file + ": " + what}; };
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());

  // The end record, behind which there may be a comment of any text: the last place where its length fits.
  std::size_t end = std::string_view::npos;
  for (std::size_t at = all.rfind(kEndSignature); at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : all.rfind(kEndSignature, at - 1)) {
    if (all.size() - at > kEndBytes + kMaxComment) break;
    if (all.size() - at >= kEndBytes && all.size() - at - kEndBytes == read16(all, at + 20)) {
      end = at;
      break;
    }
  }
  if (end == std::string_view::npos) return bad("is truncated or no zip archive: it has no end record");
  const std::size_t count = read16(all, end + 10);
  if (count > kMaxEntries) {
    return Error{ErrorCode::kLimit, file + ": has more than " + std::to_string(kMaxEntries) + " entries"};
  }
  std::size_t at = read32(all, end + 16);
  if (at > end) return bad("has a zip directory that begins behind its end");

  std::vector<Entry> entries(count);
  std::size_t total = 0;
  for (Entry& entry : entries) {
    if (end - at < kDirectoryBytes || all.substr(at, 4) != kDirectorySignature) {
      return bad("has a broken zip directory");
    }
    entry.flags = read16(all, at + 8);
    entry.method = read16(all, at + 10);
    entry.crc = read32(all, at + 16);
    entry.packed = read32(all, at + 20);
    entry.size = read32(all, at + 24);
    entry.header = read32(all, at + 42);
    const std::size_t name = read16(all, at + 28);
    const std::size_t whole = kDirectoryBytes + name + read16(all, at + 30) + read16(all, at + 32);
    if (end - at < whole) return bad("has a broken zip directory");
    entry.name = all.substr(at + kDirectoryBytes, name);
    at += whole;
    if (entry.size > kMaxUnpackedBytes - total) {
      return Error{ErrorCode::kLimit,
                   file + ": unpacks to more than " + std::to_string(kMaxUnpackedBytes) + " bytes"};
    }
    total += entry.size;
  }

  std::map<std::string, std::string> contents;
  for (Entry& entry : entries) {
    if (entry.header > end || end - entry.header < kLocalBytes ||
        all.substr(entry.header, 4) != kLocalSignature) {
      return bad("has a zip entry without a header");
    }
    const std::size_t begin = entry.header + kLocalBytes + read16(all, entry.header + 26) +
                              std::size_t{read16(all, entry.header + 28)};
    if (begin > end || end - begin < entry.packed) return bad("has a zip entry that is cut off");
    const std::string_view packed = all.substr(begin, entry.packed);
    const bool stored = entry.method == kStored;
    if (entry.flags & kEncrypted || (!stored && entry.method != kDeflated)) {
      return Error{ErrorCode::kUnsupported, file + ": has an encrypted or unusually compressed zip entry"};
    }
#ifndef MTCNN_ZLIB
    if (!stored) {
      return Error{ErrorCode::kUnsupported,
                   file + ": has compressed zip entries, and this build has no zlib to unpack them"};
    }
#endif
    if (stored && entry.packed != entry.size) return bad("has a broken zip entry");
    std::string content(stored ? packed : std::string_view());
    if (!stored) {
      content.resize(entry.size);
      if (!inflate_into(packed, content)) return bad("has a broken zip entry");
    }
    if (crc32_of(content) != entry.crc) return bad("has a zip entry with a wrong checksum");
    if (!contents.emplace(std::move(entry.name), std::move(content)).second) {
      return bad("has a zip entry twice");
    }
  }
  return contents;
}

Result<std::vector<std::byte>> zip_stored(std::span<const std::pair<std::string, std::string>> entries,
                                          const std::string& file) {
  std::string out;
  std::string directory;
  for (const auto& [name, content] : entries) {
    // A 32-bit archive: far more than a model needs.
    if (name.size() > 0xffff || content.size() > (std::size_t{1} << 31) - 1 - out.size()) {
      return Error{ErrorCode::kLimit, file + ": can't write a zip archive of 2 GiB"};
    }
    const auto header = static_cast<std::uint32_t>(out.size());
    const auto size = static_cast<std::uint32_t>(content.size());
    const std::uint32_t crc = crc32_of(content);
    out += kLocalSignature;
    put_common(out, name, crc, size);
    out += name;
    out += content;
    directory += kDirectorySignature;
    put16(directory, 20);  // made by version 2.0
    put_common(directory, name, crc, size);
    put16(directory, 0);  // no comment
    put16(directory, 0);  // first disk
    put16(directory, 0);  // attributes
    put32(directory, 0);
    put32(directory, header);
    directory += name;
  }
  if (entries.size() > 0xffff || directory.size() > (std::size_t{1} << 31) - 1) {
    return Error{ErrorCode::kLimit, file + ": can't write a zip archive of so many entries"};
  }
  const auto start = static_cast<std::uint32_t>(out.size());
  const auto count = static_cast<std::uint32_t>(entries.size());
  out += directory;
  out += kEndSignature;
  put16(out, 0);  // one disk
  put16(out, 0);
  put16(out, count);
  put16(out, count);
  put32(out, static_cast<std::uint32_t>(directory.size()));
  put32(out, start);
  put16(out, 0);  // no comment
  const auto* const data = reinterpret_cast<const std::byte*>(out.data());
  return std::vector<std::byte>(data, data + out.size());
}

}  // namespace mtcnn
