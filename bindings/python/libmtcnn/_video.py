"""Faces of videos, each with an id that stays."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._arguments import real, whole
from ._detector import Detector
from ._errors import InvalidArgumentError
from ._image import as_pixels
from ._model import StrPath
from ._reader import Newest, Reader, upright
from ._types import Faces, TrackedFaces


class Tracker:
    """Follows the faces of one video, frame by frame: `Tracker(detector).update(image)`.

    A full search comes every few frames, and when a steady face is lost; in between only the places are looked at
    where faces should be. One that three full searches in a row and `keep_lost` frames lack is let go. One video
    each; calls from several threads wait for one another. Can't be pickled, nor be used in a forked process.
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
            detect_every=whole("detect_every", detect_every),
            min_overlap=real("min_overlap", min_overlap),
            keep_lost=whole("keep_lost", keep_lost),
            smoothing=real("smoothing", smoothing),
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


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """A frame of a video and its faces."""

    number: int  # from 0; frames of a live source that were dropped count
    time: float  # seconds since the video's start
    image: npt.NDArray[np.uint8]  # height x width x 3, RGB, upright
    faces: TrackedFaces


class Video(Iterator[VideoFrame]):
    """A video's frames, one after the other, and what was lost of them: video() makes it. Can't be used in a forked
    process."""

    __slots__ = ("_frames", "_newest", "_reader")

    def __init__(self, reader: Reader, newest: Newest, tracker: Tracker) -> None:
        """Not to be called: see video()."""
        self._reader, self._newest = reader, newest
        self._frames = _frames(reader, newest, tracker)

    def __next__(self) -> VideoFrame:
        self._newest.check_process()
        frame = next(self._frames)
        if self._newest.closed:  # meanwhile, from another thread
            self.close()
        return frame

    @property
    def damaged(self) -> int:
        """Places that could not be decoded so far."""
        return self._reader.damaged

    @property
    def dropped(self) -> int:
        """Frames of a live source that came faster than they were asked for so far."""
        return self._newest.dropped

    def close(self) -> None:
        """Closes the source before its end. From another thread, too: next() ends there as soon as it can."""
        self._newest.close()
        # While another thread is within next(), it is that thread that closes.
        with contextlib.suppress(ValueError):
            self._frames.close()


def video(
    source: StrPath,
    detector: Detector | None = None,
    *,
    detect_every: int = 10,
    min_overlap: float = 0.3,
    keep_lost: int = 15,
    smoothing: float = 0,
    frame_rate: float = 0,
    timeout: float = 10,
    latency: float = 0.5,
) -> Video:
    """The frames of a video with their faces: `for frame in video("clip.mp4"): frame.faces`.

    source: a file, an image sequence ("frames/%04d.png", "frames/*.jpg"), a camera ("/dev/video0") or an address
        ("rtsp://...", "http://..."), read by PyAV (`pip install libmtcnn[video]`).
    frame_rate: frames a second of an image sequence (0: 25), or asked of a camera, to 1000.
    timeout: seconds without data after which a source counts as dead.
    latency: of a camera or a broadcast: frames that waited for more seconds since they were decoded are dropped, and
        counted in `.dropped`. One that decodes slower than it is sent lags nevertheless.
    The other arguments are Tracker's.

    Frames are turned upright, and mirrored, as the file says. What can't be decoded is passed over, and counted in
    `.damaged`. Raises ImportError without PyAV; FileError (an OSError) for a source that can't be opened, breaks off,
    is a sequence with a gap, or is shorter than it says, after the frames before that; FormatError for one that holds
    no video, or a thousand packets in a row that can't be decoded; UnsupportedError for a kind of video that PyAV
    can't decode; what Tracker raises.
    """
    tracker = Tracker(
        detector, detect_every=detect_every, min_overlap=min_overlap, keep_lost=keep_lost, smoothing=smoothing
    )
    frame_rate, timeout, latency = real("frame_rate", frame_rate), real("timeout", timeout), real("latency", latency)
    if not 0 <= frame_rate <= 1000:
        raise InvalidArgumentError(f"frame_rate is {frame_rate!r}, expected 0 to 1000 frames a second")
    for name, seconds in (("timeout", timeout), ("latency", latency)):
        if not seconds > 0:
            raise InvalidArgumentError(f"{name} is {seconds!r}, expected more than 0 seconds")
    try:
        import av
    except ImportError as error:
        raise ImportError("videos are read by PyAV, which is not installed: pip install libmtcnn[video]") from error
    return Video(Reader(av, os.fsdecode(source), timeout, frame_rate), Newest(latency), tracker)


def _frames(reader: Reader, newest: Newest, tracker: Tracker) -> Generator[VideoFrame, None, None]:
    queue: Reader | Newest = reader
    try:
        reader.open()
        if reader.live:
            # A thread of its own takes what comes, whatever the tracker and the caller do meanwhile.
            queue = newest
            threading.Thread(target=newest.fill, args=(reader,), name="libmtcnn-video", daemon=True).start()
        for picture in queue.pictures():
            image = upright(picture.frame)
            yield VideoFrame(picture.number, picture.seconds, image, tracker.update(image))
    finally:
        queue.close()
