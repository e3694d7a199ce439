// mtcnn eval report: several reports as one page.
#include "eval/report.h"

#include <cstdio>
#include <utility>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/eval_run.h"
#include "apps/text.h"

namespace mtcnn {
namespace {

constexpr const char* kName = "report";

class EvalReport : public EvalCommand {
 public:
  explicit EvalReport(CLI::App& app) {
    add_paths(app, "REPORT.json", inputs_, "what --report wrote beside its pages")->type_name("")->required();
    add_text(app, "-o,--output", output_, "the page to write")->type_name("FILE.html")->required();
    add_text(app, "--title", report_.title, "title of the page")->type_name("TEXT");
    add_paths(app, "--note", report_.notes, "a paragraph below the title; may be repeated")
        ->type_name("TEXT")
        ->allow_extra_args(false);
  }

  int run() override {
    for (const std::string& input : inputs_) {
      auto part = read_report(input);
      if (!part) return eval_usage(kName, part.error().message);
      for (std::string& note : part->notes) report_.notes.push_back(std::move(note));
      for (ReportRun& one : part->runs) report_.runs.push_back(std::move(one));
    }
    if (const Status written = write_report(output_, report_); !written) {
      return eval_usage(kName, written.error().message);
    }
    return kExitOk;
  }

 private:
  std::vector<std::string> inputs_;
  std::string output_;
  Report report_;
};

}  // namespace

std::unique_ptr<EvalCommand> make_eval_report(CLI::App& app) { return std::make_unique<EvalReport>(app); }

}  // namespace mtcnn
