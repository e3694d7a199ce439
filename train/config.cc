#include "train/config.h"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <set>
#include <string_view>
#include <utility>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "datasets/labels.h"
#include "util/file.h"

namespace mtcnn {
namespace {

// Every key is named once, in visit(): what it means, and what values it may have. The reader and the
// writer below are two visitors.
struct Range {
  double low = 0;
  double high = 1e18;
};
constexpr Range kShare{0, 1};
constexpr Range kCount{1, 1e15};

template <typename V>
void visit(V& v, DataConfig& c) {
  v("min_face", c.min_face, "pixels; a face whose shorter side is less is neither face nor background",
    Range{});
  v("cache_gib", c.cache_gib, "decoded images kept in memory, GiB", Range{.01, 1e6});
  v("max_side", c.max_side,
    "pixels; photographs with a longer side are shrunk to it, to save memory. 0: none is", Range{0, 65536});
  v("crops_per_visit", c.crops_per_visit,
    "crops cut from an image once it is decoded; more if the images don't fit into the cache",
    Range{1, 1024});
}

template <typename V>
void visit(V& v, SampleConfig& c) {
  v("ratio", c.ratio, "negatives, positives, parts, landmark faces in a batch", Range{0, 1e6});
  v("negative_iou", c.negative_iou, "a negative overlaps every face by less (intersection over union)",
    Range{.01, 1});
  v("part_iou", c.part_iou, "a part overlaps a face by this or more", kShare);
  v("positive_iou", c.positive_iou, "a positive, and a window of a landmark face, by this or more", kShare);
  v("positive_share", c.positive_share,
    "also positive: this share of the overlap that the best square has with the face, which is little\n"
    "if the face is long (profiles). 0: off, as in the paper",
    kShare);
  v("near_faces", c.near_faces, "share of the negatives, not counting mined ones, that lie beside faces",
    kShare);
  v("mined_negatives", c.mined_negatives, "share of the negatives that the cascade itself took for faces",
    kShare);
  v("mined_faces", c.mined_faces, "R-Net, O-Net: share of the other kinds that the cascade itself found",
    kShare);
  v("scale", c.scale, "random windows of faces: side off by up to this power of e; twice that for parts",
    Range{0, 2});
  v("shift", c.shift, "... and middle off by up to this share of the side; twice that for parts",
    Range{0, 2});
  v("mined_jitter", c.mined_jitter, "mined windows are moved and scaled by up to this share of their side",
    kShare);
}

template <typename V>
void visit(V& v, AugmentConfig& c) {
  v("flip", c.flip, "probabilities: left and right exchanged", kShare);
  v("rotate", c.rotate, "turned in its plane ...", kShare);
  v("rotate_by", c.rotate_by, "... by up to this many degrees", Range{0, 180});
  v("colour", c.colour, "brightness, contrast, saturation and tint changed", kShare);
  v("grey", c.grey, "no colour", kShare);
  v("low_resolution", c.low_resolution,
    "shrunk to .3 to 1 of the net's input, to no less than 8 pixels, and enlarged again", kShare);
  v("blur", c.blur, "blurred", kShare);
  v("jpeg", c.jpeg, "compressed as JPEG, at quality 20 to 80", kShare);
  v("noise", c.noise, "noise added", kShare);
  v("occlude", c.occlude, "a part hidden by a patch", kShare);
}

template <typename V>
void visit(V& v, SearchConfig& c) {
  v("min_face", c.min_face, "smallest face side searched, pixels", Range{4, 1e6});
  v("factor", c.factor, "ratio of one pyramid level to the one before", Range{.1, .99});
}

template <typename V>
void visit(V& v, StageConfig& c) {
  v("start_from", c.start_from,
    "a model file with whose weights of this net it begins, in place of random ones: go on with less data, fewer samples\n"
    "and a lower learning rate (an --experiment begins with random ones all the same)",
    Range{});
  v("samples", c.samples, "crops of all kinds, over all rounds", kCount);
  v("batch", c.batch, "crops in a step, over all ranks", Range{8, 1e6});
  v("rounds", c.rounds,
    "after each round but the last, the net's own false positives join the mined negatives", Range{1, 100});
  v("precision", c.precision,
    "\"float32\", or \"bf16\": what stands before the first dense layer or head computes in 16 bits, the rest in 32; quicker where\n"
    "processor or GPU have instructions for it (AVX512_BF16, AMX), slower elsewhere",
    Range{});
  v("optimizer", c.optimizer, "\"adamw\", or \"sgd\" with momentum .9", Range{});
  v("learning_rate", c.learning_rate, "the highest; it falls to 0 as a cosine", Range{0, 1e3});
  v("weight_decay", c.weight_decay, "share of each weight, times the learning rate, that a step takes away",
    Range{0, 1e3});
  v("warm_up", c.warm_up, "share of the samples over which the learning rate rises", kShare);
  v("average", c.average,
    "decay of the running mean of the weights, which is what is checked and kept; 0: the weights themselves",
    Range{0, .999999});
  v("loss_weights", c.loss_weights, "classification, box, landmarks (the paper's alpha)", Range{0, 1e6});
  v("landmark_loss", c.landmark_loss,
    "\"squared\" distance of the ten coordinates (the paper), or the sum of the five points' \"distance\"",
    Range{});
  v("dropout", c.dropout, "what the net has of it (O-Net: a quarter of its last hidden layer)", Range{});
  v("hard_share", c.hard_share,
    "online hard sample mining: this share of a batch's faces and negatives, the worst classified, counts; 1: off",
    Range{.01, 1});
  v("plain_share", c.plain_share,
    "of the last so much of the samples, only `flip` of [augment]: a net may end on windows as the cascade cuts them",
    kShare);
  v("face_share", c.face_share,
    "P-Net: of a window's side, what a face fills: overlaps are those of the window's middle, which has this share of its\n"
    "side. Below 1 faces are found that are smaller than the smallest window",
    Range{.5, 1});
  v("landmarks", c.landmarks, "learn the points too", Range{});
  v("keep_landmarks", c.keep_landmarks, "P-Net, R-Net: keep that head in the model", Range{});
  v("mining_threshold", c.mining_threshold,
    "P-Net, R-Net: score, of the finished net, from which its windows are shown to the nets behind it in mining",
    kShare);
  v("mining_windows", c.mining_windows, "most windows mined from an image", kCount);
  v("check_windows", c.check_windows,
    "P-Net, R-Net: windows of a validation image that pass; checkpoints are chosen by the share of faces kept so. "
    "O-Net: false positives of a validation image at its default threshold; at a score of .3 there are twenty times as many",
    Range{.001, 1e6});
  v("checks", c.checks, "how often the validation sets are searched, over all rounds", kCount);
}

template <typename V>
void visit(V& v, SetConfig& c) {
  v("name", c.name, "for messages and the report; left out: that of the images' folder", Range{});
  v("format", c.format,
    "wider, cnn_facepoint, celeba, aflw, 300w, voc, coco, yolo, retinaface, or background (a folder of images without faces)",
    Range{});
  v("labels", c.labels, "file or folder, as the format has it", Range{});
  v("images", c.images, "folder that the paths in the labels start from", Range{});
  v("landmarks", c.landmarks, "a second list, of the points of the same images", Range{});
  v("landmarks_format", c.landmarks_format, "the format of that list", Range{});
  v("classes", c.classes, "voc, coco, yolo: the classes that are faces; none: all", Range{});
  v("only", c.only, "pattern of the listed paths that are used", Range{});
  v("unlabelled_faces", c.unlabelled_faces,
    "\"some\": others may be in the photographs than the labelled ones, which then give no negatives; \"none\"; or\n"
    "\"auto\": some in the formats that label one face a photograph (cnn_facepoint, celeba, aflw, 300w), none else",
    Range{});
  v("weight", c.weight, "how often an image is drawn, compared with one of another set", Range{0, 1e9});
  v("box_moves", c.box_moves,
    "moves of the left, top, right and bottom edge of every box, in widths and heights of the box, for\n"
    "sets that draw boxes differently: [0, -0.2, 0, 0] makes a box a fifth taller, upwards",
    Range{-2, 2});
  v("point_shift", c.point_shift, "pixels, added to x and y of all points", Range{-1e3, 1e3});
}

// The tables of the file, in order.
template <typename F>
void for_each_table(TrainConfig& c, F&& table) {
  table("data", "Photographs", c.data);
  table("samples", "What is cut out of them (paper, section II.C)", c.samples);
  table("augment", "How crops are changed", c.augment);
  table("mining", "How training images are searched for windows that the cascade takes for faces", c.mining);
  table("checking", "How validation images are searched", c.checking);
  table("pnet", "P-Net", c.pnet);
  table("rnet", "R-Net", c.rnet);
  table("onet", "O-Net", c.onet);
}

template <typename V>
void visit(V& v, TrainConfig& c) {
  v("output", c.output, "folder for the model, checkpoints, metrics and the report", Range{});
  v("seed", c.seed, "of weights, samples and dropout: the same seed gives the same samples", Range{0, 9e15});
  v("threads", c.threads, "0: one per core", Range{0, 1024});
  v("device", c.device, "\"auto\": a GPU if libtorch has one; \"cpu\", \"cuda\"", Range{});
  v("thresholds", c.thresholds,
    "the model's default score thresholds. With validation sets, the scores of each net are moved (a constant added\n"
    "to its logit) so that as much as check_windows says passes there",
    Range{.01, .99});
}

// ---- Reading ----

class Reader {
 public:
  Reader(const toml::table& table, std::string where, std::string file)
      : table_(table), where_(std::move(where)), file_(std::move(file)) {}

  template <typename T>
  void operator()(const char* key, T& value, const char*, Range range) {
    known_.insert(key);
    const toml::node* node = table_.get(key);
    if (!node || error_) return;
    read(key, *node, value, range);
  }
  // Also a key, but of a table that is read by itself.
  void know(const char* key) { known_.insert(key); }

  Status finish() {
    if (!error_) {
      for (const auto& [key, node] : table_) {
        if (!known_.contains(std::string(key.str()))) {
          fail(node, "there is no key \"" + std::string(key.str()) + "\"" +
                         (where_.empty() ? "" : " in [" + where_ + "]"));
          break;
        }
      }
    }
    if (error_) return *error_;
    return std::monostate{};
  }

 private:
  void fail(const toml::node& node, const std::string& what) {
    if (error_) return;
    error_ = Error{ErrorCode::kFormat, file_ + ":" + std::to_string(node.source().begin.line) + ": " + what};
  }
  void expected(const char* key, const toml::node& node, const std::string& what) {
    fail(node, (where_.empty() ? "" : where_ + ".") + std::string(key) + ": expected " + what);
  }
  static std::string text(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%g", value);
    return buffer;
  }
  bool number(const char* key, const toml::node& node, double& value, Range range, bool whole) {
    const auto found = node.value<double>();
    if (!node.is_number() || !found || !(*found >= range.low && *found <= range.high) ||
        (whole && *found != std::floor(*found))) {
      expected(key, node,
               std::string(whole ? "a whole number" : "a number") + " from " + text(range.low) +
                   (range.high < 1e14 ? " to " + text(range.high) : " on"));
      return false;
    }
    value = *found;
    return true;
  }
  void read(const char* key, const toml::node& node, double& value, Range range) {
    number(key, node, value, range, false);
  }
  template <typename Whole>
  requires std::is_integral_v<Whole>
  void read(const char* key, const toml::node& node, Whole& value, Range range) {
    double number_read = 0;
    constexpr Whole kMost = std::numeric_limits<Whole>::max() / 2;
    range.high = std::min(range.high, static_cast<double>(kMost));
    if (number(key, node, number_read, range, true)) value = static_cast<Whole>(number_read);
  }
  void read(const char* key, const toml::node& node, bool& value, Range) {
    if (const auto found = node.value<bool>(); node.is_boolean() && found) {
      value = *found;
    } else {
      expected(key, node, "true or false");
    }
  }
  void read(const char* key, const toml::node& node, std::string& value, Range) {
    if (const auto found = node.value<std::string>(); node.is_string() && found) {
      value = *found;
    } else {
      expected(key, node, "text in quotes");
    }
  }
  template <std::size_t N>
  void read(const char* key, const toml::node& node, std::array<double, N>& values, Range range) {
    const toml::array* list = node.as_array();
    if (!list || list->size() != N) return expected(key, node, std::to_string(N) + " numbers in brackets");
    for (std::size_t i = 0; i < N; ++i) {
      if (!number(key, *list->get(i), values[i], range, false)) return;
    }
  }
  void read(const char* key, const toml::node& node, std::vector<std::string>& values, Range range) {
    const toml::array* list = node.as_array();
    if (!list) return expected(key, node, "a list of texts in brackets");
    values.assign(list->size(), {});
    for (std::size_t i = 0; i < values.size(); ++i) read(key, *list->get(i), values[i], range);
  }

  const toml::table& table_;
  std::string where_, file_;
  std::set<std::string> known_;
  std::optional<Error> error_;
};

// Full, so that the same files are the same wherever the config is read from.
void make_absolute(const std::string& folder, std::string& path) {
  if (path.empty()) return;
  std::error_code error;
  const std::filesystem::path full = std::filesystem::absolute(std::filesystem::path(folder) / path, error);
  if (!error) path = full.lexically_normal().string();
}

Status read_sets(const toml::table& file, const char* key, const std::string& name, const std::string& folder,
                 std::vector<SetConfig>& sets) {
  const toml::node* node = file.get(key);
  if (!node) return std::monostate{};
  const toml::array* list = node->as_array();
  if (!list || !list->is_array_of_tables()) {
    return Error{ErrorCode::kFormat,
                 name + ":" + std::to_string(node->source().begin.line) + ": expected [[" + key + "]]"};
  }
  for (const toml::node& entry : *list) {
    SetConfig set;
    Reader reader(*entry.as_table(), key, name);
    visit(reader, set);
    if (Status status = reader.finish(); !status) return status;
    const std::string at = name + ":" + std::to_string(entry.source().begin.line) + ": ";
    const bool background = set.format == "background";
    if (background && set.labels.empty()) set.labels = set.images;
    if (background && set.images.empty()) set.images = set.labels;
    bool known = false;
    std::string names;
    for (const LabelFormat& format : label_formats()) {
      known = known || format.name == set.format;
      names += (names.empty() ? "" : ", ") + std::string(format.name);
    }
    if (!known) {
      return Error{ErrorCode::kFormat, at + "format is \"" + set.format + "\", expected one of " + names};
    }
    if (set.unlabelled_faces != "auto" && set.unlabelled_faces != "some" && set.unlabelled_faces != "none") {
      return Error{ErrorCode::kFormat, at + "unlabelled_faces is \"" + set.unlabelled_faces +
                                           "\", expected \"auto\", \"some\" or \"none\""};
    }
    if (set.labels.empty() || set.images.empty()) {
      return Error{ErrorCode::kFormat, at + "a set needs `labels` and `images`"};
    }
    if (set.landmarks.empty() != set.landmarks_format.empty()) {
      return Error{ErrorCode::kFormat, at + "`landmarks` and `landmarks_format` belong together"};
    }
    for (std::string* path : {&set.labels, &set.images, &set.landmarks}) make_absolute(folder, *path);
    if (set.name.empty()) {
      std::filesystem::path folder_of_images = set.images;
      if (!folder_of_images.has_filename())
        folder_of_images = folder_of_images.parent_path();  // it ends in a slash
      set.name = folder_of_images.filename().string();
    }
    sets.push_back(std::move(set));
  }
  return std::monostate{};
}

// ---- Writing ----

class Writer {
 public:
  explicit Writer(bool comments) : comments_(comments) {}
  template <typename T>
  void operator()(const char* key, T& value, const char* comment, Range) {
    if (!comments_) comment = "";
    for (std::string_view rest = comment; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      text.append("# ").append(rest.substr(0, end)).append("\n");
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    text.append(key).append(" = ");
    write(value);
    text += '\n';
  }
  std::string text;

 private:
  void write(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.12g", value);
    text += buffer;
  }
  void write(bool value) { text += value ? "true" : "false"; }
  template <typename Whole>
  requires std::is_integral_v<Whole>
  void write(Whole value) { text += std::to_string(value); }
  void write(const std::string& value) {
    text += '"';
    for (const char c : value) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        char buffer[8];
        std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(c));
        text += buffer;
        continue;
      }
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  template <typename List>
  requires requires(const List& list) { list.begin(), list.size(); }
  void write(const List& list) {
    text += '[';
    bool first = true;
    for (const auto& value : list) {
      if (!first) text += ", ";
      first = false;
      write(value);
    }
    text += ']';
  }
  bool comments_;
};

std::string settings_text(TrainConfig config, bool comments) {
  Writer writer(comments);
  visit(writer, config);
  for_each_table(config, [&](const char* key, const char* title, auto& part) {
    writer.text += '\n';
    if (comments) writer.text.append("# ").append(title).append(".\n");
    writer.text.append("[").append(key).append("]\n");
    visit(writer, part);
  });
  return writer.text;
}

std::string set_text(const char* key, SetConfig set, bool comments) {
  Writer writer(comments);
  writer.text.append("[[").append(key).append("]]\n");
  visit(writer, set);
  return writer.text;
}

}  // namespace

AugmentConfig AugmentConfig::none() {
  AugmentConfig a;
  for (double* const p :
       {&a.flip, &a.rotate, &a.colour, &a.grey, &a.low_resolution, &a.blur, &a.jpeg, &a.noise, &a.occlude})
    *p = 0;
  return a;
}

AugmentConfig AugmentConfig::plain() const {
  AugmentConfig a = none();
  a.flip = flip;
  return a;
}

TrainConfig::TrainConfig() {
  pnet.samples = 12e6;
  pnet.batch = 512;
  pnet.mining_threshold = .2;
  pnet.mining_windows = 150;
  pnet.check_windows = 100;

  rnet.samples = 4e6;
  rnet.batch = 256;
  rnet.mining_threshold = .1;
  rnet.mining_windows = 60;
  rnet.check_windows = 20;

  onet.samples = 1.2e6;
  onet.batch = 128;
  onet.loss_weights = {1, .5, 1};
  onet.mining_windows = 60;
  onet.check_windows = .1;
}

Result<TrainConfig> parse_config(const std::string& text, const std::string& name,
                                 const std::string& folder) {
  const toml::parse_result file = toml::parse(text, name);
  if (!file) {
    return Error{ErrorCode::kFormat, name + ":" + std::to_string(file.error().source().begin.line) + ": " +
                                         std::string(file.error().description())};
  }
  TrainConfig config;
  Reader reader(file.table(), "", name);
  visit(reader, config);
  reader.know("set");
  reader.know("validation");
  Status status = std::monostate{};
  for_each_table(config, [&](const char* key, const char*, auto& part) {
    reader.know(key);
    const toml::node* node = file.table().get(key);
    if (!node || !status) return;
    if (!node->is_table()) {
      status = Error{ErrorCode::kFormat,
                     name + ":" + std::to_string(node->source().begin.line) + ": expected [" + key + "]"};
      return;
    }
    Reader table(*node->as_table(), key, name);
    visit(table, part);
    status = table.finish();
  });
  if (status) status = reader.finish();
  if (status) status = read_sets(file.table(), "set", name, folder, config.sets);
  if (status) status = read_sets(file.table(), "validation", name, folder, config.validation);
  if (!status) return status.error();
  for (StageConfig* stage : {&config.pnet, &config.rnet, &config.onet})
    make_absolute(folder, stage->start_from);
  config.output = (std::filesystem::path(folder) / config.output).lexically_normal().string();

  const auto bad = [&](const std::string& what) { return Error{ErrorCode::kFormat, name + ": " + what}; };
  if (config.sets.empty()) return bad("there is no [[set]] of training images");
  const SampleConfig& s = config.samples;
  if (!(s.negative_iou <= s.part_iou && s.part_iou <= s.positive_iou)) {
    return bad("expected samples.negative_iou <= part_iou <= positive_iou");
  }
  if (config.rnet.face_share != 1 || config.onet.face_share != 1) {
    return bad(
        "expected rnet.face_share and onet.face_share of 1: their windows are the faces that P-Net found");
  }
  if (s.ratio[0] <= 0 || s.ratio[1] <= 0)
    return bad("samples.ratio: expected some negatives and some positives");
  for (const StageConfig* stage : {&config.pnet, &config.rnet, &config.onet}) {
    if (stage->optimizer != "adamw" && stage->optimizer != "sgd") {
      return bad("optimizer is \"" + stage->optimizer + "\", expected \"adamw\" or \"sgd\"");
    }
    if (stage->precision != "float32" && stage->precision != "bf16") {
      return bad("precision is \"" + stage->precision + "\", expected \"float32\" or \"bf16\"");
    }
    if (stage->landmark_loss != "squared" && stage->landmark_loss != "distance") {
      return bad("landmark_loss is \"" + stage->landmark_loss + "\", expected \"squared\" or \"distance\"");
    }
  }
  if (config.device != "auto" && config.device != "cpu" && config.device != "cuda") {
    return bad("device is \"" + config.device + "\", expected \"auto\", \"cpu\" or \"cuda\"");
  }
  return config;
}

Result<TrainConfig> load_config(const std::string& path) {
  const Result<std::vector<std::byte>> bytes = read_file(path, std::size_t{16} << 20);
  if (!bytes) return bytes.error();
  const std::string text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  return parse_config(text, path, std::filesystem::path(path).parent_path().string());
}

std::string example_config() {
  SetConfig set;
  set.name = "mine";
  set.format = "wider";
  set.labels = "labels.txt";
  set.images = "images";
  std::string text =
      "# Settings of `mtcnn train`. Every key but the sets may be left out; what stands here are the defaults.\n"
      "# Relative paths start from this file's folder.\n\n";
  text += settings_text(TrainConfig(), true);
  text += "\n# Photographs to learn from: as many of these as there are sets.\n" + set_text("set", set, true);
  set.name = "held back";
  set.labels = "validation.txt";
  text +=
      "\n# Photographs by which checkpoints are chosen, never those to be reported as a test. The same keys.\n" +
      set_text("validation", set, false);
  return text;
}

std::string config_text(const TrainConfig& config) {
  std::string text = settings_text(config, false);
  for (const SetConfig& set : config.sets) text += "\n" + set_text("set", set, false);
  for (const SetConfig& set : config.validation) text += "\n" + set_text("validation", set, false);
  return text;
}

}  // namespace mtcnn
