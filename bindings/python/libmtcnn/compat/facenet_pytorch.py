"""`MTCNN` as in facenet-pytorch (2.6.0): detect(), crops by calling it, select_boxes() and extract().

    from libmtcnn.compat.facenet_pytorch import MTCNN
    mtcnn = MTCNN(image_size=160, keep_all=True)
    boxes, probs, points = mtcnn.detect(image, landmarks=True)
    crops = mtcnn(image, save_path="faces/face.png")

Boxes, scores and points are NumPy arrays; crops are tensors, for which torch is imported when the first one is
made, or NumPy arrays with MTCNN(output="numpy").
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._detector import Detector
from .._errors import InvalidArgumentError
from .._image import is_pil
from .._model import Model, StrPath
from ._module import Module, torch_or_error
from ._pixels import as_bytes

_METHODS = ("largest", "probability", "center_weighted_size", "largest_over_threshold")
_OUTPUTS = ("torch", "numpy")
_PIL_BILINEAR = 2

Array = npt.NDArray[Any]


class MTCNN(Module):
    """facenet-pytorch's class over this package's detector.

    image_size: side of the crops in pixels. margin: pixels of the crop by which the box is widened, in all.
    min_face_size, thresholds, factor: the detector's.
    post_process: crops as (pixel - 127.5) / 128 instead of 0 to 255.
    select_largest: the largest face is the first and the one that is chosen, otherwise that with the best score.
    selection_method: "largest", "probability", "center_weighted_size" or "largest_over_threshold" instead.
    keep_all: crops of all faces. device: where tensors go.
    model: our own: a Model or the path of one; None for the built-in one.
    output: our own: "torch" or "numpy", what crops are.
    """

    def __init__(
        self,
        image_size: int = 160,
        margin: float = 0,
        min_face_size: float = 20,
        thresholds: Sequence[float] = (0.6, 0.7, 0.7),
        factor: float = 0.709,
        post_process: bool = True,
        select_largest: bool = True,
        selection_method: str | None = None,
        keep_all: bool = False,
        device: Any = None,
        *,
        model: Model | StrPath | None = None,
        output: str = "torch",
    ) -> None:
        if output not in _OUTPUTS:
            raise InvalidArgumentError(f"output is {output!r}, expected 'torch' or 'numpy'")
        self.image_size = image_size
        self.margin = margin
        self.min_face_size = min_face_size
        self.thresholds = list(thresholds)
        self.factor = factor
        self.post_process = post_process
        self.select_largest = select_largest
        self.selection_method = selection_method or ("largest" if select_largest else "probability")
        if self.selection_method not in _METHODS:
            raise InvalidArgumentError(
                f"selection_method is {selection_method!r}, expected one of {', '.join(_METHODS)}"
            )
        self.keep_all = keep_all
        self._device = device
        self.output = output
        if model is not None and not isinstance(model, Model):
            model = Model.convert(model)
        self._model = Model.builtin() if model is None else model
        self._detector: Detector | None = None
        self._detector_for: tuple[Any, ...] = ()
        self._prepare()

    def __call__(self, img: Any, save_path: Any = None, return_prob: bool = False) -> Any:
        """Crops of the faces of an image, or of each image of a batch.

        img: as detect() takes it. save_path: where crops are written (a list of paths for a batch); further
        faces of an image go to NAME_2, NAME_3 ... beside the first. return_prob: their scores too.

        Returns a crop, 3 x image_size x image_size float32, with keep_all N x 3 x image_size x image_size;
        None without a face; a list of such for a batch.
        """
        boxes, probs, points = self.detect(img, landmarks=True)
        if not self.keep_all:
            boxes, probs, points = self.select_boxes(boxes, probs, points, img, method=self.selection_method)
        faces = self.extract(img, boxes, save_path)
        return (faces, probs) if return_prob else faces

    forward = __call__

    def detect(self, img: Any, landmarks: bool = False) -> Any:
        """Boxes, scores and, if asked for, points of the faces of an image, or of each image of a batch.

        img: a PIL image, an array or a tensor of height x width x 3, RGB, values 0 to 255; a list or a tuple of
        such, of any sizes; or an array or a tensor of images x height x width x 3. Pixels are taken as they lie,
        whatever EXIF says.

        Returns arrays of N x 4 (x1, y1, x2, y2), N, and N x 5 x 2, for no face None, [None] and None; for a
        batch, arrays of objects with one of these an image. Largest face first with select_largest, otherwise
        the best score first. Raises InvalidArgumentError (a ValueError) or TypeError for what is no image.
        """
        images, is_batch = _images(img)
        detector = self._prepare()
        found = detector.detect_batch([as_bytes(image) for image in images], on_error="raise")
        boxes, probs, points = _objects(len(images)), _objects(len(images)), _objects(len(images))
        for i, faces in enumerate(found):
            assert not isinstance(faces, Exception)
            if not faces:
                probs[i] = np.array([None])
                continue
            box = faces.boxes.copy()
            # The package counts the first pixel as 1 on the left and above: see docs/python.md.
            box[:, :2] += 1
            order = _largest_first(box) if self.select_largest else np.arange(len(faces))
            boxes[i], probs[i], points[i] = box[order], faces.scores[order], faces.landmarks[order]
        result = (boxes, probs, points) if landmarks else (boxes, probs)
        return result if is_batch else tuple(values[0] for values in result)

    def select_boxes(
        self,
        all_boxes: Any,
        all_probs: Any,
        all_points: Any,
        imgs: Any,
        method: str = "probability",
        threshold: float = 0.9,
        center_weight: float = 2.0,
    ) -> tuple[Any, Any, Any]:
        """One face of each image, out of what detect(landmarks=True) gave for `imgs`.

        method: "largest"; "probability"; "largest_over_threshold", the largest with a score above `threshold`; or
        "center_weighted_size", the largest of area - center_weight * squared distance from the image's middle.

        Returns a box of 1 x 4, a score and points of 1 x 5 x 2, None if there is none; for a batch, arrays of
        objects of these, the scores as arrays of one.
        """
        if method not in _METHODS:
            raise InvalidArgumentError(f"method is {method!r}, expected one of {', '.join(_METHODS)}")
        images, is_batch = _images(imgs)
        if not is_batch:
            all_boxes, all_probs, all_points = [all_boxes], [all_probs], [all_points]
        boxes, probs, points = _objects(len(images)), _objects(len(images)), _objects(len(images))
        for i, image in enumerate(images):
            probs[i] = np.array([None])
            if all_boxes[i] is None:
                continue
            box = np.asarray(all_boxes[i], np.float32)
            prob = np.asarray(all_probs[i], np.float32)
            if method == "probability":
                ranking = prob
            elif method == "center_weighted_size":
                middle = (box[:, :2] + box[:, 2:]) / 2 - np.array(_size(image), np.float32) / 2
                ranking = _areas(box) - center_weight * (middle**2).sum(axis=1)
            else:
                ranking = _areas(box)
            if method == "largest_over_threshold":
                if not (prob > threshold).any():
                    continue
                ranking = np.where(prob > threshold, ranking, -np.inf)
            best = [int(np.argmax(ranking))]
            boxes[i], probs[i] = box[best], prob[best]
            points[i] = np.asarray(all_points[i], np.float32)[best]
        if is_batch:
            return boxes, probs, points
        return boxes[0], probs[0][0], points[0]

    def extract(self, img: Any, batch_boxes: Any, save_path: Any = None) -> Any:
        """Crops of these boxes (N x 4, or None) of an image, or of each image of a batch, as by calling this."""
        images, is_batch = _images(img)
        if not is_batch:
            batch_boxes = [batch_boxes]
        paths = [None] * len(images) if save_path is None else save_path
        if isinstance(paths, (str, os.PathLike)):
            paths = [paths]
        if len(paths) != len(images):
            raise InvalidArgumentError(f"save_path has {len(paths)} paths for {len(images)} images")
        crops: list[Any] = []
        for image, boxes, path in zip(images, batch_boxes, paths, strict=True):
            if boxes is None:
                crops.append(None)
                continue
            faces = [
                self._crop(image, box, _numbered(path, number))
                for number, box in enumerate(boxes if self.keep_all else boxes[:1], 1)
            ]
            crops.append(self._out(np.stack(faces) if self.keep_all else faces[0]))
        return crops if is_batch else crops[0]

    def _prepare(self) -> Detector:
        """The detector for the attributes as they are now: programs change them."""
        wanted = (self.min_face_size, tuple(self.thresholds), self.factor)
        if self._detector is None or wanted != self._detector_for:
            self._detector = Detector(self._model, min_face=wanted[0], thresholds=wanted[1], factor=wanted[2])
            self._detector_for = wanted
        return self._detector

    def _crop(self, image: Any, box: Any, path: str | None) -> npt.NDArray[np.float32]:
        crop = _cut(image, box, self.image_size, self.margin, path)
        return fixed_image_standardization(crop) if self.post_process else crop

    def _out(self, crops: npt.NDArray[np.float32]) -> Any:
        if self.output == "numpy":
            return crops
        tensor = torch_or_error().from_numpy(crops)
        return tensor if self._device is None else tensor.to(self._device)


def extract_face(
    img: Any,
    box: Any,
    image_size: int = 160,
    margin: float = 0,
    save_path: str | None = None,
    *,
    output: str = "torch",
) -> Any:
    """The crop of one box (x1, y1, x2, y2) of an image: 3 x image_size x image_size float32, 0 to 255."""
    if output not in _OUTPUTS:
        raise InvalidArgumentError(f"output is {output!r}, expected 'torch' or 'numpy'")
    crop = _cut(img, box, image_size, margin, save_path)
    return crop if output == "numpy" else torch_or_error().from_numpy(crop)


def fixed_image_standardization(image_tensor: Any) -> Any:
    """(pixel - 127.5) / 128, of an array or a tensor."""
    return (image_tensor - 127.5) / 128.0


def prewhiten(x: Any) -> Any:
    """(pixel - mean) / standard deviation, of an array or a tensor."""
    is_array = isinstance(x, np.ndarray)
    size = x.size if is_array else x.numel()
    # Torch's deviation is that of a sample.
    deviation = float(x.std(ddof=1) if is_array else x.std())
    return (x - x.mean()) / max(deviation, size**-0.5)


def _images(img: Any) -> tuple[Sequence[Any], bool]:
    """The images, and whether they were given as a batch."""
    if isinstance(img, (list, tuple)):
        return img, True
    if getattr(img, "ndim", 0) == 4:
        return list(img), True
    return [img], False


def _objects(count: int) -> Array:
    return np.full(count, None, dtype=object)


def _areas(boxes: Array) -> Array:
    areas: Array = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas


def _largest_first(boxes: Array) -> Array:
    return np.argsort(_areas(boxes), kind="stable")[::-1]


def _size(image: Any) -> tuple[int, int]:
    """(width, height) in pixels."""
    if is_pil(image):
        return int(image.size[0]), int(image.size[1])
    return int(image.shape[1]), int(image.shape[0])


def _numbered(path: Any, number: int) -> str | None:
    if path is None:
        return None
    stem, ending = os.path.splitext(os.fspath(path))
    return stem + ending if number == 1 else f"{stem}_{number}{ending}"


def _cut(image: Any, box: Any, image_size: int, margin: float, path: str | None) -> npt.NDArray[np.float32]:
    """3 x image_size x image_size, 0 to 255; also written to `path`."""
    width, height = _size(image)
    left, top, right, bottom = (float(value) for value in box)
    # `margin` is in pixels of the crop: as a share of the box.
    share = margin / (image_size - margin) / 2
    dx, dy = share * (right - left), share * (bottom - top)
    edges = (
        int(max(left - dx, 0)),
        int(max(top - dy, 0)),
        int(min(right + dx, width)),
        int(min(bottom + dy, height)),
    )
    if edges[0] >= edges[2] or edges[1] >= edges[3]:
        raise InvalidArgumentError(f"box {tuple(box)} has nothing of an image of {width} x {height} pixels")
    if is_pil(image):
        # By PIL itself, so that crops are the same to the last bit.
        crop = image.crop(edges).resize((image_size, image_size), _PIL_BILINEAR)
        if path is not None:
            _make_folder(path)
            crop.save(path)
        crop = np.asarray(crop if crop.mode == "RGB" else crop.convert("RGB"))
    else:
        crop = _resized(as_bytes(image)[edges[1] : edges[3], edges[0] : edges[2]], image_size, _is_tensor(image))
        if path is not None:
            _save(crop, path)
    return np.ascontiguousarray(crop.transpose(2, 0, 1), np.float32)


def _is_tensor(image: Any) -> bool:
    return not isinstance(image, np.ndarray)


def _resized(image: Array, size: int, pooled: bool) -> npt.NDArray[np.uint8]:
    """size x size x 3, by the rule that the package has for arrays (OpenCV's INTER_AREA) or tensors (pooling)."""
    rows, columns = image.shape[:2]
    if pooled:
        weights, rounding = _pooling, 0.0
    elif min(rows, columns) >= size:
        weights, rounding = _areas_of_pixels, 0.5
    else:
        weights, rounding = _between_pixels, 0.5
    values: Array = image.reshape(rows, columns, -1).astype(np.float32)
    # Rows, then columns: size x columns x channels, then size x channels x size.
    values = np.tensordot(weights(rows, size), values, 1)
    values = np.tensordot(values, weights(columns, size), ((1,), (1,))).transpose(0, 2, 1)
    # Sums of weights are not quite 1, and whole numbers shall stay whole.
    resized = np.clip(values + np.float32(rounding + 1e-3), 0, 255).astype(np.uint8)
    return np.repeat(resized, 3, axis=2) if resized.shape[2] == 1 else resized[:, :, :3]


# Each: the shares that `pixels` pixels along an axis have in `size` pixels, size x pixels.


def _areas_of_pixels(pixels: int, size: int) -> npt.NDArray[np.float32]:
    """By the area that they cover: shrinking with INTER_AREA."""
    edges = np.arange(size + 1)[:, None] * (pixels / size)
    first = np.arange(pixels)[None, :]
    covered = np.clip(np.minimum(edges[1:], first + 1) - np.maximum(edges[:-1], first), 0, None)
    shares: npt.NDArray[np.float32] = (covered * (size / pixels)).astype(np.float32)
    return shares


def _between_pixels(pixels: int, size: int) -> npt.NDArray[np.float32]:
    """INTER_AREA where it enlarges: steps with a ramp between them."""
    inverse = size / pixels
    index = np.arange(size)
    left = np.floor(index * (1 / inverse)).astype(int)
    # Rounded to a float before its whole part is taken off, as there: it matters where a ramp ends.
    share = ((index + 1) - (left + 1) * inverse).astype(np.float32)
    share = np.where(share <= 0, 0, share - np.floor(share))
    weights = np.zeros((size, pixels), np.float32)
    np.add.at(weights, (index, left), 1 - share)
    np.add.at(weights, (index, np.minimum(left + 1, pixels - 1)), share)
    return weights


def _pooling(pixels: int, size: int) -> npt.NDArray[np.float32]:
    """The mean of all pixels that are touched: torch's adaptive pooling."""
    index = np.arange(size)[:, None]
    first, last = index * pixels // size, -((index + 1) * pixels // -size)
    touched = (first <= np.arange(pixels)) & (np.arange(pixels) < last)
    shares: npt.NDArray[np.float32] = (touched / touched.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _make_folder(path: str) -> None:
    if os.path.dirname(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)


def _save(crop: npt.NDArray[np.uint8], path: str) -> None:
    try:
        from PIL import Image
    except ImportError as error:
        raise InvalidArgumentError("save_path needs PIL (pip install pillow)") from error
    _make_folder(path)
    Image.fromarray(crop).save(path)
