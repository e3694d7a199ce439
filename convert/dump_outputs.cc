// Writes a model as ONNX files, and inputs with our engine's outputs beside them, for
// tests/onnx_check.py to run the same inputs in ONNX Runtime.
//   dump_outputs FOLDER [WEIGHTS...]     without WEIGHTS: a random model with every head
#include <cstdio>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "convert/convert.h"
#include "convert/npy.h"
#include "convert/zip.h"
#include "engine/network.h"
#include "kernels/kernels.h"
#include "support/random_model.h"
#include "util/file.h"

namespace {

using namespace mtcnn;

using Entries = std::vector<std::pair<std::string, std::string>>;

void add(Entries& entries, const std::string& name, std::span<const std::int64_t> shape,
         std::span<const float> values) {
  entries.emplace_back(name + ".npy", npy_file("<f4", shape, std::as_bytes(values)));
}

// Inputs of one size as [count, height, width, channels], and each head's raw outputs as [count,
// rows, columns, values].
void run(const ModelData& data, const NetSpec& net, Size size, int count, const std::string& name,
         Entries& entries) {
  std::mt19937 random(static_cast<std::uint32_t>(size.width * 1000 + size.height));
  std::uniform_real_distribution<float> pixel(-1, 1);
  const std::size_t values = static_cast<std::size_t>(count) * size.height * size.width * net.channels;
  std::vector<float> input(values + kSlack);
  for (float& v : input) v = pixel(random);
  const std::int64_t input_shape[] = {count, size.height, size.width, net.channels};
  add(entries, name + "/input", input_shape, std::span(input).first(values));

  for (const Layer& head : net.heads) {
    if (!data.tensors.contains(std::string(net.name) + "." + head.name + ".weight")) continue;
    const Network network(net, data, *find_kernels("auto"), {head.name});
    const Size positions = network.positions(size);
    std::vector<float> scratch(network.scratch_size(size, count) + kSlack);
    const std::size_t results =
        static_cast<std::size_t>(count) * positions.height * positions.width * network.outputs();
    std::vector<float> output(results + kSlack);
    network.run(input.data(), count, size, scratch.data(), output.data());
    const std::int64_t shape[] = {count, positions.height, positions.width, network.outputs()};
    add(entries, name + "/" + head.name, shape, std::span(output).first(results));
  }
}

int fail(const Error& error) {
  std::fprintf(stderr, "dump_outputs: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return fail({ErrorCode::kInvalidArgument, "expected FOLDER [WEIGHTS...]"});
  const std::string folder = std::string(argv[1]) + "/";
  ModelData data = test::random_model(2016, true);
  if (argc > 2) {
    const std::vector<std::string> inputs(argv + 2, argv + argc);
    Result<ModelData> imported = import_model(inputs);
    if (!imported) return fail(imported.error());
    data = *std::move(imported);
  }
  if (Status s = export_model(data, folder); !s) return fail(s.error());

  Entries entries;
  for (const NetSpec* net : nets_of(data)) {
    run(data, *net, {net->side, net->side}, 3, std::string(net->name) + "/own_size", entries);
    if (net->fully_convolutional) {
      // Odd sides: the pool's last windows are cut.
      run(data, *net, {37, 50}, 2, std::string(net->name) + "/odd", entries);
      run(data, *net, {64, 33}, 1, std::string(net->name) + "/even", entries);
    }
  }
  Result<std::vector<std::byte>> archive = zip_stored(entries, folder + "cases.npz");
  if (!archive) return fail(archive.error());
  if (Status s = write_file(folder + "cases.npz", *archive); !s) return fail(s.error());
  return 0;
}
