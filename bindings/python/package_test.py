"""Builds the Python package as its users do, installs it in a new virtual environment, and runs its tests there.

    package_test.py --work DIR [--python PYTHON] [--launcher ccache] [--werror ON] [--compat VENV] [-- PYTEST ARGS...]

Exit status 77 if PyPI can't be reached: without it nothing can be built. auditwheel's verdict on the wheel is
printed, and must be a manylinux tag and no library but glibc's and the compiler's. With --compat, the environment
that has the packages which libmtcnn.compat stands in for, the tests run in that one.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
# What every Linux system has.
SYSTEM = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libgcc_s.so.1", "libstdc++.so.6"}
TOOLS = ["numpy", "pillow", "pytest", "auditwheel", "mypy", "ruff", "av"]


def run(*command, check=True, env=None):
    command = [str(part) for part in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    if check and done.returncode != 0:
        sys.exit(f"{done.stdout}\nFAILED ({done.returncode}): {' '.join(command)}")
    return done


def say(text):
    print(text, flush=True)


def audit(verdict):
    """What auditwheel's verdict (show --json) says, in a line; exits if the wheel needs more than it may."""
    libraries = sorted(verdict["versioned_symbols"])
    outside = verdict["external_libs"]
    others = [name for name in libraries if name not in SYSTEM and not name.startswith("ld-linux")]
    text = f"auditwheel: {verdict['overall_tag']}; of the system {', '.join(libraries)}; others {outside or 'none'}"
    if not verdict["overall_tag"].startswith("manylinux_") or outside or others:
        sys.exit(f"{text}\nThe wheel needs something that is not on every Linux system")
    return text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--launcher", default="")
    parser.add_argument("--werror", default="OFF")
    parser.add_argument("--compat", type=pathlib.Path)
    parser.add_argument("pytest", nargs="*")
    args = parser.parse_args()
    work = args.work.resolve()
    wheels, venv = work / "wheels", work / "venv"
    shutil.rmtree(wheels, ignore_errors=True)
    shutil.rmtree(venv, ignore_errors=True)
    began = time.monotonic()

    run(args.python, "-m", "venv", venv)
    pip = [venv / "bin/pip", "--disable-pip-version-check", "--retries", "2", "--timeout", "30"]
    done = run(*pip, "install", "--quiet", *TOOLS, check=False)
    if done.returncode != 0:
        say(done.stdout)
        say("skipped: PyPI can't be reached")
        return 77
    version = run(venv / "bin/python", "--version").stdout.strip()

    env = dict(os.environ)
    for language in ("C", "CXX"):
        if args.launcher:
            env[f"CMAKE_{language}_COMPILER_LAUNCHER"] = args.launcher
    # Not -C, which the pip of Python 3.10 does not know.
    settings = [f"build-dir={work}/cmake", f"cmake.define.MTCNN_WERROR={args.werror}"]
    settings = [f"--config-settings={setting}" for setting in settings]
    run(*pip, "wheel", SOURCE, "--no-deps", "--wheel-dir", wheels, *settings, env=env)
    (wheel,) = wheels.glob("libmtcnn-*.whl")
    say(f"{version}: {wheel.name}, {wheel.stat().st_size / 1e6:.1f} MB, after {time.monotonic() - began:.0f} s")

    command = [venv / "bin/python", "-m", "auditwheel", "show", "--json", wheel]
    say(audit(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)))

    if args.compat:
        venv = args.compat
        pip[0] = venv / "bin/pip"
        run(*pip, "install", "--quiet", "--force-reinstall", "--no-deps", wheel)
    else:
        run(*pip, "install", "--quiet", wheel)
        run(*pip, "check")
        run(venv / "bin/ruff", "check", SOURCE)
        run(venv / "bin/ruff", "format", "--check", SOURCE)
        # What users' own checks see: the package as it is installed.
        run(
            venv / "bin/mypy",
            "--config-file",
            SOURCE / "pyproject.toml",
            "--cache-dir",
            work / "mypy",
            "-p",
            "libmtcnn",
        )
    # From another folder, so that the package is the installed one.
    status = subprocess.call(
        [venv / "bin/python", "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", HERE / "tests", *args.pytest],
        cwd=work,
    )
    say(f"{time.monotonic() - began:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
