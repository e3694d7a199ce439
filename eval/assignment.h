// Who is matched to whom: the assignment problem, solved by the Hungarian algorithm.
#ifndef MTCNN_EVAL_ASSIGNMENT_H_
#define MTCNN_EVAL_ASSIGNMENT_H_

#include <cstddef>
#include <span>
#include <vector>

namespace mtcnn {

// Gives rows and columns at most one partner each, so that the sum of the pairs' weights is the
// largest possible. `weights`: rows x columns, row by row, finite and none below 0. Returns each
// row's column, or -1; pairs of weight 0 are never made. Takes time in the order of min(rows,
// columns)^2 x max(rows, columns).
std::vector<int> assign(std::span<const double> weights, std::size_t rows, std::size_t columns);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_ASSIGNMENT_H_
