#include "convert/convert.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "convert/foreign_files.h"
#include "convert/pickle.h"
#include "convert/writers.h"
#include "engine/safetensors.h"
#include "support/shared_data.h"
#include "util/file.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;
using foreign::ForeignLayer;
using foreign::PickleWriter;

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

struct TestFile {
  std::string name, content;
};

Result<ModelData> import_files(const std::vector<TestFile>& files) {
  std::vector<NamedBytes> named;
  for (const TestFile& file : files) named.push_back({file.name, bytes(file.content)});
  return import_buffers(named);
}

std::string message_of(const Result<ModelData>& result) {
  return result.ok() ? "no error" : result.error().message;
}

// doctest's strings in a condition: which part is missing shows in the failure.
bool mentions(const std::string& message, std::initializer_list<const char*> parts) {
  for (const char* part : parts) {
    if (message.find(part) == std::string::npos) {
      MESSAGE("\"", message, "\" lacks \"", std::string(part), "\"");
      return false;
    }
  }
  return true;
}

// Largest difference of any value; infinity for other names or shapes. `but`: tensors that may be
// missing.
float difference(const ModelData& a, const ModelData& b, const std::string& but = "-") {
  float largest = 0;
  std::size_t left_out = 0;
  for (const auto& [name, tensor] : a.tensors) {
    const auto it = b.tensors.find(name);
    if (it == b.tensors.end() && name.starts_with(but)) {
      ++left_out;
      continue;
    }
    if (it == b.tensors.end() || it->second.shape != tensor.shape ||
        it->second.values.size() != tensor.values.size()) {
      MESSAGE("tensor ", name, " is missing or has another shape");
      return std::numeric_limits<float>::infinity();
    }
    for (std::size_t i = 0; i < tensor.values.size(); ++i) {
      largest = std::max(largest, std::fabs(tensor.values[i] - it->second.values[i]));
    }
  }
  return a.tensors.size() - left_out == b.tensors.size() ? largest : std::numeric_limits<float>::infinity();
}

constexpr std::array kCascade{&kPNet, &kRNet, &kONet};

ModelData released_shape() { return foreign::model(false, false); }

using FileWriter = std::string (*)(const std::vector<ForeignLayer>&);
struct Kind {
  const char* name;
  const char* ending;
  foreign::Style style;
  FileWriter write;
};
const Kind kKinds[] = {
    {"Caffe", ".caffemodel", foreign::kCaffeStyle, [](const auto& l) { return foreign::caffe_file(l); }},
    {"Caffe of 2013", ".caffemodel", foreign::kCaffeStyle,
     [](const auto& l) { return foreign::caffe_file(l, true); }},
    {"facenet", ".npy", foreign::kNpyStyle, foreign::facenet_file},
    {"PyTorch zip", ".pt", foreign::kTorchStyle, [](const auto& l) { return foreign::torch_file(l, true); }},
    {"PyTorch legacy", ".pt", foreign::kTorchStyle,
     [](const auto& l) { return foreign::torch_file(l, false); }},
    {"joblib", ".lz4", foreign::kJoblibStyle, foreign::joblib_file},
};

std::vector<TestFile> files_of(const ModelData& data, const Kind& kind) {
  std::vector<TestFile> files;
  for (const NetSpec* net : kCascade) {
    files.push_back({"weights/" + std::string(net->name) + kind.ending,
                     kind.write(foreign::layers_of(data, *net, kind.style))});
  }
  return files;
}

std::string onnx_file(const ModelData& data, const NetSpec& net) { return write_onnx(data, net); }

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "mtcnn_convert_XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << content;
  }

 private:
  std::string path_;
};

Result<ModelData> import_paths(std::vector<std::string> paths) { return import_model(paths); }

// The package's weights: named by the environment, or where ./dev setup installs it. Empty:
// nowhere.
fs::path package_weights() {
  if (const char* folder = std::getenv("MTCNN_PYPI_WEIGHTS_DIR")) return folder;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(fs::path(MTCNN_SOURCE_DIR) / ".venv/lib", none)) {
    const fs::path path = entry.path() / "site-packages/mtcnn/assets/weights";
    if (fs::is_directory(path, none)) return path;
  }
  return {};
}

// ---- The files of other programs

TEST_CASE("every released format gives the Caffe release's tensors") {
  if (!test::have_shared_data()) return;
  const fs::path weights = test::shared_data() / "weights";
  const Result<ModelData> caffe = import_paths({(weights / "release").string()});
  REQUIRE_MESSAGE(caffe.ok(), message_of(caffe));
  CHECK(caffe->geometry == CellGeometry::kRelease);
  CHECK(caffe->pixel_mean == 127.5f);
  CHECK(caffe->pixel_scale == 0.0078125f);
  CHECK(caffe->thresholds == std::array{.6f, .7f, .7f});
  CHECK(caffe->metadata.at("provenance") ==
        "imported from Caffe: det1.caffemodel, det2.caffemodel, det3.caffemodel, det4.caffemodel");
  CHECK(nets_of(*caffe).size() == 4);
  CHECK(!caffe->tensors.contains("rnet.landmarks.weight"));  // det2's unused conv5-3

  std::vector<fs::path> others{weights / "facenet", weights / "facenet-pytorch", weights / "onnx"};
  const fs::path package = package_weights();
  if (package.empty()) {
    MESSAGE("the mtcnn package's weights are not here (./dev setup installs them): not compared");
  } else {
    others.push_back(package);
  }
  for (const fs::path& folder : others) {
    CAPTURE(folder.string());
    const Result<ModelData> other = import_paths({folder.string()});
    REQUIRE_MESSAGE(other.ok(), message_of(other));
    CHECK(difference(*caffe, *other, "lnet.") <= 1e-6f);
    CHECK(other->geometry == CellGeometry::kRelease);
    CHECK(other->pixel_scale == 0.0078125f);
  }
}

TEST_CASE("the release without det4, named file by file in any order, has no L-Net") {
  if (!test::have_shared_data()) return;
  const fs::path folder = test::shared_data() / "weights/release";
  const auto file = [&](int i) { return (folder / ("det" + std::to_string(i) + ".caffemodel")).string(); };
  const Result<ModelData> model = import_paths({file(3), file(1), file(2)});
  REQUIRE_MESSAGE(model.ok(), message_of(model));
  CHECK(nets_of(*model).size() == 3);
  CHECK(mentions(message_of(import_paths({file(1), file(2)})), {"O-Net is missing", "det1.caffemodel"}));
  CHECK(
      mentions(message_of(import_paths({file(1), file(1), file(2)})), {"det1.caffemodel", "P-Net", "once"}));
}

TEST_CASE("each format is turned upright and renamed") {
  const ModelData data = released_shape();
  for (const Kind& kind : kKinds) {
    CAPTURE(std::string(kind.name));
    const Result<ModelData> imported = import_files(files_of(data, kind));
    REQUIRE_MESSAGE(imported.ok(), message_of(imported));
    CHECK(difference(data, *imported) == 0);
    CHECK(imported->geometry == CellGeometry::kRelease);
    CHECK(mentions(imported->metadata.at("provenance"), {"pnet", "rnet", "onet", kind.ending}));
    CHECK(imported->metadata.at("provenance").find('/') == std::string::npos);
  }
}

TEST_CASE("the mtcnn package before 1.0: all nets in one file") {
  const ModelData data = released_shape();
  std::vector<std::pair<std::string, std::vector<ForeignLayer>>> nets;
  for (const NetSpec* net : kCascade)
    nets.emplace_back(net->name, foreign::layers_of(data, *net, foreign::kNpyStyle));
  const Result<ModelData> imported =
      import_files({{"weights/mtcnn_weights.npy", foreign::old_mtcnn_file(nets)}});
  REQUIRE_MESSAGE(imported.ok(), message_of(imported));
  CHECK(difference(data, *imported) == 0);

  const std::string whole = foreign::old_mtcnn_file(nets);
  CHECK(mentions(message_of(import_files({{"a.npy", whole}, {"b.npy", whole}})), {"b.npy", "a.npy", "once"}));
  std::string wide = whole;  // a character that is none of Latin-1's
  const std::size_t at = wide.find('\xc2');
  REQUIRE(at != std::string::npos);
  wide[at] = '\xc4';
  CHECK(mentions(message_of(import_files({{"wide.npy", wide}})), {"wide.npy", "Latin-1"}));
  nets.pop_back();
  CHECK(
      mentions(message_of(import_files({{"two.npy", foreign::old_mtcnn_file(nets)}})), {"two.npy", "onet"}));
  // A long text for a small array, which a list could name as often as it likes.
  nets[0].second[0].weight.shape = {1, 1, 1, 1};
  CHECK(mentions(message_of(import_files({{"long.npy", foreign::old_mtcnn_file(nets)}})),
                 {"long.npy", "Latin-1"}));
}

TEST_CASE("Caffe's L-Net: five branches become groups") {
  ModelData data = foreign::model(true, false);
  std::vector<TestFile> files = files_of(data, kKinds[0]);
  const auto part = [](const Tensor& whole, int k, std::int64_t groups) {
    Tensor tensor{whole.shape, {}};
    tensor.shape[0] /= groups;
    const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(whole.values.size()) / groups;
    tensor.values.assign(whole.values.begin() + k * size, whole.values.begin() + (k + 1) * size);
    return tensor;
  };
  const auto all = foreign::layers_of(data, kLNet, foreign::kCaffeStyle);
  const auto write = [&](int branches) {
    std::string out;
    protozero::pbf_writer net(out);
    const auto add = [&](const std::string& name, const std::vector<Tensor>& blobs) {
      net.add_message(100, foreign::caffe_layer(name, blobs, false));
    };
    // The joined layer first: the order of the layers in the file is no matter.
    add("fc4", {all[3].weight, all[3].bias});
    add("prelu4", {all[3].slopes});
    for (int k = 0; k < branches; ++k) {
      const std::string branch = "_" + std::to_string(k + 1);
      for (const int i : {0, 1, 2, 4}) {
        const std::string number = i == 4 ? "4" : std::to_string(i + 1);
        add((i == 4 ? "fc" : "conv") + number + branch, {part(all[i].weight, k, 5), part(all[i].bias, k, 5)});
        add("prelu" + number + branch, {part(all[i].slopes, k, 5)});
      }
      add("fc5" + branch, {part(all[5].weight, k, 5), part(all[5].bias, k, 5)});
    }
    return out;
  };
  files.push_back({"det4.caffemodel", write(5)});
  const Result<ModelData> imported = import_files(files);
  REQUIRE_MESSAGE(imported.ok(), message_of(imported));
  CHECK(difference(data, *imported) == 0);

  files.back().content = write(4);
  CHECK(mentions(message_of(import_files(files)), {"det4.caffemodel"}));
}

TEST_CASE("Caffe's R-Net may carry an unused landmark head, and no other extra layer") {
  const ModelData data = released_shape();
  const ModelData with_heads = foreign::model(false, true);
  std::vector<TestFile> files = files_of(with_heads, kKinds[0]);
  const Result<ModelData> imported = import_files(files);
  REQUIRE_MESSAGE(imported.ok(), message_of(imported));
  CHECK(!imported->tensors.contains("rnet.landmarks.weight"));
  CHECK(imported->tensors.contains("onet.landmarks.weight"));

  auto layers = foreign::layers_of(data, kRNet, foreign::kCaffeStyle);
  layers.push_back(layers.back());
  layers.back().number = "7";
  files = files_of(data, kKinds[0]);
  files[1].content = foreign::caffe_file(layers);
  CHECK(mentions(message_of(import_files(files)), {"rnet.caffemodel", "7", "R-Net does not have"}));
}

// ---- Our own files

TEST_CASE("our exports come back as they were, settings and optional heads included") {
  TemporaryFolder folder;
  ModelData data = foreign::model(true, true);
  data.geometry = CellGeometry::kExact;
  data.pixel_mean = 100.25f;
  data.pixel_scale = 1 / 127.0f;
  data.thresholds = {.1f, .25f, .9f};
  data.metadata = {{"provenance", "a test, \"quoted\" and \xc3\xa4"}, {"note", ""}};
  for (const char* name : {"model.safetensors", "model.npz", "model.onnx", "made/on/the/way/"}) {
    CAPTURE(std::string(name));
    const Status status = export_model(data, folder / name);
    REQUIRE_MESSAGE(status.ok(), (status ? "" : status.error().message));
    const Result<ModelData> back = import_paths({folder / name});
    REQUIRE_MESSAGE(back.ok(), message_of(back));
    CHECK(difference(data, *back) == 0);
    CHECK(back->geometry == data.geometry);
    CHECK(back->pixel_mean == data.pixel_mean);
    CHECK(back->pixel_scale == data.pixel_scale);
    CHECK(back->thresholds == data.thresholds);
    CHECK(back->metadata.at("provenance") == data.metadata.at("provenance"));
  }
  for (const char* net : {"pnet", "rnet", "onet", "lnet"}) {
    CHECK(fs::is_regular_file(folder / ("model.onnx/" + std::string(net) + ".onnx")));
  }
}

TEST_CASE("exports depend on the model alone") {
  const ModelData data = released_shape();
  CHECK(write_npz(data, "a.npz").value() == write_npz(data, "b.npz").value());
  CHECK(write_onnx(data, kPNet) == write_onnx(data, kPNet));
}

TEST_CASE("export refuses what it can't write") {
  TemporaryFolder folder;
  ModelData data = released_shape();
  Status status = export_model(data, folder / "model.bin");
  REQUIRE(!status);
  CHECK(status.error().code == ErrorCode::kInvalidArgument);
  CHECK(mentions(status.error().message, {"model.bin", ".safetensors", ".npz", ".onnx"}));

  folder.write("taken.onnx", "a file");
  status = export_model(data, folder / "taken.onnx");
  REQUIRE(!status);
  CHECK(mentions(status.error().message, {"taken.onnx", "folder"}));
  CHECK(!export_model(data, folder / "no/such/folder/model.npz"));

  data.tensors["pnet.conv1.bias"].values[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK(!export_model(data, folder / "model.npz"));
  CHECK(!fs::exists(folder / "model.npz"));
}

TEST_CASE(
    "ONNX files of different models don't mix, and foreign ones of unknown orientation are "
    "refused") {
  ModelData data = released_shape();
  std::vector<TestFile> files;
  for (const NetSpec* net : kCascade)
    files.push_back({std::string(net->name) + ".onnx", onnx_file(data, *net)});
  REQUIRE(import_files(files).ok());
  data.geometry = CellGeometry::kRelease;
  files[1].content = onnx_file(data, kRNet);
  CHECK(mentions(message_of(import_files(files)), {"rnet.onnx", "other settings"}));

  // The settings are what marks a file as ours: with another key it is a stranger's.
  std::string stranger = onnx_file(data, kPNet);
  const std::size_t key = stranger.find("mtcnn.settings");
  REQUIRE(key != std::string::npos);
  stranger[key] = 'x';
  const Result<ModelData> refused = import_files({{"stranger.onnx", stranger}});
  REQUIRE(!refused);
  CHECK(refused.error().code == ErrorCode::kUnsupported);
  CHECK(mentions(refused.error().message, {"stranger.onnx", "upright"}));
}

// ---- Folders

TEST_CASE("a folder: other files are passed over, nothing or two kinds are errors") {
  TemporaryFolder folder;
  CHECK(mentions(message_of(import_paths({folder.path()})), {folder.path().c_str(), "no weights file"}));
  CHECK(mentions(message_of(import_paths({folder / "missing"})), {"missing"}));
  CHECK(!import_paths({}));

  const ModelData data = released_shape();
  folder.write("README.md", "# Weights\n");
  folder.write("det1.prototxt", "name: \"PNet\"\ninput: \"data\"\n");
  folder.write("empty", "");
  fs::create_directory(folder / "deeper");
  CHECK(!import_paths({folder.path()}));
  CHECK(mentions(message_of(import_paths({folder / "README.md"})), {"README.md", "no weights file"}));
  CHECK(!import_paths({folder / "empty"}));

  for (const TestFile& file : files_of(data, kKinds[0])) {
    folder.write(fs::path(file.name).filename().string(), file.content);
  }
  Result<ModelData> imported = import_paths({folder.path()});
  REQUIRE_MESSAGE(imported.ok(), message_of(imported));
  CHECK(difference(data, *imported) == 0);

  // What an earlier conversion wrote there is no input; named itself, it is.
  ModelData changed = data;
  changed.tensors["pnet.conv1.bias"].values[0] += 1;
  REQUIRE(export_model(changed, folder / "model.safetensors").ok());
  imported = import_paths({folder.path()});
  REQUIRE_MESSAGE(imported.ok(), message_of(imported));
  CHECK(difference(data, *imported) == 0);
  CHECK(import_paths({folder / "model.safetensors"}).ok());
  CHECK(!import_paths({folder / "pnet.caffemodel", folder / "model.safetensors"}));

  folder.write("other.npy", files_of(data, kKinds[2])[0].content);
  CHECK(mentions(message_of(import_paths({folder.path()})), {"NumPy .npy", "Caffe", "one kind"}));
}

// ---- Broken files

// One file of each kind that is read, P-Net's where it is a file a net.
std::vector<TestFile> one_of_each() {
  const ModelData data = released_shape();
  std::vector<TestFile> files;
  for (const Kind& kind : kKinds) files.push_back(files_of(data, kind)[0]);
  files.push_back({"p.onnx", onnx_file(data, kPNet)});
  const auto text = [](const std::vector<std::byte>& b) {
    return std::string(reinterpret_cast<const char*>(b.data()), b.size());
  };
  files.push_back({"m.npz", text(write_npz(data, "m.npz").value())});
  files.push_back({"m.safetensors", text(write_safetensors(data))});
  return files;
}

TEST_CASE("a truncated file is an error that names it, wherever it ends") {
  for (const TestFile& file : one_of_each()) {
    CAPTURE(file.name);
    const std::size_t size = file.content.size();
    std::vector<std::size_t> lengths{size - 1, size - 2, size / 2, size / 3, size / 7};
    for (std::size_t i = 0; i < 300 && i < size; ++i) lengths.push_back(i);
    for (const std::size_t length : lengths) {
      CAPTURE(length);
      const Result<ModelData> result = import_files({{file.name, file.content.substr(0, length)}});
      REQUIRE(!result);
      CHECK(mentions(result.error().message, {file.name.c_str()}));
    }
  }
}

TEST_CASE("changed bytes never do harm") {
  // What a changed weight gives is a model; anything else must be an error. Run under ASan by ./dev
  // asan.
  std::mt19937 random(7);
  for (const TestFile& file : one_of_each()) {
    for (int i = 0; i < 200; ++i) {
      std::string content = file.content;
      // Most structure lies at the beginning or at the end.
      const std::size_t window = std::min<std::size_t>(content.size(), 600);
      const std::size_t at = random() % window;
      content[random() % 2 ? at : content.size() - 1 - at] = static_cast<char>(random());
      const Result<ModelData> result = import_files({{file.name, content}});
      if (!result) CHECK(!result.error().message.empty());
    }
  }
}

TEST_CASE("wrong shapes, missing and repeated layers are named") {
  const ModelData data = released_shape();
  for (const Kind& kind : kKinds) {
    CAPTURE(std::string(kind.name));
    const auto layers = foreign::layers_of(data, kRNet, kind.style);
    const auto import_layers = [&](const std::vector<ForeignLayer>& changed) {
      return message_of(import_files({{"the_rnet", kind.write(changed)}}));
    };
    auto changed = layers;
    changed[1].slopes.shape[0] -= 1;
    changed[1].slopes.values.pop_back();
    CHECK(mentions(import_layers(changed), {"the_rnet", "prelu2", "R-Net", "[48]"}));

    changed = layers;
    changed[3].weight.shape.back() /= 2;
    changed[3].weight.values.resize(changed[3].weight.values.size() / 2);
    CHECK(mentions(import_layers(changed), {"the_rnet", "dense4", "[128, 576]"}));

    changed = layers;
    changed.erase(changed.begin() + 1);
    CHECK(mentions(import_layers(changed), {"the_rnet"}));

    changed = layers;
    changed[0].weight.shape = {5, 3, 3, 3};
    if (kind.style.outputs_last) changed[0].weight.shape = {3, 3, 3, 5};
    changed[0].weight.values.resize(5 * 27);
    CHECK(mentions(import_layers(changed), {"the_rnet", "5 outputs", "P-Net"}));

    // A NaN among the weights.
    auto files = files_of(data, kind);
    changed = layers;
    changed[2].bias.values[5] = std::numeric_limits<float>::quiet_NaN();
    files[1].content = kind.write(changed);
    CHECK(mentions(message_of(import_files(files)), {"NaN", "rnet.conv3.bias"}));
  }
  auto layers = foreign::layers_of(data, kPNet, foreign::kCaffeStyle);
  layers.erase(layers.begin() + 2);
  CHECK(mentions(message_of(import_files({{"p", foreign::caffe_file(layers)}})), {"p:", "conv3", "P-Net"}));
  layers.push_back(layers.front());
  CHECK(mentions(message_of(import_files({{"p", foreign::caffe_file(layers)}})), {"conv1", "twice"}));
}

TEST_CASE("sizes that the data does not have are refused before anything is allocated") {
  const auto huge = [](std::vector<std::int64_t> shape) {
    Tensor tensor{std::move(shape), {1, 2, 3}};
    std::string out;
    protozero::pbf_writer(out).add_message(100, foreign::caffe_layer("conv1", {tensor, tensor}, false));
    return message_of(import_files({{"big.caffemodel", out}}));
  };
  for (const auto& shape : std::vector<std::vector<std::int64_t>>{{1 << 30, 1 << 30, 1 << 30, 1 << 30},
                                                                  {INT64_MAX},
                                                                  {-1, -3},
                                                                  {0},
                                                                  {16, 1024, 1024},
                                                                  {1, 1, 1, 1, 1, 1, 1, 1, 3}}) {
    CHECK(mentions(huge(shape), {"big.caffemodel", "conv1"}));
  }

  // A view of stride 0 repeats one value: its size is bounded all the same.
  foreign::TorchFile file;
  file.state.op("}(").text("conv1.weight").global("torch._utils", "_rebuild_tensor_v2").op("((");
  file.state.text("storage").global("torch", "FloatStorage").text("0").text("cpu").integer(1).op("tQK\0", 4);
  file.state.sizes({1 << 15, 1 << 15}).sizes({0, 0}).op("\x89}tRu.");
  const auto zip =
      zip_stored(std::vector<std::pair<std::string, std::string>>{{"a/data.pkl", file.state.bytes},
                                                                  {"a/data/0", "1234"}},
                 "t")
          .value();
  const std::vector<NamedBytes> views{{"view.pt", zip}};
  CHECK(mentions(message_of(import_buffers(views)), {"view.pt", "conv1.weight", "[32768, 32768]"}));
}

TEST_CASE("archives that unpack to too much are refused") {
  const std::string zeros((std::size_t{64} << 20) + 1, '\0');
  const std::string bomb = foreign::lz4(zeros);
  CHECK(bomb.size() < 1 << 20);
  Result<ModelData> result = import_files({{"bomb.lz4", bomb}});
  REQUIRE(!result);
  CHECK(result.error().code == ErrorCode::kLimit);
  CHECK(mentions(result.error().message, {"bomb.lz4"}));

  const auto zip = zip_stored(std::vector<std::pair<std::string, std::string>>{{"a", zeros}}, "t").value();
  const auto unpacked = unzip(zip, "bomb.zip");
  REQUIRE(!unpacked);
  CHECK(unpacked.error().code == ErrorCode::kLimit);

  result = import_files({{"long.bin", zeros}});
  REQUIRE(!result);
  CHECK(result.error().code == ErrorCode::kLimit);
}

// ---- Zip archives

// An archive of one entry, as other programs write it: with its sizes in the directory alone, and extra fields.
std::string foreign_zip(const std::string& name, const std::string& content, bool deflated, int flags = 8) {
  std::string packed = content;
  if (deflated) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    packed.resize(deflateBound(&stream, static_cast<uLong>(content.size())));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
    stream.avail_in = static_cast<uInt>(content.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
  }
  const auto crc =
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
  const auto method = deflated ? 8 : 0;
  const auto number = [](std::uint64_t value, int bytes) {
    return PickleWriter().little(value, bytes).bytes.substr(2);
  };
  std::string zip = "PK\3\4" + number(20, 2) + number(flags, 2) + number(method, 2) + number(0, 4) +
                    number(0, 4) + number(0, 4) + number(0, 4) + number(name.size(), 2) + number(3, 2) +
                    name + "xyz" + packed;
  const std::size_t directory = zip.size();
  zip += "PK\1\2" + number(20, 2) + number(20, 2) + number(flags, 2) + number(method, 2) + number(0, 4) +
         number(crc, 4) + number(packed.size(), 4) + number(content.size(), 4) + number(name.size(), 2) +
         number(4, 2) + number(1, 2) + number(0, 8) + number(0, 4) + name + number(0x1234, 2) + number(0, 2) +
         "c";
  const std::size_t length = zip.size() - directory;
  return zip + "PK\5\6" + number(0, 4) + number(1, 2) + number(1, 2) + number(length, 4) +
         number(directory, 4) + number(0, 2);
}

Result<std::map<std::string, std::string>> unzip_text(const std::string& zip) {
  return unzip(std::as_bytes(std::span(zip)), "a.zip");
}

TEST_CASE("zip archives of other programs are read, stored and deflated") {
  const std::string content = std::string(1000, 'a') + "bc";
  for (const bool deflated : {false, true}) {
    CAPTURE(deflated);
    const std::string zip = foreign_zip("folder/name", content, deflated);
    const auto entries = unzip_text(zip);
    REQUIRE_MESSAGE(entries, (entries ? "" : entries.error().message));
    CHECK(entries->size() == 1);
    CHECK(entries->at("folder/name") == content);
    // However it is cut or damaged, there is the same content or an error.
    for (std::size_t size = 0; size < zip.size(); ++size) CHECK(!unzip_text(zip.substr(0, size)));
    for (std::size_t i = 0; i < zip.size(); ++i) {
      std::string damaged = zip;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
      const auto result = unzip_text(damaged);
      if (result && !result->empty()) CHECK(result->begin()->second == content);
    }
  }
  const auto encrypted = unzip_text(foreign_zip("name", content, false, 1));
  REQUIRE(!encrypted);
  CHECK(encrypted.error().code == ErrorCode::kUnsupported);
}

TEST_CASE("a zip archive of ours is read again") {
  const std::vector<std::pair<std::string, std::string>> entries{{"b", "content"}, {"a/c", ""}};
  const auto zip = zip_stored(entries, "t").value();
  const auto read_back = unzip(zip, "t");
  REQUIRE(read_back);
  CHECK(read_back->size() == 2);
  CHECK(read_back->at("b") == "content");
  CHECK(read_back->at("a/c").empty());
  CHECK(zip_stored(entries, "t").value() == zip);
}

// ---- Pickles

Result<Pickle> read(const std::string& pickle) {
  static constexpr std::string_view kAllowed[] = {"good.name"};
  return read_pickle(bytes(pickle), 0, {kAllowed, {}}, "file.pkl");
}
std::string pickle_error(const std::string& pickle) {
  const Result<Pickle> result = read(pickle);
  return result.ok() ? "no error" : result.error().message;
}

TEST_CASE("a pickle's data is read") {
  PickleWriter p;
  p.op("}(").text("list").op("](K\5", 4).integer(-7).op("\x88Ne").text("pair").op("K\1K\2\x86", 5);
  p.text("object").global("good", "name").text("x").op("\x85R}b").op("u.");
  const Result<Pickle> pickle = read(p.bytes);
  REQUIRE(pickle.ok());
  CHECK(pickle->end == p.bytes.size());
  const PickleValue* list = pickle->root->find("list");
  REQUIRE(list);
  REQUIRE(list->items.size() == 4);
  CHECK(list->items[0]->integer == 5);
  CHECK(list->items[1]->integer == -7);
  CHECK(list->items[2]->is(PickleValue::Kind::kBool));
  CHECK(list->items[3]->is(PickleValue::Kind::kNone));
  CHECK(pickle->root->find("pair")->items[1]->integer == 2);
  const PickleValue* object = pickle->root->find("object");
  REQUIRE(object);
  CHECK(object->is_object_of("good.name"));
  CHECK(object->arguments->items[0]->text == "x");
  CHECK(object->state->is(PickleValue::Kind::kDict));
  CHECK(!pickle->root->find("absent"));
  // Two's complement of one and three bytes.
  CHECK(read(std::string("\x8a\1\xff.", 4))->root->integer == -1);
  CHECK(read(std::string("\x8a\3\0\0\x80.", 6))->root->integer == -8388608);
}

TEST_CASE("a pickle that would run something is refused, in every importer of pickles") {
  const std::string evil = PickleWriter().global("os", "system").text("touch /tmp/owned").op("\x85R.").bytes;
  CHECK(mentions(pickle_error(evil), {"file.pkl", "os.system", "refused"}));
  const std::string stacked = PickleWriter().text("os").text("system").op("\x93.").bytes;
  CHECK(mentions(pickle_error(stacked), {"os.system", "refused"}));
  // INST and OBJ call too; EXT1 names by number.
  CHECK(mentions(pickle_error("(ios\nsystem\n."), {"0x69", "refused"}));
  CHECK(mentions(pickle_error("(o."), {"0x6f", "refused"}));
  CHECK(mentions(pickle_error("\x82\1."), {"0x82", "refused"}));
  // No allowed name helps to reach another: callables are names, not values.
  CHECK(mentions(pickle_error(PickleWriter().text("os.system").op(")R.").bytes), {"not a name"}));

  const std::string in_zip = [&] {
    const auto zip =
        zip_stored(std::vector<std::pair<std::string, std::string>>{{"a/data.pkl", evil}}, "t").value();
    return std::string(reinterpret_cast<const char*>(zip.data()), zip.size());
  }();
  const std::string legacy =
      std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15) + evil;
  for (const std::string& file : {foreign::npy_of(evil), foreign::lz4(evil), in_zip, legacy}) {
    const Result<ModelData> result = import_files({{"evil", file}});
    REQUIRE(!result);
    CHECK(result.error().code == ErrorCode::kUnsupported);
    CHECK(mentions(result.error().message, {"evil", "os.system", "refused"}));
  }
}

TEST_CASE("a pickle without measure or sense is refused") {
  const auto repeat = [](std::string_view part, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += part;
    return out;
  };
  // Nesting costs no stack, whatever its depth.
  const std::string deep = repeat("]", 90000) + repeat("a", 89999) + ".";
  CHECK(read(deep).ok());
  CHECK(read(repeat("(", 90000) + repeat("t", 90000) + ".").ok());
  CHECK(mentions(pickle_error(repeat("]", 300000)), {"instructions"}));
  // A list that holds itself.
  CHECK(read("]q\1h\1a.").ok());

  CHECK(mentions(pickle_error(PickleWriter().op("\x8d").little(~0ull, 8).op(".").bytes), {"truncated"}));
  CHECK(mentions(pickle_error("X\xff\xff\xff\x7fx."), {"truncated"}));
  CHECK(mentions(pickle_error("Nr\xff\xff\xff\xff."), {"memo"}));
  CHECK(mentions(pickle_error("h\5."), {"memo"}));
  CHECK(mentions(pickle_error(""), {"truncated"}));
  CHECK(mentions(pickle_error("."), {"stack"}));
  CHECK(mentions(pickle_error("N(0a."), {"stack"}));
  CHECK(mentions(pickle_error("N(a."), {"stack"}));
  CHECK(mentions(pickle_error("t."), {"MARK"}));
  CHECK(mentions(pickle_error("NNa."), {"list"}));
  CHECK(mentions(pickle_error("NNNs."), {"dictionary"}));
  CHECK(mentions(pickle_error("}(Nu."), {"key"}));
  CHECK(mentions(pickle_error("NNb."), {"object"}));
  CHECK(mentions(pickle_error("NNR."), {"tuple"}));
  CHECK(mentions(pickle_error("c" + std::string(1000, 'a')), {"name"}));
  CHECK(mentions(pickle_error("NN\x93."), {"text"}));
}

}  // namespace
}  // namespace mtcnn
