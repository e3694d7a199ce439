#ifndef MTCNN_TRAIN_SEARCH_H_
#define MTCNN_TRAIN_SEARCH_H_

#include <array>

#include "cascade/cascade.h"
#include "engine/model_data.h"
#include "train/config.h"

namespace mtcnn {

// The cascade as training runs it, to mine and to check alike: the first `stages` nets of `model`, with the
// score thresholds of each. Requires a valid model, which outlives the cascade, and a valid config.
Cascade search_cascade(const ModelData& model, const SearchConfig& search,
                       const std::array<double, 3>& thresholds, int stages);

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_SEARCH_H_
