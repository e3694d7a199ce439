// Why our own: Debian 12 packages no progress bar library for C++.
#include "apps/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "apps/text.h"

namespace mtcnn {
namespace {

using Clock = std::chrono::steady_clock;

bool stderr_is_terminal() {
  const char* const kind = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && (kind == nullptr || std::strcmp(kind, "dumb") != 0);
}

int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(std::min(seconds, 1e9)));
  char text[40];
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%d:%02d", static_cast<int>(whole / 60), static_cast<int>(whole % 60));
  } else {
    std::snprintf(text, sizeof text, "%lld:%02d:%02d", static_cast<long long>(whole / 3600),
                  static_cast<int>(whole / 60 % 60), static_cast<int>(whole % 60));
  }
  return text;
}

}  // namespace

std::string progress_line(std::int64_t done, std::optional<std::int64_t> total, double seconds,
                          const std::string& unit, int columns) {
  Pace pace;
  if (seconds > 0) pace.per_second = static_cast<double>(done) / seconds;
  if (total && pace.per_second > 0)
    pace.seconds_left = static_cast<double>(std::max<std::int64_t>(0, *total - done)) / pace.per_second;
  return progress_line(done, total, pace, unit, columns);
}

std::string progress_line(std::int64_t done, std::optional<std::int64_t> total, const Pace& pace,
                          const std::string& unit, int columns) {
  const double rate = pace.per_second;
  std::string line;
  if (total && *total > 0) {
    constexpr int kBarWidth = 20;
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(*total));
    std::string bar(kBarWidth, '.');
    std::fill_n(bar.begin(), static_cast<int>(share * kBarWidth), '#');
    line += '[' + bar + "]  " + format_count(done) + '/' + format_count(*total) + "  " +
            std::to_string(static_cast<int>(share * 100)) + " %";
  } else {
    line = format_count(done) + " " + unit;
  }
  line += "  " + format_fixed(rate, rate < 10 ? 2 : 1) + " " + unit + "/s";
  if (total && rate > 0) line += "  " + duration(pace.seconds_left) + " left";
  return line.substr(0, static_cast<std::size_t>(std::max(0, columns)));
}

Progress::Progress(std::optional<std::int64_t> total, std::string unit, bool enabled)
    : total_(total),
      unit_(std::move(unit)),
      enabled_(enabled && stderr_is_terminal()),
      start_(Clock::now()) {}

Progress::~Progress() { hide(); }

void Progress::step() {
  ++done_;
  draw({}, {});
}

void Progress::at(std::int64_t done, const Pace& pace, const std::string& more) {
  done_ = done;
  draw(pace, more);
}

void Progress::draw(const std::optional<Pace>& pace, const std::string& more) {
  if (!enabled_) return;
  const auto now = Clock::now();
  if (shown_ && now - last_drawn_ < std::chrono::milliseconds(100)) return;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  // One column stays free: a full line makes some terminals wrap.
  const int columns = terminal_columns() - 1;
  std::string line = pace ? progress_line(done_, total_, *pace, unit_, columns)
                          : progress_line(done_, total_, seconds, unit_, columns);
  if (!more.empty()) line = (line + "  " + more).substr(0, static_cast<std::size_t>(std::max(0, columns)));
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  shown_ = true;
  last_drawn_ = now;
}

void Progress::hide() {
  if (!shown_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace mtcnn
