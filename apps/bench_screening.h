// Whether screening loses anything: on photographs, both ways.
#ifndef MTCNN_APPS_BENCH_SCREENING_H_
#define MTCNN_APPS_BENCH_SCREENING_H_

#include <string>
#include <vector>

#include "engine/model_data.h"
#include "kernels/kernels.h"

namespace mtcnn {

// Prints how far the rough scores are off on these photographs at the models' own threshold, and what screening with the given
// kernels, which must be able to screen, would lose. Photographs that can't be read are left out. True if nothing is lost.
bool bench_screening(const ModelData& data, const Kernels& kernels,
                     const std::vector<std::string>& photographs, const std::vector<float>& min_faces);

}  // namespace mtcnn

#endif  // MTCNN_APPS_BENCH_SCREENING_H_
