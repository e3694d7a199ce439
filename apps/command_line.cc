#include "apps/command_line.h"

#include <charconv>
#include <cstdio>
#include <system_error>

#include "apps/commands.h"
#include "apps/text.h"

namespace mtcnn {
namespace {

// Keeps CLI11 from seeing that an argument begins with a bracket; no path that a person writes
// begins with this character.
constexpr char kGuard = '\x01';

std::string unguard(std::string& text) {
  if (!text.empty() && text.front() == kGuard) text.erase(0, 1);
  return {};
}

// Else --flag=3 is taken for the flag.
void refuse_values_of_flags(CLI::App& app) {
  for (CLI::Option* const option : app.get_options()) {
    if (option->get_expected_max() == 0) option->disable_flag_override();
  }
  for (CLI::App* const command : app.get_subcommands({})) refuse_values_of_flags(*command);
}

}  // namespace

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv) {
  std::vector<std::string> arguments;  // CLI11 wants them last first
  for (int i = argc - 1; i > 0; --i) {
    std::string text = argv[i];
    if (text.size() > 1 && text.front() == '[' && text.back() == ']') text.insert(0, 1, kGuard);
    arguments.push_back(std::move(text));
  }
  refuse_values_of_flags(app);
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "%s: %s\nTry '%s --help'.\n", app.get_name().c_str(),
                 printable(error.what()).c_str(), app.get_name().c_str());
    return kExitUsage;
  }
  return std::nullopt;
}

CLI::Option* add_text(CLI::App& app, const std::string& name, std::string& value, const std::string& help) {
  return app.add_option(name, value, help)->transform(CLI::Validator(unguard, ""));
}

CLI::Option* add_paths(CLI::App& app, const std::string& name, std::vector<std::string>& values,
                       const std::string& help) {
  return app.add_option(name, values, help)->transform(CLI::Validator(unguard, ""));
}

CLI::Validator in_range(double low, double high) {
  return CLI::Validator(
      [=](std::string& text) {
        double value = 0;
        if (CLI::detail::lexical_cast(text, value) && value >= low && value <= high) return std::string();
        char message[96];
        std::snprintf(message, sizeof message, ", expected a number from %.7g to %.7g", low, high);
        return "'" + text + "'" + message;
      },
      "");
}

CLI::Validator whole_number(std::int64_t low, std::int64_t high) {
  return CLI::Validator(
      [=](std::string& text) {
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        // CLI11 would take 010 for 8.
        const bool octal = text.size() > 1 && text.front() == '0';
        if (error == std::errc() && end == text.data() + text.size() && value >= low && value <= high &&
            !octal) {
          return std::string();
        }
        return "'" + text + "', expected a whole number from " + std::to_string(low) + " to " +
               std::to_string(high);
      },
      "");
}

int usage_error(const std::string& command, const std::string& message) {
  std::fprintf(stderr, "mtcnn %s: %s\n", command.c_str(), printable(message).c_str());
  return kExitUsage;
}

}  // namespace mtcnn
