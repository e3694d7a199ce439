// For tests: writes a model in the other programs' formats, so that the importers can be tested,
// and fed broken files, without any file of theirs. Simple writers, sharing no code with the
// readers.
#ifndef MTCNN_CONVERT_FOREIGN_FILES_H_
#define MTCNN_CONVERT_FOREIGN_FILES_H_

#include <lz4frame.h>

#include <cstdint>
#include <cstring>
#include <protozero/pbf_writer.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "convert/npy.h"
#include "convert/zip.h"
#include "engine/model_data.h"
#include "support/random_model.h"

namespace mtcnn::foreign {

// With every optional head, or with none.
inline ModelData model(bool with_lnet, bool optional_heads) {
  ModelData data = test::random_model(1604, with_lnet);
  if (optional_heads) return data;
  for (const NetSpec* net : nets_of(data)) {
    for (const ParameterSpec& parameter : parameters(*net)) {
      if (parameter.optional) data.tensors.erase(parameter.name);
    }
  }
  return data;
}

struct Style {
  bool transposed;     // the net sees transposed images
  bool columns_first;  // inputs of the first dense layer
  bool channels_last;
  bool outputs_last;  // [height, width, in, out], [in, out]
};
inline constexpr Style kCaffeStyle{true, true, false, false};
inline constexpr Style kNpyStyle{true, true, true, true};
inline constexpr Style kTorchStyle{false, true, true, false};
inline constexpr Style kJoblibStyle{false, true, true, true};

struct ForeignLayer {
  std::string number;  // "3", or "4-1" for heads: class, box, landmarks are 1, 2, 3
  bool dense;
  Tensor weight, bias, slopes;  // slopes: hidden layers only
};

inline Tensor convolution_of(const Tensor& ours, const Style& style) {
  const auto& s = ours.shape;
  Tensor out{s, {}};
  if (style.outputs_last) out.shape = {s[2], s[3], s[1], s[0]};
  out.values.resize(ours.values.size());
  for (std::int64_t o = 0; o < s[0]; ++o)
    for (std::int64_t i = 0; i < s[1]; ++i)
      for (std::int64_t y = 0; y < s[2]; ++y)
        for (std::int64_t x = 0; x < s[3]; ++x) {
          const std::int64_t a = style.transposed ? x : y, b = style.transposed ? y : x;
          const std::int64_t to = style.outputs_last ? ((a * s[3] + b) * s[1] + i) * s[0] + o
                                                     : ((o * s[1] + i) * s[2] + a) * s[3] + b;
          out.values[to] = ours.values[((o * s[1] + i) * s[2] + y) * s[3] + x];
        }
  return out;
}

inline Tensor dense_of(const Tensor& ours, MapShape map, const Style& style) {
  const std::int64_t outputs = ours.shape[0], inputs = ours.shape[1];
  const std::int64_t h = map.height, w = map.width, channels = inputs / (h * w);
  Tensor out{{outputs, inputs}, std::vector<float>(ours.values.size())};
  if (style.outputs_last) out.shape = {inputs, outputs};
  for (std::int64_t o = 0; o < outputs; ++o)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t y = 0; y < h; ++y)
        for (std::int64_t x = 0; x < w; ++x) {
          const std::int64_t place = style.columns_first ? x * h + y : y * w + x;
          const std::int64_t input = style.channels_last ? place * channels + c : c * h * w + place;
          out.values[style.outputs_last ? input * outputs + o : o * inputs + input] =
              ours.values[((o * channels + c) * h + y) * w + x];
        }
  return out;
}

inline std::vector<ForeignLayer> layers_of(const ModelData& data, const NetSpec& net, const Style& style) {
  std::vector<ForeignLayer> layers;
  MapShape map{net.channels, net.side, net.side};
  const auto tensor = [&](const Layer& layer, const char* part) {
    return data.tensors.at(std::string(net.name) + "." + layer.name + "." + part);
  };
  for (const Layer& layer : net.layers) {
    if (layer.kind == LayerKind::kConv || layer.kind == LayerKind::kDense) {
      const bool dense = layer.kind == LayerKind::kDense;
      const Tensor weight = tensor(layer, "weight");
      layers.push_back({std::to_string(layers.size() + 1),
                        dense,
                        dense ? dense_of(weight, map, style) : convolution_of(weight, style),
                        tensor(layer, "bias"),
                        {}});
    } else if (layer.kind == LayerKind::kPrelu) {
      layers.back().slopes = tensor(layer, "weight");
    }
    map = output_shape(layer, map);
  }
  const std::string number = std::to_string(layers.size() + 1);
  for (std::size_t i = 0; i < net.heads.size(); ++i) {
    if (!data.tensors.contains(std::string(net.name) + "." + net.heads[i].name + ".weight")) continue;
    ForeignLayer head{number + "-" + std::to_string(i + 1),
                      true,
                      dense_of(tensor(net.heads[i], "weight"), map, style),
                      tensor(net.heads[i], "bias"),
                      {}};
    if (net.fully_convolutional) {  // kernels of 1 x 1
      auto& shape = head.weight.shape;
      shape.insert(style.outputs_last ? shape.begin() : shape.end(), 2, 1);
    }
    layers.push_back(std::move(head));
  }
  return layers;
}

inline std::string bytes_of(const Tensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * sizeof(float)};
}

// ---- Caffe

// `old`: the layer messages and the blob sizes of 2013, and values one by one instead of packed.
inline std::string caffe_layer(const std::string& name, const std::vector<Tensor>& blobs, bool old) {
  std::string out;
  protozero::pbf_writer layer(out);
  layer.add_string(old ? 4 : 1, name);
  for (const Tensor& tensor : blobs) {
    protozero::pbf_writer blob(layer, old ? 6 : 7);
    if (old) {
      for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t missing = 4 - tensor.shape.size();
        blob.add_int32(static_cast<std::uint32_t>(1 + i),
                       i < missing ? 1 : static_cast<std::int32_t>(tensor.shape[i - missing]));
      }
      for (const float v : tensor.values) blob.add_float(5, v);
    } else {
      protozero::pbf_writer shape(blob, 7);
      shape.add_packed_int64(1, tensor.shape.begin(), tensor.shape.end());
      shape.commit();
      blob.add_packed_float(5, tensor.values.begin(), tensor.values.end());
    }
  }
  return out;
}

inline std::string caffe_file(const std::vector<ForeignLayer>& layers, bool old = false) {
  std::string out;
  protozero::pbf_writer net(out);
  net.add_string(1, "a net");
  net.add_message(old ? 2 : 100, caffe_layer("data", {}, old));  // layers without blobs are no matter
  for (const ForeignLayer& layer : layers) {
    net.add_message(old ? 2 : 100, caffe_layer("conv" + layer.number, {layer.weight, layer.bias}, old));
    if (!layer.slopes.shape.empty()) {
      net.add_message(old ? 2 : 100, caffe_layer("PReLU" + layer.number, {layer.slopes}, old));
    }
  }
  return out;
}

// ---- Pickles

class PickleWriter {
 public:
  std::string bytes{"\x80\x02", 2};

  PickleWriter& op(std::string_view code) { return bytes += code, *this; }
  PickleWriter& text(std::string_view value) {
    op("X");
    return little(value.size(), 4).op(value);
  }
  PickleWriter& blob(std::string_view value) {
    op("B");
    return little(value.size(), 4).op(value);
  }
  PickleWriter& integer(std::int64_t value) {
    op("J");
    return little(static_cast<std::uint64_t>(value), 4);
  }
  PickleWriter& global(std::string_view module, std::string_view name) {
    op("c").op(module).op("\n").op(name);
    return op("\n");
  }
  PickleWriter& sizes(const std::vector<std::int64_t>& values) {
    op("(");
    for (const std::int64_t n : values) integer(n);
    return op("t");
  }
  PickleWriter& float32() {  // numpy.dtype("f4"), little-endian
    return global("numpy", "dtype").text("f4").op("K\0K\1\x87R", 6).op("(K\3", 3).text("<").op("t").op("b");
  }
  PickleWriter& op(const char* code, std::size_t size) { return op(std::string_view(code, size)); }
  PickleWriter& little(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
    return *this;
  }
};

// ---- facenet

inline void add_array(PickleWriter& p, const Tensor& tensor) {
  p.global("numpy.core.multiarray", "_reconstruct").op("(").global("numpy", "ndarray").sizes({0});
  p.text("b").op("tR").op("(K\1", 3).sizes(tensor.shape).float32().op("\x89").blob(bytes_of(tensor)).op("tb");
}

inline std::string npy_of(const std::string& pickle) {
  return npy_file("|O", {}, std::as_bytes(std::span(pickle)));
}

inline std::string facenet_file(const std::vector<ForeignLayer>& layers) {
  PickleWriter p;
  p.global("numpy.core.multiarray", "_reconstruct").op("(").global("numpy", "ndarray").sizes({0});
  p.text("b").op("tR").op("(K\1)", 4).op("N").op("\x89").op("](}(");
  for (const ForeignLayer& layer : layers) {
    p.text("conv" + layer.number).op("}(").text("weights");
    add_array(p, layer.weight);
    p.text("biases");
    add_array(p, layer.bias);
    p.op("u");
    if (layer.slopes.shape.empty()) continue;
    p.text("PReLU" + layer.number).op("}(").text("alpha");
    add_array(p, layer.slopes);
    p.op("u");
  }
  p.op("uetb.");
  return npy_of(p.bytes);
}

// ---- facenet-pytorch

struct TorchFile {
  PickleWriter state;
  std::vector<std::string> storages;

  void add(const std::string& name, const Tensor& tensor) {
    const std::string key = std::to_string(storages.size());
    state.text(name).global("torch._utils", "_rebuild_tensor_v2").op("((").text("storage");
    state.global("torch", "FloatStorage").text(key).text("cpu");
    state.integer(static_cast<std::int64_t>(tensor.values.size())).op("tQK\0", 4);
    // Stored with the axes in reverse order, as strides allow.
    std::vector<std::int64_t> strides;
    std::int64_t step = 1;
    for (const std::int64_t n : tensor.shape) strides.push_back(step), step *= n;
    state.sizes(tensor.shape).sizes(strides).op("\x89}tR");
    std::string data(tensor.values.size() * sizeof(float), '\0');
    std::vector<std::int64_t> index(tensor.shape.size(), 0);
    for (const float value : tensor.values) {
      std::int64_t at = 0;
      for (std::size_t i = 0; i < index.size(); ++i) at += index[i] * strides[i];
      std::memcpy(data.data() + at * 4, &value, 4);
      for (std::size_t i = index.size(); i-- > 0;) {
        if (++index[i] < tensor.shape[i]) break;
        index[i] = 0;
      }
    }
    storages.push_back(std::move(data));
  }
};

inline std::string torch_file(const std::vector<ForeignLayer>& layers, bool zipped) {
  TorchFile file;
  file.state.global("collections", "OrderedDict").op(")R(");
  for (const ForeignLayer& layer : layers) {
    std::string name = (layer.dense && layer.weight.shape.size() == 2 ? "dense" : "conv") + layer.number;
    if (const auto dash = name.find('-'); dash != std::string::npos) name[dash] = '_';
    file.add(name + ".weight", layer.weight);
    file.add(name + ".bias", layer.bias);
    if (!layer.slopes.shape.empty()) file.add("prelu" + layer.number + ".weight", layer.slopes);
  }
  file.state.op("u.");
  if (zipped) {
    std::vector<std::pair<std::string, std::string>> entries{{"net/data.pkl", file.state.bytes},
                                                             {"net/byteorder", "little"}};
    for (std::size_t i = 0; i < file.storages.size(); ++i) {
      entries.emplace_back("net/data/" + std::to_string(i), file.storages[i]);
    }
    entries.emplace_back("net/version", "3\n");
    const auto bytes = zip_stored(entries, "test").value();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::string out("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
  out += PickleWriter().integer(1001).op(".").bytes;
  out += PickleWriter().op("}(").text("little_endian").op("\x88u.").bytes;
  out += file.state.bytes;
  PickleWriter keys;
  keys.op("](");
  for (std::size_t i = 0; i < file.storages.size(); ++i) keys.text(std::to_string(i));
  out += keys.op("e.").bytes;
  for (const std::string& storage : file.storages) {
    out += PickleWriter().little(storage.size() / 4, 8).bytes.substr(2);
    out += storage;
  }
  return out;
}

// ---- the mtcnn package

inline std::vector<Tensor> in_keras_order(const std::vector<ForeignLayer>& layers) {
  std::vector<Tensor> arrays;
  for (const ForeignLayer& layer : layers) {
    arrays.push_back(layer.weight);
    arrays.push_back(layer.bias);
    if (layer.slopes.shape.empty()) continue;
    arrays.push_back(layer.slopes);
    if (!layer.dense) arrays.back().shape.insert(arrays.back().shape.begin(), 2, 1);
  }
  return arrays;
}

// Before 1.0, as Python 3 writes it for Python 2: bytes are text that _codecs.encode() makes bytes of.
inline std::string old_mtcnn_file(
    const std::vector<std::pair<std::string, std::vector<ForeignLayer>>>& nets) {
  PickleWriter p;
  const auto latin1 = [&](std::string_view raw) {
    std::string text;
    for (const char c : raw) {
      const unsigned byte = static_cast<unsigned char>(c);
      if (byte < 0x80) {
        text += c;
      } else {
        text += static_cast<char>(0xc0 | byte >> 6);
        text += static_cast<char>(0x80 | (byte & 0x3f));
      }
    }
    p.global("_codecs", "encode").op("X").little(text.size(), 4).op(text).text("latin1").op("\x86R");
  };
  const auto add = [&](const Tensor& tensor) {
    p.global("numpy.core.multiarray", "_reconstruct").global("numpy", "ndarray").sizes({0});
    latin1("b");
    p.op("\x87R").op("(K\1", 3).sizes(tensor.shape).float32().op("\x89");
    latin1(bytes_of(tensor));
    p.op("tb");
  };
  p.global("numpy.core.multiarray", "_reconstruct").global("numpy", "ndarray").sizes({0});
  latin1("b");
  p.op("\x87R").op("(K\1", 3).op(")").op("N").op("\x89").op("](}(");
  for (const auto& [name, layers] : nets) {
    p.text(name).op("](");
    for (const Tensor& tensor : in_keras_order(layers)) add(tensor);
    p.op("e");
  }
  p.op("uetb.");
  return npy_of(p.bytes);
}

inline std::string lz4(std::string_view content) {
  std::string out(LZ4F_compressFrameBound(content.size(), nullptr), '\0');
  out.resize(LZ4F_compressFrame(out.data(), out.size(), content.data(), content.size(), nullptr));
  return out;
}

inline std::string joblib_pickle(const std::vector<ForeignLayer>& layers) {
  PickleWriter p;
  p.op("](");
  const auto add = [&](const Tensor& tensor) {
    p.global("joblib.numpy_pickle", "NumpyArrayWrapper").op(")\x81}(").text("subclass");
    p.global("numpy", "ndarray").text("shape").sizes(tensor.shape).text("order").text("C").text("dtype");
    p.float32().text("allow_mmap").op("\x88").text("numpy_array_alignment_bytes").op("K\x10");
    p.op("ub").op("\3\xff\xff\xff").op(bytes_of(tensor));
  };
  for (const Tensor& tensor : in_keras_order(layers)) add(tensor);
  return p.op("e.").bytes;
}

inline std::string joblib_file(const std::vector<ForeignLayer>& layers) { return lz4(joblib_pickle(layers)); }

}  // namespace mtcnn::foreign

#endif  // MTCNN_CONVERT_FOREIGN_FILES_H_
