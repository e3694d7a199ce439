// How large FDDB's photographs are. Its evaluator needs nothing else of them: with their sizes alone our
// curves are the official ones, without them regions end elsewhere at the right and at the bottom.
#ifndef MTCNN_EVAL_FDDB_SIZES_H_
#define MTCNN_EVAL_FDDB_SIZES_H_

#include <optional>
#include <string>

#include "mtcnn/types.h"

namespace mtcnn {

// Of one of FDDB's 2,845 photographs, by its name in the lists of the folds ("2002/08/11/big/img_591");
// nothing for any other name.
std::optional<Size> fddb_image_size(const std::string& name);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_FDDB_SIZES_H_
