// Weights of other programs' MTCNN files to a model and back. Not part of the core library: the
// program and the bindings use it.
#ifndef MTCNN_CONVERT_CONVERT_H_
#define MTCNN_CONVERT_CONVERT_H_

#include <cstddef>
#include <span>
#include <string>

#include "engine/model_data.h"
#include "mtcnn/result.h"

namespace mtcnn {

// A weights file in memory.
struct NamedBytes {
  std::string name;  // stands for the file in messages; its last part is kept as provenance
  std::span<const std::byte> bytes;
};

// Imports a cascade from files, or from folders that hold them. The format is recognised by content:
//   Caffe        .caffemodel, one file a net (det1 to det3, and L-Net's det4)
//   NumPy        .npy holding a pickled dictionary: facenet's, one file a net, or the mtcnn_weights.npy of the `mtcnn`
//                Python package before 1.0, which has all three
//   PyTorch      .pt state dictionaries of facenet-pytorch, zipped or in the older form, one file a net
//   mtcnn        joblib with LZ4, as the `mtcnn` Python package has it, one file a net
//   ONNX         one file a net: our own exports, and the Keras port's (input NHWC)
//   NumPy        .npz, our own exports
//   safetensors  our own model file
// Among several inputs, Caffe's descriptions of nets (.prototxt) are passed over.
// No format's code is ever executed: pickles are read as data.
// In a folder (not searched deeper) files that are none of these are passed over, and so are whole
// models (.safetensors, .npz) beside nets of another kind: an earlier conversion left them there.
// The model is for upright images whichever way the source lies. Settings are those of the authors'
// release (CellGeometry::kRelease, mean 127.5, scale 1/128, thresholds .6 .7 .7) unless the file is
// one of our own and says otherwise; metadata["provenance"] names the format and the files.
// Errors: kIo; kFormat, naming the file and what was expected; kUnsupported; kLimit above 64 MiB a file.
Result<ModelData> import_model(std::span<const std::string> inputs);

// The same from memory; every entry must be a weights file.
Result<ModelData> import_buffers(std::span<const NamedBytes> files);

// Writes `data`, which must be valid (validate()), by the path's ending:
//   .safetensors  the model file
//   .npz          NumPy archive, one array a tensor, and the settings as JSON text in `settings`
//   .onnx, or "/" at the end, or a folder that exists
//                 ONNX has one net a file, so the path names a folder, made if it is missing, that
//                 gets pnet.onnx, rnet.onnx, onet.onnx, and lnet.onnx if the model has L-Net
// The ONNX nets take upright images, [batch, 3, height, width], already normalised: (pixel - mean) *
// scale; L-Net five patches stacked to 15 channels. Outputs: `probabilities` (background, face), `box`,
// `landmarks`, shaped [batch, values], for P-Net [batch, values, rows, columns].
// Errors: kInvalidArgument for another ending; kIo; kFormat if `data` is not valid.
Status export_model(const ModelData& data, const std::string& path);

// What export_model() writes there. Errors: kInvalidArgument for an ending that it does not know.
enum class ExportKind { kSafetensors, kNpz, kOnnxFolder };
Result<ExportKind> export_kind(const std::string& path);

}  // namespace mtcnn

#endif  // MTCNN_CONVERT_CONVERT_H_
