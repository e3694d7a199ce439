// mtcnn inspect: what a model file holds.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/detector_flags.h"
#include "apps/face_lines.h"
#include "apps/table.h"
#include "apps/text.h"
#include "engine/model_data.h"
#include "mtcnn/model.h"

namespace mtcnn {
namespace {

const char* geometry_name(CellGeometry geometry) {
  return geometry == CellGeometry::kExact ? "exact" : "release";
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t side : shape) text += (text.empty() ? "" : " x ") + std::to_string(side);
  return text;
}

std::int64_t element_count(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t side : shape) count *= side;
  return count;
}

// Names and shapes of the model's tensors, in the order in which data passes them.
std::vector<ParameterSpec> tensors_of(const ModelData& data) {
  std::vector<ParameterSpec> list;
  for (const NetSpec* const net : nets_of(data)) {
    for (ParameterSpec& parameter : parameters(*net)) {
      if (data.tensors.contains(parameter.name)) list.push_back(std::move(parameter));
    }
  }
  return list;
}

std::string describe_as_json(const Model& model) {
  const ModelInfo info = model.info();
  Json json;
  json["format_version"] = info.format_version;
  json["architecture"] = info.architecture;
  json["geometry"] = geometry_name(info.geometry);
  json["pixel_mean"] = info.pixel_mean;
  json["pixel_scale"] = info.pixel_scale;
  json["thresholds"] = info.thresholds;
  json["metadata"] = Json::object();
  for (const auto& [key, value] : info.metadata) json["metadata"][key] = value;
  std::int64_t total = 0;
  json["nets"] = Json::array();
  for (const NetInfo& net : info.nets) {
    Json item;
    item["name"] = net.name;
    item["parameters"] = net.parameters;
    json["nets"].push_back(std::move(item));
    total += net.parameters;
  }
  json["parameters"] = total;
  json["tensors"] = Json::array();
  for (const ParameterSpec& tensor : tensors_of(model.data())) {
    Json item;
    item["name"] = tensor.name;
    item["shape"] = tensor.shape;
    json["tensors"].push_back(std::move(item));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string describe_as_text(const Model& model, const std::string& name) {
  const ModelInfo info = model.info();
  std::string text = name + '\n';
  const auto line = [&](const char* key, const std::string& value) {
    std::string start = std::string("  ") + key;
    start.resize(18, ' ');
    text += start + value + '\n';
  };
  line("format version", std::to_string(info.format_version));
  line("architecture", info.architecture);
  line("geometry", info.geometry == CellGeometry::kExact ? "exact (the field that P-Net sees)"
                                                         : "release (whole pixels, as the authors' code)");
  line("network input",
       "(pixel - " + format_float(info.pixel_mean) + ") * " + format_float(info.pixel_scale));
  line("thresholds", "P-Net " + format_float(info.thresholds[0]) + ", R-Net " +
                         format_float(info.thresholds[1]) + ", O-Net " + format_float(info.thresholds[2]));
  if (!info.metadata.empty()) {
    text += "\nMetadata\n";
    std::vector<std::vector<std::string>> rows;
    for (const auto& [key, value] : info.metadata) rows.push_back({printable(key), printable(value)});
    text += format_table({{"key", false}, {"value", false}}, rows, 2);
  }
  std::int64_t total = 0;
  std::vector<std::vector<std::string>> rows;
  for (const NetInfo& net : info.nets) {
    rows.push_back({net.name, format_count(net.parameters)});
    total += net.parameters;
  }
  rows.push_back({"together", format_count(total)});
  text += "\nNets\n" + format_table({{"net", false}, {"parameters"}}, rows, 2);
  rows.clear();
  for (const ParameterSpec& tensor : tensors_of(model.data())) {
    rows.push_back({tensor.name, shape_text(tensor.shape), format_count(element_count(tensor.shape))});
  }
  return text + "\nTensors\n" + format_table({{"tensor", false}, {"shape", false}, {"parameters"}}, rows, 2);
}

}  // namespace

int run_inspect(int argc, const char* const* argv) {
  CLI::App app("Shows what a model file holds: its settings, where it comes from, nets and tensors.",
               "mtcnn inspect");
  app.footer(
      "Examples:\n"
      "  mtcnn inspect mtcnn.safetensors\n"
      "  mtcnn inspect --json mtcnn.safetensors\n"
      "\n"
      "Exit status: 0 fine; 1 the model can't be read; 2 wrong usage.");
  std::string path;
  bool json = false;
  add_text(app, "MODEL", path, "model file (default: the built-in model)")
      ->type_name("")
      ->envname("MTCNN_MODEL");
  app.add_flag("--json", json, "as one JSON object");
  if (const auto status = parse_command_line(app, argc, argv)) return *status;

  const auto model = load_model(path);
  if (!model) {
    std::fprintf(stderr, "mtcnn inspect: %s\n", printable(model.error().message).c_str());
    return kExitFailed;
  }
  const std::string text =
      json ? describe_as_json(*model)
           : describe_as_text(*model, path.empty() ? "the built-in model" : printable(path));
  std::fputs(text.c_str(), stdout);
  return kExitOk;
}

}  // namespace mtcnn
