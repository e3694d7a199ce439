#include "apps/text.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <system_error>

namespace mtcnn {

std::optional<std::vector<float>> parse_number_list(std::string_view text) {
  std::vector<float> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    float value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
    numbers.push_back(value);
    if (next == end) return numbers;
    if (*next != ',') return std::nullopt;
    at = next + 1;
  }
}

std::optional<Size> parse_size(std::string_view text) {
  constexpr int kLargest = 1 << 30;
  Size size;
  const char* const end = text.data() + text.size();
  const auto [middle, error] = std::from_chars(text.data(), end, size.width);
  if (error != std::errc() || middle == end || (*middle != 'x' && *middle != 'X')) return std::nullopt;
  const auto [last, second_error] = std::from_chars(middle + 1, end, size.height);
  if (second_error != std::errc() || last != end) return std::nullopt;
  if (size.width < 1 || size.height < 1 || size.width > kLargest || size.height > kLargest) {
    return std::nullopt;
  }
  return size;
}

std::string format_float(float value) {
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return error == std::errc() ? std::string(text, end) : std::string("nan");
}

std::string format_fixed(double value, int digits) {
  char text[400];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string format_count(std::int64_t value) {
  const std::string digits = std::to_string(value);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const bool after_digit = i > 0 && digits[i - 1] != '-';
    if (after_digit && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string csv_field(std::string_view text) {
  const bool plain = text.find_first_of(",\"\r\n") == std::string_view::npos &&
                     (text.empty() || (text.front() != ' ' && text.back() != ' '));
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string printable(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      shown += "\\n";
    } else if (c == '\t') {
      shown += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      char escape[5];
      std::snprintf(escape, sizeof escape, "\\x%02x", byte);
      shown += escape;
    } else {
      shown += c;
    }
  }
  return shown;
}

std::string without_name(const std::string& message, const std::string& name) {
  const std::string start = name + ": ";
  return message.starts_with(start) ? message.substr(start.size()) : message;
}

}  // namespace mtcnn
