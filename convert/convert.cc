#include "convert/convert.h"

#include <algorithm>
#include <filesystem>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "convert/readers.h"
#include "convert/settings.h"
#include "convert/writers.h"
#include "engine/safetensors.h"
#include "util/file.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;

// A folder of weights has a handful of files; a folder of photographs is a mistake to be told
// early.
constexpr std::size_t kMaxFiles = 1000;

struct Format {
  const char* name;
  // One of the two: nets, mostly one a file, or a whole model.
  Result<std::vector<RawNet>> (*read_nets)(std::span<const std::byte>, const std::string&);
  Result<ModelData> (*read_model)(std::span<const std::byte>, const std::string&);
};

template <Result<RawNet> read(std::span<const std::byte>, const std::string&)>
Result<std::vector<RawNet>> one(std::span<const std::byte> bytes, const std::string& file) {
  Result<RawNet> net = read(bytes, file);
  if (!net) return net.error();
  std::vector<RawNet> nets;
  nets.push_back(*std::move(net));
  return nets;
}

constexpr Format kCaffe{"Caffe", one<read_caffemodel>, nullptr};
constexpr Format kNpy{"NumPy .npy", read_npy_nets, nullptr};
constexpr Format kTorch{"PyTorch", one<read_torch>, nullptr};
constexpr Format kJoblib{"joblib", one<read_joblib>, nullptr};
constexpr Format kOnnx{"ONNX", one<read_onnx>, nullptr};
constexpr Format kNpz{"NumPy .npz", nullptr, read_npz};
constexpr Format kSafetensors{"safetensors", nullptr, parse_safetensors};

// Null if the bytes are none of ours.
const Format* recognise_format(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\x93NUMPY")) return &kNpy;
  if (text.starts_with("\x04\x22\x4d\x18")) return &kJoblib;
  // PyTorch before 1.6: a pickle of a magic number.
  if (text.starts_with("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.")) return &kTorch;
  if (text.starts_with("PK\x03\x04")) {
    // Names in a zip file are plain; PyTorch's archives begin with their pickle.
    return text.substr(0, 4096).find("data.pkl") != std::string_view::npos ? &kTorch : &kNpz;
  }
  // A 64-bit length below 2^32, then JSON.
  if (text.size() > 8 && text.substr(4, 5) == std::string_view("\0\0\0\0{", 5)) return &kSafetensors;
  if (looks_like_onnx(bytes)) return &kOnnx;
  if (looks_like_caffemodel(bytes)) return &kCaffe;
  return nullptr;
}

std::string base_name(const std::string& path) { return fs::path(path).filename().string(); }

// The files that `input` stands for, sorted by name.
Result<std::vector<std::string>> list_files(const std::string& input, bool& is_folder) {
  std::error_code failed;
  is_folder = fs::is_directory(input, failed);
  if (!is_folder) return std::vector<std::string>{input};
  std::vector<std::string> files;
  fs::directory_iterator it(input, failed);
  for (; !failed && it != fs::directory_iterator(); it.increment(failed)) {
    std::error_code ignored;
    // Larger than any file we read: passed over like everything else that is no weights file.
    if (!it->is_regular_file(ignored) || it->file_size(ignored) > kMaxModelBytes) continue;
    if (files.size() == kMaxFiles) {
      return Error{ErrorCode::kLimit, input + ": holds more than " + std::to_string(kMaxFiles) +
                                          " files, expected a folder of weights"};
    }
    files.push_back(it->path().string());
  }
  if (failed) return Error{ErrorCode::kIo, input + ": can't list: " + failed.message()};
  std::sort(files.begin(), files.end());
  return files;
}

constexpr char kKnownFormats[] =
    "expected weights as Caffe .caffemodel, NumPy .npy (facenet, mtcnn 0.1), PyTorch .pt, joblib .lz4, ONNX, our .npz "
    "or "
    ".safetensors";

// The nets of one format, one file each, to a cascade. A class, so that files need not all lie in
// memory at the same time.
class Importer {
 public:
  Status add(const std::string& file, std::span<const std::byte> bytes, const Format& format) {
    if (format_ && format_ != &format) {
      return Error{ErrorCode::kFormat, file + ": is " + format.name + ", but " + files_[0] + " is " +
                                           format_->name + ": expected files of one kind"};
    }
    format_ = &format;
    files_.push_back(file);
    if (format.read_model) {
      if (files_.size() > 1) {
        return Error{ErrorCode::kFormat,
                     file + ": " + files_[0] + " is a whole model already, expected one such file"};
      }
      Result<ModelData> model = format.read_model(bytes, file);
      if (!model) return model.error();
      data_ = *std::move(model);
      return std::monostate{};
    }
    Result<std::vector<RawNet>> raw = format.read_nets(bytes, file);
    if (!raw) return raw.error();
    for (RawNet& net : *raw) {
      if (Status s = add_net(file, std::move(net)); !s) return s;
    }
    return std::monostate{};
  }

  Result<ModelData> finish() {
    if (!format_)
      return Error{ErrorCode::kFormat, std::string("no weights among the inputs: ") + kKnownFormats};
    std::string names;
    for (const std::string& file : files_) names += (names.empty() ? "" : ", ") + base_name(file);
    if (format_->read_nets) {
      for (const NetSpec* net : {&kPNet, &kRNet, &kONet}) {
        if (std::none_of(nets_.begin(), nets_.end(), [&](const auto& found) { return found.first == net; })) {
          return Error{ErrorCode::kFormat, files_[0] + ": expected P-Net, R-Net and O-Net, but " +
                                               display_name(*net) + " is missing (" + format_->name +
                                               " files read: " + names + ")"};
        }
      }
      if (settings_.empty()) {
        data_.geometry = CellGeometry::kRelease;
        data_.metadata["provenance"] = std::string("imported from ") + format_->name + ": " + names;
      } else if (Status s = read_settings(settings_, files_[0], data_); !s) {
        return s.error();
      }
    }
    if (Status s = validate(data_, files_[0]); !s) return s.error();
    return std::move(data_);
  }

 private:
  Status add_net(const std::string& file, RawNet raw) {
    Result<const NetSpec*> net = recognise(raw, file);
    if (!net) return net.error();
    for (const auto& [other, other_file] : nets_) {
      if (other == *net) {
        return Error{ErrorCode::kFormat, file + ": is " + display_name(**net) + ", as is " + other_file +
                                             ": expected each net once"};
      }
    }
    if (!nets_.empty() && raw.settings != settings_) {
      return Error{ErrorCode::kFormat,
                   file + ": has other settings than " + files_[0] + ": expected nets of one model"};
    }
    settings_ = raw.settings;
    nets_.emplace_back(*net, file);
    return assemble(std::move(raw), **net, file, data_);
  }

  const Format* format_ = nullptr;
  std::vector<std::string> files_;
  std::vector<std::pair<const NetSpec*, std::string>> nets_;  // and the files that they come from
  std::string settings_;
  ModelData data_;
};

// The libraries below may throw when memory ends; nothing leaves this folder.
template <typename Body>
auto guarded(Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "out of memory while converting"};
  } catch (const std::exception& e) {
    return Error{ErrorCode::kFormat, std::string("conversion failed: ") + e.what()};
  }
}

Result<ModelData> import_files(std::span<const std::string> inputs) {
  if (inputs.empty())
    return Error{ErrorCode::kInvalidArgument, "no input: expected files or folders of weights"};
  Importer importer;
  for (const std::string& input : inputs) {
    bool is_folder = false;
    Result<std::vector<std::string>> files = list_files(input, is_folder);
    if (!files) return files.error();
    std::vector<std::pair<std::string, const Format*>> weights;
    bool skipped = false;
    for (const std::string& file : *files) {
      Result<std::vector<std::byte>> bytes = read_file(file, kMaxModelBytes);
      if (!bytes) return bytes.error();
      const Format* format = recognise_format(*bytes);
      if (format) {
        weights.emplace_back(file, format);
      } else if (!is_folder && inputs.size() > 1 && file.ends_with(".prototxt")) {
        skipped = true;  // a pattern like release/* brings these along; what they describe we know
      } else if (!is_folder) {
        return Error{ErrorCode::kFormat, file + ": is no weights file that we know: " + kKnownFormats};
      }
    }
    // A model of ours beside other programs' weights is what an earlier conversion left there.
    const auto is_net = [](const auto& file) { return file.second->read_nets != nullptr; };
    if (is_folder && std::any_of(weights.begin(), weights.end(), is_net)) {
      std::erase_if(weights, [&](const auto& file) { return !is_net(file); });
    }
    if (weights.empty() && !skipped) {
      return Error{ErrorCode::kFormat, input + ": holds no weights file: " + kKnownFormats};
    }
    for (const auto& [file, format] : weights) {
      Result<std::vector<std::byte>> bytes = read_file(file, kMaxModelBytes);
      if (!bytes) return bytes.error();
      if (Status s = importer.add(file, *bytes, *format); !s) return s.error();
    }
  }
  return importer.finish();
}

Status export_onnx(const ModelData& data, const std::string& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (!fs::is_directory(folder)) {
    return Error{ErrorCode::kIo, folder + ": expected a folder for the ONNX files (one for each net)" +
                                     (failed ? ": " + failed.message() : "")};
  }
  for (const NetSpec* net : nets_of(data)) {
    const std::string model = write_onnx(data, *net);
    const std::string path = (fs::path(folder) / (std::string(net->name) + ".onnx")).string();
    if (Status s = write_file(path, std::as_bytes(std::span(model))); !s) return s;
  }
  return std::monostate{};
}

}  // namespace

Result<ModelData> import_model(std::span<const std::string> inputs) {
  return guarded([&] { return import_files(inputs); });
}

Result<ModelData> import_buffers(std::span<const NamedBytes> files) {
  return guarded([&]() -> Result<ModelData> {
    if (files.empty()) return Error{ErrorCode::kInvalidArgument, "no input: expected weights files"};
    Importer importer;
    for (const NamedBytes& file : files) {
      if (file.bytes.size() > kMaxModelBytes) {
        return Error{ErrorCode::kLimit,
                     file.name + ": has more than " + std::to_string(kMaxModelBytes) + " bytes"};
      }
      const Format* format = recognise_format(file.bytes);
      if (!format) {
        return Error{ErrorCode::kFormat, file.name + ": is no weights file that we know: " + kKnownFormats};
      }
      if (Status s = importer.add(file.name, file.bytes, *format); !s) return s.error();
    }
    return importer.finish();
  });
}

Result<ExportKind> export_kind(const std::string& path) {
  std::error_code ignored;
  if (path.ends_with('/') || path.ends_with(".onnx") || fs::is_directory(path, ignored))
    return ExportKind::kOnnxFolder;
  if (path.ends_with(".safetensors")) return ExportKind::kSafetensors;
  if (path.ends_with(".npz")) return ExportKind::kNpz;
  return Error{ErrorCode::kInvalidArgument,
               path +
                   ": expected an output that ends in .safetensors or .npz, or .onnx or / for a "
                   "folder of ONNX files"};
}

Status export_model(const ModelData& data, const std::string& path) {
  return guarded([&]() -> Status {
    const Result<ExportKind> kind = export_kind(path);
    if (!kind) return kind.error();
    if (Status s = validate(data, "the model"); !s) return s;
    switch (*kind) {
      case ExportKind::kOnnxFolder: return export_onnx(data, path);
      case ExportKind::kSafetensors: return write_file(path, write_safetensors(data));
      case ExportKind::kNpz: break;
    }
    Result<std::vector<std::byte>> bytes = write_npz(data, path);
    if (!bytes) return bytes.error();
    return write_file(path, *bytes);
  });
}

}  // namespace mtcnn
