// Labelled photographs: the one type that every label format is read into (labels.h), for the
// evaluation and the trainer alike.
#ifndef MTCNN_DATASETS_DATASET_H_
#define MTCNN_DATASETS_DATASET_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "mtcnn/types.h"

namespace mtcnn {

// A face as somebody labelled it. Coordinates as everywhere (mtcnn/types.h): pixel edges of the
// upright image; each reader says how its format's numbers become that.
struct LabelledFace {
  Box box{};  // positive width and height
  // Neither face nor background: what lies here must count neither as found nor as false.
  bool ignore = false;
  std::optional<Landmarks> landmarks = std::nullopt;  // all five, or none
  // The format has points alone: the box is made of them, nobody drew it.
  bool guessed_box = false;
  // WIDER FACE's grades; 0 where a format has none.
  int blur = 0;          // 0 clear, 1 normal, 2 heavy
  int expression = 0;    // 0 typical, 1 exaggerated
  int illumination = 0;  // 0 normal, 1 extreme
  int occlusion = 0;     // 0 none, 1 partial, 2 heavy
  int pose = 0;          // 0 typical, 1 atypical
  int line = 0;          // of LabelledImage::file, from 1; 0: not known
};

struct LabelledImage {
  std::string path;  // as listed, relative to the set's folder of images
  std::vector<LabelledFace> faces;
  // Where it is listed first; empty and 0: not known.
  std::string file{};
  int line = 0;
  // Labels of it were left out: it has faces whose place is not known.
  bool incomplete = false;
};

// Something in an input file that could not be used and was left out.
struct Problem {
  std::string file;
  int line = 0;      // from 1; 0: the file as a whole
  std::string what;  // what was wrong and what was expected

  // "FILE:LINE: WHAT", or "FILE: WHAT".
  std::string text() const {
    std::string result = file;
    if (line > 0) result.append(":").append(std::to_string(line));
    return result.append(": ").append(what);
  }
};

struct Dataset {
  std::vector<LabelledImage> images;  // as listed, every path once
  std::vector<Problem> problems;
  // Labels that could not be used: faces, or a whole file or block where it is not known how many it has.
  std::size_t left_out = 0;
};

}  // namespace mtcnn

#endif  // MTCNN_DATASETS_DATASET_H_
