"""Pictures of videos by PyAV, as video/reader.cc reads them with FFmpeg's libraries for the program.

Lateness alone is another: the program counts it from the source's clock, and skips to key frames where it can't keep
up. Here only the wait in the queue between two threads counts, so that a stream that decodes slower than it is sent
lags more and more.
"""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import re
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._errors import FileError, FormatError, UnsupportedError

# Packets in a row without a single picture after which a stream is given up: its decoder will not find its way back.
_MOST_DAMAGED = 1000
_BROADCASTS = ("rtsp://", "rtsps://", "udp://", "rtp://", "srt://")
# Pictures between the thread that reads a live source and the one that works.
_QUEUE = 6


_open_readers: weakref.WeakSet[Reader] = weakref.WeakSet()


def _keep_open_readers() -> None:
    for reader in list(_open_readers):
        reader.keep()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_open_readers)


class Picture(NamedTuple):
    """As it is stored."""

    number: int  # from 0, with those that are dropped later
    seconds: float  # since the video's start
    frame: Any  # PyAV's


class Reader:
    """open(), then pictures() once, from one thread at a time."""

    def __init__(self, av: Any, name: str, timeout: float, frame_rate: float) -> None:
        self._av, self._name, self._timeout, self._frame_rate = av, name, timeout, frame_rate
        self._container: Any = None
        self._sequence = False
        #: Whether what is not taken in time is gone.
        self.live = False
        #: Places that could not be decoded so far.
        self.damaged = 0

    def open(self) -> None:
        av, name = self._av, self._name
        camera = name.startswith("/dev/video")
        address = "://" in name
        exists = os.path.exists(name)
        # A file of that very name goes first.
        self._sequence = not (camera or address or exists) and any(sign in name for sign in "*?%")
        kind, options = None, {}
        if camera:
            kind = "video4linux2"
        elif self._sequence:
            kind = "image2"
            if "%" not in name:
                if not glob.glob(name):
                    raise FileError(f"{name}: no file has such a name")
                options["pattern_type"] = "glob"
        elif address:
            # TCP first: lost packets are torn frames.
            if name.startswith(("rtsp://", "rtsps://")):
                options["rtsp_flags"] = "prefer_tcp"
        elif not exists:
            raise FileError(f"{name}: there is no such file")
        if kind and self._frame_rate > 0:
            options["framerate"] = str(self._frame_rate)
        # Names with a colon are files, too ("12:30.mp4"), unless they are addresses.
        url = name if kind or address else f"file:{name}"
        begun = time.monotonic()
        try:
            container = av.open(url, format=kind, container_options=options, timeout=self._timeout)
        except (av.error.FFmpegError, OSError) as error:
            # Some protocols say that they were interrupted, some that what they got makes no sense: the clock knows.
            if time.monotonic() - begun >= self._timeout:
                raise FileError(
                    f"{name}: can't be opened as a video: no data for {self._timeout:g} seconds"
                ) from error
            if isinstance(error, av.error.InvalidDataError):
                raise FormatError(f"{name}: is no video that FFmpeg knows: {error}") from error
            raise FileError(f"{name}: can't be opened as a video: {error}") from error
        self._container = container
        # A file, which waits on its server, has a size; so do the pieces that a playlist names. One that is not known
        # is below 0, and None from PyAV 19 on.
        has_size = (container.size or 0) > 0 or container.format.name.startswith(("hls", "dash"))
        endless = container.duration is None and not has_size
        self.live = camera or name.startswith(_BROADCASTS) or (address and endless)
        self._stream = container.streams.best("video")
        if self._stream is None:
            raise FormatError(f"{name}: holds no video")
        if self._stream.codec_context is None:
            raise UnsupportedError(f"{name}: there is no decoder for its kind of video")
        # Frames that threads hold are lost when one can't be decoded.
        self._stream.thread_type = "SLICE"
        self._unit: float = float(self._stream.time_base)
        # Of a stream without times (raw H.264) the average is FFmpeg's default, not the stream's.
        self._rate = float(self._stream.guessed_rate or self._stream.average_rate or 0)
        # Seconds are counted from the beginning of whatever stream begins first.
        self._start: int = round((container.start_time or 0) / av.time_base / self._unit)
        self._last: int | None = None
        self._jumped = 0
        # Not every Python has it, and a forked process should not import.
        self._ctypes: Any = None
        with contextlib.suppress(ImportError):
            import ctypes

            self._ctypes = ctypes
        _open_readers.add(self)

    def close(self) -> None:
        if self._container is not None:
            self._container.close()

    def keep(self) -> None:
        """In a forked process: the decoder is never freed. That would wait for threads that are the parent's."""
        if self._container is not None and self._ctypes is not None:
            for one in (self._container, self._container.streams, self._stream, self._stream.codec_context):
                self._ctypes.pythonapi.Py_IncRef(self._ctypes.py_object(one))

    def pictures(self) -> Iterator[Picture]:
        """Those that can be decoded; if the source breaks off, an exception after those that came before that."""
        av, name, stream = self._av, self._name, self._stream
        packets = self._container.demux()
        length = 0.0
        if stream.duration and stream.duration > 0:
            length = stream.duration * self._unit
        elif self._container.duration and self._container.duration > 0:
            length = self._container.duration / av.time_base
        reached = 0.0  # in seconds, of any stream: sound may go on after the last picture
        number = damaged_in_a_row = 0
        broken: str | None = None
        while True:
            begun = time.monotonic()
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, OSError) as error:
                silent = time.monotonic() - begun >= self._timeout
                packet, broken = None, f"no data for {self._timeout:g} seconds" if silent else str(error)
            if packet is None and broken is None:
                break
            if packet is not None:
                if packet.pts is not None:
                    end = float((packet.pts + (packet.duration or 0)) * packet.stream.time_base)
                    reached = max(reached, end - self._start * self._unit)
                if packet.stream.index != stream.index:
                    continue
            try:
                # None: what the decoder still holds.
                frames = stream.decode(packet)
            except av.error.FFmpegError as error:
                frames = []
                self.damaged += 1
                damaged_in_a_row += 1
                if damaged_in_a_row > _MOST_DAMAGED:
                    raise FormatError(f"{name}: its video is damaged from here on") from error
            for frame in frames:
                damaged_in_a_row = 0
                # Shown with errors papered over: as good as it gets.
                if frame.is_corrupt:
                    self.damaged += 1
                yield Picture(number, self._seconds(frame.pts), frame)
                number += 1
            if packet is None:
                break
        broken = self._missing_number() or broken
        if broken:
            raise FileError(f"{name}: breaks off: {broken}")
        if self.live:
            return
        if length - reached > max(0.5, 0.02 * length):
            raise FileError(f"{name}: ends after {reached:.1f} of {length:.1f} seconds")
        if number == 0:
            raise FormatError(f"{name}: holds no frame that can be read")

    def _seconds(self, pts: int | None) -> float:
        """The time of a picture, which rises. One without a time comes a picture's length after the last."""
        last = self._last
        length = max(1, round(1 / (self._rate * self._unit))) if self._rate > 0 else 1
        if pts is None:
            pts = self._start if last is None else last + length
        else:
            pts += self._jumped
        if last is not None:
            # A stream that begins anew (a loop, another sender) goes on where it was; other disorder is small.
            if (last - pts) * self._unit > 1:
                self._jumped += last + length - pts
                pts = last + length
            pts = max(pts, last + 1)
        self._last = pts
        return (pts - self._start) * self._unit

    def _missing_number(self) -> str | None:
        """FFmpeg ends a sequence at the first number that is missing, often without a word."""
        before, _, rest = self._name.partition("%")
        _, d, after = rest.partition("d")
        if not self._sequence or not d:
            return None
        folder = os.path.dirname(before + "0")
        pattern = re.compile(f"{re.escape(before)}([0-9]+){re.escape(after)}")
        files = {}
        with contextlib.suppress(OSError):
            for file in os.listdir(folder or "."):
                if found := pattern.fullmatch(os.path.join(folder, file)):
                    files[int(found[1])] = found[0]
        numbers = sorted(files)
        for one, next_one in itertools.pairwise(numbers):
            if next_one != one + 1:
                return f"there is no number {one + 1}, but {files[next_one]} follows"
        return None


def upright(frame: Any) -> npt.NDArray[np.uint8]:
    """Its pixels, height x width x 3, RGB, as the file says that they are to be shown."""
    from av.video.reformatter import VideoReformatter

    # frame.to_ndarray(format=...) would leave a reformatter with the frame, whose threads a forked process waits for
    # in vain when it drops the frame.
    reformatter: Any = VideoReformatter()
    image = reformatter.reformat(frame, format="rgb24").to_ndarray()
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return image  # type: ignore[no-any-return]
    # A stored pixel at (x, y) is shown at (a x + c y, b x + d y), from the left and from the top.
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].astype(int)
    if abs(b) + abs(c) > abs(a) + abs(d):
        image, a, d = image.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(image[:: 1 if d >= 0 else -1, :: 1 if a >= 0 else -1])


class Newest:
    """From the thread that reads a live source to the one that works: pictures that wait too long make place.

    No picture dies while the lock is held: PyAV lets go of Python's lock for that, and others would wait.
    """

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._process = os.getpid()
        self._waiting: deque[tuple[Picture, float]] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._error: BaseException | None = None
        #: Whether nobody takes any more.
        self.closed = False
        #: How many made place so far.
        self.dropped = 0

    def fill(self, reader: Reader) -> None:
        """Reads to the end, or until nobody takes any more; the reader is closed then."""
        error: BaseException | None = None
        try:
            for picture in reader.pictures():
                if not self._put(picture):
                    break
        except BaseException as raised:
            error = raised  # for the thread that takes
        finally:
            reader.close()
        with self._changed:
            self._ended = True
            if not self.closed:
                self._error = error
            self._changed.notify()

    def _put(self, picture: Picture) -> bool:
        late = []
        with self._changed:
            if self._ended:
                return False
            now = time.monotonic()
            while self._waiting and (len(self._waiting) >= _QUEUE or now - self._waiting[0][1] > self._latency):
                late.append(self._waiting.popleft())
                self.dropped += 1
            self._waiting.append((picture, now))
            self._changed.notify()
        return True

    def pictures(self) -> Iterator[Picture]:
        """Those that are not late. UnsupportedError in a forked process: the thread that reads is the parent's."""
        while True:
            self.check_process()
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                if not self._waiting:
                    break
                picture, _ = self._waiting.popleft()
            yield picture
            del picture
        if self._error is not None:
            raise self._error

    def check_process(self) -> None:
        if os.getpid() != self._process:
            raise UnsupportedError("a video can't be read on in a forked process: open it there")

    def close(self) -> None:
        """Nobody takes any more: whoever waits for a picture is told."""
        # A thread that is no more, as the parent's or at the interpreter's end, may have taken the lock along.
        if os.getpid() != self._process or sys.is_finalizing():
            return
        with self._changed:
            self.closed = self._ended = True
            self._error = None
            waiting, self._waiting = self._waiting, deque()
            self._changed.notify()
        del waiting  # and only here
