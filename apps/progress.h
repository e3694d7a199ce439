// A line on stderr that says how far a long run is.
#ifndef MTCNN_APPS_PROGRESS_H_
#define MTCNN_APPS_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace mtcnn {

// How fast it goes.
struct Pace {
  double per_second = 0;
  double seconds_left = 0;  // shown if there is a rate
};

// Draws "[#####.....]  123/456  27 %  34.5 images/s  0:10 left", at most ten times a second, only
// if stderr is a terminal; otherwise every function does nothing. One thread at a time.
class Progress {
 public:
  // `total` empty: not known, the bar and the time left are left out. `unit` is what is counted, in
  // the plural.
  Progress(std::optional<std::int64_t> total, std::string unit, bool enabled = true);
  ~Progress();  // removes the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // One more is done.
  void step();

  // So many are done, at a pace that the caller knows: not all of them since this line began. `more` stands at the end
  // of the line.
  void at(std::int64_t done, const Pace& pace, const std::string& more);

  // Removes the line, to make room for other output to the terminal. The next step() draws it anew.
  void hide();

 private:
  std::optional<std::int64_t> total_;
  std::string unit_;
  bool enabled_;
  void draw(const std::optional<Pace>& pace, const std::string& more);

  bool shown_ = false;
  std::int64_t done_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_drawn_;
};

// The line's text for `done` of `total`, no more than `columns` characters.
std::string progress_line(std::int64_t done, std::optional<std::int64_t> total, const Pace& pace,
                          const std::string& unit, int columns);
// The same where all of `done` took `seconds`.
std::string progress_line(std::int64_t done, std::optional<std::int64_t> total, double seconds,
                          const std::string& unit, int columns);

}  // namespace mtcnn

#endif  // MTCNN_APPS_PROGRESS_H_
