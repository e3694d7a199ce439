// From what stands on the command line to one image file after the other.
#ifndef MTCNN_APPS_INPUTS_H_
#define MTCNN_APPS_INPUTS_H_

#include <sys/types.h>

#include <cstddef>
#include <deque>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace mtcnn {

struct Input {
  std::string path;      // as it is opened and reported
  std::string relative;  // below the folder that was named; of a file that was named, its own name
  std::string error;     // not empty: there is nothing to open, and why
};

struct InputOptions {
  // Each a file, a folder, a pattern (*, ?, [...]; only looked at when no file of that very name
  // exists), or "-" for a list on standard input, one path a line.
  std::vector<std::string> arguments{};
  bool null_separated = false;          // the list's paths end with a NUL byte instead of a line break
  std::vector<std::string> excluded{};  // folders that are not searched: where our own output goes
  std::istream* list = nullptr;         // what "-" reads; required if it is among the arguments
};

// Gives the inputs one at a time, so that neither a large folder tree nor a list that is still
// being written has to fit into memory: it holds one folder's names at each depth.
//
// Folders are searched to any depth for files with one of image_extensions() (upper or lower case),
// in the order of their whole paths' bytes. Links to files count; links to folders are followed
// only when they are named themselves, so a loop of links does no harm. What is named twice comes
// twice.
class InputSource {
 public:
  explicit InputSource(InputOptions options);

  // The next input; empty at the end. A path that does not exist, a pattern that nothing matches
  // and a folder that can't be read come as inputs with an error.
  std::optional<Input> next();

 private:
  struct Entry {
    std::string name;  // folders end with a slash: then names sort as whole paths do
    bool is_folder;
  };
  struct Folder {
    std::string path;      // ends with a slash
    std::string relative;  // empty or ends with a slash
    std::vector<Entry> entries;
    std::size_t at = 0;
  };

  // Takes up one path: returns it if it is a file, opens it if it is a folder.
  std::optional<Input> visit(const std::string& path, bool may_be_pattern);
  std::optional<Input> open_folder(const std::string& path, const std::string& relative);
  bool is_excluded(const std::string& path) const;

  InputOptions options_;
  std::vector<std::pair<dev_t, ino_t>> excluded_;
  std::size_t argument_ = 0;
  bool in_list_ = false;             // reading paths from options_.list
  std::deque<std::string> matches_;  // of a pattern, not yet visited
  std::vector<Folder> folders_;      // open ones, outermost first
};

// Whether `path` names a file or folder in `folder` or below it, links resolved. False if either
// does not exist.
bool lies_in(const std::string& path, const std::string& folder);

// Whether both exist and are the same file.
bool same_file(const std::string& a, const std::string& b);

// Endings of the pictures of what each stage found, behind a stem.
inline constexpr std::string_view kStageEndings[] = {".1-pnet-proposals", ".2-pnet", ".3-rnet", ".4-onet"};

// File names for what is written about each input: `relative` without its ending, "photos/a.jpg" ->
// "photos/a". A stem that was given out already gets "-2", "-3" ... at its end, so that inputs of
// the same name do not overwrite each other's pictures; so does one that another's "_face1" or stages' pictures
// would meet. The same inputs in the same order give the
// same stems. Remembers every stem: memory grows with the number of inputs.
class OutputStems {
 public:
  std::string next(const std::string& relative);

 private:
  bool is_free(const std::string& stem) const;
  void use(const std::string& stem);

  std::unordered_map<std::string, int> used_;   // and the last number tried for it
  std::unordered_set<std::string> beginnings_;  // of used stems that look like a picture of another stem's
};

}  // namespace mtcnn

#endif  // MTCNN_APPS_INPUTS_H_
