// The model file: any bytes give a model that can be written and read again, or an error that says
// why. A whole model is too large for a fuzzer to grow, so half of the inputs (first byte odd) are
// taken for the header alone and get data behind them: zeros, as many as the nets have weights.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "engine/safetensors.h"

namespace {

using namespace mtcnn;

std::size_t bytes_of_all_weights() {
  std::size_t bytes = 0;
  for (const NetSpec* net : {&kPNet, &kRNet, &kONet}) {
    for (const ParameterSpec& parameter : parameters(*net)) {
      std::size_t count = parameter.optional ? 0 : 1;
      for (const std::int64_t n : parameter.shape) count *= static_cast<std::size_t>(n);
      bytes += count * sizeof(float);
    }
  }
  return bytes;
}

void check(std::span<const std::byte> bytes) {
  const Result<ModelData> data = parse_safetensors(bytes, "fuzz");
  if (!data) {
    if (!data.error().message.starts_with("fuzz: ")) std::abort();
    return;
  }
  const std::vector<std::byte> written = write_safetensors(*data);
  const Result<ModelData> again = parse_safetensors(written, "again");
  if (!again || write_safetensors(*again) != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    check(bytes);
    return 0;
  }
  static const std::size_t weights = bytes_of_all_weights();
  const std::uint64_t header = bytes.size();
  std::vector<std::byte> file(sizeof header + bytes.size() + weights);
  std::memcpy(file.data(), &header, sizeof header);
  std::memcpy(file.data() + sizeof header, bytes.data(), bytes.size());
  check(file);
  return 0;
}
