"""Installs the library and uses it as its users do: by find_package, pkg-config and add_subdirectory.

    install_test.py static|shared --cmake ... --work DIR (CMakeLists.txt beside this has the call)

The installed tree is moved before it is used, so a path that was burnt in shows. The shared library
is also asked what it needs and what it shows.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
SHARED_DATA = pathlib.Path(os.environ.get("MTCNN_SHARED_DIR", SOURCE.parent / "shared"))

# The C++ runtime. The dynamic loader is named by some architectures' libraries.
RUNTIME = re.compile(r"(libstdc\+\+|libm|libgcc_s|libc)\.so\.\d+|ld-linux[-\w]*\.so\.\d+")


def run(*command, env=None):
    """Runs a command in silence and returns what it printed; its output is shown if it fails."""
    command = [str(part) for part in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, **(env or {})})
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nFAILED ({done.returncode}): {' '.join(command)}")
    return done.stdout


def say(text):
    print(text, flush=True)


def version_in_header():
    text = (SOURCE / "include/mtcnn/version.h").read_text()
    return ".".join(re.search(rf"VERSION_{part} (\d+)", text)[1] for part in ("MAJOR", "MINOR", "PATCH"))


def exported_by_headers():
    """Names that MTCNN_EXPORT marks: classes and C++ functions, and C functions."""
    classes, functions, c_functions = set(), set(), set()
    for header in sorted((SOURCE / "include/mtcnn").glob("*.h")):
        text = re.sub(r"//[^\n]*|/\*.*?\*/", "", header.read_text(), flags=re.S)
        text = re.sub(r"#define[^\n]*", "", text)
        classes.update(re.findall(r"(?:class|struct)\s+MTCNN_EXPORT\s+(\w+)", text))
        found = re.findall(r"(?<!class )(?<!struct )MTCNN_EXPORT\s[^;{]*?(\w+)\s*\(", text)
        (c_functions if header.name == "mtcnn_c.h" else functions).update(found)
    return classes, functions, c_functions


def check_shared_library(path):
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", "-W", path))
    strangers = [name for name in needed if not RUNTIME.fullmatch(name)]
    if strangers or not needed:
        sys.exit(f"{path.name} needs {', '.join(strangers) or 'nothing, says readelf'}: "
                 "expected the C++ runtime alone")
    say(f"  needs {', '.join(needed)}")

    classes, functions, c_functions = exported_by_headers()
    symbols = [line.split(maxsplit=2)[2] for line in
               run("nm", "-D", "--defined-only", "-C", path).splitlines()]
    wrong, seen = [], set()
    for symbol in symbols:
        name = re.sub(r"\[abi:\w+\]", "", symbol.split("(")[0])
        parts = name.split("::")
        if len(parts) == 1:
            allowed = name in c_functions
        else:  # mtcnn::function or mtcnn::Class::member; what is nested deeper is ours alone
            allowed = parts[0] == "mtcnn" and (
                len(parts) == 2 and parts[1] in functions or len(parts) == 3 and parts[1] in classes)
        seen.add(parts[-1] if len(parts) < 3 else parts[1])
        if not allowed:
            wrong.append(symbol)
    if wrong:
        sys.exit(f"{path.name} shows what is not marked MTCNN_EXPORT:\n  " + "\n  ".join(wrong))
    missing = (classes | functions | c_functions) - seen
    if missing:
        sys.exit(f"{path.name} does not show, though the headers promise it: {', '.join(sorted(missing))}")
    say(f"  shows {len(symbols)} symbols, all public")


def make_model(options):
    """A model for the consumers: the default one, or the released weights converted; None without either."""
    default = SOURCE / "models/mtcnn.safetensors"
    if default.exists():
        return default
    weights = SHARED_DATA / "weights/release"
    if not options.program or not weights.is_dir():
        say("  the consumers run without a model: no reference data, or no mtcnn program to convert it")
        return None
    model = options.work / "model.safetensors"
    run(options.program, "convert", weights, "-o", model)
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library", choices=["static", "shared"])
    for name in ("cmake", "generator", "cc", "cxx", "work"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--launcher", default="")
    parser.add_argument("--werror", default="OFF")
    parser.add_argument("--build-type", default="Release")
    parser.add_argument("--program", default="", help="the mtcnn program, to convert weights with")
    options = parser.parse_args()
    options.work = pathlib.Path(options.work)
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)

    shared = options.library == "shared"
    tools = ["-G", options.generator, f"-DCMAKE_C_COMPILER={options.cc}",
             f"-DCMAKE_CXX_COMPILER={options.cxx}", f"-DCMAKE_C_COMPILER_LAUNCHER={options.launcher}",
             f"-DCMAKE_CXX_COMPILER_LAUNCHER={options.launcher}",
             f"-DCMAKE_BUILD_TYPE={options.build_type}"]
    ours = [f"-DBUILD_SHARED_LIBS={'ON' if shared else 'OFF'}", f"-DMTCNN_WERROR={options.werror}"]

    def build(source, binary, *settings):
        run(options.cmake, "-S", source, "-B", binary, *tools, *settings)
        run(options.cmake, "--build", binary, "--parallel", "2")

    say(f"install ({options.library})")
    first = options.work / "installed here"
    build(SOURCE, options.work / "build", *ours, "-DMTCNN_APPS=OFF", "-DMTCNN_TESTS=OFF",
          f"-DCMAKE_INSTALL_PREFIX={first}")
    run(options.cmake, "--install", options.work / "build")
    prefix = options.work / "moved"
    first.rename(prefix)
    shutil.rmtree(options.work / "build")  # whatever still points into it shows
    libdir = next(prefix.glob("**/mtcnn.pc")).parent.parent
    if shared:
        check_shared_library((libdir / "libmtcnn.so").resolve())

    arguments = [path for path in [make_model(options)] if path]
    version = version_in_header()

    def use(folder, env=None):
        for program in ("consumer", "consumer_c"):
            run(folder / program, *arguments, env=env)

    say("find_package")
    binary = options.work / "find_package"
    build(HERE / "find_package", binary, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DWANTED_VERSION={version}")
    use(binary)

    say("pkg-config")
    binary = options.work / "pkg-config"
    binary.mkdir()
    finder = {"PKG_CONFIG_PATH": str(libdir / "pkgconfig")}
    said = run("pkg-config", "--modversion", "mtcnn", env=finder).strip()
    if said != version:
        sys.exit(f"pkg-config says version {said}, expected {version}")
    flags = run("pkg-config", "--cflags", "--libs", "mtcnn", env=finder).split()
    run(options.cxx, "-std=c++20", HERE / "consumer.cc", "-o", binary / "consumer", *flags)
    run(options.cc, HERE / "consumer_c.c", "-o", binary / "consumer_c", *flags)
    use(binary, env={"LD_LIBRARY_PATH": str(libdir)})
    # The examples of the documentation.
    for example in ("detect", "track"):
        run(options.cxx, "-std=c++20", SOURCE / "examples" / f"{example}.cc", "-o", binary / example, *flags)

    say("add_subdirectory")
    binary = options.work / "add_subdirectory"
    build(HERE / "add_subdirectory", binary, *ours, f"-DMTCNN_SOURCE={SOURCE}")
    use(binary)
    shutil.rmtree(options.work)


if __name__ == "__main__":
    main()
