"""The package's class."""

from __future__ import annotations

import numbers
import os
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ..._detector import Detector
from ..._errors import InvalidArgumentError
from ..._model import Model, StrPath
from .._pixels import as_bytes
from . import stages as _stages
from .exceptions import InvalidImage
from .utils.images import load_image

# How many of them run.
_STAGES = {"face_detection_only": 2, "face_and_landmarks_detection": 3}
_BOX_FORMATS = ("xywh", "xyxy")
_OUTPUT_TYPES = ("json", "numpy")
_JUSTIFICATIONS = (
    "center", "top", "topleft", "topright", "bottom", "bottomleft", "bottomright", "left", "right",
)  # fmt: skip
_THRESHOLDS = {"threshold_pnet": 0.6, "threshold_rnet": 0.7, "threshold_onet": 0.8}

# image id, x1, y1, x2, y2, score, five x, five y.
_COLUMNS = 16
_COLUMNS_WITHOUT_POINTS = 6

FloatArray = npt.NDArray[np.float64]


class MTCNN:
    """The `mtcnn` package's class over this package's detector.

    stages: "face_and_landmarks_detection"; "face_detection_only", which ends after R-Net as the package does; or a
        list of the first one, two or three of StagePNet, StageRNet and StageONet (libmtcnn.compat.mtcnn.stages).
    device: kept, and without effect: this detector runs on the processor.
    weights_file, min_face_size, steps_threshold, scale_factor: version 0.1.1's arguments, by name or, in this order,
        by place. If any of them is given, detect_faces() answers as that version does (whole pixels cut off instead
        of rounded, points as tuples, boxes not cut at the right and bottom edges), with its thresholds (.6, .7, .7).
    model: our own: a Model or the path of one; None for the built-in one. weights_file may be either, too.
    """

    def __init__(
        self,
        stages: str | Sequence[Any] | StrPath | Model | None = "face_and_landmarks_detection",
        device: str | float = "CPU:0",
        steps_threshold: Sequence[float] | None = None,
        scale_factor: float | None = None,
        *,
        weights_file: StrPath | Model | None = None,
        min_face_size: float | None = None,
        model: Model | StrPath | None = None,
    ) -> None:
        given = (weights_file, min_face_size, steps_threshold, scale_factor)
        self._as_old = any(value is not None for value in given)
        # The first two places are other arguments in version 0.1.1.
        if stages is None:
            self._as_old, stages = True, "face_and_landmarks_detection"
        elif isinstance(stages, Model) or (
            isinstance(stages, (str, os.PathLike)) and stages not in _STAGES and os.path.exists(stages)
        ):
            self._as_old, weights_file, stages = True, stages, "face_and_landmarks_detection"
        if isinstance(device, numbers.Real):  # NumPy's, too
            self._as_old = True
            min_face_size, device = device, "CPU:0"
        self._stages = _checked(stages)
        self._device = cast(str, device)
        source: Any = model if model is not None else weights_file
        if source is None:
            source = Model.builtin()
        elif not isinstance(source, Model):
            # Our own file, or the nets of another package.
            source = Model.convert(source)
        self._model = source
        self._min_face_size = 20 if min_face_size is None else min_face_size
        self._scale_factor = 0.709 if scale_factor is None else scale_factor
        self._thresholds = [0.6, 0.7, 0.7] if steps_threshold is None else list(steps_threshold)
        self._detectors: dict[tuple[Any, ...], Detector] = {}

    @property
    def device(self) -> str:
        """As given."""
        return self._device

    @property
    def stages(self) -> list[_stages.Stage]:
        """Those that run. Changing the list changes nothing."""
        return list(self._stages)

    def get_stage(self, stage_id: Any = None, stage_name: str | None = None) -> _stages.Stage | None:
        """The first with this id or this name; None if there is none."""
        for stage in self._stages:
            if stage.id == stage_id or stage.name == stage_name:
                return stage
        return None

    # Version 0.1.1 has these.
    @property
    def min_face_size(self) -> float:
        """Smallest face side searched, in pixels, unless detect_faces() is told otherwise."""
        return self._min_face_size

    @min_face_size.setter
    def min_face_size(self, value: float) -> None:
        self._min_face_size = value

    def detect_faces(
        self,
        image: Any,
        fit_to_image: bool = True,
        limit_boundaries_landmarks: bool = False,
        box_format: str = "xywh",
        output_type: str = "json",
        postprocess: bool = True,
        batch_stack_justification: str = "center",
        **kwargs: Any,
    ) -> Any:
        """Finds the faces of an image, or of each image of a list.

        image: an array, a PIL image or a tensor of height x width x 3, RGB, with values of 0 to 255 whatever their
            type; or, if PIL is installed, a path or the bytes of an image file. EXIF data are not looked at.
        fit_to_image: cut the boxes at the image's edges (its last pixels, as the package does).
        limit_boundaries_landmarks: and move the points inside.
        box_format: "xywh" for [x, y, width, height] or "xyxy" for [x1, y1, x2, y2].
        output_type: "json", or "numpy" for rows of image number, four of the box, score, five x, five y.
        postprocess: False leaves out what the two before it do.
        batch_stack_justification: without effect: no image of a list is padded to the size of another.
        min_face_size, scale_factor, threshold_pnet, threshold_rnet, threshold_onet, nms_pnet1, nms_pnet2,
            nms_rnet, nms_onet: as in the package, with its defaults. Others are ignored, as there, min_size too.

        Returns a list of dictionaries with "box" (four ints), "confidence" and "keypoints" ("left_eye",
        "right_eye", "nose", "mouth_left", "mouth_right", each two ints); a list of such lists for a list of
        images; an array of N x 16 (N x 6 without O-Net) floats for "numpy". No face gives an empty list or
        array. Raises InvalidArgumentError (a ValueError) or TypeError for what is no image.
        """
        if box_format not in _BOX_FORMATS:
            raise InvalidArgumentError(f"box_format is {box_format!r}, expected 'xywh' or 'xyxy'")
        if output_type not in _OUTPUT_TYPES:
            raise InvalidArgumentError(f"output_type is {output_type!r}, expected 'json' or 'numpy'")
        if batch_stack_justification not in _JUSTIFICATIONS:
            raise InvalidArgumentError(f"batch_stack_justification is {batch_stack_justification!r}")
        if self._as_old:
            if image is None or not hasattr(image, "shape"):
                raise InvalidImage("Image not valid.")
            rows, _ = self._rows(image, 0, kwargs)
            return [_old_face(row) for row in rows]
        is_batch = isinstance(image, list)
        all_rows = []
        for number, one in enumerate(image if is_batch else [image]):
            rows, size = self._rows(one, number, kwargs)
            if postprocess and fit_to_image:
                _limit(rows, size, limit_boundaries_landmarks)
            all_rows.append(rows)
        if output_type == "numpy":
            result = np.concatenate(all_rows) if all_rows else np.empty((0, _COLUMNS))
            if box_format == "xywh":
                result[:, 3:5] -= result[:, 1:3]
            return result
        faces = [[_face(row, box_format == "xywh") for row in rows] for rows in all_rows]
        return faces if is_batch else faces[0]

    def predict(
        self,
        image: Any,
        fit_to_image: bool = True,
        limit_boundaries_landmarks: bool = False,
        box_format: str = "xywh",
        output_type: str = "json",
        postprocess: bool = True,
        **kwargs: Any,
    ) -> Any:
        """detect_faces()."""
        return self.detect_faces(
            image, fit_to_image, limit_boundaries_landmarks, box_format, output_type, postprocess, **kwargs
        )

    def _detector(self, options: dict[str, Any]) -> Detector:
        if self._as_old:
            defaults = dict(zip(_THRESHOLDS, self._thresholds, strict=True))
        else:
            defaults = _THRESHOLDS
        key = (
            options.get("min_face_size", self._min_face_size),
            options.get("scale_factor", self._scale_factor),
            *(options.get(name, value) for name, value in defaults.items()),
            options.get("nms_pnet1", 0.5),
            options.get("nms_pnet2", 0.7),
            options.get("nms_rnet", 0.7),
            options.get("nms_onet", 0.7),
        )
        detector = self._detectors.get(key)
        if detector is None:
            detector = Detector(
                self._model,
                min_face=key[0],
                factor=key[1],
                thresholds=key[2:5],
                nms_level=key[5],
                nms_pyramid=key[6],
                nms_rnet=key[7],
                nms_onet=key[8],
            )
            self._detectors[key] = detector
        return detector

    def _rows(self, image: Any, number: int, options: dict[str, Any]) -> tuple[FloatArray, tuple[int, int]]:
        """The faces as rows like the package's, and the image's (width, height)."""
        detector = self._detector(options)
        image = as_bytes(load_image(image, np.uint8))
        if len(self._stages) == 3:
            faces = detector.detect(image)
            rows = np.empty((len(faces), _COLUMNS))
            rows[:, 6:11] = faces.landmarks[:, :, 0]
            rows[:, 11:16] = faces.landmarks[:, :, 1]
            boxes, scores, size = faces.boxes, faces.scores, faces.image_size
        else:
            trace = detector.trace(image)
            found = trace.rnet if len(self._stages) == 2 else trace.pnet
            rows = np.empty((len(found), _COLUMNS_WITHOUT_POINTS))
            boxes, scores, size = found.boxes, found.scores, trace.faces.image_size
        rows[:, 0] = number
        rows[:, 1:5] = boxes
        # The package counts the first pixel as 1 on the left and above: see docs/python.md.
        rows[:, 1:3] += 1
        rows[:, 5] = scores
        return rows, size


def _checked(stages: Any) -> list[_stages.Stage]:
    if isinstance(stages, (list, tuple)):
        kinds = [stage if isinstance(stage, type) else type(stage) for stage in stages]
        if stages and kinds == list(_stages.ALL[: len(kinds)]):
            return [stage() if isinstance(stage, type) else stage for stage in stages]
    elif isinstance(stages, str) and stages in _STAGES:
        return [stage() for stage in _stages.ALL[: _STAGES[stages]]]
    raise InvalidArgumentError(
        f"stages is {stages!r}, expected {' or '.join(_STAGES)}, the first of StagePNet, StageRNet and StageONet of "
        "libmtcnn.compat.mtcnn.stages, or version 0.1.1's weights: a file or a Model"
    )


def _limit(rows: FloatArray, size: tuple[int, int], points: bool) -> None:
    for columns, last in (([1, 3], size[0] - 1), ([2, 4], size[1] - 1)):
        rows[:, columns] = np.clip(rows[:, columns], 0, last)
    if points and rows.shape[1] == _COLUMNS:
        rows[:, 6:11] = np.clip(rows[:, 6:11], 0, size[0] - 1)
        rows[:, 11:16] = np.clip(rows[:, 11:16], 0, size[1] - 1)


def _face(row: FloatArray, as_width_height: bool) -> dict[str, Any]:
    box = row[1:5].copy()
    if as_width_height:
        box[2:] -= box[:2]
    face: dict[str, Any] = {"box": np.rint(box).astype(int).tolist(), "confidence": float(row[5])}
    if len(row) == _COLUMNS:
        whole = np.rint(row[6:]).astype(int).tolist()
        points = [[whole[i], whole[i + 5]] for i in range(5)]
        face["keypoints"] = {
            "nose": points[2],
            "mouth_right": points[4],
            "right_eye": points[1],
            "left_eye": points[0],
            "mouth_left": points[3],
        }
    return face


def _old_face(row: FloatArray) -> dict[str, Any]:
    x, y = max(0, int(row[1])), max(0, int(row[2]))
    face: dict[str, Any] = {"box": [x, y, int(row[3] - x), int(row[4] - y)], "confidence": float(row[5])}
    if len(row) == _COLUMNS:
        points = [(int(row[6 + i]), int(row[11 + i])) for i in range(5)]
        names = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
        face["keypoints"] = dict(zip(names, points, strict=True))
    return face
