// mtcnn convert: other programs' weights to a model file, and model files to other programs.
#include "convert/convert.h"

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/inputs.h"
#include "apps/text.h"
#include "engine/model_data.h"
#include "nets/mtcnn_nets.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;

// The files that export_model() writes for this name.
std::vector<std::string> targets_of(const std::string& out, ExportKind kind) {
  if (kind != ExportKind::kOnnxFolder) return {out};
  std::vector<std::string> files;
  for (const NetSpec* const net : {&kPNet, &kRNet, &kONet, &kLNet}) {
    files.push_back((fs::path(out) / (std::string(net->name) + ".onnx")).string());
  }
  return files;
}

// Empty if writing `out` can't destroy what is read, otherwise why not.
std::string conflict_with(const std::vector<std::string>& inputs, const std::string& out, ExportKind kind) {
  std::error_code error;
  for (const std::string& target : targets_of(out, kind)) {
    if (!fs::exists(target, error)) continue;
    for (const std::string& input : inputs) {
      // In an input folder, a model file of ours is what an earlier conversion left.
      const bool from_folder = !target.ends_with(".safetensors") &&
                               same_file(fs::absolute(target, error).parent_path().string(), input);
      if (same_file(input, target) || from_folder) {
        return target + ": is an input too, or lies among them; choose another name for the output";
      }
    }
  }
  return {};
}

std::string summary(const ModelData& data, const std::string& out) {
  std::int64_t total = 0;
  for (const auto& [name, tensor] : data.tensors) total += static_cast<std::int64_t>(tensor.values.size());
  std::string nets;
  for (const NetSpec* const net : nets_of(data)) nets += (nets.empty() ? "" : ", ") + std::string(net->name);
  std::error_code error;
  const auto bytes = fs::file_size(out, error);
  return printable(out) + ": " + nets + "; " + format_count(total) + " parameters; " +
         (data.geometry == CellGeometry::kExact ? "exact" : "release") + " cell geometry" +
         (error ? "" : "; " + format_count(static_cast<std::int64_t>(bytes)) + " bytes");
}

}  // namespace

int run_convert(int argc, const char* const* argv) {
  CLI::App app("Makes a model file from other programs' MTCNN weights, or the other way round.",
               "mtcnn convert");
  app.footer(
      "INPUT is a folder with the weights of all nets, or the files: Caffe (.caffemodel), NumPy "
      "(.npy),\n"
      "PyTorch (.pt), ONNX, the mtcnn Python package's (its folder assets/weights, or mtcnn_weights.npy of\n"
      "old versions), a NumPy archive (.npz) or model file (.safetensors) of ours; the kind is\n"
      "recognised by content. Nothing in a file is ever executed.\n"
      "\n"
      "OUT's ending says what is written: .safetensors, a model file; .npz, a NumPy archive; "
      ".onnx, a\n"
      "folder with one ONNX file for each net. What was there is replaced.\n"
      "\n"
      "Examples:\n"
      "  mtcnn convert weights/ -o mtcnn.safetensors\n"
      "  mtcnn convert det1.caffemodel det2.caffemodel det3.caffemodel -o mtcnn.safetensors\n"
      "  mtcnn convert mtcnn.safetensors -o mtcnn.onnx\n"
      "\n"
      "Exit status: 0 fine; 1 the conversion failed; 2 wrong usage.");
  std::vector<std::string> inputs;
  std::string out;
  add_paths(app, "INPUT", inputs, "folder or files with the weights")->type_name("")->required();
  add_text(app, "-o,--output", out, "what to write: .safetensors, .npz or .onnx")
      ->type_name("OUT")
      ->required();
  if (const auto status = parse_command_line(app, argc, argv)) return *status;
  const Result<ExportKind> kind = export_kind(out);
  if (!kind) return usage_error("convert", kind.error().message);
  if (const std::string problem = conflict_with(inputs, out, *kind); !problem.empty()) {
    return usage_error("convert", problem);
  }

  const auto failed = [](const Error& error) {
    std::fprintf(stderr, "mtcnn convert: %s\n", printable(error.message).c_str());
    return kExitFailed;
  };
  const auto data = import_model(inputs);
  if (!data) return failed(data.error());
  if (const Status written = export_model(*data, out); !written) return failed(written.error());
  std::printf("%s\n", summary(*data, out).c_str());
  return kExitOk;
}

}  // namespace mtcnn
