// PyTorch state dictionaries as facenet-pytorch has them: a pickle of {name: tensor}, each tensor a
// view (offset, sizes, strides) of a storage kept outside of the pickle. Since PyTorch 1.6 a zip
// archive with one entry a storage; before, the storages follow the pickle one by one. Kernels are
// upright, [out, in, height, width]; the first dense layer runs over columns, rows, channels.
#include <algorithm>
#include <cstring>
#include <map>

#include "convert/npy.h"
#include "convert/readers.h"
#include "convert/zip.h"

namespace mtcnn {
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";
constexpr std::string_view kFloatStorage = "torch.FloatStorage";
constexpr std::string_view kGlobals[] = {"collections.OrderedDict", kRebuildTensor, kRebuildParameter,
                                         kFloatStorage};

using Storages = std::map<std::string, std::span<const std::byte>, std::less<>>;

Error bad(const std::string& name, const std::string& what) {
  return {ErrorCode::kFormat, name + ": " + what};
}

// A persistent id: ("storage", FloatStorage, key, device, number of values, ..)
struct StorageId {
  std::string_view key;
  std::int64_t count = 0;
};
Result<StorageId> storage_id(const PickleValue& value, const std::string& what) {
  const PickleValue* id = value.is(Kind::kPersistent) ? value.items[0] : nullptr;
  if (!id || !id->is(Kind::kTuple) || id->items.size() < 5 || !id->items[2]->is(Kind::kString) ||
      !id->items[4]->is(Kind::kInt)) {
    return bad(what, "expected a tensor's storage");
  }
  if (!id->items[1]->is(Kind::kGlobal) || id->items[1]->global != kFloatStorage) {
    return bad(what, "expected float32 values");
  }
  return StorageId{id->items[2]->text, id->items[4]->integer};
}

Result<RawNet> read_state_dict(const Pickle& pickle, const Storages& storages, const std::string& file) {
  const PickleValue& dict = *pickle.root;
  if (!dict.is(Kind::kDict) && !dict.is_object_of("collections.OrderedDict")) {
    return bad(file, "expected a state dictionary");
  }
  RawNet raw;
  std::int64_t budget = kMaxImportValues;
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const std::string_view key = dict.items[i]->is(Kind::kString) ? dict.items[i]->text : "";
    const std::string what = file + ": tensor \"" + std::string(key.substr(0, 80)) + "\"";
    const std::size_t dot = key.find('.');
    const std::optional<LayerName> name = parse_layer_name(key.substr(0, dot));
    const std::string_view part = dot == std::string_view::npos ? "" : key.substr(dot + 1);
    const std::string role = name ? role_of(*name) : "";
    if (role.empty() || (part != "weight" && (part != "bias" || name->slopes))) {
      return bad(what,
                 "expected the names of facenet-pytorch (\"conv1.weight\", \"prelu1.weight\", "
                 "\"dense5_1.bias\" ..)");
    }
    const PickleValue* value = dict.items[i + 1];
    if (value->is_object_of(kRebuildParameter) && !value->arguments->items.empty()) {
      value = value->arguments->items[0];
    }
    if (!value->is_object_of(kRebuildTensor) || value->arguments->items.size() < 4 ||
        !value->arguments->items[1]->is(Kind::kInt)) {
      return bad(what, "expected a tensor");
    }
    const auto& arguments = value->arguments->items;
    Result<StorageId> id = storage_id(*arguments[0], what);
    if (!id) return id.error();
    const auto storage = storages.find(id->key);
    if (storage == storages.end()) return bad(what, "its storage is missing");
    const auto shape = pickled_shape(arguments[2]);
    const auto strides = pickled_shape(arguments[3]);
    if (!shape || !strides) return bad(what, "expected sizes and strides");
    Result<Tensor> tensor = gather(storage->second, *shape, *strides, arguments[1]->integer, budget, what);
    if (!tensor) return tensor.error();
    raw.tensors[role + (name->slopes       ? ".slopes"
                        : part == "weight" ? ".weight"
                                           : ".bias")] = *std::move(tensor);
  }
  raw.layout = {.swap_kernels = false, .columns_first = true, .channels_last = true};
  return raw;
}

Result<RawNet> read_zipped(std::span<const std::byte> bytes, const std::string& file) {
  Result<std::map<std::string, std::string>> entries = unzip(bytes, file);
  if (!entries) return entries.error();
  // All names begin with the archive's own: "archive/data.pkl", "archive/data/0" ..
  constexpr std::string_view kPickleName = "data.pkl";
  const auto pickled = std::find_if(entries->begin(), entries->end(), [&](const auto& entry) {
    return entry.first == kPickleName || entry.first.ends_with("/data.pkl");
  });
  if (pickled == entries->end()) return bad(file, "expected data.pkl in a PyTorch archive");
  const std::string prefix = pickled->first.substr(0, pickled->first.size() - kPickleName.size());
  const auto order = entries->find(prefix + "byteorder");
  if (order != entries->end() && order->second != "little") return bad(file, "expected little-endian data");
  Storages storages;
  for (const auto& [name, content] : *entries) {
    if (name.starts_with(prefix + "data/")) {
      storages[name.substr(prefix.size() + 5)] = std::as_bytes(std::span(content));
    }
  }
  Result<Pickle> pickle = read_pickle(std::as_bytes(std::span(pickled->second)), 0, {kGlobals, {}}, file);
  if (!pickle) return pickle.error();
  return read_state_dict(*pickle, storages, file);
}

// Five pickles (a magic number, the version, the machine that wrote it, the state dictionary, the
// keys of the storages), then for each key the number of values (8 bytes) and the values.
Result<RawNet> read_legacy(std::span<const std::byte> bytes, const std::string& file) {
  std::vector<Pickle> pickles;
  std::size_t at = 0;
  for (int i = 0; i < 5; ++i) {
    Result<Pickle> pickle = read_pickle(bytes, at, {kGlobals, {}}, file);
    if (!pickle) return pickle.error();
    at = pickle->end;
    pickles.push_back(*std::move(pickle));
  }
  if (!pickles[1].root->is(Kind::kInt) || pickles[1].root->integer != 1001) {
    return bad(file, "expected version 1001 of PyTorch's older format");
  }
  const PickleValue* little =
      pickles[2].root->is(Kind::kDict) ? pickles[2].root->find("little_endian") : nullptr;
  if (!little || !little->is(Kind::kBool) || little->integer != 1) {
    return bad(file, "expected little-endian data");
  }
  if (!pickles[4].root->is(Kind::kList)) return bad(file, "expected a list of storages");
  Storages storages;
  for (const PickleValue* key : pickles[4].root->items) {
    std::uint64_t count = 0;
    if (!key->is(Kind::kString) || bytes.size() - at < sizeof count) {
      return bad(file, "is truncated before the storages' end");
    }
    std::memcpy(&count, bytes.data() + at, sizeof count);
    at += sizeof count;
    if (count > (bytes.size() - at) / sizeof(float)) return bad(file, "is truncated inside a storage");
    storages[std::string(key->text)] = bytes.subspan(at, static_cast<std::size_t>(count) * sizeof(float));
    at += static_cast<std::size_t>(count) * sizeof(float);
  }
  return read_state_dict(pickles[3], storages, file);
}

}  // namespace

Result<RawNet> read_torch(std::span<const std::byte> bytes, const std::string& file) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.starts_with("PK") ? read_zipped(bytes, file) : read_legacy(bytes, file);
}

}  // namespace mtcnn
