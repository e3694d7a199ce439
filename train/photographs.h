// The photographs that are learned from: all sets in one list, and their pixels.
#ifndef MTCNN_TRAIN_PHOTOGRAPHS_H_
#define MTCNN_TRAIN_PHOTOGRAPHS_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "codecs/image_io.h"
#include "datasets/dataset.h"
#include "mtcnn/result.h"
#include "train/config.h"

namespace mtcnn {

struct Photograph {
  std::string file;                 // to open
  int set = 0;                      // index of its set
  std::vector<LabelledFace> faces;  // those to learn; boxes as the set's box_moves correct them
  std::vector<Box> ignored;         // neither face nor background
  bool incomplete = false;          // faces without a label may be anywhere in it: nothing is background
};

struct Photographs {
  std::vector<SetConfig> sets;
  std::vector<Photograph> list;   // by set, in the order of the labels
  std::vector<Problem> problems;  // labels that could not be used
  // A line for each set some of whose images are not there: how many, and the first of them. They are not in the list.
  std::vector<std::string> missing;
};

// Reads the labels of all sets. Faces smaller than `min_face` (shorter side, pixels) become ignored. Errors: those
// of read_labels(); kFormat for a set without images; kIo for one of whose images none is there.
Result<Photographs> read_photographs(std::span<const SetConfig> sets, double min_face);

// Of all that the list holds: files, sets, boxes, points. Other photographs or labels have another one.
std::uint64_t fingerprint(const Photographs& photographs);

// The box with its edges moved by these shares of its width and height.
Box moved(const Box& box, const std::array<double, 4>& moves);

// The pixels of a photograph, shrunk if it is a large one. Labels and windows are in pixels of the photograph
// itself, the upright `size`.
struct Pixels {
  Image image;
  Size size;
  // What coordinates of the photograph are multiplied by to give those of `image`: 1 or less.
  double scale = 1;
};

// A box in pixels of one size in those of another.
inline Box scaled(const Box& box, double scale) {
  const auto by = [scale](float x) { return static_cast<float>(x * scale); };
  return {by(box.left), by(box.top), by(box.right), by(box.bottom)};
}

inline Point scaled(const Point& point, double scale) {
  return {static_cast<float>(point.x * scale), static_cast<float>(point.y * scale)};
}

// Decoded photographs, the latest used in memory. Any number of threads.
class ImageCache {
 public:
  // Keeps so many bytes of pixels. `max_side`: photographs with a longer side are shrunk to it; 0: none is.
  explicit ImageCache(std::size_t bytes, int max_side = 0) : limit_(bytes), max_side_(max_side) {}

  // The pixels of the file, decoded if they are not there. Errors: those of load_image(), each file's once
  // and for all: a file that could not be read is not tried again.
  Result<std::shared_ptr<const Pixels>> get(const std::string& file);

  // Files that could not be read, with why.
  std::vector<std::string> failures() const;
  std::size_t bytes() const;
  std::size_t decoded() const;  // how many files so far

 private:
  struct Entry {
    std::shared_ptr<const Pixels> pixels;
    std::list<std::string>::iterator used;
  };
  std::size_t limit_;
  int max_side_;
  mutable std::mutex mutex_;
  std::size_t bytes_ = 0, decoded_ = 0;
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<std::string, Error> failures_;
  std::list<std::string> order_;  // latest used first
};

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_PHOTOGRAPHS_H_
