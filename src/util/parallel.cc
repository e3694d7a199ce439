#include "util/parallel.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace mtcnn {

// Tasks are coarse (a tile of a pyramid level, a batch of patches): handing them out under a mutex
// costs nothing that could be measured and is easy to see right.
struct ThreadPool::Shared {
  std::mutex mutex;
  std::condition_variable work;  // a new run, or the end
  std::condition_variable done;  // the last running task ended
  Call call = nullptr;
  void* context = nullptr;
  int tasks = 0;
  int next = 0;
  int running = 0;
  bool stop = false;
  std::exception_ptr error;
  std::vector<std::thread> workers;

  // Takes tasks until there are none left. Requires the lock.
  void help(int worker, std::unique_lock<std::mutex>& lock) {
    while (next < tasks) {
      const int task = next++;
      const Call body = call;
      void* const argument = context;
      ++running;
      lock.unlock();
      std::exception_ptr thrown;
      try {
        body(argument, task, worker);
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      --running;
      if (thrown) {
        if (!error) error = thrown;
        next = tasks;
      }
    }
    if (running == 0) done.notify_all();
  }
};

ThreadPool::ThreadPool(int threads) : threads_(threads < 1 ? 1 : threads) {
  if (threads_ == 1) return;
  shared_ = std::make_unique<Shared>();
  Shared* shared = shared_.get();
  shared->workers.reserve(static_cast<std::size_t>(threads_) - 1);
  try {
    for (int worker = 1; worker < threads_; ++worker) {
      shared->workers.emplace_back([shared, worker] {
        std::unique_lock lock(shared->mutex);
        while (true) {
          shared->work.wait(lock, [&] { return shared->stop || shared->next < shared->tasks; });
          if (shared->stop) return;
          shared->help(worker, lock);
        }
      });
    }
  } catch (...) {
    // The system grants no more threads, or no memory for one: go on with those that there are.
    threads_ = static_cast<int>(shared->workers.size()) + 1;
  }
}

ThreadPool::~ThreadPool() {
  if (!shared_) return;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stop = true;
  }
  shared_->work.notify_all();
  for (std::thread& worker : shared_->workers) worker.join();
}

void ThreadPool::run(int tasks, Call call, void* context) {
  if (!shared_ || tasks <= 1) {
    for (int task = 0; task < tasks; ++task) call(context, task, 0);
    return;
  }
  std::unique_lock lock(shared_->mutex);
  shared_->call = call;
  shared_->context = context;
  shared_->tasks = tasks;
  shared_->next = 0;
  shared_->error = nullptr;
  shared_->work.notify_all();
  shared_->help(0, lock);
  shared_->done.wait(lock, [&] { return shared_->running == 0; });
  shared_->tasks = shared_->next = 0;
  if (shared_->error) std::rethrow_exception(std::exchange(shared_->error, nullptr));
}

}  // namespace mtcnn
