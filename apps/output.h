// Where a command's lines go: a file or standard output.
#ifndef MTCNN_APPS_OUTPUT_H_
#define MTCNN_APPS_OUTPUT_H_

#include <cstdio>
#include <memory>
#include <string>

#include "mtcnn/result.h"

namespace mtcnn {

class Output {
 public:
  enum class Written { kYes, kReaderGone, kFailed };

  // Empty path: standard output. Errors: kIo, naming the file.
  Status open(const std::string& path, bool append);

  // Whole at once, so that an interruption tears at most the last line. Says on stderr what failed; not that a reader
  // has gone away.
  Written write(const std::string& text);

  bool is_terminal() const;

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string name_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace mtcnn

#endif  // MTCNN_APPS_OUTPUT_H_
