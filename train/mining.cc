#include "train/mining.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "cascade/cascade.h"
#include "nets/mtcnn_nets.h"
#include "train/fingerprint.h"
#include "train/search.h"
#include "util/file.h"
#include "util/parallel.h"

namespace mtcnn {
namespace {

template <typename T>
void append(std::vector<std::byte>& bytes, const T& value) {
  const auto* from = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), from, from + sizeof value);
}

template <typename T>
bool take(std::span<const std::byte>& bytes, T& value) {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes = bytes.subspan(sizeof value);
  return true;
}

// From this score on a net that still learns takes a window for a face: its scores have not been moved yet.
constexpr double kTaken = .05;
constexpr std::uint64_t kMagic = 0x31646e696d6d746dU;  // "mtmmind1"

}  // namespace

MiningOptions mining_options(const TrainConfig& config, Mine what, int stages) {
  const StageConfig* const nets[] = {&config.pnet, &config.rnet, &config.onet};
  MiningOptions options;
  options.mine = what;
  options.stages = stages;
  options.search = config.mining;
  options.thresholds = {config.pnet.mining_threshold, config.rnet.mining_threshold, kTaken};
  if (what == Mine::kOwn) options.thresholds[static_cast<std::size_t>(stages) - 1] = kTaken;
  options.most = nets[stages - 1]->mining_windows;
  return options;
}

MinedWindows mine(const ModelData& model, const MiningOptions& options, const Photographs& photographs,
                  ImageCache& images, std::size_t part, std::size_t parts, const MiningProgress& progress) {
  const Cascade cascade = search_cascade(model, options.search, options.thresholds, options.stages);

  MinedWindows mined(photographs.list.size());
  ThreadPool pool(options.threads);
  std::vector<CascadeWorkspace> workspaces(static_cast<std::size_t>(pool.threads()));
  std::mutex mutex;
  std::size_t done = 0;
  pool.for_each(static_cast<int>(photographs.list.size()), [&](int task, int worker) {
    const std::size_t index = static_cast<std::size_t>(task);
    if (index % parts != part || (options.stop && *options.stop)) return;
    if (const auto pixels = images.get(photographs.list[index].file)) {
      CascadeWorkspace& workspace = workspaces[static_cast<std::size_t>(worker)];
      cascade.run((*pixels)->image.view(), workspace, nullptr);
      std::vector<ScoredBox>& windows = mined[index];
      if (options.mine == Mine::kNext) {
        windows = workspace.windows;
      } else if (options.stages == 1) {
        for (const Proposal& proposal : workspace.proposals) windows.push_back(proposal.window);
      } else {
        for (const AcceptedWindow& accepted : workspace.detections) windows.push_back(accepted.window);
      }
      std::stable_sort(windows.begin(), windows.end(),
                       [](const ScoredBox& a, const ScoredBox& b) { return a.score > b.score; });
      windows.resize(std::min(windows.size(), static_cast<std::size_t>(options.most)));
      for (ScoredBox& window : windows) window.box = scaled(window.box, 1 / (*pixels)->scale);
    }
    const std::lock_guard lock(mutex);
    ++done;
    if (progress && done % 16 == 0) progress(done);
  });
  return mined;
}

std::string mining_key(const ModelData& model, const MiningOptions& options, const Photographs& photographs) {
  const bool own = options.mine == Mine::kOwn;
  Fingerprint hash;
  hash.add(own);
  hash.add(options.stages);
  hash.add(options.most);
  hash.add(options.search.min_face);
  hash.add(options.search.factor);
  for (int stage = 0; stage < options.stages; ++stage)
    hash.add(options.thresholds[static_cast<std::size_t>(stage)]);
  const NetSpec* const nets[] = {&kPNet, &kRNet, &kONet};
  for (int stage = 0; stage < (own ? options.stages - 1 : options.stages); ++stage) {
    for (const ParameterSpec& parameter : parameters(*nets[stage])) {
      const auto found = model.tensors.find(parameter.name);
      if (found != model.tensors.end()) hash.add(std::as_bytes(std::span(found->second.values)));
    }
  }
  return hexadecimal(fingerprint(photographs)) + " " + hexadecimal(hash.value());
}

Status save_mined(const std::string& path, const std::string& key, const MinedWindows& windows) {
  std::vector<std::byte> bytes;
  append(bytes, kMagic);
  append(bytes, std::uint64_t{key.size()});
  for (const char c : key) bytes.push_back(static_cast<std::byte>(c));
  append(bytes, std::uint64_t{windows.size()});
  for (const std::vector<ScoredBox>& list : windows) {
    append(bytes, std::uint64_t{list.size()});
    for (const ScoredBox& window : list) append(bytes, window);
  }
  Fingerprint sum;
  sum.add(bytes);
  append(bytes, sum.value());
  return write_file(path, bytes, true);
}

Result<MinedWindows> load_mined(const std::string& path, const std::string& key, std::size_t photographs) {
  const Result<std::vector<std::byte>> file = read_file(path, std::size_t{1} << 34);
  if (!file) return file.error();
  const auto bad = [&](const char* what) { return Error{ErrorCode::kFormat, path + ": " + what}; };
  std::span<const std::byte> bytes = *file;
  std::uint64_t hash = 0, value = 0;
  if (bytes.size() < sizeof hash) return bad("is cut short");
  std::memcpy(&hash, bytes.data() + bytes.size() - sizeof hash, sizeof hash);
  bytes = bytes.first(bytes.size() - sizeof hash);
  Fingerprint sum;
  sum.add(bytes);
  if (hash != sum.value()) return bad("is damaged");
  if (!take(bytes, value) || value != kMagic) return bad("does not hold mined windows");
  if (!take(bytes, value) || value > bytes.size()) return bad("is damaged");
  if (std::string(reinterpret_cast<const char*>(bytes.data()), value) != key) {
    return bad("was mined with another model or other settings");
  }
  bytes = bytes.subspan(value);
  if (!take(bytes, value) || value != photographs) return bad("is of other photographs");
  MinedWindows windows(photographs);
  for (std::vector<ScoredBox>& list : windows) {
    if (!take(bytes, value) || value > bytes.size() / sizeof(ScoredBox)) return bad("is damaged");
    list.resize(value);
    for (ScoredBox& window : list) {
      if (!take(bytes, window)) return bad("is damaged");
    }
  }
  return windows;
}

}  // namespace mtcnn
