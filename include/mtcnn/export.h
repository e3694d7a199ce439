#ifndef MTCNN_EXPORT_H_
#define MTCNN_EXPORT_H_

// Everything else in the shared library is hidden.
#if defined(__GNUC__)
#define MTCNN_EXPORT __attribute__((visibility("default")))
#else
#define MTCNN_EXPORT
#endif

#endif  // MTCNN_EXPORT_H_
