"""Faces of videos, each with an id that stays."""

from __future__ import annotations

import os
import time as clock
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._detector import Detector
from ._errors import FileError, FormatError, InvalidArgumentError
from ._image import as_pixels
from ._model import StrPath
from ._types import Faces, TrackedFaces


class Tracker:
    """Follows the faces of one video, frame by frame: `Tracker(detector).update(image)`.

    A full search comes every few frames, and when a steady face is lost; in between only the places are looked at
    where faces should be. One video each; calls from several threads wait for one another. Can't be pickled, nor be
    used in a forked process.
    """

    __slots__ = ("_native", "detector")

    def __init__(
        self,
        detector: Detector | None = None,
        *,
        detect_every: int = 10,
        min_overlap: float = 0.3,
        keep_lost: int = 15,
        smoothing: float = 0,
    ) -> None:
        """Begins with no faces.

        detector: finds them; None: Detector().
        detect_every: frames from one full search to the next, 1 (every frame) to 10000.
        min_overlap: a detection is a track's face if it overlaps the predicted box by this (intersection over union).
        keep_lost: frames, to 10000, for which a face that is not seen keeps its id.
        smoothing: how much boxes and points are calmed, 0 to 1.

        Raises InvalidArgumentError (a ValueError) naming the option and its range, or for a detector with
        largest_only; what Detector() raises.
        """
        #: What finds the faces.
        self.detector: Detector = detector or Detector()
        self._native = _core.Tracker(
            self.detector._native(),
            detect_every=int(detect_every),
            min_overlap=float(min_overlap),
            keep_lost=int(keep_lost),
            smoothing=float(smoothing),
        )

    def update(self, image: Any, format: str | None = None) -> TrackedFaces:
        """The faces of the next frame, oldest id first; a frame of another size than the last begins anew.

        image, format: as in Detector.detect(). Raises what that raises, and the tracks stay as they were.
        """
        pixels = as_pixels(image, format)
        faces, about = self._native.update(pixels.array, pixels.format)
        return TrackedFaces(Faces(np.frombuffer(faces, np.float32), pixels.size), about)

    def reset(self) -> None:
        """Forgets all faces, as at a cut."""
        self._native.reset()

    @property
    def frames(self) -> int:
        """How many frames there have been."""
        return self._native.counts()[0]

    @property
    def full_detections(self) -> int:
        """How many of them were searched in full."""
        return self._native.counts()[1]


@dataclass(frozen=True)
class VideoFrame:
    """A frame of a video and its faces."""

    number: int  # from 0
    time: float  # seconds since the video's start
    image: npt.NDArray[np.uint8]  # height x width x 3, RGB, upright
    faces: TrackedFaces


def video(
    source: StrPath,
    detector: Detector | None = None,
    *,
    detect_every: int = 10,
    min_overlap: float = 0.3,
    keep_lost: int = 15,
    smoothing: float = 0,
    timeout: float = 10,
) -> Iterator[VideoFrame]:
    """The frames of a video with their faces: `for frame in video("clip.mp4"): frame.faces`.

    source: a file, a camera or an address; what FFmpeg opens, by PyAV (`pip install libmtcnn[video]`).
    timeout: seconds without data after which a source counts as dead.
    The other arguments are Tracker's.

    Frames are turned upright as the file says. What can't be decoded is passed over. Raises ImportError without
    PyAV; FileError (an OSError) for a source that can't be opened, breaks off, or is shorter than it says, after the
    frames before that; FormatError for one that holds no video; what Tracker raises.
    """
    tracker = Tracker(
        detector, detect_every=detect_every, min_overlap=min_overlap, keep_lost=keep_lost, smoothing=smoothing
    )
    if not timeout > 0:
        raise InvalidArgumentError(f"timeout is {timeout!r}, expected more than 0 seconds")
    try:
        import av
    except ImportError as error:
        raise ImportError("videos are read by PyAV, which is not installed: pip install libmtcnn[video]") from error
    return _frames(av, os.fsdecode(source), tracker, float(timeout))


def _frames(av: Any, name: str, tracker: Tracker, timeout: float) -> Iterator[VideoFrame]:
    # A file's name may look like an address ("12:30.mp4").
    url = f"file:{name}" if os.path.isfile(name) else name
    begun = clock.monotonic()
    try:
        container = av.open(url, timeout=timeout)
    except (av.error.FFmpegError, OSError) as error:
        # Some protocols say that they were interrupted, some that what they got makes no sense: the clock knows.
        if clock.monotonic() - begun >= timeout:
            raise FileError(f"{name}: can't be opened as a video: no data for {timeout:g} seconds") from error
        if isinstance(error, av.error.InvalidDataError):
            raise FormatError(f"{name}: is no video that FFmpeg knows: {error}") from error
        raise FileError(f"{name}: can't be opened as a video: {error}") from error
    with container:
        stream = container.streams.best("video")
        if stream is None:
            raise FormatError(f"{name}: holds no video")
        # Frames that threads hold are lost when one can't be decoded.
        stream.thread_type = "SLICE"
        rate = float(stream.average_rate or 25)
        # As of the program: seconds since the beginning of whatever stream begins first.
        start = 0.0 if container.start_time is None else container.start_time / av.time_base
        time = -1 / rate
        for number, decoded in enumerate(_decoded(av, name, container, stream, timeout)):
            # A frame without a time comes when its turn is.
            time = decoded.time - start if decoded.time is not None else time + 1 / rate
            image = decoded.to_ndarray(format="rgb24")
            # Against the clock, in degrees.
            turns = round(decoded.rotation / 90) % 4
            if turns:
                image = np.ascontiguousarray(np.rot90(image, turns))
            yield VideoFrame(number, time, image, tracker.update(image))


def _decoded(av: Any, name: str, container: Any, stream: Any, timeout: float) -> Iterator[Any]:
    """Frames as they are stored; if the source breaks off, those that came whole before that."""
    packets = container.demux(stream)
    unit = float(stream.time_base)
    if stream.duration is not None:
        length = float(stream.duration * stream.time_base)
    else:
        length = (container.duration or 0) / av.time_base
    first = stream.start_time or 0
    seconds = 0.0  # read so far
    broken: str | None = None
    while True:
        begun = clock.monotonic()
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError) as error:
            silent = clock.monotonic() - begun >= timeout
            packet, broken = None, f"no data for {timeout:g} seconds" if silent else str(error)
        if packet is not None and packet.pts is not None:
            seconds = max(seconds, (packet.pts + (packet.duration or 0) - first) * unit)
        try:
            # None: what the decoder still holds.
            decoded = packet.decode() if packet is not None else stream.decode(None) if broken else []
        except av.error.FFmpegError:
            decoded = []
        yield from decoded
        if broken:
            raise FileError(f"{name}: breaks off: {broken}")
        if packet is None:
            if length - seconds > max(0.5, 0.02 * length):
                raise FileError(f"{name}: ends after {seconds:.1f} of {length:.1f} seconds")
            return
