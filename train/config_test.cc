#include "train/config.h"

#include <filesystem>

#include <doctest/doctest.h>

namespace mtcnn {
namespace {

const std::string kSet = "[[set]]\nformat = \"wider\"\nlabels = \"l.txt\"\nimages = \"i\"\n";

std::string error_of(const std::string& text) {
  const Result<TrainConfig> config = parse_config(text, "c.toml", "/home/me");
  return config ? "" : config.error().message;
}

TEST_CASE("what is not said has a default, and what is said counts") {
  const Result<TrainConfig> config = parse_config(
      "output = \"out\"\nseed = 7\nthresholds = [0.5, 0.6, 0.7]\n[pnet]\nsamples = 5e5\nbatch = 64\nlandmarks = "
      "false\n[samples]\nratio = [1, 2, 3, 4]\n" +
          kSet + "box_moves = [0, -0.2, 0, 0]\nweight = 2\n",
      "c.toml", "/home/me");
  REQUIRE_MESSAGE(config.ok(), error_of(kSet));
  CHECK(config->output == "/home/me/out");
  CHECK(config->seed == 7);
  CHECK(config->thresholds == std::array<double, 3>{.5, .6, .7});
  CHECK(config->pnet.samples == 5e5);
  CHECK(config->pnet.batch == 64);
  CHECK(!config->pnet.landmarks);
  CHECK(config->rnet.landmarks);
  CHECK(config->samples.ratio == std::array<double, 4>{1, 2, 3, 4});
  CHECK(config->onet.loss_weights == std::array<double, 3>{1, .5, 1});
  REQUIRE(config->sets.size() == 1);
  CHECK(config->sets[0].labels == "/home/me/l.txt");
  CHECK(config->sets[0].name == "i");
  CHECK(parse_config("[[set]]\nformat = \"wider\"\nlabels = \"l\"\nimages = \"photos/\"\n", "c.toml", "")
            ->sets[0]
            .name == "photos");
  CHECK(config->sets[0].weight == 2);
  CHECK(config->sets[0].box_moves == std::array<double, 4>{0, -.2, 0, 0});
}

TEST_CASE("a set's paths are full, from wherever its config is read") {
  namespace fs = std::filesystem;
  const std::string here = fs::current_path().string();
  const Result<TrainConfig> near = parse_config(kSet, "c.toml", ""),
                            far = parse_config(kSet, "c.toml", "recipes/../");
  REQUIRE((near.ok() && far.ok()));
  CHECK(near->sets[0].labels == (fs::path(here) / "l.txt").string());
  CHECK(config_text(*near) == config_text(*far));
  CHECK(near->output == "training");
  CHECK(parse_config("[onet]\nstart_from = 'm.safetensors'\n" + kSet, "c.toml", "/models")->onet.start_from ==
        "/models/m.safetensors");
}

TEST_CASE("the example is a config of the defaults") {
  const Result<TrainConfig> config = parse_config(example_config(), "c.toml", "");
  REQUIRE_MESSAGE(config.ok(), (config ? "" : config.error().message));
  CHECK(config->sets.size() == 1);
  CHECK(config->validation.size() == 1);
  TrainConfig defaults;
  defaults.sets = config->sets;
  defaults.validation = config->validation;
  CHECK(config_text(*config) == config_text(defaults));
}

TEST_CASE("a config that is written reads back") {
  const Result<TrainConfig> config =
      parse_config("[onet]\nlearning_rate = 0.00012345\n" + kSet +
                       "name = 'a \"quoted\" \\ name'\nclasses = [\"a\", \"b\"]\n",
                   "c.toml", "/");
  REQUIRE(config.ok());
  const Result<TrainConfig> again = parse_config(config_text(*config), "again.toml", "/elsewhere");
  REQUIRE_MESSAGE(again.ok(), (again ? "" : again.error().message));
  CHECK(config_text(*again) == config_text(*config));
  CHECK(again->onet.learning_rate == .00012345);
  CHECK(again->sets[0].name == "a \"quoted\" \\ name");
  CHECK(again->sets[0].classes == std::vector<std::string>{"a", "b"});
}

TEST_CASE("any text comes back as it was") {
  Result<TrainConfig> config = parse_config(kSet, "c.toml", "/data");
  REQUIRE(config.ok());
  config->sets[0].name = "two\nlines\t\"quoted\" \\ \x7f \x01 é";
  const Result<TrainConfig> again = parse_config(config_text(*config), "c.toml", "");
  REQUIRE(again.ok());
  CHECK(again->sets[0].name == config->sets[0].name);
}

TEST_CASE("what is wrong is said with file and line") {
  CHECK(error_of("seed = 1\nsed = 2\n" + kSet) == "c.toml:2: there is no key \"sed\"");
  CHECK(error_of("[pnet]\nbatches = 2\n" + kSet) == "c.toml:2: there is no key \"batches\" in [pnet]");
  CHECK(
      error_of("[pnet]\nbatch = 2.5\n" + kSet).starts_with("c.toml:2: pnet.batch: expected a whole number"));
  CHECK(error_of("[pnet]\nbatch = 0\n" + kSet)
            .starts_with("c.toml:2: pnet.batch: expected a whole number from 8"));
  CHECK(error_of("[pnet]\nlearning_rate = nan\n" + kSet)
            .starts_with("c.toml:2: pnet.learning_rate: expected a number"));
  CHECK(error_of("[pnet]\nlandmarks = 1\n" + kSet) == "c.toml:2: pnet.landmarks: expected true or false");
  CHECK(error_of("output = 3\n" + kSet) == "c.toml:1: output: expected text in quotes");
  CHECK(error_of("thresholds = [1, 2]\n" + kSet) == "c.toml:1: thresholds: expected 3 numbers in brackets");
  CHECK(error_of("pnet = 3\n" + kSet) == "c.toml:1: expected [pnet]");
  CHECK(error_of("[pnet]\noptimizer = \"lion\"\n" + kSet).find("expected \"adamw\" or \"sgd\"") !=
        std::string::npos);
  CHECK(error_of("[onet]\nprecision = \"bf32\"\n" + kSet) ==
        "c.toml: precision is \"bf32\", expected \"float32\" or \"bf16\"");
  CHECK(error_of("seed = = 1\n").starts_with("c.toml:1: "));
  CHECK(error_of("seed = 1\n") == "c.toml: there is no [[set]] of training images");
  CHECK(error_of("[[set]]\nformat = \"exotic\"\nlabels = \"l\"\nimages = \"i\"\n")
            .starts_with("c.toml:1: format is \"exotic\", expected one of wider, "));
  CHECK(error_of("[[set]]\nformat = \"wider\"\nimages = \"i\"\n") ==
        "c.toml:1: a set needs `labels` and `images`");
  CHECK(error_of("set = 3\n") == "c.toml:1: expected [[set]]");
  CHECK(error_of(kSet + "unlabelled_faces = \"few\"\n")
            .ends_with("unlabelled_faces is \"few\", expected \"auto\", \"some\" or \"none\""));
  CHECK(error_of("[samples]\nnegative_iou = 0\n" + kSet)
            .starts_with("c.toml:2: samples.negative_iou: expected a number from 0.01"));
  CHECK(error_of(kSet + "[rnet]\nface_share = 0.8\n").find("face_share of 1") != std::string::npos);
  CHECK(error_of(kSet + "[samples]\npart_iou = 0.9\n").find("negative_iou <= part_iou <= positive_iou") !=
        std::string::npos);
  CHECK(load_config("/nowhere/c.toml").error().code == ErrorCode::kIo);
}

}  // namespace
}  // namespace mtcnn
