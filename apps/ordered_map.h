// Work on a stream of items in parallel, results in the order of the items.
#ifndef MTCNN_APPS_ORDERED_MAP_H_
#define MTCNN_APPS_ORDERED_MAP_H_

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace mtcnn {

// Takes items from next() (-> std::optional<Item>, empty at the end), turns each into a result with
// work(Item, int worker), and hands the results to sink(Result) -> bool in the order of the items,
// each as soon as it and all before it are there.
//
// - `workers` (at least 1) threads call work(), each with its own number in [0, workers); next()
// and
//   sink() are each called by one thread at a time, though not always the same one, and a next()
//   that waits holds up no results.
// - At most `window` items (at least `workers`) are between next() and sink(): memory does not grow
//   with the length of the stream, however slow one of the items is.
// - sink() returning false ends it early: no more items are taken, later results are dropped.
// - The first exception of any of the three ends it too, and is thrown again here.
template <typename Next, typename Work, typename Sink>
void ordered_map(int workers, std::size_t window, Next&& next, Work&& work, Sink&& sink) {
  using Item = typename std::remove_reference_t<std::invoke_result_t<Next&>>::value_type;
  using Output = std::invoke_result_t<Work&, Item, int>;

  std::mutex source_mutex;  // next() and `taken`; always locked before result_mutex
  std::size_t taken = 0;
  bool exhausted = false;
  std::mutex result_mutex;  // everything below, and sink()
  std::condition_variable room;
  std::map<std::size_t, Output> waiting;  // results that some earlier item holds up
  std::size_t handed_on = 0;
  bool stopped = false;
  std::exception_ptr failure;

  const auto take = [&](std::size_t& index) -> std::optional<Item> {
    const std::lock_guard source_lock(source_mutex);
    if (exhausted) return std::nullopt;
    {
      std::unique_lock lock(result_mutex);
      room.wait(lock, [&] { return stopped || taken - handed_on < window; });
      if (stopped) return std::nullopt;
    }
    std::optional<Item> item = next();
    exhausted = !item;
    index = taken++;
    return item;
  };
  const auto give = [&](std::size_t index, Output output) {
    const std::lock_guard lock(result_mutex);
    waiting.emplace(index, std::move(output));
    while (!stopped && !waiting.empty() && waiting.begin()->first == handed_on) {
      auto node = waiting.extract(waiting.begin());
      ++handed_on;
      if (!sink(std::move(node.mapped()))) stopped = true;
    }
    room.notify_all();
  };
  const auto run = [&](int worker) {
    try {
      std::size_t index = 0;
      while (std::optional<Item> item = take(index)) give(index, work(std::move(*item), worker));
    } catch (...) {
      const std::lock_guard lock(result_mutex);
      if (!failure) failure = std::current_exception();
      stopped = true;
      room.notify_all();
    }
  };

  window = std::max(window, static_cast<std::size_t>(workers));
  std::vector<std::thread> threads;
  for (int worker = 1; worker < workers; ++worker) {
    try {
      threads.emplace_back(run, worker);
    } catch (const std::system_error&) {
      break;  // the machine gives us no more threads: those that there are do the work
    }
  }
  run(0);
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace mtcnn

#endif  // MTCNN_APPS_ORDERED_MAP_H_
