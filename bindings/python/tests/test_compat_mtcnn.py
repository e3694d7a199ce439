"""libmtcnn.compat.mtcnn: its calls, and the real package beside it."""

import io

import libmtcnn
import numpy as np
import pytest
from conftest import ASTRONAUT
from libmtcnn.compat.mtcnn import MTCNN
from libmtcnn.compat.mtcnn.exceptions import InvalidImage
from libmtcnn.compat.mtcnn.stages import StageONet, StagePNet, StageRNet
from libmtcnn.compat.mtcnn.utils import plotting
from libmtcnn.compat.mtcnn.utils.images import load_image
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
    assert mtcnn.predict(photo, True, True, "xyxy") == mtcnn.detect_faces(photo, True, True, "xyxy") != [face]
    assert mtcnn.predict(photo, batch_stack_justification="top") == [face]
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


def test_stages(model, photo):
    mtcnn = MTCNN(model=model)
    assert [type(stage) for stage in mtcnn.stages] == [StagePNet, StageRNet, StageONet]
    assert mtcnn.get_stage(2) is mtcnn.get_stage(stage_name="Stage RNET") is mtcnn.stages[1]
    assert mtcnn.get_stage(4) is mtcnn.get_stage(stage_name="RNet") is None
    expected = mtcnn.detect_faces(photo)
    assert MTCNN([StagePNet, StageRNet, StageONet], model=model).detect_faces(photo) == expected
    assert MTCNN(stages=[StagePNet(), StageRNet("R", 7)], model=model).get_stage(7).name == "R"
    trace = libmtcnn.Detector(model, thresholds=(0.6, 0.7, 0.8)).trace(photo)
    for count, found in [(1, trace.pnet), (2, trace.rnet)]:
        shallow = MTCNN([StagePNet, StageRNet][:count], model=model)
        rows = shallow.detect_faces(photo, fit_to_image=False, output_type="numpy", box_format="xyxy")
        assert rows.shape == (len(found), 6)
        np.testing.assert_allclose(rows[:, 3:5], found.boxes[:, 2:])
    by_name = MTCNN("face_detection_only", "CPU:0", model=model)
    assert by_name.detect_faces(photo) == shallow.detect_faces(photo)
    for wrong in ("all", [], [StageRNet], [StagePNet, StageONet], [StagePNet, int], 5, "nowhere.npy"):
        with pytest.raises(libmtcnn.InvalidArgumentError, match="stages"):
            MTCNN(wrong, model=model)


def test_files_and_their_bytes(model):
    mtcnn = MTCNN(model=model)
    with Image.open(ASTRONAUT) as file:
        expected = mtcnn.detect_faces(np.array(file.convert("RGB")))
        assert mtcnn.detect_faces(file.convert("RGB")) == expected
    for image in (str(ASTRONAUT), ASTRONAUT, ASTRONAUT.read_bytes()):
        assert mtcnn.detect_faces(image) == expected
        assert mtcnn.detect_faces(load_image(image)) == expected
        assert load_image(image).dtype == np.float32
        assert load_image(image).max() > 200
        assert load_image(image, np.uint8).dtype == np.uint8
    assert load_image(expected) is expected


def test_pixels_are_taken_as_they_lie(model, photo):
    mtcnn = MTCNN(model=model)
    expected = mtcnn.detect_faces(photo)
    for dtype in (np.uint16, np.int32, np.float32, np.float64):
        assert mtcnn.detect_faces(photo.astype(dtype)) == expected
    beyond = photo.astype(int)
    beyond[photo == 255], beyond[photo == 0] = 300, -7
    assert mtcnn.detect_faces(beyond) == mtcnn.detect_faces(beyond.astype(np.float32)) == expected
    # Where white is 1, all is black.
    assert mtcnn.detect_faces(photo / 255) == []
    bad = photo.astype(np.float32)
    bad[5, 5, 1] = np.nan
    with pytest.raises(libmtcnn.InvalidArgumentError, match="NaN"):
        mtcnn.detect_faces(bad)
    for wrong in (None, object(), np.array(["a"])):
        with pytest.raises(TypeError):
            mtcnn.detect_faces(wrong)
    # EXIF would have this one lie on its side.
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG", exif=exif)
    with Image.open(file) as image:
        assert image.getexif()[0x0112] == 6
        assert mtcnn.detect_faces(image) == mtcnn.detect_faces(file.getvalue()) == expected
    assert mtcnn.detect_faces(Image.fromarray(photo).convert("RGBA")) == expected


def test_plotting():
    image = np.zeros((40, 50, 3), np.uint8)
    keypoints = {
        "left_eye": [14, 15],
        "right_eye": [25, 15],
        "nose": [20, 20],
        "mouth_left": [15, 28],
        "mouth_right": [-5, 99],
    }
    face = {"box": [10, 8, 20, 25], "confidence": 0.9, "keypoints": keypoints}
    drawn = plotting.plot(image, face)
    assert not image.any()
    yellow = (drawn == [255, 255, 0]).all(axis=2)
    expected = np.zeros((40, 50), bool)
    expected[8:33, 10] = expected[8:33, 30] = expected[8, 10:30] = expected[33, 10:30] = True
    for x, y in [(14, 15), (25, 15), (20, 20), (15, 28)]:
        expected[y - 2 : y + 3, x - 2 : x + 3] = True
    np.testing.assert_array_equal(yellow, expected)
    assert not drawn[~yellow].any()
    row = np.array([0, 10.2, 8, 20, 25, 0.9, 14, 25, 20, 15, -5, 15, 15, 20, 28, 99])
    for same in ([face], row, row[None], [row]):
        np.testing.assert_array_equal(plotting.plot(image, same), drawn)
    corners = {"box": [10, 8, 30, 33]}
    np.testing.assert_array_equal(
        plotting.plot(image, corners, input_as_width_height=False), plotting.plot_bbox(image, [10, 8, 20, 25])
    )
    nose = plotting.plot_landmarks(image, keypoints, "#f00", "nose", brush_size=0)
    assert nose.sum() == nose[20, 20, 0] == 255
    white = plotting.plot_bbox(image.astype(float), [-5, -5, 500, 10], "0xffffff", normalize_color=True)
    assert white.sum() == white[5].sum() == 50 * 3
    assert plotting.plot(image, []) is None


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
    # By place.
    weights = tmp_path / "weights.safetensors"
    for old in [
        MTCNN(weights),
        MTCNN(str(weights), 20),
        MTCNN(weights, 20, [0.6, 0.7, 0.7], 0.709),
        MTCNN(None, 20, model=model),
        MTCNN(None, np.float32(20), model=model),
        MTCNN(weights, np.int64(20)),
        MTCNN(model),
        MTCNN(model, 20),
        MTCNN(weights_file=model),
    ]:
        assert old.device == "CPU:0"
        assert old.detect_faces(photo) == [face]
        with pytest.raises(InvalidImage):
            old.detect_faces("photo.png")
    assert MTCNN(weights, 500).detect_faces(photo) == []
    assert MTCNN(weights, 20, [0.6, 0.7, 1.0]).detect_faces(photo) == []
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
    assert real.predict(photo, True, False, "xyxy")[0].keys() == mine.predict(photo, True, False, "xyxy")[0].keys()
    # Both take it, neither looks at it.
    for one in pair:
        assert one.detect_faces(photo, min_size=99) == one.detect_faces(photo)
    # Floats of 0 to 1 are black to both, and integers of any type the same image.
    assert real.detect_faces(photo / 255) == mine.detect_faces(photo / 255) == []
    for one in pair:
        assert one.detect_faces(photo.astype(np.uint16)) == one.detect_faces(photo)


def test_stages_and_tools_as_the_real_package(pair, photo, tmp_path):
    real, mine = pair
    assert [(s.id, s.name) for s in real.stages] == [(s.id, s.name) for s in mine.stages]
    from mtcnn import stages
    from mtcnn.utils import images as real_images
    from mtcnn.utils import plotting as real_plotting

    for names in (["StagePNet"], ["StagePNet", "StageRNet"]):
        a = type(real)(stages=[getattr(stages, name) for name in names]).detect_faces(photo, output_type="numpy")
        b = MTCNN([{"StagePNet": StagePNet, "StageRNet": StageRNet}[name] for name in names],
                  model=folder_of("mtcnn") / "assets/weights").detect_faces(photo, output_type="numpy")  # fmt: skip
        assert a.shape[1] == b.shape[1] == 6
    path = str(tmp_path / "photo.png")  # decoders of JPEG differ
    Image.fromarray(photo).save(path)
    np.testing.assert_allclose(real_images.load_image(path), load_image(path), atol=1e-3)
    faces = mine.detect_faces(photo)
    for arguments in ((faces,), (faces[0],), (mine.detect_faces(photo, output_type="numpy"),)):
        np.testing.assert_array_equal(real_plotting.plot(photo, *arguments), plotting.plot(photo, *arguments))
