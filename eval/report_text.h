// Numbers and settings as words, for the pages.
#ifndef MTCNN_EVAL_REPORT_TEXT_H_
#define MTCNN_EVAL_REPORT_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>

namespace mtcnn {

// In place of a figure that there is not, as of no face.
inline constexpr const char* kNoFigure = "–";

std::string fixed(double value, int digits);             // "0.50"
std::string short_number(double value);                  // six significant digits
std::string count_text(double value);                    // "12,345"
std::string percent_text(double share, int digits = 2);  // "12.30 %"
std::string spaced(std::string text);                    // blanks for underscores
std::string file_name(const std::string& path);
std::string value_text(const nlohmann::ordered_json& value);  // a setting as words

}  // namespace mtcnn

#endif  // MTCNN_EVAL_REPORT_TEXT_H_
