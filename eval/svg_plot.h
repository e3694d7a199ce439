// Line charts as SVG, to be put into an HTML page or to stand alone.
//
// By hand: what PLplot writes is a picture with a background and with colours in every line, which
// a dark page can't change, without words for those who can't see it, and by way of global state;
// MathGL's licence is not ours. And a chart is axes, lines and words.
#ifndef MTCNN_EVAL_SVG_PLOT_H_
#define MTCNN_EVAL_SVG_PLOT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mtcnn {

struct SvgAxis {
  std::string label;
  double low = 0;
  double high = 1;
  bool log = false;      // logarithmic; low and high must be above 0
  bool percent = false;  // values are shares, shown as percentages
};

struct SvgSeries {
  std::string name;
  std::string figure{};   // said beside the name in the legend: "AP 0.8510"; may be empty
  std::size_t style = 0;  // colour and dashes, counted around kSvgStyles
  std::vector<std::pair<double, double>> points;  // joined in this order
};

struct SvgPlot {
  std::string title;
  std::string description;  // what the chart shows, for those who can't see it
  SvgAxis x, y;
  std::vector<SvgSeries> series;
};

inline constexpr std::size_t kSvgStyles = 6;

// The chart: an <svg> element with the title above the axes and the legend below. Its size is given
// by a view box, so it takes the width that it is given. What lies outside the axes is cut off;
// points that would draw the same pixels are left out, so that a curve of 100,000 points is no
// larger than one of 500. Points that are not finite, or not above 0 on a logarithmic axis, are
// skipped. All text is escaped. `id` must be unique on the page and of letters, digits and hyphens.
// Requires finite axes, low < high, both above 0 if logarithmic.
std::string svg_plot(const SvgPlot& plot, std::string_view id);

// The same as a file of its own, as browsers show it.
std::string svg_file(const SvgPlot& plot);

// The CSS that charts, and svg_swatch(), need once on the page: colours for light and dark pages
// (by prefers-color-scheme) that people of all kinds of colour vision can tell apart, and, for print
// and for those who see none, dashes.
std::string svg_plot_style();

// A short line in a style, for tables and legends outside of charts.
std::string svg_swatch(std::size_t style);

// Round numbers within [low, high], rising, that divide an axis into at most `most` parts: 1, 2, 2.5
// or 5 times a power of ten apart; on a logarithmic axis powers of ten, at most `most` numbers, with
// 2 and 5 times those between them if they fit.
std::vector<double> nice_ticks(const SvgAxis& axis, std::size_t most);

// The least round number that is not below `value`: 1, 2, 2.5 or 5 times a power of ten. Requires value > 0.
double nice_ceiling(double value);

// UTF-8 text for HTML and SVG, in content and in quoted attributes: & < > " ' become entities, control
// characters but tab and newline U+FFFD.
std::string escape_html(std::string_view text);

}  // namespace mtcnn

#endif  // MTCNN_EVAL_SVG_PLOT_H_
