"""Image files to pixels."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np

from ...._errors import InvalidArgumentError


def load_image(image: Any, dtype: Any = np.float32, device: str = "CPU:0") -> Any:
    """The pixels of an image file: height x width x 3, RGB, 0 to 255.

    image: its path or its bytes, read by PIL; an array or a tensor is given back as it is.
    dtype: NumPy's type or TensorFlow's. device: without effect.

    What EXIF says is not looked at, as in the package.
    """
    if not isinstance(image, (str, os.PathLike, bytes, bytearray)):
        return image
    try:
        from PIL import Image
    except ImportError as error:
        raise InvalidArgumentError("reading image files needs PIL (pip install pillow)") from error
    with Image.open(io.BytesIO(image) if isinstance(image, (bytes, bytearray)) else image) as file:
        return np.asarray(file.convert("RGB"), getattr(dtype, "as_numpy_dtype", dtype))
