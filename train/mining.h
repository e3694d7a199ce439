// The real cascade, as far as it is trained, over photographs: what the next net will be shown, and
// what the last one takes for faces that are none.
#ifndef MTCNN_TRAIN_MINING_H_
#define MTCNN_TRAIN_MINING_H_

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "engine/model_data.h"
#include "train/config.h"
#include "train/photographs.h"
#include "train/samples.h"

namespace mtcnn {

enum class Mine {
  kNext,  // windows that the next net would be shown: regressed and squared
  kOwn,   // windows that the last net was shown and took for faces
};

struct MiningOptions {
  int stages = 1;  // nets that run
  Mine mine = Mine::kNext;
  SearchConfig search;
  std::array<double, 3> thresholds{};
  int most = 100;  // windows of an image, best scores first
  int threads = 1;
  // Once this is true, no other photograph is begun: what is returned is of no use then.
  const std::atomic<bool>* stop = nullptr;
};

// How a training of this config searches with so many nets: on one thread, until told otherwise.
MiningOptions mining_options(const TrainConfig& config, Mine what, int stages);

// Called now and then with the number of photographs done, by one thread at a time.
using MiningProgress = std::function<void(std::size_t)>;

// The windows of every photograph, best score first; none of one that can't be read. Photographs whose index is
// not `part` modulo `parts` are left out: processes share the work. Requires a valid model.
MinedWindows mine(const ModelData& model, const MiningOptions& options, const Photographs& photographs,
                  ImageCache& images, std::size_t part = 0, std::size_t parts = 1,
                  const MiningProgress& progress = {});

// What the windows depend on: the photographs with their labels, and how they are searched, by what weights. Of the
// last net of Mine::kOwn no weights count: a run that is resumed has others by then than when it searched.
std::string mining_key(const ModelData& model, const MiningOptions& options, const Photographs& photographs);

// Mined windows in a file, so that a run that is resumed need not search again. `key` tells what they were
// mined with.
Status save_mined(const std::string& path, const std::string& key, const MinedWindows& windows);
// Errors: kIo; kFormat if the file is damaged, has another key or another number of photographs.
Result<MinedWindows> load_mined(const std::string& path, const std::string& key, std::size_t photographs);

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_MINING_H_
