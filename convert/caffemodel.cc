// Caffe's .caffemodel: a protobuf message NetParameter of layers with blobs. Two generations of the
// layer message occur, and two ways to give a blob's shape.
#include <algorithm>
#include <map>
#include <optional>
#include <protozero/pbf_reader.hpp>
#include <utility>
#include <vector>

#include "convert/readers.h"

namespace mtcnn {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::tag_and_type;

constexpr auto kBytes = pbf_wire_type::length_delimited;
constexpr auto kVarint = pbf_wire_type::varint;
constexpr auto kFixed32 = pbf_wire_type::fixed32;

// Field numbers of caffe.proto.
namespace net_field {
constexpr int kOldLayers = 2, kLayer = 100;
}
namespace layer_field {
constexpr int kName = 1, kBlobs = 7;
}
namespace old_layer_field {
constexpr int kName = 4, kBlobs = 6;
}
namespace blob_field {
constexpr int kNum = 1, kWidth = 4, kData = 5, kShape = 7;
}
namespace shape_field {
constexpr int kDim = 1;
}

struct CaffeLayer {
  std::string name;
  std::vector<Tensor> blobs;
};

Error bad(const std::string& file, const std::string& what) {
  return {ErrorCode::kFormat, file + ": " + what};
}

pbf_reader message_of(std::span<const std::byte> bytes) {
  return pbf_reader(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<Tensor> read_blob(pbf_reader blob, std::int64_t& budget, const std::string& what) {
  std::vector<std::int64_t> shape;
  std::int64_t old_shape[4] = {1, 1, 1, 1};  // num, channels, height, width
  std::vector<std::byte> data;
  const auto append = [&](const char* from, std::size_t size) {
    const auto* begin = reinterpret_cast<const std::byte*>(from);
    data.insert(data.end(), begin, begin + size);
  };
  while (blob.next()) {
    switch (blob.tag_and_type()) {
      case tag_and_type(blob_field::kData, kBytes): {
        const protozero::data_view packed = blob.get_view();
        append(packed.data(), packed.size());
        break;
      }
      case tag_and_type(blob_field::kData, kFixed32): {
        const float value = blob.get_float();
        append(reinterpret_cast<const char*>(&value), sizeof value);
        break;
      }
      case tag_and_type(blob_field::kShape, kBytes): {
        pbf_reader message = blob.get_message();
        while (message.next()) {
          if (message.tag_and_type() == tag_and_type(shape_field::kDim, kBytes)) {
            for (const std::int64_t n : message.get_packed_int64()) {
              if (shape.size() > 8) return bad(what, "expected at most 8 dimensions");
              shape.push_back(n);
            }
          } else if (message.tag_and_type() == tag_and_type(shape_field::kDim, kVarint)) {
            if (shape.size() > 8) return bad(what, "expected at most 8 dimensions");
            shape.push_back(message.get_int64());
          } else {
            message.skip();
          }
        }
        break;
      }
      default:
        if (blob.tag() >= blob_field::kNum && blob.tag() <= blob_field::kWidth &&
            blob.wire_type() == kVarint) {
          const auto axis = blob.tag() - blob_field::kNum;
          old_shape[axis] = blob.get_int32();
        } else {
          blob.skip();
        }
    }
  }
  if (shape.empty()) shape.assign(old_shape, old_shape + 4);
  Result<Tensor> tensor = gather_dense(data, shape, false, budget, what);
  if (tensor && tensor->values.size() * sizeof(float) != data.size()) {
    return bad(what, "shape " + shape_text(shape) + " needs " + std::to_string(tensor->values.size()) +
                         " values, but there are " + std::to_string(data.size() / sizeof(float)));
  }
  return tensor;
}

Result<CaffeLayer> read_layer(pbf_reader message, bool old, std::int64_t& budget, const std::string& file) {
  const auto name_tag = tag_and_type(old ? old_layer_field::kName : layer_field::kName, kBytes);
  const auto blobs_tag = tag_and_type(old ? old_layer_field::kBlobs : layer_field::kBlobs, kBytes);
  CaffeLayer layer;
  while (message.next()) {
    if (message.tag_and_type() == name_tag) {
      layer.name = message.get_string().substr(0, 80);
    } else if (message.tag_and_type() == blobs_tag) {
      Result<Tensor> blob =
          read_blob(message.get_message(), budget, file + ": blob of layer \"" + layer.name + "\"");
      if (!blob) return blob.error();
      layer.blobs.push_back(*std::move(blob));
    } else {
      message.skip();
    }
  }
  return layer;
}

// Stacks the five branches of L-Net to the groups of ours.
Status append_outputs(Tensor& to, const Tensor& from, const std::string& what) {
  if (to.shape.empty()) {
    to = from;
    return std::monostate{};
  }
  if (from.shape.empty() ||
      !std::equal(to.shape.begin() + 1, to.shape.end(), from.shape.begin() + 1, from.shape.end())) {
    return bad(what, "expected the same shape in all five branches");
  }
  to.shape[0] += from.shape[0];
  to.values.insert(to.values.end(), from.values.begin(), from.values.end());
  return std::monostate{};
}

// L-Net (det4): conv1_k .. conv3_k for each point k, fc4 over all, then fc4_k, fc5_k.
Result<RawNet> read_lnet(const std::map<std::string, std::pair<LayerName, Tensor>>& tensors,
                         const std::string& file) {
  RawNet raw;
  // Sorted by name, hence by branch within a layer.
  for (const auto& [name, entry] : tensors) {
    const auto& [layer, tensor] = entry;
    // Ours counts fc4_k as the fifth layer, and fc5_k is the head.
    const int number = layer.number + (layer.branch > 0 && layer.number >= 4 ? 1 : 0);
    const std::string role = number > 5 ? "landmarks" : std::to_string(number);
    const std::string part = name.substr(name.rfind('.'));
    if (layer.branch > 5) return bad(file, "layer \"" + name + "\": expected five branches");
    if (Status s = append_outputs(raw.tensors[role + part], tensor, file + ": layer \"" + name + "\""); !s) {
      return s.error();
    }
  }
  return raw;
}

Result<RawNet> read_net(std::span<const std::byte> bytes, const std::string& file) {
  std::int64_t budget = kMaxImportValues;
  // By "number-branch.part", so that they come sorted.
  std::map<std::string, std::pair<LayerName, Tensor>> tensors;
  pbf_reader message = message_of(bytes);
  while (message.next()) {
    const bool old = message.tag_and_type() == tag_and_type(net_field::kOldLayers, kBytes);
    if (!old && message.tag_and_type() != tag_and_type(net_field::kLayer, kBytes)) {
      message.skip();
      continue;
    }
    Result<CaffeLayer> layer = read_layer(message.get_message(), old, budget, file);
    if (!layer) return layer.error();
    if (layer->blobs.empty()) continue;  // data, pooling, softmax
    const std::optional<LayerName> name = parse_layer_name(layer->name);
    const std::size_t expected = name && name->slopes ? 1 : 2;
    if (!name || layer->blobs.size() != expected) {
      return bad(file, "layer \"" + layer->name + "\" with " + std::to_string(layer->blobs.size()) +
                           " blobs is none of MTCNN's");
    }
    for (std::size_t i = 0; i < expected; ++i) {
      const std::string key = std::to_string(name->number) + "-" + std::to_string(name->branch) +
                              (name->slopes ? ".slopes"
                               : i == 0     ? ".weight"
                                            : ".bias");
      Tensor& blob = layer->blobs[i];
      // The old shapes have four sizes for everything: outputs are the first one that is not 1.
      while (blob.shape.size() > 1 && blob.shape[0] == 1) blob.shape.erase(blob.shape.begin());
      if (!tensors.emplace(key, std::pair(*name, std::move(blob))).second) {
        return bad(file, "has layer \"" + layer->name + "\" twice");
      }
    }
  }
  RawNet raw;
  if (tensors.contains("1-1.weight")) {
    Result<RawNet> lnet = read_lnet(tensors, file);
    if (!lnet) return lnet;
    raw = *std::move(lnet);
  } else {
    for (auto& [key, entry] : tensors) {
      const std::string role = role_of(entry.first);
      if (role.empty() || (entry.first.branch > 0 && entry.first.slopes)) {
        return bad(file, "layer " + key + " is none of MTCNN's");
      }
      if (!raw.tensors.emplace(role + key.substr(key.rfind('.')), std::move(entry.second)).second) {
        return bad(file, "has head \"" + role + "\" twice");
      }
    }
    raw.drop_optional_heads = true;
  }
  raw.layout = {.swap_kernels = true, .columns_first = true, .channels_last = false};
  return raw;
}

}  // namespace

bool looks_like_caffemodel(std::span<const std::byte> bytes) {
  try {
    pbf_reader message = message_of(bytes);
    while (message.next()) {
      if (message.tag_and_type() == tag_and_type(net_field::kOldLayers, kBytes) ||
          message.tag_and_type() == tag_and_type(net_field::kLayer, kBytes)) {
        return true;
      }
      message.skip();
    }
  } catch (const protozero::exception&) {
  }
  return false;
}

Result<RawNet> read_caffemodel(std::span<const std::byte> bytes, const std::string& file) {
  try {
    return read_net(bytes, file);
  } catch (const protozero::exception& e) {
    return bad(file, std::string("is truncated or no Caffe model (") + e.what() + ")");
  }
}

}  // namespace mtcnn
