// A training run as one page: curves, checks, stages, settings, and what the sampler cuts.
#ifndef MTCNN_TRAIN_PAGE_H_
#define MTCNN_TRAIN_PAGE_H_

#include <string>

#include "mtcnn/result.h"

namespace mtcnn {

// Reads a training's output folder (pipeline.h): metrics.jsonl and, where they are there, config.toml and
// NET-samples.png. Writes report.html into it: self-contained, and well-formed XML. Lines that are not
// JSON are skipped: a kill can cut the last one short. Where a run that was resumed went over steps
// again, what it then recorded counts. Values that are missing or of another type are left out.
// Errors: kIo, kLimit (a file beyond any reason).
Status write_training_page(const std::string& folder);

}  // namespace mtcnn

#endif  // MTCNN_TRAIN_PAGE_H_
