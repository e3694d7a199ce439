// Trainings that learn next to nothing in a second or two, for what is around the learning: files, stops, restarts.
#include "train/pipeline.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "codecs/image_io.h"
#include "engine/model_data.h"
#include "eval/test_folder.h"
#include "mtcnn/model.h"
#include "train/random.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;

// Bright faces on noise.
class Workshop {
 public:
  Workshop() {
    Random random{3};
    fs::create_directories(folder / "images");
    for (const auto& [name, count] : {std::pair{"train", 32}, std::pair{"validation", 2}}) {
      std::string labels;
      for (int i = 0; i < count; ++i) {
        Image image{90, 80, {}};
        for (int k = 0; k < 90 * 80 * 3; ++k)
          image.rgb.push_back(static_cast<std::uint8_t>(random.below(120)));
        const int left = static_cast<int>(random.uniform(5, 45)),
                  top = static_cast<int>(random.uniform(5, 35));
        for (int y = top; y < top + 40; ++y) {
          for (int x = left; x < left + 40; ++x) image.rgb[static_cast<std::size_t>(3 * (y * 90 + x))] = 240;
        }
        const std::string file = name + std::to_string(i) + ".png";
        REQUIRE(save_image(folder / ("images/" + file), image.view()).ok());
        std::ostringstream line;
        line << "# " << file << "\n" << left << " " << top << " 40 40";
        constexpr int kPoints[5][2] = {{10, 12}, {30, 12}, {20, 20}, {12, 30}, {28, 30}};
        for (const auto& [x, y] : kPoints) line << " " << left + x << " " << top + y << " 0.0";
        labels += line.str() + " 1\n";
      }
      folder.write(std::string(name) + ".txt", labels);
      SetConfig set;
      set.name = name;
      set.format = "retinaface";
      set.labels = folder / (std::string(name) + ".txt");
      set.images = folder / "images";
      (set.name == "train" ? config.sets : config.validation).push_back(set);
    }
    config.output = folder / "out";
    config.threads = 2;
    for (StageConfig* stage : {&config.pnet, &config.rnet, &config.onet}) {
      stage->samples = 300;
      stage->batch = 48;
      stage->rounds = 1;
      stage->checks = 1;
      stage->mining_windows = 20;
    }
    events.stop = &stop;
    events.note = [this](const std::string& line) { notes += line + "\n"; };
  }

  Result<bool> train(TrainRun run = {}) {
    notes.clear();
    return mtcnn::train(config, run, events);
  }
  bool there(const std::string& name) const { return fs::exists(folder / ("out/" + name)); }
  void remove(const std::string& name) const { REQUIRE(fs::remove(folder / ("out/" + name))); }
  std::string content(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(folder / ("out/" + name), std::ios::binary).rdbuf();
    return text.str();
  }
  // Lines of metrics.jsonl; those that are none are null.
  std::vector<nlohmann::json> metrics() const {
    std::istringstream text(content("metrics.jsonl"));
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(text, line);) {
      const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
      lines.push_back(json.is_object() ? json : nlohmann::json());
    }
    return lines;
  }
  int events_of(const std::string& event, const std::string& net = "") const {
    int count = 0;
    for (const nlohmann::json& line : metrics()) {
      if (!line.is_object() || line.at("event") != event) continue;
      count += net.empty() || line.at("net") == net;
    }
    return count;
  }

  test::Folder folder;
  TrainConfig config;
  TrainEvents events;
  std::atomic<bool> stop = false;
  std::string notes;
};

TEST_CASE("a run does what is missing, and says in the model where it comes from") {
  Workshop shop;
  shop.config.pnet.keep_landmarks = true;
  REQUIRE(shop.train().ok());
  const Result<Model> model = Model::load(shop.folder / "out/model.safetensors");
  REQUIRE(model.ok());
  // Kept where it is asked for.
  const std::map<std::string, std::string> metadata = model->info().metadata;
  const std::string tensors = shop.content("model.safetensors");
  CHECK(tensors.find("pnet.landmarks.weight") != std::string::npos);
  CHECK(tensors.find("rnet.landmarks.weight") == std::string::npos);
  CHECK(tensors.find("onet.landmarks.weight") != std::string::npos);
  CHECK(metadata.at("provenance") == "trained by mtcnn train on train");
  CHECK(metadata.at("trainer").starts_with("mtcnn "));
  CHECK(metadata.at("trainer").find(", libtorch ") != std::string::npos);
  CHECK(metadata.at("seed") == "1");
  CHECK(metadata.at("config_hash").size() == 16);
  CHECK(metadata.at("check").starts_with("average precision "));
  CHECK(metadata.at("check").ends_with(" on 2 photographs"));
  const auto of_pnet = Model::load(shop.folder / "out/pnet.safetensors")->info().metadata;
  CHECK(of_pnet.at("check").starts_with("P-Net keeps "));
  CHECK(of_pnet.at("config_hash") == metadata.at("config_hash"));
  // Memory is recorded and told.
  for (const nlohmann::json& line : shop.metrics()) {
    if (line.at("event") != "step" && line.at("event") != "done") continue;
    CHECK(line.at("peak_memory").get<double>() > 1e6);
    CHECK(line.at("image_cache").get<double>() >= 90 * 80 * 3);
  }
  CHECK(shop.notes.find("memory at its peak") != std::string::npos);

  // Nothing is missing.
  CHECK(shop.events_of("result") == 1);
  const std::string bytes = shop.content("model.safetensors");
  CHECK(*shop.train());
  CHECK(shop.events_of("result") == 1);
  CHECK(shop.notes.find("Wrote") == std::string::npos);
  // The model is.
  shop.remove("model.safetensors");
  CHECK(*shop.train());
  CHECK(shop.content("model.safetensors") == bytes);
  CHECK(shop.events_of("done") == 3);
  // So are its figures: a run that was killed before they were recorded.
  std::string kept;
  for (const nlohmann::json& line : shop.metrics()) {
    if (line.at("event") != "result") kept += line.dump() + "\n";
  }
  shop.folder.write("out/metrics.jsonl", kept);
  CHECK(*shop.train());
  CHECK(shop.events_of("result") == 1);
  // The model is another O-Net's.
  fs::copy_file(shop.folder / "out/rnet.safetensors", shop.folder / "out/model.safetensors",
                fs::copy_options::overwrite_existing);
  CHECK(*shop.train());
  CHECK(shop.content("model.safetensors") == bytes);

  // A setting that a run of an older version had no key for is as it was.
  std::string settings = shop.content("config.toml");
  for (std::size_t at; (at = settings.find("precision = ")) != std::string::npos;)
    settings.erase(at, settings.find('\n', at) + 1 - at);
  shop.folder.write("out/config.toml", settings);
  CHECK(shop.train().ok());
  shop.config.onet.precision = "bf16";
  const Result<bool> other = shop.train();
  REQUIRE(!other.ok());
  CHECK(other.error().code == ErrorCode::kInvalidArgument);
  shop.config.onet.precision = "float32";

  // Begun anew: not if the labels can't be read, ...
  TrainRun again;
  again.restart = true;
  again.stages = {false, false, true};
  fs::rename(shop.folder / "train.txt", shop.folder / "away.txt");
  CHECK(!shop.train(again).ok());
  CHECK(shop.content("model.safetensors") == bytes);
  CHECK(shop.there("onet.safetensors"));
  fs::rename(shop.folder / "away.txt", shop.folder / "train.txt");
  // ... and from the net on that is named.
  const std::string pnet = shop.content("pnet.safetensors"), rnet = shop.content("rnet.safetensors");
  shop.config.onet.learning_rate = 1e-3;
  CHECK(*shop.train(again));
  CHECK(shop.content("pnet.safetensors") == pnet);
  CHECK(shop.content("rnet.safetensors") == rnet);
  CHECK(shop.content("model.safetensors") != bytes);
  for (const char* net : {"pnet", "rnet", "onet"}) CHECK(shop.events_of("done", net) == 1);
  CHECK(shop.events_of("result") == 1);
}

TEST_CASE("a net may begin with the weights of a model") {
  Workshop shop;
  REQUIRE(shop.train().ok());
  const Result<Model> before = Model::load(shop.folder / "out/model.safetensors");
  REQUIRE(before.ok());
  shop.config.output = shop.folder / "tuned";
  shop.config.onet.start_from = shop.folder / "away.safetensors";
  const Result<bool> missing = shop.train();
  REQUIRE(!missing.ok());
  CHECK(missing.error().code == ErrorCode::kIo);
  CHECK(missing.error().message.find("away.safetensors") != std::string::npos);
  // The same seed and a rate of 0: what it begins with is what it ends with, but for the scores' calibration.
  fs::copy_file(shop.folder / "out/model.safetensors", shop.folder / "away.safetensors");
  for (StageConfig* stage : {&shop.config.pnet, &shop.config.onet}) stage->learning_rate = 0;
  REQUIRE(shop.train().ok());
  CHECK(shop.notes.find("O-Net: begins with the weights of ") != std::string::npos);
  CHECK(shop.notes.find("P-Net: begins") == std::string::npos);
  const Result<Model> after = Model::load(shop.folder / "tuned/model.safetensors");
  REQUIRE(after.ok());
  CHECK(after->info().metadata.at("onet_start").starts_with("away.safetensors, weights "));
  CHECK(after->info().metadata.count("pnet_start") == 0);
  const auto same = [&](const char* tensor) {
    return before->data().tensors.at(tensor).values == after->data().tensors.at(tensor).values;
  };
  CHECK(same("onet.conv1.weight"));
  CHECK(same("onet.landmarks.bias"));
  CHECK(!same("pnet.conv1.weight"));
  // What it began with is not needed any more.
  fs::remove(shop.folder / "away.safetensors");
  CHECK(*shop.train());
  // Pixels of another scale, in what it begins with and in a net that is taken over.
  ModelData other = before->data();
  other.pixel_scale *= 2;
  const Model doubled(std::make_shared<const ModelData>(std::move(other)));
  REQUIRE(doubled.save(shop.folder / "doubled.safetensors").ok());
  TrainRun last;
  last.stages = {false, false, true};
  shop.config.output = shop.folder / "doubled";
  shop.config.onet.start_from = shop.folder / "doubled.safetensors";
  CHECK(shop.train(last).error().code == ErrorCode::kUnsupported);
  shop.config.onet.start_from.clear();
  fs::create_directories(shop.folder / "doubled");
  fs::copy_file(shop.folder / "doubled.safetensors", shop.folder / "doubled/rnet.safetensors");
  CHECK(shop.train(last).error().code == ErrorCode::kUnsupported);
  shop.config.output = shop.folder / "tuned";
  // What --restart would remove.
  shop.config.onet.start_from = shop.folder / "tuned/model.safetensors";
  TrainRun again;
  again.restart = true;
  again.stages = {false, false, true};
  CHECK(shop.train(again).error().code == ErrorCode::kInvalidArgument);
  CHECK(shop.there("../tuned/model.safetensors"));
}

TEST_CASE("a stop is noticed while photographs are searched, and what a kill left is cleared away") {
  Workshop shop;
  shop.config.pnet.rounds = 2;
  shop.config.validation.clear();
  TrainRun run;
  run.stages = {true, false, false};
  bool mining = false;
  std::int64_t searched = 0;
  shop.events.progress = [&](const TrainProgress& progress) {
    if (!progress.doing.starts_with("mining")) return;
    mining = true;
    searched = progress.done;
    shop.stop = true;
  };
  const Result<bool> stopped = shop.train(run);
  REQUIRE(stopped.ok());
  CHECK(!*stopped);
  CHECK(mining);
  CHECK(searched < 32);
  CHECK(shop.there("pnet.checkpoint"));
  CHECK(!shop.there("pnet.own-1"));
  CHECK(shop.events_of("mined") == 0);

  const std::string leftover = "pnet.checkpoint.999999999.0.tmp";
  shop.folder.write("out/" + leftover, "half a file");
  const std::string lines = shop.content("metrics.jsonl");
  shop.folder.write("out/metrics.jsonl", lines + R"({"event":"step","ne)");
  shop.stop = false;
  shop.events.progress = {};
  CHECK(*shop.train(run));
  CHECK(!shop.there(leftover));
  CHECK(shop.notes.find("P-Net: on from step 3") != std::string::npos);
  CHECK(shop.events_of("mined") == 1);
  // The line that was cut short stands alone.
  CHECK(shop.content("metrics.jsonl").starts_with(lines + "{\"event\":\"step\",\"ne\n{\"event\":\"start\","));

  // What another training of P-Net mined is not taken for this one's.
  shop.remove("pnet.safetensors");
  shop.remove("pnet.checkpoint");
  CHECK(*shop.train(run));
  CHECK(shop.events_of("mined") == 2);
}

TEST_CASE("stopped again and again, a training ends with the weights it would have had") {
  Workshop shop;
  shop.config.threads = 1;
  for (StageConfig* stage : {&shop.config.pnet, &shop.config.rnet}) {
    stage->samples = 1500;
    stage->rounds = 2;
    stage->checks = 3;
  }
  TrainRun run;
  run.stages = {true, true, false};
  REQUIRE(*shop.train(run));
  const std::string pnet = shop.content("pnet.safetensors"), rnet = shop.content("rnet.safetensors");
  const auto figures = [&] {
    std::map<std::string, double> found;
    for (const nlohmann::json& line : shop.metrics()) {
      if (line.is_object() && line.at("event") == "check")
        found[line.at("net").get<std::string>() + std::to_string(line.at("step").get<int>())] =
            line.at("figure");
    }
    return found;
  };
  const std::map<std::string, double> expected = figures();
  CHECK(expected.size() == 6);

  // Later every time, so that it comes to an end on any machine.
  fs::remove_all(shop.folder / "out");
  int stops = 0, resumed = 0;
  for (double wait = 2;; wait *= 1.15) {
    REQUIRE(stops < 200);
    shop.stop = false;
    std::thread timer([&] {
      std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(wait));
      shop.stop = true;
    });
    const Result<bool> done = shop.train(run);
    timer.join();
    REQUIRE(done.ok());
    resumed += shop.notes.find(": on from step") != std::string::npos;
    if (*done) break;
    ++stops;
  }
  CHECK(stops >= 4);
  CHECK(resumed >= 2);
  CHECK(shop.content("pnet.safetensors") == pnet);
  CHECK(shop.content("rnet.safetensors") == rnet);
  CHECK(figures() == expected);
}

TEST_CASE("a check that a kill cut short is made up for, once") {
  Workshop shop;
  shop.config.threads = 1;
  shop.config.pnet.checks = 2;
  TrainRun run;
  run.stages = {true, false, false};
  // What lies there while the first check is made: what a kill would leave.
  std::string before;
  shop.events.note = [&](const std::string& line) {
    shop.notes += line + "\n";
    if (before.empty() && line.starts_with("P-Net at ")) before = shop.content("pnet.checkpoint");
  };
  REQUIRE(*shop.train(run));
  const std::string weights = shop.content("pnet.safetensors");
  CHECK(shop.events_of("check") == 2);
  REQUIRE(!before.empty());
  shop.folder.write("out/pnet.checkpoint", before);
  shop.remove("pnet.safetensors");
  REQUIRE(*shop.train(run));
  CHECK(shop.notes.find("P-Net: on from step 3\n") != std::string::npos);
  CHECK(shop.events_of("check") == 4);  // both again
  CHECK(shop.content("pnet.safetensors") == weights);
  // At the end nothing is due.
  shop.remove("pnet.safetensors");
  REQUIRE(*shop.train(run));
  CHECK(shop.events_of("check") == 4);
  CHECK(shop.content("pnet.safetensors") == weights);
}

TEST_CASE("a checkpoint of which a byte is another is refused") {
  Workshop shop;
  shop.config.validation.clear();
  TrainRun run;
  run.stages = {true, false, false};
  REQUIRE(*shop.train(run));
  const std::string whole = shop.content("pnet.checkpoint");
  REQUIRE(whole.size() > 1000);
  const std::size_t step = whole.find("\"step\":") + 7;
  for (const std::size_t at : {step, whole.find("\"bytes\":") + 8, whole.find("\"sum\":\"") + 7,
                               whole.find('\n') + 10, whole.size() / 2, whole.size() - 1}) {
    CAPTURE(at);
    std::string other = whole;
    other[at] = static_cast<char>(other[at] ^ 1);
    shop.folder.write("out/pnet.checkpoint", other);
    shop.remove("pnet.safetensors");
    const Result<bool> refused = shop.train(run);
    REQUIRE(!refused.ok());
    CHECK(refused.error().message.find("pnet.checkpoint: not a checkpoint of this training") !=
          std::string::npos);
    shop.folder.write("out/pnet.safetensors", "");
  }
  shop.folder.write("out/pnet.checkpoint", whole);
  shop.remove("pnet.safetensors");
  CHECK(*shop.train(run));
}

TEST_CASE("one training at a time in a folder") {
  Workshop shop;
  fs::create_directories(shop.config.output);
  const int held = open(shop.config.output.c_str(), O_RDONLY | O_DIRECTORY);
  REQUIRE(flock(held, LOCK_EX | LOCK_NB) == 0);
  const Result<bool> refused = shop.train();
  REQUIRE(!refused.ok());
  CHECK(refused.error().message.find(shop.config.output + ": another training") == 0);
  CHECK(!shop.there("config.toml"));
  close(held);
  CHECK(shop.train({.stages = {true, false, false}}).ok());
}

TEST_CASE("windows that other nets mined are not used") {
  Workshop shop;
  shop.config.validation.clear();
  TrainRun run;
  run.stages = {true, true, false};
  CHECK(*shop.train(run));
  CHECK(shop.events_of("mined", "rnet") == 1);
  const auto again = [&] {
    shop.remove("rnet.safetensors");
    shop.remove("rnet.checkpoint");
    CHECK(*shop.train(run));
    return shop.events_of("mined", "rnet");
  };
  CHECK(again() == 1);
  Result<Model> model = Model::load(shop.folder / "out/pnet.safetensors");
  ModelData data = model->data();
  data.tensors.at("pnet.conv1.bias").values[0] += .01f;
  REQUIRE(Model(std::make_shared<const ModelData>(data)).save(shop.folder / "out/pnet.safetensors").ok());
  CHECK(again() == 2);
}

TEST_CASE("images that are not there are told before anything is learned") {
  Workshop shop;
  TrainRun run;
  run.stages = {true, false, false};
  fs::remove(shop.folder / "images/train5.png");
  fs::remove(shop.folder / "images/validation1.png");
  CHECK(*shop.train(run));
  CHECK(shop.notes.find("set \"train\": 1 of its 32 images are not in") != std::string::npos);
  CHECK(shop.notes.find("set \"validation\": 1 of its 2 images are not in") != std::string::npos);
  CHECK(shop.notes.find("31 photographs with 31 faces") != std::string::npos);
  fs::remove(shop.folder / "images/validation0.png");
  const Result<bool> none = shop.train(run);
  REQUIRE(!none.ok());
  CHECK(none.error().message.find("set \"validation\": none of its 2 images is in") != std::string::npos);
}

}  // namespace
}  // namespace mtcnn
