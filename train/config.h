// What a training run is told: sets of photographs, samples, schedules. One TOML file, in which every
// key has a default but the sets. What each key means is said once, in config.cc, from where
// `mtcnn train --init` prints it.
#ifndef MTCNN_TRAIN_CONFIG_H_
#define MTCNN_TRAIN_CONFIG_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "mtcnn/result.h"

namespace mtcnn {

struct SetConfig {
  std::string name, format, labels, images, landmarks, landmarks_format;
  std::vector<std::string> classes;
  std::string only = "*";
  std::string unlabelled_faces = "auto";
  double weight = 1;
  std::array<double, 4> box_moves{};
  double point_shift = 0;
};

struct DataConfig {
  double min_face = 12;
  double cache_gib = 8;
  int max_side = 0;
  int crops_per_visit = 4;
};

struct SampleConfig {
  std::array<double, 4> ratio{3, 1, 1, 2};  // negatives, positives, parts, landmark faces
  double negative_iou = .3, part_iou = .4, positive_iou = .65;
  double positive_share = 0;
  double near_faces = .25;
  double mined_negatives = .6, mined_faces = .7;
  double scale = .25, shift = .2;
  double mined_jitter = .05;
};

struct AugmentConfig {
  double flip = .5;
  double rotate = .3, rotate_by = 20;
  double colour = .8, grey = .1;
  double low_resolution = .15, blur = .1, jpeg = .1, noise = .1, occlude = .1;

  // Crops as the cascade cuts them.
  static AugmentConfig none();
  // The same, mirrored as often as these.
  AugmentConfig plain() const;
};

struct StageConfig {
  std::string start_from;  // full path, or empty
  double samples = 3e6;
  int batch = 512;
  int rounds = 2;
  std::string precision = "float32";
  std::string optimizer = "adamw";
  double learning_rate = 2e-3;
  double weight_decay = 1e-4;
  double warm_up = .02;
  double average = .999;
  std::array<double, 3> loss_weights{1, .5, .5};  // classification, box, landmarks
  bool dropout = true;
  double hard_share = .7;
  std::string landmark_loss = "squared";
  double plain_share = 0;
  double face_share = 1;
  bool landmarks = true;
  bool keep_landmarks = false;
  double mining_threshold = .2;
  int mining_windows = 200;
  double check_windows = 100;
  int checks = 8;
};

struct SearchConfig {
  double min_face = 20;
  double factor = .709;
};

struct TrainConfig {
  std::string output = "training";
  std::uint64_t seed = 1;
  int threads = 0;
  std::string device = "auto";
  std::array<double, 3> thresholds{.6, .7, .7};
  DataConfig data;
  SampleConfig samples;
  AugmentConfig augment;
  SearchConfig mining, checking;
  StageConfig pnet, rnet, onet;
  std::vector<SetConfig> sets, validation;

  TrainConfig();  // the defaults, which differ from stage to stage
};

// `text` is the file's content, `name` stands for it in messages. Relative paths in it start from `folder`.
// Errors, naming the file and, where there is one, the line: kFormat for what is not TOML, an unknown
// key, another type than expected, a value out of range, or no set.
Result<TrainConfig> parse_config(const std::string& text, const std::string& name, const std::string& folder);

// The same from a file. Errors: also kIo.
Result<TrainConfig> load_config(const std::string& path);

// A file of all keys, with their defaults and what they mean, and two sets as examples.
std::string example_config();

// The configuration as a file, with full paths: reading it gives the same.
std::string config_text(const TrainConfig& config);

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_CONFIG_H_
