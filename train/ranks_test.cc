// Started twice by mpirun: two processes that learn together must learn what one does.
#include <cmath>

#include <torch/types.h>
#undef CHECK  // libtorch's own would end the program
#include <doctest/doctest.h>

#include "nets/mtcnn_nets.h"
#include "train/net_trainer.h"
#include "train/random.h"
#include "train/ranks.h"

namespace mtcnn {
namespace {

// Samples [begin, end) of a batch of 64 of all kinds, hard ones all in the first half.
Batch part_of_batch(int side, std::uint64_t step, int begin, int end) {
  Batch batch;
  batch.side = side;
  for (int i = begin; i < end; ++i) {
    Random random{step, static_cast<std::uint64_t>(i)};
    SampleTarget target;
    target.kind = static_cast<SampleKind>(i % 4);
    const bool odd = i < 32;
    const float light = ((target.kind == SampleKind::kNegative) != odd) ? -.5f : .5f;
    for (int k = 0; k < side * side * 3; ++k)
      batch.pixels.push_back(light + static_cast<float>(random.uniform(-.3, .3)));
    for (float& value : target.box) value = static_cast<float>(random.uniform(-.2, .2));
    for (float& value : target.landmarks) value = static_cast<float>(random.uniform(0, 1));
    target.seed = random.bits();
    batch.targets.push_back(target);
  }
  batch.pixels.resize(batch.pixels.size() + kSlack);
  return batch;
}

TEST_CASE("two ranks give one rank's result with the joined batch") {
  const Result<std::unique_ptr<Ranks>> joined = Ranks::join();
  REQUIRE(joined.ok());
  Ranks& ranks = **joined;
  REQUIRE(ranks.size() == 2);
  Ranks alone;
  StageConfig config;
  config.optimizer = "sgd";
  config.learning_rate = .005;
  config.warm_up = 0;
  // O-Net has dropout.
  for (const NetSpec* net : {&kRNet, &kONet}) {
    const auto together = NetTrainer::create(*net, config, 1, "cpu", 1, ranks);
    const auto single = NetTrainer::create(*net, config, 1, "cpu", 1, alone);
    // What it would be without the exchange, to see that the comparison can fail.
    const auto half = NetTrainer::create(*net, config, 1, "cpu", 1, alone);
    for (std::uint64_t step = 0; step < 5; ++step) {
      const int begin = 32 * ranks.rank();
      const Result<StepResult> a = (*together)->step(part_of_batch(net->side, step, begin, begin + 32), 0);
      const Result<StepResult> b = (*single)->step(part_of_batch(net->side, step, 0, 64), 0);
      REQUIRE((a.ok() && b.ok() && (*half)->step(part_of_batch(net->side, step, begin, begin + 32), 0).ok()));
      CHECK(a->classification == doctest::Approx(b->classification).epsilon(1e-4));
      CHECK(a->box == doctest::Approx(b->box).epsilon(1e-4));
      CHECK(a->landmarks == doctest::Approx(b->landmarks).epsilon(1e-4));
      CHECK(a->accuracy == doctest::Approx(b->accuracy));
    }
    ModelData a, b, c;
    (*together)->save(a, true);
    (*single)->save(b, true);
    (*half)->save(c, true);
    double worst = 0, without = 0;
    for (const auto& [name, tensor] : a.tensors) {
      for (std::size_t i = 0; i < tensor.values.size(); ++i) {
        worst = std::max<double>(worst, std::abs(tensor.values[i] - b.tensors.at(name).values[i]));
        without = std::max<double>(without, std::abs(tensor.values[i] - c.tensors.at(name).values[i]));
      }
    }
    CHECK(worst < 1e-5);
    CHECK(without > 1e-4);
  }

  // Bytes find their way too.
  const std::vector<std::byte> own(static_cast<std::size_t>(3 + ranks.rank()),
                                   static_cast<std::byte>(ranks.rank()));
  const std::vector<std::vector<std::byte>> all = ranks.gather(own);
  REQUIRE(all.size() == 2);
  CHECK((all[0] == std::vector<std::byte>(3, std::byte{0})));
  CHECK((all[1] == std::vector<std::byte>(4, std::byte{1})));
}

}  // namespace
}  // namespace mtcnn
