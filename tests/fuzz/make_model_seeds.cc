// Writes the header of a whole model, as fuzz_model takes it: its seed.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "engine/safetensors.h"
#include "util/file.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  mtcnn::ModelData data;
  data.metadata["provenance"] = "seed";
  for (const mtcnn::NetSpec* net : {&mtcnn::kPNet, &mtcnn::kRNet, &mtcnn::kONet}) {
    for (const mtcnn::ParameterSpec& parameter : mtcnn::parameters(*net)) {
      if (parameter.optional) continue;
      std::size_t count = 1;
      for (const std::int64_t n : parameter.shape) count *= static_cast<std::size_t>(n);
      data.tensors[parameter.name] = {parameter.shape, std::vector<float>(count)};
    }
  }
  const std::vector<std::byte> file = mtcnn::write_safetensors(data);
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  std::vector<std::byte> seed{std::byte{1}};
  seed.insert(seed.end(), file.begin() + 8, file.begin() + 8 + static_cast<std::ptrdiff_t>(header));
  const mtcnn::Status written = mtcnn::write_file(argv[1], seed);
  if (!written) std::fprintf(stderr, "%s\n", written.error().message.c_str());
  return written ? 0 : 1;
}
