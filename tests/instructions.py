"""Whether the cascade takes more instructions than it did: a guard that no noise can trip.

    instructions.py --program build/apps/mtcnn --compiler "GNU 12" [--record]

Valgrind's callgrind counts what the cascade executes (not the start of the program, nor the decoder) on one photograph with one
thread and one instruction set, which gives the same count every time. The counts on record (instructions.json, by compiler: another
one unrolls and spills otherwise) may be exceeded by 2 per cent; fewer by more than that asks to be recorded, so that the
guard stays near. After a change that is meant to take more, or another built-in model: --record.

Exit status: 0 as recorded, 1 not, 77 (skipped) without valgrind or a record for this compiler.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RECORD = HERE / "instructions.json"
PHOTOGRAPH = HERE.parent / "examples" / "astronaut.jpg"
TOLERANCE = 0.02
# Callgrind knows no AVX-512.
WORKLOADS = {
    "avx2, minimum face 20": ["--isa", "avx2", "--min-face", "20"],
    "avx2, minimum face 40": ["--isa", "avx2", "--min-face", "40"],
    "sse4, minimum face 40": ["--isa", "sse4", "--min-face", "40"],
}


def environment():
    """Without another model."""
    return {name: value for name, value in os.environ.items() if name != "MTCNN_MODEL"}


def offers(program, instruction_set):
    run = subprocess.run([program, "detect", str(PHOTOGRAPH), "--isa", instruction_set], capture_output=True,
                         check=False, env=environment())
    return run.returncode == 0


def count(program, options):
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=mtcnn::Cascade::run*",
             f"--callgrind-out-file={folder}/counts", program, "detect", str(PHOTOGRAPH), "--threads", "1",
             "--csv", *options],
            capture_output=True, text=True, check=False, env=environment())
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not found or int(found[1]) == 0:
        sys.exit(f"instructions: callgrind counted nothing (status {run.returncode}):\n{run.stderr}")
    return int(found[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--compiler", required=True, help="name and major version")
    parser.add_argument("--record", action="store_true", help="write down what is counted")
    arguments = parser.parse_args()

    if not shutil.which("valgrind"):
        print("skipped: no valgrind")
        return 77
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    if arguments.compiler not in record and not arguments.record:
        print(f"skipped: nothing on record for {arguments.compiler} (--record)")
        return 77

    counts = {name: count(arguments.program, options) for name, options in WORKLOADS.items()
              if offers(arguments.program, options[1])}
    if not counts:
        print("skipped: this machine has none of the instruction sets on record")
        return 77
    if arguments.record:
        record[arguments.compiler] = counts
        RECORD.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    failed = False
    for name, counted in counts.items():
        before = record[arguments.compiler].get(name, 0)
        ratio = counted / before if before else float("inf")
        within = abs(ratio - 1) <= TOLERANCE
        failed |= not within
        verdict = "" if within else "  MORE than is on record" if ratio > 1 else "  fewer: --record it"
        print(f"{name:24} {counted:13,} of {before:13,}  {ratio:6.3f}{verdict}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
