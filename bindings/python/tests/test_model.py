"""Models: files, bytes, other programs' weights."""

import copy
import pickle

import libmtcnn
import numpy as np
import pytest
from conftest import ROOT, reference
from libmtcnn import Model


def test_bytes_and_files_are_the_same_model(model, photo, tmp_path):
    data = model.to_bytes()
    path = tmp_path / "a model.safetensors"
    model.save(path)
    assert path.read_bytes() == data
    expected = libmtcnn.Detector(model).detect(photo)
    for other in [
        Model.from_bytes(data),
        Model.from_bytes(memoryview(data)),
        Model.load(path),
        Model.load(str(path)),
        Model.convert(path),
        pickle.loads(pickle.dumps(model)),
    ]:
        assert other.to_bytes() == data
        assert libmtcnn.Detector(other).detect(photo) == expected
    assert libmtcnn.Detector(path).detect(photo) == expected
    assert copy.deepcopy(model) is copy.copy(model) is model


def test_info(released):
    info = released.info
    assert info.geometry == "release"
    assert info.thresholds == pytest.approx((0.6, 0.7, 0.7))
    assert info.nets["pnet"] == 6632
    assert list(info.nets)[:3] == ["pnet", "rnet", "onet"]
    assert info.pixel_mean == 127.5
    assert "Caffe" in info.metadata["provenance"]
    assert "Caffe" in repr(released)


@pytest.mark.parametrize("folder", ["release", "facenet", "facenet-pytorch", "onnx"])
def test_other_programs_weights_are_the_same_numbers(folder, released, photo):
    converted = Model.convert(reference(f"weights/{folder}"))
    faces = libmtcnn.Detector(converted).detect(photo)
    expected = libmtcnn.Detector(released).detect(photo)
    np.testing.assert_allclose(faces.boxes, expected.boxes, atol=0.01)
    np.testing.assert_allclose(faces.scores, expected.scores, atol=1e-4)


def test_weights_of_the_mtcnn_package(released, photo):
    """Found in the environment that has the package for its weights alone (./dev setup)."""
    folders = sorted(ROOT.glob(".venv*/lib/python3*/site-packages/mtcnn/assets/weights"))
    if not folders:
        pytest.skip("skipped: the package mtcnn is not installed")
    faces = libmtcnn.Detector(Model.convert(folders[0])).detect(photo)
    np.testing.assert_allclose(faces.boxes, libmtcnn.Detector(released).detect(photo).boxes, atol=0.01)


def test_errors_name_the_file(tmp_path, model):
    nowhere = tmp_path / "nowhere"
    for call in (Model.load, Model.convert):
        with pytest.raises(libmtcnn.FileError, match="nowhere") as caught:
            call(nowhere)
        assert isinstance(caught.value, OSError)
        assert isinstance(caught.value, libmtcnn.Error)
    garbage = tmp_path / "garbage.bin"
    garbage.write_bytes(b"garbage" * 9)
    for call in (Model.load, Model.convert):
        with pytest.raises(libmtcnn.FormatError, match=r"garbage\.bin"):
            call(garbage)
    data = model.to_bytes()
    with pytest.raises(libmtcnn.FormatError, match="mine"):
        Model.from_bytes(data[:-5], "mine")
    with pytest.raises(libmtcnn.FileError):
        model.save(tmp_path / "no" / "folder.safetensors")
    with pytest.raises(libmtcnn.InvalidArgumentError):
        Model.convert()
    with pytest.raises(TypeError):
        Model(3)
    with pytest.raises(TypeError):
        Model.load(3)
    strange = tmp_path / b"not-utf8-\xff".decode("utf-8", "surrogateescape")
    with pytest.raises(libmtcnn.FileError, match="not-utf8"):
        Model.load(strange)


def test_errors_can_be_pickled():
    error = libmtcnn.FormatError("file: is no model")
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is libmtcnn.FormatError
    assert copied.args == error.args
    assert copied.code == "format"
    out = libmtcnn.OutOfMemoryError("out of memory")
    assert isinstance(out, MemoryError)
    assert isinstance(out, RuntimeError)


def test_the_built_in_model_or_what_to_do_without(photo):
    if (ROOT / "models/mtcnn.safetensors").exists():
        assert len(libmtcnn.Detector().detect(photo)) == 1
        assert libmtcnn.Detector().model.info.geometry == "exact"
    else:
        with pytest.raises(libmtcnn.UnsupportedError, match="no built-in model"):
            libmtcnn.Detector()
        with pytest.raises(libmtcnn.UnsupportedError, match="no built-in model"):
            Model.builtin()
