"""MediaPipe's face detection, full range: the image becomes 192x192 pixels."""

from rivals import mediapipe_short as short

TITLE = "MediaPipe, full range"
MIN_FACE = "n/a: the image becomes 192x192"
VENV, PACKAGES, version = short.VENV, short.PACKAGES, short.version


def load(settings):
    return short.load(settings, model=1)
