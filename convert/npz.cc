// A whole model as a NumPy archive: numpy.load() gives the tensors by name, without pickles.
#include <cstring>

#include "convert/npy.h"
#include "convert/readers.h"
#include "convert/settings.h"
#include "convert/writers.h"
#include "convert/zip.h"

namespace mtcnn {
namespace {

constexpr std::string_view kEnding = ".npy";

Error bad(const std::string& file, const std::string& what) {
  return {ErrorCode::kFormat, file + ": " + what};
}

}  // namespace

Result<std::vector<std::byte>> write_npz(const ModelData& data, const std::string& file) {
  std::vector<std::pair<std::string, std::string>> entries;
  const std::string settings = write_settings(data);
  entries.emplace_back(
      std::string(kNpzSettingsName) + ".npy",
      npy_file("|S" + std::to_string(settings.size()), {}, std::as_bytes(std::span(settings))));
  for (const auto& [name, tensor] : data.tensors) {
    entries.emplace_back(name + ".npy",
                         npy_file("<f4", tensor.shape, std::as_bytes(std::span(tensor.values))));
  }
  return zip_stored(entries, file);
}

Result<ModelData> read_npz(std::span<const std::byte> bytes, const std::string& file) {
  Result<std::map<std::string, std::string>> entries = unzip(bytes, file);
  if (!entries) return entries.error();
  ModelData data;
  std::int64_t budget = kMaxImportValues;
  bool has_settings = false;
  for (const auto& [entry, content] : *entries) {
    const std::string where = file + ": \"" + entry.substr(0, 80) + "\"";
    if (!entry.ends_with(kEnding)) return bad(where, "expected arrays (.npy) alone");
    const auto array = std::as_bytes(std::span(content));
    Result<NpyHeader> header = read_npy_header(array, where);
    if (!header) return header.error();
    const std::string name = entry.substr(0, entry.size() - kEnding.size());
    if (name == kNpzSettingsName) {
      // NumPy pads text with zeros.
      std::string_view text = std::string_view(content).substr(header->data);
      text = text.substr(0, text.find('\0'));
      if (!header->descr.starts_with("|S")) return bad(where, "expected a string of bytes");
      if (Status s = read_settings(text, file, data); !s) return s.error();
      has_settings = true;
      continue;
    }
    if (header->descr != "<f4") return bad(where, "expected little-endian float32");
    Result<Tensor> tensor =
        gather_dense(array.subspan(header->data), header->shape, header->fortran, budget, where);
    if (!tensor) return tensor.error();
    data.tensors[name] = *std::move(tensor);
  }
  if (!has_settings) {
    return bad(file, "expected an archive that this project wrote, with an array \"" +
                         std::string(kNpzSettingsName) + "\"");
  }
  return data;
}

}  // namespace mtcnn
