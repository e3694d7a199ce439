"""The `mtcnn` package, on TensorFlow; its weights are FaceNet's, converted from the release."""

from helpers import from_sizes

TITLE = "mtcnn (TensorFlow)"
MIN_FACE = "its option"
VENV = "tensorflow"
PACKAGES = ["tensorflow-cpu", "mtcnn==1.0.0"]


def version():
    from importlib.metadata import version as of

    return f"{of('mtcnn')}, TensorFlow {of('tensorflow-cpu')}"


def load(settings):
    import tensorflow as tf

    # Once TensorFlow runs it refuses; a process has one number of threads throughout.
    if tf.config.threading.get_intra_op_parallelism_threads() != settings.threads:
        tf.config.threading.set_intra_op_parallelism_threads(settings.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    from mtcnn import MTCNN

    detector = MTCNN(device="CPU:0")

    def detect(image):
        return from_sizes(face["box"] for face in detector.detect_faces(image, min_face_size=settings.min_face))

    return detect
