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

// What an earlier run left.
struct Resumable {
  DoneInputs done;
  bool others = false;  // whether the file holds more than lines of inputs that are done
};

// Reads the JSON Lines file at `path`, without touching it. No file at all is the same as an empty one.
// Errors: kIo; kFormat if it holds anything but lines of `mtcnn detect --json`, of which the last may be torn, zeros and
// empty lines.
Result<Resumable> read_resume(const std::string& path);

// Drops what else the file holds: a last line that is torn, zeros behind it, empty lines, and the lines of inputs that
// failed, so that they are tried again and every input has one line in the end. The file is replaced as a whole. Errors: those of read_resume().
Status drop_others(const std::string& path);

}  // namespace mtcnn

#endif  // MTCNN_APPS_RESUME_H_
