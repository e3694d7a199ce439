#include "train/search.h"

#include <algorithm>

#include "kernels/kernels.h"
#include "mtcnn/detector.h"

namespace mtcnn {

Cascade search_cascade(const ModelData& model, const SearchConfig& search,
                       const std::array<double, 3>& thresholds, int stages) {
  DetectorOptions options;
  options.min_face = static_cast<float>(search.min_face);
  options.factor = search.factor;
  options.thresholds = std::array<float, 3>{};
  std::transform(thresholds.begin(), thresholds.end(), options.thresholds->begin(),
                 [](double threshold) { return static_cast<float>(threshold); });
  return Cascade(model, options, *find_kernels("auto"), stages);
}

}  // namespace mtcnn
