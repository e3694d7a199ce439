#include "apps/detector_flags.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "apps/command_line.h"
#include "apps/text.h"
#include "image/view.h"

namespace mtcnn {
namespace {

constexpr int kMaxThreads = 1024;

std::optional<std::array<float, 3>> parse_three(const std::string& text) {
  const auto numbers = parse_number_list(text);
  if (!numbers || numbers->size() != 3) return std::nullopt;
  return std::array{(*numbers)[0], (*numbers)[1], (*numbers)[2]};
}

// Three whole numbers, or one for all three.
std::optional<std::array<int, 3>> parse_caps(const std::string& text) {
  const auto numbers = parse_number_list(text);
  if (!numbers || (numbers->size() != 1 && numbers->size() != 3)) return std::nullopt;
  std::array<int, 3> caps{};
  for (std::size_t i = 0; i < 3; ++i) {
    const float number = (*numbers)[numbers->size() == 1 ? 0 : i];
    if (number < 0 || number > 1e9f || number != std::floor(number)) return std::nullopt;
    caps[i] = static_cast<int>(number);
  }
  return caps;
}

std::optional<Box> parse_box(const std::string& text) {
  const auto numbers = parse_number_list(text);
  if (!numbers || numbers->size() != 4) return std::nullopt;
  return Box{(*numbers)[0], (*numbers)[1], (*numbers)[2], (*numbers)[3]};
}

constexpr std::pair<std::string_view, std::string_view> kFlagsOfOptions[] = {
    {"factor", "--factor"},
    {"instruction_set", "--isa"},
    {"lnet", "--lnet"},
    {"max_candidates", "--max-candidates"},
    {"max_face", "--max-face"},
    {"min_face", "--min-face"},
    {"nms_level", "--nms-level"},
    {"nms_onet", "--nms-onet"},
    {"nms_pyramid", "--nms-pyramid"},
    {"nms_rnet", "--nms-rnet"},
    {"region", "--roi"},
    {"resize", "--resize"},
    {"threads", "--threads"},
    {"thresholds", "--thresholds"},
};

// A message about DetectorOptions, with the options' names as they are on the command line.
std::string with_flags(std::string_view message) {
  std::string text;
  while (!message.empty()) {
    // A word, or what stands between two.
    const auto in_word = [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); };
    const auto end = std::find_if(message.begin(), message.end(),
                                  [&](char c) { return in_word(c) != in_word(message.front()); });
    const std::string_view part = message.substr(0, static_cast<std::size_t>(end - message.begin()));
    const auto* const known = std::find_if(std::begin(kFlagsOfOptions), std::end(kFlagsOfOptions),
                                           [&](const auto& entry) { return entry.first == part; });
    text += known == std::end(kFlagsOfOptions) ? part : known->second;
    message.remove_prefix(part.size());
  }
  return text;
}

}  // namespace

void add_model_flag(CLI::App& app, std::string& model) {
  add_text(app, "--model", model, "model file (default: the built-in model)")
      ->type_name("FILE")
      ->envname("MTCNN_MODEL")
      ->group("Model");
}

void add_detector_flags(CLI::App& app, DetectorFlags& flags) {
  add_model_flag(app, flags.model);
  add_detector_options(app, flags);
}

void add_detector_options(CLI::App& app, DetectorFlags& flags) {
  DetectorOptions& options = flags.options;

  const char* const search = "What is searched";
  app.add_option("--min-face", options.min_face,
                 "smallest face side in pixels, at least 4; doubling it saves most of the time")
      ->type_name("PIXELS")
      ->capture_default_str()
      ->group(search);
  app.add_option("--max-face", options.max_face,
                 "largest face in pixels, the side of a square as large as its box; 0: no limit")
      ->type_name("PIXELS")
      ->capture_default_str()
      ->group(search);
  add_parsed(
      app, "--roi", parse_box, [&](Box box) { options.region = box; }, "four numbers LEFT,TOP,RIGHT,BOTTOM",
      "search only this rectangle of the image")
      ->type_name("L,T,R,B")
      ->group(search);
  add_parsed(
      app, "--resize", [](const std::string& text) { return parse_size(text); },
      [&](Size size) { options.resize = size; }, "a size like 640x480",
      "resize the image to this before the search; results stay in its own pixels")
      ->type_name("WxH")
      ->group(search);
  app.add_option("--factor", options.factor, "size of one pyramid level to the one before, .1 to .99")
      ->type_name("RATIO")
      ->capture_default_str()
      ->group(search);

  const char* const keep = "What is kept";
  add_parsed(
      app, "--thresholds", parse_three, [&](std::array<float, 3> values) { options.thresholds = values; },
      "three numbers like .6,.7,.7", "least scores of P-Net, R-Net and O-Net (default: the model's)")
      ->type_name("P,R,O")
      ->group(keep);
  app.add_flag("--largest", options.largest_only, "only the largest face of each image")->group(keep);
  app.add_option("--nms-level", options.nms_level,
                 "overlap of boxes above which the lower score goes: in a pyramid level")
      ->type_name("IOU")
      ->capture_default_str()
      ->group(keep);
  app.add_option("--nms-pyramid", options.nms_pyramid, "... across pyramid levels")
      ->type_name("IOU")
      ->capture_default_str()
      ->group(keep);
  app.add_option("--nms-rnet", options.nms_rnet, "... after R-Net")
      ->type_name("IOU")
      ->capture_default_str()
      ->group(keep);
  app.add_option("--nms-onet", options.nms_onet, "... after O-Net, of the smaller box")
      ->type_name("SHARE")
      ->capture_default_str()
      ->group(keep);
  add_parsed(
      app, "--max-candidates", parse_caps, [&](std::array<int, 3> caps) { options.max_candidates = caps; },
      "a whole number, or three like 1000,300,100",
      "most boxes that P-Net, R-Net, O-Net hand on (or one number); 0: no cap")
      ->type_name("P,R,O")
      ->group(keep);

  const char* const shape = "How faces are given";
  app.add_flag("--clip", options.clip, "cut the boxes at the image's edges")->group(shape);
  app.add_flag("--mirror-landmarks", options.mirror_landmarks,
               "average the points with those of the mirrored face (slower, steadier)")
      ->group(shape);
  app.add_flag("--lnet", options.lnet, "refine the points with L-Net, if the model has it")->group(shape);

  const char* const machine = "Machine";
  options.threads = 0;
  app.add_option("--threads", options.threads, "threads in all; 0: one per core")
      ->type_name("N")
      ->capture_default_str()
      ->check(whole_number(0, kMaxThreads))
      ->group(machine);
  app.add_option("--isa", options.instruction_set,
                 "instruction set: auto, scalar, or another that this machine has")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(machine);
  app.add_option("--max-pixels", flags.limits.max_pixels, "largest image that is read, width x height")
      ->type_name("N")
      ->capture_default_str()
      ->check(whole_number(1, kMaxImagePixels))
      ->group(machine);
}

Result<Detector> create_detector(const Model& model, const DetectorOptions& options) {
  Result<Detector> detector = Detector::create(model, options);
  if (detector) return detector;
  return Error{detector.error().code, with_flags(detector.error().message)};
}

Result<Model> load_model(const std::string& path) {
  if (!path.empty()) {
    Result<Model> model = Model::load(path);
    std::error_code error;
    if (model || path.ends_with(".safetensors") || !std::filesystem::exists(path, error)) return model;
    return Error{model.error().code,
                 model.error().message +
                     " (weights of other programs: 'mtcnn convert INPUT -o mtcnn.safetensors' first)"};
  }
  Result<Model> model = Model::builtin();
  if (model) return model;
  return Error{model.error().code,
               model.error().message +
                   ". Make one from other programs' weights with 'mtcnn convert FOLDER -o "
                   "mtcnn.safetensors', then name it: --model mtcnn.safetensors (or set MTCNN_MODEL)"};
}

int thread_count(int threads) {
  if (threads > 0) return threads;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxThreads);
}

}  // namespace mtcnn
