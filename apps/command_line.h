// What all commands do with CLI11.
#ifndef MTCNN_APPS_COMMAND_LINE_H_
#define MTCNN_APPS_COMMAND_LINE_H_

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

namespace mtcnn {

// Parses argv[1] onwards into `app`. Returns the exit status if that is the end of it (--help was
// asked for, or the arguments are wrong, which is then said on stderr), nothing if the command
// should go on.
std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv);

// Options for text and for paths. Every option that takes free text must be added with these: CLI11
// alone reads an argument like "[2020]", a fine name for a folder, as a list.
CLI::Option* add_text(CLI::App& app, const std::string& name, std::string& value, const std::string& help);
CLI::Option* add_paths(CLI::App& app, const std::string& name, std::vector<std::string>& values,
                       const std::string& help);

// A whole number from `low` to `high`; CLI::Range would not say that 1.5 is none.
CLI::Validator whole_number(std::int64_t low, std::int64_t high);

// A number from `low` to `high`; CLI::Range would let NaN through.
CLI::Validator in_range(double low, double high);

// An option whose text `parse` (std::string -> std::optional<T>) turns into a value; `expected`
// says in the error message what the text should have been.
template <typename Parse, typename Store>
CLI::Option* add_parsed(CLI::App& app, const std::string& name, Parse parse, Store store,
                        const std::string& expected, const std::string& help) {
  return app.add_option_function<std::string>(
      name,
      [=](const std::string& text) {
        const auto value = parse(text);
        if (!value) throw CLI::ValidationError(name, "'" + text + "' is not " + expected);
        store(*value);
      },
      help);
}

// Prints "mtcnn COMMAND: MESSAGE" on stderr; returns the status for wrong usage.
int usage_error(const std::string& command, const std::string& message);

}  // namespace mtcnn

#endif  // MTCNN_APPS_COMMAND_LINE_H_
