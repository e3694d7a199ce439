"""Tracking, and videos read by PyAV."""

import contextlib
import io
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time
import types
from fractions import Fraction

import libmtcnn
import libmtcnn._reader
import numpy as np
import pytest
from PIL import Image


def pan(photo, frame):
    """A window of the photograph that moves by two pixels a frame."""
    return photo[10 + frame : 410 + frame, 2 * frame : 2 * frame + 400]


def test_a_face_keeps_its_id(detector, photo):
    tracker = libmtcnn.Tracker(detector)
    for number in range(30):
        frame = pan(photo, number)
        faces = tracker.update(frame)
        assert isinstance(faces, libmtcnn.TrackedFaces)
        assert faces.ids.tolist() == [1]
        assert faces[0].frames == number + 1
        expected = detector.detect(frame)
        assert np.abs(faces.boxes - expected.boxes).max() < 8
        assert np.abs(faces.landmarks - expected.landmarks).max() < 6
    assert tracker.frames == 30
    assert 3 <= tracker.full_detections <= 6
    tracker.reset()
    assert tracker.update(pan(photo, 0)).ids.tolist() == [2]


def test_results(detector, photo):
    faces = libmtcnn.Tracker(detector).update(photo)
    face = faces[0]
    assert face == faces[-1] == next(iter(faces))
    assert (face.id, face.frames, face.detected) == (1, 1, True)
    assert face.box == detector.detect(photo)[0].box
    assert len(faces[:1]) == 1
    assert len(faces[1:]) == 0
    assert faces.image_size == (512, 512)
    assert pickle.loads(pickle.dumps(faces)) == faces != faces[:0]
    assert "TrackedFace" in repr(faces)
    assert libmtcnn.align(photo, face).image.shape == (112, 112, 3)
    with pytest.raises(IndexError):
        faces[1]


def test_no_face(detector):
    faces = libmtcnn.Tracker(detector).update(np.zeros((60, 80), np.uint8))
    assert len(faces) == 0
    assert faces.boxes.shape == (0, 4)
    assert faces.ids.shape == (0,)


@pytest.mark.parametrize(
    "options",
    [
        {"detect_every": 0},
        {"min_overlap": 2},
        {"keep_lost": -1},
        {"smoothing": float("nan")},
        {"detect_every": 2**40},
        {"detect_every": 1.5},
        {"keep_lost": None},
        {"min_overlap": "much"},
    ],
)
def test_options_are_checked(detector, options):
    with pytest.raises(libmtcnn.InvalidArgumentError, match=next(iter(options))):
        libmtcnn.Tracker(detector, **options)


def test_a_bad_frame_changes_nothing(detector, photo):
    tracker = libmtcnn.Tracker(detector)
    tracker.update(photo)
    with pytest.raises(ValueError):
        tracker.update(np.zeros((3, 3, 7), np.uint8))
    assert tracker.update(photo).ids.tolist() == [1]


def test_threads_wait_for_one_another(detector, photo):
    tracker = libmtcnn.Tracker(detector)
    threads = [threading.Thread(target=lambda: [tracker.update(photo) for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tracker.frames == 20
    assert tracker.update(photo).ids.tolist() == [1]


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_forked_process_is_told(detector, photo):
    tracker = libmtcnn.Tracker(detector)
    tracker.update(photo)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            tracker.update(photo)
        except libmtcnn.UnsupportedError:
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def write(path, frames, codec="mpeg4", rate=10, sound=0, packets=()):
    """A video of these frames, with so many seconds of silence, and with packets of these bytes behind the frames."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.bit_rate = 4_000_000
        if codec == "mjpeg":
            stream.pix_fmt = "yuvj420p"
        second = container.add_stream("pcm_s16le", rate=8000, layout="mono") if sound else None
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
        for number, data in enumerate(packets, len(frames)):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, rate)
            packet.pts = packet.dts = number
            container.mux(packet)
        for number in range(sound):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
            silence.sample_rate, silence.pts = 8000, 8000 * number
            container.mux(second.encode(silence))
    return path


@pytest.fixture(scope="session")
def clip(photo, tmp_path_factory):
    """20 frames, 10 a second."""
    return write(tmp_path_factory.mktemp("video") / "clip.mp4", [pan(photo, number) for number in range(20)])


def test_video(detector, clip, photo):
    frames = list(libmtcnn.video(clip, detector, detect_every=5))
    assert [frame.number for frame in frames] == list(range(20))
    assert [round(frame.time, 3) for frame in frames] == [i / 10 for i in range(20)]
    assert [frame.faces.ids.tolist() for frame in frames] == [[1]] * 20
    assert sum(frame.faces[0].detected for frame in frames) == 4
    assert all(type(frame.time) is float for frame in frames)
    assert frames[3].image.shape == (400, 400, 3)
    assert np.abs(frames[3].image.astype(int) - pan(photo, 3)).mean() < 8


def test_a_name_that_looks_like_an_address(detector, clip, tmp_path, monkeypatch):
    named = tmp_path / "12:30.mp4"
    named.write_bytes(clip.read_bytes())
    assert len(list(libmtcnn.video(named, detector))) == 20
    monkeypatch.chdir(tmp_path)
    assert len(list(libmtcnn.video("12:30.mp4", detector))) == 20


# EXIF's number of how a frame is stored, the matrix a, b, c, d that turns it upright, and what undoes that.
ORIENTATIONS = {
    1: ((1, 0, 0, 1), lambda a: a),
    2: ((-1, 0, 0, 1), lambda a: a[:, ::-1]),
    3: ((-1, 0, 0, -1), lambda a: a[::-1, ::-1]),
    4: ((1, 0, 0, -1), lambda a: a[::-1]),
    5: ((0, 1, 1, 0), lambda a: a.transpose(1, 0, 2)),
    6: ((0, 1, -1, 0), lambda a: np.rot90(a)),
    7: ((0, -1, -1, 0), lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
    8: ((0, -1, 1, 0), lambda a: np.rot90(a, -1)),
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_frames_are_turned_and_mirrored_upright(detector, photo, tmp_path, orientation):
    (a, b, c, d), store = ORIENTATIONS[orientation]
    upright = pan(photo, 0)[:300]
    path = write(tmp_path / "turned.mp4", [np.ascontiguousarray(store(upright))])
    data = bytearray(path.read_bytes())
    # The matrix stands 40 bytes into the track's header, in 16.16 fixed point but for its last column.
    place = data.index(b"tkhd") + 4 + 40
    matrix = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
    data[place : place + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)
    (frame,) = libmtcnn.video(path, detector)
    assert frame.image.shape == upright.shape
    assert np.abs(frame.image.astype(int) - upright).mean() < 8
    assert len(frame.faces) == 1


def test_videos_that_are_none(detector, tmp_path):
    pytest.importorskip("av")
    with pytest.raises(libmtcnn.FileError, match=r"missing\.mp4"):
        next(libmtcnn.video(tmp_path / "missing.mp4", detector))
    text = tmp_path / "text.mp4"
    text.write_text("no video\n")
    with pytest.raises(libmtcnn.FormatError, match=r"text\.mp4"):
        next(libmtcnn.video(text, detector))
    with pytest.raises(libmtcnn.FileError, match=r"\*\.png: no file has such a name"):
        next(libmtcnn.video(tmp_path / "*.png", detector))
    for name, value in [
        ("timeout", 0), ("timeout", None), ("latency", float("nan")), ("frame_rate", -1), ("detect_every", 2**40),
    ]:  # fmt: skip
        with pytest.raises(libmtcnn.InvalidArgumentError, match=name):
            libmtcnn.video(text, detector, **{name: value})


def test_sound_may_be_longer_than_the_picture(detector, photo, tmp_path):
    path = write(tmp_path / "sound.mkv", [pan(photo, number) for number in range(20)], sound=8)
    assert len(list(libmtcnn.video(path, detector))) == 20


def test_image_sequences(detector, photo, tmp_path):
    pytest.importorskip("av")
    for number in range(3, 9):
        Image.fromarray(pan(photo, number)).save(tmp_path / f"{number:04}.png")
    for pattern in ("%04d.png", "*.png", "000?.png"):
        frames = list(libmtcnn.video(tmp_path / pattern, detector))
        assert [round(frame.time, 3) for frame in frames] == [i / 25 for i in range(6)]
        np.testing.assert_array_equal(frames[2].image, pan(photo, 5))
    assert list(libmtcnn.video(tmp_path / "%04d.png", detector, frame_rate=2))[-1].time == 2.5
    (tmp_path / "0006.png").unlink()
    frames = []
    with pytest.raises(libmtcnn.FileError, match=r"there is no number 6, but .*0007\.png follows"):
        for frame in libmtcnn.video(tmp_path / "%04d.png", detector):
            frames.append(frame)
    assert len(frames) == 3
    assert len(list(libmtcnn.video(tmp_path / "*.png", detector))) == 5
    # A file of that very name goes first.
    odd = tmp_path / "%d.mp4"
    write(odd, [pan(photo, 0)])
    assert len(list(libmtcnn.video(odd, detector))) == 1


def test_a_stream_without_times_has_its_own_frame_rate(detector, photo, tmp_path):
    av = pytest.importorskip("av")
    if "libx264" not in av.codecs_available:
        pytest.skip("this PyAV writes no H.264")
    path = write(tmp_path / "raw.h264", [pan(photo, number) for number in range(10)], "libx264", rate=20)
    times = [frame.time for frame in libmtcnn.video(path, detector)]
    assert times == pytest.approx([i / 20 for i in range(10)])


def test_damage_is_counted_and_has_a_limit(detector, photo, tmp_path):
    frames = [pan(photo, number) for number in range(4)]
    jpeg = io.BytesIO()
    Image.fromarray(frames[0]).save(jpeg, "JPEG")
    some = [b"garbage" * 9] * 5 + [jpeg.getvalue()]
    video = libmtcnn.video(write(tmp_path / "some.mkv", frames, "mjpeg", packets=some), detector)
    assert len(list(video)) == 5
    assert video.damaged == 5
    assert video.dropped == 0
    many = [b"garbage" * 9] * 1001 + [jpeg.getvalue()]
    video = libmtcnn.video(write(tmp_path / "many.mkv", frames, "mjpeg", packets=many), detector)
    for _ in range(4):
        next(video)
    with pytest.raises(libmtcnn.FormatError, match=r"many\.mkv: its video is damaged from here on"):
        next(video)
    none = write(tmp_path / "none.mkv", frames, "mjpeg", packets=[b"garbage" * 9] * 3)
    # Without the beginnings of frame and scan.
    none.write_bytes(none.read_bytes().replace(b"\xff\xc0", bytes(2)).replace(b"\xff\xda", bytes(2)))
    with pytest.raises(libmtcnn.FormatError, match="holds no frame"):
        list(libmtcnn.video(none, detector))


def remuxed(clip, path, **options):
    """The same packets in another container."""
    av = pytest.importorskip("av")
    with av.open(str(clip)) as source, av.open(str(path), "w", options=options) as container:
        stream = source.streams.video[0]
        copy = container.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                container.mux(packet)
    return path


# mp4 with its index in front says how long it is; Matroska's end is found missing where it is read.
@pytest.mark.parametrize(("name", "options"), [("cut.mkv", {}), ("cut.mp4", {"movflags": "+faststart"})])
def test_a_cut_file_gives_its_frames_and_says_so(detector, clip, tmp_path, name, options):
    data = remuxed(clip, tmp_path / f"whole-{name}", **options).read_bytes()
    cut = tmp_path / name
    cut.write_bytes(data[: len(data) // 2])
    frames = []
    with pytest.raises(libmtcnn.FileError, match=name):
        for frame in libmtcnn.video(cut, detector):
            frames.append(frame)
    assert 5 <= len(frames) < 20


@pytest.mark.parametrize("kind", ["http", "rtsp"])
def test_a_server_that_says_nothing(detector, kind):
    pytest.importorskip("av")
    held = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: held.append(server.accept()), daemon=True).start()
        address = f"{kind}://127.0.0.1:{server.getsockname()[1]}/clip"
        with pytest.raises(libmtcnn.FileError, match="no data for 1 seconds"):
            next(libmtcnn.video(address, detector, timeout=1))
    for connection, _ in held:
        connection.close()


@contextlib.contextmanager
def live(tmp_path, silence=None):
    """The address of 60 frames that come fifty a second, whoever waits for them; then nothing until an event."""
    # Of noise, so that all have as many bytes.
    noise = np.random.default_rng(1).integers(0, 256, (60, 64, 64, 3), np.uint8)
    data = write(tmp_path / "live.ts", noise, "mpeg2video", rate=25).read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer(connection):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in range(60):
                part = data[len(data) * number // 60 : len(data) * (number + 1) // 60]
                connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
                time.sleep(0.02)
            if silence:
                silence.wait()
            connection.sendall(b"0\r\n\r\n")

        def serve():
            with contextlib.suppress(OSError):  # at the test's end
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):  # whoever listens may go
                        answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/live.ts"


@pytest.fixture
def broadcast(tmp_path):
    with live(tmp_path) as address:
        yield address


@pytest.fixture
def silent_camera(tmp_path):
    end = threading.Event()
    with live(tmp_path, end) as address:
        yield address
        end.set()


@pytest.mark.parametrize("latency", [0.03, 1e9])
def test_a_live_source_drops_frames_rather_than_lag(detector, broadcast, latency):
    video = libmtcnn.video(broadcast, detector, latency=latency)
    numbers = []
    with contextlib.suppress(libmtcnn.FileError):  # to FFmpeg 9 any end of what has no length is an error
        for frame in video:
            numbers.append(frame.number)
            time.sleep(0.1)
    assert video.dropped > 10
    assert len(numbers) + video.dropped == 60
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 59
    # The last six come within .12 s: too long for the one, and to the other all that the queue has room for.
    assert (numbers[-6:] == list(range(54, 60))) == (latency > 1)


def test_what_waits_longer_than_the_latency_makes_place(monkeypatch):
    now = 0.0
    monkeypatch.setattr(libmtcnn._reader, "time", types.SimpleNamespace(monotonic=lambda: now))

    def left(latency, pause, count=5):
        """Of so many pictures with a pause between them."""
        nonlocal now
        newest = libmtcnn._reader.Newest(latency)
        for number in range(count):
            assert newest._put(libmtcnn._reader.Picture(number, now, None))
            now += pause
        newest._ended = True
        numbers = [picture.number for picture in newest.pictures()]
        assert len(numbers) + newest.dropped == count
        return numbers

    assert left(0.15, 0.1) == [3, 4]
    assert left(0.25, 0.1) == [2, 3, 4]
    assert left(0.05, 0.1) == [4]
    assert left(0.45, 0.1) == [0, 1, 2, 3, 4]
    # There is room for six.
    assert left(1e9, 0.1, 10) == [4, 5, 6, 7, 8, 9]
    assert left(1e9, 0, 10) == [4, 5, 6, 7, 8, 9]
    # Two of them are taken before the rest comes.
    newest = libmtcnn._reader.Newest(0.15)
    pictures = newest.pictures()
    taken = []
    for number in range(8):
        newest._put(libmtcnn._reader.Picture(number, now, None))
        if number in (1, 3):
            taken.append(next(pictures).number)
        now += 0.1
    newest.close()
    assert (taken, list(pictures), newest.dropped) == ([0, 2], [], 4)


def test_no_picture_dies_while_others_wait_for_the_lock():
    newest = libmtcnn._reader.Newest(1e9)
    free = []

    def try_lock():
        free.append(newest._changed.acquire(timeout=0.2))
        if free[-1]:
            newest._changed.release()

    class Frame:
        def __del__(self):
            thread = threading.Thread(target=try_lock)
            thread.start()
            thread.join()

    for number in range(10):
        newest._put(libmtcnn._reader.Picture(number, 0, Frame()))
    assert free == [True] * 4
    pictures = newest.pictures()
    for _ in range(3):
        next(pictures)
    assert free == [True] * 6
    newest.close()
    assert list(pictures) == []
    assert free == [True] * 10


def test_a_silent_camera_can_be_closed_from_another_thread(detector, silent_camera):
    video = libmtcnn.video(silent_camera, detector, timeout=20)
    ended = []
    taken = threading.Event()

    def take():
        for _ in video:
            taken.set()
        ended.append(time.monotonic())

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    assert taken.wait(30)
    time.sleep(2)  # for all frames
    assert not ended
    video.close()
    thread.join(5)  # the timeout would be later
    assert ended
    with pytest.raises(StopIteration):
        next(video)
    video.close()


def test_a_file_can_be_closed_while_another_thread_reads_it(detector, clip, monkeypatch):
    within, go = threading.Event(), threading.Event()

    def update(self, image, format=None):
        within.set()
        go.wait()

    monkeypatch.setattr(libmtcnn.Tracker, "update", update)
    video = libmtcnn.video(clip, detector)
    frames = []
    thread = threading.Thread(target=lambda: frames.extend(video), daemon=True)
    thread.start()
    assert within.wait(30)
    video.close()
    go.set()
    thread.join(30)
    assert len(frames) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.parametrize("kind", ["file", "live", "not begun"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_process_is_told_that_a_video_is_its_parents(detector, clip, silent_camera, kind):
    video = libmtcnn.video(clip if kind == "file" else silent_camera, detector, timeout=20)
    if kind == "file":
        next(video)
    elif kind == "live":
        next(video)
        time.sleep(2)
        while video._newest._waiting:  # so that next() would wait
            next(video)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(20)
            next(video)
        except libmtcnn.UnsupportedError:
            video.close()
            del video
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    if kind == "file":
        assert len(list(video)) == 19  # the parent goes on
    video.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.parametrize("ending", ["dropped", "end of the program"])
def test_a_forked_process_may_drop_a_video_whose_decoder_has_threads(photo, tmp_path, ending):
    av = pytest.importorskip("av")
    if "libx264" not in av.codecs_available:
        pytest.skip("this PyAV writes no H.264")
    path = write(tmp_path / "threads.mp4", [pan(photo, number) for number in range(10)], "libx264")
    script = """
    import gc, os, signal, sys, warnings
    import libmtcnn
    warnings.simplefilter("ignore")
    video = libmtcnn.video(sys.argv[1])
    next(video)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        if sys.argv[2] == "dropped":
            del video
            gc.collect()
            os._exit(0)
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(list(video)) == 9
    """
    run(script, path, ending)


def run(script, *arguments):
    """A hang is a failure."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="skipped: no /proc here")
def test_no_frame_keeps_threads_for_which_a_forked_process_would_wait(clip):
    script = """
    import os, sys
    import av
    from libmtcnn._reader import upright
    with av.open(sys.argv[1]) as container:
        frame = next(container.decode(video=0))
        before = os.listdir("/proc/self/task")
        upright(frame)
        assert os.listdir("/proc/self/task") == before
    """
    run(script, clip)


def test_a_lock_that_nobody_gives_back_does_not_keep_a_program_from_its_end():
    script = """
    import threading
    from libmtcnn._reader import Newest
    def wait(newest):
        try:
            yield
        finally:
            newest.close()
    newest = Newest(1)
    newest._changed = threading.Condition(threading.Lock())
    newest._changed.acquire()
    waiting = wait(newest)
    next(waiting)
    """
    run(script)


def test_a_live_source_is_left_alone_when_nobody_looks_any_more(detector, broadcast):
    video = libmtcnn.video(broadcast, detector)
    next(video)
    assert [thread.name for thread in threading.enumerate()].count("libmtcnn-video") == 1
    video.close()
    with pytest.raises(StopIteration):
        next(video)
    for _ in range(100):
        if all(thread.name != "libmtcnn-video" for thread in threading.enumerate()):
            break
        time.sleep(0.05)
    else:
        pytest.fail("the thread goes on")
    # Nor does it keep a program from its end.
    script = f"import libmtcnn; video = libmtcnn.video({broadcast!r}); next(video); print('fine')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")
