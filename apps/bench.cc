// mtcnn bench: how fast the cascade is on this machine, and where its time goes.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/bench_peak.h"
#include "apps/bench_profile.h"
#include "apps/bench_screening.h"
#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/detector_flags.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "apps/table.h"
#include "apps/text.h"
#include "cascade/cascade.h"
#include "codecs/image_io.h"
#include "image/resample.h"
#include "kernels/kernels.h"

namespace mtcnn {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr const char* kFooter =
    "Photographs are scaled to fill each size, and cut where they are too long. Cases take turns, so that what\n"
    "disturbs the machine for a while disturbs all alike; medians and quartiles of the rounds are given.\n"
    "\n"
    "Examples:\n"
    "  mtcnn bench few.jpg many.jpg\n"
    "  mtcnn bench --sizes 1080p --min-face 40 --threads 1,2 photo.jpg\n"
    "  mtcnn bench --profile photo.jpg      every layer, beside what the processor can do\n"
    "  mtcnn bench --kernels photo.jpg      every layer with every instruction set\n"
    "\n"
    "Exit status: 0 fine; 1 a photograph can't be read; 2 wrong usage.";

struct NamedSize {
  const char* name;
  Size size;
};
constexpr NamedSize kSizes[] = {
    {"vga", {640, 480}}, {"720p", {1280, 720}}, {"1080p", {1920, 1080}}, {"4k", {3840, 2160}}};

struct Flags {
  std::string model;
  std::vector<std::string> photographs;
  std::vector<NamedSize> sizes{std::begin(kSizes), std::end(kSizes)};
  std::vector<float> min_faces{20, 40, 80};
  std::vector<float> threads{1, 0};
  std::string instruction_set = "auto";
  double seconds = 2;
  bool profile = false, kernels = false, screening = false, json = false;
};

std::optional<std::vector<NamedSize>> parse_sizes(const std::string& text) {
  std::vector<NamedSize> sizes;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string name = text.substr(begin, end - begin);
    const auto known = std::find_if(std::begin(kSizes), std::end(kSizes),
                                    [&](const NamedSize& size) { return name == size.name; });
    if (known != std::end(kSizes)) {
      sizes.push_back(*known);
    } else if (const auto size = parse_size(name)) {
      sizes.push_back({nullptr, *size});
    } else {
      return std::nullopt;
    }
    begin = end + 1;
  }
  return sizes;
}

std::string text_of(const NamedSize& size) {
  if (size.name) return size.name;
  return std::to_string(size.size.width) + "x" + std::to_string(size.size.height);
}

// The middle of the photograph that has the form of `size`, in that size.
Image filled(const Image& photograph, Size size) {
  const double scale = std::min(photograph.width / static_cast<double>(size.width),
                                photograph.height / static_cast<double>(size.height));
  const double left = (photograph.width - scale * size.width) / 2;
  const double top = (photograph.height - scale * size.height) / 2;
  AxisTaps horizontal, vertical;
  make_taps(left, photograph.width - left, size.width, 0, size.width, photograph.width, horizontal);
  make_taps(top, photograph.height - top, size.height, 0, size.height, photograph.height, vertical);
  Image result{size.width, size.height, {}};
  const std::size_t count =
      std::size_t{3} * static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height);
  AlignedFloats values(count + kSlack);
  ResampleScratch scratch;
  resample(photograph.view(), horizontal, vertical, 0, 1, *find_kernels("auto"), scratch, values.data());
  result.rgb.resize(count);
  std::transform(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count), result.rgb.begin(),
                 [](float value) { return static_cast<std::uint8_t>(std::clamp(value + .5f, 0.f, 255.f)); });
  return result;
}

// The value below which this share of them lies.
double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double at = share * static_cast<double>(values.size() - 1);
  const std::size_t low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (at - static_cast<double>(low)) * (values[high] - values[low]);
}

// What is measured: one detector on one image.
struct Case {
  std::string photograph;
  NamedSize size;
  float min_face = 0;
  int threads = 0;
  const Image* image = nullptr;
  std::optional<Cascade> cascade;
  std::unique_ptr<CascadeWorkspace> workspace;
  std::vector<double> seconds;
  std::size_t bytes = 0, faces = 0;
  std::array<std::size_t, 2> windows{};  // shown to R-Net and O-Net
};

struct Picture {
  std::string name;
  NamedSize size;
  Image image;
};

DetectorOptions options_of(const ModelData& data, float min_face, int threads) {
  DetectorOptions options;
  options.min_face = min_face;
  options.threads = threads;
  options.thresholds = data.thresholds;
  return options;
}

double run_once(Case& one) {
  const Clock::time_point begin = Clock::now();
  one.cascade->run(one.image->view(), *one.workspace, nullptr);
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The table of the cascade's times.
Json measure(const Flags& flags, const ModelData& data, const std::vector<Picture>& pictures,
             const Kernels& kernels) {
  std::vector<Case> cases;
  for (const Picture& picture : pictures) {
    for (const float min_face : flags.min_faces) {
      for (const float threads : flags.threads) {
        Case one;
        one.photograph = picture.name;
        one.size = picture.size;
        one.min_face = min_face;
        one.threads = thread_count(static_cast<int>(threads));
        one.image = &picture.image;
        one.cascade.emplace(data, options_of(data, min_face, one.threads), kernels);
        one.workspace = std::make_unique<CascadeWorkspace>();
        cases.push_back(std::move(one));
      }
    }
  }
  double round = 0;
  for (Case& one : cases) {
    Trace trace;
    one.cascade->run(one.image->view(), *one.workspace, &trace);
    one.windows = {trace.pnet.size(), trace.rnet.size()};
    one.faces = trace.faces.size();
    round += run_once(one);
    one.bytes = one.workspace->bytes();
  }
  // Five rounds at least: quartiles of fewer say nothing.
  const double asked = flags.seconds * static_cast<double>(cases.size());
  const int rounds = std::clamp(static_cast<int>(asked / round), 5, 10000);
  Progress progress(rounds, "rounds");
  for (int i = 0; i < rounds; ++i) {
    for (Case& one : cases) one.seconds.push_back(run_once(one));
    progress.step();
  }
  progress.hide();

  Json list = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (const Case& one : cases) {
    const double median = quantile(one.seconds, .5);
    list.push_back(
        {{"photograph", one.photograph},
         {"width", one.size.size.width},
         {"height", one.size.size.height},
         {"min_face", one.min_face},
         {"threads", one.threads},
         {"instruction_set", kernels.name},
         {"rnet_windows", one.windows[0]},
         {"onet_windows", one.windows[1]},
         {"faces", one.faces},
         {"seconds",
          {{"median", median}, {"quartiles", {quantile(one.seconds, .25), quantile(one.seconds, .75)}}}},
         {"rounds", rounds},
         {"workspace_bytes", one.bytes}});
    rows.push_back({printable(one.photograph), text_of(one.size), format_float(one.min_face),
                    std::to_string(one.threads), format_count(static_cast<std::int64_t>(one.windows[0])),
                    format_count(static_cast<std::int64_t>(one.windows[1])),
                    format_count(static_cast<std::int64_t>(one.faces)), format_fixed(1e3 * median, 2),
                    format_fixed(1e3 * quantile(one.seconds, .25), 2) + " - " +
                        format_fixed(1e3 * quantile(one.seconds, .75), 2),
                    format_fixed(1 / median, 1),
                    format_fixed(static_cast<double>(one.bytes) / (1 << 20), 1)});
  }
  if (!flags.json) {
    std::printf("%s\n%s", kernels.name,
                format_table({{"photograph", false},
                              {"size", false},
                              {"min face"},
                              {"threads"},
                              {"to R-Net"},
                              {"to O-Net"},
                              {"faces"},
                              {"ms"},
                              {"quartiles"},
                              {"a second"},
                              {"MiB"}},
                             rows)
                    .c_str());
  }
  return list;
}

// One thread's time, part by part. The parts' medians are not known, only their sums: of the rounds, the half that
// were quickest count.
struct Profiled {
  std::vector<ProfilePart> parts;  // of one image
  double seconds = 0;
};

Profiled profile(const ModelData& data, const Image& image, float min_face, double seconds,
                 const Kernels& kernels) {
  Profile watch(kernels);
  const Cascade cascade(data, options_of(data, min_face, 1), watch.kernels());
  CascadeWorkspace workspace;
  std::vector<Profiled> rounds;
  double sum = 0;
  cascade.run(image.view(), workspace, nullptr);
  while (rounds.size() < 5 || sum < seconds) {
    watch.clear();
    const Clock::time_point begin = Clock::now();
    watch.begin();
    cascade.run(image.view(), workspace, nullptr);
    watch.end();
    rounds.push_back({watch.parts(), std::chrono::duration<double>(Clock::now() - begin).count()});
    sum += rounds.back().seconds;
  }
  std::sort(rounds.begin(), rounds.end(),
            [](const Profiled& a, const Profiled& b) { return a.seconds < b.seconds; });
  rounds.resize((rounds.size() + 1) / 2);
  Profiled mean = rounds[0];
  for (std::size_t r = 1; r < rounds.size(); ++r) {
    mean.seconds += rounds[r].seconds;
    for (std::size_t i = 0; i < mean.parts.size(); ++i) mean.parts[i].seconds += rounds[r].parts[i].seconds;
  }
  const double count = static_cast<double>(rounds.size());
  mean.seconds /= count;
  for (ProfilePart& part : mean.parts) part.seconds /= count;
  return mean;
}

Json json_of(const Profiled& profiled) {
  Json parts = Json::array();
  for (const ProfilePart& part : profiled.parts) {
    parts.push_back({{"stage", part.stage},
                     {"part", part.name},
                     {"seconds", part.seconds},
                     {"calls", part.calls},
                     {"flop", part.flop},
                     {"bytes", part.bytes}});
  }
  return {{"seconds", profiled.seconds}, {"parts", parts}};
}

Json measure_profile(const Flags& flags, const ModelData& data, const std::vector<Picture>& pictures,
                     const Kernels& kernels) {
  const double peak = peak_flop(kernels.name);
  const double bandwidth = memory_bandwidth();
  Json all{{"instruction_set", kernels.name}, {"peak_flop", peak}, {"memory_bandwidth", bandwidth}};
  all["profiles"] = Json::array();
  if (!flags.json) {
    std::printf(
        "One core with %s: %s GFLOP/s at best, %s GB/s out of memory; the roofline bends at %s FLOP a byte.\n",
        kernels.name, format_fixed(peak / 1e9, 1).c_str(), format_fixed(bandwidth / 1e9, 1).c_str(),
        format_fixed(peak / bandwidth, 1).c_str());
  }
  for (const Picture& picture : pictures) {
    for (const float min_face : flags.min_faces) {
      const Profiled profiled = profile(data, picture.image, min_face, flags.seconds, kernels);
      Json entry = json_of(profiled);
      entry["photograph"] = picture.name;
      entry["width"] = picture.size.size.width;
      entry["height"] = picture.size.size.height;
      entry["min_face"] = min_face;
      all["profiles"].push_back(entry);
      if (flags.json) continue;
      std::printf("\n%s, %s, minimum face %s, one thread: %s ms\n", printable(picture.name).c_str(),
                  text_of(picture.size).c_str(), format_float(min_face).c_str(),
                  format_fixed(1e3 * profiled.seconds, 2).c_str());
      std::vector<std::vector<std::string>> rows;
      for (const ProfilePart& part : profiled.parts) {
        const bool works = part.flop > 0 && part.seconds > 0;
        rows.push_back({part.stage, part.name, format_fixed(1e3 * part.seconds, 3),
                        format_fixed(100 * part.seconds / profiled.seconds, 1),
                        works ? format_fixed(part.flop / 1e6, 1) : "",
                        works ? format_fixed(part.bytes / 1e6, 1) : "",
                        works ? format_fixed(part.flop / part.bytes, 1) : "",
                        works ? format_fixed(part.flop / part.seconds / 1e9, 1) : "",
                        works && peak > 0 ? format_fixed(100 * part.flop / part.seconds / peak, 0) : ""});
      }
      std::printf("%s", format_table({{"stage", false},
                                      {"part", false},
                                      {"ms"},
                                      {"%"},
                                      {"MFLOP"},
                                      {"MB"},
                                      {"FLOP/B"},
                                      {"GFLOP/s"},
                                      {"% of peak"}},
                                     rows)
                            .c_str());
    }
  }
  return all;
}

// Every layer with every instruction set.
Json measure_kernels(const Flags& flags, const ModelData& data, const std::vector<Picture>& pictures) {
  Json all = Json::array();
  const auto sets = available_kernels();
  for (const Picture& picture : pictures) {
    for (const float min_face : flags.min_faces) {
      std::vector<Column> columns{{"stage", false}, {"part", false}};
      std::vector<std::vector<std::string>> rows;
      for (const Kernels* const set : sets) {
        const double peak = peak_flop(set->name);
        const Profiled profiled = profile(data, picture.image, min_face, flags.seconds, *set);
        Json entry = json_of(profiled);
        entry["photograph"] = picture.name;
        entry["width"] = picture.size.size.width;
        entry["height"] = picture.size.size.height;
        entry["min_face"] = min_face;
        entry["instruction_set"] = set->name;
        entry["peak_flop"] = peak;
        all.push_back(entry);
        columns.push_back({set->name});
        columns.push_back({"% of peak"});
        // A set that rounds otherwise may, at the edge of a threshold, show a net nothing: rows go by name.
        for (const ProfilePart& part : profiled.parts) {
          if (part.flop == 0) continue;
          auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](const auto& r) { return r[0] == part.stage && r[1] == part.name; });
          if (row == rows.end()) row = rows.insert(rows.end(), {part.stage, part.name});
          row->resize(columns.size() - 2);
          row->push_back(format_fixed(part.flop / part.seconds / 1e9, 1));
          row->push_back(peak > 0 ? format_fixed(100 * part.flop / part.seconds / peak, 0) : "");
        }
      }
      for (auto& row : rows) row.resize(columns.size());
      if (!flags.json) {
        std::printf("%s, %s, minimum face %s, one thread: GFLOP/s\n%s\n", printable(picture.name).c_str(),
                    text_of(picture.size).c_str(), format_float(min_face).c_str(),
                    format_table(columns, rows).c_str());
      }
    }
  }
  return all;
}

void add_flags(CLI::App& app, Flags& flags) {
  add_model_flag(app, flags.model);
  add_paths(app, "PHOTO", flags.photographs, "photographs to look at")->required()->type_name("");
  add_parsed(
      app, "--sizes", parse_sizes, [&](std::vector<NamedSize> sizes) { flags.sizes = std::move(sizes); },
      "a list of vga, 720p, 1080p, 4k and sizes like 800x600",
      "sizes that photographs are brought to (default: vga,720p,1080p,4k)")
      ->type_name("LIST");
  add_parsed(
      app, "--min-face", [](const std::string& text) { return parse_number_list(text); },
      [&](std::vector<float> list) { flags.min_faces = std::move(list); }, "a list of numbers",
      "smallest face sides, pixels (default: 20,40,80)")
      ->type_name("LIST");
  add_parsed(
      app, "--threads", [](const std::string& text) { return parse_number_list(text); },
      [&](std::vector<float> list) { flags.threads = std::move(list); }, "a list of numbers",
      "threads; 0: one per core (default: 1,0)")
      ->type_name("LIST");
  add_text(app, "--isa", flags.instruction_set,
           "instruction set: auto, scalar, or another that this machine has")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--seconds", flags.seconds, "time for each case")
      ->type_name("S")
      ->capture_default_str()
      ->check(in_range(.001, 1e5));
  CLI::Option* const profile =
      app.add_flag("--profile", flags.profile,
                   "where one thread's time goes, in FLOP and bytes, beside what the processor can do");
  app.add_flag("--kernels", flags.kernels, "every layer with every instruction set")->excludes(profile);
  app.add_flag("--screening", flags.screening,
               "whether screening loses anything: how far its rough scores are off on these photographs")
      ->group("");
  app.add_flag("--json", flags.json, "as one JSON object");
}

}  // namespace

int run_bench(int argc, const char* const* argv) {
  CLI::App app("Measures how fast the cascade is on this machine, and where its time goes.", "mtcnn bench");
  app.footer(kFooter);
  Flags flags;
  add_flags(app, flags);
  if (const auto status = parse_command_line(app, argc, argv)) return *status;

  const Kernels* const kernels = find_kernels(flags.instruction_set);
  if (!kernels)
    return usage_error("bench", "--isa: this machine and this build have no '" + flags.instruction_set + "'");
  const auto model = load_model(flags.model);
  if (!model) return usage_error("bench", printable(model.error().message));
  for (const float min_face : flags.min_faces) {
    for (const float threads : flags.threads) {
      DetectorOptions options = options_of(model->data(), min_face, static_cast<int>(threads));
      if (threads != std::floor(threads)) return usage_error("bench", "--threads: whole numbers, please");
      if (const auto detector = create_detector(*model, options); !detector)
        return usage_error("bench", detector.error().message);
    }
  }
  if (flags.screening) {
    if (!kernels->screen)
      return usage_error("bench", std::string("--screening: nothing is screened with ") + kernels->name);
    return bench_screening(model->data(), *kernels, flags.photographs, flags.min_faces) ? kExitOk
                                                                                        : kExitFailed;
  }
  std::vector<Picture> pictures;
  for (const std::string& path : flags.photographs) {
    const auto photograph = load_image(path);
    if (!photograph) {
      std::fprintf(stderr, "mtcnn bench: %s\n", printable(photograph.error().message).c_str());
      return kExitFailed;
    }
    for (const NamedSize& size : flags.sizes)
      pictures.push_back({path, size, filled(*photograph, size.size)});
  }

  Json json;
  if (flags.profile) {
    json = measure_profile(flags, model->data(), pictures, *kernels);
  } else if (flags.kernels) {
    json = measure_kernels(flags, model->data(), pictures);
  } else {
    json = measure(flags, model->data(), pictures, *kernels);
  }
  if (flags.json) std::printf("%s\n", json.dump(1).c_str());
  return kExitOk;
}

}  // namespace mtcnn
