"""Runs `mtcnn eval` as a user does and checks the figures, the messages and the files.

Usage: eval_cli_test.py PROGRAM [unittest arguments]. Only the standard library is needed. Small sets are
made up here; those with faces in them, and the benchmarks' own cases, come from MTCNN_SHARED_DIR (default:
../shared beside the source folder). Without it nothing of what it is about can be tested: it says so and exits
with status 77.
"""

import hashlib
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

SOURCE = pathlib.Path(__file__).resolve().parent.parent
SHARED = pathlib.Path(os.environ.get("MTCNN_SHARED_DIR", SOURCE.parent / "shared"))
WEIGHTS = SHARED / "weights" / "release"
PHOTOS = SHARED / "reference" / "images"
WIDER = SHARED / "reference" / "eval" / "wider"
FDDB = SHARED / "reference" / "eval" / "fddb"
PROGRAM = ""
MODEL = ""
PHOTO = "vga_1_four.png"


def program(*arguments, cwd=None, model=True):
    environment = {k: v for k, v in os.environ.items() if k != "MTCNN_MODEL"}
    if model:
        environment["MTCNN_MODEL"] = MODEL
    return subprocess.run([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, cwd=cwd,
                          env=environment, timeout=600)


class EvalTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mtcnn-eval-"))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def expect(self, status, *arguments, **named):
        done = program("eval", *arguments, cwd=self.folder, **named)
        self.assertEqual(done.returncode, status, (arguments, done.stdout[-2000:], done.stderr[-2000:]))
        return done

    def figures(self, *arguments, status=0, **named):
        return json.loads(self.expect(status, *arguments, "--json", **named).stdout)

    # Usage

    def test_help_and_usage(self):
        listed = self.expect(0, "--help").stdout.decode()
        for name in ("wider", "fddb", "boxes", "landmarks", "stages", "report"):
            self.assertIn(name, listed)
            self.assertIn("Usage", self.expect(0, name, "--help").stdout.decode())
        self.expect(2)
        self.expect(2, "frob")
        self.expect(2, "wider")
        self.expect(2, "wider", "--detections", "none", "--ground-truth", "none")
        self.small_wider()
        truth = ("--ground-truth", "truth.txt")
        self.assertIn(b"--detections or --images", self.expect(2, "wider", *truth).stderr)
        self.expect(2, "wider", *truth, "--detections", "det", "--output", "out")
        self.expect(2, "wider", *truth, "--detections", "det", "--resume")
        self.expect(2, "wider", *truth, "--detections", "det", "--name", "a", "--name", "b")
        self.expect(2, "wider", *truth, "--detections", "missing")
        self.expect(2, "wider", *truth, "--images", "missing")
        self.expect(2, "wider", *truth, "--images", ".", "--thresholds", ".6,.7,.7", "--score-threshold", ".5")
        self.expect(2, "wider", *truth, "--images", ".", "--model", "missing.safetensors")
        self.expect(2, "boxes", "--labels", "truth.txt", "--format", "frob", "--detections", "det")
        self.expect(2, "boxes", "--labels", "truth.txt", "--iou", "0", "--detections", "det")
        for how in ("labelled-box", "centre-crop"):
            self.assertIn(b"need a model", self.expect(2, "landmarks", "--labels", "truth.txt", "--detections",
                                                       "x.jsonl", "--missing", how).stderr)
        self.expect(2, "stages", "--labels", "truth.txt")

    # WIDER FACE

    def small_wider(self):
        """Two images; a.jpg has an easy and a merely hard face, b.jpg one of each subset."""
        self.write("truth.txt", "ev/a.jpg\n2\n10 10 40 40 1 1 1\n100 100 10 10 0 0 1\n"
                                "ev/b.jpg\n1\n20 20 50 50 1 1 1\n")
        self.write("det/ev/a.txt", "a\n2\n10 10 40 40 0.9\n200 200 20 20 0.8\n")
        self.write("det/ev/b.txt", "b\n1\n20 20 50 50 0.7\n")
        return ("wider", "--ground-truth", "truth.txt")

    def test_wider_small(self):
        wider = self.small_wider()
        found = self.figures(*wider, "--detections", "det")
        # Stretched scores 1, .5 and 0: of the thresholds from .999 to 0 the last takes in the third.
        # Easy: precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1.
        self.assertAlmostEqual(found["easy"], .5 * 1 + .5 * 2 / 3, places=6)
        self.assertAlmostEqual(found["hard"], (1 + 2 / 3) / 3, places=6)
        self.assertEqual(found["faces"], {"easy": 2, "medium": 2, "hard": 3})
        self.assertEqual(found["problems"], [])
        self.assertIsNone(found["run"]["settings"])
        text = self.expect(0, *wider, "--detections", "det").stdout.decode()
        self.assertIn("0.8333", text)
        self.assertIn("settings not known", text)

    def test_wider_malformed(self):
        wider = self.small_wider()
        self.write("det/ev/b.txt", "b\n3\n20 20 50 50 0.7\n1 2 nan 4 0.9\n1 2 3 4\n")
        self.write("det/ev/unknown.txt", "unknown\n1\n1 2 3 4 0.95\n")
        done = self.expect(1, *wider, "--detections", "det", "--json")
        found = json.loads(done.stdout)
        # The rest goes on, as if the bad rows were not there.
        self.assertAlmostEqual(found["easy"], .5 * 1 + .5 * 2 / 3, places=6)
        self.assertEqual(found["left_out"], 3)
        for place in ("det/ev/b.txt:4: ", "det/ev/b.txt:5: ", "det/ev/unknown.txt:1: "):
            self.assertTrue(any(p.startswith(place) for p in found["problems"]), (place, found["problems"]))
            self.assertIn(place.encode(), done.stderr)
        # A missing file: its faces are missed, and it is said.
        (self.folder / "det/ev/b.txt").unlink()
        (self.folder / "det/ev/unknown.txt").unlink()
        found = self.figures(*wider, "--detections", "det", status=1)
        self.assertAlmostEqual(found["easy"], .5, places=6)
        self.assertEqual(found["images_without_file"], 1)
        self.assertEqual(found["problems"], ["truth.txt:5: ev/b: missing among the detections of det, counted as nothing found"])
        # An image that is listed and unknown is said with its line.
        self.write("list.txt", "ev/a\n\nev/z.jpg\n")
        found = self.figures(*wider, "--detections", "det", "--list", "list.txt", status=1)
        self.assertEqual(found["problems"], ["list.txt:3: ev/z: no such image in the ground truth, not evaluated"])
        # Left out on request: nothing is wrong then.
        found = self.figures(*wider, "--detections", "det", "--only-with-detections")
        self.assertEqual((found["images"], found["images_excluded"]), (1, 1))
        self.assertAlmostEqual(found["easy"], 1, places=6)

    def test_many_problems_are_counted(self):
        wider = self.small_wider()
        self.write("det/ev/b.txt", "b\n30\n" + "frob\n" * 30)
        done = self.expect(1, *wider, "--detections", "det", "--json")
        lines = done.stderr.decode().splitlines()
        self.assertEqual(len(lines), 21)
        self.assertIn("10 more", lines[-1])
        self.assertEqual(len(json.loads(done.stdout)["problems"]), 30)

    def test_two_runs_are_compared(self):
        wider = self.small_wider()
        self.write("other/ev/a.txt", "a\n1\n10 10 40 40 0.9\n")
        self.write("other/ev/b.txt", "b\n0\n")
        runs = self.figures(*wider, "--detections", "det", "--detections", "other")["runs"]
        self.assertEqual([run["run"]["name"] for run in runs], ["det", "other"])
        self.assertAlmostEqual(runs[0]["easy"], .5 + .5 * 2 / 3, places=6)
        self.assertAlmostEqual(runs[1]["easy"], .5, places=6)
        text = self.expect(0, *wider, "--detections", "det", "other", "--name", "one", "two").stdout.decode()
        rows = [line.split() for line in text.splitlines()]
        self.assertEqual([row[1] for row in rows if row[:1] in (["one"], ["two"])], ["0.8333", "0.5000"])

    def test_report(self):
        wider = self.small_wider()
        self.expect(0, *wider, "--detections", "det", "--report", "a.html", "--set", "made up")
        self.expect(0, *wider, "--detections", "det", "--name", "again", "--report", "b.html")
        page = (self.folder / "a.html").read_text()
        for part in ("<svg", "made up", "0.8333"):
            self.assertIn(part, page)
        self.assertNotIn("<script", page)
        self.expect(0, "report", "a.json", "b.json", "-o", "c.html", "--title", "Both", "--note", "few images")
        both = json.loads((self.folder / "c.json").read_text())
        self.assertEqual(both["title"], "Both")
        self.assertEqual([run["name"] for run in both["runs"]], ["det", "again"])
        self.assertIn("few images", (self.folder / "c.html").read_text())
        self.expect(2, "report", "missing.json", "-o", "d.html")
        self.expect(2, "report", "truth.txt", "-o", "d.html")
        self.assertEqual(self.expect(1, *wider, "--detections", "det", "--report", "no/such/a.html").stdout[:5], b"WIDER")

    @unittest.skipUnless(WIDER.is_dir(), "no reference data")
    def test_wider_reference(self):
        for name in ("wider_synthetic_1/pred", "wider149_released/pred_416", "wider149_released/pred_orig"):
            zipfile.ZipFile(WIDER / f"{name}.zip").extractall(self.folder / name)
        released = WIDER / "wider149_released"
        cases = (("wider_synthetic_1/pred", (WIDER,), (.667843, .591066, .436264), (7211, 13319, 31958)),
                 ("wider149_released/pred_416", (released / "gt_416.txt",), (.777249, .649911, .324895), (450, 951, 2518)),
                 ("wider149_released/pred_orig", (WIDER, "--list", released / "images.tsv"),
                  (.769033, .640544, .317257), (450, 951, 2518)))
        for name, truth, expected, faces in cases:
            found = self.figures("wider", "--detections", name, "--ground-truth", *truth)
            for subset, figure, count in zip(("easy", "medium", "hard"), expected, faces):
                self.assertAlmostEqual(found[subset], figure, delta=2e-6, msg=(name, subset))
                self.assertEqual(found["faces"][subset], count)

    # FDDB

    def small_fddb(self):
        self.write("folds/FDDB-fold-01-ellipseList.txt", "x/a\n2\n30 20 1.5707963 100 100 1\n30 20 1.5707963 300 300 0\n")
        self.write("folds/FDDB-fold-02-ellipseList.txt", "x/b\n1\n40 30 1.5707963 120 120 1\n")
        self.write("out/fold-01-out.txt", "x/a\n2\n80 70 40 60 9\n200 10 30 30 5\n")
        self.write("out/fold-02-out.txt", "x/b\n1\n90 80 60 80 7\n")
        return ("fddb", "--folds", "folds", "--detections", "out")

    def test_fddb_small(self):
        fddb = self.small_fddb()
        found = self.figures(*fddb, "--at", "0,1")
        self.assertEqual((found["faces"], found["detections"]), (3, 3))
        self.assertAlmostEqual(found["rates"][0]["discrete"], 2 / 3, places=6)
        self.assertEqual([at["false_positives"] for at in found["rates"]], [0, 1])
        self.assertLess(found["rates"][0]["continuous"], found["rates"][0]["discrete"])
        self.assertEqual(found["discrete"][-1][:2], [1, found["rates"][1]["discrete"]])
        # Ellipses overlap ellipses more than rectangles do.
        round_ones = self.figures(*fddb, "--at", "0,1", "--ellipse-stretch", "1")
        self.assertGreater(round_ones["rates"][0]["continuous"], found["rates"][0]["continuous"] + .05)
        self.assertEqual(self.figures(*fddb, "--ellipses")["settings"]["ellipse_stretch"], 1.2)
        cut = self.figures(*fddb, "--ignore-cut")
        self.assertEqual((cut["faces"], cut["ignored_faces"]), (2, 1))
        self.assertAlmostEqual(cut["rates"][0]["discrete"], 1, places=6)
        self.expect(0, *fddb, "--curves", "curves", "--name", "mine")
        last = (self.folder / "curves/mine-discrete.txt").read_text().splitlines()[0].split()
        self.assertAlmostEqual(float(last[0]), 2 / 3, places=5)
        self.assertEqual(last[1], "1")

    def test_fddb_malformed(self):
        fddb = self.small_fddb()
        self.write("out/fold-02-out.txt", "x/b\n2\n90 80 60 80 7\n1 2 3\nx/c\n1\n1 2 3 4 5\n")
        found = self.figures(*fddb, status=1)
        self.assertEqual(found["left_out"], 2)
        self.assertAlmostEqual(found["rates"][0]["discrete"], 2 / 3, places=6)
        for place in ("out/fold-02-out.txt:4: ", "out/fold-02-out.txt:5: "):
            self.assertTrue(any(p.startswith(place) for p in found["problems"]), found["problems"])
        (self.folder / "out/fold-02-out.txt").unlink()
        done = self.expect(1, *fddb)
        self.assertIn(b"folds/FDDB-fold-02-ellipseList.txt:1: x/b: missing among the detections of out", done.stderr)
        lines = done.stdout.decode().splitlines()
        self.assertIn("images without", next(line for line in lines if line.lstrip().startswith("run")))
        row = next(line for line in lines if "discrete" in line and line.startswith("  out"))
        self.assertEqual(row.split()[-2:], ["1", "0"])

    @unittest.skipUnless(FDDB.is_dir(), "no reference data")
    def test_fddb_reference(self):
        found = self.figures("fddb", "--detections", FDDB / "detections", "--folds", FDDB / "folds")
        for kind in ("discrete", "continuous"):
            lines = (FDDB / f"{kind}-roc.txt").read_text().splitlines()
            official = [tuple(map(float, line.split()[:2])) for line in reversed(lines)]  # loosest threshold first
            self.assertEqual(len(found[kind]), len(official))
            # The photographs, and so their edges, are not at hand: some overlaps are a little smaller.
            for (false_positives, rate, _), (official_rate, official_false) in zip(found[kind], official):
                self.assertAlmostEqual(rate, official_rate, delta=1e-3, msg=(kind, false_positives))
                self.assertLessEqual(abs(false_positives - official_false), 2, (kind, false_positives))

    # Boxes

    def test_boxes_small(self):
        self.write("labels.txt", "p_1.jpg\n2\n0 0 100 100 0 0 0 0 0 0\n300 300 50 50 0 0 0 1 0 0\n"
                                 "q_2.jpg\n1\n0 0 10 10 0 0 0 0 0 0\n")
        self.write("det/p_1.txt", "p_1\n3\n0 0 100 60 .9\n300 300 50 50 .8\n200 0 40 40 .7\n")
        self.write("det/q_2.txt", "q_2\n1\n0 0 10 10 .6\n")
        boxes = ("boxes", "--labels", "labels.txt", "--detections", "det")
        found = self.figures(*boxes, "--iou", ".5,.7", "--fppi", "0,1")
        at = {entry["iou"]: entry for entry in found["overlaps"]}
        # .9 is right at IoU .5 (60 of 100), .8 lies in an ignored box, .7 is false, .6 right.
        self.assertAlmostEqual(found["average_precision"], .5 + .5 * 2 / 3, places=6)
        self.assertEqual(found["average_precision"], next(iter(at.values()))["average_precision"])
        self.assertEqual([r["recall"] for r in found["recall_at"]], [.5, 1])
        # .9 is false at IoU .7: one of three.
        self.assertAlmostEqual(found["overlaps"][1]["average_precision"], .5 / 3, places=6)
        self.assertEqual(self.figures(*boxes, "--faces-from", "20")["faces"], 1)
        only = self.figures(*boxes, "--only", "q_*")
        self.assertEqual((only["images"], only["average_precision"], only["problems"]), (1, 1, []))
        self.expect(2, *boxes, "--only", "r_*")
        (self.folder / "det/q_2.txt").rename(self.folder / "det/r_2.txt")
        found = self.figures(*boxes, status=1)
        self.assertEqual((found["images_without_entry"], found["left_out"]), (1, 1))
        self.assertTrue(any(p.startswith("labels.txt:5: q_2.jpg: missing") for p in found["problems"]), found["problems"])
        self.assertTrue(any(p.startswith("det/r_2.txt:1: ") for p in found["problems"]))
        self.assertIn('"iou":0.4,', self.expect(1, *boxes, "--iou", ".4", "--json").stdout.decode())

    def test_labels_left_out_are_counted(self):
        self.write("labels.txt", "a.jpg\n3\n10 10 20 20 0 0 0 0 0 0\n1 2 nan 4\n1 2 3\n")
        self.write("det/a.txt", "a\n2\n10 10 20 20 .5\n1 2 3\n")
        found = self.figures("boxes", "--labels", "labels.txt", "--detections", "det", status=1)
        self.assertEqual((found["faces"], found["left_out"]), (1, 3))
        table = self.expect(1, "boxes", "--labels", "labels.txt", "--detections", "det").stdout.decode().splitlines()
        self.assertEqual(next(line for line in table if line.startswith("  det")).split()[-1], "3")
        points = " ".join(["60 60 100 60 80 80 65 100 95 100"])
        self.write("points.txt", f"a.jpg 40 120 40 120 {points}\nb.jpg 40 120 40 120 1 2 3\n")
        self.lines([{"box": [40, 40, 120, 120], "score": .9,
                     "landmarks": [[60, 60], [100, 60], [80, 80], [65, 100], [95, 100]]}])
        call = ("landmarks", "--labels", "points.txt", "--format", "cnn_facepoint", "--detections", "faces.jsonl")
        self.assertEqual(self.figures(*call, status=1)["left_out"], 1)
        # Two eyes in one place are said with their line.
        with open(self.folder / "points.txt", "a") as file:
            file.write("a.jpg 40 120 40 120 60 60 60 60 80 80 65 100 95 100\n")
        found = self.figures(*call, status=1)
        self.assertEqual((found["without_unit"], found["faces"]), (1, 1))
        self.assertTrue(any(p.startswith("points.txt:3: a.jpg: both eyes") for p in found["problems"]), found["problems"])

    def test_nothing_to_measure(self):
        """No figure where there is no face: wrong usage, with the reason."""
        self.write("labels.txt", "a.jpg\n1\n1 2 30 40 0 0 0 1 0 0\n")
        self.write("other.txt", "a.jpg\n1\n1 2 30 40 0 0 0 0 0 0\n")
        self.write("det/x.txt", "x\n1\n1 2 30 40 .5\n")
        boxes = ("boxes", "--labels", "labels.txt", "--detections", "det", "--json")
        done = self.expect(2, *boxes)
        self.assertEqual(done.stdout, b"")
        self.assertIn(b"no face to measure", done.stderr)
        self.assertIn(b"no face to measure", self.expect(2, "stages", "--labels", "labels.txt", "--images", ".").stderr)
        # Detections of other pictures.
        done = self.expect(2, "boxes", "--labels", "other.txt", "--detections", "det")
        self.assertIn(b"det: nothing to measure, none of the set's 1 images is among the detections, which begin with 'x'",
                      done.stderr)
        # Images that are not there.
        done = self.expect(2, "boxes", "--labels", "other.txt", "--images", "det")
        self.assertIn(b"could be read; 1 problem: other.txt:1: a.jpg: there is no such image in det", done.stderr)
        done = self.expect(2, "stages", "--labels", "other.txt", "--images", "det")
        self.assertIn(b"1 problem: other.txt:1: a.jpg: there is no such image in det", done.stderr)
        # Labels without points.
        self.lines([])
        done = self.expect(2, "landmarks", "--labels", "other.txt", "--detections", "faces.jsonl")
        self.assertIn(b"no face with points to measure in the 1 image of other.txt", done.stderr)
        # A class that never occurs.
        self.write("voc/a.xml", "<annotation><filename>a.jpg</filename><object><name>face</name><bndbox><xmin>1</xmin>"
                   "<ymin>1</ymin><xmax>30</xmax><ymax>30</ymax></bndbox></object></annotation>")
        voc = ("boxes", "--labels", "voc", "--format", "voc", "--detections", "faces.jsonl", "--class")
        self.assertIn(b"no face to measure in the 1 image of voc; 1 problem: voc: class 'nope': no label has it, "
                      b"expected one of 'face'", self.expect(2, *voc, "nope").stderr)
        self.assertEqual(self.figures(*voc, "face", "nope", status=1)["faces"], 1)
        # WIDER: lists of other images, files of other images, no face that counts.
        wider = self.small_wider()
        self.write("list.txt", "# a heading\nev/z.jpg\n")
        done = self.expect(2, *wider, "--detections", "det", "--list", "list.txt")
        self.assertIn(b"list.txt:2: ev/z: not in the ground truth", done.stderr)
        self.write("elsewhere/ev/q.txt", "q\n1\n1 2 3 4 .5\n")
        for more in ((), ("--only-with-detections",)):
            done = self.expect(2, *wider, "--detections", "elsewhere", *more)
            self.assertIn(b"nothing to measure", done.stderr)
        self.write("faceless/ev/a.txt", "a\n1\n10 10 40 40 0.9\n")
        self.write("truth.txt", "ev/a.jpg\n1\n10 10 40 40 0 0 0\nev/b.jpg\n1\n20 20 50 50 1 1 1\n")
        done = self.expect(2, *wider, "--detections", "faceless", "--only-with-detections")
        self.assertIn(b"faceless: no face to measure in the images that have detections", done.stderr)
        self.write("truth.txt", "ev/a.jpg\n1\n10 10 40 40 0 0 0\n")
        self.assertIn(b"no face to measure", self.expect(2, *wider, "--detections", "det").stderr)
        # A subset without faces has no figure.
        self.write("truth.txt", "ev/a.jpg\n1\n10 10 40 40 0 0 1\n")
        shutil.rmtree(self.folder / "det")
        self.write("det/ev/a.txt", "a\n1\n10 10 40 40 0.9\n")
        found = self.figures(*wider, "--detections", "det")
        self.assertEqual((found["easy"], found["hard"]), (None, 1))
        self.assertIn("–", self.expect(0, *wider, "--detections", "det").stdout.decode())
        # FDDB: the same.
        fddb = self.small_fddb()
        self.write("out/fold-01-out.txt", "x/q\n1\n80 70 40 60 9\n")
        (self.folder / "out/fold-02-out.txt").unlink()
        done = self.expect(2, *fddb)
        self.assertIn(b"nothing to measure, none of the set's 2 images is among the detections, which begin with 'x/q'",
                      done.stderr)
        self.write("folds/FDDB-fold-01-ellipseList.txt", "x/a\n1\n30 20 1.5707963 300 300 0\n")
        (self.folder / "folds/FDDB-fold-02-ellipseList.txt").unlink()
        self.assertIn(b"no face to measure", self.expect(2, *fddb, "--ignore-cut").stderr)

    def test_one_run_without_anything_to_measure(self):
        """It has no figures, and the others have theirs."""
        def compare(*call, key):
            for order in ((0, 1), (1, 0)):
                detections = [("--detections", ("good", "bad")[i] + call[-1]) for i in order]
                arguments = call[:-1] + detections[0] + detections[1]
                runs = self.figures(*arguments, status=1)["runs"]
                good, bad = (runs[i] for i in order)
                self.assertIsNotNone(key(good))
                self.assertIsNone(key(bad))
                self.assertTrue(bad["problems"][0].startswith("bad: nothing to measure"), bad["problems"])
                self.assertFalse([p for p in good["problems"] if "nothing to measure" in p])
                done = self.expect(1, *arguments, "--report", "page.html")
                self.assertIn(b"bad: nothing to measure", done.stderr)
                row = next(l for l in done.stdout.decode().splitlines() if l.startswith("  bad"))
                self.assertIn("–", row)
            done = self.expect(2, *call[:-1], *detections[order[1]])
            self.assertEqual((done.stdout, b"bad: nothing to measure" in done.stderr), (b"", True))

        for name, image in (("good", "a"), ("bad", "x")):
            self.write(f"{name}/ev/{image}.txt", f"{image}\n1\n10 10 40 40 .9\n")
            self.write(f"{name}.txt", f"x/{image}\n1\n80 70 40 60 9\n")
            self.lines([{"box": [10, 10, 50, 50], "score": .9, "landmarks": [[i, 2 * i] for i in range(5)]}],
                       name=f"{name}.jsonl", path=f"ev/{image}.jpg")
        self.write("truth.txt", "ev/a.jpg\n1\n10 10 40 40 1 1 1\n")
        compare("wider", "--ground-truth", "truth.txt", "", key=lambda run: run["easy"])
        self.write("fold-ellipseList.txt", "x/a\n1\n30 20 1.5707963 100 100 1\n")
        compare("fddb", "--folds", "fold-ellipseList.txt", ".txt", key=lambda run: run["rates"][0]["discrete"])
        self.write("labels.txt", "ev/a.jpg\n1\n10 10 40 40\n")
        compare("boxes", "--labels", "labels.txt", "--iou", ".5,.4", "", key=lambda run: run["overlaps"][1]["average_precision"])
        compare("boxes", "--labels", "labels.txt", "", key=lambda run: run["recall_at"][0]["recall"])
        self.write("points.txt", "ev/a.jpg 10 50 10 50 " + " ".join(f"{i} {2 * i}" for i in range(5)) + "\n")
        points = ("landmarks", "--labels", "points.txt", "--format", "cnn_facepoint")
        compare(*points, ".jsonl", key=lambda run: run["mean_error"])
        compare(*points, "--missing", "fail", ".jsonl", key=lambda run: run["failure_rate"])

    def test_one_run_that_is_empty(self):
        self.small_wider()
        (self.folder / "empty").mkdir()
        self.write("empty.jsonl", "")
        for nothing in ("empty", "empty.jsonl"):
            runs = self.figures("wider", "--ground-truth", "truth.txt", "--detections", nothing, "--detections", "det", status=1)["runs"]
            self.assertIsNone(runs[0]["easy"])
            self.assertIsNotNone(runs[1]["easy"])
            self.expect(2, "wider", "--ground-truth", "truth.txt", "--detections", nothing)
        done = self.expect(2, "wider", "--ground-truth", "truth.txt", "--detections", "nowhere", "--detections", "det")
        self.assertIn(b"nowhere", done.stderr)

    def test_the_first_row_does_not_decide_what_the_others_are(self):
        rows = ["10 10 40 40 1 1 1", "60 60 40 40 1 1 1", "10 60 40 40 0 1 1"]
        self.write("det/ev/a.txt", "a\n1\n10 10 40 40 .9\n")
        for wrong in range(3):
            left = [r[:-2] if i == wrong else r for i, r in enumerate(rows)]
            self.write("truth.txt", "ev/a.jpg\n3\n" + "\n".join(left) + "\n")
            found = self.figures("wider", "--ground-truth", "truth.txt", "--detections", "det", status=1)
            self.assertEqual((found["left_out"], found["faces"]["hard"]), (1, 2), wrong)
        self.write("truth.txt", "ev/a.jpg\n2\n10 10 40 40 1 1 1\n100 100 10 10 0 0\n")  # one of each
        self.assertIn("hard", self.figures("wider", "--ground-truth", "truth.txt", "--detections", "det", status=1))

    def test_scores_that_differ_in_their_last_digits(self):
        self.write("labels.txt", "a.jpg\n1\n40 40 80 80\n")
        self.write("det/a.txt", "a\n2\n40 40 80 80 .999999999\n0 0 20 20 .99999999\n")
        found = self.figures("boxes", "--labels", "labels.txt", "--detections", "det")
        self.assertEqual(found["average_precision"], 1)
        self.assertEqual(found["curve"]["score"], [.999999999, .99999999])

    def test_a_number_that_is_none(self):
        self.small_wider()
        for call in (("landmarks", "--failure"), ("landmarks", "--match-iou"), ("fddb", "--ellipse-stretch"), ("boxes", "--iou"),
                     ("boxes", "--ignore-overlap"), ("landmarks", "--point-shift"), ("stages", "--iou")):
            done = self.expect(2, *call, "nan")
            self.assertIn(call[1].encode(), done.stderr)
            self.assertIn(b"nan", done.stderr)

    def test_eyes_in_one_place_alone(self):
        self.write("points.txt", "a.jpg 40 120 40 120 60 60 60 60 80 80 65 100 95 100\n")
        self.lines([])
        done = self.expect(2, "landmarks", "--labels", "points.txt", "--format", "cnn_facepoint", "--detections", "faces.jsonl")
        self.assertIn(b"1 problem: points.txt:1: a.jpg: both eyes in one place", done.stderr)

    def test_duplicates_among_images_that_are_set_aside(self):
        flat = "60 60 100 60 80 80 65 100 95 100"
        self.write("points.txt", f"a.png 40 120 40 120 {flat}\n")
        self.write("boxes.txt", "a.jpg\n1\n40 40 80 80\na.png\n1\n40 40 80 80\n")
        self.lines([{"box": [40, 40, 120, 120], "score": .9, "landmarks": [[60, 60], [100, 60], [80, 80], [65, 100], [95, 100]]}])
        found = self.figures("landmarks", "--labels", "points.txt", "--format", "cnn_facepoint", "--boxes", "boxes.txt",
                             "--detections", "faces.jsonl")
        self.assertEqual((found["faces"], found["detected"], found["problems"]), (1, 1, []))
        boxes = ("boxes", "--labels", "boxes.txt", "--detections", "faces.jsonl")
        self.assertEqual(self.figures(*boxes, "--only", "*.png")["problems"], [])
        self.assertEqual(self.figures(*boxes, status=1)["left_out"], 1)

    def test_unreadable_detections_are_said_once(self):
        self.small_wider()
        (self.folder / "det/ev/b.txt").write_bytes(b"b\0")
        found = self.figures("wider", "--ground-truth", "truth.txt", "--detections", "det", status=1)
        self.assertEqual(len(found["problems"]), 1, found["problems"])

    def test_labels_that_give_no_image_say_why(self):
        self.write("labels.txt", "a.jpg 1 2 3\nb.jpg 1 2 3\n")
        self.lines([])
        for name, place in (("wider", b"labels.txt:2: "), ("cnn_facepoint", b"labels.txt:1: "), ("aflw", b"labels.txt:1: "),
                            ("300w", b"labels.txt:2: "), ("yolo", b"labels.txt:1: "), ("coco", b"labels.txt:1: "),
                            ("voc", b"labels.txt:3: "), ("retinaface", b"labels.txt:1: "), ("celeba", b"labels.txt:1: ")):
            done = self.expect(2, "boxes", "--labels", "labels.txt", "--format", name, "--detections", "faces.jsonl")
            self.assertIn(place, done.stderr, name)
        done = self.expect(2, "boxes", "--labels", "labels.txt", "--format", "aflw", "--detections", "faces.jsonl")
        self.assertIn(b"labels.txt: no image; 2 problems, the first: labels.txt:1: path 'a.jpg'", done.stderr)

    def test_formats_without_images(self):
        """300-W and YOLO from detections alone: the images are nowhere."""
        points = [[float(10 + i), float(20 + 2 * i)] for i in range(68)]
        self.write("w300/set/a.pts", "version: 1\nn_points: 68\n{\n" + "".join(f"{x} {y}\n" for x, y in points) + "}\n")
        five = [[sum(p[axis] for p in points[a:b]) / (b - a) - .5 for axis in (0, 1)]
                for a, b in ((36, 42), (42, 48), (30, 31), (48, 49), (54, 55))]
        self.lines([{"box": [9.5, 19.5, 76.5, 153.5], "score": .9, "landmarks": five}], path="photos/set/a.jpg")
        found = self.figures("landmarks", "--labels", "w300", "--format", "300w", "--detections", "faces.jsonl")
        self.assertEqual((found["faces"], found["detected"], found["problems"]), (1, 1, []))
        self.assertAlmostEqual(found["mean_error"], 0, places=5)
        # YOLO's labels are fractions of a size that the lines have: 200 x 200.
        self.write("yolo/set/a.txt", "0 .25 .5 .2 .4\n")
        self.lines([{"box": [30, 60, 70, 140], "score": .9, "landmarks": five}], path="photos/set/a.jpg")
        yolo = ("boxes", "--labels", "yolo", "--format", "yolo", "--iou", ".99", "--detections")
        found = self.figures(*yolo, "faces.jsonl")
        self.assertEqual((found["faces"], found["average_precision"], found["problems"]), (1, 1, []))
        # Where nothing tells the size, that is said.
        self.write("det/set/a.txt", "a\n1\n30 60 40 80 .9\n")
        self.assertIn(b"yolo: no image; 1 problem: yolo/set/a.txt: the image's size is needed",
                      self.expect(2, *yolo, "det").stderr)

    def test_yolo_sizes(self):
        """Each label has the size of its own image, whatever the detections call it and in whatever order."""
        self.write("yolo/a/b.txt", "0 .5 .5 .2 .4\n")
        self.write("yolo/b.txt", "0 .5 .5 .2 .4\n")

        def line(path, size):
            return {"path": path, "width": size, "height": size, "faces": [
                {"box": [size * .4, size * .3, size * .6, size * .7], "score": .9, "landmarks": [[1, 1]] * 5}]}

        def evaluate(lines, *more, status=0):
            self.write("faces.jsonl", "".join(json.dumps(one) + "\n" for one in lines))
            return self.figures("boxes", "--labels", "yolo", "--format", "yolo", "--detections", "faces.jsonl", *more,
                                status=status)

        both = [line("img/a/b.jpg", 1000), line("img/b.jpg", 100)]
        for lines in (both, both[::-1]):
            found = evaluate(lines)
            self.assertEqual((found["faces"], found["average_precision"], found["problems"]), (2, 1, []))
        # Two sizes for one image: neither is believed.
        for lines in (both + [line("b.jpg", 50)], [line("b.jpg", 50)] + both):
            found = evaluate(lines, status=1)
            self.assertEqual(found["faces"], 1)
            self.assertTrue(found["problems"][0].startswith("yolo/b.txt: the image's size is needed"), found["problems"])
        # The image itself goes before what is said of it.
        (self.folder / "images").mkdir()
        (self.folder / "images/b.ppm").write_bytes(b"P6 50 50 255\n" + bytes(50 * 50 * 3))
        self.assertLess(evaluate(both, "--images", "images")["average_precision"], 1)
        self.assertEqual(evaluate([both[0], line("b.jpg", 50)], "--images", "images")["average_precision"], 1)
        # An image without faces needs no size.
        self.write("yolo/c.txt", "")
        self.assertEqual(evaluate(both, status=1)["problems"],
                         ["yolo/c.txt: c: missing among the detections of faces, counted as nothing found"])

    def test_boxes_of_other_formats(self):
        self.write("coco.json", json.dumps({
            "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100}],
            "categories": [{"id": 1, "name": "face"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20], "iscrowd": 0}]}))
        self.write("det/a.txt", "a\n1\n10 10 20 20 .5\n")
        coco = ("boxes", "--labels", "coco.json", "--format", "coco", "--detections", "det")
        found = self.figures(*coco)
        self.assertEqual((found["faces"], found["average_precision"]), (1, 1))
        text = (self.folder / "coco.json").read_text()
        self.write("coco.json", text.replace('"annotations": [', '"annotations": [{"id": 2, "image_id": 1, "category_id": 1, '
                                             '"bbox": [NaN, 1, 2, 3]}, '))
        found = self.figures(*coco, status=1)
        self.assertEqual((found["faces"], found["average_precision"], found["left_out"]), (1, 1, 1))
        self.assertTrue(found["problems"][0].startswith("coco.json:1: NaN is no JSON"), found["problems"])

    # Points

    def lines(self, faces, name="faces.jsonl", path="a.jpg"):
        return self.write(name, json.dumps({"path": path, "width": 200, "height": 200, "faces": faces}) + "\n")

    def test_landmarks_small(self):
        points = [[60, 60], [100, 60], [80, 80], [65, 100], [95, 100]]
        flat = " ".join(f"{v}" for p in points for v in p)
        self.write("points.txt", f"a.jpg 40 120 40 120 {flat}\nb.jpg 40 120 40 120 {flat}\n")
        moved = [[x + 4, y] for x, y in points]  # a tenth of the eyes' distance
        self.lines([{"box": [40, 40, 120, 120], "score": .9, "landmarks": moved}], path="photos/a.jpg")
        with open(self.folder / "faces.jsonl", "a") as file:
            file.write(json.dumps({"path": "photos/b.jpg", "width": 200, "height": 200, "faces": []}) + "\n")
        call = ("landmarks", "--labels", "points.txt", "--format", "cnn_facepoint", "--detections", "faces.jsonl")
        found = self.figures(*call)
        self.assertAlmostEqual(found["mean_error"], .1, places=6)
        self.assertEqual((found["faces"], found["detected"], found["missing"]), (2, 1, 1))
        self.assertEqual((found["missing_faces"], found["failure_rate"]), ("left_out", 0))
        self.assertEqual(self.figures(*call, "--missing", "fail")["failure_rate"], .5)
        self.assertEqual(self.figures(*call, "--failure", ".05")["failure_rate"], 1)
        self.assertAlmostEqual(self.figures(*call, "--unit", "box")["mean_error"], 4 / 80, places=6)
        self.assertAlmostEqual(self.figures(*call, "--point-shift", "4")["mean_error"], .1, places=6)
        self.assertIn("left out of all figures", self.expect(0, *call).stdout.decode())
        # Lines that can't be used, images that are not there.
        with open(self.folder / "faces.jsonl", "a") as file:
            file.write('{"path":"c.jpg","width":1,"height":1,"faces":[]}\n{"path":"a.jpg","faces":[{"box":[1,2]}]}\n')
        found = self.figures(*call, status=1)
        self.assertAlmostEqual(found["mean_error"], .1, places=6)
        for place in ("faces.jsonl:3: ", "faces.jsonl:4: "):
            self.assertTrue(any(p.startswith(place) for p in found["problems"]), found["problems"])
        self.expect(2, *call[:-1], "points.txt")

    def test_landmarks_with_boxes_of_more_images(self):
        points = [[60, 60], [100, 60], [80, 80], [65, 100], [95, 100]]
        flat = " ".join(f"{v}" for p in points for v in p)
        self.write("points.txt", f"a.jpg 40 120 40 120 {flat}\nz.jpg 40 120 40 120 {flat}\n")
        self.write("boxes.txt", "".join(f"{name}.jpg\n1\n40 40 80 80\n" for name in "abcd"))
        self.lines([{"box": [40, 40, 120, 120], "score": .9, "landmarks": points}])
        call = ("landmarks", "--labels", "points.txt", "--format", "cnn_facepoint", "--boxes", "boxes.txt", "--detections",
                "faces.jsonl")
        found = self.figures(*call, status=1)
        # b, c and d have no points: they are no part of the set, nor missing.
        self.assertEqual((found["faces"], found["images_without_entry"], found["left_out"]), (1, 0, 1))
        self.assertEqual(found["problems"], ["points.txt:2: z.jpg: no such image in the list of boxes"])
        self.assertIn("1 image of points.txt", self.expect(1, *call).stdout.decode())

    def photo_points(self, extra=""):
        """Points that the release finds in the photograph, as labels, from `detect`."""
        shutil.copyfile(PHOTOS / PHOTO, self.folder / "a.png")
        done = program("detect", "--json", "a.png", cwd=self.folder)
        faces = json.loads(done.stdout)["faces"]
        self.assertGreaterEqual(len(faces), 4)
        rows = []
        for face in faces:
            left, top, right, bottom = face["box"]
            flat = " ".join(repr(v) for p in face["landmarks"] for v in p)
            rows.append(f"a.png {left!r} {right!r} {top!r} {bottom!r} {flat}\n")
        self.write("points.txt", "".join(rows) + extra)
        return faces

    def test_landmarks_run(self):
        faces = self.photo_points()
        call = ("landmarks", "--labels", "points.txt", "--format", "cnn_facepoint", "--images", ".")
        found = self.figures(*call)
        self.assertEqual((found["detected"], found["missing_faces"]), (len(faces), "labelled_box"))
        self.assertLess(found["mean_error"], 1e-4)
        # None is large enough: O-Net looks at the labelled boxes and still puts most points near.
        crops = self.figures(*call, "--min-face", "400")
        self.assertEqual((crops["detected"], crops["read_off"], crops["missing"]), (0, len(faces), 0))
        self.assertTrue(1e-3 < crops["mean_error"] < .15, crops["mean_error"])
        lost = self.figures(*call, "--min-face", "400", "--missing", "leave-out")
        self.assertEqual((lost["read_off"], lost["missing"], lost["mean_error"]), (0, len(faces), None))
        self.assertIsNone(lost["failure_rate"])
        failed = self.figures(*call, "--min-face", "400", "--missing", "fail")
        self.assertEqual((failed["failure_rate"], failed["mean_error"], failed["points"]["nose"]), (1, None, None))
        row = next(line for line in self.expect(0, *call, "--min-face", "400", "--missing", "fail").stdout.decode()
                   .splitlines() if line.startswith("  release"))
        self.assertEqual(row.split()[1:4], ["–", "100.00", "%"])
        # The middle does not tell which of several faces it shows.
        several = self.figures(*call, "--min-face", "400", "--missing", "centre-crop")
        self.assertEqual((several["read_off"], several["missing"], several["missing_faces"]),
                         (0, len(faces), "centre_crop"))
        # A missing image is a problem, and the rest goes on.
        with open(self.folder / "points.txt", "a") as file:
            file.write("gone.png 0 50 0 50 10 10 30 10 20 20 10 30 30 30\n")
        found = self.figures(*call, status=1)
        self.assertEqual(found["problems"], [f"points.txt:{len(faces) + 1}: gone.png: there is no such image in ."])
        self.assertEqual((found["detected"], found["missing"]), (len(faces), 1))

    def test_landmarks_where_o_net_looks(self):
        """On a picture of one face that lies at its edge, the middle and the labelled box differ."""
        shutil.copyfile(PHOTOS / PHOTO, self.folder / "a.png")
        faces = json.loads(program("detect", "--json", "a.png", cwd=self.folder).stdout)["faces"]
        face = min(faces, key=lambda face: face["box"][0])
        left, top, right, bottom = face["box"]
        flat = " ".join(repr(v) for p in face["landmarks"] for v in p)
        self.write("points.txt", f"a.png {left!r} {right!r} {top!r} {bottom!r} {flat}\n")
        call = ("landmarks", "--labels", "points.txt", "--format", "cnn_facepoint", "--images", ".", "--min-face", "400")
        box = self.figures(*call, "--missing", "labelled-box")
        self.assertEqual((box["read_off"], box["missing_faces"]), (1, "labelled_box"))
        self.assertEqual(self.figures(*call), box)
        middle = self.figures(*call, "--missing", "centre-crop")
        self.assertEqual((middle["read_off"], middle["missing_faces"]), (1, "centre_crop"))
        self.assertGreater(middle["mean_error"], 1)
        self.assertIn("middle of the picture", self.expect(0, *call, "--missing", "centre-crop").stdout.decode())
        # With the middle as the labelled box both see the same.
        width, height = 640, 480
        self.write("points.txt", f"a.png {(width - height) // 2} {(width + height) // 2} 0 {height} {flat}\n")
        self.assertEqual(self.figures(*call, "--missing", "labelled-box")["mean_error"], middle["mean_error"])

    # Running the detector

    def set_of_photos(self):
        """A photograph with faces and a picture without."""
        (self.folder / "photos/ev").mkdir(parents=True)
        shutil.copyfile(PHOTOS / PHOTO, self.folder / "photos/ev/a.png")
        (self.folder / "photos/ev/c.ppm").write_bytes(b"P6 90 80 255\n" + bytes(x * 2 for x in range(90) for _ in "rgb") * 80)
        faces = json.loads(program("detect", "--json", "photos/ev/a.png", cwd=self.folder).stdout)["faces"]
        rows = "".join("%r %r %r %r 1 1 1\n" % (b[0], b[1], b[2] - b[0], b[3] - b[1]) for b in (f["box"] for f in faces))
        self.write("truth.txt", f"ev/a.jpg\n{len(faces)}\n{rows}ev/c.jpg\n1\n1 1 5 5 0 0 0\n")
        return len(faces)

    def test_run_and_resume(self):
        count = self.set_of_photos()
        call = ("wider", "--images", "photos", "--ground-truth", "truth.txt")
        found = self.figures(*call, "--output", "run")
        self.assertEqual(found["faces"]["easy"], count)
        self.assertGreater(found["easy"], .9)
        settings = found["run"]["settings"]
        self.assertEqual(settings["model"]["sha256"], hashlib.sha256(pathlib.Path(MODEL).read_bytes()).hexdigest())
        self.assertEqual((settings["min_face"], settings["factor"], settings["thresholds"]), (20, .709, [.6, .7, .3]))
        # What is written gives the same figures, as the folder of a run and as official files.
        self.assertEqual(self.figures(*call[:1], *call[3:], "--detections", "run")["easy"], found["easy"])
        self.assertEqual(self.figures(*call[:1], *call[3:], "--detections", "run/detections")["easy"], found["easy"])
        # The folder is taken.
        self.assertIn(b"--resume", self.expect(2, *call, "--output", "run").stderr)

        # Interrupted in the middle of a line: what is complete stays, the rest is done again.
        lines = (self.folder / "run/faces.jsonl").read_bytes().splitlines(keepends=True)
        self.assertEqual(len(lines), 2)
        (self.folder / "run/faces.jsonl").write_bytes(lines[0] + lines[1][:40])
        (self.folder / "run/detections/ev/c.txt").unlink()
        done = self.expect(0, *call, "--output", "run", "--resume", "--json")
        self.assertIn(b"1 of 2 images are done already", done.stderr)
        self.assertEqual(json.loads(done.stdout), found)
        self.assertEqual((self.folder / "run/faces.jsonl").read_bytes(), b"".join(lines))
        self.assertTrue((self.folder / "run/detections/ev/c.txt").is_file())
        # All is done: no image is read.
        (self.folder / "photos/ev/a.png").write_bytes(b"no picture any more")
        self.assertEqual(self.figures(*call, "--output", "run", "--resume"), found)

        # Other settings, another model, other images are refused, and named.
        for option, named in ((("--min-face", "30"), b"min_face"), (("--score-threshold", ".5"), b"thresholds"),
                              (("--images", "."), b"images")):
            arguments = call[:1] + call[3:] + option if option[0] == "--images" else call + option
            self.assertIn(named, self.expect(2, *arguments, "--output", "run", "--resume").stderr)
        self.assertEqual((self.folder / "run/faces.jsonl").read_bytes(), b"".join(lines))

        # The spoilt image is a problem of a new run.
        done = self.expect(1, *call, "--output", "other", "--json")
        self.assertIn(b"photos/ev/a.png: ", done.stderr)
        found_now = json.loads(done.stdout)
        self.assertEqual((found_now["easy"], found_now["images_without_file"]), (0, 1))
        self.assertEqual(len(found_now["problems"]), 1, found_now["problems"])  # once, not as missing too
        # ... and is tried again when it is mended.
        shutil.copyfile(PHOTOS / PHOTO, self.folder / "photos/ev/a.png")
        self.assertEqual(self.figures(*call, "--output", "other", "--resume")["easy"], found["easy"])

    def test_fddb_run(self):
        self.set_of_photos()
        faces = json.loads(program("detect", "--json", "photos/ev/a.png", cwd=self.folder).stdout)["faces"]
        rows = ""
        for left, top, right, bottom in (face["box"] for face in faces):
            rows += f"{(bottom - top) / 2} {(right - left) / 2} {math.pi / 2} {(left + right) / 2} {(top + bottom) / 2} 1\n"
        self.write("folds/fold-01-ellipseList.txt", f"ev/a\n{len(faces)}\n{rows}")
        call = ("fddb", "--folds", "folds")
        found = self.figures(*call, "--images", "photos", "--output", "run", "--ellipse-stretch", "1", "--at", "10")
        self.assertEqual(found["rates"][0]["discrete"], 1)
        self.assertGreater(found["rates"][0]["continuous"], .93)
        self.assertEqual(found["images_of_unknown_size"], 0)
        again = self.figures(*call, "--detections", "run/detections", "--images", "photos", "--ellipse-stretch", "1",
                             "--at", "10")
        self.assertEqual(again["rates"], found["rates"])
        self.assertEqual([p.name for p in (self.folder / "run/detections").iterdir()], ["fold-01-out.txt"])

    def test_two_models_and_stages(self):
        faces = self.set_of_photos()
        # A face that nobody will find, for the report's pictures.
        self.write("truth.txt", (self.folder / "truth.txt").read_text().replace("1 1 5 5 0 0 0", "20 10 50 50 1 1 1"))
        shutil.copyfile(MODEL, self.folder / "copy.safetensors")
        call = ("wider", "--images", "photos", "--ground-truth", "truth.txt", "--model", MODEL, "copy.safetensors")
        runs = self.figures(*call, "--output", "both", "--report", "both.html", model=False)["runs"]
        self.assertEqual([run["run"]["name"] for run in runs], ["release", "copy"])
        self.assertEqual(runs[0]["easy"], runs[1]["easy"])
        for name in ("release", "copy"):
            self.assertTrue((self.folder / "both" / name / "faces.jsonl").is_file())
        self.assertEqual((self.folder / "both.html").read_text().count("data:image/jpeg"), 2)

        self.write("labels.txt", (self.folder / "truth.txt").read_text().split("ev/c.jpg")[0].replace("1 1 1\n", "0 0 0 0 0 0\n")
                   .replace("ev/a.jpg", "ev/a.png"))
        found = self.figures("stages", "--labels", "labels.txt", "--images", "photos", "--sizes", "0,1000")
        self.assertEqual((found["faces"], found["images"]), (faces, 1))
        self.assertEqual(found["recall"]["onet"], 1)
        windows = found["windows_per_image"]
        self.assertTrue(windows["proposals"] >= windows["pnet"] >= windows["rnet"] >= windows["onet"] == faces, windows)
        self.assertEqual([bucket["faces"] for bucket in found["by_size"]], [faces, 0])
        self.assertIn("100.0 %", self.expect(0, "stages", "--labels", "labels.txt", "--images", "photos").stdout.decode())
        self.write("labels.txt", (self.folder / "labels.txt").read_text() + "ev/gone.png\n0\n")
        found = self.figures("stages", "--labels", "labels.txt", "--images", "photos", "--sizes", "0,1000", status=1)
        self.assertEqual((found["images"], found["images_left_out"], found["left_out"]), (1, 1, 0))
        self.assertTrue(found["problems"][0].endswith(": ev/gone.png: there is no such image in photos"), found["problems"])
        self.assertRegex(found["problems"][0], r"^labels.txt:\d+: ")
        self.assertIsNone(found["by_size"][-1]["recall"]["onet"])
        self.write("labels.txt", (self.folder / "labels.txt").read_text() + "ev/c.ppm\n1\n1 2 nan 4\n")
        self.assertEqual(self.figures("stages", "--labels", "labels.txt", "--images", "photos", status=1)["left_out"], 1)


def main():
    global PROGRAM, MODEL
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv[1])
    if not WEIGHTS.is_dir() or not (PHOTOS / PHOTO).is_file():
        print("skipped: no reference data")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="mtcnn-eval-model-") as folder:
        MODEL = os.path.join(folder, "release.safetensors")
        converted = program("convert", WEIGHTS, "-o", MODEL, model=False)
        if converted.returncode != 0:
            sys.exit(f"can't convert {WEIGHTS}: {converted.stderr.decode()}")
        unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=1)


if __name__ == "__main__":
    main()
