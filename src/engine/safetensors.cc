#include "engine/safetensors.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

namespace mtcnn {
namespace {

// Reading with sorted keys: the ordered kind searches all keys at every insertion, and a file may bring
// very many. Writing with keys in our order.
using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;
static_assert(std::endian::native == std::endian::little, "safetensors holds little-endian values");

constexpr std::size_t kMaxHeaderBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxMetadataText = std::size_t{64} << 10;
constexpr std::size_t kMaxTensors = 1024;
constexpr std::size_t kMaxDimensions = 8;
constexpr const char* kGeometryNames[] = {"exact", "release"};

Error bad(const std::string& name, const std::string& what) {
  return {ErrorCode::kFormat, name + ": " + what};
}

// Deep nesting would overflow the stack of the parser's callers; our header has depth three.
bool too_deep(const char* text, std::size_t size) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < size; ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > 4) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

Status read_number(const std::string& name, const char* key, const std::string& text, float& value) {
  const char* const end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc() || stop != end) {
    return bad(name,
               "metadata \"" + std::string(key) + "\" is \"" + text.substr(0, 20) + "\", expected a number");
  }
  return std::monostate{};
}

// Takes the settings that the cascade needs out of the file's metadata; the rest is kept as it is.
Status read_settings(const std::string& name, ModelData& data) {
  std::map<std::string, std::string>& metadata = data.metadata;
  const auto take = [&](const char* key, std::string& text) -> bool {
    const auto it = metadata.find(key);
    if (it == metadata.end()) return false;
    text = std::move(it->second);
    metadata.erase(it);
    return true;
  };
  std::string text;
  if (!take("format_version", text)) {
    return bad(name,
               "is safetensors but no mtcnn model: metadata \"format_version\" is missing "
               "(`mtcnn convert` makes a model from other weights)");
  }
  if (text != std::to_string(kModelFormatVersion)) {
    return Error{ErrorCode::kUnsupported, name + ": has model format version " + text.substr(0, 20) +
                                              ", this library reads version " +
                                              std::to_string(kModelFormatVersion)};
  }
  if (!take("cell_geometry", text)) return bad(name, "metadata \"cell_geometry\" is missing");
  if (text == kGeometryNames[0]) {
    data.geometry = CellGeometry::kExact;
  } else if (text == kGeometryNames[1]) {
    data.geometry = CellGeometry::kRelease;
  } else {
    return bad(name, "metadata \"cell_geometry\" is \"" + text.substr(0, 20) +
                         "\", expected \"exact\" or \"release\"");
  }
  const std::pair<const char*, float*> numbers[] = {
      {"pixel_mean", &data.pixel_mean},        {"pixel_scale", &data.pixel_scale},
      {"threshold_pnet", &data.thresholds[0]}, {"threshold_rnet", &data.thresholds[1]},
      {"threshold_onet", &data.thresholds[2]},
  };
  for (const auto& [key, value] : numbers) {
    if (!take(key, text)) return bad(name, "metadata \"" + std::string(key) + "\" is missing");
    if (Status read = read_number(name, key, text, *value); !read) return read;
  }
  return std::monostate{};
}

std::string number_text(float value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

}  // namespace

Result<ModelData> parse_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() > kMaxModelBytes) {
    return Error{ErrorCode::kLimit, name + ": has " + std::to_string(bytes.size()) +
                                        " bytes, a model has at most " + std::to_string(kMaxModelBytes)};
  }
  std::uint64_t header_size = 0;
  if (bytes.size() < sizeof header_size) {
    return bad(name, "has " + std::to_string(bytes.size()) + " bytes, too few for a safetensors file");
  }
  std::memcpy(&header_size, bytes.data(), sizeof header_size);
  if (header_size > kMaxHeaderBytes) {
    return bad(name, "is no safetensors file, or has a header of " + std::to_string(header_size) +
                         " bytes, more than " + std::to_string(kMaxHeaderBytes));
  }
  if (header_size > bytes.size() - sizeof header_size) {
    return bad(name, "is truncated: the header says " + std::to_string(header_size) +
                         " bytes, the file has " + std::to_string(bytes.size() - sizeof header_size) +
                         " after it");
  }
  const char* const text = reinterpret_cast<const char*>(bytes.data()) + sizeof header_size;
  if (too_deep(text, header_size)) return bad(name, "the header is nested too deeply");
  const Json header = Json::parse(text, text + header_size, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) return bad(name, "the header is no JSON object: not a safetensors file");
  if (header.size() > kMaxTensors) return bad(name, "names more than 1024 tensors");

  const std::span<const std::byte> payload = bytes.subspan(sizeof header_size + header_size);
  ModelData data;
  std::size_t used = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") {
      if (!entry.is_object()) return bad(name, "the metadata is no JSON object");
      for (const auto& [field, value] : entry.items()) {
        if (!value.is_string() || value.get_ref<const std::string&>().size() > kMaxMetadataText) {
          return bad(name, "metadata \"" + field.substr(0, 80) + "\" is no text of at most 64 KiB");
        }
        data.metadata[field] = value.get<std::string>();
      }
      continue;
    }
    const std::string what = "tensor \"" + key.substr(0, 80) + "\"";
    if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
        !entry.contains("data_offsets")) {
      return bad(name, what + " lacks dtype, shape or data_offsets");
    }
    if (entry["dtype"] != "F32") return bad(name, what + " is not of type F32");
    const Json& shape = entry["shape"];
    const Json& offsets = entry["data_offsets"];
    if (!shape.is_array() || shape.size() > kMaxDimensions) return bad(name, what + " has no usable shape");
    Tensor tensor;
    std::uint64_t count = 1;
    for (const Json& dimension : shape) {
      if (!dimension.is_number_unsigned()) return bad(name, what + " has no usable shape");
      const std::uint64_t n = dimension.get<std::uint64_t>();
      if (n == 0 || n > kMaxModelBytes || count * n > kMaxModelBytes) {
        return bad(name, what + " has an absurd size");
      }
      count *= n;
      tensor.shape.push_back(static_cast<std::int64_t>(n));
    }
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned()) {
      return bad(name, what + " has no usable data_offsets");
    }
    const std::uint64_t begin = offsets[0].get<std::uint64_t>();
    const std::uint64_t end = offsets[1].get<std::uint64_t>();
    if (begin > end || end - begin != count * sizeof(float)) {
      return bad(name, what + " has data_offsets that do not fit its shape");
    }
    if (end > payload.size()) {
      return bad(name, "is truncated: " + what + " ends at byte " + std::to_string(end) +
                           " of the data, the file has " + std::to_string(payload.size()));
    }
    // Before memory is asked for: together, tensors can't be larger than the data.
    if (end - begin > payload.size() - used) return bad(name, what + " shares bytes with another tensor");
    ranges.emplace_back(begin, end);
    tensor.values.resize(count);
    std::memcpy(tensor.values.data(), payload.data() + begin, end - begin);
    used += end - begin;
    data.tensors.emplace(key, std::move(tensor));
  }
  if (used != payload.size()) {
    return bad(name, "has " + std::to_string(payload.size()) + " bytes of data, its tensors " +
                         std::to_string(used));
  }
  // As many bytes as there are, and none twice: then each belongs to one tensor.
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first < ranges[i - 1].second) return bad(name, "has tensors that share bytes");
  }
  std::string architecture;
  if (const auto it = data.metadata.find("architecture"); it != data.metadata.end()) {
    architecture = it->second;
    data.metadata.erase(it);
  }
  if (Status settings = read_settings(name, data); !settings) return settings.error();
  if (Status valid = validate(data, name); !valid) return valid.error();
  const std::string expected = architecture_hash(nets_of(data));
  if (architecture != expected) {
    return bad(name, "was made for other nets: architecture " +
                         (architecture.empty() ? "missing" : architecture.substr(0, 20)) + ", expected " +
                         expected);
  }
  return data;
}

std::vector<std::byte> write_safetensors(const ModelData& data) {
  OrderedJson header = OrderedJson::object();
  OrderedJson& metadata = header["__metadata__"] = OrderedJson::object();
  metadata["format_version"] = std::to_string(kModelFormatVersion);
  metadata["architecture"] = architecture_hash(nets_of(data));
  metadata["cell_geometry"] = kGeometryNames[data.geometry == CellGeometry::kRelease];
  metadata["pixel_mean"] = number_text(data.pixel_mean);
  metadata["pixel_scale"] = number_text(data.pixel_scale);
  metadata["threshold_pnet"] = number_text(data.thresholds[0]);
  metadata["threshold_rnet"] = number_text(data.thresholds[1]);
  metadata["threshold_onet"] = number_text(data.thresholds[2]);
  for (const auto& [key, value] : data.metadata) metadata[key] = value;

  std::size_t offset = 0;
  for (const auto& [name, tensor] : data.tensors) {
    const std::size_t size = tensor.values.size() * sizeof(float);
    header[name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + size}}};
    offset += size;
  }
  // Invalid UTF-8 in metadata (a file name, say) must not make the model unwritable.
  std::string text = header.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');

  const std::uint64_t header_size = text.size();
  std::vector<std::byte> bytes(sizeof header_size + text.size() + offset);
  std::memcpy(bytes.data(), &header_size, sizeof header_size);
  std::memcpy(bytes.data() + sizeof header_size, text.data(), text.size());
  std::byte* to = bytes.data() + sizeof header_size + text.size();
  for (const auto& [name, tensor] : data.tensors) {
    std::memcpy(to, tensor.values.data(), tensor.values.size() * sizeof(float));
    to += tensor.values.size() * sizeof(float);
  }
  return bytes;
}

}  // namespace mtcnn
