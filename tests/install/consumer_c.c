/* A user's program in C: consumer_c [MODEL]. It shows that the C header compiles as C and that its
 * functions are there to be linked; whether the answers are right is tested elsewhere. */
#include <mtcnn/mtcnn_c.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { kSide = 200, kCrop = 112 };

static int failures = 0;

static void expect(int fine, const char* what) {
  if (fine) return;
  fprintf(stderr, "consumer_c: %s\n", what);
  ++failures;
}

static void use_model(const mtcnn_model* model, const mtcnn_image* image) {
  mtcnn_error error;
  mtcnn_options options;
  mtcnn_detector* detector = NULL;
  mtcnn_workspace* workspace = NULL;
  const mtcnn_face* faces = NULL;
  size_t count = 1;
  float thresholds[3] = {-1, -1, -1};

  expect(mtcnn_model_thresholds(model, thresholds, &error) == MTCNN_OK && thresholds[2] >= 0,
         "no thresholds");
  mtcnn_options_init(&options, sizeof options);
  options.min_face = 40;
  if (mtcnn_detector_create(model, &options, &detector, &error) ||
      mtcnn_workspace_create(&workspace, &error) ||
      mtcnn_detect(detector, image, workspace, &faces, &count, &error)) {
    expect(0, error.message);
  }
  expect(count == 0, "a grey image has faces");
  expect(mtcnn_workspace_bytes(workspace) > 0, "a used workspace holds nothing");
  mtcnn_workspace_free(workspace);
  mtcnn_detector_free(detector);
}

int main(int argc, char** argv) {
  static uint8_t pixels[3 * kSide * kSide];
  static uint8_t crop[3 * kCrop * kCrop];
  const mtcnn_image image = {pixels, kSide, kSide, 3 * kSide, MTCNN_RGB8};
  mtcnn_error error;
  mtcnn_model* model = NULL;
  mtcnn_point points[5];
  int status;

  memset(pixels, 128, sizeof pixels);
  expect(strcmp(mtcnn_instruction_set(0), "scalar") == 0, "no scalar instruction set");
  expect(mtcnn_model_load("no such file", &model, &error) == MTCNN_IO, "a missing model is not MTCNN_IO");
  expect(strstr(error.message, "no such file") != NULL, "the message does not name the missing file");

  expect(mtcnn_alignment_template(NULL, points, &error) == MTCNN_OK, "no alignment template");
  expect(
      mtcnn_align(&image, points, NULL, crop, sizeof crop, NULL, NULL, &error) == MTCNN_OK && crop[0] == 128,
      "mtcnn_align() is wrong");

  status = mtcnn_model_builtin(&model, &error);
  expect(status == MTCNN_OK || status == MTCNN_UNSUPPORTED,
         "the built-in model is neither there nor unsupported");
  if (status == MTCNN_OK) use_model(model, &image);
  mtcnn_model_free(model);
  if (argc > 1) {
    model = NULL;
    if (mtcnn_model_load(argv[1], &model, &error) == MTCNN_OK) {
      use_model(model, &image);
    } else {
      expect(0, error.message);
    }
    mtcnn_model_free(model);
  }
  if (failures == 0) printf("consumer_c: fine (mtcnn %s)\n", mtcnn_version());
  return failures != 0;
}
