"""Runs `mtcnn train` as a user does, on photographs of faces drawn by the test, and looks at what comes out.

Usage: train_cli_test.py PROGRAM [unittest arguments]. Needs nothing but the standard library.
"""

import json
import math
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

PROGRAM = ""
CONFIG = """
output = "out"
threads = 2
[data]
min_face = 12
[mining]
min_face = 24
[checking]
min_face = 24
[pnet]
samples = {p}
batch = 256
checks = 2
[rnet]
samples = {r}
batch = 128
checks = 2
[onet]
samples = {o}
batch = 64
checks = 2
[[set]]
format = "retinaface"
labels = "train.txt"
images = "images"
[[validation]]
format = "retinaface"
labels = "validation.txt"
images = "images"
"""


def picture(rng, width, height, faces):
    """A face: a bright disc with dark eyes and mouth, on noise. Returns the PPM's bytes."""
    pixels = bytearray(rng.randrange(60, 130) for _ in range(width * height * 3))
    for x, y, r in faces:
        for py in range(max(0, int(y - 1.2 * r)), min(height, int(y + 1.2 * r) + 1)):
            for px in range(max(0, int(x - r)), min(width, int(x + r) + 1)):
                u, v = (px + .5 - x) / r, (py + .5 - y) / r
                if u * u + v * v / 1.44 > 1:
                    continue
                dark = min(math.hypot(abs(u) - .4, v + .3) / .2, math.hypot(u / 2.5, v - .55) / .15) < 1
                at = 3 * (py * width + px)
                pixels[at:at + 3] = bytes((40, 20, 20) if dark else (230, 190, 160))
    return b"P6\n%d %d\n255\n" % (width, height) + bytes(pixels)


def labels(faces):
    lines = []
    for x, y, r in faces:
        points = [(x - .4 * r, y - .3 * r), (x + .4 * r, y - .3 * r), (x, y), (x - .35 * r, y + .55 * r), (x + .35 * r, y + .55 * r)]
        text = " ".join(f"{px:.2f} {py:.2f} 0.0" for px, py in points)
        lines.append(f"{x - r:.2f} {y - 1.2 * r:.2f} {2 * r:.2f} {2.4 * r:.2f} {text} 1")
    return lines


class Workshop(unittest.TestCase):
    """A folder with photographs and their labels."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mtcnn-train-"))
        (self.folder / "images").mkdir()
        rng = random.Random(3)
        for name, count in (("train", 16), ("validation", 4)):
            lines = []
            for i in range(count):
                faces = [(rng.uniform(40, 70), rng.uniform(40, 110), rng.uniform(14, 30)),
                         (rng.uniform(130, 160), rng.uniform(40, 110), rng.uniform(14, 30))]
                (self.folder / "images" / f"{name}{i}.ppm").write_bytes(picture(rng, 200, 150, faces))
                lines += [f"# {name}{i}.ppm"] + labels(faces)
            (self.folder / f"{name}.txt").write_text("\n".join(lines) + "\n")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def config(self, p=60000, r=25000, o=12000, more=""):
        (self.folder / "c.toml").write_text(more + CONFIG.format(p=p, r=r, o=o))

    def train(self, *arguments, status=0):
        done = subprocess.run([PROGRAM, "train", *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=900)
        self.assertEqual(done.returncode, status, done.stderr.decode()[-3000:])
        return done

    def begin(self, command, environment=None):
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def wait_for_a_step(self, running):
        metrics = self.folder / "out/metrics.jsonl"
        deadline = time.time() + 200
        while not (metrics.exists() and '"event":"step"' in metrics.read_text()):
            self.assertLess(time.time(), deadline)
            self.assertIsNone(running.poll())
            time.sleep(.1)

    def wait_for_a_note(self, running, text):
        told = b""
        while text not in told:
            line = running.stderr.readline()
            self.assertTrue(line, told)
            told += line

    def metrics(self):
        return [json.loads(line) for line in (self.folder / "out/metrics.jsonl").read_text().splitlines()]

    def check_model(self):
        """The model finds the drawn faces of photographs it has not seen, and their points."""
        rng = random.Random(99)
        faces = [(60, 70, 26), (150, 60, 18)]
        (self.folder / "new.ppm").write_bytes(picture(rng, 200, 150, faces))
        done = subprocess.run([PROGRAM, "detect", "new.ppm", "--json", "--model", "out/model.safetensors", "--min-face", "24"],
                              cwd=self.folder, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)["faces"]
        for x, y, r in faces:
            truth = [x - r, y - 1.2 * r, x + r, y + 1.2 * r]
            best = max(found, key=lambda face: overlap(face["box"], truth), default=None)
            self.assertIsNotNone(best, "no face at all")
            self.assertGreater(overlap(best["box"], truth), .5, found)
            eye = best["landmarks"][0]
            self.assertLess(math.hypot(eye[0] - (x - .4 * r), eye[1] - (y - .3 * r)), .4 * r, found)


class SmokeTest(Workshop):
    """All three nets: a test of its own, with a limit to its time."""

    def test_from_nothing_to_a_model_through_kills(self):
        self.config()
        # Killed at moments that nobody chose, it goes on.
        rng = random.Random(os.getpid())
        kills = 0
        for _ in range(3):
            running = subprocess.Popen([PROGRAM, "train", "--config", "c.toml"], cwd=self.folder,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                running.wait(rng.uniform(3, 12))
                break
            except subprocess.TimeoutExpired:
                running.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM]))
                running.wait(60)
                kills += 1
        self.assertGreater(kills, 0)
        # The one killed last may have written the model: then it says so.
        done = self.train("--config", "c.toml")
        self.assertIn("model.safetensors", done.stderr.decode())
        self.check_model()
        lines = self.metrics()
        for net in ("pnet", "rnet", "onet"):
            self.assertTrue(any(l["event"] == "check" and l["net"] == net for l in lines))
            self.assertTrue(any(l["event"] == "done" and l["net"] == net for l in lines))
            steps = [l for l in lines if l["event"] == "step" and l["net"] == net]
            self.assertLess(steps[-1]["classification"], .2)
        mined = {(l["net"], l["what"]) for l in lines if l["event"] == "mined"}
        self.assertEqual(mined, {("pnet", "own"), ("rnet", "next"), ("rnet", "own"), ("onet", "next"), ("onet", "own")})
        # Done is done.
        before = (self.folder / "out/model.safetensors").read_bytes()
        again = self.train("--config", "c.toml").stderr.decode()
        self.assertIn("O-Net is done already", again)
        self.assertIn("model.safetensors is written already", again)
        self.assertEqual(before, (self.folder / "out/model.safetensors").read_bytes())
        # A comparison of the paper's, in small.
        table = self.train("--config", "c.toml", "--experiment", "hard-mining", "--samples", "1,1,3000").stdout.decode()
        self.assertIn("| O-Net without hard mining | ", table)
        trials = json.loads((self.folder / "out/experiment-hard-mining.json").read_text())["trials"]
        self.assertEqual(len(trials), 2)
        for trial in trials:
            self.assertGreater(trial["accuracy"], .9, trial)  # .75 by always saying "no"
            self.assertEqual(len(trial["curve"]), 10)
        chart = xml.etree.ElementTree.parse(self.folder / "out/experiment-hard-mining.svg").getroot()
        svg = "{http://www.w3.org/2000/svg}"
        self.assertEqual(chart.tag, svg + "svg")
        curves = [path for path in chart.iter(svg + "path") if path.get("class").startswith("line")]
        self.assertEqual(len(curves), 2)
        words = [text.text for text in chart.iter(svg + "text")]
        self.assertIn("O-Net without hard mining", words)
        # Other settings, the same folder: no.
        self.config(more="seed = 2\n")
        refused = self.train("--config", "c.toml", status=2).stderr.decode()
        self.assertIn("holds a training with other settings", refused)


class TrainTest(Workshop):
    def test_a_stopped_stage_goes_on_where_it_was(self):
        self.config(p=4e6)
        command = [PROGRAM, "train", "--config", "c.toml", "--stage", "pnet"]
        running = self.begin(command)
        self.wait_for_a_step(running)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 1)
        self.assertIn(b"stopped", errors)
        self.assertTrue((self.folder / "out/pnet.checkpoint").exists())
        head = json.loads((self.folder / "out/pnet.checkpoint").read_bytes().split(b"\n", 1)[0])
        self.assertGreater(head["step"], 0)
        running = self.begin(command)
        self.wait_for_a_note(running, b"on from step %d" % head["step"])
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)
        # A checkpoint that is damaged is named.
        data = (self.folder / "out/pnet.checkpoint").read_bytes()
        flipped = bytearray(data)
        flipped[len(data) * 3 // 4] ^= 1
        for damaged in (data[:len(data) // 2], bytes(flipped)):
            (self.folder / "out/pnet.checkpoint").write_bytes(damaged)
            self.assertIn("pnet.checkpoint: not a checkpoint", self.train("--config", "c.toml", status=1).stderr.decode())
        # So is one that learned from other faces, and a net that stays though its settings were others.
        (self.folder / "out/pnet.checkpoint").write_bytes(data)
        lines = (self.folder / "train.txt").read_text().splitlines()
        at = max(i for i, line in enumerate(lines) if not line.startswith("#"))
        (self.folder / "train.txt").write_text("\n".join(lines[:at] + lines[at + 1:]) + "\n")
        self.assertIn("other photographs or labels", self.train("--config", "c.toml", status=2).stderr.decode())
        self.config(p=5e6)
        refused = self.train("--config", "c.toml", "--stage", "rnet", "--restart", status=2).stderr.decode()
        self.assertIn("the nets before R-Net were trained with other settings", refused)
        self.assertTrue((self.folder / "out/pnet.checkpoint").exists())

    def test_two_processes_train_together_and_go_on_together(self):
        mpirun = shutil.which("mpirun")
        if mpirun is None:
            self.skipTest("no mpirun")
        # Two processes on however many cores there are; as root in containers.
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                           OMPI_MCA_rmaps_base_oversubscribe="1", OMP_NUM_THREADS="1")
        command = [mpirun, "-n", "2", PROGRAM, "train", "--config", "c.toml", "--stage", "pnet", "--threads", "1"]
        self.config(p=20000)

        def stop(running):
            """Tells the processes themselves: mpirun would kill them a second later."""
            for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
                try:
                    parent = int(entry.read_text().rpartition(")")[2].split()[1])
                    if parent == running.pid:
                        os.kill(int(entry.parent.name), signal.SIGTERM)
                except (OSError, ValueError):  # gone by now
                    pass

        # Two processes make one training: 20,000 samples in batches of 256 and a little.
        running = self.begin(command, environment)
        _, errors = running.communicate(timeout=300)
        if b"this build has no MPI" in errors:
            self.skipTest("built without MPI")
        self.assertEqual(running.returncode, 0, errors.decode()[-3000:])
        self.assertEqual([l["ranks"] for l in self.metrics() if l["event"] == "start"], [2])
        whole = [l for l in self.metrics() if l["event"] == "step"][-1]
        self.assertAlmostEqual(whole["samples"], 20000, delta=300)
        self.assertEqual(sum(l["event"] == "mined" for l in self.metrics()), 1)
        self.assertTrue((self.folder / "out/pnet.safetensors").exists())

        shutil.rmtree(self.folder / "out")
        self.config(p=4e6)
        running = self.begin(command, environment)
        self.wait_for_a_step(running)
        stop(running)
        running.communicate(timeout=120)
        self.assertNotEqual(running.returncode, 0)
        head = json.loads((self.folder / "out/pnet.checkpoint").read_bytes().split(b"\n", 1)[0])
        self.assertGreater(head["step"], 0)
        running = self.begin(command, environment)
        self.wait_for_a_note(running, b"on from step %d" % head["step"])
        stop(running)
        running.communicate(timeout=120)

    def test_calibration_nets_learn_without_a_model(self):
        self.config()
        table = self.train("--config", "c.toml", "--experiment", "calibration", "--samples", "40000,1,1").stdout.decode()
        self.assertIn("| 48-calibration-net | ", table)
        trials = json.loads((self.folder / "out/experiment-calibration.json").read_text())["trials"]
        self.assertEqual([t["name"] for t in trials], ["12-calibration-net", "24-calibration-net", "48-calibration-net"])
        # One in 45 by chance; the others have learned from ten batches only.
        self.assertGreater(trials[0]["accuracy"], .1, trials)

    def test_wrong_usage(self):
        self.assertIn("--config is missing", self.train(status=2).stderr.decode())
        self.assertIn("nowhere.toml", self.train("--config", "nowhere.toml", status=2).stderr.decode())
        self.config(more="sed = 2\n")
        self.assertIn("c.toml:1: there is no key \"sed\"", self.train("--config", "c.toml", status=2).stderr.decode())
        self.config()
        self.assertIn("R-Net needs a trained P-Net", self.train("--config", "c.toml", "--stage", "rnet", status=2).stderr.decode())
        shutil.move(self.folder / "images", self.folder / "elsewhere")
        self.assertIn('set "images": none of its 16 images is in', self.train("--config", "c.toml", status=1).stderr.decode())
        (self.folder / "train.txt").unlink()
        self.assertIn("train.txt", self.train("--config", "c.toml", status=1).stderr.decode())

    def test_init_writes_a_config_that_is_read(self):
        self.train("--init", "mine.toml")
        text = (self.folder / "mine.toml").read_text()
        self.assertIn("[onet]", text)
        self.assertIn("is there already", self.train("--init", "mine.toml", status=1).stderr.decode())
        self.assertEqual((self.folder / "mine.toml").read_text(), text)
        # Its sets are examples: what is missing is the photographs, not a setting.
        self.assertIn("labels.txt", self.train("--config", "mine.toml", status=1).stderr.decode())


def overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / area


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
