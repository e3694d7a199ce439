"""The cascade with one model and one set of options."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal, TypedDict, cast

import numpy as np

from . import _core
from ._arguments import real, whole
from ._errors import InvalidArgumentError
from ._image import as_pixels
from ._model import Model, StrPath
from ._types import Candidates, Faces, Trace, TraceLevel

Progress = bool | Callable[[int, int | None], object] | None


class DetectorOptions(TypedDict):
    """The options of a Detector, as it uses them: with thresholds, threads and instruction set filled in."""

    min_face: float
    max_face: float
    factor: float
    thresholds: tuple[float, float, float]
    nms_level: float
    nms_pyramid: float
    nms_rnet: float
    nms_onet: float
    max_candidates: tuple[int, int, int]
    threads: int
    region: tuple[float, float, float, float] | None
    resize: tuple[int, int] | None
    clip: bool
    mirror_landmarks: bool
    lnet: bool
    largest_only: bool
    instruction_set: str


class Detector:
    """Finds faces: `Detector().detect(image)`. Immutable, and any number of threads may use it at a time.

    A pickled detector carries its model and its options; a forked process may go on with its parent's.
    """

    __slots__ = ("_given", "_model", "_natives")

    def __init__(
        self,
        model: Model | StrPath | None = None,
        *,
        min_face: float = 20,
        max_face: float = 0,
        factor: float = 0.709,
        thresholds: Sequence[float] | None = None,
        nms_level: float = 0.5,
        nms_pyramid: float = 0.7,
        nms_rnet: float = 0.7,
        nms_onet: float = 0.7,
        max_candidates: Sequence[int] = (0, 0, 0),
        threads: int = 1,
        region: Sequence[float] | None = None,
        resize: Sequence[int] | None = None,
        clip: bool = False,
        mirror_landmarks: bool = False,
        lnet: bool = False,
        largest_only: bool = False,
        instruction_set: str = "auto",
    ) -> None:
        """Prepares the cascade.

        model: a Model, the path of a model file, or None for the built-in model.
        min_face: smallest face side searched, in pixels of the image (of the resized one if `resize` is set), 4
            to 2^24. The cost falls with its square.
        max_face: largest face in pixels, the side of a square as large as its box, at least min_face; 0: no limit.
        factor: size of a pyramid level to the one before it, .1 to .99.
        thresholds: least scores of P-, R- and O-Net, 0 to 1; None: the model's own.
        nms_level, nms_pyramid, nms_rnet, nms_onet: overlaps above which the lower score is dropped, 0 to 1:
            intersection over union, for nms_onet over the smaller box.
        max_candidates: most boxes that each stage hands on, best scores first; 0: no cap.
        threads: threads that share one detect() call, to 1024; 0: one per core. Results don't depend on it.
        region: search only there: left, top, right, bottom in pixels of the image.
        resize: (width, height) to which the image (or the region) is resized before the search, 1 to 16384;
            results stay in pixels of the image given.
        clip: cut the boxes at the image's edges; without it they may reach outside.
        mirror_landmarks: average the points with those of the mirrored face (MTCNNv1).
        lnet: refine the points with L-Net (MTCNNv2), which the model must have.
        largest_only: only the face with the largest box.
        instruction_set: "auto", or one of instruction_sets().

        Raises InvalidArgumentError (a ValueError) naming the option and its range; UnsupportedError without a
        built-in model, for an instruction set that the machine lacks, or for `lnet` without L-Net; what
        Model.load() raises.
        """
        if model is None:
            model = Model.builtin()
        elif not isinstance(model, Model):
            model = Model.load(model)
        self._model = model
        self._given: dict[str, Any] = {
            "min_face": real("min_face", min_face),
            "max_face": real("max_face", max_face),
            "factor": real("factor", factor),
            "thresholds": None if thresholds is None else _numbers("thresholds", thresholds, 3, real),
            "nms_level": real("nms_level", nms_level),
            "nms_pyramid": real("nms_pyramid", nms_pyramid),
            "nms_rnet": real("nms_rnet", nms_rnet),
            "nms_onet": real("nms_onet", nms_onet),
            "max_candidates": _numbers("max_candidates", max_candidates, 3, whole),
            "threads": whole("threads", threads),
            "region": None if region is None else _numbers("region", region, 4, real),
            "resize": None if resize is None else _numbers("resize", resize, 2, whole),
            "clip": bool(clip),
            "mirror_landmarks": bool(mirror_landmarks),
            "lnet": bool(lnet),
            "largest_only": bool(largest_only),
            "instruction_set": str(instruction_set),
        }
        # By their number of threads: detect_batch() wants others than detect().
        self._natives: dict[int, _core.Detector] = {}
        self._native()

    @property
    def model(self) -> Model:
        """The weights."""
        return self._model

    @property
    def options(self) -> DetectorOptions:
        """The options in use."""
        thresholds, threads, instruction_set = self._native().resolved()
        options: Any = {
            **self._given,
            "thresholds": thresholds,
            "threads": threads,
            "instruction_set": instruction_set,
        }
        return cast(DetectorOptions, options)

    def detect(self, image: Any, format: str | None = None) -> Faces:
        """Finds the faces of an image, best score first; no face gives an empty result.

        image: an array of height x width or height x width x channels (1 grey, 2 grey and alpha, 3 colours, 4
            colours and alpha; alpha is ignored), a PIL image, or a tensor in main memory. uint8 arrays are not
            copied if the bytes of a row follow one another. Other types: docs/python.md.
        format: the order of an array's colours, "rgb" (as None) or "bgr"; or, exactly, "rgba", "bgra", "grey",
            "grey_alpha". PIL images know their own.

        Raises InvalidArgumentError (a ValueError) for an image of another shape or outside its type's range;
        TypeError for what is no image; LimitError above 2^28 pixels, or if the largest pyramid level would have a
        side above 2^18 (image side * 12 / min_face); OutOfMemoryError.
        """
        return self._detect(self._native(), image, format)

    def detect_batch(
        self,
        images: Iterable[Any],
        threads: int = 0,
        *,
        format: str | None = None,
        progress: Progress = None,
        on_error: Literal["return", "raise"] = "return",
    ) -> list[Faces | Exception]:
        """detect() of many images, of any sizes and kinds, on several threads.

        images: any iterable. It is asked for the next image in this thread and only a few images ahead, so that
            a generator can make, or PIL open, more than memory holds.
        threads: how many, to 1024; 0: one per core. They go to images first; those left over by few images
            share one. Results don't depend on it.
        format: as in detect(), for all images.
        progress: called as progress(done, total) from this thread, total None if the iterable has no length;
            True writes a line to stderr; None or False is silent.
        on_error: "return" puts the exception in the place of an image that failed, and goes on; "raise"
            raises the first.

        Returns a list with one item an image, in their order: Faces, or an exception.
        """
        if on_error not in ("return", "raise"):
            raise InvalidArgumentError(f"on_error is {on_error!r}, expected 'return' or 'raise'")
        expected = "0 (one per core) to 1024"
        threads = whole("threads", threads, expected)
        if not 0 <= threads <= 1024:
            raise InvalidArgumentError(f"threads is {threads}, expected {expected}")
        total = len(images) if isinstance(images, Sized) else None
        workers = threads or _cores()
        each = 1
        if total is not None:
            each = max(1, workers // max(total, 1))
            workers = max(1, min(workers, total))
        native = self._native(each)
        report = _reporter(progress)
        results: list[Faces | Exception] = []

        def run(image: Any) -> Faces | Exception:
            try:
                return self._detect(native, image, format)
            except Exception as error:
                if on_error == "raise":
                    raise
                return error

        def finish(result: Faces | Exception) -> None:
            results.append(result)
            if report:
                report(len(results), total)

        if workers == 1:
            for image in images:
                finish(run(image))
            return results
        with ThreadPoolExecutor(workers, thread_name_prefix="libmtcnn") as pool:
            pending: deque[Future[Faces | Exception]] = deque()
            try:
                for image in images:
                    pending.append(pool.submit(run, image))
                    # Enough ahead that one slow image does not leave the others without work.
                    if len(pending) >= 4 * workers:
                        finish(pending.popleft().result())
                while pending:
                    finish(pending.popleft().result())
            finally:
                for future in pending:  # after an error or Ctrl-C
                    future.cancel()
        return results

    def trace(self, image: Any, format: str | None = None) -> Trace:
        """detect(), and what every stage before it gave, in pixels of the image. Raises what detect() raises."""
        pixels = as_pixels(image, format)
        levels, proposals, pnet, rnet, faces = self._native().trace(pixels.array, pixels.format)
        return Trace(
            levels=tuple(TraceLevel(*level) for level in levels),
            proposals=Candidates(_floats(proposals)),
            pnet=Candidates(_floats(pnet)),
            rnet=Candidates(_floats(rnet)),
            faces=Faces(_floats(faces), pixels.size),
        )

    def __repr__(self) -> str:
        defaults: dict[str, Any] = Detector.__init__.__kwdefaults__ or {}
        changed = [f"{key}={value!r}" for key, value in self._given.items() if value != defaults[key]]
        return f"Detector({', '.join([repr(self._model), *changed])})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._model, self._given)

    def _native(self, threads: int | None = None) -> _core.Detector:
        wanted = self._given["threads"] if threads is None else threads
        native = self._natives.get(wanted)
        if native is None:
            native = _core.Detector(self._model._native, **{**self._given, "threads": wanted})
            self._natives[wanted] = native
        return native

    @staticmethod
    def _detect(native: _core.Detector, image: Any, format: str | None) -> Faces:
        pixels = as_pixels(image, format)
        return Faces(_floats(native.detect(pixels.array, pixels.format)), pixels.size)


def instruction_sets() -> list[str]:
    """Names of the instruction sets that this build and this machine can run, slowest first."""
    return _core.instruction_sets()


def _restore(model: Model, options: dict[str, Any]) -> Detector:
    return Detector(model, **options)


def _floats(data: bytearray) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.frombuffer(data, np.float32)


def _numbers(name: str, values: Any, count: int, kind: Callable[[str, Any], Any]) -> tuple[Any, ...]:
    if not isinstance(values, Iterable):
        raise InvalidArgumentError(f"{name} is {values!r}, expected {count} numbers")
    numbers = tuple(kind(name, value) for value in values)
    if len(numbers) != count:
        raise InvalidArgumentError(f"{name} has {len(numbers)} numbers, expected {count}")
    return numbers


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _reporter(progress: Progress) -> Callable[[int, int | None], object] | None:
    if callable(progress):
        return progress
    if not progress:
        return None

    def write(done: int, total: int | None) -> None:
        end = "\n" if done == total else ""
        with contextlib.suppress(OSError, ValueError, AttributeError):  # no stderr, or a closed one
            sys.stderr.write(f"\r{done}{f'/{total}' if total is not None else ''} images{end}")
            sys.stderr.flush()

    return write
