#include "train/torch_net.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include "train/random.h"

namespace mtcnn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Rows of `channels` values that lie side by side: a dense layer's output, or a channels-last map.
struct Rows {
  std::int64_t count, channels;
};
Rows rows_of(const torch::Tensor& t) { return {t.numel() / std::max<std::int64_t>(t.size(1), 1), t.size(1)}; }

torch::Tensor as_rows(const torch::Tensor& t) {
  return t.dim() == 4 ? t.contiguous(torch::MemoryFormat::ChannelsLast) : t.contiguous();
}

// BFloat16 as the 16 upper bits of a float. In these loops is no branch and no comparison of floats, so that a compiler can vectorise
// them, which it can't with c10's own conversions.
using Bf16 = std::uint16_t;
float to_float(float value) { return value; }
float to_float(Bf16 value) { return std::bit_cast<float>(std::uint32_t{value} << 16); }
void store(float value, float& to) { to = value; }
// To the nearest, of two to the even one; what is no number stays none.
void store(float value, Bf16& to) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  to = static_cast<Bf16>((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
}

// `value` where its sign is set, else 0.
float negative_part(float value) {
  const auto bits = std::bit_cast<std::int32_t>(value);
  return std::bit_cast<float>(bits & (bits >> 31));
}

// `slope` where the sign of `value` is set, else 1.
float derivative(float value, float slope) {
  const std::int32_t below = std::bit_cast<std::int32_t>(value) >> 31;
  return std::bit_cast<float>((std::bit_cast<std::int32_t>(slope) & below) |
                              (std::bit_cast<std::int32_t>(1.f) & ~below));
}

template <typename T>
T* values_of(const torch::Tensor& t) {
  return static_cast<T*>(t.data_ptr());
}

// Of floats or of BFloat16, computed in floats.
template <typename T>
struct Prelu : torch::autograd::Function<Prelu<T>> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& any_input,
                               const torch::Tensor& any_slopes) {
    const torch::Tensor input = as_rows(any_input), slopes = any_slopes.contiguous();
    context->save_for_backward({input, slopes});
    torch::Tensor output = torch::empty_like(input);
    const auto [count, channels] = rows_of(input);
    const T* const x = values_of<T>(input);
    const float* const a = slopes.data_ptr<float>();
    T* const y = values_of<T>(output);
    at::parallel_for(0, count, 16384 / channels + 1,
                     [&, channels = channels](std::int64_t begin, std::int64_t end) {
                       for (std::int64_t row = begin; row < end; ++row) {
                         const T* const from = x + row * channels;
                         T* __restrict const to = y + row * channels;
                         for (std::int64_t c = 0; c < channels; ++c) {
                           const float value = to_float(from[c]);
                           const float below = negative_part(value);
                           store((value - below) + a[c] * below, to[c]);
                         }
                       }
                     });
    return output;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor &input = saved[0], &slopes = saved[1];
    const torch::Tensor gradient = as_rows(gradients[0]);
    TORCH_CHECK(gradient.scalar_type() == input.scalar_type());
    torch::Tensor input_gradient = torch::empty_like(input);
    const auto [count, channels] = rows_of(input);
    const T *x = values_of<T>(input), *g = values_of<T>(gradient);
    const float* const a = slopes.data_ptr<float>();
    T* const gx = values_of<T>(input_gradient);
    // Parts of fixed size, summed up in their order: the sum does not depend on the number of threads.
    const std::int64_t part_rows = std::max<std::int64_t>(1, 65536 / channels);
    const std::int64_t parts = (count + part_rows - 1) / part_rows;
    torch::Tensor sums = torch::zeros({parts, channels}, slopes.options());
    float* const ga = sums.data_ptr<float>();
    at::parallel_for(
        0, parts, 1, [&, count = count, channels = channels](std::int64_t begin, std::int64_t end) {
          for (std::int64_t part = begin; part < end; ++part) {
            float* __restrict const sum = ga + part * channels;
            for (std::int64_t row = part * part_rows; row < std::min(count, (part + 1) * part_rows); ++row) {
              const T *from = x + row * channels, *grad = g + row * channels;
              T* __restrict const to = gx + row * channels;
              for (std::int64_t c = 0; c < channels; ++c) {
                const float value = to_float(from[c]), change = to_float(grad[c]);
                store(change * derivative(value, a[c]), to[c]);
                sum[c] += change * negative_part(value);
              }
            }
          }
        });
    return {input_gradient, sums.sum(0)};
  }
};

// Pools of positive slopes can stand before the PReLU: the largest stays the largest, and the PReLU
// has a quarter of the values to work on.
bool may_swap(const torch::Tensor& slopes) { return slopes.min().item<float>() >= 0; }

// Each sample's own, so that neither a restart nor the number of processes changes it, as libtorch's generator would.
torch::Tensor dropout_mask(const torch::Tensor& x, double rate, std::span<const std::uint64_t> seeds,
                           std::size_t layer) {
  torch::Tensor mask = torch::zeros(x.sizes(), torch::kFloat);
  float* value = mask.data_ptr<float>();
  const std::int64_t each = x.numel() / x.size(0);
  for (const std::uint64_t seed : seeds) {
    Random random{seed, layer};
    for (std::int64_t i = 0; i < each; ++i)
      *value++ = random.chance(rate) ? 0.f : static_cast<float>(1 / (1 - rate));
  }
  return mask.to(x.device(), x.scalar_type());
}

}  // namespace

torch::Tensor prelu(const torch::Tensor& input, const torch::Tensor& slopes) {
  if (input.is_cpu() && input.scalar_type() == torch::kFloat) return Prelu<float>::apply(input, slopes);
  if (input.is_cpu() && input.scalar_type() == torch::kBFloat16) return Prelu<Bf16>::apply(input, slopes);
  return torch::prelu(input, slopes.to(input.scalar_type()));
}

TorchNet::TorchNet(const NetSpec& net, std::uint64_t seed, torch::Device device) : net_(&net) {
  std::uint64_t index = 0;
  for (const ParameterSpec& parameter : mtcnn::parameters(net)) {
    torch::Tensor values = torch::zeros(parameter.shape, torch::kFloat);
    Random random{seed, index++, 4};
    const bool weight = parameter.name.ends_with(".weight");
    float* const data = values.data_ptr<float>();
    if (weight && parameter.shape.size() == 1) {
      values.fill_(.25f);
    } else if (weight) {
      const double inputs = static_cast<double>(values.numel()) / static_cast<double>(parameter.shape[0]);
      bool head = false;
      for (const Layer& layer : net.heads) {
        head = head || parameter.name == std::string(net.name) + "." + layer.name + ".weight";
      }
      const double deviation = head ? .1 / std::sqrt(inputs) : std::sqrt(2 / (1 + .25 * .25) / inputs);
      for (std::int64_t i = 0; i < values.numel(); ++i)
        data[i] = static_cast<float>(deviation * random.normal());
    }
    if (values.dim() == 4) values = values.contiguous(torch::MemoryFormat::ChannelsLast);
    parameters_.emplace_back(parameter.name, values.to(device).requires_grad_(true));
  }
}

torch::Tensor TorchNet::parameter(const std::string& net, std::string_view layer, const char* kind) const {
  const std::string name = std::string(net).append(".").append(layer).append(".").append(kind);
  for (const auto& [own, tensor] : parameters_) {
    if (own == name) return tensor;
  }
  TORCH_CHECK(false, "no parameter ", name);
}

std::vector<torch::Tensor> TorchNet::tensors() const {
  std::vector<torch::Tensor> list;
  for (const auto& [name, tensor] : parameters_) list.push_back(tensor);
  return list;
}

torch::Tensor TorchNet::features(const NetSpec& net, const std::string& name, const torch::Tensor& input,
                                 std::span<const std::uint64_t> seeds) const {
  torch::Tensor x = input;
  const auto pool = [&](const Layer& layer) {
    x = torch::max_pool2d(x, layer.kernel, layer.stride, 0, 1, /*ceil_mode=*/true);
  };
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const Layer& layer = net.layers[i];
    const auto weight = [&] { return parameter(name, layer.name, "weight").to(x.scalar_type()); };
    const auto bias = [&] { return parameter(name, layer.name, "bias").to(x.scalar_type()); };
    switch (layer.kind) {
      case LayerKind::kConv:
        x = torch::conv2d(x, weight(), bias(), torch::IntArrayRef{1}, torch::IntArrayRef{layer.padding},
                          torch::IntArrayRef{1}, layer.groups);
        break;
      case LayerKind::kPrelu: {
        const torch::Tensor slopes = parameter(name, layer.name, "weight");
        const bool pool_next = i + 1 < net.layers.size() && net.layers[i + 1].kind == LayerKind::kMaxPool;
        if (pool_next && may_swap(slopes)) pool(net.layers[++i]);
        x = mtcnn::prelu(x, slopes);
        break;
      }
      case LayerKind::kMaxPool: pool(layer); break;
      case LayerKind::kDense:
        TORCH_CHECK(layer.groups == 1, "grouped dense layers (L-Net) can't be trained");
        // In the order channel, row, column, whatever the layout.
        x = x.contiguous().flatten(1).to(torch::kFloat);
        x = torch::linear(x, weight(), bias());
        break;
      case LayerKind::kDropout:
        if (!seeds.empty()) x = x * dropout_mask(x, layer.rate, seeds, i);
        break;
      case LayerKind::kRelu: x = torch::relu(x); break;
      case LayerKind::kLrn:
        // Squares and powers, in floats.
        x = torch::nn::functional::local_response_norm(
                x.to(torch::kFloat), torch::nn::functional::LocalResponseNormFuncOptions(layer.kernel)
                                         .alpha(layer.alpha)
                                         .beta(kLrnPower)
                                         .k(kLrnBias))
                .to(x.scalar_type());
        break;
    }
  }
  x = x.contiguous().flatten(1);
  if (!net.branch) return x;
  const torch::Tensor half = torch::avg_pool2d(input, 2);
  return torch::cat({x, features(*net.branch, name + ".branch", half, seeds)}, 1);
}

std::vector<torch::Tensor> TorchNet::forward(const torch::Tensor& input,
                                             const std::vector<std::string>& heads,
                                             std::span<const std::uint64_t> seeds,
                                             torch::ScalarType type) const {
  // Eight bits of mantissa are too coarse for offsets and points.
  const torch::Tensor seen = features(*net_, net_->name, input.to(type), seeds).to(torch::kFloat);
  std::vector<torch::Tensor> outputs;
  for (const std::string& head : heads) {
    outputs.push_back(
        torch::linear(seen, parameter(net_->name, head, "weight"), parameter(net_->name, head, "bias")));
  }
  return outputs;
}

void TorchNet::load(const ModelData& data) {
  const torch::NoGradGuard no_gradients;
  for (const auto& [name, tensor] : parameters_) {
    const auto found = data.tensors.find(name);
    if (found == data.tensors.end()) continue;
    tensor.copy_(torch::from_blob(const_cast<float*>(found->second.values.data()), found->second.shape));
  }
}

Tensor to_tensor(const torch::Tensor& values) {
  const torch::Tensor plain = values.detach().to(torch::kCPU, torch::kFloat).contiguous();
  Tensor tensor;
  tensor.shape.assign(plain.sizes().begin(), plain.sizes().end());
  tensor.values.assign(plain.data_ptr<float>(), plain.data_ptr<float>() + plain.numel());
  return tensor;
}

void TorchNet::save(ModelData& data, bool optional_heads) const {
  const std::vector<ParameterSpec> specs = mtcnn::parameters(*net_);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].optional && !optional_heads) {
      data.tensors.erase(specs[i].name);
    } else {
      data.tensors[specs[i].name] = to_tensor(parameters_[i].second);
    }
  }
}

}  // namespace mtcnn
