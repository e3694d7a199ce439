"""Boxes and points drawn into copies of arrays. What lies outside of the image is not drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


def plot(image: Array, detection: Any, input_as_width_height: bool = True) -> Array | None:
    """A copy with the box and the points of a detection, or of all in a list or an array; None if there is none.

    detection: what detect_faces() gives, a dictionary or a row. input_as_width_height: whether boxes are
        [x, y, width, height] rather than [x1, y1, x2, y2].
    """
    if len(detection) == 0:
        return None
    if isinstance(detection, list) or np.ndim(detection) > 1:
        return plot_all(image, detection, input_as_width_height)
    image = plot_bbox(image, detection, input_as_width_height=input_as_width_height)
    return plot_landmarks(image, detection)


def plot_all(image: Array, detections: Any, input_as_width_height: bool = True) -> Array:
    """A copy with the boxes and the points of these detections."""
    for detection in detections:
        image = plot_bbox(image, detection, input_as_width_height=input_as_width_height)
        image = plot_landmarks(image, detection)
    return image


def plot_bbox(
    image: Array,
    bbox: Any,
    color: Any = "#FFFF00",
    normalize_color: bool = False,
    input_as_width_height: bool = True,
) -> Array:
    """A copy with the outline of a box: of a detection, or four numbers. normalize_color: the image's white is 1."""
    box = bbox["box"] if isinstance(bbox, dict) else bbox
    box = np.asarray(box, float)
    x1, y1, x2, y2 = (box[1:5] if len(box) > 4 else box).tolist()
    if input_as_width_height:
        x2, y2 = x1 + x2, y1 + y2
    x1, y1, x2, y2 = (round(value) for value in (x1, y1, x2, y2))
    lines = [(x1, y1, x1 + 1, y2), (x2, y1, x2 + 1, y2), (x1, y1, x2, y1 + 1), (x1, y2, x2, y2 + 1)]
    return _filled(image, lines, color, normalize_color)


def plot_landmarks(
    image: Array,
    landmarks: Any,
    color: Any = "#FFFF00",
    keypoints: str = ",".join(_POINTS),
    brush_size: int = 2,
    normalize_color: bool = False,
) -> Array:
    """A copy with a square on each point: of a detection, of a dictionary of points, or of ten numbers (x, then y).

    keypoints: the names of those that are drawn. brush_size: from a point to the square's edge, in pixels.
    """
    if isinstance(landmarks, dict):
        points = landmarks.get("keypoints", landmarks)
    else:
        row = np.asarray(landmarks, float)
        places = np.rint(row if len(row) == 10 else row[6:]).astype(int).reshape(2, -1).T.tolist()
        points = dict(zip(_POINTS, places, strict=False))
    squares = []
    for name in (part.strip() for part in keypoints.split(",")):
        if name in points:
            x, y = points[name]
            squares.append((x - brush_size, y - brush_size, x + brush_size + 1, y + brush_size + 1))
    return _filled(image, squares, color, normalize_color)


def parse_color(color: Any) -> Any:
    """ "#RRGGBB", "0xRRGGBB" or "#RGB" as an array of 0 to 1; anything else is given back as it is."""
    if not isinstance(color, str):
        return color
    digits = color.removeprefix("#").removeprefix("0x")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return np.frombuffer(bytes.fromhex(digits), np.uint8) / 255


def _filled(image: Array, rectangles: list[tuple[int, int, int, int]], color: Any, normalize_color: bool) -> Array:
    """A copy with rectangles of left, top, right, bottom."""
    value = np.asarray(parse_color(color), float)
    image = image.copy() if normalize_color else image.astype(np.uint8)
    for left, top, right, bottom in rectangles:
        area = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        area[...] = value if normalize_color else np.rint(value * 255)
    return image
