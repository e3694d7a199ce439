// The importers of weights: one buffer to each of them, whatever it looks like, and as a file whose
// format is recognised. Seeds: P-Net in every format (make_convert_seeds.cc).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "convert/convert.h"
#include "convert/readers.h"
#include "convert/settings.h"

namespace {

using namespace mtcnn;

// A net that was read must be safe to assemble, and what was assembled must have the net's shapes.
void finish(Result<RawNet> raw) {
  if (!raw) {
    if (raw.error().message.empty()) std::abort();
    return;
  }
  const Result<const NetSpec*> net = recognise(*raw, "fuzz");
  if (!net) return;
  ModelData data;
  if (!assemble(*std::move(raw), **net, "fuzz", data)) return;
  for (const ParameterSpec& parameter : parameters(**net)) {
    const auto it = data.tensors.find(parameter.name);
    if (it == data.tensors.end() ? !parameter.optional : it->second.shape != parameter.shape) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const std::string file = "fuzz";
  finish(read_caffemodel(bytes, file));
  if (Result<std::vector<RawNet>> nets = read_npy_nets(bytes, file)) {
    for (RawNet& net : *nets) finish(std::move(net));
  }
  finish(read_torch(bytes, file));
  finish(read_joblib(bytes, file));
  finish(read_joblib_pickle(bytes, file));
  finish(read_onnx(bytes, file));
  (void)read_npz(bytes, file);
  ModelData settings;
  (void)read_settings({reinterpret_cast<const char*>(data), size}, file, settings);

  const NamedBytes named{file, bytes};
  (void)import_buffers({&named, 1});
  return 0;
}
