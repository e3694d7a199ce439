// Small conversions between text and values.
#ifndef MTCNN_APPS_TEXT_H_
#define MTCNN_APPS_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mtcnn/types.h"

namespace mtcnn {

// "a,b,c" as numbers, at least one; nothing else may stand in `text`. Empty if it is not such a
// list, or has a number that is not finite.
std::optional<std::vector<float>> parse_number_list(std::string_view text);

// "640x480": two whole numbers from 1 to 2^30. Empty if it is not that.
std::optional<Size> parse_size(std::string_view text);

// The shortest decimal that reads back as the same float.
std::string format_float(float value);

// `value` with this many digits after the point.
std::string format_fixed(double value, int digits);

// 1234567 as "1,234,567".
std::string format_count(std::int64_t value);

// A field of a CSV line (RFC 4180): quoted if it holds a comma, a quote, a line break, or a space
// at either end.
std::string csv_field(std::string_view text);

// For terminals and messages: control characters as \n, \t or \xNN, so that a file's name can
// neither break a line nor steer the terminal. Other bytes stay as they are.
std::string printable(std::string_view text);

// `message` without "NAME: " at its start: library messages name their file, and so do our lines.
std::string without_name(const std::string& message, const std::string& name);

}  // namespace mtcnn

#endif  // MTCNN_APPS_TEXT_H_
