"""MediaPipe's face detection (BlazeFace), short range: the image becomes 128x128 pixels, whatever its size. Fast, and
blind to all faces but large ones; the check says so. Threads can't be set: it has the processors it is pinned to."""

TITLE = "MediaPipe, short range"
MIN_FACE = "n/a: the image becomes 128x128"
VENV = "mediapipe"
PACKAGES = ["mediapipe==0.10.21"]
RANGE = 0


def version():
    from importlib.metadata import version as of

    return of("mediapipe")


def load(settings, model=RANGE):
    import mediapipe

    detector = mediapipe.solutions.face_detection.FaceDetection(model_selection=model)

    def detect(image):
        boxes = []
        for face in detector.process(image).detections or []:
            box = face.location_data.relative_bounding_box
            boxes.append((box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height))
        return [
            (box[0] * settings.width, box[1] * settings.height, box[2] * settings.width, box[3] * settings.height)
            for box in boxes
        ]

    return detect
