// What all HTML pages of this project share, beside the charts (svg_plot.h).
#ifndef MTCNN_EVAL_HTML_H_
#define MTCNN_EVAL_HTML_H_

#include <cstddef>
#include <span>
#include <string>

namespace mtcnn {

// The CSS of a page with charts, tables and pictures, light and dark: what stands in <style>. Defined in
// report_page.cc, whose elements it is for.
std::string page_style();

// Bytes for a data: URI (RFC 4648).
std::string base64(std::span<const std::byte> bytes);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_HTML_H_
