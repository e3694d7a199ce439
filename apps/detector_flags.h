// The options that every command with a detector in it shares.
#ifndef MTCNN_APPS_DETECTOR_FLAGS_H_
#define MTCNN_APPS_DETECTOR_FLAGS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "codecs/image_io.h"
#include "mtcnn/detector.h"
#include "mtcnn/model.h"
#include "mtcnn/result.h"

namespace mtcnn {

struct DetectorFlags {
  std::string model;        // empty: the built-in one
  DetectorOptions options;  // options.threads is what --threads says: the whole program's, 0 for all cores
  DecodeLimits limits;      // for reading the images
};

// Adds --model, one option for each of DetectorOptions, and --max-pixels. `flags` must outlive the
// parsing; its values before it are the defaults.
void add_detector_flags(CLI::App& app, DetectorFlags& flags);

// The same without --model.
void add_detector_options(CLI::App& app, DetectorFlags& flags);

// Adds --model and MTCNN_MODEL alone.
void add_model_flag(CLI::App& app, std::string& model);

// The model of this file, or the built-in one if `path` is empty. Errors: those of Model::load()
// and Model::builtin(), with what to do about them.
Result<Model> load_model(const std::string& path);

// Detector::create(), whose errors name the options on the command line.
Result<Detector> create_detector(const Model& model, const DetectorOptions& options);

// `threads` with 0 turned into the number of cores; at least 1.
int thread_count(int threads);

}  // namespace mtcnn

#endif  // MTCNN_APPS_DETECTOR_FLAGS_H_
