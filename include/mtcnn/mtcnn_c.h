/* mtcnn for C, and for everything that calls C: the functions of mtcnn.h under plain names.
 *
 *   mtcnn_error error;
 *   mtcnn_model* model = NULL;
 *   mtcnn_detector* detector = NULL;
 *   mtcnn_workspace* workspace = NULL;
 *   mtcnn_image image = {pixels, width, height, 3 * width, MTCNN_RGB8};
 *   const mtcnn_face* faces;
 *   size_t count;
 *
 *   if (mtcnn_model_load("mtcnn.safetensors", &model, &error) ||
 *       mtcnn_detector_create(model, NULL, &detector, &error) ||
 *       mtcnn_workspace_create(&workspace, &error) ||
 *       mtcnn_detect(detector, &image, workspace, &faces, &count, &error)) {
 *     fprintf(stderr, "%s\n", error.message);
 *   }
 *   ...
 *   mtcnn_workspace_free(workspace);
 *   mtcnn_detector_free(detector);
 *   mtcnn_model_free(model);
 *
 * Functions that can fail return 0 (MTCNN_OK) or another mtcnn_status, and say why in the
 * mtcnn_error that the caller passes last, or NULL if the caller does not care. There is no hidden
 * "last error": threads do not meet. What a failed function would have given back is NULL or 0, and
 * buffers are untouched. Pointers to inputs and results must not be NULL unless it says so: that is
 * MTCNN_INVALID_ARGUMENT.
 *
 * Coordinates: pixels of the upright image, x to the right, y down. Pixel column i covers
 * [i, i + 1): the left edge of the image is 0, its right edge its width, the middle of the top-left
 * pixel (.5, .5).
 */
#ifndef MTCNN_MTCNN_C_H_
#define MTCNN_MTCNN_C_H_

#include <stddef.h>
#include <stdint.h>

#include "mtcnn/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mtcnn_status {
  MTCNN_OK = 0,
  MTCNN_INVALID_ARGUMENT = 1, /* an option or an argument outside its range */
  MTCNN_IO = 2,               /* a file that can't be opened, read or written */
  MTCNN_FORMAT = 3,           /* a file whose content is not what it should be */
  MTCNN_UNSUPPORTED = 4,      /* well-formed, but nothing this build can use */
  MTCNN_LIMIT = 5,            /* larger than a stated limit */
  MTCNN_OUT_OF_MEMORY = 6,
  MTCNN_INTERNAL = 7 /* a bug in the library: please report it */
} mtcnn_status;

/* What went wrong. Every function that is given one fills it in: MTCNN_OK and "" on success. */
typedef struct mtcnn_error {
  int code;          /* the mtcnn_status that the function returned */
  char message[512]; /* UTF-8 if the file names in it are, ends in 0, cut if longer */
} mtcnn_error;

typedef struct mtcnn_point {
  float x, y;
} mtcnn_point;

typedef struct mtcnn_box {
  float left, top, right, bottom; /* edges */
} mtcnn_box;

typedef struct mtcnn_face {
  mtcnn_box box;
  float score; /* probability of a face, 0 to 1 */
  /* Left eye, right eye, nose, left mouth corner, right mouth corner, as the viewer sees them. */
  mtcnn_point landmarks[5];
} mtcnn_face;

typedef enum mtcnn_pixel_format {
  MTCNN_GRAY8 = 0,
  MTCNN_RGB8 = 1,
  MTCNN_BGR8 = 2,
  MTCNN_RGBA8 = 3,      /* alpha is ignored */
  MTCNN_BGRA8 = 4,      /* alpha is ignored */
  MTCNN_GRAY_ALPHA8 = 5 /* alpha is ignored */
} mtcnn_pixel_format;

/* The caller's pixels, read only. Row y starts at data + y * row_stride; row_stride is in bytes, at
 * least a row's in magnitude, and may be negative (bottom-up images). */
typedef struct mtcnn_image {
  const uint8_t* data;
  int width;
  int height;
  ptrdiff_t row_stride;
  int format; /* an mtcnn_pixel_format */
} mtcnn_image;

/* The version of the library that runs, "major.minor.patch". Never NULL. */
MTCNN_EXPORT const char* mtcnn_version(void);

/* Name of instruction set `index` that this build and this machine can run, slowest first
 * ("scalar", then for example "avx2"); NULL from their number on. The text lives as long as the
 * program. */
MTCNN_EXPORT const char* mtcnn_instruction_set(size_t index);

/* ---- Models ---- */

/* The weights of a cascade. Immutable: any number of threads may use one at the same time. */
typedef struct mtcnn_model mtcnn_model;

/* Reads a model file and stores a model in *model, which the caller frees.
 * Errors: MTCNN_IO if it can't be read; MTCNN_FORMAT if it is not a model or a broken one;
 * MTCNN_LIMIT above 64 MiB; MTCNN_UNSUPPORTED for a newer format version; MTCNN_OUT_OF_MEMORY. */
MTCNN_EXPORT int mtcnn_model_load(const char* path, mtcnn_model** model, mtcnn_error* error);

/* The same from `size` bytes in memory, which are not needed afterwards. `name` stands for the file
 * in messages; NULL: "model". */
MTCNN_EXPORT int mtcnn_model_parse(const void* bytes, size_t size, const char* name, mtcnn_model** model,
                                   mtcnn_error* error);

/* The model built into the library. Errors: MTCNN_UNSUPPORTED if this build has none. */
MTCNN_EXPORT int mtcnn_model_builtin(mtcnn_model** model, mtcnn_error* error);

/* Writes a model file, through a temporary file beside it, so that an interrupted save leaves the
 * old one whole. Errors: MTCNN_IO; MTCNN_OUT_OF_MEMORY. */
MTCNN_EXPORT int mtcnn_model_save(const mtcnn_model* model, const char* path, mtcnn_error* error);

/* The default score thresholds of P-, R- and O-Net. Errors: only a NULL argument. */
MTCNN_EXPORT int mtcnn_model_thresholds(const mtcnn_model* model, float thresholds[3], mtcnn_error* error);

/* What a model file says of itself. */
typedef struct mtcnn_model_info {
  int format_version;
  char architecture[17]; /* hash of the layers of all nets, 16 hexadecimal digits */
  int release_geometry; /* not 0: windows in whole pixels, as the authors' release has them (imported weights) */
  float pixel_mean;     /* the nets' input is (pixel - pixel_mean) * pixel_scale */
  float pixel_scale;
  float thresholds[3]; /* default score thresholds of P-, R- and O-Net */
  int has_lnet;        /* not 0: for mtcnn_options.lnet */
} mtcnn_model_info;

/* Fills in *info, of which the caller knows the first `info_size` bytes, its sizeof(mtcnn_model_info); what the library does not
 * know of a longer one is set to 0. Errors: only a NULL argument. */
MTCNN_EXPORT int mtcnn_model_get_info(const mtcnn_model* model, mtcnn_model_info* info, size_t info_size,
                                      mtcnn_error* error);

/* A line that the file's metadata holds under `key` ("provenance", ...), or NULL if there is none or an argument is NULL. The text
 * lives as long as the model. */
MTCNN_EXPORT const char* mtcnn_model_metadata(const mtcnn_model* model, const char* key);

/* The model as the bytes of a model file: stores their number in *size and, if `room` is at least that, writes them to
 * `bytes`, which may be NULL if `room` is 0. Errors: MTCNN_INVALID_ARGUMENT for too little room other than 0;
 * MTCNN_OUT_OF_MEMORY. */
MTCNN_EXPORT int mtcnn_model_serialize(const mtcnn_model* model, void* bytes, size_t room, size_t* size,
                                       mtcnn_error* error);

/* NULL is fine. Detectors made of the model go on working. */
MTCNN_EXPORT void mtcnn_model_free(mtcnn_model* model);

/* ---- Detection ---- */

/* Fill it with mtcnn_options_init() first, then change what you like. "Pixels" are those of the
 * image given to mtcnn_detect(), or of the resized one if resize_width and resize_height are set. */
typedef struct mtcnn_options {
  /* Set by mtcnn_options_init(): how the library knows which fields there are. */
  size_t struct_size;
  /* Pixels; smallest face side searched, 4 to 2^24. The cost falls with its square. */
  float min_face;
  /* Pixels; windows with a larger side are not searched, faces whose box (before `clip`) has a
   * larger area than its square are left out; at least min_face. 0: no limit. */
  float max_face;
  /* Ratio of one pyramid level to the one before it, .1 to .99. */
  double factor;
  /* Score thresholds of P-, R- and O-Net, 0 to 1. -1: the model's own. */
  float thresholds[3];
  /* Overlaps above which the lower score is dropped, 0 to 1. The first three are intersection over
   * union, the last is intersection over the smaller box. */
  float nms_level;   /* within one pyramid level */
  float nms_pyramid; /* across levels */
  float nms_rnet;
  float nms_onet;
  /* Most boxes that each stage hands on, best scores first. 0: no cap. */
  int max_candidates[3];
  /* Threads that share one mtcnn_detect() call, to 1024. 0: one per core. */
  int threads;
  /* Not 0: search only `region`, in pixels of the image given, rounded outwards to whole pixels.
   * What lies outside is not seen, as if cropped. */
  int has_region;
  mtcnn_box region;
  /* Resize the image (or the region) to this size, sides of 1 to 16384, before the pyramid; results
   * are in pixels of the image given all the same. 0 and 0: don't. */
  int resize_width;
  int resize_height;
  int clip;             /* not 0: cut the boxes at the image's edges (points are left alone) */
  int mirror_landmarks; /* not 0: average the points with those of the mirrored patch (MTCNNv1) */
  int lnet;             /* not 0: refine the points with L-Net (MTCNNv2), which the model must have */
  int largest_only;     /* not 0: only the face with the largest box */
  /* One of mtcnn_instruction_set(); "auto" or NULL: the fastest. Not needed after creation. */
  const char* instruction_set;
} mtcnn_options;

/* Fills in the defaults. `struct_size` is the caller's sizeof(mtcnn_options), so that programs
 * built with an older or newer header than the library's go on working: fields the library does not
 * know are set to 0. Does nothing if `options` is NULL or has no room for struct_size itself. */
MTCNN_EXPORT void mtcnn_options_init(mtcnn_options* options, size_t struct_size);

/* A model with options. Immutable: any number of threads may use one at the same time, each with a
 * workspace of its own. */
typedef struct mtcnn_detector mtcnn_detector;

/* Stores a detector in *detector, which the caller frees. `options` NULL: the defaults. The model
 * may be freed afterwards. Errors: MTCNN_INVALID_ARGUMENT, naming the option and its range, or for
 * options that mtcnn_options_init() has not filled; MTCNN_UNSUPPORTED for an instruction set that
 * this machine lacks, `lnet` without L-Net in the model, or an option that only a newer library
 * has; MTCNN_OUT_OF_MEMORY. */
MTCNN_EXPORT int mtcnn_detector_create(const mtcnn_model* model, const mtcnn_options* options,
                                       mtcnn_detector** detector, mtcnn_error* error);

/* NULL is fine. No call may be using it. */
MTCNN_EXPORT void mtcnn_detector_free(mtcnn_detector* detector);

/* Scratch memory and threads of mtcnn_detect(), and the faces it found. One call at a time may use
 * a workspace, for any detector; keep one for each thread of yours. */
typedef struct mtcnn_workspace mtcnn_workspace;

/* Stores an empty workspace in *workspace, which the caller frees. Errors: MTCNN_OUT_OF_MEMORY. */
MTCNN_EXPORT int mtcnn_workspace_create(mtcnn_workspace** workspace, mtcnn_error* error);

/* Bytes of memory held; 0 for NULL. */
MTCNN_EXPORT size_t mtcnn_workspace_bytes(const mtcnn_workspace* workspace);

/* NULL is fine. Its faces are gone with it. */
MTCNN_EXPORT void mtcnn_workspace_free(mtcnn_workspace* workspace);

/* Finds the faces of `image`, best score first, and stores their address and number in *faces and
 * *count; none is a count of 0, with an address that must not be read. They belong to the workspace
 * and are valid until it is used again or freed. Allocates nothing once the workspace has seen an
 * image of this size and as many candidates. Errors: MTCNN_INVALID_ARGUMENT for an image without
 * pixels, of an unknown format or with a stride shorter than a row; MTCNN_LIMIT above 2^28 pixels,
 * or if the largest pyramid level would have a side above 2^18 (image side * 12 / min_face);
 * MTCNN_OUT_OF_MEMORY. */
MTCNN_EXPORT int mtcnn_detect(const mtcnn_detector* detector, const mtcnn_image* image,
                              mtcnn_workspace* workspace, const mtcnn_face** faces, size_t* count,
                              mtcnn_error* error);

/* Looks at these `count` places alone: R-Net and O-Net see the square around each box (pixels of `image`). Stores the address of
 * `count` faces in *faces: the face at each place, or one of score 0 where there is none, or the box is empty or not
 * finite. They belong to the workspace, as those of mtcnn_detect(), whose errors it has, too. */
MTCNN_EXPORT int mtcnn_detect_at(const mtcnn_detector* detector, const mtcnn_image* image,
                                 const mtcnn_box* boxes, size_t count, mtcnn_workspace* workspace,
                                 const mtcnn_face** faces, mtcnn_error* error);

/* ---- What every stage finds ---- */

typedef struct mtcnn_candidate {
  mtcnn_box box;
  float score;
} mtcnn_candidate;

typedef struct mtcnn_level {
  float scale; /* level size / image size */
  int width, height;
  int candidates; /* cells at or above the threshold, before any NMS */
} mtcnn_level;

typedef enum mtcnn_stage {
  MTCNN_PROPOSALS = 0, /* P-Net's windows after the NMS of each level, not regressed */
  MTCNN_PNET = 1,      /* after the NMS across levels, regressed and squared: R-Net's input */
  MTCNN_RNET = 2       /* R-Net's boxes after NMS, regressed and squared: O-Net's input */
} mtcnn_stage;

/* The boxes after every stage, in pixels of the image given. Immutable. */
typedef struct mtcnn_trace mtcnn_trace;

/* mtcnn_detect(), and what every stage before it gave. Stores a trace in *trace, which the caller frees. Errors: those of
 * mtcnn_detect(). */
MTCNN_EXPORT int mtcnn_trace_create(const mtcnn_detector* detector, const mtcnn_image* image,
                                    mtcnn_trace** trace, mtcnn_error* error);

/* Their number, and their address in *levels, *candidates and *faces, which belong to the trace. 0 and NULL for a NULL trace
 * or an unknown stage. */
MTCNN_EXPORT size_t mtcnn_trace_levels(const mtcnn_trace* trace, const mtcnn_level** levels);
MTCNN_EXPORT size_t mtcnn_trace_stage(const mtcnn_trace* trace, int stage,
                                      const mtcnn_candidate** candidates);
MTCNN_EXPORT size_t mtcnn_trace_faces(const mtcnn_trace* trace, const mtcnn_face** faces);

/* NULL is fine. */
MTCNN_EXPORT void mtcnn_trace_free(mtcnn_trace* trace);

/* ---- Video ---- */

/* Fill it with mtcnn_tracker_options_init() first. */
typedef struct mtcnn_tracker_options {
  size_t struct_size; /* set by mtcnn_tracker_options_init() */
  int detect_every;   /* frames from one full detection to the next, 1 to 10000 */
  float min_overlap;  /* intersection over union from which a detection is the face of a track, 0 to 1 */
  int keep_lost;      /* frames, 0 to 10000, for which a face that is not seen keeps its id */
  float smoothing;    /* how much boxes and points are calmed, 0 to 1 */
} mtcnn_tracker_options;

/* Fills in the defaults: 10, .3, 15, 0. As mtcnn_options_init(). */
MTCNN_EXPORT void mtcnn_tracker_options_init(mtcnn_tracker_options* options, size_t struct_size);

typedef struct mtcnn_tracked_face {
  int64_t id; /* counted from 1 by each tracker; never used again */
  mtcnn_face face;
  int frames;   /* how often it has been seen, this frame included */
  int detected; /* not 0: by a full detection, not where it was expected alone */
} mtcnn_tracked_face;

/* Faces of a video, each with an id that stays: one for each video, one call at a time. */
typedef struct mtcnn_tracker mtcnn_tracker;

/* Stores a tracker in *tracker, which the caller frees. `options` NULL: the defaults. The detector may be freed
 * afterwards. Errors: MTCNN_INVALID_ARGUMENT, naming the option and its range, or for a detector with largest_only;
 * MTCNN_UNSUPPORTED for an option that only a newer library has; MTCNN_OUT_OF_MEMORY. */
MTCNN_EXPORT int mtcnn_tracker_create(const mtcnn_detector* detector, const mtcnn_tracker_options* options,
                                      mtcnn_tracker** tracker, mtcnn_error* error);

/* The faces of the next frame, oldest id first; a frame of another size than the last begins anew. A face is followed only as long
 * as it could be found, within the detector's region and face sizes; one that three full detections in a row and keep_lost frames
 * lack is let go (not with detect_every 1: there it is followed as long as it is seen). They belong to the tracker and are valid
 * until the next call. Errors: those of mtcnn_detect(), which leave the tracks as they were. */
MTCNN_EXPORT int mtcnn_tracker_update(mtcnn_tracker* tracker, const mtcnn_image* frame,
                                      const mtcnn_tracked_face** faces, size_t* count, mtcnn_error* error);

/* Forgets all faces, as at a cut. NULL is fine. */
MTCNN_EXPORT void mtcnn_tracker_reset(mtcnn_tracker* tracker);

/* NULL is fine. */
MTCNN_EXPORT void mtcnn_tracker_free(mtcnn_tracker* tracker);

/* ---- Alignment ---- */

/* x' = a x - b y + tx,  y' = b x + a y + ty: rotation, one scale, shift; no mirroring. */
typedef struct mtcnn_similarity {
  float a, b, tx, ty;
} mtcnn_similarity;

/* Fill it with mtcnn_align_options_init() first. */
typedef struct mtcnn_align_options {
  size_t struct_size; /* set by mtcnn_align_options_init() */
  /* Size of the crop, 8 to 4096 each. 112 x 112, 96 x 112 and 160 x 160 have templates of their
   * own; any other size gets the 112 x 112 one, scaled to the shorter side and centred. */
  int width;
  int height;
  /* 0 to 2: that many times the crop's size is added to the view on every side, and the face
   * shrinks. */
  float margin;
  uint8_t fill[3]; /* value of the pixels that lie outside the image, RGB */
} mtcnn_align_options;

/* Fills in the defaults: 112 x 112, no margin, black. As mtcnn_options_init(). */
MTCNN_EXPORT void mtcnn_align_options_init(mtcnn_align_options* options, size_t struct_size);

/* Where the five points lie in a crop of these options (NULL: the defaults), in pixels of the crop.
 * Errors: MTCNN_INVALID_ARGUMENT for a size or a margin out of range. */
MTCNN_EXPORT int mtcnn_alignment_template(const mtcnn_align_options* options, mtcnn_point points[5],
                                          mtcnn_error* error);

/* Cuts the face with these landmarks (pixels of `image`) out of `image`, turned upright and scaled
 * onto the template, and writes it to `rgb`: height rows of width RGB pixels without gaps.
 * `rgb_size` is the room there, at least 3 * width * height bytes. *to_crop and *to_image receive
 * the transforms from pixels of the image to pixels of the crop and back; either may be NULL.
 * `options` NULL: the defaults. Errors: MTCNN_INVALID_ARGUMENT for a size or a margin out of range,
 * too little room, landmarks that coincide or are not finite, or a bad image; MTCNN_LIMIT above
 * 2^28 pixels; MTCNN_OUT_OF_MEMORY. */
MTCNN_EXPORT int mtcnn_align(const mtcnn_image* image, const mtcnn_point landmarks[5],
                             const mtcnn_align_options* options, uint8_t* rgb, size_t rgb_size,
                             mtcnn_similarity* to_crop, mtcnn_similarity* to_image, mtcnn_error* error);

/* The similarity that moves `from` onto `to` with the least sum of squared distances.
 * Errors: MTCNN_INVALID_ARGUMENT if the points coincide or are not finite. */
MTCNN_EXPORT int mtcnn_fit_similarity(const mtcnn_point from[5], const mtcnn_point to[5],
                                      mtcnn_similarity* similarity, mtcnn_error* error);

/* The transform backwards. Requires a scale that is not zero. */
MTCNN_EXPORT mtcnn_similarity mtcnn_similarity_inverse(mtcnn_similarity similarity);

#ifdef __cplusplus
}
#endif

#endif /* MTCNN_MTCNN_C_H_ */
