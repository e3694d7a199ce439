#include "eval/report_text.h"

#include <algorithm>
#include <cstdio>

namespace mtcnn {

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string short_number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string count_text(double value) {
  std::string text = fixed(value, 0);
  for (std::size_t i = text.size(); i > 3 && text[i - 4] != '-'; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

std::string percent_text(double share, int digits) { return fixed(100 * share, digits) + " %"; }

std::string spaced(std::string text) {
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::string file_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

std::string value_text(const nlohmann::ordered_json& value) {
  if (value.is_null()) return kNoFigure;
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_float()) return short_number(value.get<double>());
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const nlohmann::ordered_json& part : value)
    text.append(text.empty() ? "" : ", ").append(value_text(part));
  return text.empty() ? "none" : text;
}

}  // namespace mtcnn
