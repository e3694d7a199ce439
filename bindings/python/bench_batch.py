"""detect_batch() beside the program, on the same photographs, with the same answers.

    bench_batch.py --program build/apps/mtcnn --model MODEL [--threads N] [--min-face N] [--rounds N] PHOTO...

Both read the photographs from uncompressed files in memory's reach, the program as PPM, Python as arrays mapped
from the same files, so that decoding does not count. They take turns; the best round of each counts. What the
program needs to start is taken off. Needs PIL.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import libmtcnn
import numpy as np
from PIL import Image

HEADER = "P6\n{} {}\n255\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--min-face", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=4, help="of every photograph")
    parser.add_argument("photos", nargs="+", type=pathlib.Path)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shapes = {}
        for number, photo in enumerate(args.photos):
            with Image.open(photo) as file:
                image = file.convert("RGB")
            for copy in range(args.copies):
                path = folder / f"many/{copy}_{number:03}.ppm"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(HEADER.format(*image.size).encode() + image.tobytes())
                shapes[path] = (image.height, image.width, 3)
        (folder / "one.ppm").write_bytes(HEADER.format(8, 8).encode() + bytes(192))

        def program(inputs):
            command = [args.program, "detect", str(inputs), "--json", "--no-progress", "--model", args.model]
            command += ["--threads", str(args.threads)] if args.threads else []
            began = time.perf_counter()
            done = subprocess.run([*command, "--min-face", str(args.min_face)], capture_output=True, check=True)
            return time.perf_counter() - began, done.stdout

        detector = libmtcnn.Detector(args.model, min_face=args.min_face)

        def read(path):
            offset = len(HEADER.format(shapes[path][1], shapes[path][0]))
            return np.memmap(path, np.uint8, "r", offset, shapes[path])

        def python():
            began = time.perf_counter()
            faces = detector.detect_batch(map(read, sorted(shapes)), args.threads, on_error="raise")
            return time.perf_counter() - began, faces

        start = min(program(folder / "one.ppm")[0] for _ in range(5))
        programs, pythons = [], []
        for _ in range(args.rounds):
            seconds, lines = program(folder / "many")
            programs.append(seconds - start)
            seconds, results = python()
            pythons.append(seconds)
        by_path = {line["path"]: line["faces"] for line in map(json.loads, lines.splitlines())}
        for path, faces in zip(sorted(shapes), results, strict=True):
            theirs = np.array([face["box"] for face in by_path[str(path)]]).reshape(-1, 4)
            if theirs.shape != faces.boxes.shape or not np.allclose(theirs, faces.boxes, atol=0.01):
                sys.exit(f"{path}: the program and Python find other faces")
        count = len(shapes)
        print(f"{count} images, {sum(map(len, results))} faces, the same from both; best of {args.rounds} rounds")
        print(f"program       {count / min(programs):8.2f} images/s")
        print(
            f"detect_batch  {count / min(pythons):8.2f} images/s, {min(programs) / min(pythons):.3f} of the program's"
        )


if __name__ == "__main__":
    main()
