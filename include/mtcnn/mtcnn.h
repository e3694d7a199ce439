// mtcnn: finds the faces in an image, gives each a box, a score and five points, and cuts the
// aligned crop.
//
//   #include <mtcnn/mtcnn.h>
//
//   auto model = mtcnn::Model::load("mtcnn.safetensors");     // or Model::builtin()
//   if (!model) return fail(model.error().message);
//   auto detector = mtcnn::Detector::create(*model, {.min_face = 40});
//   if (!detector) return fail(detector.error().message);
//
//   mtcnn::ImageView image{pixels, width, height, 3 * width, mtcnn::PixelFormat::kRgb8};
//   auto faces = detector->detect(image);
//   if (!faces) return fail(faces.error().message);
//   for (const mtcnn::Face& face : *faces) {
//     auto crop = mtcnn::align(image, face.landmarks);         // 112 x 112, upright
//     ...
//   }
//
// examples/detect.cc is this program, whole. Coordinates are explained once, in mtcnn/types.h.
// Nothing here prints, exits or keeps state between calls, and what can fail returns a Result: only
// std::bad_alloc may come out of the few functions that do not.
#ifndef MTCNN_MTCNN_H_
#define MTCNN_MTCNN_H_

#include "mtcnn/align.h"
#include "mtcnn/detector.h"
#include "mtcnn/export.h"
#include "mtcnn/model.h"
#include "mtcnn/result.h"
#include "mtcnn/tracker.h"
#include "mtcnn/types.h"
#include "mtcnn/version.h"

#endif  // MTCNN_MTCNN_H_
