#include "train/batches.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <condition_variable>
#include <ctime>
#include <map>
#include <mutex>
#include <thread>

namespace mtcnn {

int BatchPlan::begin(std::size_t kind) const { return counts[kind] * rank / ranks; }
int BatchPlan::end(std::size_t kind) const { return counts[kind] * (rank + 1) / ranks; }

Result<BatchPlan> plan_batch(const Sampler& sampler, const std::array<double, kSampleKinds>& ratio, int size,
                             int rank, int ranks) {
  BatchPlan plan;
  plan.rank = rank;
  plan.ranks = ranks;
  double sum = 0;
  for (std::size_t kind = 0; kind < kSampleKinds; ++kind) {
    if (sampler.has(static_cast<SampleKind>(kind))) sum += ratio[kind];
  }
  for (std::size_t kind = 0; kind < kSampleKinds; ++kind) {
    if (sampler.has(static_cast<SampleKind>(kind)) && ratio[kind] > 0) {
      // As many for every rank.
      plan.counts[kind] = ranks * std::max(1, static_cast<int>(size * ratio[kind] / sum / ranks + .5));
    }
  }
  const auto count = [&](SampleKind kind) { return plan.counts[static_cast<std::size_t>(kind)]; };
  if (count(SampleKind::kCalibration) > 0) return plan;
  for (const SampleKind kind : {SampleKind::kNegative, SampleKind::kPositive}) {
    if (count(kind) > 0) continue;
    return Error{ErrorCode::kFormat,
                 std::string("no ") + kind_name(kind) + " samples can be cut: expected photographs " +
                     (kind == SampleKind::kPositive ? "with faces whose boxes somebody drew"
                                                    : "whose faces are all labelled (unlabelled_faces)") +
                     " in a set whose weight is above 0"};
  }
  return plan;
}

std::int64_t plain_from(std::int64_t steps, double plain_share) {
  return steps - std::llround(static_cast<double>(steps) * plain_share);
}

Result<Batch> make_batch(const Sampler& sampler, const BatchPlan& plan, int side, std::int64_t step,
                         SamplerScratch& scratch) {
  std::size_t count = 0;
  for (std::size_t kind = 0; kind < kSampleKinds; ++kind) {
    count += static_cast<std::size_t>(plan.end(kind) - plan.begin(kind));
  }
  const std::size_t each = std::size_t{3} * static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  Batch batch;
  batch.side = side;
  batch.pixels.resize(count * each + kSlack);
  batch.targets.reserve(count);
  for (std::size_t kind = 0; kind < kSampleKinds; ++kind) {
    for (int i = plan.begin(kind); i < plan.end(kind); ++i) {
      const std::uint64_t position =
          static_cast<std::uint64_t>(step) * static_cast<std::uint64_t>(plan.counts[kind]) +
          static_cast<std::uint64_t>(i);
      const Result<SampleTarget> target =
          sampler.cut(static_cast<SampleKind>(kind), position, scratch,
                      batch.pixels.data() + batch.targets.size() * each, step >= plan.plain_from);
      if (!target) return target.error();
      batch.targets.push_back(*target);
    }
  }
  return batch;
}

struct BatchQueue::Shared {
  const Sampler& sampler;
  BatchPlan plan;
  int side;
  bool yield;
  std::int64_t next_to_cut, next_to_give, last;
  std::int64_t ahead;
  bool stop = false;
  double cutting = 0;
  std::map<std::int64_t, Result<Batch>> ready;
  mutable std::mutex mutex;
  std::condition_variable cut, room;
  std::vector<std::thread> threads;

  void work() {
    // The training step goes first: where it waits for a batch, these threads have the processor anyway. A step that
    // always waits would only be let wait longer.
    if (yield) setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 10);
    SamplerScratch scratch;
    std::unique_lock lock(mutex);
    while (true) {
      room.wait(lock, [&] { return stop || (next_to_cut < last && next_to_cut < next_to_give + ahead); });
      if (stop) return;
      const std::int64_t step = next_to_cut++;
      lock.unlock();
      timespec before{}, after{};
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
      Result<Batch> batch = make_batch(sampler, plan, side, step, scratch);
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
      lock.lock();
      cutting += static_cast<double>(after.tv_sec - before.tv_sec) +
                 1e-9 * static_cast<double>(after.tv_nsec - before.tv_nsec);
      ready.emplace(step, std::move(batch));
      cut.notify_all();
    }
  }
};

BatchQueue::BatchQueue(const Sampler& sampler, const BatchPlan& plan, int side, std::int64_t first,
                       std::int64_t last, int threads, bool yield)
    : shared_(new Shared{.sampler = sampler,
                         .plan = plan,
                         .side = side,
                         .yield = yield,
                         .next_to_cut = first,
                         .next_to_give = first,
                         .last = last,
                         .ahead = 2 * threads + 4,
                         .ready = {},
                         .mutex = {},
                         .cut = {},
                         .room = {},
                         .threads = {}}) {
  for (int i = 0; i < threads; ++i) shared_->threads.emplace_back([this] { shared_->work(); });
}

BatchQueue::~BatchQueue() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stop = true;
  }
  shared_->room.notify_all();
  for (std::thread& thread : shared_->threads) thread.join();
}

Result<Batch> BatchQueue::next() {
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(shared_->mutex);
  const std::int64_t step = shared_->next_to_give;
  shared_->cut.wait(lock, [&] { return shared_->ready.count(step) != 0; });
  Result<Batch> batch = std::move(shared_->ready.at(step));
  shared_->ready.erase(step);
  ++shared_->next_to_give;
  shared_->room.notify_all();
  waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return batch;
}

double BatchQueue::seconds_cutting() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->cutting;
}

}  // namespace mtcnn
