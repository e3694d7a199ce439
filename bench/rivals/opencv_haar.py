"""OpenCV's Haar cascade for frontal faces, which comes with OpenCV 4. Its window has 24 pixels: for smaller faces the
image is made larger."""

from helpers import from_sizes, resized

TITLE = "Haar cascade, OpenCV 4"
MIN_FACE = "its option; below 24 input resized by 24 / minimum face"
VENV = "opencv"
PACKAGES = ["numpy opencv-python-headless<5"]


def version():
    import cv2

    return cv2.__version__


def load(settings):
    import cv2

    cv2.setNumThreads(settings.threads)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    if cascade.empty():
        raise FileNotFoundError("this OpenCV has no haarcascade_frontalface_default.xml")
    factor = max(1, 24 / settings.min_face)
    side = round(settings.min_face * factor)

    def load_whole(_):
        def detect(image):
            grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            return from_sizes(cascade.detectMultiScale(grey, 1.1, 3, minSize=(side, side)))

        return detect

    return resized(load_whole, factor)(settings)
