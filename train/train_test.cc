// What needs libtorch: nets, losses, the step.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <torch/torch.h>
#undef CHECK  // libtorch's own would end the program
#include <doctest/doctest.h>

#include "engine/network.h"
#include "nets/baseline_nets.h"
#include "nets/mtcnn_nets.h"
#include "support/random_model.h"
#include "train/experiments.h"
#include "train/losses.h"
#include "train/net_trainer.h"
#include "train/random.h"
#include "train/ranks.h"
#include "train/torch_net.h"

namespace mtcnn {
namespace {

TEST_CASE("torch's nets compute what the engine computes") {
  for (const NetSpec* net : {&kPNet, &kRNet, &kONet, &k12Net, &k24Net, &k48Net, &k12Calibration,
                             &k24Calibration, &k48Calibration}) {
    CAPTURE(std::string(net->name));
    // Slopes of both signs: pools and PReLUs may be swapped for some of them only.
    for (const bool negative_slopes : {false, true}) {
      CAPTURE(negative_slopes);
      const NetSpec* const nets[] = {net};
      ModelData data = test::random_weights(7, nets);
      for (auto& [name, tensor] : data.tensors) {
        if (name.find("prelu") == std::string::npos) continue;
        for (float& slope : tensor.values) slope = negative_slopes ? slope : std::abs(slope);
      }
      TorchNet torch_net(*net, 1);
      torch_net.load(data);
      std::vector<std::string> heads;
      for (const Layer& head : net->heads) heads.emplace_back(head.name);

      constexpr int kCount = 5;
      const std::size_t floats = static_cast<std::size_t>(kCount * net->side * net->side * 3);
      AlignedFloats input(floats + kSlack);
      Random random{9};
      for (float& value : input) value = static_cast<float>(random.uniform(-1, 1));
      const torch::Tensor x =
          torch::from_blob(input.data(), {kCount, net->side, net->side, 3}).permute({0, 3, 1, 2});
      const torch::NoGradGuard no_gradients;
      const torch::Tensor expected = torch::cat(torch_net.forward(x, heads), 1).contiguous();

      std::vector<std::string_view> names(heads.begin(), heads.end());
      const auto run = [&](std::initializer_list<std::string_view> list) {
        const Network engine(*net, data, *find_kernels("auto"), list);
        AlignedFloats scratch(engine.scratch_size({net->side, net->side}, kCount));
        AlignedFloats output(static_cast<std::size_t>(engine.outputs() * kCount) + kSlack);
        engine.run(input.data(), kCount, {net->side, net->side}, scratch.data(), output.data());
        REQUIRE(engine.outputs() == expected.size(1));
        float worst = 0, largest = 1;
        for (std::int64_t i = 0; i < expected.numel(); ++i) {
          const float value = expected.data_ptr<float>()[i];
          worst = std::max(worst, std::abs(value - output[static_cast<std::size_t>(i)]));
          largest = std::max(largest, std::abs(value));
        }
        CHECK(worst < 1e-5f * largest);
      };
      if (names.size() == 3) {
        run({names[0], names[1], names[2]});
      } else {
        run({names[0]});
      }
      // And back.
      ModelData saved;
      torch_net.save(saved, true);
      REQUIRE(saved.tensors.size() == data.tensors.size());
      for (const auto& [name, tensor] : data.tensors) CHECK(saved.tensors.at(name).values == tensor.values);
    }
  }
}

TEST_CASE("our PReLU and its gradients are torch's") {
  torch::manual_seed(3);
  for (const bool map : {false, true}) {
    torch::Tensor x = map ? torch::randn({3, 10, 7, 5}).contiguous(torch::MemoryFormat::ChannelsLast)
                          : torch::randn({40, 10});
    const torch::Tensor a = torch::randn({10});
    const torch::Tensor weights = torch::randn_like(x);
    const auto gradients = [&](bool ours) {
      const torch::Tensor x_leaf = x.detach().clone().requires_grad_(true),
                          a_leaf = a.clone().requires_grad_(true);
      const torch::Tensor y = ours ? mtcnn::prelu(x_leaf, a_leaf) : torch::prelu(x_leaf, a_leaf);
      (y * weights).sum().backward();
      return std::vector<torch::Tensor>{y.detach(), x_leaf.grad(), a_leaf.grad()};
    };
    const auto ours = gradients(true), theirs = gradients(false);
    for (std::size_t i = 0; i < 3; ++i) CHECK(torch::allclose(ours[i], theirs[i], 1e-5, 1e-5));
  }
}

TEST_CASE("PReLU in 16 bits is that in 32, rounded") {
  torch::manual_seed(5);
  const torch::ScalarType half = torch::kBFloat16;
  torch::Tensor start = torch::randn({50, 40}).to(half);
  start[0][0] = 3e38f;
  start[0][1] = -3e38f;
  start[0][2] = 0;
  const torch::Tensor slopes = torch::rand({40}), weights = torch::randn({50, 40}).to(half);
  const auto gradients = [&](torch::ScalarType type) {
    const torch::Tensor x = start.to(type).detach().requires_grad_(true);
    const torch::Tensor y = mtcnn::prelu(x, slopes);
    y.backward(weights.to(type));
    return std::vector<torch::Tensor>{y.detach().to(half), x.grad().to(half)};
  };
  const auto whole = gradients(torch::kFloat), rounded = gradients(half);
  for (std::size_t i = 0; i < 2; ++i) CHECK(torch::equal(whole[i], rounded[i]));
  start[0][0] = std::nanf("");
  CHECK(std::isnan(mtcnn::prelu(start, slopes)[0][0].item<float>()));
}

TEST_CASE("in 16 bits PReLU and nets give about what they give in 32") {
  torch::manual_seed(4);
  const torch::Tensor x = torch::randn({3, 10, 7, 5}).contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor slopes = torch::randn({10});
  const auto gradients = [&](torch::ScalarType type) {
    const torch::Tensor leaf = x.to(type).detach().requires_grad_(true),
                        a = slopes.clone().requires_grad_(true);
    const torch::Tensor y = mtcnn::prelu(leaf, a);
    CHECK((y.scalar_type() == type));
    y.to(torch::kFloat).sum().backward();
    CHECK((a.grad().scalar_type() == torch::kFloat));
    return std::vector<torch::Tensor>{y.detach().to(torch::kFloat), leaf.grad().to(torch::kFloat), a.grad()};
  };
  const auto fine = gradients(torch::kFloat), coarse = gradients(torch::kBFloat16);
  for (std::size_t i = 0; i < 3; ++i) CHECK(torch::allclose(fine[i], coarse[i], .02, .1));

  for (const NetSpec* net : {&kPNet, &kONet, &k48Net}) {
    CAPTURE(std::string(net->name));
    const TorchNet torch_net(*net, 1);
    const torch::Tensor input = torch::randn({4, 3, net->side, net->side});
    std::vector<std::string> heads;
    for (const Layer& head : net->heads) heads.emplace_back(head.name);
    const torch::NoGradGuard no_gradients;
    const torch::Tensor whole = torch::cat(torch_net.forward(input, heads), 1),
                        half = torch::cat(torch_net.forward(input, heads, {}, torch::kBFloat16), 1);
    CHECK((half.scalar_type() == torch::kFloat));
    const double off = (whole - half).abs().max().item<double>();
    CHECK(off < .1 * whole.abs().max().item<double>());
    CHECK(off > 0);
  }
}

SampleTarget sample(SampleKind kind, float box = 0, float landmark = 0) {
  SampleTarget target;
  target.kind = kind;
  target.box.fill(box);
  target.landmarks.fill(landmark);
  return target;
}

TEST_CASE("losses are those of a case worked out by hand") {
  // Logits of which the right class has probability p: cross-entropy -log p.
  const std::vector<SampleTarget> samples{sample(SampleKind::kNegative), sample(SampleKind::kPositive, .1f),
                                          sample(SampleKind::kPart, .2f),
                                          sample(SampleKind::kLandmark, 0, .5f)};
  const Targets targets = make_targets(samples, torch::kCPU);
  const auto logit = [](double p) { return static_cast<float>(std::log(p / (1 - p))); };
  const torch::Tensor classes = torch::zeros({4, 2});
  classes[0][1] = logit(.2);   // negative, face with .2: -log .8
  classes[1][1] = logit(.75);  // positive: -log .75
  classes[2][1] = 9;           // a part: no matter
  classes[3][1] = -9;          // a landmark face: no matter
  const std::vector<torch::Tensor> outputs{classes, torch::zeros({4, 4}), torch::full({4, 10}, .25f)};
  Ranks alone;
  const Losses all = compute_losses(outputs, targets, {{1, .5, .25}, 1}, alone);
  const double classification = (-std::log(.8) - std::log(.75)) / 2;
  const double box = (4 * .01 + 4 * .04) / 2, landmarks = 10 * .0625;
  CHECK(all.classification == doctest::Approx(classification));
  CHECK(all.box == doctest::Approx(box));
  CHECK(all.landmarks == doctest::Approx(landmarks));
  CHECK(all.total.item<double>() == doctest::Approx(classification + .5 * box + .25 * landmarks));
  CHECK(all.accuracy == 1);
  // The harder half of two is the positive.
  const Losses hard = compute_losses(outputs, targets, {{1, 0, 0}, .5}, alone);
  CHECK(hard.classification == doctest::Approx(-std::log(.75)));
  CHECK(hard.total.item<double>() == doctest::Approx(-std::log(.75)));
  // Points that are off by .3 across and .4 down.
  std::vector<torch::Tensor> off = outputs;
  off[2] = torch::cat({torch::full({4, 5}, .8f), torch::full({4, 5}, .1f)}, 1);
  CHECK(compute_losses(off, targets, {{1, .5, 1}, 1, true}, alone).landmarks == doctest::Approx(5 * .5));
  // Nets without the other heads.
  CHECK(compute_losses(std::span(outputs).first(1), targets, {{1, .5, .5}, 1}, alone).total.item<double>() ==
        doctest::Approx(classification));
}

TEST_CASE("hard sample mining takes the greatest losses among the candidates") {
  Ranks alone;
  const torch::Tensor losses = torch::tensor({.1f, .9f, .5f, .7f, .3f, .2f, .8f});
  const torch::Tensor candidates = torch::tensor({1.f, 1.f, 1.f, 0.f, 1.f, 1.f, 0.f});
  const auto mask = [&](double share) {
    const torch::Tensor m = hard_samples(losses, candidates, share, alone);
    std::string text;
    for (std::int64_t i = 0; i < m.numel(); ++i) text += m[i].item<float>() > 0 ? '1' : '0';
    return text;
  };
  CHECK(mask(.7) == "0110100");  // three of five
  CHECK(mask(.2) == "0100000");
  CHECK(mask(.01) == "0100000");
  CHECK(mask(.99) == "0110110");
  CHECK(hard_samples(losses, torch::zeros({7}), .7, alone).sum().item<float>() == 0);
  // Gradients flow through those alone.
  const torch::Tensor logits = torch::tensor({{0.f, 1.f}, {0.f, 3.f}}).requires_grad_(true);
  const std::vector<SampleTarget> two{sample(SampleKind::kNegative), sample(SampleKind::kNegative)};
  compute_losses(std::vector<torch::Tensor>{logits}, make_targets(two, torch::kCPU), {{1, 0, 0}, .5}, alone)
      .total.backward();
  CHECK(logits.grad()[0].abs().sum().item<float>() == 0);
  CHECK(logits.grad()[1].abs().sum().item<float>() > .5f);
}

// Bright crops are faces whose box and points lie in one place, dark ones are none.
Batch easy_batch(int side, std::uint64_t seed, int begin = 0, int end = 64) {
  Batch batch;
  batch.side = side;
  const std::size_t each = static_cast<std::size_t>(side * side * 3);
  for (int i = begin; i < end; ++i) {
    const SampleKind kind = static_cast<SampleKind>(i % 4);
    const float light = kind == SampleKind::kNegative ? -.5f : .5f;
    Random random{seed, static_cast<std::uint64_t>(i)};
    for (std::size_t k = 0; k < each; ++k)
      batch.pixels.push_back(light + static_cast<float>(random.uniform(-.3, .3)));
    batch.targets.push_back(sample(kind, kind == SampleKind::kNegative ? 0.f : .1f, .4f));
    batch.targets.back().seed = random.bits();
  }
  batch.pixels.resize(batch.pixels.size() + kSlack);
  return batch;
}

StageConfig quick() {
  StageConfig config;
  config.learning_rate = 3e-3;
  config.warm_up = 0;
  config.average = .9;
  return config;
}

TEST_CASE("a net begins with a model's weights, but for slopes below 0") {
  Ranks alone;
  ModelData model, got;
  (*NetTrainer::create(kRNet, StageConfig(), 5, "cpu", 1, alone))->save(model, true);
  float& slope = model.tensors.at("rnet.prelu1.weight").values[3];
  slope = -.5f;
  const auto trainer = NetTrainer::create(kRNet, StageConfig(), 6, "cpu", 1, alone);
  REQUIRE(trainer.ok());
  CHECK((*trainer)->start(model) == 1);
  (*trainer)->save(got, true);
  slope = 0;
  REQUIRE(got.tensors.size() == model.tensors.size());
  for (const auto& [name, tensor] : model.tensors) {
    CAPTURE(name);
    CHECK(got.tensors.at(name).values == tensor.values);
  }
}

TEST_CASE("every net learns, with either optimiser") {
  Ranks alone;
  for (const NetSpec* net : {&kPNet, &kRNet, &kONet}) {
    for (const std::string optimizer : {"adamw", "sgd"}) {
      CAPTURE(std::string(net->name));
      CAPTURE(optimizer);
      StageConfig config = quick();
      config.optimizer = optimizer;
      if (config.optimizer == "sgd") config.learning_rate = .004;
      const auto trainer = NetTrainer::create(*net, config, 1, "cpu", 2, alone);
      REQUIRE(trainer.ok());
      const Result<StepResult> first = (*trainer)->step(easy_batch(net->side, 0), 0);
      REQUIRE(first.ok());
      StepResult last;
      for (std::uint64_t step = 1; step < 40; ++step)
        last = *(*trainer)->step(easy_batch(net->side, step), static_cast<double>(step) / 40);
      CHECK(last.classification < first->classification / 2);
      CHECK(last.box < first->box);
      CHECK(last.landmarks < first->landmarks / 2);
      CHECK(last.accuracy > .95);
    }
  }
}

TEST_CASE("every net learns in 16 bits, and its checkpoint is that of 32") {
  Ranks alone;
  for (const NetSpec* net : {&kPNet, &kRNet, &kONet}) {
    CAPTURE(std::string(net->name));
    StageConfig config = quick();
    config.precision = "bf16";
    const auto trainer = NetTrainer::create(*net, config, 1, "cpu", 2, alone);
    REQUIRE(trainer.ok());
    StepResult first, last;
    for (std::uint64_t step = 0; step < 25; ++step) {
      const Result<StepResult> result = (*trainer)->step(easy_batch(net->side, step, 0, 32), 0);
      REQUIRE(result.ok());
      (step == 0 ? first : last) = *result;
    }
    CHECK(last.classification < first.classification / 2);
    CHECK(last.landmarks < first.landmarks / 2);
    CHECK(last.accuracy > .95);
    const auto whole = NetTrainer::create(*net, quick(), 2, "cpu", 2, alone);
    REQUIRE((*whole)->restore((*trainer)->checkpoint(), "c").ok());
    ModelData a, b;
    (*trainer)->save(a, true);
    (*whole)->save(b, true);
    for (const auto& [name, tensor] : a.tensors) CHECK(tensor.values == b.tensors.at(name).values);
    CHECK((*whole)->step(easy_batch(net->side, 99, 0, 32), 0)->accuracy > .9);
  }
}

TEST_CASE("the nets of Table I learn too") {
  Ranks alone;
  for (const NetSpec* net : {&k12Net, &k24Net, &k48Net, &k12Calibration, &k24Calibration, &k48Calibration}) {
    CAPTURE(std::string(net->name));
    const bool calibration = std::string(net->heads[0].name) == "calibration";
    StageConfig config = quick();
    config.learning_rate = 1e-3;
    config.hard_share = calibration ? 1 : .7;
    const auto trainer = NetTrainer::create(*net, config, 1, "cpu", 2, alone);
    REQUIRE(trainer.ok());
    double first = 0, last = 0;
    for (std::uint64_t step = 0; step < 15; ++step) {
      Batch batch = easy_batch(net->side, step, 0, 32);
      // Which pattern it is shows in the light: the last for bright crops.
      for (SampleTarget& target : batch.targets) {
        if (!calibration) continue;
        target.pattern = target.kind == SampleKind::kNegative ? 0 : 44;
        target.kind = SampleKind::kCalibration;
      }
      const Result<StepResult> result = (*trainer)->step(batch, 0);
      REQUIRE(result.ok());
      (step == 0 ? first : last) = result->classification;
    }
    CHECK(last < first / 2);
  }
}

TEST_CASE("a trainer that is restored goes on as if nothing had happened") {
  Ranks alone;
  // O-Net has dropout.
  for (const NetSpec* net : {&kRNet, &kONet}) {
    for (const char* optimizer : {"adamw", "sgd"}) {
      CAPTURE(std::string(net->name));
      CAPTURE(optimizer);
      StageConfig config = quick();
      config.optimizer = optimizer;
      if (config.optimizer == "sgd") config.learning_rate = .004;
      const auto batch = [&](std::uint64_t step) { return easy_batch(net->side, step, 0, 32); };
      const auto whole = NetTrainer::create(*net, config, 1, "cpu", 1, alone);
      for (std::uint64_t step = 0; step < 6; ++step) REQUIRE((*whole)->step(batch(step), 0).ok());
      const auto before = NetTrainer::create(*net, config, 1, "cpu", 1, alone);
      for (std::uint64_t step = 0; step < 3; ++step) REQUIRE((*before)->step(batch(step), 0).ok());
      const std::vector<std::byte> bytes = (*before)->checkpoint();
      const auto after = NetTrainer::create(*net, config, 99, "cpu", 1, alone);
      REQUIRE((*after)->restore(bytes, "c").ok());
      for (std::uint64_t step = 3; step < 6; ++step) REQUIRE((*after)->step(batch(step), 0).ok());
      ModelData a, b;
      (*whole)->save(a, true);
      (*after)->save(b, true);
      for (const auto& one : a.tensors) {
        CAPTURE(one.first);
        CHECK(one.second.values == b.tensors.at(one.first).values);
      }
      const auto other = NetTrainer::create(kPNet, config, 1, "cpu", 1, alone);
      CHECK((*other)->restore(bytes, "c").error().message == "c: not a checkpoint of this net and optimiser");
      CHECK(!(*after)->restore(std::span(bytes).first(bytes.size() / 2), "c").ok());
    }
  }
}

TEST_CASE("dropout takes away the share it should, and what a sample's seed says") {
  torch::manual_seed(5);
  const TorchNet net(kONet, 1);
  const torch::Tensor input = torch::randn({2, 3, 48, 48});
  const std::vector<std::string> heads{"class", "box", "landmarks"};
  const torch::NoGradGuard no_gradients;
  const auto outputs = [&](std::vector<std::uint64_t> seeds) {
    return torch::cat(net.forward(input, heads, seeds), 1);
  };
  const torch::Tensor one = outputs({1, 2}), two = outputs({3, 2});
  CHECK(torch::equal(one, outputs({1, 2})));
  CHECK(!torch::allclose(one[0], two[0]));
  CHECK(torch::equal(one[1], two[1]));  // whatever stands beside it
  // Over many draws outputs keep their mean: they are linear behind the dropped layer but for its PReLU.
  torch::Tensor sum = torch::zeros_like(one), squares = torch::zeros_like(one);
  constexpr int kDraws = 400;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const torch::Tensor drawn = outputs({2 * i, 2 * i + 1});
    sum += drawn;
    squares += drawn * drawn;
  }
  const torch::Tensor mean = sum / kDraws, deviation = (squares / kDraws - mean * mean).clamp_min(0).sqrt();
  const torch::Tensor off = (mean - outputs({})).abs() / (deviation / std::sqrt(double{kDraws}) + 1e-6);
  CHECK(deviation.min().item<float>() > 0);
  CHECK(off.max().item<float>() < 4.5);
}

TEST_CASE("an experiment's curves are means over its runs") {
  ExperimentOptions options;
  options.seeds = 2;
  ExperimentResult result;
  for (int seed = 0; seed < 2; ++seed) {
    for (const char* name : {"first", "second"}) {
      const bool first = std::string(name) == "first";
      Trial trial;
      trial.name = name;
      trial.accuracy = first ? 1 : .89 + .02 * seed;
      trial.curve = first ? std::vector<double>{1, 1} : std::vector<double>{.7, .8 + .2 * seed};
      result.trials.push_back(trial);
    }
  }
  const std::string chart = experiment_chart(options, result);
  const auto has = [&](const char* text) { return chart.find(text) != std::string::npos; };
  CHECK(has(">first</text>"));
  CHECK(has(">second</text>"));
  CHECK(has(">90.00 % ± 1.41</text>"));
  CHECK(has(">70 %</text>"));
  CHECK(has(">100 %</text>"));
  CHECK_FALSE(has(">105 %</text>"));
  CHECK_FALSE(has(">65 %</text>"));
  const auto path_of_second = [](const std::string& svg) {
    const std::size_t at = svg.find("<path class=\"line s1");
    REQUIRE(at != std::string::npos);
    return svg.substr(at, svg.find("/>", at) - at);
  };
  ExperimentResult means;
  means.trials = {result.trials[0], result.trials[1]};
  means.trials[1].curve = {.7, .9};
  CHECK(path_of_second(chart) == path_of_second(experiment_chart({}, means)));
  // Nothing learned yet: axes alone.
  CHECK(experiment_chart(options, {}).find("</svg>") != std::string::npos);
}

TEST_CASE("a loss that is no number is an error") {
  Ranks alone;
  const auto trainer = NetTrainer::create(kPNet, quick(), 1, "cpu", 1, alone);
  Batch batch = easy_batch(12, 1);
  batch.targets[1].box[0] = std::nanf("");
  CHECK((*trainer)->step(batch, 0).error().message.find("no longer a number") != std::string::npos);
}

}  // namespace
}  // namespace mtcnn
