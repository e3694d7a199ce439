"""Pickles, forks, other processes, and ten thousand calls."""

import copy
import os
import pickle
import subprocess
import sys
import textwrap

import libmtcnn
import numpy as np
import pytest


def test_a_detector_can_be_pickled(model, photo):
    detector = libmtcnn.Detector(
        model, min_face=40, max_face=300, thresholds=(0.5, 0.6, 0.7), max_candidates=(500, 100, 10), clip=True,
        region=(0, 0, 500, 400), threads=2,
    )  # fmt: skip
    for other in (pickle.loads(pickle.dumps(detector)), copy.deepcopy(detector), copy.copy(detector)):
        assert other.options == detector.options
        assert other.detect(photo) == detector.detect(photo)
        assert other.model.to_bytes() == model.to_bytes()


def run(script: str, model: libmtcnn.Model, tmp_path, *arguments: str) -> str:
    """Runs a program that finds a model and a photograph beside it; a hang is a failure."""
    model.save(tmp_path / "model.safetensors")
    (tmp_path / "program.py").write_text(
        "import os, sys, multiprocessing, signal, warnings\n"
        "import numpy as np, libmtcnn\n"
        "warnings.simplefilter('ignore')\n"  # of forks in programs that have threads
        "photo = np.load('photo.npy')\n" + textwrap.dedent(script)
    )
    done = subprocess.run(
        [sys.executable, "program.py", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="skipped: no fork here")
def test_a_fork_may_use_and_drop_its_parents_detectors(model, photo, tmp_path):
    np.save(tmp_path / "photo.npy", photo)
    script = """
    used = libmtcnn.Detector('model.safetensors', min_face=40, threads=3)
    unused = libmtcnn.Detector('model.safetensors', min_face=40, threads=3)
    expected = used.detect(photo)
    unused.detect(photo), used.detect_batch([photo] * 3)  # threads are there now
    for ending in ('return', '_exit', 'again'):
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            assert used.detect(photo) == expected
            assert used.detect_batch([photo] * 3) == [expected] * 3
            assert used.trace(photo).faces == expected
            if ending == 'again':
                grandchild = os.fork()
                if grandchild == 0:
                    assert used.detect(photo) == expected
                    os._exit(0)
                assert os.waitpid(grandchild, 0)[1] == 0
            if ending == '_exit':
                os._exit(0)
            del used, unused
            sys.exit(0)  # runs destructors
        assert os.waitpid(child, 0)[1] == 0, ending
    assert used.detect(photo) == expected  # and the parent goes on
    print('fine')
    """
    assert run(script, model, tmp_path) == "fine\n"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_of_processes(model, photo, tmp_path, method):
    np.save(tmp_path / "photo.npy", photo)
    script = """
    if __name__ == '__main__':
        detector = libmtcnn.Detector('model.safetensors', min_face=40, threads=2)
        expected = detector.detect(photo)
        with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
            assert pool.map(detector.detect, [photo] * 4) == [expected] * 4
        print('fine')
    """
    assert run(script, model, tmp_path, method) == "fine\n"


def resident() -> int:
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="skipped: no /proc here")
def test_memory_is_flat_over_10000_calls(model, photo):
    detector = libmtcnn.Detector(model)
    side = photo[60:124, 190:254]
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (3, 40, 50, 3), np.uint8)
    face = libmtcnn.Detector(model, min_face=40).detect(photo)[0]

    def calls(count):
        for i in range(count):
            detector.detect(noise[i % 3])
            if i % 10 == 0:
                detector.detect(side.astype(np.float32))
                detector.trace(noise[0][:, ::-1])
                libmtcnn.align(photo, face)
                detector.detect_batch([noise[1], None], 2)
                libmtcnn.Detector(model, min_face=25).detect(noise[2])
                with pytest.raises(ValueError):
                    detector.detect(noise)

    calls(1500)
    before = resident()
    calls(10000)
    # A leak of one small image (6 kB) a call would be 60 MB, of one result 2 MB.
    assert resident() - before < 1_500_000
