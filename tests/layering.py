"""Checks that every folder of code includes only what stands below it (docs/architecture.md).

CMake catches an upward call when the layer's tests link; this also catches an upward header, and
names the line. Usage: layering.py [SOURCE FOLDER]
"""
import pathlib
import re
import sys

# Lowest first. Folders on one line do not see one another.
LAYERS = [
    ["include/mtcnn"],
    ["src/util"],
    ["src/kernels", "src/geometry", "src/nets"],
    ["src/image"],
    ["src/engine"],
    ["src/cascade"],
    ["src/align", "src/track"],
    ["src/api"],
    ["codecs", "convert"],
    ["datasets", "video"],
    ["eval"],
    ["train"],
    ["apps", "bindings/python"],
]
RANK = {folder: rank for rank, line in enumerate(LAYERS) for folder in line}
# src/ is on the include path: "image/view.h" is src/image/view.h.
BY_INCLUDE = {folder.removeprefix("src/").removeprefix("include/"): folder for folder in RANK}
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([\w-]+)/[^">]+[">]')


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    complaints, includes = [], 0
    unknown = [f"src/{path.name}" for path in sorted((root / "src").iterdir())
               if path.is_dir() and f"src/{path.name}" not in RANK]
    complaints += [f"{folder}: a folder that LAYERS in tests/layering.py does not list" for folder in unknown]
    for folder in RANK:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc", ".c"):
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                target = match and BY_INCLUDE.get(match[1])
                if not target:
                    continue
                includes += 1
                if target != folder and RANK[target] >= RANK[folder]:
                    complaints.append(f"{path.relative_to(root)}:{number}: {folder} must not include {target}, "
                                      "which is not below it")
    if not includes:
        complaints.append(f"{root}: no source files of this project")
    print("\n".join(complaints) or f"{includes} includes between our folders, all downward")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
