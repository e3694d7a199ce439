"""Detection, its options, its results; stages and crops."""

import pickle
import subprocess
import sys

import libmtcnn
import numpy as np
import pytest
from conftest import iou


def test_finds_the_astronaut(detector, photo):
    faces = detector.detect(photo)
    assert len(faces) == 1
    face = faces[0]
    assert isinstance(face, libmtcnn.Face)
    assert 150 < face.box.left < face.landmarks.left_eye.x < face.landmarks.right_eye.x < face.box.right < 320
    assert 30 < face.box.top < face.landmarks.nose.y < face.landmarks.left_mouth.y < face.box.bottom < 260
    assert 0.9 < face.score <= 1
    assert face.box.width == face.box.right - face.box.left


def test_results_are_typed_objects_and_arrays(detector, photo, photographs):
    faces = detector.detect(photographs["hd_1_friends"])
    count = len(faces)
    assert count > 1
    for array, shape in [
        (faces.boxes, (count, 4)),
        (faces.scores, (count,)),
        (faces.landmarks, (count, 5, 2)),
    ]:
        assert array.shape == shape
        assert array.dtype == np.float32
        assert array.flags.writeable
    assert np.all(np.diff(faces.scores) <= 0)
    for i, face in enumerate(faces):
        assert face == faces[i] == faces[i - count]
        np.testing.assert_array_equal(np.array(face.box, np.float32), faces.boxes[i])
        np.testing.assert_array_equal(np.array(face.landmarks, np.float32), faces.landmarks[i])
        assert np.float32(face.score) == faces.scores[i]
    assert isinstance(faces[:1], libmtcnn.Faces)
    assert list(faces[1:]) == list(faces)[1:]
    assert faces[0] in faces
    assert faces.index(faces[1]) == 1
    with pytest.raises(IndexError):
        faces[count]
    assert faces.image_size == photographs["hd_1_friends"].shape[1::-1]
    copy = pickle.loads(pickle.dumps(faces))
    assert copy == faces
    assert pickle.loads(pickle.dumps(faces[0])) == faces[0]
    assert copy != faces[:1]
    # Views: what is written there is in the faces.
    copy.boxes[0] = 1, 2, 3, 4
    assert copy[0].box == (1, 2, 3, 4)
    assert "Faces([Face(" in repr(detector.detect(photo))


def test_no_face_is_an_empty_result(detector):
    for image in [
        np.zeros((300, 200, 3), np.uint8),
        np.full((40, 40), 127, np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((500, 2, 3), np.uint8),
        np.zeros((39, 1000, 3), np.uint8),  # smaller than the smallest face
    ]:
        faces = detector.detect(image)
        assert len(faces) == 0
        assert not faces
        assert faces.boxes.shape == (0, 4)
        assert faces.scores.shape == (0,)
        assert faces.landmarks.shape == (0, 5, 2)
        assert list(faces) == []
        trace = detector.trace(image)
        assert len(trace.faces) == len(trace.rnet) == 0


def test_boxes_may_reach_outside_unless_they_are_clipped(model, photo):
    face = libmtcnn.Detector(model, min_face=40).detect(photo)[0]
    cut = photo[:, int(face.box.left + 0.12 * face.box.width) :]
    outside = libmtcnn.Detector(model, min_face=40).detect(cut)
    assert len(outside) == 1
    assert outside.boxes[0, 0] < 0
    clipped = libmtcnn.Detector(model, min_face=40, clip=True).detect(cut)
    assert clipped.boxes[0, 0] == 0
    np.testing.assert_array_equal(clipped.boxes[0, 1:], outside.boxes[0, 1:])


def test_options_reach_the_library(model, photo, detector):
    def count(**options):
        return len(libmtcnn.Detector(model, **options).detect(photo))

    face = detector.detect(photo)[0]
    side = max(face.box.width, face.box.height)
    assert count(min_face=3 * side) == 0
    assert count(max_face=side / 4) == 0
    assert count(min_face=40, thresholds=(0.6, 0.7, 1.0)) == 0
    assert count(min_face=40, region=(0, 260, 512, 512)) == 0
    assert count(min_face=40, region=(100, 0, 400, 300)) == 1
    assert count(min_face=40, resize=(39, 39)) == 0
    assert count(min_face=40, max_candidates=(1, 1, 1), largest_only=True) <= 1
    for name in libmtcnn.instruction_sets():
        other = libmtcnn.Detector(model, min_face=40, instruction_set=name)
        assert other.options["instruction_set"] == name
        np.testing.assert_allclose(other.detect(photo).boxes, detector.detect(photo).boxes, atol=0.01)


def test_results_do_not_depend_on_threads(model, photo):
    one = libmtcnn.Detector(model).detect(photo)
    for threads in (0, 2, 5):
        assert libmtcnn.Detector(model, threads=threads).detect(photo) == one


def test_options_are_shown_as_they_are_used(model):
    options = libmtcnn.Detector(model, threads=0, min_face=30).options
    assert options["min_face"] == 30
    assert options["threads"] >= 1
    assert options["thresholds"] == pytest.approx(model.info.thresholds)
    assert options["instruction_set"] in libmtcnn.instruction_sets()
    assert "min_face=30" in repr(libmtcnn.Detector(model, min_face=30))
    libmtcnn.Detector(model, **options)  # can be given again
    # NumPy's numbers and whole floats are numbers, too; a cap beyond any image is one.
    given = libmtcnn.Detector(model, threads=np.int64(2), min_face=np.float32(30), max_candidates=(2**40, 9.0, 0))
    assert given.options["threads"] == 2
    assert given.options["max_candidates"][1:] == (9, 0)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"min_face": 1}, "min_face"),
        ({"min_face": float("nan")}, "min_face"),
        ({"max_face": 10}, "max_face"),
        ({"factor": 1}, "factor"),
        ({"thresholds": (0.5, 0.5)}, "thresholds"),
        ({"thresholds": (0.5, 0.5, 2)}, "threshold"),
        ({"nms_onet": -1}, "nms_onet"),
        ({"max_candidates": (-1, 0, 0)}, "max_candidates"),
        ({"threads": -1}, "threads"),
        ({"region": (5, 5, 5, 9)}, "region"),
        ({"resize": (0, 5)}, "resize"),
        # Beyond the library's int and float, or no such numbers at all.
        ({"threads": 2**40}, "threads.*0 .one per core. to 1024"),
        ({"threads": -(2**70)}, "threads.*0 .one per core. to 1024"),
        ({"threads": 2.5}, "threads is 2.5, expected a whole number"),
        ({"threads": None}, "threads is None"),
        ({"max_candidates": (-(2**40), 0, 0)}, "max_candidates"),
        ({"max_candidates": 5}, "max_candidates is 5, expected 3 numbers"),
        ({"resize": (2**40, 5)}, "resize.*1 to 16384"),
        ({"resize": (float("inf"), 5)}, "resize"),
        ({"min_face": 1e39}, "min_face.*4 to 2.24"),
        ({"min_face": 10**400}, "min_face"),
        ({"min_face": None}, "min_face is None, expected a number"),
        ({"factor": "half"}, "factor is 'half'"),
        ({"region": (0, 0, 10**400, 5)}, "region"),
    ],
)
def test_options_outside_their_range_are_named(model, option, message):
    with pytest.raises(libmtcnn.InvalidArgumentError, match=message) as caught:
        libmtcnn.Detector(model, **option)
    assert isinstance(caught.value, (ValueError, libmtcnn.Error))
    assert caught.value.code == "invalid_argument"


def test_other_wrong_options(model):
    with pytest.raises(libmtcnn.UnsupportedError, match="instruction_set"):
        libmtcnn.Detector(model, instruction_set="mmx")
    with pytest.raises(TypeError):
        libmtcnn.Detector(model, min_fase=3)
    with pytest.raises(OSError, match="nowhere"):
        libmtcnn.Detector("nowhere.safetensors")


def test_trace_shows_every_stage(detector, photo):
    trace = detector.trace(photo)
    assert trace.faces == detector.detect(photo)
    assert [level.scale for level in trace.levels] == sorted((x.scale for x in trace.levels), reverse=True)
    assert trace.levels[0].width == pytest.approx(512 * 12 / 40, abs=1)
    assert len(trace.proposals) >= len(trace.pnet) >= len(trace.rnet) >= len(trace.faces) == 1
    assert trace.pnet.boxes.shape == (len(trace.pnet), 4)
    assert trace.rnet.scores.shape == (len(trace.rnet),)
    assert iou(trace.rnet.boxes, trace.faces.boxes).max() > 0.4
    assert pickle.loads(pickle.dumps(trace)) == trace
    assert trace.rnet != trace.pnet


# ---- Crops


def test_crops_stand_upright_on_the_template(detector, photo):
    face = detector.detect(photo)[0]
    for size in [(112, 112), (96, 112), (160, 160), (50, 80)]:
        crop, to_crop, to_image = libmtcnn.align(photo, face, size)
        assert crop.shape == (size[1], size[0], 3)
        assert crop.dtype == np.uint8
        points = np.hstack([np.array(face.landmarks), np.ones((5, 1))])
        template = libmtcnn.alignment_template(size)
        assert template.shape == (5, 2)
        assert np.abs(points @ to_crop.T - template).max() < 0.12 * size[0]
        both = np.vstack([to_crop, [0, 0, 1]]) @ np.vstack([to_image, [0, 0, 1]])
        np.testing.assert_allclose(both, np.eye(3), atol=2e-3)
    same = libmtcnn.align(photo, np.array(face.landmarks)).image
    np.testing.assert_array_equal(same, libmtcnn.align(photo, face).image)


def test_crops_keep_the_order_of_colours(detector, photo):
    face = detector.detect(photo)[0]
    options = {"size": (64, 64), "margin": 1.5, "fill": (10, 20, 30)}
    rgb = libmtcnn.align(photo, face, **options).image
    assert tuple(rgb[0, 0]) == (10, 20, 30)
    bgr = libmtcnn.align(photo[:, :, ::-1].copy(), face, format="bgr", **{**options, "fill": (30, 20, 10)}).image
    np.testing.assert_array_equal(bgr[:, :, ::-1], rgb)
    # The same from a view that is read the other way round.
    view = libmtcnn.align(photo[:, :, ::-1].copy()[:, :, ::-1], face, **options).image
    np.testing.assert_array_equal(view, rgb)


def test_crops_that_can_not_be(photo):
    points = np.array([[10, 10], [20, 10], [15, 15], [11, 20], [19, 20]], float)
    for arguments, message in [
        ((points[:4],), "shape"),
        ((points * 0,), "points"),
        ((points, (4, 4)), "size"),
        ((points, (112,)), "size"),
        ((points, (112, 112), 3), "margin"),
        ((points, (112, 112), 0, (0, 0, 256)), "fill"),
        ((points * np.nan,), "finite"),
        ((points, (2**40, 8)), "size.*8 to 4096"),
        ((points, (50.5, 50)), "size is 50.5"),
        ((points, (112, 112), "wide"), "margin"),
        ((points, (112, 112), 0, (0, 0, 2**40)), "fill"),
        ((points, (112, 112), 0, (0, 0, None)), "fill"),
    ]:
        with pytest.raises(libmtcnn.InvalidArgumentError, match=message):
            libmtcnn.align(photo, *arguments)


# ---- The package


def test_only_numpy_is_imported():
    script = "import sys, libmtcnn, libmtcnn.compat.mtcnn, libmtcnn.compat.facenet_pytorch; "
    script += "print([m for m in ('PIL', 'torch', 'cv2', 'mtcnn', 'tensorflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_version_and_typing_marker():
    import importlib.metadata
    import pathlib

    assert libmtcnn.__version__ == importlib.metadata.version("libmtcnn")
    folder = pathlib.Path(libmtcnn.__file__).parent
    assert (folder / "py.typed").exists()
    assert (folder / "_core.pyi").exists()
    for name in libmtcnn.__all__:
        assert getattr(libmtcnn, name).__doc__
    # Nothing of it lies where the package `mtcnn` does.
    top = {str(path).split("/")[0] for path in importlib.metadata.files("libmtcnn") or []}
    assert {name for name in top if not name.startswith(("libmtcnn-", ".."))} == {"libmtcnn"}
