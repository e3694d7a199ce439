"""Photographs and models for the tests. Without reference data most of them still run on the built-in model."""

from __future__ import annotations

import os
import pathlib

import libmtcnn
import numpy as np
import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[3]
SHARED = pathlib.Path(os.environ.get("MTCNN_SHARED_DIR", ROOT.parent / "shared"))
ASTRONAUT = ROOT / "examples/astronaut.jpg"


def reference(path: str) -> pathlib.Path:
    """A file or a folder of the reference data; skips the test if it is not there."""
    if not (SHARED / path).exists():
        pytest.skip("skipped: no reference data")
    return SHARED / path


@pytest.fixture(scope="session")
def released() -> libmtcnn.Model:
    """The authors' weights."""
    return libmtcnn.Model.convert(reference("weights/release"))


@pytest.fixture(scope="session")
def model() -> libmtcnn.Model:
    """The built-in model, or the authors' weights where there is none."""
    try:
        return libmtcnn.Model.builtin()
    except libmtcnn.UnsupportedError:
        return libmtcnn.Model.convert(reference("weights/release"))


@pytest.fixture(scope="session")
def detector(model: libmtcnn.Model) -> libmtcnn.Detector:
    return libmtcnn.Detector(model, min_face=40)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False  # nobody may draw on a caller's image
    return array


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """512 x 512, RGB, with one face."""
    with Image.open(ASTRONAUT) as file:
        return _frozen(np.array(file.convert("RGB")))


@pytest.fixture(scope="session")
def photographs() -> dict[str, np.ndarray]:
    """The reference photographs by name, RGB."""
    images = {}
    for path in sorted(reference("reference/images").glob("*.png")):
        with Image.open(path) as file:
            images[path.stem] = _frozen(np.array(file.convert("RGB")))
    return images


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of every box of `a` (N x 4) with every box of `b`."""
    a, b = np.asarray(a, float)[:, None, :], np.asarray(b, float)[None, :, :]
    sides = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None)
    inside = sides.prod(axis=-1)

    def area(boxes: np.ndarray) -> np.ndarray:
        return (boxes[..., 2:] - boxes[..., :2]).prod(axis=-1)

    return inside / (area(a) + area(b) - inside)
