"""mtcnn-runtime: another MTCNN in ONNX Runtime, weights in the package. It raises where P-Net finds nothing."""

from helpers import limit_onnxruntime

TITLE = "mtcnn-runtime (ONNX Runtime)"
MIN_FACE = "its option"
VENV = "opencv"
PACKAGES = ["numpy opencv-python-headless<5 onnxruntime", "--no-deps mtcnn-runtime==1.0.0"]
CHANNELS = "BGR"


def version():
    from importlib.metadata import version as of

    return f"{of('mtcnn-runtime')}, ONNX Runtime {of('onnxruntime')}"


def load(settings):
    import cv2

    cv2.setNumThreads(settings.threads)
    limit_onnxruntime(settings.threads)
    from mtcnnruntime import MTCNN

    detector = MTCNN()

    def detect(image):
        boxes, _ = detector.detect(image, min_face_size=settings.min_face, thresholds=[0.6, 0.7, 0.7])
        return [box[:4] for box in boxes]

    return detect
