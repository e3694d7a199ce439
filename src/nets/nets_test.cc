#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "nets/baseline_nets.h"
#include "nets/mtcnn_nets.h"

namespace mtcnn {
namespace {

std::int64_t count_parameters(const NetSpec& net, bool with_optional) {
  std::int64_t sum = 0;
  for (const ParameterSpec& parameter : parameters(net)) {
    if (parameter.optional && !with_optional) continue;
    std::int64_t count = 1;
    for (const std::int64_t n : parameter.shape) count *= n;
    sum += count;
  }
  return sum;
}

TEST_CASE("the nets have the release's numbers of parameters") {
  CHECK(count_parameters(kPNet, false) == 6632);
  CHECK(count_parameters(kRNet, false) == 100178);
  CHECK(count_parameters(kONet, false) == 389040);
  CHECK(count_parameters(kPNet, true) == 6632 + 32 * 10 + 10);
  CHECK(count_parameters(kRNet, true) == 100178 + 128 * 10 + 10);
}

TEST_CASE("feature maps have the paper's sizes") {
  CHECK(feature_shape(kPNet, 12, 12) == MapShape{32, 1, 1});
  CHECK(feature_shape(kRNet, 24, 24) == MapShape{128, 1, 1});
  CHECK(feature_shape(kONet, 48, 48) == MapShape{256, 1, 1});
  CHECK(feature_shape(kLNet, 24, 24) == MapShape{320, 1, 1});
  // One cell for every two pixels; the ceil-mode pool lets an odd pixel count too.
  CHECK(feature_shape(kPNet, 14, 12) == MapShape{32, 2, 1});
  CHECK(feature_shape(kPNet, 13, 12) == MapShape{32, 2, 1});
}

TEST_CASE("the baselines have the layers of their paper") {
  // Padded convolutions keep the side, pools in ceil mode halve it.
  const std::int64_t n12 = (3 * 9 + 1) * 16 + (16 * 6 * 6 + 1) * 16;
  const std::int64_t n24 = (3 * 25 + 1) * 64 + (64 * 12 * 12 + 1) * 128;
  const std::int64_t trunk48 = (3 * 25 + 1) * 64 + (64 * 25 + 1) * 64;
  CHECK(count_parameters(k12Net, false) == n12 + 17 * 2);
  CHECK(count_parameters(k24Net, false) == n24 + n12 + (128 + 16 + 1) * 2);
  CHECK(count_parameters(k48Net, false) ==
        trunk48 + (64 * 12 * 12 + 1) * 256 + n24 + n12 + (256 + 128 + 16 + 1) * 2);
  CHECK(count_parameters(k12Calibration, false) == (3 * 9 + 1) * 16 + (16 * 6 * 6 + 1) * 128 + 129 * 45);
  CHECK(count_parameters(k24Calibration, false) == (3 * 25 + 1) * 32 + (32 * 12 * 12 + 1) * 64 + 65 * 45);
  CHECK(count_parameters(k48Calibration, false) == trunk48 + (64 * 24 * 24 + 1) * 256 + 257 * 45);
  CHECK(feature_shape(k12Net, 12, 12) == MapShape{16, 1, 1});
  CHECK(feature_shape(k24Net, 24, 24) == MapShape{128 + 16, 1, 1});
  CHECK(feature_shape(k48Net, 48, 48) == MapShape{256 + 128 + 16, 1, 1});
}

TEST_CASE("a branch's parameters stand between the net's own and its heads") {
  std::vector<std::string> names;
  for (const ParameterSpec& parameter : parameters(k48Net)) {
    if (parameter.name.ends_with(".weight")) names.push_back(parameter.name);
  }
  CHECK(names == std::vector<std::string>{"48net.conv1.weight", "48net.conv2.weight", "48net.dense3.weight",
                                          "48net.branch.conv1.weight", "48net.branch.dense2.weight",
                                          "48net.branch.branch.conv1.weight",
                                          "48net.branch.branch.dense2.weight", "48net.class.weight"});
}

TEST_CASE("pools are in ceil mode") {
  const Layer pool{.name = "pool", .kind = LayerKind::kMaxPool, .kernel = 3, .stride = 2};
  CHECK(output_shape(pool, {1, 22, 22}) == MapShape{1, 11, 11});
  CHECK(output_shape(pool, {1, 9, 9}) == MapShape{1, 4, 4});
  CHECK(output_shape(pool, {1, 46, 3}) == MapShape{1, 23, 1});
  CHECK(output_shape(pool, {1, 2, 4}) == MapShape{1, 1, 2});
}

TEST_CASE("parameter names are unique and carry the net's name") {
  std::set<std::string> names;
  for (const NetSpec* net : {&kPNet, &kRNet, &kONet, &kLNet, &k12Net, &k24Net, &k48Net, &k12Calibration,
                             &k24Calibration, &k48Calibration}) {
    for (const ParameterSpec& parameter : parameters(*net)) {
      CHECK(parameter.name.starts_with(std::string(net->name) + "."));
      CHECK(names.insert(parameter.name).second);
    }
  }
}

TEST_CASE("the architecture hash tells nets apart and is stable") {
  const NetSpec* const three[] = {&kPNet, &kRNet, &kONet};
  const NetSpec* const four[] = {&kPNet, &kRNet, &kONet, &kLNet};
  CHECK(architecture_hash(three) != architecture_hash(four));
  // In every model file ever written: it must never change.
  CHECK(architecture_hash(three) == "16b62f358a89cec8");

  const Layer wider[] = {{.name = "conv1", .kind = LayerKind::kConv, .outputs = 11, .kernel = 3}};
  const NetSpec other{"pnet", 12, 3, true, wider, kPNet.heads};
  CHECK(describe(other) != describe(kPNet));
}

TEST_CASE("descriptions tell padding, normalisation and branches apart") {
  const auto described = [](const Layer& layer, const NetSpec* branch) {
    const Layer layers[] = {layer, {.name = "dense2", .kind = LayerKind::kDense, .outputs = 4}};
    return describe(NetSpec{"some", 24, 3, false, layers, {}, branch});
  };
  const Layer conv{.name = "a", .kind = LayerKind::kConv, .outputs = 4, .kernel = 3};
  Layer padded = conv;
  padded.padding = 1;
  const Layer lrn{.name = "a", .kind = LayerKind::kLrn, .kernel = 9, .alpha = .001f};
  Layer weaker = lrn;
  weaker.alpha = .0001f;
  const std::set<std::string> all{described(conv, nullptr), described(padded, nullptr),
                                  described(lrn, nullptr),  described(weaker, nullptr),
                                  described(conv, &k12Net), described(conv, &k12Calibration)};
  CHECK(all.size() == 6);
}

}  // namespace
}  // namespace mtcnn
