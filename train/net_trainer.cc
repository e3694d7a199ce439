#include "train/net_trainer.h"

#include <cmath>
#include <numbers>
#include <sstream>

#include <torch/torch.h>
#include <torch/version.h>

#include "train/losses.h"
#include "train/ranks.h"
#include "train/torch_net.h"

namespace mtcnn {

struct NetTrainer::State {
  State(const NetSpec& spec, const StageConfig& stage, std::uint64_t seed, torch::Device where, Ranks& all)
      : config(stage), device(where), ranks(all), net(spec, seed, where) {
    for (const char* head : {"class", "calibration", "box", "landmarks"}) {
      const bool wanted = std::string(head) != "landmarks" || config.landmarks;
      for (const Layer& layer : spec.heads) {
        if (wanted && std::string(layer.name) == head) heads.emplace_back(head);
      }
    }
    for (const auto& [name, tensor] : net.parameters()) {
      mean.push_back(tensor.detach().clone());
      if (name.find(".prelu") != std::string::npos) slopes.push_back(tensor);
    }
    if (config.optimizer == "sgd") {
      optimizer = std::make_unique<torch::optim::SGD>(
          net.tensors(),
          torch::optim::SGDOptions(config.learning_rate).momentum(.9).weight_decay(config.weight_decay));
    } else {
      optimizer = std::make_unique<torch::optim::AdamW>(
          net.tensors(), torch::optim::AdamWOptions(config.learning_rate).weight_decay(config.weight_decay));
    }
  }

  // Up in a straight line, then down along a cosine.
  double learning_rate(double progress) const {
    if (progress < config.warm_up) return config.learning_rate * (progress + 1e-4) / (config.warm_up + 1e-4);
    const double rest = (progress - config.warm_up) / std::max(1 - config.warm_up, 1e-9);
    return config.learning_rate * .5 * (1 + std::cos(std::numbers::pi * std::min(rest, 1.0)));
  }

  // All gradients in one exchange.
  void sum_gradients() {
    if (ranks.size() == 1) return;
    std::vector<torch::Tensor> parts;
    for (const torch::Tensor& tensor : net.tensors()) {
      parts.push_back((tensor.grad().defined() ? tensor.grad() : torch::zeros_like(tensor)).reshape(-1));
    }
    const torch::Tensor all = torch::cat(parts).contiguous();
    ranks.sum(all);
    std::int64_t at = 0;
    for (const torch::Tensor& tensor : net.tensors()) {
      if (tensor.grad().defined()) {
        tensor.mutable_grad().copy_(all.narrow(0, at, tensor.numel()).view(tensor.grad().sizes()));
      }
      at += tensor.numel();
    }
  }

  StageConfig config;
  torch::Device device;
  Ranks& ranks;
  TorchNet net;
  std::vector<std::string> heads;
  std::vector<torch::Tensor> mean;
  std::vector<torch::Tensor> slopes;
  std::unique_ptr<torch::optim::Optimizer> optimizer;
  std::int64_t steps = 0;
};

NetTrainer::NetTrainer(std::unique_ptr<State> state) : state_(std::move(state)) {}
NetTrainer::~NetTrainer() = default;

Result<std::unique_ptr<NetTrainer>> NetTrainer::create(const NetSpec& net, const StageConfig& config,
                                                       std::uint64_t seed, const std::string& device,
                                                       int threads, Ranks& ranks) {
  if (device == "cuda" && !torch::cuda::is_available()) {
    return Error{ErrorCode::kUnsupported, "device is \"cuda\", but this libtorch finds no GPU"};
  }
  const bool gpu = device == "cuda" || (device == "auto" && torch::cuda::is_available());
  torch::set_num_threads(threads);
  return std::unique_ptr<NetTrainer>(
      new NetTrainer(std::make_unique<State>(net, config, seed, gpu ? torch::kCUDA : torch::kCPU, ranks)));
}

int NetTrainer::start(const ModelData& data) {
  state_->net.load(data);
  const torch::NoGradGuard no_gradients;
  std::int64_t below = 0;
  for (const torch::Tensor& slope : state_->slopes) {
    below += slope.lt(0).sum().item<std::int64_t>();
    slope.clamp_min_(0);
  }
  const std::vector<torch::Tensor> now = state_->net.tensors();
  for (std::size_t i = 0; i < now.size(); ++i) state_->mean[i].copy_(now[i].detach());
  return static_cast<int>(below);
}

Result<StepResult> NetTrainer::step(const Batch& batch, double progress) {
  State& s = *state_;
  const auto count = static_cast<std::int64_t>(batch.targets.size());
  // Channels last, as they were cut: no copy on a CPU.
  const torch::Tensor input =
      torch::from_blob(const_cast<float*>(batch.pixels.data()), {count, batch.side, batch.side, 3})
          .permute({0, 3, 1, 2})
          .to(s.device);
  const torch::ScalarType type = s.config.precision == "bf16" ? torch::kBFloat16 : torch::kFloat;
  std::vector<std::uint64_t> seeds;
  if (s.config.dropout) {
    for (const SampleTarget& target : batch.targets) seeds.push_back(target.seed);
  }
  const std::vector<torch::Tensor> outputs = s.net.forward(input, s.heads, seeds, type);
  const LossOptions options{s.config.loss_weights, s.config.hard_share, s.config.landmark_loss == "distance"};
  const Losses losses = compute_losses(outputs, make_targets(batch.targets, s.device), options, s.ranks);
  const double total = s.config.loss_weights[0] * losses.classification +
                       s.config.loss_weights[1] * losses.box + s.config.loss_weights[2] * losses.landmarks;
  if (!std::isfinite(total)) {
    return Error{ErrorCode::kFormat, "the loss is no longer a number: try a lower learning_rate"};
  }
  s.optimizer->zero_grad();
  losses.total.backward();
  s.sum_gradients();
  const double rate = s.learning_rate(progress);
  for (torch::optim::OptimizerParamGroup& group : s.optimizer->param_groups()) group.options().set_lr(rate);
  s.optimizer->step();

  // While the mean is young it must not remember the random weights that it started from.
  ++s.steps;
  const double steps = static_cast<double>(s.steps);
  const double decay = std::min(s.config.average, steps / (steps + 10));
  const torch::NoGradGuard no_gradients;
  // With one below 0 a pool can't stand before its PReLU any more (torch_net.cc), and steps take a fifth longer.
  for (const torch::Tensor& slope : s.slopes) slope.clamp_min_(0);
  const std::vector<torch::Tensor> now = s.net.tensors();
  for (std::size_t i = 0; i < now.size(); ++i) s.mean[i].lerp_(now[i], 1 - decay);
  return StepResult{total, losses.classification, losses.box, losses.landmarks, losses.accuracy, rate};
}

void NetTrainer::save(ModelData& data, bool optional_heads) const {
  const std::vector<ParameterSpec> specs = parameters(state_->net.spec());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].optional && !optional_heads) {
      data.tensors.erase(specs[i].name);
    } else {
      data.tensors[specs[i].name] = to_tensor(state_->mean[i]);
    }
  }
}

std::vector<std::byte> NetTrainer::checkpoint() const {
  torch::serialize::OutputArchive archive;
  const auto& named = state_->net.parameters();
  for (std::size_t i = 0; i < named.size(); ++i) {
    std::string key = named[i].first;
    std::replace(key.begin(), key.end(), '.', '/');  // an archive's names have no dots
    archive.write("weights/" + key, named[i].second.detach().contiguous());
    archive.write("mean/" + key, state_->mean[i].contiguous());
  }
  archive.write("steps", torch::tensor(state_->steps));
  torch::serialize::OutputArchive optimizer;
  state_->optimizer->save(optimizer);
  archive.write("optimizer", optimizer);
  std::ostringstream stream;
  archive.save_to(stream);
  const std::string text = stream.str();
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  return {bytes, bytes + text.size()};
}

Status NetTrainer::restore(std::span<const std::byte> bytes, const std::string& name) {
  try {
    std::istringstream stream(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    torch::serialize::InputArchive archive;
    // The optimiser takes its state over as it lies there.
    archive.load_from(stream, state_->device);
    const torch::NoGradGuard no_gradients;
    const auto& named = state_->net.parameters();
    for (std::size_t i = 0; i < named.size(); ++i) {
      std::string key = named[i].first;
      std::replace(key.begin(), key.end(), '.', '/');
      torch::Tensor values;
      archive.read("weights/" + key, values);
      named[i].second.copy_(values);
      archive.read("mean/" + key, values);
      state_->mean[i].copy_(values);
    }
    torch::Tensor steps;
    archive.read("steps", steps);
    state_->steps = steps.item<std::int64_t>();
    torch::serialize::InputArchive optimizer;
    archive.read("optimizer", optimizer);
    state_->optimizer->load(optimizer);
  } catch (const std::exception& error) {
    return Error{ErrorCode::kFormat, name + ": not a checkpoint of this net and optimiser"};
  }
  return std::monostate{};
}

std::string libtorch_version() { return TORCH_VERSION; }

}  // namespace mtcnn
