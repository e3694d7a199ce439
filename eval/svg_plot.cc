#include "eval/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace mtcnn {
namespace {

// All in units of the view box; a page shows about one pixel for each.
constexpr double kWidth = 420;
constexpr double kLeft = 60, kRight = kWidth - 20;
constexpr double kTop = 34, kBottom = 280;
constexpr double kLegendTop = kBottom + 60, kLegendRow = 18;
constexpr std::size_t kLegendCharacters = 43;  // that fit into a row, in a wide font
constexpr std::size_t kMostTicks = 6;
constexpr std::size_t kMostLogTicks = 10;
// Points nearer to each other than this are one.
constexpr double kSamePoint = .4;

std::string number(double value, const char* format) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string pixel(double value) { return number(value, "%.4g"); }

double place(const SvgAxis& axis, double value) {
  if (!axis.log) return (value - axis.low) / (axis.high - axis.low);
  return std::log(value / axis.low) / std::log(axis.high / axis.low);
}

double x_pixel(const SvgAxis& axis, double value) { return kLeft + place(axis, value) * (kRight - kLeft); }

double y_pixel(const SvgAxis& axis, double value) { return kBottom - place(axis, value) * (kBottom - kTop); }

std::string tick_text(const SvgAxis& axis, double value) {
  if (axis.percent) return number(100 * value, "%.6g") + " %";
  std::string text = number(value, "%.10g");
  if (text.find_first_not_of("0123456789") == std::string::npos) {
    for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, ',');
  }
  return text;
}

std::string line(const char* kind, double x1, double y1, double x2, double y2) {
  return std::string("<line class=\"") + kind + "\" x1=\"" + pixel(x1) + "\" y1=\"" + pixel(y1) + "\" x2=\"" +
         pixel(x2) + "\" y2=\"" + pixel(y2) + "\"/>\n";
}

std::string words(const char* kind, double x, double y, const std::string& text) {
  return std::string("<text class=\"") + kind + "\" x=\"" + pixel(x) + "\" y=\"" + pixel(y) + "\">" +
         escape_html(text) + "</text>\n";
}

std::string style_class(std::size_t style) { return "line s" + std::to_string(style % kSvgStyles); }

std::string path_of(const SvgPlot& plot, const SvgSeries& series) {
  // Far outside is as good as farther outside, and has fewer digits.
  const auto bounded = [](double value) { return std::clamp(value, -2 * kWidth, 3 * kWidth); };
  std::vector<std::pair<double, double>> pixels;
  for (const auto& [x, y] : series.points) {
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    if ((plot.x.log && x <= 0) || (plot.y.log && y <= 0)) continue;
    pixels.emplace_back(bounded(x_pixel(plot.x, x)), bounded(y_pixel(plot.y, y)));
  }
  std::string path;
  std::pair<double, double> last;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const auto& [x, y] = pixels[i];
    const bool near = std::abs(x - last.first) < kSamePoint && std::abs(y - last.second) < kSamePoint;
    if (i > 0 && near && i + 1 < pixels.size()) continue;
    path += i == 0 ? 'M' : 'L';
    path += number(x, "%.1f") + ',' + number(y, "%.1f");
    last = pixels[i];
  }
  // A line of no length is drawn as a dot, by its round ends.
  if (pixels.size() == 1) path += "h0";
  return path;
}

// The first `most` characters, the last of them "…" if there are more.
std::string shortened(const std::string& text, std::size_t most) {
  std::size_t characters = 0, cut = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) continue;  // within a character
    if (++characters == most) cut = i;
  }
  return characters > most ? text.substr(0, cut) + "…" : text;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default:
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n') || c == 0x7f) {
          escaped += "\uFFFD";
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

double nice_ceiling(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double factor : {1., 2., 2.5, 5., 10.}) {
    // As near as rounding allows is no need for the next one.
    if (factor * power >= value * (1 - 1e-12)) return factor * power;
  }
  return 10 * power;
}

std::vector<double> nice_ticks(const SvgAxis& axis, std::size_t most) {
  std::vector<double> ticks;
  const double slack = 1e-9;
  if (axis.log) {
    const int first = static_cast<int>(std::floor(std::log10(axis.low)));
    const int last = static_cast<int>(std::ceil(std::log10(axis.high)));
    const auto fill = [&](int step, std::initializer_list<double> factors) {
      ticks.clear();
      for (int power = first; power <= last; power += step) {
        for (const double factor : factors) {
          const double tick = factor * std::pow(10., power);
          if (tick >= axis.low * (1 - slack) && tick <= axis.high * (1 + slack)) ticks.push_back(tick);
        }
      }
      return ticks.size() <= most;
    };
    if (fill(1, {1, 2, 5})) return ticks;
    int step = 1;
    while (!fill(step, {1})) ++step;
    return ticks;
  }
  const double range = axis.high - axis.low;
  const double step = nice_ceiling(range / static_cast<double>(most));
  for (double i = std::ceil(axis.low / step - slack); i * step <= axis.high + slack * range; ++i) {
    ticks.push_back(i * step + 0.);  // no -0
  }
  return ticks;
}

std::string svg_plot(const SvgPlot& plot, std::string_view id) {
  const std::string name(id);
  const double height = plot.series.empty()
                            ? kLegendTop - 10
                            : kLegendTop + kLegendRow * static_cast<double>(plot.series.size());
  std::string svg = "<svg class=\"plot\" viewBox=\"0 0 " + pixel(kWidth) + " " + pixel(height) +
                    "\" role=\"img\" aria-labelledby=\"" + name + "-t " + name + "-d\">\n";
  svg += "<title id=\"" + name + "-t\">" + escape_html(plot.title) + "</title>\n";
  svg += "<desc id=\"" + name + "-d\">" + escape_html(plot.description) + "</desc>\n";
  svg += "<clipPath id=\"" + name + "-c\"><rect x=\"" + pixel(kLeft - 2) + "\" y=\"" + pixel(kTop - 2) +
         "\" width=\"" + pixel(kRight - kLeft + 4) + "\" height=\"" + pixel(kBottom - kTop + 4) +
         "\"/></clipPath>\n";
  svg += words("head", kLeft, 18, plot.title);

  const auto ticks = [](const SvgAxis& axis) {
    return nice_ticks(axis, axis.log ? kMostLogTicks : kMostTicks);
  };
  for (const double tick : ticks(plot.x)) {
    const double x = x_pixel(plot.x, tick);
    svg += line("grid", x, kTop, x, kBottom) + words("tick", x, kBottom + 16, tick_text(plot.x, tick));
  }
  for (const double tick : ticks(plot.y)) {
    const double y = y_pixel(plot.y, tick);
    svg += line("grid", kLeft, y, kRight, y) + words("tick left", kLeft - 6, y + 4, tick_text(plot.y, tick));
  }
  svg += line("axis", kLeft, kBottom, kRight, kBottom) + line("axis", kLeft, kTop, kLeft, kBottom);
  svg += words("label", (kLeft + kRight) / 2, kBottom + 36, plot.x.label);
  svg += "<text class=\"label\" transform=\"translate(12 " + pixel((kTop + kBottom) / 2) +
         ") rotate(-90)\">" + escape_html(plot.y.label) + "</text>\n";

  svg += "<g clip-path=\"url(#" + name + "-c)\">\n";
  for (const SvgSeries& series : plot.series) {
    svg += "<path class=\"" + style_class(series.style) + "\" d=\"" + path_of(plot, series) + "\"/>\n";
  }
  svg += "</g>\n";

  double y = kLegendTop;
  for (const SvgSeries& series : plot.series) {
    const std::size_t room = kLegendCharacters - std::min(series.figure.size(), kLegendCharacters - 8);
    svg += "<g><title>" + escape_html(series.name) + "</title>" +
           line(style_class(series.style).c_str(), kLeft, y - 4, kLeft + 30, y - 4) +
           words("key", kLeft + 38, y, shortened(series.name, room)) +
           (series.figure.empty() ? "" : words("key left", kRight, y, series.figure)) + "</g>\n";
    y += kLegendRow;
  }
  return svg + "</svg>\n";
}

std::string svg_file(const SvgPlot& plot) {
  // Alone it has no page to take letters and colours from: those of the report (report_page.cc).
  const std::string style =
      "<style>\nsvg{background:#fff;color:#1b1d21;font-family:sans-serif}\n"
      "@media screen and (prefers-color-scheme:dark){svg{background:#16181d;color:#e8eaee}}\n" +
      svg_plot_style() + "</style>\n";
  std::string svg = svg_plot(plot, "plot");
  svg.insert(svg.find('\n') + 1, style);
  svg.insert(std::string_view("<svg").size(), " xmlns=\"http://www.w3.org/2000/svg\"");
  return svg;
}

std::string svg_plot_style() {
  // Light: each at least 4.5 : 1 against white. Dark: at least 7 : 1 against #16181d. Hue and lightness
  // differ, so that they stay apart with any kind of colour vision; the dashes do without colour.
  return R"(:root{--s0:#0060a8;--s1:#b84300;--s2:#007a55;--s3:#a8327e;--s4:#7a6200;--s5:#4a4a4a}
@media screen and (prefers-color-scheme:dark){
:root{--s0:#62b6f0;--s1:#ff9a5c;--s2:#3fd0a4;--s3:#ee9fd0;--s4:#ecd04f;--s5:#c4c8d0}}
.plot{display:block;width:100%;height:auto;font-size:12px}
.plot text{fill:currentColor}
.plot .head{font-size:14px;font-weight:600}
.plot .tick,.plot .label{text-anchor:middle}
.plot .tick{font-size:11px;opacity:.8}
.plot .left{text-anchor:end}
.plot .grid{stroke:currentColor;stroke-opacity:.14}
.plot .axis{stroke:currentColor;stroke-opacity:.6}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.s0{stroke:var(--s0)}
.s1{stroke:var(--s1);stroke-dasharray:8 4}
.s2{stroke:var(--s2);stroke-dasharray:2 4}
.s3{stroke:var(--s3);stroke-dasharray:10 4 2 4}
.s4{stroke:var(--s4);stroke-dasharray:14 4}
.s5{stroke:var(--s5);stroke-dasharray:5 3 1 3 1 3}
.swatch{width:32px;height:10px;vertical-align:middle;margin-right:.5em}
)";
}

std::string svg_swatch(std::size_t style) {
  return "<svg class=\"swatch\" viewBox=\"0 0 32 10\" aria-hidden=\"true\"><line class=\"" +
         style_class(style) + "\" x1=\"1\" y1=\"5\" x2=\"31\" y2=\"5\"/></svg>";
}

}  // namespace mtcnn
