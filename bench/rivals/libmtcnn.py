"""This project's own Python package, built as its users get it: the wheel picks the instruction set when it runs."""

import os

TITLE = "libmtcnn"
MIN_FACE = "its option"
VENV = "libmtcnn"
PACKAGES = ["numpy", "--force-reinstall --no-deps {wheel}"]


def version():
    import libmtcnn

    return libmtcnn.__version__


def load(settings):
    import libmtcnn

    path = settings.model
    if not path:
        model = libmtcnn.Model.builtin()
    elif os.path.isdir(path):
        model = libmtcnn.Model.convert(path)
    else:
        model = libmtcnn.Model.load(path)
    detector = libmtcnn.Detector(
        model, min_face=settings.min_face, threads=settings.threads, instruction_set=settings.instruction_set
    )
    return lambda image: detector.detect(image).boxes
