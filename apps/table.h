// Columns of text.
#ifndef MTCNN_APPS_TABLE_H_
#define MTCNN_APPS_TABLE_H_

#include <string>
#include <vector>

namespace mtcnn {

// A column's heading; numbers look right aligned, names left.
struct Column {
  std::string heading;
  bool right = true;
};

// The headings and the rows as lines, each column as wide as its widest cell, two spaces between
// columns and `indent` before the first, no spaces at the end of a line. Every row must have a cell
// for each column. Widths count UTF-8 characters.
std::string format_table(const std::vector<Column>& columns,
                         const std::vector<std::vector<std::string>>& rows, int indent = 0);

}  // namespace mtcnn

#endif  // MTCNN_APPS_TABLE_H_
