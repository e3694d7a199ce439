"""libmtcnn beside the face detectors of other people, each rival one file in rivals/, all in one run.

    ./dev bench [--rivals a,b] [--sizes vga,720p] [--scenes few] [--min-face 20,40] [--threads 1,2] [--rounds 7]
    ./dev bench --list | --setup [--rivals a,b] | --show FILE.json

How a time comes to count:

- Every rival runs in a process of its own, pinned to as many processors as it may have threads, and stopped
  whenever it is not its turn: no thread of a rival that waits by spinning takes time from the next one.
- In every round each rival has one short batch of calls on the same image in memory, in another order each round. A
  round's figure is the batch's median; reported are the median over rounds, the least and the largest, and the
  ratio to ours of the same round, so that a machine that becomes slower for a while does so for all.
- First it must find the faces: of the labelled faces whose side is 1.2 times the minimum face size or more, it must
  find --recall with an overlap (IoU) of .4. One that doesn't is listed with what it found, and its time in
  brackets.
- Where the minimum face size is no option of a rival, its file says what stands in for it (--list).

The photographs are read from MTCNN_SHARED_DIR (default: ../shared), data/scenes: `few` is one photograph with two
faces, `many` is a sheet of group photographs, about 640x360 pixels each. Their labels are another detector's
(YuNet's): good enough to tell whether a rival works, not which one finds more. Results go to build/bench/, and are
kept round by round; the results.json of an earlier run gets its date into its name.
"""

import argparse
import atexit
import datetime
import hashlib
import importlib
import json
import math
import os
import pathlib
import platform
import random
import selectors
import shlex
import signal
import statistics
import subprocess
import sys
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))
OURS = "libmtcnn"
# Width, height, and the columns and rows of photographs in a sheet.
SIZES = {
    "vga": (640, 480, 1, 1),
    "720p": (1280, 720, 2, 2),
    "1080p": (1920, 1080, 3, 3),
    "4k": (3840, 2160, 6, 6),
}
SCENES = ("few", "many")
FEW = "group_204_2.jpg"
MATCH, MUST = 0.4, 1.2


def say(text=""):
    print(text, flush=True)


# --- Rivals and their environments ----------------------------------------------------------------------------------


class Rival:
    """A file of rivals/: its module here says what to install; it is loaded there, by worker.py."""

    def __init__(self, name, work):
        self.name = name
        self.module = importlib.import_module(f"rivals.{name}")
        self.title, self.min_face = self.module.TITLE, self.module.MIN_FACE
        self.venv = work / f"venv-{self.module.VENV}"
        self.version = self.error = None

    def install(self, wheel):
        """Makes its environment, or adds to it; what fails is the rival's error. Nothing happens if all is there."""
        steps = [step.format(wheel=wheel) for step in self.module.PACKAGES]
        stamp = self.venv / f"installed-{self.name}"
        built = digest(wheel) if "{wheel}" in "".join(self.module.PACKAGES) else ""
        want = "\n".join([platform.python_version(), *steps, built])
        if stamp.exists() and stamp.read_text() == want:
            return
        say(f"Installing {self.name} into {os.path.relpath(self.venv)}")
        commands = [[sys.executable, "-m", "venv", self.venv]]
        pip = [
            self.venv / "bin/python",
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--retries",
            "2",
            "--timeout",
            "60",
            "install",
        ]
        commands += [[*pip, "--quiet", *shlex.split(step)] for step in steps]
        for command in commands if not (self.venv / "bin/python").exists() else commands[1:]:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode != 0:
                lines = done.stdout.strip().splitlines() or ["no message"]
                reasons = [line for line in lines if line.startswith("ERROR")] or lines
                self.error = f"not installed: {reasons[-1]}"
                return
        stamp.write_text(want)


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def all_rivals():
    names = sorted(path.stem for path in (HERE / "rivals").glob("*.py"))
    return [OURS, *(name for name in names if name != OURS)]


def build_wheel(work):
    """The Python package's wheel of this source, quick if little has changed since the last time."""
    wheels = work / "wheels"
    for old in wheels.glob("*.whl"):
        old.unlink()
    env = dict(os.environ)
    if subprocess.run(["which", "ccache"], capture_output=True).returncode == 0:
        env |= {"CMAKE_C_COMPILER_LAUNCHER": "ccache", "CMAKE_CXX_COMPILER_LAUNCHER": "ccache"}
    say("Building libmtcnn")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", ROOT, "--no-deps"]
    command += ["--wheel-dir", wheels, f"-Cbuild-dir={work}/wheel-build"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nbench: libmtcnn could not be built; --wheel FILE takes a wheel that there is")
    (wheel,) = wheels.glob("*.whl")
    return wheel


# --- Their processes ------------------------------------------------------------------------------------------------


ALIVE = set()


class Gone(Exception):
    """The process has ended or did not answer."""


class Process:
    """A rival's worker, stopped but for the time of a request."""

    def __init__(self, rival, processors, log):
        self.buffer = b""
        count = str(len(processors))
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OPENBLAS_"))}
        env |= {f"{name}_NUM_THREADS": count for name in ("OMP", "OPENBLAS", "MKL")}
        env |= {"TF_CPP_MIN_LOG_LEVEL": "3", "GLOG_minloglevel": "2", "CUDA_VISIBLE_DEVICES": ""}
        command = [rival.venv / "bin/python", HERE / "worker.py", rival.name, ",".join(map(str, processors))]
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=env, cwd=log.parent
            )
        ALIVE.add(self)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.process.send_signal(signal.SIGSTOP)

    def ask(self, timeout, **request):
        """The answer; raises Gone, or RuntimeError with the rival's own error."""
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            end = time.monotonic() + timeout
            while b"\n" not in self.buffer:
                if not self.selector.select(max(0, end - time.monotonic())):
                    self.close()
                    raise Gone(f"no answer after {timeout:.0f} s ({request['do']})")
                some = os.read(self.process.stdout.fileno(), 1 << 20)
                if not some:
                    raise BrokenPipeError
                self.buffer += some
        except BrokenPipeError:
            status = self.process.wait()
            self.close()
            name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
            raise Gone(f"its process ended ({name})") from None
        self.process.send_signal(signal.SIGSTOP)
        line, _, self.buffer = self.buffer.partition(b"\n")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def close(self):
        if self in ALIVE:
            ALIVE.remove(self)
            self.process.kill()
            self.process.wait()


@atexit.register
def end_all():
    for process in list(ALIVE):
        process.close()


# --- Photographs ----------------------------------------------------------------------------------------------------


def read_labels(folder):
    """{photograph: rows of left, top, right, bottom, ignore} of the lists in WIDER FACE's format."""
    labels = {}
    for path in sorted(folder.glob("*_bbx_gt.txt")):
        name = None
        for line in path.read_text().splitlines():
            numbers = line.split()
            if len(numbers) >= 10 and name:
                x, y, width, height = map(float, numbers[:4])
                if width > 0 and height > 0:
                    labels[name].append((x, y, x + width, y + height, numbers[7] == "1"))
            elif len(numbers) == 1 and not numbers[0].isdigit():
                name = numbers[0]
                labels[name] = []
    return {name: np.array(rows, float).reshape(-1, 5) for name, rows in labels.items()}


def covering(path, faces, width, height):
    """The photograph as RGB, made to cover width x height and cut there, and its faces; those cut are ignored."""
    from PIL import Image

    with Image.open(path) as file:
        image = file.convert("RGB")
    scale = max(width / image.width, height / image.height)
    size = (math.ceil(image.width * scale), math.ceil(image.height * scale))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    pixels = np.asarray(image.resize(size, Image.Resampling.BICUBIC))[top : top + height, left : left + width]
    faces = faces.copy()
    faces[:, :4] = faces[:, :4] * scale - [left, top, left, top]
    inside = np.clip(faces[:, :4], 0, [width, height, width, height])
    seen = areas(inside) / areas(faces)
    inside = np.column_stack([inside, (faces[:, 4] != 0) | (seen < 0.9)])
    return pixels, inside[seen > 0.05]


def make_scene(scene, size, folder, work):
    """The path of an .npy file with the picture, and its faces."""
    width, height, columns, rows = SIZES[size]
    labels = read_labels(folder)
    if scene == "few":
        names, columns, rows = [FEW], 1, 1
    else:
        # Those with the most faces, but for collages and crowds, and of a shape that covering does not cut to pieces.
        from PIL import Image

        count = {name: len(faces) for name, faces in labels.items() if name.startswith("group_")}
        groups = sorted((name for name in count if 6 <= count[name] <= 17), key=lambda name: (-count[name], name))
        names = []
        for name in groups:
            with Image.open(folder / "images" / name) as file:
                if 1.2 < file.width / file.height < 2:
                    names.append(name)
            if len(names) == columns * rows:
                break
    sheet, all_faces = np.zeros((height, width, 3), np.uint8), []
    cell = (width // columns, height // rows)
    for number, name in enumerate(names):
        left, top = number % columns * cell[0], number // columns * cell[1]
        pixels, faces = covering(folder / "images" / name, labels[name], *cell)
        sheet[top : top + cell[1], left : left + cell[0]] = pixels
        all_faces.append(faces + np.array([left, top, left, top, 0]))
    path = work / "images" / f"{size}-{scene}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, sheet)
    return path, np.concatenate(all_faces)


def areas(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def overlaps(boxes, others):
    """Intersection over union of each with each."""
    corner = np.maximum(boxes[:, None, :2], others[None, :, :2])
    end = np.minimum(boxes[:, None, 2:4], others[None, :, 2:4])
    both = np.prod(np.maximum(end - corner, 0), axis=2)
    return both / np.maximum(areas(boxes)[:, None] + areas(others)[None] - both, 1e-9)


def judge(boxes, faces, min_face):
    """How many of the faces that must be found were found, how many those are, and boxes where no face is."""
    boxes = np.array(boxes, float).reshape(-1, 4)
    must = (faces[:, 4] == 0) & (np.sqrt(areas(faces)) >= MUST * min_face)
    if not len(boxes):
        return {"found": 0, "of": int(must.sum()), "extra": 0}
    iou = overlaps(boxes, faces)
    extra = int(np.sum(iou.max(axis=1, initial=0) < 0.2))
    # Each box for one face, the best pairs first.
    taken_boxes, found = set(), set()
    for flat in np.argsort(-iou, axis=None):
        box, face = divmod(int(flat), len(faces))
        if iou[box, face] < MATCH:
            break
        if box not in taken_boxes and face not in found:
            taken_boxes.add(box)
            found.add(face)
    return {"found": sum(bool(must[face]) for face in found), "of": int(must.sum()), "extra": extra}


# --- Measuring ------------------------------------------------------------------------------------------------------


class Bench:
    def __init__(self, args, rivals):
        self.args, self.rivals = args, rivals
        self.processes, self.crashes = {}, dict.fromkeys((rival.name for rival in rivals), 0)
        self.results = {
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "processor": processor_name(),
            "load_before": os.getloadavg()[0],
            "rounds": args.rounds,
            "recall_required": args.recall,
            "model": args.model and os.path.basename(os.path.normpath(args.model)),
            "instruction_set": args.instruction_set,
            "rivals": {},
            "cells": [],
        }
        for rival in rivals:
            self.note(rival)

    def note(self, rival):
        entry = {"title": rival.title, "min_face": rival.min_face, "version": rival.version, "error": rival.error}
        self.results["rivals"][rival.name] = entry

    def save(self):
        path = self.args.output / "results.json"
        path.with_suffix(".new").write_text(json.dumps(self.results, indent=1))
        path.with_suffix(".new").replace(path)

    def run(self):
        usable = sorted(os.sched_getaffinity(0))
        for threads in self.args.threads:
            if threads > len(usable):
                say(f"{threads} threads: there are {len(usable)} processors: left out")
                continue
            # The last ones: the first has the machine's own work.
            self.processors = usable[-threads:]
            for size in self.args.sizes:
                for scene in self.args.scenes:
                    image, faces = make_scene(scene, size, self.args.scenes_folder, self.args.output)
                    for min_face in self.args.min_face:
                        self.cell(threads, size, scene, min_face, image, faces)
            end_all()
            self.processes.clear()

    def cell(self, threads, size, scene, min_face, image, faces):
        width, height = SIZES[size][:2]
        cell = {"threads": threads, "size": size, "scene": scene, "min_face": min_face, "results": {}}
        self.results["cells"].append(cell)
        settings = {"threads": threads, "min_face": min_face, "width": width, "height": height}
        settings |= {"model": self.args.model, "instruction_set": self.args.instruction_set}
        for rival in self.rivals:
            if rival.error is None:
                result = cell["results"][rival.name] = {"rounds": []}
                self.guarded(rival, result, self.prepare, settings, image, faces, min_face)
                self.save()
        order = random.Random(1)
        for number in range(self.args.rounds):
            turn = [r for r in self.rivals if "calls" in cell["results"].get(r.name, {})]
            order.shuffle(turn)
            for rival in turn:
                result = cell["results"][rival.name]
                if number > 0 and result["call_seconds"] > self.args.slow:
                    continue
                if "error" not in result:
                    self.guarded(rival, result, self.measure, number)
            self.save()
        say("\n".join(table(self.results, cell)) + "\n")

    def guarded(self, rival, result, function, *arguments):
        """What goes wrong with a rival ends its part of this cell; after three crashes it has no more."""
        try:
            function(rival, result, *arguments)
        except RuntimeError as error:
            result["error"] = str(error)
        except Gone as error:
            result["error"] = str(error)
            self.processes.pop(rival.name, None)
            self.crashes[rival.name] += 1
            if self.crashes[rival.name] == 3:
                rival.error = f"given up after three crashes: {error}"
                self.note(rival)

    def prepare(self, rival, result, settings, image, faces, min_face):
        if rival.name not in self.processes:
            log = self.args.output / "logs" / f"{rival.name}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            self.processes[rival.name] = Process(rival, self.processors, log)
        process = self.processes[rival.name]
        loaded = process.ask(self.args.timeout, do="load", settings=settings, image=str(image))
        rival.version = loaded["version"]
        self.note(rival)
        result["load_seconds"] = loaded["seconds"]
        first = process.ask(self.args.timeout, do="check")
        result["first_call_seconds"] = first["seconds"]
        result |= judge(first["boxes"], faces, min_face)
        result["passed"] = result["of"] == 0 or result["found"] >= self.args.recall * result["of"]
        # The first call often prepares things; what it takes says nothing.
        again = process.ask(self.args.timeout, do="time", calls=1, warm=0)["seconds"][0]
        result["call_seconds"] = again
        result["calls"] = max(1, min(100, int(self.args.batch / max(again, 1e-6))))

    def measure(self, rival, result, number):
        calls, each = result["calls"], result["call_seconds"]
        warm = 0 if each > 1 else 1
        timeout = self.args.timeout + 10 * each * (calls + warm)
        answer = self.processes[rival.name].ask(timeout, do="time", calls=calls, warm=warm)
        result["rounds"].append({"round": number, "seconds": statistics.median(answer["seconds"])})
        result["peak_mb"] = answer["peak_mb"]


def processor_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


# --- Showing --------------------------------------------------------------------------------------------------------


def figures(cell, name):
    """Median, least and largest milliseconds of the rounds, and of the ratios to ours of the same rounds."""
    rounds = {one["round"]: 1e3 * one["seconds"] for one in cell["results"][name]["rounds"]}
    ours = {one["round"]: 1e3 * one["seconds"] for one in cell["results"].get(OURS, {"rounds": []})["rounds"]}
    ratios = [rounds[number] / ours[number] for number in rounds if number in ours]

    def three(values):
        return (statistics.median(values), min(values), max(values)) if values else None

    return three(list(rounds.values())), three(ratios)


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(results, cell):
    width, height = SIZES[cell["size"]][:2]
    threads = "1 thread" if cell["threads"] == 1 else f"{cell['threads']} threads"
    yield f"**{width}x{height}, {cell['scene']} faces, minimum face {cell['min_face']:g}, {threads}**"
    yield ""
    yield "| detector | ms | least to largest | x ours | least to largest | faces found | elsewhere | peak MB |"
    yield "|---|---|---|---|---|---|---|---|"
    rows = []
    for name, result in cell["results"].items():
        title = results["rivals"][name]["title"]
        times, ratios = figures(cell, name) if result["rounds"] else (None, None)
        if times is None:
            rows.append((math.inf, f"| {title} | {result.get('error', 'not measured')} | | | | | | |"))
            continue
        text = number(times[0]) if result["passed"] else f"({number(times[0])})"
        spread = f"{number(times[1])} to {number(times[2])}" if len(result["rounds"]) > 1 else "one round"
        ratio = number(ratios[0]) if ratios else ""
        ratio_spread = f"{number(ratios[1])} to {number(ratios[2])}" if ratios else ""
        if ratio and not result["passed"]:
            ratio = f"({ratio})"
        if "error" in result:
            title += f" (then: {result['error']})"
        found = f"{result['found']} of {result['of']}" if result["of"] else "none that large"
        rows.append(
            (
                times[0],
                f"| {title} | {text} | {spread} | {ratio} | {ratio_spread} | {found} | {result['extra']} "
                f"| {result['peak_mb']:.0f} |",
            )
        )
    yield from (row for _, row in sorted(rows))


def report(results):
    """All of it as Markdown."""
    yield f"{results['processor']}, {results['date'][:10]}; up to {results['rounds']} rounds."
    yield f"libmtcnn with {results['model'] or 'its built-in model'}, instruction set {results['instruction_set']}."
    if results["load_before"] > 0.5:
        yield f"The machine was busy (load {results['load_before']:.1f}): these figures mean little."
    yield ""
    yield "| detector | version | minimum face |"
    yield "|---|---|---|"
    for entry in results["rivals"].values():
        yield f"| {entry['title']} | {entry['error'] or entry['version']} | {entry['min_face']} |"
    yield ""
    yield f"In brackets: found less than {results['recall_required']:g} of the faces that it should."
    for cell in results["cells"]:
        yield ""
        yield from table(results, cell)


def draw(results, folder):
    """A chart for each number of threads and each scene, as PNG and SVG."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "bench"
    import matplotlib.pyplot as plt

    for threads, scene in sorted({(cell["threads"], cell["scene"]) for cell in results["cells"]}):
        cells = [cell for cell in results["cells"] if (cell["threads"], cell["scene"]) == (threads, scene)]
        cells = [cell for cell in cells if any(result["rounds"] for result in cell["results"].values())]
        if not cells:
            continue
        min_faces = sorted({cell["min_face"] for cell in cells})
        sizes = [size for size in SIZES if any(cell["size"] == size for cell in cells)]
        count = max(len(cell["results"]) for cell in cells)
        shape = (len(sizes), len(min_faces))
        figure, axes = plt.subplots(
            *shape, figsize=(7.5 * shape[1], (0.27 * count + 0.9) * shape[0]), squeeze=False, layout="constrained"
        )
        for axis in axes.flat:
            axis.set_visible(False)
        for cell in cells:
            axis = axes[sizes.index(cell["size"])][min_faces.index(cell["min_face"])]
            axis.set_visible(True)
            bars = []
            for name, result in cell["results"].items():
                if result["rounds"]:
                    times, ratios = figures(cell, name)
                    bars.append((times, ratios, name, result["passed"]))
            bars.sort(reverse=True)
            for row, (times, ratios, name, passed) in enumerate(bars):
                colour = "tab:orange" if name == OURS else "tab:blue" if passed else "lightgrey"
                error = [[times[0] - times[1]], [times[2] - times[0]]]
                axis.barh(row, times[0], color=colour, xerr=error, error_kw={"lw": 0.8, "ecolor": "0.4"})
                label = f" {number(times[0])} ms" + (f", x{number(ratios[0])}" if ratios and name != OURS else "")
                axis.text(times[2], row, label + ("" if passed else ", misses faces"), va="center", fontsize=7)
            titles = [results["rivals"][name]["title"] for _, _, name, _ in bars]
            axis.set_yticks(range(len(bars)), titles, fontsize=7)
            axis.set_xscale("log")
            axis.set_xlim(min(bar[0][1] for bar in bars) / 2, max(bar[0][2] for bar in bars) * 8)
            axis.xaxis.set_major_formatter("{x:g}")
            axis.xaxis.set_minor_formatter("")
            axis.tick_params(axis="x", labelsize=7)
            axis.spines[["top", "right"]].set_visible(False)
            axis.set_title(f"{cell['size']}, minimum face {cell['min_face']:g}", fontsize=9)
        words = "1 thread" if threads == 1 else f"{threads} threads"
        figure.suptitle(f"Milliseconds an image, {scene} faces, {words} ({results['processor']})", fontsize=10)
        for ending in ("png", "svg"):
            figure.savefig(folder / f"chart-{threads}-{scene}.{ending}", dpi=130)
        plt.close(figure)


def show(results, folder):
    text = "\n".join(report(results)) + "\n"
    (folder / "table.md").write_text(text)
    if any(result["rounds"] for cell in results["cells"] for result in cell["results"].values()):
        draw(results, folder)
    return text


# --- The command ----------------------------------------------------------------------------------------------------


def listed(kind, known=None):
    def parse(text):
        values = [kind(word) for word in text.split(",") if word]
        unknown = [value for value in values if known is not None and value not in known]
        if unknown or not values:
            raise argparse.ArgumentTypeError(f"{text!r}: expected some of {','.join(map(str, known or ['1', '2']))}")
        return values

    return parse


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.split("\n\n")[0])
    names = all_rivals()
    parser.add_argument("--rivals", type=listed(str, names), default=names, help="which (default: all), see --list")
    parser.add_argument("--sizes", type=listed(str, list(SIZES)), default=list(SIZES), help=",".join(SIZES))
    parser.add_argument("--scenes", type=listed(str, SCENES), default=list(SCENES), help="few,many")
    parser.add_argument("--min-face", type=listed(float), default=[20, 40], help="pixels (default: 20,40)")
    parser.add_argument("--threads", type=listed(int), default=[1, 2], help="(default: 1,2)")
    parser.add_argument("--rounds", type=int, default=7, help="(default: 7)")
    parser.add_argument("--batch", type=float, default=0.2, help="seconds of one rival's turn (default: .2)")
    parser.add_argument("--slow", type=float, default=3, help="longer calls have one round (default: 3 s)")
    parser.add_argument("--recall", type=float, default=0.5, help="faces to find for a time to count (default: .5)")
    parser.add_argument("--timeout", type=float, default=300, help="seconds to wait for an answer (default: 300)")
    parser.add_argument("--model", help="a model file or folder of weights (default: the built-in model)")
    parser.add_argument("--instruction-set", default="auto", help="of libmtcnn (default: auto)")
    parser.add_argument("--wheel", type=pathlib.Path, help="a wheel of libmtcnn (default: built from this source)")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "build/bench", help="(default: build/bench)")
    parser.add_argument("--list", action="store_true", help="list the rivals")
    parser.add_argument("--setup", action="store_true", help="install, and measure nothing")
    parser.add_argument("--show", type=pathlib.Path, help="table and charts of this results.json again")
    args = parser.parse_args()
    args.output = args.output.resolve()
    args.output.mkdir(parents=True, exist_ok=True)
    args.model = args.model and os.path.abspath(args.model)
    shared = pathlib.Path(os.environ.get("MTCNN_SHARED_DIR") or ROOT.parent / "shared")
    args.scenes_folder = shared / "data/scenes"
    return args


def main():
    args = arguments()
    if args.show:
        print(show(json.loads(args.show.read_text()), args.output))
        return 0
    rivals = [Rival(name, args.output) for name in args.rivals]
    if args.list:
        for rival in rivals:
            say(f"{rival.name:26}{rival.title}; minimum face: {rival.min_face}")
        return 0
    if not args.setup and not (args.scenes_folder / "images" / FEW).is_file():
        sys.exit(f"bench: no photographs in {args.scenes_folder}: MTCNN_SHARED_DIR names the folder with data/scenes")
    wheel = ""
    if OURS in args.rivals:
        wheel = str((args.wheel or build_wheel(args.output)).resolve())
    for rival in rivals:
        rival.install(wheel)
        if rival.error:
            say(f"{rival.name}: {rival.error}")
    if args.setup:
        return 1 if any(rival.error for rival in rivals) else 0
    last = args.output / "results.json"
    if last.exists():
        date = datetime.datetime.fromtimestamp(last.stat().st_mtime)
        last.replace(args.output / f"results-{date:%Y%m%d-%H%M%S}.json")
    bench = Bench(args, rivals)
    if bench.results["load_before"] > 0.5:
        say(f"Other programs are running (load {bench.results['load_before']:.1f}): the times will mean little")
    try:
        bench.run()
    except KeyboardInterrupt:
        say("Stopped; what was measured is kept")
    bench.save()
    show(bench.results, args.output)
    say(f"Wrote results.json, table.md and charts into {os.path.relpath(args.output)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
