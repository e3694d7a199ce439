"""One rival in a process of its own: pinned to its processors before anything is imported, then led by compare.py
with lines of JSON. A crash ends this process alone, and what a library prints goes to a log file, not among the
answers.

    worker.py NAME PROCESSORS    (by compare.py, with the Python of the rival's environment)
"""

import ctypes
import gc
import importlib
import json
import os
import pathlib
import signal
import sys
import time
import traceback
from types import SimpleNamespace


def alone(processors):
    """Pins, dies with its parent (which may have stopped it), and is the first to go if memory runs out."""
    os.sched_setaffinity(0, processors)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def forget_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_mb():
    """The most memory that was resident since forget_peak(), libraries and model included."""
    with open("/proc/self/status") as file:
        (line,) = (line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


class Worker:
    def __init__(self, name):
        sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
        self.rival = importlib.import_module(f"rivals.{name}")

    def load(self, settings, image):
        import numpy as np

        self.detect = self.image = None
        gc.collect()
        forget_peak()
        began = time.perf_counter()
        self.detect = self.rival.load(SimpleNamespace(**settings))
        seconds = time.perf_counter() - began
        self.image = np.load(image)
        if getattr(self.rival, "CHANNELS", "RGB") == "BGR":
            self.image = np.ascontiguousarray(self.image[:, :, ::-1])
        return {"seconds": seconds, "version": self.rival.version()}

    def check(self):
        """The boxes, and what the first call took."""
        before = self.image.copy()
        began = time.perf_counter()
        boxes = self.detect(self.image)
        seconds = time.perf_counter() - began
        if not (before == self.image).all():
            raise RuntimeError("it changed the image that it was given")
        boxes = [[float(value) for value in box[:4]] for box in boxes]
        return {"boxes": boxes, "seconds": seconds}

    def time(self, calls, warm):
        """Seconds of each call, after `warm` calls that don't count."""
        for _ in range(warm):
            self.detect(self.image)
        seconds = []
        gc.collect()
        gc.disable()
        for _ in range(calls):
            began = time.perf_counter()
            self.detect(self.image)
            seconds.append(time.perf_counter() - began)
        gc.enable()
        return {"seconds": seconds, "peak_mb": peak_mb()}


def main():
    alone({int(number) for number in sys.argv[2].split(",")})
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    worker = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            worker = worker or Worker(sys.argv[1])
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # whatever a rival may raise is its result
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:300]}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
