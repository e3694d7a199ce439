// mtcnn eval: the measures of the benchmarks. One file a sub-command is beside this one.
#include <memory>
#include <utility>
#include <vector>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/eval_run.h"

namespace mtcnn {
namespace {

struct Entry {
  const char* name;
  const char* summary;
  std::unique_ptr<EvalCommand> (*make)(CLI::App& app);
};

constexpr Entry kEntries[] = {
    {"wider", "WIDER FACE: average precision of easy, medium and hard faces", make_eval_wider},
    {"fddb", "FDDB: discrete and continuous ROC", make_eval_fddb},
    {"boxes", "average precision at any overlap, on labels of any format", make_eval_boxes},
    {"landmarks", "error of the five points", make_eval_landmarks},
    {"stages", "which stage of the cascade loses faces", make_eval_stages},
    {"report", "put reports that were written apart into one", make_eval_report},
};

}  // namespace

int run_eval(int argc, const char* const* argv) {
  CLI::App app("Measures detections, or a detector, as the benchmarks do.", "mtcnn eval");
  app.require_subcommand(1);
  app.footer(
      "'mtcnn eval NAME --help' lists the options.\n\n"
      "Exit status: 0 all fine; 1 something was left out or is missing, each named on stderr, the\n"
      "figures are made from the rest; 2 wrong usage or nothing to measure.");
  std::vector<std::pair<CLI::App*, std::unique_ptr<EvalCommand>>> commands;
  for (const Entry& entry : kEntries) {
    CLI::App* const sub = app.add_subcommand(entry.name, entry.summary);
    commands.emplace_back(sub, entry.make(*sub));
  }
  if (const auto status = parse_command_line(app, argc, argv)) return *status;
  for (const auto& [sub, command] : commands) {
    if (sub->parsed()) return command->run();
  }
  return kExitUsage;
}

}  // namespace mtcnn
