"""libmtcnn.compat.facenet_pytorch: its calls, and the real package beside it."""

import sys

import libmtcnn
import numpy as np
import pytest
from libmtcnn.compat import facenet_pytorch as ours
from PIL import Image
from rivals import Comparison, folder_of, real_facenet_pytorch


@pytest.fixture(scope="module")
def friends(photographs):
    return photographs["hd_1_friends"]


@pytest.fixture
def make(model):
    return lambda **options: ours.MTCNN(model=model, output="numpy", **options)


def test_detect(make, friends, model):
    boxes, probs, points = make().detect(friends, landmarks=True)
    count = len(boxes)
    assert count > 1
    assert boxes.shape == (count, 4)
    assert probs.shape == (count,)
    assert points.shape == (count, 5, 2)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert np.all(np.diff(areas) <= 0)
    two = make(select_largest=False).detect(friends)
    assert len(two) == 2
    assert np.all(np.diff(two[1]) <= 0)
    # The same faces as ours, counted from 1 at the left and top.
    faces = libmtcnn.Detector(model).detect(friends)
    np.testing.assert_allclose(two[0], faces.boxes + np.array([1, 1, 0, 0]))
    assert len(make(min_face_size=5000).detect(friends, landmarks=True)) == 3


def test_no_face(make):
    black = np.zeros((100, 120, 3), np.uint8)
    boxes, probs, points = make().detect(black, landmarks=True)
    assert boxes is None
    assert list(probs) == [None]
    assert points is None
    for image in (black, Image.fromarray(black)):
        assert make()(image) is None
        assert make(keep_all=True)(image, return_prob=True)[0] is None
        assert make()(image, return_prob=True) == (None, None)
    boxes, probs = make().detect([black, black])
    assert list(boxes) == [None, None]
    assert [list(p) for p in probs] == [[None], [None]]
    assert make()([black, black]) == [None, None]
    tiny = np.zeros((5, 5, 3), np.uint8)
    assert make().detect(tiny)[0] is None


def test_batches(make, friends, photo):
    mtcnn = make(keep_all=True)
    black = np.zeros((100, 120, 3), np.uint8)
    images = [friends, Image.fromarray(photo), black]
    boxes, probs, points = mtcnn.detect(images, landmarks=True)
    assert len(boxes) == len(probs) == len(points) == 3
    for i, image in enumerate(images):
        one = mtcnn.detect(image, landmarks=True)
        np.testing.assert_array_equal(boxes[i], one[0])
        np.testing.assert_array_equal(points[i], one[2])
    crops = mtcnn(images)
    assert [None if c is None else c.shape for c in crops] == [
        (len(boxes[0]), 3, 160, 160),
        (1, 3, 160, 160),
        None,
    ]
    stacked = mtcnn(np.stack([photo, photo]))
    assert len(stacked) == 2
    np.testing.assert_array_equal(stacked[0], mtcnn(photo))
    selected, _ = make()(tuple(images), return_prob=True)
    assert selected[0].shape == (3, 160, 160)
    with pytest.raises(libmtcnn.InvalidArgumentError, match="height x width"):
        mtcnn.detect([friends, np.zeros(3)])


def test_which_face_is_chosen(make, friends):
    boxes, probs, points = make().detect(friends, landmarks=True)
    mtcnn = make()
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    middle = np.array([friends.shape[1], friends.shape[0]]) / 2
    offsets = (((boxes[:, :2] + boxes[:, 2:]) / 2 - middle) ** 2).sum(axis=1)
    over = probs > np.sort(probs)[len(probs) // 2]
    for method, options, best in [
        ("largest", {}, np.argmax(areas)),
        ("probability", {}, np.argmax(probs)),
        ("center_weighted_size", {}, np.argmax(areas - 2 * offsets)),
        ("center_weighted_size", {"center_weight": 0.01}, np.argmax(areas - 0.01 * offsets)),
        ("largest_over_threshold", {"threshold": np.sort(probs)[len(probs) // 2]}, np.argmax(areas * over)),
    ]:
        box, prob, point = mtcnn.select_boxes(boxes, probs, points, friends, method=method, **options)
        np.testing.assert_array_equal(box, boxes[[best]])
        assert prob == probs[best]
        np.testing.assert_array_equal(point, points[[best]])
        if not options:
            chosen, prob = make(selection_method=method)(friends, return_prob=True)
            assert prob == probs[best]
            np.testing.assert_array_equal(chosen, mtcnn.extract(friends, boxes[[best]], None))
    none = mtcnn.select_boxes(boxes, probs, points, friends, method="largest_over_threshold", threshold=1)
    assert none == (None, None, None)
    batch = mtcnn.select_boxes([boxes, None], [probs, [None]], [points, None], [friends, friends])
    assert batch[0][0].shape == (1, 4)
    assert batch[0][1] is None
    with pytest.raises(libmtcnn.InvalidArgumentError):
        make(selection_method="smallest")


def test_crops(make, photo, tmp_path):
    raw = make(post_process=False, image_size=96)(photo)
    assert raw.shape == (3, 96, 96)
    assert raw.dtype == np.float32
    assert raw.max() > 150
    assert np.all(raw == np.rint(raw))
    np.testing.assert_allclose(make(image_size=96)(photo), (raw - 127.5) / 128)
    # By hand: a box on whole pixels, of the crop's own size, is the pixels themselves.
    box = [100, 50, 196, 146]
    for image in (photo, Image.fromarray(photo)):
        crop = ours.extract_face(image, box, 96, output="numpy")
        np.testing.assert_array_equal(crop, photo[50:146, 100:196].transpose(2, 0, 1))
    wide = ours.extract_face(photo, [110, 60, 190, 140], 96, 16, output="numpy")
    np.testing.assert_array_equal(wide, photo[52:148, 102:198].transpose(2, 0, 1))
    assert ours.extract_face(photo, [-50, -50, 600, 600], 64, output="numpy").shape == (3, 64, 64)
    with pytest.raises(libmtcnn.InvalidArgumentError, match="nothing"):
        ours.extract_face(photo, [600, 600, 700, 700])
    # Files hold what is seen, whatever post_process does to the crop.
    for image in (photo, Image.fromarray(photo)):
        path = tmp_path / type(image).__name__ / "new" / "face.png"
        make()(image, save_path=str(path))
        with Image.open(path) as saved:
            assert saved.size == (160, 160)


def test_all_crops_are_saved_under_numbers(make, friends, tmp_path):
    crops = make(keep_all=True)(Image.fromarray(friends), save_path=str(tmp_path / "face.png"))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(["face.png"] + [f"face_{i}.png" for i in range(2, len(crops) + 1)])
    make()([friends, friends], save_path=[str(tmp_path / "a.png"), str(tmp_path / "b.png")])
    assert (tmp_path / "b.png").exists()


def test_pixels_are_taken_as_they_lie(make, photo):
    mtcnn = make()
    boxes, crop = mtcnn.detect(photo)[0], mtcnn(photo)
    for dtype in (np.uint16, np.int32, np.int8, np.float32):
        image = photo.astype(dtype) if dtype != np.int8 else (photo // 2).astype(np.int8)
        expected = (boxes, crop) if dtype != np.int8 else (mtcnn.detect(photo // 2)[0], mtcnn(photo // 2))
        np.testing.assert_array_equal(mtcnn.detect(image)[0], expected[0])
        np.testing.assert_array_equal(mtcnn(image), expected[1])
    beyond = photo.astype(int)
    beyond[photo == 255], beyond[photo == 0] = 300, -7
    np.testing.assert_array_equal(mtcnn.detect(beyond)[0], boxes)
    assert mtcnn.detect(photo / 255)[0] is None
    with pytest.raises(libmtcnn.InvalidArgumentError, match="NaN"):
        mtcnn.detect(np.full((99, 99, 3), np.nan, np.float32))
    for wrong in (None, "photo.png", object()):
        with pytest.raises(TypeError):
            mtcnn.detect(wrong)


def test_prewhiten():
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(ours.prewhiten(values), (values - 2.5) / np.sqrt(5 / 3))
    np.testing.assert_array_equal(ours.prewhiten(values * 0 + 7), values * 0)


def test_attributes_may_be_changed(make, friends, monkeypatch):
    mtcnn = make()
    assert mtcnn.training
    assert mtcnn.eval() is mtcnn.to("cpu") is mtcnn
    assert not mtcnn.training
    assert mtcnn.train() is mtcnn.half() is mtcnn.cpu() is mtcnn
    assert mtcnn.float() is mtcnn.double() is mtcnn.requires_grad_(False) is mtcnn.share_memory() is mtcnn
    assert list(mtcnn.parameters()) == list(mtcnn.named_parameters()) == list(mtcnn.children()) == []
    assert list(mtcnn.modules()) == [mtcnn]
    assert mtcnn.state_dict() == {}
    assert mtcnn.zero_grad() is None
    assert str(mtcnn.device) == "cpu"
    mtcnn.to(device="cuda:1")
    assert mtcnn.device == "cuda:1"
    monkeypatch.setitem(sys.modules, "torch", None)
    assert make().device == "cpu"
    before = len(mtcnn.detect(friends)[0])
    mtcnn.min_face_size = 400
    mtcnn.thresholds = [0.6, 0.7, 0.99]
    after = mtcnn.detect(friends)[0]
    assert after is None or len(after) < before


def test_tensors(model, photo):
    mtcnn = ours.MTCNN(model=model)
    if "torch" not in sys.modules:
        pytest.importorskip("torch", reason="skipped: torch is not installed")
    import torch

    assert mtcnn.device == torch.device("cpu")
    assert mtcnn.to(torch.float16).device == torch.device("cpu")
    values = torch.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_allclose(ours.prewhiten(values).numpy(), ours.prewhiten(values.numpy()), rtol=1e-6)
    crop = mtcnn(photo)
    assert isinstance(crop, torch.Tensor)
    assert crop.dtype == torch.float32
    # The same box, cut out by the package's rule for tensors, which is another than that for arrays.
    assert (crop - mtcnn(torch.from_numpy(np.array(photo)))).abs().mean() < 0.1
    stacked = torch.from_numpy(np.stack([photo, photo]))
    assert [c.shape for c in ours.MTCNN(model=model, keep_all=True)(stacked)] == [(1, 3, 160, 160)] * 2
    assert ours.extract_face(photo, [0, 0, 50, 50]).shape == (3, 160, 160)
    floats = stacked.float()
    np.testing.assert_array_equal(mtcnn.detect(floats)[0][0], mtcnn.detect(photo)[0])


def test_without_torch_there_is_a_way(model, photo, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="output='numpy'"):
        ours.MTCNN(model=model)(photo)


# ---- The real package


@pytest.fixture(scope="module")
def theirs():
    package = real_facenet_pytorch()
    return package, libmtcnn.Model.convert(folder_of("facenet_pytorch") / "data")


@pytest.mark.parametrize("min_face_size", [20, 40])
def test_the_same_faces_as_the_real_package(theirs, photographs, min_face_size):
    package, weights = theirs
    real = package.MTCNN(min_face_size=min_face_size)
    mine = ours.MTCNN(min_face_size=min_face_size, model=weights)
    comparison = Comparison()
    for image in photographs.values():
        comparison.add(real.detect(image, landmarks=True), mine.detect(image, landmarks=True))
    print(comparison)
    assert comparison.matched >= 0.96 * comparison.theirs
    assert len(comparison.extra) <= 0.04 * comparison.theirs


def test_the_same_output_as_the_real_package(theirs, photographs, photo, tmp_path):
    package, weights = theirs
    for options in [
        {},
        {"keep_all": True, "post_process": False, "image_size": 112, "margin": 14},
        {"select_largest": False},
        {"selection_method": "center_weighted_size"},
        {"selection_method": "largest_over_threshold"},
    ]:
        real = package.MTCNN(min_face_size=40, **options)
        mine = ours.MTCNN(min_face_size=40, model=weights, **options)
        for image in [Image.fromarray(photographs["vga_1_four"]), Image.fromarray(photo)]:
            (a, p), (b, q) = real(image, return_prob=True), mine(image, return_prob=True)
            assert type(a) is type(b)
            assert a.shape == b.shape
            assert a.dtype == b.dtype
            assert np.shape(p) == np.shape(q)
            # The box moves by a pixel or two, and the crop with it.
            assert (a - b).abs().mean() < 0.15 * (1 if mine.post_process else 128)
    # Crops of the same boxes: the same to the last bit from PIL's images, within rounding from arrays.
    import torch

    boxes = package.MTCNN(min_face_size=40).detect(Image.fromarray(photo))[0]
    tensor = torch.from_numpy(np.array(photo))
    for image, tolerance in [(Image.fromarray(photo), 0), (photo, 1), (tensor, 1)]:
        for size in (40, 120, 160):
            for margin in (0, 30):
                for box in (boxes[0], [20, 30, 300, 90], [-9, 100, 70, 700]):
                    a = package.extract_face(image, box, size, margin)
                    b = ours.extract_face(image, box, size, margin)
                    assert (a - b).abs().max() <= tolerance, (type(image), size, margin, box)


def test_what_a_module_of_torch_has_as_the_real_package(theirs, photo):
    package, weights = theirs
    real, mine = package.MTCNN(), ours.MTCNN(model=weights)
    assert real.device == mine.device
    assert real.training == mine.training
    for name in ("requires_grad_", "share_memory", "float", "eval", "train", "cpu"):
        assert getattr(real, name)() is real
        assert getattr(mine, name)() is mine
    import torch

    values = torch.from_numpy(np.array(photo)).float()
    np.testing.assert_allclose(ours.prewhiten(values).numpy(), package.prewhiten(values).numpy(), atol=1e-5)
    # Floats of 0 to 1 are black to both, whole numbers of any type the same image.
    image = photo / 255
    assert real.detect(image)[0] is mine.detect(image)[0] is None
    for one in (real, mine):
        np.testing.assert_allclose(
            one.detect(photo.astype(np.int32))[0].astype(float), one.detect(photo)[0].astype(float)
        )


def test_select_boxes_as_the_real_package(theirs, photographs):
    package, weights = theirs
    image = Image.fromarray(photographs["hd_1_friends"])
    found = ours.MTCNN(model=weights).detect(image, landmarks=True)
    real, mine = package.MTCNN(), ours.MTCNN(model=weights)
    for method in ("largest", "probability", "center_weighted_size", "largest_over_threshold"):
        for a, b in zip(
            real.select_boxes(*found, image, method=method),
            mine.select_boxes(*found, image, method=method),
            strict=True,
        ):
            np.testing.assert_array_equal(np.asarray(a, float), np.asarray(b, float))
