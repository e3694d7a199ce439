// The parts of onnx.proto that reading and writing need: field numbers and enumerators.
#ifndef MTCNN_CONVERT_ONNX_FORMAT_H_
#define MTCNN_CONVERT_ONNX_FORMAT_H_

namespace mtcnn::onnx {

namespace model {
inline constexpr int kIrVersion = 1, kProducer = 2, kDoc = 6, kGraph = 7, kOpsets = 8, kMetadata = 14;
}
namespace opset {
inline constexpr int kDomain = 1, kVersion = 2;
}
namespace property {
inline constexpr int kKey = 1, kValue = 2;
}
namespace graph {
inline constexpr int kNode = 1, kName = 2, kInitializer = 5, kInput = 11, kOutput = 12;
}
namespace node {
inline constexpr int kInput = 1, kOutput = 2, kName = 3, kOp = 4, kAttribute = 5;
}
namespace attribute {
inline constexpr int kName = 1, kInt = 3, kInts = 8, kType = 20;
}
namespace tensor {
inline constexpr int kDims = 1, kDataType = 2, kFloats = 4, kName = 8, kRaw = 9, kLocation = 14;
}
namespace value {
inline constexpr int kName = 1, kType = 2;
}
namespace type {
inline constexpr int kTensor = 1;
}
namespace tensor_type {
inline constexpr int kElement = 1, kShape = 2;
}
namespace shape {
inline constexpr int kDim = 1;
}
namespace dim {
inline constexpr int kValue = 1, kParam = 2;
}

inline constexpr int kFloat = 1;         // TensorProto.DataType
inline constexpr int kExternal = 1;      // TensorProto.DataLocation
inline constexpr int kAttributeInt = 2;  // AttributeProto.AttributeType
inline constexpr int kAttributeInts = 7;

}  // namespace mtcnn::onnx

#endif  // MTCNN_CONVERT_ONNX_FORMAT_H_
