// The photographs that are learned from: all sets in one list, and their pixels.
#ifndef MTCNN_TRAIN_PHOTOGRAPHS_H_
#define MTCNN_TRAIN_PHOTOGRAPHS_H_

#include <cstddef>
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
};

struct Photographs {
  std::vector<SetConfig> sets;
  std::vector<Photograph> list;   // by set, in the order of the labels
  std::vector<Problem> problems;  // labels that could not be used
};

// Reads the labels of all sets. Faces smaller than `min_face` (shorter side, pixels) become ignored. Errors: those
// of read_labels(); kFormat for a set without images.
Result<Photographs> read_photographs(std::span<const SetConfig> sets, double min_face);

// The box with its edges moved by these shares of its width and height.
Box moved(const Box& box, const std::array<double, 4>& moves);

// Decoded images, the latest used in memory. Any number of threads.
class ImageCache {
 public:
  explicit ImageCache(std::size_t bytes) : limit_(bytes) {}

  // The pixels of the file, decoded if they are not there. Errors: those of load_image(), each file's once
  // and for all: a file that could not be read is not tried again.
  Result<std::shared_ptr<const Image>> get(const std::string& file);

  // Files that could not be read, with why.
  std::vector<std::string> failures() const;
  std::size_t bytes() const;
  std::size_t decoded() const;  // how many files so far

 private:
  struct Entry {
    std::shared_ptr<const Image> image;
    std::list<std::string>::iterator used;
  };
  std::size_t limit_;
  mutable std::mutex mutex_;
  std::size_t bytes_ = 0, decoded_ = 0;
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<std::string, Error> failures_;
  std::list<std::string> order_;  // latest used first
};

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_PHOTOGRAPHS_H_
