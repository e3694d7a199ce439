// What the sub-commands of `mtcnn eval` print and report of their runs.
#ifndef MTCNN_APPS_EVAL_PRINT_H_
#define MTCNN_APPS_EVAL_PRINT_H_

#include <span>
#include <string>
#include <vector>

#include "apps/eval_run.h"
#include "apps/table.h"
#include "datasets/dataset.h"
#include "eval/report.h"
#include "eval/report_text.h"

namespace mtcnn {

// "model released.safetensors (sha256 0123456789ab, architecture ...), minimum face 20, ..." or that nothing is
// known.
std::string settings_text(const EvalJson& settings);

// What one row of the output is made of.
struct RunReport {  // NOLINT(bugprone-exception-escape): moving JSON does not throw
  std::vector<std::vector<std::string>> rows;  // of the table, what stands behind the run's name
  EvalJson json;                  // the figures; the run's name, source and settings, and problems are added
  std::vector<Problem> problems;  // of the run and of the truth
  std::vector<ReportPicture> pictures;
  // Why the run has no figures (rows and `json` have none then); empty: it has. A problem, too.
  std::string unmeasured{};
};

struct Comparison {
  std::string command;  // the sub-command, and what its results are called in a report
  std::string set;      // what was evaluated on, in a few words; --set overrules it
  std::string heading;  // above the table
  std::vector<Column> columns;
  std::vector<std::string> notes;  // below the table
};

// Prints reports[i] of runs[i]. If none has figures: only why not, on stderr, and the exit status is that of
// wrong usage. Else, on stdout, with --json, the run's object, or {"runs": [...]} if there
// are several; else the heading, the table, the settings of each run, and the notes. Problems go to
// stderr, each once and at most 20 of them, with the number of the rest. Writes --report. Returns the
// exit status: 0, or 1 if there is any problem.
int print_runs(const Comparison& comparison, const RunFlags& flags, const std::vector<Run>& runs,
               std::vector<RunReport> reports);

// Worst misses and worst false positives at this overlap, if there is to be a report and the images
// are at hand; pictures that can't be read are reported.
std::vector<ReportPicture> pictures_of(const Run& run, const RunFlags& flags,
                                       std::span<const LabelledImage> images, float overlap,
                                       std::vector<Problem>& problems);

// Loads photographs of the set from --images.
LoadImage set_loader(const RunFlags& flags);

// "12.3 %" of a share; kNoFigure of what is not a number.
std::string percent(double share, int digits = 2);

// A rate or an average precision, four digits.
std::string figure(double value);

}  // namespace mtcnn

#endif  // MTCNN_APPS_EVAL_PRINT_H_
