// What happens to a crop between the photograph and the net, so that the net meets more kinds of
// pictures than there are photographs.
#ifndef MTCNN_TRAIN_AUGMENT_H_
#define MTCNN_TRAIN_AUGMENT_H_

#include <cstdint>
#include <vector>

#include "codecs/image_io.h"
#include "image/patch.h"
#include "kernels/kernels.h"
#include "mtcnn/types.h"
#include "train/config.h"
#include "train/random.h"

namespace mtcnn {

struct AugmentScratch {
  Image picture, around;
  std::vector<float> floats;
  std::vector<std::uint8_t> buffer;
};

// What is drawn before the crop is cut.
struct View {
  double radians = 0;  // the scene is turned by this, clockwise on the screen, around `pivot`
  Point pivot;         // pixels of the photograph
  bool flip = false;
  double resolution = 0;  // pixels on a side through which the crop goes; 0: as many as there are
  double blur = 0;        // standard deviation, in pixels of the net's input
  int jpeg = 0;           // quality; 0: none
};

// Without the pivot. Negatives are turned as well as faces: a turned crop is a little softer, and a net would
// learn that soft crops are faces.
View draw_view(const AugmentConfig& config, int side, Random& random);

// Where a point of the photograph comes to lie when the scene is turned.
Point turned(const View& view, Point point);

// Cuts `window` of the turned scene and writes side x side x 3 floats as read_patch() does, not
// mirrored. A view that changes nothing gives read_patch()'s own bytes. Requires a patchable window.
void cut_view(const ImageView& photograph, const Box& window, const View& view, int side, float mean,
              float scale, const Kernels& kernels, PatchScratch& patch, AugmentScratch& scratch,
              float* pixels);

// Colours, noise and occlusion, then the mirror if `flip`, on side x side x 3 floats.
void change_pixels(const AugmentConfig& config, bool flip, int side, float mean, float scale, Random& random,
                   float* pixels);

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_AUGMENT_H_
