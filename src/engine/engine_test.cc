#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/network.h"
#include "engine/safetensors.h"
#include "support/random_model.h"

namespace mtcnn {
namespace {

using test::random_model;

// A net run straight from its definition and its tensors, channels first and without any packing:
// what the engine must agree with.
struct PlainMap {
  int channels, height, width;
  std::vector<double> values;
  double& at(int c, int y, int x) { return values[static_cast<std::size_t>((c * height + y) * width + x)]; }
};

PlainMap plain_layer(const NetSpec& net, const Layer& layer, PlainMap in, const ModelData& data) {
  const std::string prefix = std::string(net.name) + "." + layer.name;
  const auto tensor = [&](const char* kind) -> const std::vector<float>& {
    return data.tensors.at(prefix + "." + kind).values;
  };
  if (layer.kind == LayerKind::kDropout) return in;
  if (layer.kind == LayerKind::kPrelu) {
    for (int c = 0; c < in.channels; ++c) {
      for (int i = 0; i < in.height * in.width; ++i) {
        double& v = in.values[static_cast<std::size_t>(c * in.height * in.width + i)];
        if (v < 0) v *= tensor("weight")[static_cast<std::size_t>(c)];
      }
    }
    return in;
  }
  const bool dense = layer.kind == LayerKind::kDense;
  const MapShape shape = output_shape(layer, {in.channels, in.height, in.width});
  PlainMap out{shape.channels, shape.height, shape.width,
               std::vector<double>(static_cast<std::size_t>(shape.channels * shape.height * shape.width))};
  for (int o = 0; o < out.channels; ++o) {
    for (int y = 0; y < out.height; ++y) {
      for (int x = 0; x < out.width; ++x) {
        if (layer.kind == LayerKind::kMaxPool) {
          double best = -1e30;
          for (int v = 0; v < layer.kernel; ++v) {
            for (int u = 0; u < layer.kernel; ++u) {
              const int row = y * layer.stride + v, column = x * layer.stride + u;
              if (row < in.height && column < in.width) best = std::max(best, in.at(o, row, column));
            }
          }
          out.at(o, y, x) = best;
          continue;
        }
        const int seen = in.channels / layer.groups;
        const int first = o / (layer.outputs / layer.groups) * seen;
        const int rows = dense ? in.height : layer.kernel, columns = dense ? in.width : layer.kernel;
        double sum = tensor("bias")[static_cast<std::size_t>(o)];
        for (int c = 0; c < seen; ++c) {
          for (int v = 0; v < rows; ++v) {
            for (int u = 0; u < columns; ++u) {
              const std::size_t w = static_cast<std::size_t>(((o * seen + c) * rows + v) * columns + u);
              sum += in.at(first + c, y + v, x + u) * static_cast<double>(tensor("weight")[w]);
            }
          }
        }
        out.at(o, y, x) = sum;
      }
    }
  }
  return out;
}

// Heads of one net-sized window of a channels-last input.
std::vector<double> plain_run(const NetSpec& net, const ModelData& data, const float* input, int width,
                              int top, int left, const std::vector<const char*>& heads) {
  PlainMap map{net.channels, net.side, net.side,
               std::vector<double>(static_cast<std::size_t>(net.channels * net.side * net.side))};
  for (int c = 0; c < net.channels; ++c) {
    for (int y = 0; y < net.side; ++y) {
      for (int x = 0; x < net.side; ++x) {
        map.at(c, y, x) = static_cast<double>(input[((top + y) * width + left + x) * net.channels + c]);
      }
    }
  }
  for (const Layer& layer : net.layers) map = plain_layer(net, layer, map, data);
  std::vector<double> out;
  for (const char* name : heads) {
    for (const Layer& head : net.heads) {
      if (std::string(head.name) != name) continue;
      const PlainMap values = plain_layer(net, head, map, data);
      out.insert(out.end(), values.values.begin(), values.values.end());
    }
  }
  return out;
}

std::vector<float> random_input(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(count + kSlack);
  for (float& value : values) value = uniform(random);
  return values;
}

TEST_CASE("nets give what their definition says, on every instruction set") {
  const ModelData data = random_model(11, true);
  const auto check = [&](const NetSpec& net, const std::vector<const char*>& heads,
                         const std::function<Network(const Kernels&)>& build) {
    CAPTURE(net.name);
    const int count = 3;
    const std::size_t each = static_cast<std::size_t>(net.side * net.side * net.channels);
    const std::vector<float> input = random_input(count * each, 12);
    std::vector<double> expected;
    for (std::size_t i = 0; i < count; ++i) {
      const std::vector<double> one = plain_run(net, data, input.data() + i * each, net.side, 0, 0, heads);
      expected.insert(expected.end(), one.begin(), one.end());
    }
    const Size size{net.side, net.side};
    for (const Kernels* kernels : available_kernels()) {
      CAPTURE(kernels->name);
      const Network network = build(*kernels);
      REQUIRE(expected.size() == static_cast<std::size_t>(count * network.outputs()));
      std::vector<float> scratch(network.scratch_size(size, count));
      std::vector<float> output(expected.size() + kSlack);
      network.run(input.data(), count, size, scratch.data(), output.data());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK(output[i] == doctest::Approx(expected[i]).epsilon(1e-4));
      }
    }
  };
  check(kRNet, {"class", "box"}, [&](const Kernels& k) { return Network(kRNet, data, k, {"class", "box"}); });
  check(kONet, {"class", "box", "landmarks"}, [&](const Kernels& k) {
    return Network(kONet, data, k, {"class", "box", "landmarks"});
  });
  check(kLNet, {"landmarks"}, [&](const Kernels& k) { return Network(kLNet, data, k, {"landmarks"}); });
  // Other heads, in another order.
  check(kRNet, {"landmarks", "class"}, [&](const Kernels& k) {
    return Network(kRNet, data, k, {"landmarks", "class"});
  });
}

TEST_CASE("P-Net on an image gives each cell what it gives on that cell's window alone") {
  const ModelData data = random_model(13);
  const Network pnet(kPNet, data, *find_kernels("auto"), {"class", "box"});
  for (const Size size : {Size{12, 12}, Size{31, 26}, Size{44, 12}}) {
    const std::vector<float> input = random_input(static_cast<std::size_t>(size.width * size.height * 3), 14);
    const Size cells = pnet.positions(size);
    std::vector<float> scratch(pnet.scratch_size(size, 1));
    std::vector<float> output(static_cast<std::size_t>(cells.width * cells.height * 6) + kSlack);
    pnet.run(input.data(), 1, size, scratch.data(), output.data());
    for (int row = 0; row < cells.height; ++row) {
      for (int column = 0; column < cells.width; ++column) {
        // Odd sizes end in a cell whose window reaches one pixel beyond the input.
        if (2 * row + 12 > size.height || 2 * column + 12 > size.width) continue;
        const std::vector<double> expected =
            plain_run(kPNet, data, input.data(), size.width, 2 * row, 2 * column, {"class", "box"});
        for (std::size_t o = 0; o < 6; ++o) {
          CHECK(output[static_cast<std::size_t>(row * cells.width + column) * 6 + o] ==
                doctest::Approx(expected[o]).epsilon(1e-4));
        }
      }
    }
  }
}

TEST_CASE("a batch gives bit for bit what its inputs give alone") {
  const ModelData data = random_model(15);
  const Network onet(kONet, data, *find_kernels("auto"), {"class", "box", "landmarks"});
  const Size size{48, 48};
  const std::size_t each = 48 * 48 * 3;
  const std::vector<float> input = random_input(7 * each, 16);
  std::vector<float> scratch(onet.scratch_size(size, 7));
  std::vector<float> all(7 * 16 + kSlack), one(16 + kSlack);
  onet.run(input.data(), 7, size, scratch.data(), all.data());
  for (std::size_t i = 0; i < 7; ++i) {
    onet.run(input.data() + i * each, 1, size, scratch.data(), one.data());
    CHECK(std::memcmp(one.data(), all.data() + i * 16, 16 * sizeof(float)) == 0);
  }
}

// --- the model file ---

std::string message(std::span<const std::byte> bytes) {
  const Result<ModelData> parsed = parse_safetensors(bytes, "some.safetensors");
  REQUIRE(!parsed.ok());
  CHECK(parsed.error().message.starts_with("some.safetensors: "));
  return parsed.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::byte> file_of(const std::string& header, std::size_t payload = 0) {
  const std::uint64_t size = header.size();
  std::vector<std::byte> bytes(8 + header.size() + payload);
  std::memcpy(bytes.data(), &size, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

TEST_CASE("a model file holds all of a model") {
  for (const bool lnet : {false, true}) {
    ModelData data = random_model(17, lnet);
    data.geometry = lnet ? CellGeometry::kRelease : CellGeometry::kExact;
    data.pixel_mean = 100.25f;
    data.pixel_scale = .01f;
    data.thresholds = {.123f, .5f, 1};
    data.metadata["provenance"] = "quotes \" and \\ and \xc3\xa9";
    const std::vector<std::byte> bytes = write_safetensors(data);
    const Result<ModelData> back = parse_safetensors(bytes, "m");
    REQUIRE_MESSAGE(back.ok(), back.error().message);
    CHECK(back->geometry == data.geometry);
    CHECK(back->pixel_mean == data.pixel_mean);
    CHECK(back->pixel_scale == data.pixel_scale);
    CHECK(back->thresholds == data.thresholds);
    CHECK(back->metadata == data.metadata);
    REQUIRE(back->tensors.size() == data.tensors.size());
    for (const auto& [name, tensor] : data.tensors) {
      CHECK(back->tensors.at(name).shape == tensor.shape);
      CHECK(back->tensors.at(name).values == tensor.values);
    }
    CHECK(write_safetensors(*back) == bytes);
  }
}

TEST_CASE("a truncated model is refused, wherever it ends") {
  const std::vector<std::byte> bytes = write_safetensors(random_model(18));
  for (std::size_t size = 0; size < bytes.size(); size += size < 9000 ? 7 : 9973) {
    message(std::span(bytes).first(size));
  }
  CHECK(contains(message(std::span(bytes).first(bytes.size() - 1)), "truncated"));
  std::vector<std::byte> longer = bytes;
  longer.push_back(std::byte{0});
  message(longer);
}

TEST_CASE("models with wrong contents are refused, and the message says why") {
  const auto refused = [](const std::function<void(ModelData&)>& spoil) {
    ModelData data = random_model(19, true);
    spoil(data);
    return message(write_safetensors(data));
  };
  CHECK(contains(refused([](ModelData& d) { d.tensors.erase("rnet.conv2.bias"); }),
                 "tensor \"rnet.conv2.bias\" is missing"));
  CHECK(contains(refused([](ModelData& d) {
                   d.tensors["pnet.conv9.weight"] = {{1}, {0}};
                 }),
                 "pnet.conv9.weight"));
  const std::string shape = refused([](ModelData& d) {
    d.tensors["onet.conv1.weight"].shape = {32, 3, 9, 1};
  });
  CHECK(contains(shape, "[32, 3, 9, 1], expected [32, 3, 3, 3]"));
  CHECK(contains(refused([](ModelData& d) {
                   d.tensors["onet.box.bias"].values[2] = std::numeric_limits<float>::quiet_NaN();
                 }),
                 "\"onet.box.bias\" holds a NaN"));
  CHECK(contains(refused([](ModelData& d) {
                   d.tensors["pnet.conv1.weight"].values[0] = std::numeric_limits<float>::infinity();
                 }),
                 "infinity"));
  CHECK(contains(refused([](ModelData& d) { d.thresholds[1] = 1.5f; }), "thresholds"));
  CHECK(contains(refused([](ModelData& d) { d.pixel_scale = 0; }), "normalisation"));
  CHECK(contains(refused([](ModelData& d) { d.tensors.erase("pnet.landmarks.bias"); }), "pnet.landmarks"));
}

TEST_CASE("without the optional heads a model is whole") {
  ModelData data = random_model(20);
  for (const char* name :
       {"pnet.landmarks.weight", "pnet.landmarks.bias", "rnet.landmarks.weight", "rnet.landmarks.bias"}) {
    CHECK(data.tensors.erase(name) == 1);
  }
  CHECK(parse_safetensors(write_safetensors(data), "m").ok());
}

TEST_CASE("headers that lie are refused before they cost anything") {
  CHECK(contains(message({}), "too few"));
  CHECK(contains(message(file_of("not json")), "JSON"));
  CHECK(contains(message(file_of("[1, 2]")), "JSON"));
  CHECK(contains(message(file_of("{}")), "format_version"));
  CHECK(contains(message(file_of(std::string(100000, '['))), "deep"));
  std::vector<std::byte> huge = file_of("{}");
  std::memset(huge.data(), 0xff, 8);
  CHECK(contains(message(huge), "header"));
  const auto tensor = [](const std::string& entry, std::size_t payload = 0) {
    return message(file_of("{\"pnet.conv1.bias\":" + entry + "}", payload));
  };
  CHECK(contains(tensor("{\"dtype\":\"F32\",\"shape\":[4000000000,4000000000],\"data_offsets\":[0,4]}", 4),
                 "absurd"));
  CHECK(contains(tensor("{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}", 2), "F32"));
  CHECK(contains(tensor("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}", 8), "do not fit"));
  CHECK(contains(tensor("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,4]}", 8), "do not fit"));
  CHECK(contains(tensor("{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}", 4), "shape"));
  CHECK(contains(tensor("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", 4), "truncated"));
  CHECK(contains(tensor("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}", 8), "bytes of data"));
  CHECK(contains(tensor("17"), "lacks"));
  // Two tensors over the first four of eight bytes; and the same tensor again and again.
  const std::string shared = "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}";
  CHECK(contains(message(file_of("{\"a\":" + shared + ",\"b\":" + shared + "}", 8)), "share bytes"));
  CHECK(contains(message(file_of("{\"a\":" + shared + ",\"b\":" + shared + "}", 4)), "shares bytes"));
  // Far more keys than any model has, refused without a search among all of them for each.
  std::string keys = "{\"k\":0";
  for (int i = 0; i < 90000; ++i) keys += ",\"" + std::to_string(i) + "\":0";
  CHECK(contains(message(file_of(keys + "}")), "1024"));
  CHECK(contains(message(file_of("{\"__metadata__\":{\"format_version\":\"2\"}}")), "version 2"));
  CHECK(contains(message(file_of("{\"__metadata__\":{\"format_version\":3}}")), "text"));
  CHECK(
      contains(message(file_of("{\"__metadata__\":{\"format_version\":\"1\",\"cell_geometry\":\"round\"}}")),
               "\"exact\" or \"release\""));
}

}  // namespace
}  // namespace mtcnn
