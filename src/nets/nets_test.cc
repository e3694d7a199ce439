#include <set>
#include <string>

#include <doctest/doctest.h>

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

TEST_CASE("pools are in ceil mode") {
  const Layer pool{.name = "pool", .kind = LayerKind::kMaxPool, .kernel = 3, .stride = 2};
  CHECK(output_shape(pool, {1, 22, 22}) == MapShape{1, 11, 11});
  CHECK(output_shape(pool, {1, 9, 9}) == MapShape{1, 4, 4});
  CHECK(output_shape(pool, {1, 46, 3}) == MapShape{1, 23, 1});
  CHECK(output_shape(pool, {1, 2, 4}) == MapShape{1, 1, 2});
}

TEST_CASE("parameter names are unique and carry the net's name") {
  std::set<std::string> names;
  for (const NetSpec* net : {&kPNet, &kRNet, &kONet, &kLNet}) {
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

}  // namespace
}  // namespace mtcnn
