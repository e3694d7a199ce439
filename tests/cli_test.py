"""Runs the `mtcnn` program as a user does and checks what comes out.

Usage: cli_test.py PROGRAM [unittest arguments]. Only the standard library is needed. The model comes
from the released weights under MTCNN_SHARED_DIR (default: ../shared beside the source folder); without
them the test says so and exits with status 77.
"""

import csv
import hashlib
import io
import json
import math
import os
import pathlib
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

SOURCE = pathlib.Path(__file__).resolve().parent.parent
SHARED = pathlib.Path(os.environ.get("MTCNN_SHARED_DIR", SOURCE.parent / "shared"))
WEIGHTS = SHARED / "weights" / "release"
PHOTOS = SHARED / "reference" / "images"
PROGRAM = ""
MODEL = ""

PHOTO = "vga_1_four.png"  # small, with several faces


def program(*arguments, stdin=None, cwd=None, model=True, env=None, timeout=900):
    """Runs the program to its end; output as bytes. The model comes in through the environment."""
    environment = {k: v for k, v in os.environ.items() if k != "MTCNN_MODEL"}
    if model:
        environment["MTCNN_MODEL"] = MODEL
    environment.update(env or {})
    return subprocess.run([PROGRAM, *map(str, arguments)], input=stdin if stdin is not None else b"",
                          capture_output=True, cwd=cwd, env=environment, timeout=timeout)


def ppm(width, height, value=lambda x, y: (x * 5 % 256, y * 3 % 256, (x + y) % 256)):
    pixels = b"".join(bytes(value(x, y)) for y in range(height) for x in range(width))
    return b"P6 %d %d 255\n" % (width, height) + pixels


def pgm(width, height):
    return b"P5 %d %d 255\n" % (width, height) + bytes(x * y % 256 for y in range(height) for x in range(width))


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, declared=None):
    """An RGB image of one colour; `declared` is the size that its header pretends."""
    rows = b"".join(b"\0" + b"\x40\x80\xc0" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", *(declared or (width, height)), 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) +
            png_chunk(b"IEND", b""))


def image_size(path):
    """Width and height of a PNG file, whose signature it must have."""
    data = pathlib.Path(path).read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n"), path
    return struct.unpack(">II", data[16:24])


def records(output):
    """The JSON Lines of `output`, each a complete line."""
    text = output.decode()
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


class CliTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mtcnn-cli-"))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def write(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def photo(self, name=PHOTO):
        """A copy of the photograph with faces, in this test's folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PHOTOS / PHOTO, path)
        return path

    def run_here(self, *arguments, **named):
        return program(*arguments, cwd=self.folder, **named)

    def expect(self, status, *arguments, **named):
        done = self.run_here(*arguments, **named)
        self.assertEqual(done.returncode, status, (arguments, done.stdout[-2000:], done.stderr[-2000:]))
        return done


    def test_bench(self):
        photo = self.photo()
        quick = ("--sizes", "320x240", "--seconds", ".001", "--json", photo)
        cells = json.loads(self.expect(0, "bench", "--min-face", "20,40", "--threads", "1,2", *quick).stdout)
        self.assertEqual([(c["min_face"], c["threads"]) for c in cells], [(20, 1), (20, 2), (40, 1), (40, 2)])
        for cell in cells:
            low, high = cell["seconds"]["quartiles"]
            self.assertTrue(0 < low <= cell["seconds"]["median"] <= high)
            self.assertEqual((cell["width"], cell["height"]), (320, 240))
        self.assertGreater(cells[0]["faces"], 0)
        self.assertEqual(cells[0]["faces"], cells[1]["faces"])

        result = json.loads(self.expect(0, "bench", "--profile", "--min-face", 20, *quick).stdout)
        self.assertGreater(result["memory_bandwidth"], 1e8)
        profile = result["profiles"][0]
        parts = {(part["stage"], part["part"]): part for part in profile["parts"]}
        # 144 multiplications and additions for each of 32 outputs: conv3 over heads, 32 for each of 6.
        cells_seen = parts["P-Net", "heads"]["flop"] / (2 * 32 * 6)
        # Where P-Net is screened, of the cells that are computed again.
        conv3 = parts.get(("P-Net", "conv3")) or parts["P-Net", "conv3 again"]
        self.assertEqual(conv3["flop"], 2 * 144 * 32 * cells_seen)
        self.assertEqual(parts["O-Net", "dense5"]["flop"] / (2 * 1152 * 256) % 1, 0)
        seconds = sum(part["seconds"] for part in profile["parts"])
        self.assertTrue(0.7 * profile["seconds"] < seconds < 1.1 * profile["seconds"], (seconds, profile["seconds"]))

        sets = json.loads(self.expect(0, "bench", "--kernels", "--min-face", 40, *quick).stdout)
        self.assertEqual(sets[0]["instruction_set"], "scalar")
        self.assertEqual(len({entry["instruction_set"] for entry in sets}), len(sets))
        self.assertIn(b"GFLOP/s", self.expect(0, "bench", "--profile", "--seconds", ".001", photo, "--sizes", "vga").stdout)
        self.expect(2, "bench")
        self.assertIn(b"--sizes", self.expect(2, "bench", "--sizes", "huge", photo).stderr)
        self.assertIn(b"--min-face", self.expect(2, "bench", "--min-face", "1", photo).stderr)
        self.assertIn(b"missing.jpg", self.expect(1, "bench", "missing.jpg").stderr)

    def detect(self, *arguments, status=0, **named):
        return records(self.expect(status, "detect", "--json", *arguments, **named).stdout)

    # Help, version, usage

    def test_help(self):
        main = self.expect(0, "--help")
        for word in (b"detect", b"convert", b"inspect", b"Examples"):
            self.assertIn(word, main.stdout)
        self.assertEqual(main.stderr, b"")
        self.assertEqual(self.expect(0, "help").stdout, main.stdout)
        for command in ("detect", "convert", "inspect"):
            text = self.expect(0, command, "--help").stdout
            self.assertIn(b"Examples:", text)
            self.assertIn(b"Exit status", text)
            self.assertEqual(self.expect(0, "help", command).stdout, text)
        detect = self.expect(0, "detect", "--help").stdout
        for flag in ("--model --min-face --max-face --factor --thresholds --nms-level --nms-pyramid --nms-rnet "
                     "--nms-onet --max-candidates --threads --roi --resize --clip --mirror-landmarks --lnet "
                     "--largest --isa --json --csv --output --resume --draw --crops --crop-size --crop-margin "
                     "--trace --max-pixels").split():
            self.assertIn(flag.encode(), detect)

    def test_version(self):
        self.assertRegex(self.expect(0, "--version").stdout, rb"^mtcnn \d+\.\d+\.\d+\n$")

    def test_wrong_usage(self):
        image = self.write("a.ppm", ppm(8, 8))
        (self.folder / "empty").mkdir()
        for arguments in (
                (), ("frobnicate",), ("--frobnicate",), ("a.ppm",),
                ("detect",), ("detect", image, "--frobnicate"), ("detect", image, "--min-face"),
                ("detect", image, "--min-face", "x"), ("detect", image, "--min-face", "1"),
                ("detect", image, "--min-face", "nan"), ("detect", image, "--factor", "1.5"),
                ("detect", image, "--thresholds", ".6,.7"), ("detect", image, "--thresholds", ".6,.7,2"),
                ("detect", image, "--thresholds", ".6 .7 .7"), ("detect", image, "--nms-level", "-1"),
                ("detect", image, "--roi", "1,2,3"), ("detect", image, "--resize", "64"),
                ("detect", image, "--resize", "0x5"), ("detect", image, "--max-candidates", "1,2"),
                ("detect", image, "--max-candidates", "-1"), ("detect", image, "--threads", "-1"),
                ("detect", image, "--isa", "abacus"), ("detect", image, "--max-pixels", "0"),
                ("detect", image, "--json", "--csv"), ("detect", image, "--resume"),
                ("detect", image, "--resume", "--json"), ("detect", image, "--resume", "--csv", "-o", "x"),
                ("detect", image, "--crops", "c", "--crop-size", "2x2"),
                ("detect", image, "--crops", "c", "--crop-margin", "9"),
                ("detect", image, "-o", "missing/out"), ("detect", image, "--draw", "a.ppm"),
                ("detect", "empty"), ("detect", "-"),
                ("detect", image, "--model", "missing.safetensors"), ("detect", image, "--model", image),
                ("convert",), ("convert", "a.ppm"), ("inspect", "a", "b"), ("inspect", "--frobnicate")):
            done = self.expect(2, *arguments)
            if arguments:
                self.assertEqual(done.stdout, b"", arguments)
                self.assertTrue(done.stderr.startswith(b"mtcnn"), arguments)

    def test_messages_name_the_options(self):
        image = self.write("a.ppm", ppm(8, 8))
        for option, value in (("--min-face", "1"), ("--max-face", "5"), ("--factor", "1.5"), ("--nms-level", "-1"),
                              ("--nms-pyramid", "-1"), ("--nms-rnet", "2"), ("--nms-onet", "nan"),
                              ("--roi", "9,0,1,8"), ("--resize", "99999x5"), ("--isa", "abacus"),
                              ("--thresholds", "-.1,.5,.5")):
            done = self.expect(2, "detect", image, option, value)
            self.assertIn(f"mtcnn detect: {option} ".encode(), done.stderr)
            self.assertNotIn(b"_", done.stderr)
        for option, value in (("--threads", "1.5"), ("--threads", "2000"), ("--max-pixels", "1e9"),
                              ("--max-pixels", "0"), ("--max-pixels", "99999999999999999999"), ("--max-pixels", "010")):
            done = self.expect(2, "detect", image, option, value)
            self.assertIn(f"{option}: '{value}', expected a whole number from ".encode(), done.stderr)
        for arguments in (("detect", image), ("eval", "boxes", "--images", ".", "--labels", "y", "--format", "coco")):
            self.assertIn(b"largest", self.expect(2, *arguments, "--largest=3").stderr)
        self.assertIn(b"mtcnn detect: --lnet ", self.expect(2, "detect", image, "--lnet", model=False).stderr)
        self.write("det1.caffemodel", b"weights of others")
        self.assertIn(b"mtcnn convert", self.expect(2, "detect", image, "--model", "det1.caffemodel").stderr)
        self.assertIn(b"a.ppm: is an input", self.expect(2, "detect", image, "--draw", "a.ppm").stderr)

    def test_wrong_usage_leaves_nothing_behind(self):
        image = self.write("a.ppm", ppm(8, 8))
        for wrong in (("--model", "missing.safetensors"), ("--min-face", "1"), ("--crop-size", "3x3")):
            self.expect(2, "detect", image, "--draw", "drawn", "--crops", "cut", "-o", "out.csv", *wrong)
            for name in ("drawn", "cut", "out.csv"):
                self.assertFalse((self.folder / name).exists(), (wrong, name))
        self.expect(2, "detect", image, "--draw", "new/drawn", "--crops", "cut", "-o", "nowhere/out.csv")
        for name in ("new", "cut"):
            self.assertFalse((self.folder / name).exists(), name)
        self.expect(2, "detect", "-", "--draw", "new/drawn", "--crops", "cut", "-o", "out.csv", stdin=b"")
        for name in ("new", "cut", "out.csv"):
            self.assertFalse((self.folder / name).exists(), name)

    def test_no_model(self):
        image = self.write("a.ppm", ppm(8, 8))
        done = self.run_here("detect", image, model=False)
        if done.returncode != 0:  # a build with a model of its own needs none
            self.assertEqual(done.returncode, 2)
            self.assertIn(b"mtcnn convert", done.stderr)
            self.assertIn(b"--model", done.stderr)
        self.expect(0, "detect", image, "--model", MODEL, model=False)

    # Output

    def check_face(self, face):
        self.assertEqual(list(face), ["box", "score", "landmarks"])
        self.assertEqual(len(face["box"]), 4)
        left, top, right, bottom = face["box"]
        self.assertLess(left, right)
        self.assertLess(top, bottom)
        self.assertTrue(0 < face["score"] <= 1)
        self.assertEqual([len(point) for point in face["landmarks"]], [2] * 5)
        for value in (*face["box"], face["score"], *(c for point in face["landmarks"] for c in point)):
            self.assertTrue(math.isfinite(value))
        (left_eye, right_eye, _, left_mouth, _) = face["landmarks"]
        self.assertLess(left_eye[0], right_eye[0])
        self.assertLess(left_eye[1], left_mouth[1])

    def test_json(self):
        self.photo("p.png")
        done = self.expect(0, "detect", "--json", "p.png")
        (record,) = records(done.stdout)
        self.assertEqual(list(record), ["path", "width", "height", "faces"])
        self.assertEqual(record["path"], "p.png")
        self.assertEqual((record["width"], record["height"]), image_size(self.folder / "p.png"))
        self.assertGreaterEqual(len(record["faces"]), 2)
        for face in record["faces"]:
            self.check_face(face)
        scores = [face["score"] for face in record["faces"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertEqual(done.stderr, b"")  # no progress bar but on a terminal
        # Every number is the shortest that gives the same 32-bit float back.
        for number in re.findall(rb"-?\d+\.\d+(?:e-?\d+)?", done.stdout):
            digits = number.decode()
            self.assertLessEqual(len(digits.split("e")[0].replace("-", "").replace(".", "").strip("0")), 9, digits)

    def test_csv(self):
        names = ["p.png", 'odd, "name".png', "no face.ppm"]
        self.photo(names[0])
        self.photo(names[1])
        self.write(names[2], ppm(30, 30))
        expected = self.detect(*names)
        done = self.expect(1, "detect", "--csv", *names, "missing.png")
        self.assertIn(b"mtcnn: missing.png: ", done.stderr)
        rows = list(csv.DictReader(io.StringIO(done.stdout.decode(), newline="")))
        self.assertEqual(len(rows), sum(len(record["faces"]) for record in expected))
        at = 0
        for record in expected:
            for number, face in enumerate(record["faces"], 1):
                row = rows[at]
                at += 1
                self.assertEqual((row["path"], row["face"]), (record["path"], str(number)))
                self.assertEqual((row["width"], row["height"]), (str(record["width"]), str(record["height"])))
                self.assertEqual(float32(float(row["score"])), float32(face["score"]))
                for key, value in zip(("left", "top", "right", "bottom"), face["box"]):
                    self.assertEqual(float32(float(row[key])), float32(value))
                for key, point in zip(("left_eye", "right_eye", "nose", "left_mouth", "right_mouth"),
                                      face["landmarks"]):
                    self.assertEqual([float32(float(row[f"{key}_{axis}"])) for axis in "xy"],
                                     [float32(value) for value in point])
        self.assertEqual(len(self.expect(0, "detect", "--csv", "no face.ppm").stdout.splitlines()), 1)

    def test_table(self):
        self.photo("p.png")
        self.write("none.ppm", ppm(30, 30))
        (record,) = self.detect("p.png")
        text = self.expect(0, "detect", "p.png", "none.ppm").stdout.decode()
        self.assertIn(f"p.png  {record['width']} x {record['height']}, {len(record['faces'])} faces\n", text)
        self.assertIn("none.ppm  30 x 30, 0 faces\n", text)
        self.assertIn(f"2 images, {len(record['faces'])} faces\n", text)
        self.assertIn("left eye", text)
        self.assertEqual(len(re.findall(r"^ +\d+  \d\.\d{4}  ", text, re.M)), len(record["faces"]))

    def test_output_file(self):
        self.photo("p.png")
        expected = self.expect(0, "detect", "--json", "p.png").stdout
        self.write("out.txt", b"old content, longer than what comes\n" * 1000)
        self.assertEqual(self.expect(0, "detect", "--json", "p.png", "-o", "out.txt").stdout, b"")
        self.assertEqual((self.folder / "out.txt").read_bytes(), expected)
        self.expect(0, "detect", "p.png", "-o", "out.jsonl")
        self.assertEqual((self.folder / "out.jsonl").read_bytes(), expected)
        self.expect(0, "detect", "p.png", "-o", "out.csv")
        self.assertTrue((self.folder / "out.csv").read_bytes().startswith(b"path,"))
        self.assertEqual(self.expect(0, "detect", "--json", "p.png", "-o", "-").stdout, expected)

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        self.write("a.ppm", ppm(30, 30))
        done = self.expect(1, "detect", "--json", "a.ppm", "-o", "/dev/full")
        self.assertIn(b"/dev/full", done.stderr)

    def test_closed_output(self):
        self.write("a.ppm", ppm(30, 30))
        for restore in (True, False):  # with SIGPIPE as usual, and ignored
            running = subprocess.Popen(
                [PROGRAM, "detect", "--json", "--model", MODEL] + ["a.ppm"] * 3000, cwd=self.folder,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, restore_signals=restore)
            self.assertTrue(running.stdout.readline().startswith(b'{"path"'))
            running.stdout.close()
            self.assertEqual(running.stderr.read(), b"")
            running.stderr.close()
            self.assertEqual(running.wait(60), 0)

    def test_lines_come_at_once(self):
        self.write("a.ppm", ppm(30, 30))
        running = subprocess.Popen([PROGRAM, "detect", "--json", "--model", MODEL, "-"], cwd=self.folder,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(3):
            running.stdin.write(b"a.ppm\n")
            running.stdin.flush()
            ready, _, _ = select.select([running.stdout], [], [], 60)
            self.assertTrue(ready, "no line although the image is done")
            self.assertEqual(json.loads(running.stdout.readline())["path"], "a.ppm")
        running.stdin.close()
        self.assertEqual(running.stdout.read(), b"")
        running.stdout.close()
        self.assertEqual(running.wait(60), 0)

    def on_terminal(self, *arguments):
        """Standard output and error when both are one terminal."""
        leader, follower = pty.openpty()
        running = subprocess.Popen([PROGRAM, *arguments, "--model", MODEL], cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stdout=follower, stderr=follower, env={**os.environ, "TERM": "xterm"})
        os.close(follower)
        text = b""
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            text += part
        os.close(leader)
        self.assertEqual(running.wait(60), 0)
        return text.decode()

    def test_terminal(self):
        for i in range(5):
            self.write(f"{i}.ppm", ppm(30, 30))
        text = self.on_terminal("detect", ".")
        self.assertIn("5/5  100 %", text)
        self.assertIn("images/s", text)
        # What stays on the screen once every removed line is gone.
        shown = re.sub(r"[^\n]*\r\x1b\[K", "", text).replace("\r\n", "\n")
        self.assertEqual(shown, self.expect(0, "detect", ".").stdout.decode())
        self.assertNotIn("images/s", self.on_terminal("detect", ".", "--no-progress"))

    # Inputs

    def test_bad_inputs_among_good_ones(self):
        self.photo("good1.png")
        self.photo("good2.png")
        whole = (PHOTOS / PHOTO).read_bytes()
        self.write("cut.png", whole[:len(whole) // 3])
        self.write("text.jpg", b"this is no image\n")
        self.write("empty.png", b"")
        self.write("huge.png", png(1, 1, declared=(100000, 100000)))
        self.write("forbidden.png", whole)
        names = ["good1.png", "missing.png", "cut.png", "text.jpg", "empty.png", "huge.png", "good2.png"]
        done = self.expect(1, "detect", "--json", *names)
        found = records(done.stdout)
        self.assertEqual([record["path"] for record in found], names)
        for record in found:
            if record["path"].startswith("good"):
                self.assertGreater(len(record["faces"]), 0)
                continue
            self.assertEqual(list(record), ["path", "error"])
            self.assertTrue(record["error"])
            self.assertFalse(record["error"].startswith(record["path"]))
            self.assertIn(f"mtcnn: {record['path']}: {record['error']}\n", done.stderr.decode())
        self.assertEqual(len(done.stderr.splitlines()), 5)
        table = self.expect(1, "detect", *names)
        self.assertIn(b"7 images", table.stdout)
        self.assertIn(b"5 failed", table.stdout)
        # The limit on the size is the user's.
        self.detect("good1.png", "--max-pixels", 1000, status=1)

    def test_unreadable(self):
        if os.geteuid() == 0:
            self.skipTest("root reads everything")
        self.photo("p/a.png").chmod(0)
        self.write("p/sub/b.ppm", ppm(8, 8))
        (self.folder / "p/sub").chmod(0)
        try:
            found = self.detect("p", status=1)
        finally:
            (self.folder / "p/sub").chmod(0o700)
        self.assertEqual(["error" in record for record in found], [True, True])

    def test_folders_lists_patterns(self):
        names = ["a.ppm", "sub/b.PPM", "sub/deep/c.pgm", "z.png"]
        self.write("t/a.ppm", ppm(8, 8))
        self.write("t/sub/b.PPM", ppm(8, 8))
        self.write("t/sub/deep/c.pgm", pgm(8, 8))
        self.write("t/z.png", png(8, 8))
        self.write("t/readme.txt", b"not an image")
        os.symlink("..", self.folder / "t/sub/loop")
        paths = lambda *arguments, **named: [record["path"] for record in self.detect(*arguments, **named)]
        expected = [f"t/{name}" for name in names]
        self.assertEqual(paths("t"), expected)
        self.assertEqual(paths("t/"), expected)
        self.assertEqual(paths(self.folder / "t"), [str(self.folder / path) for path in expected])
        self.assertEqual(paths("-", stdin=b"t/z.png\nt/sub\n\n"), ["t/z.png", "t/sub/b.PPM", "t/sub/deep/c.pgm"])
        self.assertEqual(paths("-0", "-", stdin=b"t/z.png\0t/a.ppm"), ["t/z.png", "t/a.ppm"])
        # A list from Windows.
        self.assertEqual(paths("-", stdin=b"t/z.png\r\n\r\nt/a.ppm\r\n"), ["t/z.png", "t/a.ppm"])
        self.assertEqual(paths("t/*.p?m"), ["t/a.ppm"])
        self.assertEqual(paths("t/a.ppm", "t/a.ppm", "t"), ["t/a.ppm", "t/a.ppm", *expected])
        self.assertEqual(paths("nothing*.png", "t/a.ppm", status=1), ["nothing*.png", "t/a.ppm"])
        self.assertEqual(paths("-", stdin=b"t/*.p?m\n", status=1), ["t/*.p?m"])

    def test_odd_names(self):
        names = ["with space.png", "Grüße 顔.png", "new\nline.png", "./-dash.png", "[2020]", "[b].png", "a,b;c.png",
                 "quote\"'.png", "star*.png", "inspect", "-- x.png", "ünï/[x]/y.png"]
        for name in names:
            self.write(name, png(40, 30))
        expected = names[:4] + [name for name in names[4:]]
        found = self.detect(*names, "--draw", "[out]", "--crops", "[crops]")
        self.assertEqual([record["path"] for record in found], expected)
        self.assertTrue((self.folder / "[out]" / "Grüße 顔.png").exists())
        self.assertEqual([record["path"] for record in self.detect("--", "-dash.png")], ["-dash.png"])
        # Messages stay on one line.
        done = self.expect(1, "detect", "--json", "no\nsuch\x1b[31m.png")
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertNotIn(b"\x1b", done.stderr)
        self.assertEqual(records(done.stdout)[0]["path"], "no\nsuch\x1b[31m.png")
        # A name that is not UTF-8 is read all the same; JSON can only hint at it.
        raw = os.fsencode(str(self.folder)) + b"/\xff.png"
        with open(raw, "wb") as file:
            file.write(png(8, 8))
        done = subprocess.run([os.fsencode(PROGRAM), b"detect", b"--json", b"--model", os.fsencode(MODEL), raw],
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(records(done.stdout)[0]["path"].endswith("/\ufffd.png"))

    def test_small_and_grey_images(self):
        self.write("one.ppm", ppm(1, 1))
        self.write("grey.pgm", pgm(64, 48))
        self.write("thin.ppm", ppm(300, 1))
        found = self.detect("one.ppm", "grey.pgm", "thin.ppm", "--draw", "d", "--crops", "c", "--trace")
        self.assertEqual([(record["width"], record["height"]) for record in found], [(1, 1), (64, 48), (300, 1)])
        self.assertEqual([record["faces"] for record in found], [[], [], []])
        self.assertTrue((self.folder / "d/one.ppm").exists())
        self.assertEqual(image_size(self.folder / "d/grey.png"), (64, 48))

    # Many files

    def test_order_and_threads(self):
        names = []
        for i in range(40):
            name = f"{i:02d}.ppm" if i % 8 else f"{i:02d}.png"
            if i % 8:
                self.write(name, ppm(20 + 7 * (40 - i), 30))
            else:
                self.photo(name)
            names.append(name)
        single = self.expect(0, "detect", "--json", *names, "--threads", 1).stdout
        self.assertEqual([record["path"] for record in records(single)], names)
        for threads in (2, 5, 0):
            self.assertEqual(self.expect(0, "detect", "--json", *names, "--threads", threads).stdout, single)
        # Fewer files than threads: they share each detection.
        self.assertEqual(self.expect(0, "detect", "--json", names[0], "--threads", 4).stdout,
                         self.expect(0, "detect", "--json", names[0], "--threads", 1).stdout)

    def test_resume(self):
        names = [f"{i}.png" for i in range(6)]
        for name in names:
            self.photo(name)
        self.write("bad.png", b"not an image")
        self.expect(0, "detect", "--json", *names, "-o", "whole.jsonl")
        whole = (self.folder / "whole.jsonl").read_bytes()
        line = len(whole) // 6
        out = self.folder / "out.jsonl"
        for cut in (0, 1, line - 1, line, line + 1, 3 * line + line // 2, len(whole) - 1, len(whole)):
            out.write_bytes(whole[:cut])
            self.expect(0, "detect", "--json", *names, "-o", "out.jsonl", "--resume")
            self.assertEqual(out.read_bytes(), whole, cut)
        # Done ones are not touched again: the image may even have become unreadable.
        self.write(names[0], b"broken since")
        self.expect(0, "detect", "--json", *names, "-o", "out.jsonl", "--resume")
        self.assertEqual(out.read_bytes(), whole)
        # Failed ones are tried again, and have one line in the end.
        self.expect(1, "detect", "--json", "bad.png", "1.png", "-o", "out.jsonl")
        self.assertEqual(len(records(out.read_bytes())), 2)
        self.expect(1, "detect", "--json", "bad.png", "1.png", "-o", "out.jsonl", "--resume")
        self.assertEqual(["error" in record for record in records(out.read_bytes())], [False, True])
        self.photo("bad.png")
        self.expect(0, "detect", "--json", "bad.png", "1.png", "-o", "out.jsonl", "--resume")
        self.assertEqual([record["path"] for record in records(out.read_bytes())], ["1.png", "bad.png"])
        self.assertFalse(any("error" in record for record in records(out.read_bytes())))
        # Named twice is done twice.
        out.unlink()
        self.expect(0, "detect", "--json", "1.png", "-o", "out.jsonl")
        self.expect(0, "detect", "--json", "1.png", "1.png", "-o", "out.jsonl", "--resume")
        self.assertEqual(len(records(out.read_bytes())), 2)
        # Wrong usage changes nothing.
        self.write("bad.png", b"not an image")
        self.expect(1, "detect", "--json", "bad.png", "1.png", "-o", "out.jsonl")
        before = out.read_bytes()
        self.expect(2, "detect", "--json", "bad.png", "1.png", "-o", "out.jsonl", "--resume", "--min-face", 1)
        self.assertEqual(out.read_bytes(), before)
        # A file of another kind is not destroyed.
        for content in (b"precious notes", b"precious notes\n", whole + b"precious\n"):
            out.write_bytes(content)
            self.expect(2, "detect", "--json", *names, "-o", "out.jsonl", "--resume")
            self.assertEqual(out.read_bytes(), content)

    def test_killed_and_resumed(self):
        names = [f"{i}.png" for i in range(8)]
        for name in names:
            self.photo(name)
        self.expect(0, "detect", "--json", *names, "-o", "whole.jsonl")
        out = self.folder / "out.jsonl"
        running = subprocess.Popen([PROGRAM, "detect", "--model", MODEL, "--threads", "1", "--json", "-o", out, *names],
                                   cwd=self.folder)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (out.exists() and out.stat().st_size > 0):
            time.sleep(.002)
        running.kill()
        running.wait()
        self.assertGreater(out.stat().st_size, 0)
        self.expect(0, "detect", "--json", *names, "-o", "out.jsonl", "--resume")
        self.assertEqual(out.read_bytes(), (self.folder / "whole.jsonl").read_bytes())

    # Pictures

    def test_pictures(self):
        for name in ("in/a/x.png", "in/b/x.png", "in/b/x.ppm", "y.png"):
            if name.endswith(".ppm"):
                self.write(name, ppm(40, 40))
            else:
                self.photo(name)
        hashes = lambda: {path: hashlib.sha256(path.read_bytes()).hexdigest()
                          for path in sorted(self.folder.rglob("*"))
                          if path.is_file() and "out" not in path.parts and "crops" not in path.parts}
        before = hashes()
        found = self.detect("in", "y.png", "in/a/x.png", "--draw", "out", "--crops", "crops", "--crop-size", "96x112",
                            "--crop-margin", ".1")
        self.assertEqual(hashes(), before)
        drawn = sorted(str(path.relative_to(self.folder / "out")) for path in (self.folder / "out").rglob("*.*"))
        self.assertEqual(drawn, ["a/x.png", "b/x-2.ppm", "b/x.png", "x.png", "y.png"])
        faces = len(found[0]["faces"])
        self.assertGreaterEqual(faces, 2)
        crops = sorted(str(path.relative_to(self.folder / "crops")) for path in (self.folder / "crops").rglob("*.*"))
        self.assertEqual(crops, sorted(f"{stem}_face{i + 1}.png" for stem in ("a/x", "b/x", "x", "y")
                                       for i in range(faces)))
        for crop in crops:
            self.assertEqual(image_size(self.folder / "crops" / crop), (96, 112))
        self.assertEqual(image_size(self.folder / "out/y.png"), image_size(self.folder / "y.png"))
        self.assertNotEqual((self.folder / "out/y.png").read_bytes(), (self.folder / "y.png").read_bytes())

    def test_inputs_are_never_overwritten(self):
        original = self.photo("in/x.png").read_bytes()
        self.photo("in/deep/x.png")
        os.symlink("in", self.folder / "alias")
        for arguments in (("in", "--draw", "in"), ("in/x.png", "--draw", "alias"), ("in", "--crops", "alias/deep/.."),
                          ("in/deep", "--draw", "in"), ("in/x.png", "--json", "-o", "alias/x.png")):
            self.expect(2, "detect", *arguments)
        self.expect(1, "detect", "-", "--draw", "in", stdin=b"in/x.png\n")
        self.assertEqual((self.folder / "in/x.png").read_bytes(), original)
        # A link where the picture should go is replaced, not followed.
        (self.folder / "out").mkdir()
        os.symlink("../in/x.png", self.folder / "out/x.png")
        self.expect(0, "detect", "in/x.png", "--draw", "out")
        self.assertEqual((self.folder / "in/x.png").read_bytes(), original)
        self.assertNotEqual((self.folder / "out/x.png").read_bytes(), original)
        # The output folder inside the searched one is no input, however often this is run.
        for _ in range(2):
            self.assertEqual(len(self.detect("in", "--draw", "in/out")), 2)

    def test_trace(self):
        self.photo("p.png")
        (plain,) = self.detect("p.png")
        (record,) = self.detect("p.png", "--trace", "--draw", "out")
        self.assertEqual(list(record), ["path", "width", "height", "faces", "trace"])
        self.assertEqual(record["faces"], plain["faces"])
        trace = record["trace"]
        self.assertEqual(list(trace), ["levels", "proposals", "pnet", "rnet", "onet"])
        self.assertEqual(trace["onet"], [{"box": face["box"], "score": face["score"]} for face in record["faces"]])
        counts = [len(trace[stage]) for stage in ("proposals", "pnet", "rnet", "onet")]
        self.assertEqual(counts, sorted(counts, reverse=True))
        self.assertGreaterEqual(sum(level["candidates"] for level in trace["levels"]), counts[0])
        self.assertEqual(sorted(os.listdir(self.folder / "out")),
                         ["p.1-pnet-proposals.png", "p.2-pnet.png", "p.3-rnet.png", "p.4-onet.png", "p.png"])
        self.assertIn(f"{counts[1]:,} to R-Net, {counts[2]:,} to O-Net".encode(),
                      self.expect(0, "detect", "p.png", "--trace").stdout)

    # Options of the detector

    def test_detector_options(self):
        self.photo("p.png")
        (plain,) = self.detect("p.png")
        faces = plain["faces"]
        (largest,) = self.detect("p.png", "--largest")
        area = lambda face: (face["box"][2] - face["box"][0]) * (face["box"][3] - face["box"][1])
        self.assertEqual(largest["faces"], [max(faces, key=area)])
        width, height = plain["width"], plain["height"]
        (clipped,) = self.detect("p.png", "--clip")
        for face in clipped["faces"]:
            self.assertTrue(0 <= face["box"][0] and 0 <= face["box"][1] and face["box"][2] <= width and
                            face["box"][3] <= height)
        first = max(faces, key=area)["box"]
        roi = ",".join(map(str, (first[0] - 30, first[1] - 30, first[2] + 30, first[3] + 30)))
        (inside,) = self.detect("p.png", "--roi", roi)
        self.assertTrue(1 <= len(inside["faces"]) <= len(faces))
        centre = (inside["faces"][0]["box"][0] + inside["faces"][0]["box"][2]) / 2
        self.assertTrue(first[0] < centre < first[2])
        (none,) = self.detect("p.png", "--min-face", 20 + max(width, height))
        self.assertEqual(none["faces"], [])
        (small,) = self.detect("p.png", "--max-face", 20.5)
        self.assertLess(len(small["faces"]), len(faces))
        side = sorted(area(face) for face in faces)[len(faces) // 2] ** .5
        (small,) = self.detect("p.png", "--max-face", side)
        self.assertTrue(all(area(face) <= 1.0001 * side * side for face in small["faces"]))
        (strict,) = self.detect("p.png", "--thresholds", ".6,.7,1")
        self.assertEqual(strict["faces"], [])
        (capped,) = self.detect("p.png", "--max-candidates", "0,0,1")
        self.assertEqual(len(capped["faces"]), 1)
        (mirrored,) = self.detect("p.png", "--mirror-landmarks")
        self.assertEqual([face["box"] for face in mirrored["faces"]], [face["box"] for face in faces])
        self.assertNotEqual([face["landmarks"] for face in mirrored["faces"]], [face["landmarks"] for face in faces])
        (scalar,) = self.detect("p.png", "--isa", "scalar")
        self.assertEqual(len(scalar["faces"]), len(faces))
        for one, other in zip(scalar["faces"], faces):
            self.assertAlmostEqual(one["score"], other["score"], delta=1e-4)
        self.detect("p.png", "--resize", f"{width // 2}x{height // 2}", "--factor", ".8", "--nms-level", ".4",
                    "--nms-pyramid", ".6", "--nms-rnet", ".6", "--nms-onet", ".6", "--min-face", "30", "--threads", "2")

    # convert and inspect

    def test_convert_and_inspect(self):
        done = self.expect(0, "convert", WEIGHTS, "-o", "m.safetensors", model=False)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertIn(b"m.safetensors", done.stdout)
        info = json.loads(self.expect(0, "inspect", "--json", "m.safetensors").stdout)
        self.assertEqual([net["name"] for net in info["nets"]][:3], ["pnet", "rnet", "onet"])
        self.assertEqual([net["parameters"] for net in info["nets"]][:3], [6632, 100178, 389040])
        self.assertEqual(info["geometry"], "release")
        self.assertEqual(info["thresholds"], [.6, .7, .7])
        self.assertIn({"name": "pnet.conv1.weight", "shape": [10, 3, 3, 3]}, info["tensors"])
        self.assertEqual(sum(math.prod(tensor["shape"]) for tensor in info["tensors"]), info["parameters"])
        text = self.expect(0, "inspect", "m.safetensors").stdout
        for word in (b"389,040", b"pnet.conv1.weight", b"10 x 3 x 3 x 3", b"provenance", b"release"):
            self.assertIn(word, text)
        # A model file goes through unchanged, and is as good as the first.
        self.expect(0, "convert", "m.safetensors", "-o", "again.safetensors")
        self.photo("p.png")
        (one,) = self.detect("p.png", "--model", "m.safetensors")
        (two,) = self.detect("p.png", "--model", "again.safetensors")
        self.assertEqual(one, two)
        self.expect(0, "convert", "m.safetensors", "-o", "m.npz")
        self.assertTrue((self.folder / "m.npz").read_bytes().startswith(b"PK"))
        self.expect(0, "convert", "m.safetensors", "-o", "m.onnx")
        self.assertTrue((self.folder / "m.onnx" / "pnet.onnx").exists())
        # All files of the release, as a pattern names them.
        self.expect(0, "convert", *sorted(WEIGHTS.iterdir()), "-o", "pattern.safetensors", model=False)
        self.assertEqual((self.folder / "pattern.safetensors").read_bytes(),
                         (self.folder / "m.safetensors").read_bytes())
        # A folder of that name is a folder for ONNX.
        (self.folder / "folder.safetensors").mkdir()
        self.expect(0, "convert", "m.safetensors", "-o", "folder.safetensors")
        self.assertTrue((self.folder / "folder.safetensors" / "onet.onnx").exists())

    def test_convert_errors(self):
        shutil.copyfile(MODEL, self.folder / "m.safetensors")
        original = (self.folder / "m.safetensors").read_bytes()
        self.expect(2, "convert", "m.safetensors", "-o", "m.safetensors")
        self.expect(2, "convert", "m.safetensors", "-o", "./m.safetensors")
        self.assertEqual((self.folder / "m.safetensors").read_bytes(), original)
        self.expect(0, "convert", "m.safetensors", "-o", "onnx/")
        before = (self.folder / "onnx/pnet.onnx").read_bytes()
        self.expect(2, "convert", "onnx", "-o", "onnx")
        self.expect(2, "convert", "onnx", "-o", "onnx/")
        self.expect(2, "convert", "onnx/pnet.onnx", "onnx/rnet.onnx", "onnx/onet.onnx", "-o", "onnx/")
        self.assertEqual((self.folder / "onnx/pnet.onnx").read_bytes(), before)
        self.write("text.npy", b"no weights")
        done = self.expect(2, "convert", "missing", "-o", "o.frob")
        self.assertIn(b"o.frob", done.stderr)
        for arguments in (("missing", "-o", "o.safetensors"), ("text.npy", "-o", "o.safetensors"),
                          ("missing.prototxt", "m.safetensors", "-o", "o.safetensors"),
                          ("m.safetensors", "-o", "missing/o.safetensors")):
            done = self.expect(1, "convert", *arguments)
            self.assertTrue(done.stderr.startswith(b"mtcnn convert: "), arguments)
            self.assertEqual(done.stdout, b"")
        self.assertFalse((self.folder / "o.safetensors").exists())
        # An output that was there is replaced.
        self.write("old.safetensors", b"old")
        self.expect(0, "convert", "m.safetensors", "-o", "old.safetensors")
        self.assertEqual((self.folder / "old.safetensors").read_bytes(), original)
        self.write("cut.safetensors", original[:len(original) // 2])
        for bad in ("missing.safetensors", "cut.safetensors", "text.npy"):
            done = self.expect(1, "inspect", bad)
            self.assertIn(bad.encode(), done.stderr)
            self.expect(2, "detect", "m.safetensors", "--model", bad)


def main():
    global PROGRAM, MODEL
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv[1])
    if not WEIGHTS.is_dir() or not (PHOTOS / PHOTO).is_file():
        print("skipped: no reference data")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="mtcnn-cli-model-") as folder:
        MODEL = os.path.join(folder, "release.safetensors")
        converted = program("convert", WEIGHTS, "-o", MODEL, model=False)
        if converted.returncode != 0:
            sys.exit(f"can't convert {WEIGHTS}: {converted.stderr.decode()}")
        unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=1)


if __name__ == "__main__":
    main()
