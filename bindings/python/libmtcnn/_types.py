"""What detection returns: faces one by one, and the same as arrays.

Coordinates are pixels of the image, x to the right, y down, counted from its top left corner: pixel
column i covers [i, i + 1), so `right` and `bottom` are the edges behind the last pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

# Of a face in an array of floats: box, score, five points.
_FACE_FLOATS = 15
_CANDIDATE_FLOATS = 5


class Point(NamedTuple):
    """A place in the image, in pixels."""

    x: float
    y: float


class Box(NamedTuple):
    """A rectangle by its edges, in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """right - left."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """bottom - top."""
        return self.bottom - self.top


class Landmarks(NamedTuple):
    """The five points of a face; left and right as the viewer sees them."""

    left_eye: Point
    right_eye: Point
    nose: Point
    left_mouth: Point
    right_mouth: Point


@dataclass(frozen=True)
class Face:
    """One face: its box in pixels, its score (0 to 1) and its five points in pixels."""

    __slots__ = ("box", "landmarks", "score")
    box: Box
    score: float
    landmarks: Landmarks

    # Slots without a default state are pickled by hand until Python 3.11.
    def __reduce__(self) -> tuple[Any, ...]:
        return Face, (self.box, self.score, self.landmarks)


class Faces(Sequence[Face]):
    """The faces of one image, best score first: a sequence of Face, and arrays over the same numbers.

    Empty, and so false, if there is no face. Slices are Faces too.
    """

    __slots__ = ("_values", "image_size")

    #: (width, height) in pixels of the image that was searched; of an image from PIL, turned upright.
    image_size: tuple[int, int]

    def __init__(self, values: npt.ArrayLike, image_size: tuple[int, int]) -> None:
        """`values`: N x 15 floats, each row a box, a score and five points."""
        self._values: FloatArray = np.asarray(values, np.float32).reshape(-1, _FACE_FLOATS)
        self.image_size = (int(image_size[0]), int(image_size[1]))

    @property
    def boxes(self) -> FloatArray:
        """N x 4 float32: left, top, right, bottom in pixels. A view: writing there changes the faces."""
        return self._values[:, :4]

    @property
    def scores(self) -> FloatArray:
        """N float32: the probability of a face, 0 to 1, falling. A view."""
        return self._values[:, 4]

    @property
    def landmarks(self) -> FloatArray:
        """N x 5 x 2 float32: x and y in pixels of left eye, right eye, nose, left and right mouth corner,
        as the viewer sees them. A view."""
        # A view by its strides: rows are 15 floats apart.
        return self._values[:, 5:].reshape(-1, 5, 2)

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Face: ...
    @overload
    def __getitem__(self, index: slice) -> Faces: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Face | Faces:
        if isinstance(index, slice):
            return Faces(self._values[index], self.image_size)
        return _face(self._values[index.__index__()].tolist())

    def __iter__(self) -> Iterator[Face]:
        return map(_face, self._values.tolist())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Faces):
            return NotImplemented
        return self.image_size == other.image_size and np.array_equal(self._values, other._values)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Faces({list(self)!r}, image_size={self.image_size})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Faces, (self._values, self.image_size)


def _face(v: list[float]) -> Face:
    points = [Point(v[i], v[i + 1]) for i in range(5, _FACE_FLOATS, 2)]
    return Face(Box(*v[:4]), v[4], Landmarks(*points))


@dataclass(frozen=True)
class TrackedFace:
    """A face of a video's frame, followed from frame to frame."""

    id: int  # counted from 1; the same in every frame; never used again by this tracker
    box: Box  # pixels of this frame
    score: float  # 0 to 1
    landmarks: Landmarks  # pixels of this frame
    frames: int  # in how many it has been seen, this one included
    detected: bool  # by a full search, not only where it was expected


class TrackedFaces(Sequence[TrackedFace]):
    """The faces of one frame of a video, oldest id first: a sequence of TrackedFace, and arrays over the same."""

    __slots__ = ("_about", "_faces")

    def __init__(self, faces: Faces, about: Sequence[tuple[int, int, bool]]) -> None:
        """`about`: of each face its id, the frames in which it was seen, and whether a full search found it."""
        self._faces = faces
        self._about = list(about)

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """N int64."""
        return np.array([id for id, _, _ in self._about], np.int64)

    @property
    def boxes(self) -> FloatArray:
        """N x 4 float32: left, top, right, bottom in pixels of the frame. A view."""
        return self._faces.boxes

    @property
    def scores(self) -> FloatArray:
        """N float32: the probability of a face, 0 to 1. A view."""
        return self._faces.scores

    @property
    def landmarks(self) -> FloatArray:
        """N x 5 x 2 float32, as Faces.landmarks. A view."""
        return self._faces.landmarks

    @property
    def image_size(self) -> tuple[int, int]:
        """(width, height) of the frame in pixels."""
        return self._faces.image_size

    def __len__(self) -> int:
        return len(self._about)

    @overload
    def __getitem__(self, index: SupportsIndex) -> TrackedFace: ...
    @overload
    def __getitem__(self, index: slice) -> TrackedFaces: ...
    def __getitem__(self, index: SupportsIndex | slice) -> TrackedFace | TrackedFaces:
        if isinstance(index, slice):
            return TrackedFaces(self._faces[index], self._about[index])
        face = self._faces[index]
        id, frames, detected = self._about[index.__index__()]
        return TrackedFace(id, face.box, face.score, face.landmarks, frames, detected)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TrackedFaces):
            return NotImplemented
        return self._faces == other._faces and self._about == other._about

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"TrackedFaces({list(self)!r}, image_size={self.image_size})"


class Candidates:
    """Boxes that one stage of the cascade let through."""

    __slots__ = ("_values",)

    def __init__(self, values: npt.ArrayLike) -> None:
        """`values`: N x 5 floats, each row a box and a score."""
        self._values: FloatArray = np.asarray(values, np.float32).reshape(-1, _CANDIDATE_FLOATS)

    @property
    def boxes(self) -> FloatArray:
        """N x 4 float32: left, top, right, bottom in pixels of the image. A view."""
        return self._values[:, :4]

    @property
    def scores(self) -> FloatArray:
        """N float32: that stage's score, 0 to 1. A view."""
        return self._values[:, 4]

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Candidates):
            return NotImplemented
        return np.array_equal(self._values, other._values)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} candidates>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Candidates, (self._values,)


class TraceLevel(NamedTuple):
    """A level of the pyramid."""

    scale: float  # the level's size / the image's size
    width: int  # of the level, in pixels
    height: int
    candidates: int  # P-Net's cells at or above the threshold, before any NMS


@dataclass(frozen=True)
class Trace:
    """What every stage of the cascade found in an image."""

    levels: tuple[TraceLevel, ...]
    proposals: Candidates  # P-Net's windows after the NMS of each level, not regressed
    pnet: Candidates  # after the NMS across levels, regressed and squared: R-Net's input
    rnet: Candidates  # R-Net's boxes after NMS, regressed and squared: O-Net's input
    faces: Faces  # what detect() returns


class AlignedCrop(NamedTuple):
    """A face, cut out and turned upright."""

    #: height x width x 3 uint8, in the image's order of colours: RGB, or BGR for an image in BGR.
    image: npt.NDArray[np.uint8]
    #: 2 x 3 float32: pixels of the image to pixels of the crop, crop = to_crop @ (x, y, 1).
    to_crop: FloatArray
    #: 2 x 3 float32: and back.
    to_image: FloatArray


@dataclass(frozen=True)
class ModelInfo:
    """What a model says of itself."""

    format_version: int
    architecture: str  # hash of the layers of all nets, 16 hexadecimal digits
    geometry: str  # "exact" (models trained by this project) or "release" (imported weights)
    pixel_mean: float  # the nets' input is (pixel - pixel_mean) * pixel_scale
    pixel_scale: float
    thresholds: tuple[float, float, float]  # default score thresholds of P-, R- and O-Net
    nets: dict[str, int]  # number of parameters by name: "pnet", "rnet", "onet", "lnet"
    metadata: dict[str, str]  # all else that the file says ("provenance", ...)
