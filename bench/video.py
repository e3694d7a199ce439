"""A video from end to end: `mtcnn video` with and without tracking, beside detectors that look at every frame.

    ./dev bench --video [--frames 300] [--rounds 5] [--min-face 40] [--rivals a,b] [--model FILE]

The clip is made by ffmpeg: a 1080p window glides over a group photograph, so that faces keep their size and move
steadily. Ours decodes, detects and writes lines of JSON; of a rival the calls alone are timed, on
frames that were decoded before. Turns are taken as in compare.py; given are frames per second, medians of the rounds.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import compare
import numpy as np

WIDTH, HEIGHT, RATE = 1920, 1080, 30
# One group photograph, a little larger than the window.
SHEET = (2240, 1260)
compare.SIZES["sheet"] = (*SHEET, 1, 1)
RIVAL_FRAMES = 8


def make_clip(folder, scenes, frames):
    """The clip, and some of its frames as an array."""
    from PIL import Image

    path = folder / f"clip-{frames}.mp4"
    sheet, _ = compare.make_scene("many", "sheet", scenes, folder)
    image = folder / "images" / "sheet.png"
    Image.fromarray(np.load(sheet)).save(image)
    glide = f"crop={WIDTH}:{HEIGHT}:'{SHEET[0] - WIDTH}*n/{frames}':'{SHEET[1] - HEIGHT}*n/{frames}'"
    command = ["ffmpeg", "-y", "-loglevel", "error", "-loop", "1", "-framerate", str(RATE), "-i", image, "-vf"]
    subprocess.run([*command, glide, "-frames:v", str(frames), "-pix_fmt", "yuv420p", path], check=True)
    step = max(1, frames // RIVAL_FRAMES)
    command = ["ffmpeg", "-loglevel", "error", "-i", path, "-vf", f"select=not(mod(n\\,{step}))", "-vsync", "0"]
    raw = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], check=True, capture_output=True
    ).stdout
    return path, np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)[:RIVAL_FRAMES]


def run_ours(args, clip, every, processors):
    """Frames a second, and how many faces a frame has."""
    command = [
        args.program,
        "video",
        clip,
        "--json",
        "-",
        "--detect-every",
        str(every),
        "--min-face",
        str(args.min_face),
    ]
    command += ["--threads", str(len(processors)), "--no-progress"] + (["--model", args.model] if args.model else [])
    began = time.perf_counter()
    done = subprocess.run(
        command, check=True, capture_output=True, preexec_fn=lambda: os.sched_setaffinity(0, processors)
    )
    seconds = time.perf_counter() - began
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return len(lines) / seconds, statistics.mean(len(line["faces"]) for line in lines)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench --video", description=__doc__.split("\n\n")[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--min-face", type=float, default=40)
    parser.add_argument(
        "--rivals", type=compare.listed(str, compare.all_rivals()), default=["facenet_torch", "mediapipe_full"]
    )
    parser.add_argument("--model")
    parser.add_argument("--program", default=str(compare.ROOT / "build/apps/mtcnn"))
    args = parser.parse_args()
    args.model = args.model and os.path.abspath(args.model)
    folder = compare.ROOT / "build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    scenes = pathlib.Path(os.environ.get("MTCNN_SHARED_DIR") or compare.ROOT.parent / "shared") / "data/scenes"
    processors = set(sorted(os.sched_getaffinity(0))[-args.threads :])
    clip, frames = make_clip(folder, scenes, args.frames)
    paths = []
    for number, frame in enumerate(frames):
        paths.append(folder / "images" / f"frame-{number}.npy")
        np.save(paths[-1], frame)

    processes, results, faces = {}, {}, {}
    for name in args.rivals:
        rival = compare.Rival(name, folder)
        rival.install("")
        if rival.error:
            sys.exit(f"bench: {name}: {rival.error}")
        processes[name] = compare.Process(rival, processors, folder / f"{name}-video.log")
    settings = {"threads": args.threads, "min_face": args.min_face, "width": WIDTH, "height": HEIGHT}
    settings |= {"model": args.model, "instruction_set": "auto"}
    for number in range(args.rounds + 1):
        for every in (1, 10):
            name = f"mtcnn video, full detection every {'frame' if every == 1 else f'{every} frames'}"
            rate, faces[name] = run_ours(args, clip, every, processors)
            if number > 0:  # the first warms the caches
                results.setdefault(name, []).append(rate)
        for name, process in processes.items():
            seconds, found = [], []
            for path in paths:
                process.ask(300, do="load", settings=settings, image=str(path))
                found.append(len(process.ask(300, do="check")["boxes"]))
                seconds += process.ask(300, do="time", calls=1, warm=0)["seconds"]
            faces[name] = statistics.mean(found)
            if number > 0:
                results.setdefault(name, []).append(1 / statistics.median(seconds))
    compare.end_all()
    print(f"{WIDTH}x{HEIGHT}, {args.frames} frames, minimum face {args.min_face:g}, {args.threads} threads\n")
    print("| | frames a second | least to largest | faces a frame |\n|---|---|---|---|")
    for name, rates in results.items():
        print(
            f"| {name} | {statistics.median(rates):.1f} | {min(rates):.1f} to {max(rates):.1f} | {faces[name]:.1f} |"
        )
    (folder / "video.json").write_text(
        json.dumps({"settings": settings, "frames": args.frames, "rates": results, "faces": faces})
    )


if __name__ == "__main__":
    main()
