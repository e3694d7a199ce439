// Going on with the JSON Lines file of a run that was interrupted.
#ifndef MTCNN_APPS_RESUME_H_
#define MTCNN_APPS_RESUME_H_

#include <string>
#include <unordered_map>

#include "mtcnn/result.h"

namespace mtcnn {

// What an earlier run finished: path (as json_path() gives it) -> how many times it was an input.
class DoneInputs {
 public:
  void add(const std::string& path) { ++count_[path]; }

  // Whether the earlier run did this input; each of its lines answers for one input only.
  bool take(const std::string& path);

 private:
  std::unordered_map<std::string, int> count_;
};

// What the file at `path` says is done, without touching it. Errors: those of prepare_resume().
Result<DoneInputs> read_resume(const std::string& path);

// Makes the file at `path` ready for more lines at its end: keeps the complete lines of images that
// were done, drops a last line that is torn or of zeros, empty lines, and the lines of inputs that failed, so that
// they are tried again and every input has one line in the end. A file that needs no change stays
// as it is; otherwise it is replaced as a whole. No file at all is the same as an empty one.
// Errors: kIo; kFormat, without touching the file, if it holds anything but lines of
// `mtcnn detect --json`.
Result<DoneInputs> prepare_resume(const std::string& path);

}  // namespace mtcnn

#endif  // MTCNN_APPS_RESUME_H_
