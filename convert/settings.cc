#include "convert/settings.h"

#include <nlohmann/json.hpp>

namespace mtcnn {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxText = std::size_t{1} << 20;

Error bad(const std::string& file, const std::string& what) {
  return {ErrorCode::kFormat, file + ": settings: " + what};
}

}  // namespace

std::string write_settings(const ModelData& data) {
  const Json json{{"geometry", data.geometry == CellGeometry::kExact ? "exact" : "release"},
                  {"pixel_mean", data.pixel_mean},
                  {"pixel_scale", data.pixel_scale},
                  {"thresholds", data.thresholds},
                  {"metadata", data.metadata}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Status read_settings(std::string_view text, const std::string& file, ModelData& data) {
  if (text.size() > kMaxText) {
    return bad(file, "expected at most " + std::to_string(kMaxText) + " bytes");
  }
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return bad(file, "expected a JSON object");
  const auto number = [&](const Json& object, auto key) -> const Json* {
    const auto it = object.find(key);
    return it != object.end() && it->is_number() ? &*it : nullptr;
  };
  const auto geometry = json.find("geometry");
  if (geometry == json.end() || (*geometry != "exact" && *geometry != "release")) {
    return bad(file, "expected \"geometry\" to be \"exact\" or \"release\"");
  }
  data.geometry = *geometry == "exact" ? CellGeometry::kExact : CellGeometry::kRelease;
  const Json* mean = number(json, "pixel_mean");
  const Json* scale = number(json, "pixel_scale");
  if (!mean || !scale) return bad(file, "expected numbers \"pixel_mean\" and \"pixel_scale\"");
  data.pixel_mean = mean->get<float>();
  data.pixel_scale = scale->get<float>();
  const auto thresholds = json.find("thresholds");
  if (thresholds == json.end() || !thresholds->is_array() || thresholds->size() != 3) {
    return bad(file, "expected three \"thresholds\"");
  }
  for (std::size_t i = 0; i < 3; ++i) {
    if (!(*thresholds)[i].is_number()) return bad(file, "expected \"thresholds\" to be numbers");
    data.thresholds[i] = (*thresholds)[i].get<float>();
  }
  const auto metadata = json.find("metadata");
  if (metadata == json.end() || !metadata->is_object()) return bad(file, "expected \"metadata\"");
  for (const auto& [key, value] : metadata->items()) {
    if (!value.is_string()) return bad(file, "expected \"metadata\" to be strings");
    data.metadata[key] = value.get<std::string>();
  }
  return std::monostate{};
}

}  // namespace mtcnn
