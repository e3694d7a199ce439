// .npy files, and the two forms in which ports keep the release in them, both with kernels [height, width, in, out] for
// transposed images: facenet has a pickled dictionary {layer: {"weights", "biases", "alpha"}} for each net, the `mtcnn` Python
// package before 1.0 one {"pnet": [array, ..], "rnet": .., "onet": ..} for all.
#include "convert/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "convert/readers.h"

namespace mtcnn {
namespace {

using Kind = PickleValue::Kind;

Error bad(const std::string& name, const std::string& what) {
  return {ErrorCode::kFormat, name + ": " + what};
}

// The value of a key in the header, which is the text of a Python dictionary.
std::string_view after_key(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(key);
  if (at == std::string_view::npos) return {};
  header.remove_prefix(at + key.size());
  while (!header.empty() && (header[0] == ' ' || header[0] == ':')) header.remove_prefix(1);
  return header;
}

constexpr std::string_view kNumpyGlobals[] = {"numpy.ndarray", "numpy.dtype",
                                              "numpy.core.multiarray._reconstruct",
                                              "numpy._core.multiarray._reconstruct",
                                              // bytes, in the pickles that Python 3 writes for Python 2
                                              "_codecs.encode"};

constexpr SourceLayout kTransposed{.swap_kernels = true, .columns_first = true, .channels_last = true};

}  // namespace

Result<NpyHeader> read_npy_header(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with("\x93NUMPY")) return bad(name, "expected a .npy file");
  if (text.size() < 12) return bad(name, "is truncated");
  const auto byte_at = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>(text[i])}; };
  NpyHeader header;
  std::size_t begin, length;
  if (byte_at(6) == 1) {
    begin = 10;
    length = byte_at(8) | byte_at(9) << 8;
  } else {
    begin = 12;
    length = byte_at(8) | byte_at(9) << 8 | byte_at(10) << 16 | byte_at(11) << 24;
  }
  if (length > text.size() - begin) return bad(name, "is truncated");
  if (length > 4096) return bad(name, "expected a .npy header of at most 4096 bytes");
  header.data = begin + length;
  const std::string_view dict = text.substr(begin, length);
  const auto malformed = [&](const char* key) {
    return bad(name, std::string("expected ") + key + " in the .npy header");
  };

  std::string_view value = after_key(dict, "'descr'");
  if (value.empty() || value[0] != '\'') return malformed("a simple 'descr'");
  value.remove_prefix(1);
  header.descr = std::string(value.substr(0, value.find('\'')));

  value = after_key(dict, "'fortran_order'");
  if (!value.starts_with("True") && !value.starts_with("False")) return malformed("'fortran_order'");
  header.fortran = value.starts_with("True");

  value = after_key(dict, "'shape'");
  if (value.empty() || value[0] != '(') return malformed("'shape'");
  value.remove_prefix(1);
  while (true) {
    while (!value.empty() && (value[0] == ' ' || value[0] == ',')) value.remove_prefix(1);
    if (value.empty()) return malformed("'shape'");
    if (value[0] == ')') break;
    std::int64_t n = 0;
    const auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), n);
    if (status != std::errc{} || n < 0 || header.shape.size() == 8) {
      return malformed("a 'shape' of at most 8 sizes");
    }
    header.shape.push_back(n);
    value.remove_prefix(static_cast<std::size_t>(end - value.data()));
  }
  return header;
}

std::string npy_file(const std::string& descr, std::span<const std::int64_t> shape,
                     std::span<const std::byte> data) {
  std::string dict = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t n : shape) dict += std::to_string(n) + ", ";
  dict += "), }";
  // The data begins at a multiple of 64, behind a newline.
  while ((10 + dict.size() + 1) % 64 != 0) dict += ' ';
  dict += '\n';
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(dict.size() & 0xff);
  file += static_cast<char>(dict.size() >> 8);
  file += dict;
  file.append(reinterpret_cast<const char*>(data.data()), data.size());
  return file;
}

bool is_float32(const PickleValue* dtype) {
  if (!dtype || !dtype->is_object_of("numpy.dtype")) return false;
  const auto& arguments = dtype->arguments->items;
  if (arguments.empty() || !arguments[0]->is(Kind::kString) || arguments[0]->text != "f4") return false;
  // State: (version, byte order, ..)
  const PickleValue* state = dtype->state;
  return state && state->is(Kind::kTuple) && state->items.size() > 1 && state->items[1]->is(Kind::kString) &&
         state->items[1]->text == "<";
}

std::optional<std::vector<std::int64_t>> pickled_shape(const PickleValue* tuple) {
  if (!tuple || !tuple->is(Kind::kTuple) || tuple->items.size() > 8) return std::nullopt;
  std::vector<std::int64_t> shape;
  for (const PickleValue* n : tuple->items) {
    if (!n->is(Kind::kInt)) return std::nullopt;
    shape.push_back(n->integer);
  }
  return shape;
}

namespace {

// What _codecs.encode(text, "latin1") would give: each character is a byte, and lies in the file as UTF-8. False if it would
// not, or would give more than `most` bytes: a list may name one long text again and again.
bool latin1_bytes(const PickleValue& call, std::int64_t most, std::string& bytes) {
  const auto& arguments = call.arguments->items;
  if (arguments.size() != 2 || !arguments[0]->is(Kind::kString) || !arguments[1]->is(Kind::kString) ||
      arguments[1]->text != "latin1") {
    return false;
  }
  const std::string_view text = arguments[0]->text;
  if (text.size() > 2 * static_cast<std::size_t>(most)) return false;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned first = static_cast<unsigned char>(text[i]);
    if (first < 0x80) {
      bytes += text[i];
      continue;
    }
    // U+0080 to U+00FF take two bytes; no other character is one in Latin-1.
    if ((first != 0xc2 && first != 0xc3) || i + 1 == text.size()) return false;
    const unsigned second = static_cast<unsigned char>(text[++i]);
    if ((second & 0xc0) != 0x80) return false;
    bytes += static_cast<char>((first & 3) << 6 | (second & 0x3f));
  }
  return true;
}

// A pickled float32 array. Takes its values off `budget`.
Result<Tensor> pickled_array(const PickleValue& value, std::int64_t& budget, const std::string& what) {
  // _reconstruct(ndarray, (0,), "b"), then the state (version, shape, dtype, fortran order, bytes)
  const PickleValue* state = value.state;
  if ((!value.is_object_of("numpy.core.multiarray._reconstruct") &&
       !value.is_object_of("numpy._core.multiarray._reconstruct")) ||
      !state || !state->is(Kind::kTuple) || state->items.size() != 5) {
    return bad(what, "expected a NumPy array");
  }
  const auto shape = pickled_shape(state->items[1]);
  if (!shape) return bad(what, "expected an array of at most 8 dimensions");
  if (!is_float32(state->items[2])) return bad(what, "expected little-endian float32");
  std::string_view data = state->items[4]->text;
  std::string encoded;
  if (state->items[4]->is_object_of("_codecs.encode")) {
    std::int64_t count =
        1;  // of values; gather_dense() says what is wrong with sizes that are not counted here
    for (const std::int64_t n : *shape) count = n > 0 && n <= budget / count ? count * n : budget;
    if (!latin1_bytes(*state->items[4], count * std::int64_t{sizeof(float)}, encoded))
      return bad(what, "expected the array's bytes as Latin-1");
    data = encoded;
  } else if (!state->items[4]->is(Kind::kString)) {
    return bad(what, "expected the array's bytes");
  }
  return gather_dense(std::as_bytes(std::span(data)), *shape, state->items[3]->integer != 0, budget, what);
}

Result<RawNet> facenet_net(const PickleValue& layers, const std::string& file) {
  RawNet raw;
  std::int64_t budget = kMaxImportValues;
  for (std::size_t i = 0; i + 1 < layers.items.size(); i += 2) {
    const PickleValue& key = *layers.items[i];
    const std::optional<LayerName> name = key.is(Kind::kString) ? parse_layer_name(key.text) : std::nullopt;
    const std::string role = name ? role_of(*name) : "";
    if (role.empty() || !layers.items[i + 1]->is(Kind::kDict)) {
      return bad(file, "expected layers named as in the release (\"conv1\", \"PReLU1\", \"conv4-1\" ..)");
    }
    const PickleValue& parts = *layers.items[i + 1];
    for (std::size_t j = 0; j + 1 < parts.items.size(); j += 2) {
      const std::string_view part = parts.items[j]->is(Kind::kString) ? parts.items[j]->text : "";
      const std::string where = file + ": layer \"" + std::string(key.text) + "\"";
      const char* kind = part == "weights" ? ".weight" : part == "biases" ? ".bias" : ".slopes";
      if ((part != "weights" && part != "biases" && part != "alpha") || name->slopes != (part == "alpha")) {
        return bad(where, "expected \"weights\" and \"biases\", or \"alpha\"");
      }
      Result<Tensor> tensor = pickled_array(*parts.items[j + 1], budget, where);
      if (!tensor) return tensor.error();
      raw.tensors[role + kind] = outputs_first(*std::move(tensor));
    }
  }
  raw.layout = kTransposed;
  return raw;
}

Result<RawNet> mtcnn_net(const PickleValue& arrays, std::int64_t& budget, const std::string& where) {
  if (!arrays.is(Kind::kList)) return bad(where, "expected a list of a net's arrays");
  std::vector<Tensor> tensors;
  for (const PickleValue* array : arrays.items) {
    Result<Tensor> tensor =
        pickled_array(*array, budget, where + ": array " + std::to_string(tensors.size()));
    if (!tensor) return tensor.error();
    tensors.push_back(*std::move(tensor));
  }
  Result<RawNet> raw = net_in_keras_order(std::move(tensors), where);
  if (raw) raw->layout = kTransposed;
  return raw;
}

}  // namespace

Result<std::vector<RawNet>> read_npy_nets(std::span<const std::byte> bytes, const std::string& file) {
  Result<NpyHeader> header = read_npy_header(bytes, file);
  if (!header) return header.error();
  if (header->descr.find('O') == std::string::npos || !header->shape.empty()) {
    return bad(file,
               "expected a pickled dictionary, found an array of \"" + header->descr.substr(0, 16) + "\"");
  }
  Result<Pickle> pickle = read_pickle(bytes, header->data, {kNumpyGlobals, {}}, file);
  if (!pickle) return pickle.error();

  // The pickle is an object array of no dimensions: its state ends with a list of the one object.
  const PickleValue* layers = pickle->root;
  if (layers->is(Kind::kObject) && layers->state && layers->state->is(Kind::kTuple) &&
      layers->state->items.size() == 5 && layers->state->items[4]->is(Kind::kList) &&
      layers->state->items[4]->items.size() == 1) {
    layers = layers->state->items[4]->items[0];
  }
  if (!layers->is(Kind::kDict)) return bad(file, "expected a pickled dictionary");

  std::vector<RawNet> nets;
  if (!layers->find("pnet")) {
    Result<RawNet> net = facenet_net(*layers, file);
    if (!net) return net.error();
    nets.push_back(*std::move(net));
    return nets;
  }
  std::int64_t budget = kMaxImportValues;
  for (const char* const name : {"pnet", "rnet", "onet"}) {
    const PickleValue* const arrays = layers->find(name);
    if (!arrays)
      return bad(file, std::string("expected \"pnet\", \"rnet\" and \"onet\", but has no \"") + name + "\"");
    Result<RawNet> net = mtcnn_net(*arrays, budget, file + ": " + name);
    if (!net) return net.error();
    nets.push_back(*std::move(net));
  }
  return nets;
}

}  // namespace mtcnn
