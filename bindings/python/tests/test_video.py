"""Tracking, and videos read by PyAV."""

import os
import socket
import sys
import threading

import libmtcnn
import numpy as np
import pytest


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
    "options", [{"detect_every": 0}, {"min_overlap": 2}, {"keep_lost": -1}, {"smoothing": float("nan")}]
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


@pytest.fixture(scope="session")
def clip(photo, tmp_path_factory):
    """20 frames, 10 a second."""
    av = pytest.importorskip("av")
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 400
        stream.bit_rate = 4_000_000
        for number in range(20):
            for packet in stream.encode(av.VideoFrame.from_ndarray(pan(photo, number), format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


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


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_frames_are_turned_upright(detector, photo, tmp_path, degrees):
    av = pytest.importorskip("av")
    path = tmp_path / "turned.mp4"
    upright = pan(photo, 0)[:300]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        if not hasattr(stream, "set_display_rotation"):
            pytest.skip("this PyAV writes no rotation")
        stored = np.ascontiguousarray(np.rot90(upright, -degrees // 90))
        stream.height, stream.width = stored.shape[:2]
        stream.bit_rate = 4_000_000
        stream.set_display_rotation(degrees)
        for packet in [*stream.encode(av.VideoFrame.from_ndarray(stored, format="rgb24")), *stream.encode()]:
            container.mux(packet)
    (frame,) = libmtcnn.video(path, detector)
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
    with pytest.raises(libmtcnn.InvalidArgumentError, match="timeout"):
        libmtcnn.video(text, detector, timeout=0)


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
