# The compiled half (module.cc). Buffers of pixels are rows x columns x channels bytes without gaps within a row;
# their format is a number of the library's PixelFormat. Raises the exceptions of _errors.py.

from collections.abc import Sequence
from typing import Any

from ._image import ByteArray

class Model:
    @staticmethod
    def load(path: bytes) -> Model: ...
    @staticmethod
    def parse(data: bytes, name: str) -> Model: ...
    @staticmethod
    def builtin() -> Model: ...
    @staticmethod
    def convert(paths: Sequence[bytes]) -> Model: ...
    def serialize(self) -> bytes: ...
    def save(self, path: bytes) -> None: ...
    def info(self) -> dict[str, Any]: ...

class Detector:
    def __init__(
        self,
        model: Model,
        *,
        min_face: float,
        max_face: float,
        factor: float,
        thresholds: tuple[float, float, float] | None,
        nms_level: float,
        nms_pyramid: float,
        nms_rnet: float,
        nms_onet: float,
        max_candidates: tuple[int, int, int],
        threads: int,
        region: tuple[float, float, float, float] | None,
        resize: tuple[int, int] | None,
        clip: bool,
        mirror_landmarks: bool,
        lnet: bool,
        largest_only: bool,
        instruction_set: str,
    ) -> None: ...
    # N x 15 float32: box, score, five points.
    def detect(self, pixels: ByteArray, format: int) -> bytearray: ...
    # Levels (scale, width, height, candidates); candidates of three stages, N x 5 float32; faces.
    def trace(
        self, pixels: ByteArray, format: int
    ) -> tuple[list[tuple[float, int, int, int]], bytearray, bytearray, bytearray, bytearray]: ...
    # Thresholds, threads and instruction set in use.
    def resolved(self) -> tuple[tuple[float, float, float], int, str]: ...

class Tracker:
    def __init__(
        self, detector: Detector, *, detect_every: int, min_overlap: float, keep_lost: int, smoothing: float
    ) -> None: ...
    # Faces as detect() gives them; for each its id, the frames in which it was seen, whether by a full search.
    def update(self, pixels: ByteArray, format: int) -> tuple[bytearray, list[tuple[int, int, bool]]]: ...
    def reset(self) -> None: ...
    # Frames, and those with a full detection.
    def counts(self) -> list[int]: ...

# RGB bytes, and the similarities (a, b, tx, ty) to the crop and back.
def align(
    pixels: ByteArray,
    format: int,
    points: Sequence[float],
    size: tuple[int, int],
    margin: float,
    fill: tuple[int, int, int],
) -> tuple[bytearray, tuple[float, float, float, float], tuple[float, float, float, float]]: ...
def alignment_template(size: tuple[int, int], margin: float) -> list[float]: ...
def instruction_sets() -> list[str]: ...
def version() -> str: ...
