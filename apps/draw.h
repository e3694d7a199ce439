// Pictures with the faces marked.
#ifndef MTCNN_APPS_DRAW_H_
#define MTCNN_APPS_DRAW_H_

#include <span>
#include <string>

#include "codecs/image_io.h"
#include "mtcnn/detector.h"
#include "mtcnn/result.h"
#include "mtcnn/types.h"

namespace mtcnn {

// A copy of `image` with each face's box, its score above it and its five points. Lines are as wide
// as the picture's size asks for, thinner on small faces, so that the face stays visible.
// Errors: kLimit for a side above 32767 pixels (Cairo's largest), kOutOfMemory.
Result<Image> draw_faces(const Image& image, std::span<const Face> faces);

// A copy of `image` with the boxes of one stage, stronger for a higher score, and `caption` in the
// top left corner. Errors as above.
Result<Image> draw_candidates(const Image& image, std::span<const Candidate> candidates,
                              const std::string& caption);

// The same for the last stage: faces and a caption.
Result<Image> draw_faces(const Image& image, std::span<const Face> faces, const std::string& caption);

// draw_faces() with other words above the boxes than the scores. Requires one label a face.
Result<Image> draw_faces(const Image& image, std::span<const Face> faces,
                         std::span<const std::string> labels);

}  // namespace mtcnn

#endif  // MTCNN_APPS_DRAW_H_
