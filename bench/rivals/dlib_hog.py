"""dlib's frontal face detector (HOG). It finds faces from 80 pixels on: smaller ones are made as large."""

from helpers import resized

TITLE = "dlib, HOG"
MIN_FACE = "input resized by 80 / minimum face"
VENV = "opencv"
PACKAGES = ["numpy opencv-python-headless<5", "dlib-bin"]


def version():
    import dlib

    return dlib.__version__


def load_whole(settings):
    import dlib

    detector = dlib.get_frontal_face_detector()
    return lambda image: [(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r in detector(image, 0)]


def load(settings):
    return resized(load_whole, 80 / settings.min_face)(settings)
