"""libmtcnn.compat.mtcnn: its calls, and the real package beside it."""

import libmtcnn
import numpy as np
import pytest
from conftest import ASTRONAUT
from libmtcnn.compat.mtcnn import MTCNN
from PIL import Image
from rivals import Comparison, folder_of, real_mtcnn

POINTS = ["left_eye", "right_eye", "nose", "mouth_left", "mouth_right"]


def test_a_list_of_dictionaries(model, photo):
    mtcnn = MTCNN(model=model)
    (face,) = mtcnn.detect_faces(photo)
    assert list(face) == ["box", "confidence", "keypoints"]
    assert [type(value) for value in face["box"]] == [int] * 4
    assert type(face["confidence"]) is float
    assert sorted(face["keypoints"]) == sorted(POINTS)
    assert all(type(value) is int for point in face["keypoints"].values() for value in point)
    x, y, width, height = face["box"]
    for name in POINTS:
        px, py = face["keypoints"][name]
        assert x < px < x + width
        assert y < py < y + height
    ours = libmtcnn.Detector(model, thresholds=(0.6, 0.7, 0.8)).detect(photo)[0]
    assert face["box"][:2] == [round(ours.box.left + 1), round(ours.box.top + 1)]
    assert face["keypoints"]["nose"] == [round(v) for v in ours.landmarks.nose]
    assert mtcnn.predict(photo) == [face]
    assert mtcnn.device == "CPU:0"


def test_boxes_by_their_corners_and_arrays(model, photo):
    mtcnn = MTCNN(model=model)
    x, y, width, height = mtcnn.detect_faces(photo)[0]["box"]
    corners = mtcnn.detect_faces(photo, box_format="xyxy")[0]["box"]
    assert corners == pytest.approx([x, y, x + width, y + height], abs=1)
    rows = mtcnn.detect_faces(photo, output_type="numpy", box_format="xyxy")
    assert rows.shape == (1, 16)
    assert rows[0, 0] == 0
    np.testing.assert_allclose(rows[0, 1:5], corners, atol=0.5)
    sides = mtcnn.detect_faces([photo, photo], output_type="numpy")
    assert sides[:, 0].tolist() == [0, 1]
    np.testing.assert_allclose(sides[0, 3], rows[0, 3] - rows[0, 1])


def test_no_face_and_batches(model, photo):
    mtcnn = MTCNN(model=model)
    black = np.zeros((60, 80, 3), np.uint8)
    tiny = np.zeros((2, 3, 3), np.uint8)
    assert mtcnn.detect_faces(black) == []
    assert mtcnn.detect_faces(tiny) == []
    assert mtcnn.detect_faces([]) == []
    assert mtcnn.detect_faces(black, output_type="numpy").shape == (0, 16)
    face = mtcnn.detect_faces(photo)
    assert mtcnn.detect_faces([black, photo, tiny, photo]) == [[], face, [], face]


def test_boxes_are_cut_at_the_edges_if_wanted(model, photo):
    mtcnn = MTCNN(model=model)
    left = mtcnn.detect_faces(photo)[0]["box"][0]
    cut = np.ascontiguousarray(photo[:, left + 12 :])
    outside = mtcnn.detect_faces(cut, fit_to_image=False, box_format="xyxy")[0]["box"]
    assert outside[0] < 0
    assert mtcnn.detect_faces(cut, postprocess=False, box_format="xyxy")[0]["box"] == outside
    assert mtcnn.detect_faces(cut, box_format="xyxy")[0]["box"] == [0, *outside[1:]]


def test_options_of_the_call(model, photo):
    mtcnn = MTCNN(model=model)
    assert mtcnn.detect_faces(photo, min_face_size=400) == []
    assert mtcnn.detect_faces(photo, threshold_onet=1.0) == []
    assert len(mtcnn.detect_faces(photo, scale_factor=0.5, nms_onet=0.5, min_size=99)) == 1
    only_boxes = MTCNN(model=model, stages="face_detection_only").detect_faces(photo)
    assert all(list(face) == ["box", "confidence"] for face in only_boxes)
    for wrong in ({"box_format": "yx"}, {"output_type": "xml"}, {"batch_stack_justification": "middle"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            mtcnn.detect_faces(photo, **wrong)
    with pytest.raises(ValueError, match="stages"):
        MTCNN(stages="all")


def test_files_and_their_bytes(model):
    mtcnn = MTCNN(model=model)
    with Image.open(ASTRONAUT) as file:
        expected = mtcnn.detect_faces(np.array(file.convert("RGB")))
        assert mtcnn.detect_faces(file.convert("RGB")) == expected
    for image in (str(ASTRONAUT), ASTRONAUT, ASTRONAUT.read_bytes()):
        assert mtcnn.detect_faces(image) == expected


def test_as_version_0_1_1(model, photo, tmp_path):
    model.save(tmp_path / "weights.safetensors")
    for old in [
        MTCNN(weights_file=tmp_path / "weights.safetensors"),
        MTCNN(model=model, min_face_size=20),
        MTCNN(model=model, steps_threshold=[0.6, 0.7, 0.7]),
        MTCNN(model=model, scale_factor=0.709),
    ]:
        (face,) = old.detect_faces(photo)
        assert list(face["keypoints"]) == POINTS
        assert all(isinstance(point, tuple) for point in face["keypoints"].values())
        ours = libmtcnn.Detector(model).detect(photo)[0]
        assert face["box"][0] == int(ours.box.left + 1)
        assert face["keypoints"]["nose"] == (int(ours.landmarks.nose.x), int(ours.landmarks.nose.y))
        with pytest.raises(ValueError, match="not valid"):
            old.detect_faces(None)
    old.min_face_size = 500
    assert old.detect_faces(photo) == []
    assert MTCNN(model=model, steps_threshold=[0.6, 0.7, 1]).detect_faces(photo) == []


# ---- The real package


@pytest.fixture(scope="module")
def pair():
    package = real_mtcnn()
    return package.MTCNN(), MTCNN(model=folder_of("mtcnn") / "assets/weights")


def as_arrays(rows):
    return rows[:, 1:5], rows[:, 5], np.stack([rows[:, 6:11], rows[:, 11:16]], axis=2)


# At 40 the real package finds nothing at all: its pyramid goes down to levels that are too small for P-Net, and it
# takes TensorFlow's complaint for "no faces".
def test_the_same_faces_as_the_real_package(pair, photographs):
    real, mine = pair
    options = {"output_type": "numpy", "box_format": "xyxy", "min_face_size": 20}
    comparison = Comparison()
    for image in photographs.values():
        comparison.add(*(as_arrays(one.detect_faces(image, fit_to_image=False, **options)) for one in (real, mine)))
    print(comparison)
    assert comparison.theirs > 100
    assert comparison.matched >= 0.9 * comparison.theirs


def test_the_same_output_as_the_real_package(pair, photo):
    real, mine = pair
    (a,), (b,) = (one.detect_faces(photo) for one in pair)
    assert list(a) == list(b)
    assert list(a["keypoints"]) == list(b["keypoints"])
    side = a["box"][2]
    assert np.abs(np.array(a["box"]) - b["box"]).max() < 0.15 * side
    for name in POINTS:
        assert np.abs(np.array(a["keypoints"][name]) - b["keypoints"][name]).max() < 0.1 * side
    black = np.zeros((60, 80, 3), np.uint8)
    assert real.detect_faces(black) == mine.detect_faces(black) == []
    for options in ({"output_type": "numpy"}, {"output_type": "numpy", "box_format": "xyxy"}):
        a, b = (one.detect_faces(photo, **options) for one in pair)
        assert a.shape == b.shape == (1, 16)
