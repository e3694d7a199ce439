// Threads that share one call's work.
#ifndef MTCNN_UTIL_PARALLEL_H_
#define MTCNN_UTIL_PARALLEL_H_

#include <memory>
#include <type_traits>

namespace mtcnn {

// A fixed set of threads. for_each() allocates nothing, so that detect() need not either.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // at least 1; the caller's own thread is one of them
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls body(task, worker) for every task in [0, tasks), each once, in any order and on any thread;
  // worker is in [0, threads()), and no two calls that run at the same time share it. Returns when all
  // are done. If any call throws, the remaining tasks are left out and the first exception is thrown again
  // here.
  template <typename Body>
  void for_each(int tasks, Body&& body) {
    run(
        tasks,
        [](void* context, int task, int worker) {
          (*static_cast<std::remove_reference_t<Body>*>(context))(task, worker);
        },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  using Call = void (*)(void* context, int task, int worker);
  void run(int tasks, Call call, void* context);

  struct Shared;
  int threads_;
  std::unique_ptr<Shared> shared_;
};

}  // namespace mtcnn

#endif  // MTCNN_UTIL_PARALLEL_H_
