"""YuNet in ONNX Runtime at an equal minimum face size: faces of MIN_FACE pixels are 10 in what it is given, which is
the size from which it finds faces by its authors' word. Its fastest fair setting; the recall says what it costs."""

from helpers import resized
from rivals import yunet_onnxruntime as whole

TITLE = "YuNet, ONNX Runtime, input shrunk"
MIN_FACE = "input resized by 10 / minimum face"
VENV, PACKAGES, CHANNELS, version = whole.VENV, whole.PACKAGES, whole.CHANNELS, whole.version


def load(settings):
    return resized(whole.load, min(1, 10 / settings.min_face))(settings)
