"""Images as the packages read them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import InvalidArgumentError
from .._image import is_pil


def as_bytes(image: Any) -> Any:
    """Pixels as they lie, without what EXIF says of them, and values of 0 to 255 whatever their type: the packages
    don't look whether floats end at 1. What is no array comes back as it is: detect() says what is wrong with it."""
    if is_pil(image):
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    array = image
    if not isinstance(image, np.ndarray):
        for step in ("detach", "cpu"):  # of tensors
            array = getattr(array, step)() if hasattr(array, step) else array
        array = np.asarray(array)
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind in "biu":
        array = array.astype(np.float32)
    elif array.dtype.kind != "f":
        return image
    if np.isnan(array).any():
        raise InvalidArgumentError("image has a NaN")
    return np.rint(np.clip(array, 0, 255)).astype(np.uint8)
