// What a detector found, in the text layouts of the benchmarks, so that our figures can be made
// from anybody's detections and the official tools can check ours.
//
// The same for every reader here: a row that can't be used (a number missing, too many columns, not
// finite; of ellipses, a negative radius or a coordinate beyond +-1,000,000) is left out and reported
// with file and line; everything else is read. Rectangles of negative size, or that reach beyond
// +-1,000,000 and are cut there, are reported but count, as they do in the official tools: as false.
// Numbers stay double, as in those.
#ifndef MTCNN_EVAL_DETECTIONS_H_
#define MTCNN_EVAL_DETECTIONS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "datasets/dataset.h"
#include "mtcnn/result.h"
#include "mtcnn/types.h"

namespace mtcnn {

// Left and top edge and size, as the files have it: [x, x + width) by [y, y + height).
struct Rectangle {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

// FDDB's: radii in pixels, the angle of the major axis against the x axis in radians (y grows
// downward, so a positive angle turns clockwise on the screen), and the centre.
struct Ellipse {
  double major = 0;
  double minor = 0;
  double angle = 0;
  double x = 0;
  double y = 0;
};

struct Detection {
  Rectangle box;  // of an ellipse: the upright box around it
  double score = 0;
  std::optional<Ellipse> ellipse = std::nullopt;  // if the detector gives ellipses
};

// A face that detect() found.
Detection to_detection(const Face& face);

struct DetectedImage {
  std::string name;  // as the benchmark names it, without the picture's ending: image_name()
  std::vector<Detection> detections{};
  std::string file{};  // where it was read from; empty if it was not
  int line = 0;
};

struct DetectionSet {
  std::vector<DetectedImage> images;  // every name once, in the order of the files
  std::vector<Problem> problems;
  std::int64_t left_out = 0;  // rows that could not be used
  // Images without an entry of which a problem says why, so that it need not be said again.
  std::unordered_set<std::string> failed;
};

// The name by which truth and detections are compared: slashes for backslashes, and without the ending
// of a picture, if it has one (image_extensions()).
std::string image_name(std::string_view path);

// That a run of this name (empty: it has none) has no entry for an image; `file` and `line` are where the truth
// lists it.
Problem missing_image(const std::string& file, int line, const std::string& image, const std::string& run);

// WIDER FACE's layout: FOLDER/EVENT/NAME.txt holds NAME, the number of detections, and a row
// `x y w h score` for each. The image is EVENT/NAME, from the file's path; a first line that says
// otherwise and a wrong number are reported, and the rows are used.
// Errors: kIo if the folder can't be read or has no .txt file. A file that can't be read is a
// problem, and its image among DetectionSet::failed.
Result<DetectionSet> read_wider_detections(const std::string& folder);

// FDDB's layout: for each image its name, the number of detections, and a row for each: `x y w h
// score` for a rectangle, `major minor angle x y score` for an ellipse. `path` is a file or a
// folder of which all .txt files are read, in order of name (official: fold-XX-out.txt). Errors:
// those of reading the file; kIo for a folder that can't be read or has no .txt file.
Result<DetectionSet> read_fddb_detections(const std::string& path);

// Writes FOLDER/EVENT/NAME.txt in WIDER FACE's layout, best score first, and makes the folders.
// Numbers are written so that reading them gives the same. The old file stays until the new one is
// whole. Errors: kInvalidArgument for a name that would lead out of the folder; kIo.
Status write_wider_detections(const std::string& folder, const DetectedImage& image);

// Writes one file in FDDB's layout, in the order given; ellipses as ellipses. Errors: kIo.
Status write_fddb_detections(const std::string& path, std::span<const DetectedImage> images);

// An image of a list.
struct ListedImage {
  std::string name;  // by image_name()
  std::string file{};
  int line = 0;
};

// A list of images: every line's text up to a tab or to the numbers that end it, if any; lines that are empty or start
// with # are skipped. Errors: those of reading the file; kFormat for an empty list.
Result<std::vector<ListedImage>> read_image_list(const std::string& path);

// Internal to eval/: files made of blocks, each a name, the number of rows, and the rows.
struct BlockRow {
  int line = 0;
  std::vector<double> numbers;  // all finite
};
struct Block {
  std::string name;  // by image_name()
  int line = 0;
  std::vector<BlockRow> rows;
};
struct Blocks {
  std::vector<Block> blocks;
  std::vector<Problem> problems;
  std::int64_t left_out = 0;
};
// `columns`: the numbers of columns that a row may have. A wrong number of rows is reported and
// reading goes on at the next name. Errors: those of reading the file; kFormat if there is no
// block.
Result<Blocks> read_blocks(const std::string& path, std::span<const std::size_t> columns);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_DETECTIONS_H_
