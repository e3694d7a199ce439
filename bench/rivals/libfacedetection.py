"""libfacedetection, the C++ original of YuNet, as the package yuface of its makers has it: that build mostly uses
SSE; one compiled for AVX2 or AVX-512 is faster."""

from helpers import from_sizes

TITLE = "libfacedetection (yuface)"
MIN_FACE = "n/a: whole image at its own size, faces from about 10 to 300 pixels"
VENV = "opencv"
PACKAGES = ["numpy opencv-python-headless<5", "--no-deps yuface==2023.5.1"]
CHANNELS = "BGR"


def version():
    from importlib.metadata import version as of

    return of("yuface")


def load(settings):
    import warnings

    import yuface

    warnings.filterwarnings("ignore", message="Image size")
    return lambda image: from_sizes(yuface.detect(image)[1].astype(int))
