#!/usr/bin/env python3
"""Runs exported ONNX files in ONNX Runtime and compares them with our engine's outputs.

    onnx_check.py DUMP_PROGRAM FOLDER [--released]

DUMP_PROGRAM (convert/dump_outputs.cc) writes a random model as ONNX files, and FOLDER/cases.npz:
inputs and our outputs. With --released it writes the authors' weights, and the Keras ports of the
same weights (input [batch, height, width, 3], transposed images) must agree with our files too:
they share no code with us. The weights lie in MTCNN_SHARED_DIR, by default `shared` beside the
project.
Exit status 77: skipped.
"""
import argparse
import os
import pathlib
import subprocess
import sys

SKIPPED = 77
TOLERANCE = 1e-5
SOURCE = pathlib.Path(__file__).resolve().parent.parent
OWN_PYTHON = SOURCE / ".venv" / "bin" / "python"


def import_runtime():
    """numpy and onnxruntime, from the project's virtual environment if this Python lacks them."""
    try:
        import numpy
        import onnxruntime
        return numpy, onnxruntime
    except ImportError:
        # The second time around we are that Python.
        if OWN_PYTHON.exists() and "MTCNN_ONNX_CHECK" not in os.environ:
            os.environ["MTCNN_ONNX_CHECK"] = "1"
            os.execv(OWN_PYTHON, [str(OWN_PYTHON), *sys.argv])
        print("skipped: no onnxruntime (./dev setup installs it)")
        sys.exit(SKIPPED)


def softmax(np, logits):
    e = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class Checker:
    def __init__(self, np, runtime):
        self.np = np
        self.runtime = runtime
        self.failures = 0
        self.compared = 0

    def session(self, path):
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = 1
        return self.runtime.InferenceSession(str(path), options,
                                             providers=["CPUExecutionProvider"])

    def compare(self, what, got, expected):
        self.compared += 1
        if got.shape != expected.shape:
            print(f"FAILED {what}: shape {got.shape}, expected {expected.shape}")
            self.failures += 1
            return
        # Of a value's own size where it is large: offsets are not bounded as probabilities are.
        error = (self.np.abs(got - expected) / self.np.maximum(1, self.np.abs(expected))).max()
        ok = error <= TOLERANCE
        self.failures += not ok
        print(f"{'ok' if ok else 'FAILED'} {what}: {error:.1e}")


def channels_last(np, output, like):
    """[batch, values, rows, columns] or [batch, values] as [batch, rows, columns, values]."""
    if output.ndim == 2:
        return output.reshape(like.shape[0], 1, 1, -1)
    return np.moveaxis(output, 1, -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--released", action="store_true")
    args = parser.parse_args()
    weights = pathlib.Path(os.environ.get("MTCNN_SHARED_DIR", SOURCE.parent / "shared")) / "weights"
    if args.released and not weights.is_dir():
        print("skipped: no reference data")
        return SKIPPED
    np, runtime = import_runtime()
    model = [weights / "release"] if args.released else []
    subprocess.run([args.program, args.folder, *model], check=True)
    check = Checker(np, runtime)

    cases = np.load(args.folder / "cases.npz")
    for name in [n for n in cases.files if n.endswith("/input")]:
        case = name.removesuffix("/input")
        session = check.session(args.folder / f"{case.split('/')[0]}.onnx")
        image = np.ascontiguousarray(np.moveaxis(cases[name], -1, 1))
        names = [output.name for output in session.get_outputs()]
        outputs = dict(zip(names, session.run(names, {"image": image})))
        heads = {n.removeprefix(case + "/"): cases[n] for n in cases.files
                 if n.startswith(case + "/") and n != name}
        if len(heads) != len(outputs):
            print(f"FAILED {case}: outputs {names}, expected those of {sorted(heads)}")
            check.failures += 1
        for head, expected in heads.items():
            output = "probabilities" if head == "class" else head
            if head == "class":
                expected = softmax(np, expected)
            got = channels_last(np, outputs[output], expected)
            check.compare(f"{case} {output}", got, expected)
        if args.released and case.endswith("/own_size") and not case.startswith("lnet"):
            port = weights / "onnx" / f"{case.split('/')[0]}.onnx"
            compare_port(check, port, case, image, outputs)

    print(f"{check.compared} outputs compared, {check.failures} failures")
    return 1 if check.failures or not check.compared else 0


def compare_port(check, path, case, image, outputs):
    """The port's outputs have no telling names: the number of values tells them apart."""
    np = check.np
    session = check.session(path)
    # [batch, column, row, channel]
    transposed = np.ascontiguousarray(image.transpose(0, 3, 2, 1))
    by_size = {2: "probabilities", 4: "box", 10: "landmarks"}
    for output in session.run(None, {session.get_inputs()[0].name: transposed}):
        name = by_size[output.shape[-1]]
        expected = channels_last(np, outputs[name], image)
        check.compare(f"{case} {name} of the port", output.reshape(expected.shape), expected)


if __name__ == "__main__":
    sys.exit(main())
