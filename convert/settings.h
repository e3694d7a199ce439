// What a model says besides its tensors, as JSON text: carried by our own ONNX and NumPy files, so
// that they come back as the model that they were.
#ifndef MTCNN_CONVERT_SETTINGS_H_
#define MTCNN_CONVERT_SETTINGS_H_

#include <string>
#include <string_view>

#include "engine/model_data.h"
#include "mtcnn/result.h"

namespace mtcnn {

// Where the ONNX files (a metadata property) and the .npz (an array) keep it.
inline constexpr char kOnnxSettingsKey[] = "mtcnn.settings";
inline constexpr char kNpzSettingsName[] = "settings";

std::string write_settings(const ModelData& data);

// Fills all of `data` but the tensors. Errors: kFormat, naming `file` and what was expected.
Status read_settings(std::string_view text, const std::string& file, ModelData& data);

}  // namespace mtcnn

#endif  // MTCNN_CONVERT_SETTINGS_H_
