/* What the test of the C face needs and C can't do: a model without a file, and the C++ answers. */
#ifndef MTCNN_API_C_API_TEST_HELPER_H_
#define MTCNN_API_C_API_TEST_HELPER_H_

#include <stddef.h>

#include "mtcnn/mtcnn_c.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A model file with random weights and the thresholds .25, .5 and .75. Lives as long as the
 * program. */
const void* random_model(size_t* size);

/* What mtcnn::Detector finds with that model, all thresholds at 0 and at most 50 boxes a stage;
 * with the image resized, if `resize` is not 0, to that many pixels either way. Copies at most
 * `room` faces; returns how many there are. */
size_t detect_in_cpp(const mtcnn_image* image, int resize, mtcnn_face* faces, size_t room);

/* What mtcnn::align() cuts, 160 x 160 with a margin of .25 and a red fill, to 3 * 160 * 160 bytes.
 * Returns 0 on failure. */
int align_in_cpp(const mtcnn_image* image, const mtcnn_point landmarks[5], uint8_t* rgb);

#ifdef __cplusplus
}
#endif

#endif /* MTCNN_API_C_API_TEST_HELPER_H_ */
