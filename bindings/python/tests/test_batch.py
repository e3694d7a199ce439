"""Many images at once."""

import threading
import time

import libmtcnn
import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def images(photo):
    return [
        photo, photo[:300], np.zeros((50, 700, 3), np.uint8), photo[::-1, ::-1], photo[:, :, 0], photo[::2, ::2],
        Image.fromarray(photo), (photo / 255).astype(np.float32), np.zeros((3, 3, 4), np.uint8),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def expected(detector, images):
    return [detector.detect(image) for image in images]


@pytest.mark.parametrize("threads", [0, 1, 2, 7, 40])
def test_images_of_any_size_and_kind_give_what_they_give_alone(detector, images, expected, threads):
    assert detector.detect_batch(images, threads) == expected
    assert detector.detect_batch(iter(images), threads) == expected
    assert detector.detect_batch(images[:1], threads) == expected[:1]
    assert detector.detect_batch([], threads) == []


def test_an_array_of_images_is_a_batch(detector, photo):
    faces = detector.detect_batch(np.stack([photo, photo[::-1]]))
    assert faces == [detector.detect(photo), detector.detect(photo[::-1])]


def test_a_bad_image_does_not_lose_the_others(detector, photo, expected):
    bad = [None, np.full((9, 9, 3), np.nan), photo, "text", np.zeros((0, 3), np.uint8)]
    results = detector.detect_batch([photo, *bad, photo])
    assert [type(result) for result in results] == [
        libmtcnn.Faces, TypeError, libmtcnn.InvalidArgumentError, libmtcnn.Faces, TypeError,
        libmtcnn.InvalidArgumentError, libmtcnn.Faces,
    ]  # fmt: skip
    assert results[0] == results[3] == results[6] == expected[0]
    for threads in (1, 3):
        with pytest.raises(libmtcnn.InvalidArgumentError, match="NaN"):
            detector.detect_batch([photo, bad[1], photo], threads, on_error="raise")


def test_a_generator_is_asked_only_a_little_ahead_and_in_this_thread(detector):
    taken, finished, ahead = 0, 0, 0
    here = threading.get_ident()

    def make():
        nonlocal taken, ahead
        for _ in range(60):
            assert threading.get_ident() == here
            taken += 1
            ahead = max(ahead, taken - finished)
            yield np.zeros((60, 60, 3), np.uint8)

    def progress(done, total):
        nonlocal finished
        assert total is None
        finished = done

    assert len(detector.detect_batch(make(), 2, progress=progress)) == 60
    assert finished == 60
    assert ahead <= 9


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("threads", [1, 3])
def test_what_the_iterable_raises_comes_out(detector, photo, error, threads):
    def make():
        yield photo
        raise error("mine")

    with pytest.raises(error, match="mine"):
        detector.detect_batch(make(), threads)


def test_progress_is_silent_unless_asked_for(detector, images, capfd):
    detector.detect_batch(images)
    detector.detect_batch(images, progress=False)
    assert capfd.readouterr() == ("", "")
    seen = []
    detector.detect_batch(images, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i + 1, len(images)) for i in range(len(images))]
    assert capfd.readouterr() == ("", "")
    detector.detect_batch(images, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.endswith(f"{len(images)}/{len(images)} images\n")


def test_wrong_arguments(detector, photo):
    for threads in (-1, 5000, 2**40, 2.5, None, "two", float("nan")):
        with pytest.raises(
            libmtcnn.InvalidArgumentError, match=r"threads is .*, expected 0 \(one per core\) to 1024"
        ):
            detector.detect_batch([photo], threads)
    with pytest.raises(libmtcnn.InvalidArgumentError, match="on_error"):
        detector.detect_batch([photo], on_error="ignore")


def test_the_interpreter_goes_on_while_faces_are_searched(model, photo):
    """detect() releases the interpreter's lock: with it held, this thread would hardly wake."""
    large = np.tile(photo, (3, 3, 1))
    detector = libmtcnn.Detector(model)
    thread = threading.Thread(target=detector.detect, args=(large,))
    ticks = 0
    thread.start()
    while thread.is_alive():
        time.sleep(0.002)
        ticks += 1
    assert ticks > 5


def test_many_threads_share_a_detector(detector, images, expected):
    failures = []

    def work(start):
        for i in range(len(images)):
            k = (start + i) % len(images)
            if detector.detect(images[k]) != expected[k]:
                failures.append(k)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
