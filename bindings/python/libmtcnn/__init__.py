"""Finds the faces in images, gives each a box, a score and five points, and cuts the aligned crop (MTCNN).

    import libmtcnn
    detector = libmtcnn.Detector()
    for face in detector.detect(image):          # a NumPy array, a PIL image or a tensor
        print(face.box, face.score, face.landmarks.nose)
        crop = libmtcnn.align(image, face).image  # 112 x 112 x 3

    for frame in libmtcnn.video("clip.mp4"):      # needs PyAV: pip install libmtcnn[video]
        print(frame.time, [(face.id, face.box) for face in frame.faces])

docs/python.md of the project has the rest. `libmtcnn.compat` has drop-in replacements for the packages
`mtcnn` and `facenet-pytorch`.
"""

from . import _core
from ._align import align, alignment_template
from ._detector import Detector, DetectorOptions, instruction_sets
from ._errors import (
    Error,
    FileError,
    FormatError,
    InvalidArgumentError,
    LimitError,
    OutOfMemoryError,
    UnsupportedError,
)
from ._image import upright
from ._model import Model
from ._types import (
    AlignedCrop,
    Box,
    Candidates,
    Face,
    Faces,
    Landmarks,
    ModelInfo,
    Point,
    Trace,
    TraceLevel,
    TrackedFace,
    TrackedFaces,
)
from ._video import Tracker, Video, VideoFrame, video

__version__: str = _core.version()

__all__ = [
    "AlignedCrop",
    "Box",
    "Candidates",
    "Detector",
    "DetectorOptions",
    "Error",
    "Face",
    "Faces",
    "FileError",
    "FormatError",
    "InvalidArgumentError",
    "Landmarks",
    "LimitError",
    "Model",
    "ModelInfo",
    "OutOfMemoryError",
    "Point",
    "Trace",
    "TraceLevel",
    "TrackedFace",
    "TrackedFaces",
    "Tracker",
    "UnsupportedError",
    "Video",
    "VideoFrame",
    "__version__",
    "align",
    "alignment_template",
    "instruction_sets",
    "upright",
    "video",
]
