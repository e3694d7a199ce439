// Files of labels, in the formats that face data comes in, read into one type.
//
// The same for every reader: a line or an entry that can't be used (numbers missing, not finite or
// beyond +-1,000,000, boxes without area, ...) is left out and reported in Dataset::problems with
// file and line, and counted in Dataset::left_out; everything else is read. Windows line ends, a
// UTF-8 byte order mark, tabs and spaces in file names do no harm. Coordinates become pixel edges of
// the upright image (mtcnn/types.h): each format's file says how. Where a format's numbers are
// indices of pixels, their middles lie half a pixel further.
#ifndef MTCNN_DATASETS_LABELS_H_
#define MTCNN_DATASETS_LABELS_H_

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/dataset.h"
#include "mtcnn/result.h"

namespace mtcnn {

struct LabelOptions {
  // voc, coco, yolo: the names (yolo: the numbers) of the classes that are faces. Empty: all are.
  std::vector<std::string> classes;
  // yolo, 300w: the folder of the images, which these formats don't name. Empty: for yolo the
  // folder `images` that stands beside `labels`, if it is so called and there; else, and for 300w,
  // the labels' own folder.
  std::string images;
  // yolo, whose labels are fractions of the image's size, for images that can't be decoded because they are not
  // at hand: the sizes, upright, of the images of these names, in their order; nothing for one that is not known.
  // Called once at most, with all names of the set (the label files' paths below their folder, without the ending),
  // as who knows sizes may know the images by longer paths. Empty: no other size is known.
  std::function<std::vector<std::optional<Size>>(const std::vector<std::string>& names)> known_sizes;
  // Any format: added to x and y of all points, for sets whose labels lie beside the truth.
  float point_shift = 0;
};

struct LabelFormat {
  std::string_view name;   // for the command line
  std::string_view input;  // what `path` is, in a few words
  // Called by read_labels(). Errors: kIo, kLimit or kFormat if nothing of `path` can be used.
  Result<Dataset> (*read)(const std::string& path, const LabelOptions& options);
  // Sets in this format label one face of a photograph, whoever else is in it.
  bool one_face = false;
};

// All formats, by name:
//   wider          WIDER FACE's bbx_gt.txt
//   cnn_facepoint  path, box and five points on a line
//   celeba         list_bbox_celeba.txt or list_landmarks_celeba.txt; join() makes one of the two
//   aflw           MTFL's lists, which hold the five-point AFLW test set
//   300w           a .pts file or a folder of them
//   voc            a Pascal VOC .xml file or a folder of them
//   coco           a COCO .json file
//   yolo           a YOLO .txt file or a folder of them
//   retinaface     RetinaFace's label.txt: WIDER FACE with five points
//   background     a folder of images without faces
std::span<const LabelFormat> label_formats();

// Reads `path` with the format of that name, and shifts the points. Errors: kInvalidArgument for an
// unknown name, listing the known ones; those of the reader.
Result<Dataset> read_labels(std::string_view format, const std::string& path,
                            const LabelOptions& options = {});

// The images and boxes of `boxes` with the points of `points`: for sets that keep the two in
// separate lists. An image's place is then that of its points. Points go to that box of the same
// path, not ignored, that holds most of them: at least three, and among equals the one whose middle
// is nearest to theirs; one set of points a box. Points that find no box become an ignored face where box_around()
// has it. Boxes of `points` are not used. Problems are those of both, and points that find no box or no image.
Dataset join(Dataset boxes, const Dataset& points);

// Where WIDER FACE's annotators would draw the box (forehead to chin) of an upright face with these
// points, for formats that have points alone: good to a tenth of its size, so it tells faces apart
// and gives their scale, but is no label to train boxes on.
Box box_around(const Landmarks& points);

}  // namespace mtcnn

#endif  // MTCNN_DATASETS_LABELS_H_
