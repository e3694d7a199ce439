// Internal to report.cc: the page itself.
#ifndef MTCNN_EVAL_REPORT_PAGE_H_
#define MTCNN_EVAL_REPORT_PAGE_H_

#include <string>

#include "eval/report.h"
#include "mtcnn/result.h"

namespace mtcnn {

// The report as HTML. Requires UTF-8 everywhere. Errors: kFormat for results that are not as report.h
// says, naming run and result.
Result<std::string> report_page(const Report& report);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_REPORT_PAGE_H_
