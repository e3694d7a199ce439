/* The C face from C99: that the header compiles as such, that its answers are the C++ ones, and
 * that every misuse is an error with a message. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/c_api_test_helper.h"
#include "mtcnn/mtcnn_c.h"

static int failures = 0;

#define CHECK(condition)                                                     \
  do {                                                                       \
    if (!(condition)) {                                                      \
      ++failures;                                                            \
      fprintf(stderr, "%s:%d: CHECK(%s)\n", __FILE__, __LINE__, #condition); \
    }                                                                        \
  } while (0)

/* The call fails with this status, says so in the error too, and names `word`. */
#define CHECK_ERROR(call, status, word)                                                                  \
  do {                                                                                                   \
    mtcnn_error error;                                                                                   \
    int returned;                                                                                        \
    memset(&error, 'x', sizeof error);                                                                   \
    returned = (call);                                                                                   \
    CHECK(returned == (status));                                                                         \
    CHECK(error.code == (status));                                                                       \
    CHECK(memchr(error.message, 0, sizeof error.message) != NULL);                                       \
    if (memchr(error.message, 0, sizeof error.message) != NULL && strstr(error.message, word) == NULL) { \
      ++failures;                                                                                        \
      fprintf(stderr, "%s:%d: \"%s\" does not say \"%s\"\n", __FILE__, __LINE__, error.message, word);   \
    }                                                                                                    \
  } while (0)

enum { kWidth = 90, kHeight = 70 };
static uint8_t pixels[kHeight][kWidth][3];

static mtcnn_image test_image(void) {
  mtcnn_image image = {NULL, kWidth, kHeight, 3 * kWidth, MTCNN_RGB8};
  unsigned state = 1;
  int x, y, c;
  for (y = 0; y < kHeight; ++y) {
    for (x = 0; x < kWidth; ++x) {
      for (c = 0; c < 3; ++c) {
        state = state * 1664525u + 1013904223u;
        pixels[y][x][c] = (uint8_t)(state >> 24);
      }
    }
  }
  image.data = &pixels[0][0][0];
  return image;
}

static void test_models(const char* path) {
  size_t size;
  const void* bytes = random_model(&size);
  mtcnn_model* model = NULL;
  mtcnn_model* loaded = NULL;
  mtcnn_error outcome;
  float thresholds[3] = {0, 0, 0};
  char* broken;
  char long_name[2001];
  size_t i;
  int builtin;

  memset(&outcome, 'x', sizeof outcome);
  CHECK(mtcnn_model_parse(bytes, size, NULL, &model, &outcome) == MTCNN_OK);
  CHECK(outcome.code == MTCNN_OK);
  CHECK(outcome.message[0] == 0);
  CHECK(model != NULL);
  CHECK(mtcnn_model_thresholds(model, thresholds, NULL) == MTCNN_OK);
  CHECK(thresholds[0] == .25f && thresholds[1] == .5f && thresholds[2] == .75f);

  CHECK(mtcnn_model_save(model, path, &outcome) == MTCNN_OK);
  CHECK(mtcnn_model_load(path, &loaded, &outcome) == MTCNN_OK);
  thresholds[2] = 0;
  CHECK(mtcnn_model_thresholds(loaded, thresholds, NULL) == MTCNN_OK);
  CHECK(thresholds[2] == .75f);
  mtcnn_model_free(loaded);
  remove(path);

  loaded = model;
  CHECK_ERROR(mtcnn_model_load(path, &loaded, &error), MTCNN_IO, path);
  CHECK(loaded == NULL);
  CHECK(mtcnn_model_load(path, &loaded, NULL) == MTCNN_IO);
  CHECK_ERROR(mtcnn_model_save(model, "/no such folder/model", &error), MTCNN_IO, "no such folder");

  CHECK_ERROR(mtcnn_model_parse("not a model", 11, "rubbish", &loaded, &error), MTCNN_FORMAT, "rubbish");
  CHECK_ERROR(mtcnn_model_parse(bytes, size / 2, NULL, &loaded, &error), MTCNN_FORMAT, "model");
  CHECK_ERROR(mtcnn_model_parse(bytes, 0, NULL, &loaded, &error), MTCNN_FORMAT, "model");
  broken = malloc(size);
  CHECK(broken != NULL);
  if (broken != NULL) {
    memcpy(broken, bytes, size);
    memset(broken + size - 4, 0xFF, 4); /* a NaN */
    CHECK_ERROR(mtcnn_model_parse(broken, size, NULL, &loaded, &error), MTCNN_FORMAT, "NaN");
    free(broken);
  }
  /* A message too long for the struct is cut between characters. The name is an 'a' and then
   * characters of two bytes: with the 'a' 511 bytes end with one, without it 510. */
  long_name[0] = 'a';
  for (i = 1; i + 2 < sizeof long_name; i += 2) memcpy(long_name + i, "\xC3\xA9", 2);
  long_name[i] = 0;
  CHECK(mtcnn_model_parse("rubbish", 7, long_name, &loaded, &outcome) == MTCNN_FORMAT);
  CHECK(strlen(outcome.message) == 511);
  CHECK(mtcnn_model_parse("rubbish", 7, long_name + 1, &loaded, &outcome) == MTCNN_FORMAT);
  CHECK(strlen(outcome.message) == 510);

  /* Whether there is a built-in model depends on the build. */
  builtin = mtcnn_model_builtin(&loaded, &outcome);
  CHECK(builtin == MTCNN_OK || builtin == MTCNN_UNSUPPORTED);
  CHECK((builtin == MTCNN_OK) == (loaded != NULL));
  CHECK((builtin == MTCNN_OK) == (outcome.message[0] == 0));
  mtcnn_model_free(loaded);

  CHECK_ERROR(mtcnn_model_load(NULL, &loaded, &error), MTCNN_INVALID_ARGUMENT, "path");
  CHECK_ERROR(mtcnn_model_load(path, NULL, &error), MTCNN_INVALID_ARGUMENT, "model");
  CHECK_ERROR(mtcnn_model_parse(NULL, 5, NULL, &loaded, &error), MTCNN_INVALID_ARGUMENT, "bytes");
  CHECK_ERROR(mtcnn_model_parse(bytes, size, NULL, NULL, &error), MTCNN_INVALID_ARGUMENT, "model");
  CHECK_ERROR(mtcnn_model_builtin(NULL, &error), MTCNN_INVALID_ARGUMENT, "model");
  CHECK_ERROR(mtcnn_model_save(NULL, path, &error), MTCNN_INVALID_ARGUMENT, "model");
  CHECK_ERROR(mtcnn_model_save(model, NULL, &error), MTCNN_INVALID_ARGUMENT, "path");
  CHECK_ERROR(mtcnn_model_thresholds(NULL, thresholds, &error), MTCNN_INVALID_ARGUMENT, "model");
  CHECK_ERROR(mtcnn_model_thresholds(model, NULL, &error), MTCNN_INVALID_ARGUMENT, "thresholds");
  mtcnn_model_free(model);
  mtcnn_model_free(NULL);
}

/* What a later version's struct might look like. */
typedef struct longer_options {
  mtcnn_options options;
  int new_option;
} longer_options;

static void test_options(void) {
  size_t size;
  const void* bytes = random_model(&size);
  mtcnn_model* model = NULL;
  mtcnn_detector* detector = NULL;
  mtcnn_options options;
  longer_options longer;
  unsigned char guard[sizeof(size_t) + 4];

  CHECK(mtcnn_model_parse(bytes, size, NULL, &model, NULL) == MTCNN_OK);
  memset(&options, 0x55, sizeof options);
  mtcnn_options_init(&options, sizeof options);
  CHECK(options.struct_size == sizeof options);
  CHECK(options.min_face == 20 && options.max_face == 0 && options.factor == .709);
  CHECK(options.thresholds[0] == -1 && options.thresholds[1] == -1 && options.thresholds[2] == -1);
  CHECK(options.nms_level == .5f && options.nms_pyramid == .7f);
  CHECK(options.nms_rnet == .7f && options.nms_onet == .7f);
  CHECK(options.max_candidates[0] == 0 && options.max_candidates[2] == 0);
  CHECK(options.threads == 1 && options.has_region == 0);
  CHECK(options.resize_width == 0 && options.resize_height == 0);
  CHECK(!options.clip && !options.mirror_landmarks && !options.lnet && !options.largest_only);
  CHECK(options.instruction_set == NULL);
  CHECK(mtcnn_detector_create(model, &options, &detector, NULL) == MTCNN_OK);
  mtcnn_detector_free(detector);
  CHECK(mtcnn_detector_create(model, NULL, &detector, NULL) == MTCNN_OK);
  mtcnn_detector_free(detector);
  mtcnn_detector_free(NULL);

  /* init writes no further than it is told. */
  memset(guard, 0x55, sizeof guard);
  mtcnn_options_init((mtcnn_options*)(void*)guard, sizeof(size_t));
  CHECK(guard[sizeof(size_t)] == 0x55);
  mtcnn_options_init(NULL, sizeof options);

  memset(&longer, 0x55, sizeof longer);
  mtcnn_options_init(&longer.options, sizeof longer);
  CHECK(longer.options.struct_size == sizeof longer);
  CHECK(longer.new_option == 0);
  CHECK(mtcnn_detector_create(model, &longer.options, &detector, NULL) == MTCNN_OK);
  mtcnn_detector_free(detector);
  longer.new_option = 1;
  CHECK_ERROR(mtcnn_detector_create(model, &longer.options, &detector, &error), MTCNN_UNSUPPORTED, "version");
  CHECK(detector == NULL);

#define REFUSED(change, status, word)                                                     \
  do {                                                                                    \
    mtcnn_options_init(&options, sizeof options);                                         \
    change;                                                                               \
    CHECK_ERROR(mtcnn_detector_create(model, &options, &detector, &error), status, word); \
    CHECK(detector == NULL);                                                              \
  } while (0)
  REFUSED(options.struct_size = 0, MTCNN_INVALID_ARGUMENT, "struct_size");
  REFUSED(options.struct_size = sizeof options - 1, MTCNN_INVALID_ARGUMENT, "struct_size");
  REFUSED(options.struct_size = (size_t)-1, MTCNN_INVALID_ARGUMENT, "struct_size");
  REFUSED(options.min_face = 3, MTCNN_INVALID_ARGUMENT, "min_face");
  REFUSED(options.max_face = 10, MTCNN_INVALID_ARGUMENT, "max_face");
  REFUSED(options.factor = 1, MTCNN_INVALID_ARGUMENT, "factor");
  REFUSED(options.factor = nanf(""), MTCNN_INVALID_ARGUMENT, "factor");
  REFUSED(options.thresholds[0] = 1.5f, MTCNN_INVALID_ARGUMENT, "threshold");
  REFUSED(options.thresholds[1] = -2, MTCNN_INVALID_ARGUMENT, "threshold");
  REFUSED(options.thresholds[2] = nanf(""), MTCNN_INVALID_ARGUMENT, "threshold");
  REFUSED(options.nms_level = 2, MTCNN_INVALID_ARGUMENT, "nms_level");
  REFUSED(options.nms_pyramid = 2, MTCNN_INVALID_ARGUMENT, "nms_pyramid");
  REFUSED(options.nms_rnet = 2, MTCNN_INVALID_ARGUMENT, "nms_rnet");
  REFUSED(options.nms_onet = 2, MTCNN_INVALID_ARGUMENT, "nms_onet");
  REFUSED(options.max_candidates[1] = -1, MTCNN_INVALID_ARGUMENT, "max_candidates");
  REFUSED(options.threads = -1, MTCNN_INVALID_ARGUMENT, "threads");
  REFUSED(options.has_region = 1, MTCNN_INVALID_ARGUMENT, "region");   /* an empty one */
  REFUSED(options.resize_width = 5, MTCNN_INVALID_ARGUMENT, "resize"); /* no height */
  REFUSED(options.lnet = 1, MTCNN_UNSUPPORTED, "L-Net");
  REFUSED(options.instruction_set = "abacus", MTCNN_UNSUPPORTED, "abacus");
#undef REFUSED
  CHECK_ERROR(mtcnn_detector_create(NULL, NULL, &detector, &error), MTCNN_INVALID_ARGUMENT, "model");
  CHECK_ERROR(mtcnn_detector_create(model, NULL, NULL, &error), MTCNN_INVALID_ARGUMENT, "detector");

  /* Every instruction set there is can be chosen by name. */
  {
    size_t count = 0;
    const char* name;
    CHECK(mtcnn_instruction_set(0) != NULL);
    for (; (name = mtcnn_instruction_set(count)) != NULL; ++count) {
      mtcnn_options_init(&options, sizeof options);
      options.instruction_set = name;
      CHECK(mtcnn_detector_create(model, &options, &detector, NULL) == MTCNN_OK);
      mtcnn_detector_free(detector);
    }
    CHECK(mtcnn_instruction_set((size_t)-1) == NULL);
  }
  mtcnn_model_free(model);
}

static void test_detect(void) {
  size_t size;
  const void* bytes = random_model(&size);
  mtcnn_model* model = NULL;
  mtcnn_detector* detector = NULL;
  mtcnn_workspace* workspace = NULL;
  mtcnn_options options;
  mtcnn_image image = test_image();
  mtcnn_image bad;
  const mtcnn_face* faces = NULL;
  const mtcnn_face* again = NULL;
  size_t count = 0;
  size_t held;
  static mtcnn_face expected[100];
  size_t expected_count;
  int resize;
  size_t i;

  CHECK(mtcnn_workspace_create(&workspace, NULL) == MTCNN_OK);
  CHECK(mtcnn_workspace_bytes(NULL) == 0);
  for (resize = 0; resize <= 60; resize += 60) {
    CHECK(mtcnn_model_parse(bytes, size, NULL, &model, NULL) == MTCNN_OK);
    mtcnn_options_init(&options, sizeof options);
    for (i = 0; i < 3; ++i) {
      options.thresholds[i] = 0;
      options.max_candidates[i] = 50;
    }
    options.resize_width = options.resize_height = resize;
    CHECK(mtcnn_detector_create(model, &options, &detector, NULL) == MTCNN_OK);
    mtcnn_model_free(model); /* the detector keeps what it needs */
    CHECK(mtcnn_detect(detector, &image, workspace, &faces, &count, NULL) == MTCNN_OK);
    expected_count = detect_in_cpp(&image, resize, expected, 100);
    CHECK(expected_count > 0 && expected_count <= 100);
    CHECK(count == expected_count);
    CHECK(faces != NULL);
    if (faces != NULL && count == expected_count && count <= 100) {
      CHECK(memcmp(faces, expected, count * sizeof *faces) == 0);
    }
    held = mtcnn_workspace_bytes(workspace);
    CHECK(held > count * sizeof(mtcnn_face));
    CHECK(mtcnn_detect(detector, &image, workspace, &again, &count, NULL) == MTCNN_OK);
    CHECK(again == faces); /* the same memory, nothing new */
    CHECK(mtcnn_workspace_bytes(workspace) == held);
    if (resize == 0) mtcnn_detector_free(detector);
  }

#define REFUSED(change, status, word)                                                           \
  do {                                                                                          \
    bad = image;                                                                                \
    change;                                                                                     \
    faces = expected;                                                                           \
    count = 7;                                                                                  \
    CHECK_ERROR(mtcnn_detect(detector, &bad, workspace, &faces, &count, &error), status, word); \
    CHECK(faces == NULL && count == 0);                                                         \
  } while (0)
  REFUSED(bad.data = NULL, MTCNN_INVALID_ARGUMENT, "null");
  REFUSED(bad.width = 0, MTCNN_INVALID_ARGUMENT, "0 x 70");
  REFUSED(bad.height = -1, MTCNN_INVALID_ARGUMENT, "90 x -1");
  REFUSED(bad.row_stride = 3 * kWidth - 1, MTCNN_INVALID_ARGUMENT, "row_stride");
  REFUSED(bad.format = 6, MTCNN_INVALID_ARGUMENT, "format");
  REFUSED((bad.width = bad.height = 20000, bad.row_stride = 60000), MTCNN_LIMIT, "20000");
#undef REFUSED
  CHECK_ERROR(mtcnn_detect(NULL, &image, workspace, &faces, &count, &error), MTCNN_INVALID_ARGUMENT,
              "detector");
  CHECK_ERROR(mtcnn_detect(detector, NULL, workspace, &faces, &count, &error), MTCNN_INVALID_ARGUMENT,
              "image");
  CHECK_ERROR(mtcnn_detect(detector, &image, NULL, &faces, &count, &error), MTCNN_INVALID_ARGUMENT,
              "workspace");
  CHECK_ERROR(mtcnn_detect(detector, &image, workspace, NULL, &count, &error), MTCNN_INVALID_ARGUMENT,
              "faces");
  CHECK_ERROR(mtcnn_detect(detector, &image, workspace, &faces, NULL, &error), MTCNN_INVALID_ARGUMENT,
              "count");
  CHECK_ERROR(mtcnn_workspace_create(NULL, &error), MTCNN_INVALID_ARGUMENT, "workspace");

  mtcnn_detector_free(detector);
  mtcnn_workspace_free(workspace);
  mtcnn_workspace_free(NULL);
}

static void test_about(void) {
  size_t size, needed = 7;
  const void* bytes = random_model(&size);
  mtcnn_model* model = NULL;
  mtcnn_model_info info;
  unsigned char longer[sizeof(mtcnn_model_info) + 8];
  char* copy = malloc(size);

  CHECK(copy != NULL);
  if (copy == NULL) return;
  CHECK(mtcnn_model_parse(bytes, size, NULL, &model, NULL) == MTCNN_OK);
  memset(&info, 0x55, sizeof info);
  CHECK(mtcnn_model_get_info(model, &info, sizeof info, NULL) == MTCNN_OK);
  CHECK(info.format_version >= 1);
  CHECK(strlen(info.architecture) == 16 && strspn(info.architecture, "0123456789abcdef") == 16);
  CHECK(info.release_geometry == 0 && info.has_lnet == 0);
  CHECK(info.pixel_mean == 127.5f && info.pixel_scale == 1 / 128.f);
  CHECK(info.thresholds[0] == .25f && info.thresholds[2] == .75f);
  /* An older caller's struct is not overrun, a newer one's rest is cleared. */
  memset(longer, 0x55, sizeof longer);
  CHECK(mtcnn_model_get_info(model, (mtcnn_model_info*)(void*)longer, sizeof(int), NULL) == MTCNN_OK);
  CHECK(longer[sizeof(int)] == 0x55);
  CHECK(mtcnn_model_get_info(model, (mtcnn_model_info*)(void*)longer, sizeof longer, NULL) == MTCNN_OK);
  CHECK(longer[sizeof longer - 1] == 0);
  CHECK_ERROR(mtcnn_model_get_info(NULL, &info, sizeof info, &error), MTCNN_INVALID_ARGUMENT, "model");
  CHECK_ERROR(mtcnn_model_get_info(model, NULL, sizeof info, &error), MTCNN_INVALID_ARGUMENT, "info");

  CHECK(mtcnn_model_metadata(model, "no such key") == NULL);
  CHECK(mtcnn_model_metadata(NULL, "provenance") == NULL && mtcnn_model_metadata(model, NULL) == NULL);

  CHECK(mtcnn_model_serialize(model, NULL, 0, &needed, NULL) == MTCNN_OK);
  CHECK(needed == size);
  CHECK(mtcnn_model_serialize(model, copy, size, &needed, NULL) == MTCNN_OK);
  CHECK(needed == size && memcmp(copy, bytes, size) == 0);
  CHECK_ERROR(mtcnn_model_serialize(model, copy, size - 1, &needed, &error), MTCNN_INVALID_ARGUMENT, "room");
  CHECK(needed == 0);
  CHECK_ERROR(mtcnn_model_serialize(model, NULL, size, &needed, &error), MTCNN_INVALID_ARGUMENT, "bytes");
  CHECK_ERROR(mtcnn_model_serialize(model, copy, size, NULL, &error), MTCNN_INVALID_ARGUMENT, "size");
  CHECK_ERROR(mtcnn_model_serialize(NULL, copy, size, &needed, &error), MTCNN_INVALID_ARGUMENT, "model");
  mtcnn_model_free(model);
  free(copy);
}

/* A detector that calls much of the noise a face. */
static mtcnn_detector* generous_detector(void) {
  size_t size, i;
  const void* bytes = random_model(&size);
  mtcnn_model* model = NULL;
  mtcnn_detector* detector = NULL;
  mtcnn_options options;
  CHECK(mtcnn_model_parse(bytes, size, NULL, &model, NULL) == MTCNN_OK);
  mtcnn_options_init(&options, sizeof options);
  for (i = 0; i < 3; ++i) {
    options.thresholds[i] = 0;
    options.max_candidates[i] = 50;
  }
  CHECK(mtcnn_detector_create(model, &options, &detector, NULL) == MTCNN_OK);
  mtcnn_model_free(model);
  return detector;
}

static void test_trace(void) {
  mtcnn_detector* detector = generous_detector();
  const mtcnn_image image = test_image();
  mtcnn_workspace* workspace = NULL;
  mtcnn_trace* trace = NULL;
  const mtcnn_face *faces = NULL, *traced = NULL;
  const mtcnn_candidate* candidates = NULL;
  const mtcnn_level* levels = NULL;
  size_t count = 0, i;
  int stage;

  CHECK(mtcnn_workspace_create(&workspace, NULL) == MTCNN_OK);
  CHECK(mtcnn_detect(detector, &image, workspace, &faces, &count, NULL) == MTCNN_OK);
  CHECK(mtcnn_trace_create(detector, &image, &trace, NULL) == MTCNN_OK);
  CHECK(count > 0 && mtcnn_trace_faces(trace, &traced) == count);
  CHECK(traced != NULL && memcmp(faces, traced, count * sizeof *faces) == 0);
  CHECK(mtcnn_trace_faces(trace, NULL) == count);
  for (stage = MTCNN_PROPOSALS; stage <= MTCNN_RNET; ++stage) {
    CHECK(mtcnn_trace_stage(trace, stage, &candidates) >= count);
    CHECK(candidates != NULL && candidates[0].box.left < candidates[0].box.right);
  }
  count = mtcnn_trace_levels(trace, &levels);
  CHECK(count > 1);
  for (i = 0; i < count; ++i) {
    CHECK(levels[i].width >= 12 && levels[i].height >= 12 && levels[i].candidates > 0);
    CHECK(i == 0 || levels[i].scale < levels[i - 1].scale);
  }
  candidates = (const mtcnn_candidate*)(const void*)trace;
  CHECK(mtcnn_trace_stage(trace, 3, &candidates) == 0 && candidates == NULL);
  CHECK(mtcnn_trace_stage(trace, -1, &candidates) == 0);
  CHECK(mtcnn_trace_stage(NULL, MTCNN_PNET, &candidates) == 0);
  CHECK(mtcnn_trace_faces(NULL, &traced) == 0 && traced == NULL);
  CHECK(mtcnn_trace_levels(NULL, &levels) == 0 && levels == NULL);
  mtcnn_trace_free(trace);
  mtcnn_trace_free(NULL);
  CHECK_ERROR(mtcnn_trace_create(NULL, &image, &trace, &error), MTCNN_INVALID_ARGUMENT, "detector");
  CHECK(trace == NULL);
  CHECK_ERROR(mtcnn_trace_create(detector, NULL, &trace, &error), MTCNN_INVALID_ARGUMENT, "image");
  CHECK_ERROR(mtcnn_trace_create(detector, &image, NULL, &error), MTCNN_INVALID_ARGUMENT, "trace");
  mtcnn_workspace_free(workspace);
  mtcnn_detector_free(detector);
}

static void test_detect_at(void) {
  mtcnn_detector* detector = generous_detector();
  const mtcnn_image image = test_image();
  mtcnn_workspace* workspace = NULL;
  const mtcnn_box boxes[3] = {{20, 10, 60, 50}, {5, 5, 5, 9}, {30, 20, 62, 52}};
  const mtcnn_face* faces = NULL;

  CHECK(mtcnn_workspace_create(&workspace, NULL) == MTCNN_OK);
  CHECK(mtcnn_detect_at(detector, &image, boxes, 3, workspace, &faces, NULL) == MTCNN_OK);
  CHECK(faces != NULL && faces[0].score > 0 && faces[1].score == 0 && faces[2].score > 0);
  CHECK(mtcnn_detect_at(detector, &image, NULL, 0, workspace, &faces, NULL) == MTCNN_OK);
  CHECK_ERROR(mtcnn_detect_at(detector, &image, NULL, 1, workspace, &faces, &error), MTCNN_INVALID_ARGUMENT,
              "boxes");
  CHECK(faces == NULL);
  CHECK_ERROR(mtcnn_detect_at(NULL, &image, boxes, 1, workspace, &faces, &error), MTCNN_INVALID_ARGUMENT,
              "detector");
  CHECK_ERROR(mtcnn_detect_at(detector, NULL, boxes, 1, workspace, &faces, &error), MTCNN_INVALID_ARGUMENT,
              "image");
  CHECK_ERROR(mtcnn_detect_at(detector, &image, boxes, 1, NULL, &faces, &error), MTCNN_INVALID_ARGUMENT,
              "workspace");
  CHECK_ERROR(mtcnn_detect_at(detector, &image, boxes, 1, workspace, NULL, &error), MTCNN_INVALID_ARGUMENT,
              "faces");
  mtcnn_workspace_free(workspace);
  mtcnn_detector_free(detector);
}

static void test_tracker(void) {
  mtcnn_detector* detector = generous_detector();
  const mtcnn_image image = test_image();
  mtcnn_image bad = image;
  mtcnn_tracker* tracker = NULL;
  mtcnn_tracker_options options;
  const mtcnn_tracked_face* faces = NULL;
  size_t count = 0, first;
  int64_t most = 0;

  memset(&options, 0x55, sizeof options);
  mtcnn_tracker_options_init(&options, sizeof options);
  CHECK(options.struct_size == sizeof options && options.detect_every == 10 && options.min_overlap == .3f);
  CHECK(options.keep_lost == 15 && options.smoothing == 0);
  CHECK(mtcnn_tracker_create(detector, NULL, &tracker, NULL) == MTCNN_OK);
  mtcnn_tracker_free(tracker);
  options.detect_every = 1;
  CHECK(mtcnn_tracker_create(detector, &options, &tracker, NULL) == MTCNN_OK);
  mtcnn_detector_free(detector); /* the tracker keeps what it needs */
  CHECK(mtcnn_tracker_update(tracker, &image, &faces, &count, NULL) == MTCNN_OK);
  CHECK(count > 0 && faces != NULL);
  if (count > 0 && faces != NULL) {
    CHECK(faces[0].id == 1 && faces[0].frames == 1 && faces[0].detected);
    most = faces[count - 1].id;
  }
  bad.width = 0;
  CHECK_ERROR(mtcnn_tracker_update(tracker, &bad, &faces, &count, &error), MTCNN_INVALID_ARGUMENT, "0 x 70");
  CHECK(faces == NULL && count == 0);
  CHECK(mtcnn_tracker_update(tracker, &image, &faces, &count, NULL) == MTCNN_OK);
  /* Boxes in noise lie close together: not every one finds itself again. */
  for (first = 0; first < count && faces[first].frames < 2; ++first) continue;
  CHECK(first < count && faces[first].id <= most);
  mtcnn_tracker_reset(tracker);
  mtcnn_tracker_reset(NULL);
  CHECK(mtcnn_tracker_update(tracker, &image, &faces, &count, NULL) == MTCNN_OK);
  if (count > 0) CHECK(faces[0].id > most && faces[0].frames == 1);

  CHECK_ERROR(mtcnn_tracker_update(NULL, &image, &faces, &count, &error), MTCNN_INVALID_ARGUMENT, "tracker");
  CHECK_ERROR(mtcnn_tracker_update(tracker, NULL, &faces, &count, &error), MTCNN_INVALID_ARGUMENT, "frame");
  CHECK_ERROR(mtcnn_tracker_update(tracker, &image, NULL, &count, &error), MTCNN_INVALID_ARGUMENT, "faces");
  CHECK_ERROR(mtcnn_tracker_update(tracker, &image, &faces, NULL, &error), MTCNN_INVALID_ARGUMENT, "count");
  mtcnn_tracker_free(tracker);
  mtcnn_tracker_free(NULL);
  tracker = NULL;
  detector = generous_detector();
  options.keep_lost = -1;
  CHECK_ERROR(mtcnn_tracker_create(detector, &options, &tracker, &error), MTCNN_INVALID_ARGUMENT,
              "keep_lost");
  options.struct_size = 0;
  CHECK_ERROR(mtcnn_tracker_create(detector, &options, &tracker, &error), MTCNN_INVALID_ARGUMENT,
              "struct_size");
  CHECK_ERROR(mtcnn_tracker_create(NULL, NULL, &tracker, &error), MTCNN_INVALID_ARGUMENT, "detector");
  CHECK_ERROR(mtcnn_tracker_create(detector, NULL, NULL, &error), MTCNN_INVALID_ARGUMENT, "tracker");
  mtcnn_detector_free(detector);
}

static void test_align(void) {
  enum { kBytes = 3 * 160 * 160 };
  const mtcnn_image image = test_image();
  const mtcnn_point face[5] = {{35, 25}, {55, 28}, {44, 36}, {36, 45}, {53, 47}};
  const mtcnn_point same[5] = {{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}};
  static uint8_t rgb[kBytes + 1];
  static uint8_t expected[kBytes];
  mtcnn_point points[5];
  mtcnn_align_options options;
  mtcnn_similarity to_crop, to_image, fit, back;
  size_t i;

  mtcnn_align_options_init(NULL, sizeof options);
  mtcnn_align_options_init(&options, sizeof options);
  CHECK(options.struct_size == sizeof options);
  CHECK(options.width == 112 && options.height == 112 && options.margin == 0);
  CHECK(options.fill[0] == 0 && options.fill[1] == 0 && options.fill[2] == 0);
  CHECK(mtcnn_alignment_template(NULL, points, NULL) == MTCNN_OK);
  CHECK(fabsf(points[2].x - 56.5252f) < 1e-4f && fabsf(points[2].y - 72.2366f) < 1e-4f);

  options.width = options.height = 160;
  options.margin = .25f;
  options.fill[0] = 255;
  rgb[kBytes] = 99;
  CHECK(mtcnn_align(&image, face, &options, rgb, kBytes, &to_crop, &to_image, NULL) == MTCNN_OK);
  CHECK(align_in_cpp(&image, face, expected));
  CHECK(memcmp(rgb, expected, kBytes) == 0);
  CHECK(rgb[kBytes] == 99);
  CHECK(mtcnn_alignment_template(&options, points, NULL) == MTCNN_OK);
  CHECK(mtcnn_fit_similarity(face, points, &fit, NULL) == MTCNN_OK);
  CHECK(memcmp(&fit, &to_crop, sizeof fit) == 0);
  back = mtcnn_similarity_inverse(to_crop);
  CHECK(memcmp(&back, &to_image, sizeof back) == 0);
  for (i = 0; i < 5; ++i) {
    const float x = to_crop.a * face[i].x - to_crop.b * face[i].y + to_crop.tx;
    const float y = to_crop.b * face[i].x + to_crop.a * face[i].y + to_crop.ty;
    CHECK(fabsf(to_image.a * x - to_image.b * y + to_image.tx - face[i].x) < 1e-3f);
    CHECK(fabsf(to_image.b * x + to_image.a * y + to_image.ty - face[i].y) < 1e-3f);
  }
  CHECK(mtcnn_align(&image, face, NULL, rgb, 3 * 112 * 112, NULL, NULL, NULL) == MTCNN_OK);

  memset(rgb, 42, sizeof rgb);
  CHECK_ERROR(mtcnn_align(&image, face, &options, rgb, kBytes - 1, NULL, NULL, &error),
              MTCNN_INVALID_ARGUMENT, "76800");
  CHECK_ERROR(mtcnn_align(&image, same, &options, rgb, kBytes, NULL, NULL, &error), MTCNN_INVALID_ARGUMENT,
              "landmarks");
  for (i = 0; i < sizeof rgb; ++i) {
    if (rgb[i] != 42) break;
  }
  CHECK(i == sizeof rgb);
  CHECK_ERROR(mtcnn_align(NULL, face, NULL, rgb, kBytes, NULL, NULL, &error), MTCNN_INVALID_ARGUMENT,
              "image");
  CHECK_ERROR(mtcnn_align(&image, NULL, NULL, rgb, kBytes, NULL, NULL, &error), MTCNN_INVALID_ARGUMENT,
              "landmarks");
  CHECK_ERROR(mtcnn_align(&image, face, NULL, NULL, kBytes, NULL, NULL, &error), MTCNN_INVALID_ARGUMENT,
              "rgb");
  options.margin = 3;
  CHECK_ERROR(mtcnn_align(&image, face, &options, rgb, kBytes, NULL, NULL, &error), MTCNN_INVALID_ARGUMENT,
              "margin");
  CHECK_ERROR(mtcnn_alignment_template(&options, points, &error), MTCNN_INVALID_ARGUMENT, "margin");
  CHECK_ERROR(mtcnn_alignment_template(NULL, NULL, &error), MTCNN_INVALID_ARGUMENT, "points");
  options.struct_size = 0;
  CHECK_ERROR(mtcnn_alignment_template(&options, points, &error), MTCNN_INVALID_ARGUMENT, "struct_size");
  CHECK_ERROR(mtcnn_fit_similarity(same, face, &fit, &error), MTCNN_INVALID_ARGUMENT, "landmarks");
  CHECK_ERROR(mtcnn_fit_similarity(NULL, face, &fit, &error), MTCNN_INVALID_ARGUMENT, "from");
  CHECK_ERROR(mtcnn_fit_similarity(face, NULL, &fit, &error), MTCNN_INVALID_ARGUMENT, "to");
  CHECK_ERROR(mtcnn_fit_similarity(face, face, NULL, &error), MTCNN_INVALID_ARGUMENT, "similarity");
}

int main(int argc, char** argv) {
  int major, minor, patch;
  CHECK(sscanf(mtcnn_version(), "%d.%d.%d", &major, &minor, &patch) == 3);
  test_models(argc > 1 ? argv[1] : "c_api_test.safetensors");
  test_options();
  test_detect();
  test_about();
  test_trace();
  test_detect_at();
  test_tracker();
  test_align();
  if (failures > 0) fprintf(stderr, "%d checks failed\n", failures);
  return failures > 0;
}
