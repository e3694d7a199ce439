"""Puts the figures of `./dev eval` into the table of docs/results.md, between its two markers.

Usage: results.py FOLDER RESULTS.md, where FOLDER holds what `mtcnn eval ... --json` printed.
"""
import json
import pathlib
import sys

BEGIN = "<!-- written by ./dev eval -->"
END = "<!-- end of what ./dev eval wrote -->"


def subset(name):
    return lambda run: f"{run[name]:.3f}"


def overlap(iou):
    return lambda run: f"{next(o for o in run['overlaps'] if abs(o['iou'] - iou) < 1e-3)['average_precision']:.3f}"


def rate(kind):
    return lambda run: " / ".join(f"{at[kind]:.3f}" + ("" if at["reached"] else "*") for at in run["rates"])


def percent(key):
    return lambda run: f"{100 * run[key]:.2f} %"


ROWS = [
    ("wider-20", "wider_dev, minimum face 20", "AP easy", subset("easy")),
    ("wider-20", "", "AP medium", subset("medium")),
    ("wider-20", "", "AP hard", subset("hard")),
    ("wider-10", "wider_dev, minimum face 10", "AP easy", subset("easy")),
    ("wider-10", "", "AP medium", subset("medium")),
    ("wider-10", "", "AP hard", subset("hard")),
    ("scenes-group", "scenes, group_*", "AP at IoU .5", overlap(.5)),
    ("scenes-group", "", "AP at IoU .4", overlap(.4)),
    ("scenes-group-20", "... faces of 20 pixels or more", "AP at IoU .5", overlap(.5)),
    ("scenes-mask", "scenes, mask_*", "AP at IoU .5", overlap(.5)),
    ("scenes-mask", "", "AP at IoU .4", overlap(.4)),
    ("scenes-mask-20", "... faces of 20 pixels or more", "AP at IoU .5", overlap(.5)),
    ("scenes-mask-20", "", "AP at IoU .4", overlap(.4)),
    ("fddb", "FDDB in LFW crops", "discrete, at 10 / 25 / 50 false positives", rate("discrete")),
    ("fddb", "", "continuous, at 10 / 25 / 50", rate("continuous")),
    ("landmarks", "CNN_FacePoint test", "mean error", percent("mean_error")),
    ("landmarks", "", "failures above 10 %", percent("failure_rate")),
    ("landmarks-mirrored", "... averaged with the mirrored face", "mean error", percent("mean_error")),
    ("landmarks-mirrored", "", "failures above 10 %", percent("failure_rate")),
]


def runs_of(path):
    result = json.loads(path.read_text())
    return result.get("runs", [result])


def number(value):
    return f"{value:g}".replace("0.", ".", 1) if 0 < value < 1 else f"{value:g}"


def settings_text(settings):
    return (f"minimum face {number(settings['min_face'])}, factor {number(settings['factor'])}, thresholds "
            + " ".join(map(number, settings["thresholds"]))
            + ("; images at their own size" if not settings.get("resize") else f"; images resized to {settings['resize']}"))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, page = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    results = {name: runs_of(folder / f"{name}.json") for name in {row[0] for row in ROWS}}
    names = [run["run"]["name"] for run in results[ROWS[0][0]]]
    lines = [BEGIN, "", "| set | figure | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    for result, title, figure, value in ROWS:
        lines.append(f"| {title} | {figure} | " + " | ".join(map(value, results[result])) + " |")
    lines += ["", "\\*: all detections together have fewer false positives than that.", "", "Settings:", ""]
    for result in dict.fromkeys(row[0] for row in ROWS):
        title = next(row[1] for row in ROWS if row[0] == result)
        texts = list(dict.fromkeys(settings_text(run["run"]["settings"]) for run in results[result]))
        if not title.startswith("..."):
            lines.append(f"- {title}: {' / '.join(texts)}")
    problems = sum(len(run["problems"]) for runs in results.values() for run in runs)
    left_out = "Nothing was left out." if not problems else f"{problems} things were left out or missing."
    lines += ["", left_out + " Models:", ""]
    for run in results[ROWS[0][0]]:
        model = run["run"]["settings"]["model"]
        lines.append(f"- {run['run']['name']}: {model['file']}, sha256 `{model['sha256']}`, architecture "
                     f"`{model['architecture']}`, {model['geometry']} cell geometry")
    lines += ["", END]

    text = page.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{page}: expected the lines {BEGIN} and {END}")
    page.write_text(before + "\n".join(lines) + after)


if __name__ == "__main__":
    main()
