// What the readers share. Of this folder only; everybody else uses labels.h.
//
// A new reader is one file that defines a LabelFormat, and a line in MTCNN_LABEL_FORMATS.
#ifndef MTCNN_DATASETS_READER_H_
#define MTCNN_DATASETS_READER_H_

#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "datasets/labels.h"

namespace mtcnn {

// All formats, in the order in which help lists them.
// clang-format off
#define MTCNN_LABEL_FORMATS(X) \
  X(kWiderText)                \
  X(kCnnFacePoint)             \
  X(kCelebA)                   \
  X(kAflw)                     \
  X(kW300)                     \
  X(kVocXml)                   \
  X(kCocoJson)                 \
  X(kYolo)                     \
  X(kRetinaFace)               \
  X(kBackground)
// clang-format on

#define MTCNN_DECLARE_FORMAT(name) extern const LabelFormat name;
MTCNN_LABEL_FORMATS(MTCNN_DECLARE_FORMAT)
#undef MTCNN_DECLARE_FORMAT

inline constexpr std::size_t kMaxLabelBytes = std::size_t{1} << 30;

// A whole text file without its byte order mark. Errors: those of read_file(); kFormat if there are
// zero bytes in it, as in pictures and in UTF-16.
Result<std::string> read_text(const std::string& path);

struct Line {
  int number = 0;         // from 1
  std::string_view text;  // without white space at the ends
  bool empty() const { return text.empty(); }
};
// The lines of `text`, which they refer to.
std::vector<Line> split_lines(std::string_view text);

// The parts between white space.
std::vector<std::string_view> split_words(std::string_view text);

// The number that `word` is as a whole, which may be NaN or infinite.
std::optional<double> parse_number(std::string_view word);

// The numbers of a line of nothing but numbers; empty if anything else is on it.
std::optional<std::vector<double>> parse_numbers(std::string_view text);

// "PATH NUMBER ...": the path ends where nothing but numbers follow.
struct PathAndNumbers {
  std::string path;  // may hold spaces; backslashes turned to slashes
  std::vector<double> numbers;
};
PathAndNumbers split_path_and_numbers(std::string_view text);

// What is wrong with these numbers as coordinates, or nothing: not finite, or absurdly large.
std::optional<std::string> complaint_about(std::span<const double> coordinates);
// What is wrong with the box, or nothing: no area.
std::optional<std::string> complaint_about(const Box& box);

// Half-open edges of an x y w h box; kept in double until then, so that right = x + w exactly
// rounded.
Box box_from_size(double x, double y, double width, double height);

// The five points of x1 y1 x2 y2 ..., each moved by `shift`. Requires 10 numbers.
Landmarks landmarks_from_pairs(std::span<const double> numbers, double shift = 0);

// A number as it would be written in the file.
std::string show(double number);
// A part of the file, shortened, in quotes.
std::string in_quotes(std::string_view text);

// A file's error as a problem: without the name that stands before it in the message.
Problem problem_of(const std::string& file, const Error& error);

// Fills a Dataset, image by image or face by face.
class DatasetBuilder {
 public:
  explicit DatasetBuilder(std::string file) : file_(std::move(file)) {}

  // The image of this path, which is added if it is new, with `line` as its place in the file that is being
  // read. The reference holds until the next call.
  LabelledImage& image(const std::string& path, int line);
  bool has(const std::string& path) const { return index_.count(path) != 0; }

  // `line` 0: the file as a whole.
  void problem(int line, std::string what);
  // The same of a label that is left out for it. `path`: of the image that it belongs to, if that is known.
  void left_out(int line, std::string what, const std::string& path = {});
  // Labels that are left out for a problem that was told before.
  std::size_t left_out_so_far() const { return dataset_.left_out; }
  void count_left_out(std::size_t labels) { dataset_.left_out += labels; }
  // One of many files that can't be used: its error, without the name that stands before it.
  void file_left_out(const Error& error);
  // For formats of many files: which one is being read.
  void set_file(std::string file) { file_ = std::move(file); }

  // The image of this path, whether it is listed already or not, has labels that were left out.
  void incomplete(const std::string& path) { incomplete_.insert(path); }

  Dataset take();

 private:
  std::string file_;
  Dataset dataset_;
  std::unordered_map<std::string, std::size_t> index_;
  std::set<std::string> incomplete_;  // paths
};

// LabelOptions::classes, and which of them occur.
class Classes {
 public:
  explicit Classes(std::span<const std::string> wanted) : wanted_(wanted.begin(), wanted.end()) {}

  // Whether labels of this class are faces.
  bool wants(const std::string& name);
  // A problem for each class that wants() was never asked for.
  void report_absent(DatasetBuilder& builder) const;

 private:
  std::set<std::string> wanted_, seen_;
};

// The files that `path` stands for: itself, or, if it is a folder, all files in it and below whose
// names end in `extension` (with the dot, lower case; upper case is found too), sorted.
struct LabelFile {
  std::string path;      // to open
  std::string relative;  // below the folder, or its own name
};
// Errors: kIo for a folder that can't be read or has no such file, or a path that is not there.
Result<std::vector<LabelFile>> list_label_files(const std::string& path, std::string_view extension);

// A label file's relative path without its ending, which is what its image is called.
std::string without_ending(const std::string& label_relative);

// The image in folder `images` that has the name of the label file but for its ending: its path
// below `images`, or nothing.
std::optional<std::string> find_image(const std::string& images, const std::string& label_relative);

}  // namespace mtcnn

#endif  // MTCNN_DATASETS_READER_H_
