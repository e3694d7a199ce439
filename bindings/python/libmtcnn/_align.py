"""Faces, cut out and turned upright."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._arguments import real, whole
from ._errors import InvalidArgumentError
from ._image import as_pixels
from ._types import AlignedCrop, Face, FloatArray, TrackedFace


def align(
    image: Any,
    landmarks: Face | TrackedFace | npt.ArrayLike,
    size: Sequence[int] = (112, 112),
    margin: float = 0,
    fill: Sequence[int] = (0, 0, 0),
    format: str | None = None,
) -> AlignedCrop:
    """Cuts a face out, turned upright and scaled onto the template: bilinear, averaged where it shrinks.

    image, format: as in Detector.detect().
    landmarks: a Face, a TrackedFace, or its five points, 5 x 2, in pixels of the image.
    size: (width, height) of the crop in pixels, 8 to 4096. 112 x 112, 96 x 112 and 160 x 160 have templates of
        their own; others get that of 112 x 112, scaled to the shorter side and centred.
    margin: share of the crop's size by which the view is widened on every side, 0 to 2.
    fill: the colour of what lies outside the image, three numbers of 0 to 255 in the image's order of colours.

    Returns the crop and both transforms. Raises InvalidArgumentError (a ValueError) for an option outside its
    range, points that coincide or are not finite, or an image that detect() would not take; LimitError above
    2^28 pixels; OutOfMemoryError.
    """
    pixels = as_pixels(image, format)
    points = np.asarray(landmarks.landmarks if isinstance(landmarks, (Face, TrackedFace)) else landmarks, np.float32)
    if points.shape not in ((5, 2), (10,)):
        raise InvalidArgumentError(f"landmarks have the shape {points.shape}, expected 5 x 2")
    colour = [whole("fill", value) for value in fill]
    if len(colour) != 3 or not all(0 <= value <= 255 for value in colour):
        raise InvalidArgumentError(f"fill is {tuple(fill)!r}, expected three numbers of 0 to 255")
    if pixels.is_bgr:
        colour.reverse()
    width, height = _size(size)
    rgb, to_crop, to_image = _core.align(
        pixels.array,
        pixels.format,
        points.ravel().tolist(),
        (width, height),
        real("margin", margin),
        (colour[0], colour[1], colour[2]),
    )
    crop: npt.NDArray[np.uint8] = np.frombuffer(rgb, np.uint8).reshape(height, width, 3)
    if pixels.is_bgr:
        crop = np.ascontiguousarray(crop[:, :, ::-1])
    return AlignedCrop(crop, _matrix(*to_crop), _matrix(*to_image))


def alignment_template(size: Sequence[int] = (112, 112), margin: float = 0) -> FloatArray:
    """Where the five points lie in a crop of this size and margin: 5 x 2 float32, in pixels of the crop.

    Raises InvalidArgumentError (a ValueError) for a size outside 8 to 4096 or a margin outside 0 to 2.
    """
    return np.array(_core.alignment_template(_size(size), real("margin", margin)), np.float32).reshape(5, 2)


def _size(size: Sequence[int]) -> tuple[int, int]:
    if len(size) != 2:
        raise InvalidArgumentError(f"size is {size!r}, expected (width, height)")
    return whole("size", size[0]), whole("size", size[1])


def _matrix(a: float, b: float, tx: float, ty: float) -> FloatArray:
    return np.array([[a, -b, tx], [b, a, ty]], np.float32)
