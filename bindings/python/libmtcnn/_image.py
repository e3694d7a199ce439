"""Images of all kinds to buffers that the library reads.

Other packages' images are recognised by what they can do: none of those packages is imported here.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ._errors import InvalidArgumentError

ByteArray = npt.NDArray[np.uint8]

# The library's PixelFormat.
_GREY, _RGB, _BGR, _RGBA, _BGRA, _GREY_ALPHA = range(6)

# name: (channels, the code for each number of channels that the name takes).
_FORMATS: dict[str, dict[int, int]] = {
    "rgb": {1: _GREY, 2: _GREY_ALPHA, 3: _RGB, 4: _RGBA},
    "bgr": {1: _GREY, 2: _GREY_ALPHA, 3: _BGR, 4: _BGRA},
    "rgba": {4: _RGBA},
    "bgra": {4: _BGRA},
    "grey": {1: _GREY},
    "gray": {1: _GREY},
    "grey_alpha": {2: _GREY_ALPHA},
    "gray_alpha": {2: _GREY_ALPHA},
}
_MIRRORED_ORDER = {_RGB: _BGR, _BGR: _RGB}


class PilImage(Protocol):
    """An image from PIL, as far as it is used here."""

    mode: str
    size: tuple[int, int]
    info: dict[Any, Any]

    def convert(self, mode: str) -> PilImage: ...
    def getexif(self) -> Any: ...
    def load(self) -> Any: ...
    def transpose(self, method: Any) -> PilImage: ...


class Pixels:
    """An image as the library reads it: a buffer of rows x columns x channels bytes, and what they mean."""

    __slots__ = ("array", "format", "is_bgr")

    def __init__(self, array: ByteArray, pixel_format: int, is_bgr: bool = False) -> None:
        self.array = array
        self.format = pixel_format
        #: Whether the caller's colours are in this order; `format` may have them the other way round.
        self.is_bgr = is_bgr

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.array.shape[1], self.array.shape[0]


def is_pil(image: object) -> bool:
    return hasattr(image, "mode") and hasattr(image, "transpose") and hasattr(image, "getexif")


def as_pixels(image: Any, pixel_format: str | None = None) -> Pixels:
    """The image as the library reads it; without a copy where its layout allows that (docs/python.md).

    Raises InvalidArgumentError for what is no image, TypeError for what is not even an array.
    """
    if pixel_format is not None and pixel_format not in _FORMATS:
        raise InvalidArgumentError(f"format is {pixel_format!r}, expected one of {', '.join(_FORMATS)}")
    if is_pil(image):
        return _from_pil(image)
    array = _as_array(image)
    if array.dtype == np.uint8:
        return _from_bytes(array, pixel_format)
    return _from_bytes(_to_bytes(array), pixel_format)


# ---- Arrays


def _as_array(image: Any) -> npt.NDArray[Any]:
    if isinstance(image, np.ndarray):
        return image
    if image is None or isinstance(image, (str, bytes, os.PathLike)):
        raise TypeError(
            f"image is {type(image).__name__}, expected pixels: an array, a PIL image or a tensor "
            "(decode files with PIL or OpenCV first)"
        )
    if hasattr(image, "__dlpack_device__"):  # torch, JAX, CuPy, ...
        try:
            kind = int(image.__dlpack_device__()[0])
        except ValueError:  # of a device that DLPack has no number for: torch's meta
            kind = 0
        if kind not in (1, 3):  # main memory, pageable and pinned
            raise InvalidArgumentError("image is not in main memory: move it there, as by image.cpu()")
        if getattr(image, "requires_grad", False):
            image = image.detach()
        try:
            return np.from_dlpack(image)
        except (BufferError, RuntimeError, TypeError, ValueError):
            pass  # a version of the protocol or a type that this NumPy does not know
    try:
        array = np.asarray(image)
    except Exception as error:
        raise TypeError(f"image is {type(image).__name__}, which NumPy can't take: {error}") from error
    if array.dtype == object:
        raise TypeError(f"image is {type(image).__name__}, expected an array of numbers")
    return array


def _shape_error(shape: tuple[int, ...], pixel_format: str | None, channels: list[int]) -> InvalidArgumentError:
    text = " x ".join(map(str, shape)) or "a single number"
    if len(shape) == 4:
        return InvalidArgumentError(f"image is {text}: give a batch to detect_batch()")
    if len(shape) == 3 and shape[2] not in (1, 2, 3, 4) and shape[0] in (1, 3, 4):
        return InvalidArgumentError(
            f"image is {text}: channels must come last; try image.transpose(1, 2, 0), or permute() for tensors"
        )
    wanted = ", ".join(map(str, channels))
    kind = f"format {pixel_format!r}" if pixel_format else "an image"
    return InvalidArgumentError(f"image is {text}, expected for {kind}: height x width x channels ({wanted})")


def _from_bytes(array: npt.NDArray[Any], pixel_format: str | None) -> Pixels:
    codes = _FORMATS[pixel_format or "rgb"]
    shape = array.shape
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    if array.ndim != 3 or array.shape[2] not in codes:
        raise _shape_error(shape, pixel_format, sorted(codes))
    code = codes[array.shape[2]]
    is_bgr = code in (_BGR, _BGRA)
    rows, columns, channels = array.shape
    row_stride, column_stride, channel_stride = array.strides
    row_fits = rows == 1 or abs(row_stride) >= columns * channels
    columns_fit = columns == 1 or column_stride == channels
    if row_fits and columns_fit and (channels == 1 or channel_stride == 1):
        return Pixels(array, code, is_bgr)
    if row_fits and columns_fit and channel_stride == -1 and code in _MIRRORED_ORDER:
        # image[..., ::-1] of OpenCV's programs: the same bytes, read the other way.
        return Pixels(array[:, :, ::-1], _MIRRORED_ORDER[code], is_bgr)
    return Pixels(np.ascontiguousarray(array), code, is_bgr)


def _to_bytes(array: npt.NDArray[Any]) -> ByteArray:
    """Values of other types than bytes, by the rules that docs/python.md has. Not of size 0."""
    kind = array.dtype.kind
    if array.size == 0 and kind in "biuf":
        return np.zeros(array.shape, np.uint8)  # refused later, with its shape
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if kind == "u" and array.dtype.itemsize == 2:
        # Rounded, as the program reads 16-bit files.
        return ((array.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    if kind in "iu":
        if array.min() < 0 or array.max() > 255:
            raise InvalidArgumentError(f"image of {array.dtype} has values outside 0 to 255")
        return array.astype(np.uint8)
    if kind == "f":
        low, high = float(array.min()), float(array.max())
        if not np.isfinite(low) or not np.isfinite(high):
            raise InvalidArgumentError("image has a NaN or an infinity")
        # Resizing overshoots a little, and that shall not turn white into black.
        full = 1.0 if high <= 1.1 else 255.0
        if low < -0.1 * full or high > 1.1 * full:
            raise InvalidArgumentError(
                f"image of {array.dtype} has values of {low:g} to {high:g}, expected 0 to 1 or 0 to 255"
            )
        scaled = array.astype(np.float32) * np.float32(255 / full)
        rounded: ByteArray = np.clip(scaled + np.float32(0.5), 0, 255).astype(np.uint8)
        return rounded
    raise TypeError(f"image is an array of {array.dtype}, expected integers, floats or booleans")


# ---- PIL

# EXIF's orientation to PIL's Transpose that undoes it.
_ORIENTATION = 0x0112
_UNDO = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}

# PIL decodes a file when its pixels are first asked for, and two threads may not do so at the same time.
_LOCKS: list[threading.Lock] = []


def _renew_locks() -> None:
    _LOCKS[:] = [threading.Lock() for _ in range(61)]


_renew_locks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


def upright(image: Any) -> Any:
    """A PIL image turned upright as its EXIF data say; the image itself if there is nothing to turn.

    The result's EXIF data are dropped, so that nothing turns it again. detect(), trace() and align() do this
    themselves: use it to draw or crop with their results.
    """
    turn = _UNDO.get(image.getexif().get(_ORIENTATION))
    if turn is None:
        return image
    turned = image.transpose(turn)
    for key in ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"):
        turned.info.pop(key, None)
    return turned


def _from_pil(image: Any) -> Pixels:
    with _LOCKS[(id(image) >> 4) % len(_LOCKS)]:
        image.load()
        image = upright(image)
        mode = image.mode
        if mode in ("L", "LA", "RGB", "RGBA", "RGBX"):
            return _from_bytes(np.asarray(image), None)
        if mode in ("I;16", "I;16L", "I;16B", "I;16N"):
            return _from_bytes(_to_bytes(np.asarray(image).astype(np.uint16)), None)
        if mode == "I":
            # PIL's older versions read 16-bit files so.
            values = np.asarray(image)
            if values.size and (values.min() < 0 or values.max() > 65535):
                raise InvalidArgumentError("image of mode I has values outside 0 to 65535")
            return _from_bytes(_to_bytes(values.astype(np.uint16)), None)
        if mode == "F":
            return _from_bytes(_to_bytes(np.asarray(image)), None)
        if mode == "1":
            return _from_bytes(np.asarray(image.convert("L")), None)
        if mode == "La":
            return _from_bytes(np.asarray(image.convert("LA")), None)
        if mode in ("RGBa", "PA") or (mode == "P" and "transparency" in image.info):
            return _from_bytes(np.asarray(image.convert("RGBA")), None)
        try:
            return _from_bytes(np.asarray(image.convert("RGB")), None)
        except ValueError as error:
            raise InvalidArgumentError(f"image of mode {mode}: {error}") from error
