// Writes P-Net in every format of weights into a folder: seeds for fuzz_convert, which would not find
// its way into archives, pickles and nested messages by itself. P-Net alone: small files are quick.
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "convert/foreign_files.h"
#include "convert/settings.h"
#include "convert/writers.h"
#include "util/file.h"

int main(int count, char** arguments) {
  using namespace mtcnn;
  if (count != 2) {
    std::fprintf(stderr, "usage: make_convert_seeds FOLDER\n");
    return 2;
  }
  const ModelData model = foreign::model(false, false);
  const auto layers = [&](const foreign::Style& style) { return foreign::layers_of(model, kPNet, style); };
  ModelData pnet = model;  // read_npz() need not see a whole model to be led through its archive
  std::erase_if(pnet.tensors, [](const auto& tensor) { return !tensor.first.starts_with("pnet."); });
  const auto npz = write_npz(pnet, "npz");
  if (!npz) {
    std::fprintf(stderr, "make_convert_seeds: %s\n", npz.error().message.c_str());
    return 1;
  }
  const std::pair<const char*, std::string> seeds[] = {
      {"caffe", foreign::caffe_file(layers(foreign::kCaffeStyle))},
      {"caffe_2013", foreign::caffe_file(layers(foreign::kCaffeStyle), true)},
      {"npy", foreign::facenet_file(layers(foreign::kNpyStyle))},
      {"npy_old", foreign::old_mtcnn_file({{"pnet", layers(foreign::kNpyStyle)}})},
      {"torch_zip", foreign::torch_file(layers(foreign::kTorchStyle), true)},
      {"torch_legacy", foreign::torch_file(layers(foreign::kTorchStyle), false)},
      {"joblib", foreign::joblib_file(layers(foreign::kJoblibStyle))},
      {"joblib_pickle", foreign::joblib_pickle(layers(foreign::kJoblibStyle))},
      {"onnx", write_onnx(model, kPNet)},
      {"npz", {reinterpret_cast<const char*>(npz->data()), npz->size()}},
      {"settings", write_settings(model)},
  };
  for (const auto& [name, content] : seeds) {
    const Status written = write_file(std::string(arguments[1]) + "/" + name,
                                      std::as_bytes(std::span(std::string_view(content))));
    if (!written) {
      std::fprintf(stderr, "make_convert_seeds: %s\n", written.error().message.c_str());
      return 1;
    }
  }
}
