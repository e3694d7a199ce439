"""Images of all kinds: what is taken, what is refused, and what is copied."""

import io

import libmtcnn
import numpy as np
import pytest
from conftest import iou
from libmtcnn._image import as_pixels
from PIL import Image


def assert_same(a: libmtcnn.Faces, b: libmtcnn.Faces) -> None:
    assert a.image_size == b.image_size
    np.testing.assert_array_equal(a.boxes, b.boxes)
    np.testing.assert_array_equal(a.scores, b.scores)
    np.testing.assert_array_equal(a.landmarks, b.landmarks)


def assert_close(a: libmtcnn.Faces, b: libmtcnn.Faces) -> None:
    """The same face, of an image that is nearly the same."""
    assert len(a) == len(b) == 1
    assert iou(a.boxes, b.boxes)[0, 0] > 0.85


def with_alpha(image):
    return np.concatenate([image, np.full((*image.shape[:2], 1), 7, np.uint8)], axis=2)


def test_every_order_of_colours_is_the_same_image(detector, photo):
    expected = detector.detect(photo)
    assert len(expected) == 1
    bgr = np.ascontiguousarray(photo[:, :, ::-1])
    rgba = with_alpha(photo)
    bgra = with_alpha(bgr)
    for image, name in [
        (photo, None), (photo, "rgb"), (rgba, None), (rgba, "rgb"), (rgba, "rgba"),
        (bgr, "bgr"), (bgra, "bgr"), (bgra, "bgra"), (bgr[:, :, ::-1], "rgb"), (photo[:, :, ::-1], "bgr"),
    ]:  # fmt: skip
        assert_same(detector.detect(image, name), expected)
    # And the order matters.
    assert not np.array_equal(detector.detect(photo, "bgr").scores, expected.scores)


def test_grey_images(detector, photo):
    grey = np.array(Image.fromarray(photo).convert("L"))
    expected = detector.detect(np.stack([grey] * 3, axis=2))
    assert len(expected) == 1
    grey_alpha = np.stack([grey, 255 - grey], axis=2)
    for image, name in [
        (grey, None), (grey[:, :, None], None), (grey, "grey"), (grey, "gray"), (grey, "bgr"),
        (grey_alpha, None), (grey_alpha, "grey_alpha"), (grey_alpha, "gray_alpha"),
    ]:  # fmt: skip
        assert_same(detector.detect(image, name), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_of_0_to_1_and_of_0_to_255(detector, photo, dtype):
    expected = detector.detect(photo)
    assert_same(detector.detect(photo.astype(dtype)), expected)
    assert_same(detector.detect((photo / 255).astype(dtype)), expected)
    # What a resize overshoots is clipped, not taken for another range.
    overshot = (photo / 255).astype(dtype)
    overshot[0, 0], overshot[0, 1] = 1.04, -0.03
    assert_close(detector.detect(overshot), expected)


def test_other_integers(detector, photo):
    expected = detector.detect(photo)
    for dtype in (np.int16, np.int32, np.uint32, np.int64, ">i4"):
        assert_same(detector.detect(photo.astype(dtype)), expected)
    assert_same(detector.detect(photo.astype(np.uint16) * 257), expected)
    assert_same(detector.detect((photo.astype(np.uint16) * 257).astype(">u2")), expected)
    assert_same(detector.detect(photo.tolist()), expected)
    white = np.ones((64, 64), bool)
    np.testing.assert_array_equal(as_pixels(white).array, np.full((64, 64, 1), 255))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -30.0, 400.0])
def test_values_that_no_image_has_are_refused(detector, photo, value):
    bad = photo.astype(np.float32)
    bad[5, 5, 1] = value
    with pytest.raises(libmtcnn.InvalidArgumentError):
        detector.detect(bad)
    with pytest.raises(ValueError, match="outside 0 to 255"):
        detector.detect(photo.astype(int) + 300)
    with pytest.raises(ValueError, match=r"-0\.99"):
        detector.detect((photo - 127.5) / 128)


def test_no_copy_where_the_layout_allows_it(photo):
    def view_of(image, name=None):
        pixels = as_pixels(image, name)
        assert np.shares_memory(pixels.array, image)
        return pixels.array

    padded = np.zeros((64, 100, 3), np.uint8)
    grey = padded[:, :, 0].copy()
    for image in [
        photo, photo[10:200, 20:300], photo[::-1], photo[::2], photo[5:6], photo[:, 7:8], padded[:, :60],
        grey, grey[::-1, 5:50], with_alpha(photo)[::-1], grey[:, ::1][:, None, :].reshape(64, 100),
    ]:  # fmt: skip
        view_of(image)
    # Colours the other way round are read the other way round.
    np.testing.assert_array_equal(view_of(photo[:, :, ::-1]), photo)
    # Any other layout is copied.
    for image in [
        photo[:, ::2], photo[:, ::-1], photo.transpose(1, 0, 2), with_alpha(photo)[:, :, :3],
        np.broadcast_to(photo[:1], photo.shape), np.asfortranarray(photo), grey[:, ::2],
    ]:  # fmt: skip
        copy = as_pixels(image).array
        assert not np.shares_memory(copy, image)
        np.testing.assert_array_equal(copy.reshape(image.shape), image)


def test_any_strides_give_what_a_copy_gives(detector, photo):
    for image in [
        photo[::-1], photo[:, ::-1], photo[40:400, 30:420], photo.transpose(1, 0, 2), photo[::-1, ::-1],
        np.asfortranarray(photo), with_alpha(photo)[:, :, :3],
    ]:  # fmt: skip
        assert_same(detector.detect(image), detector.detect(np.array(image, order="C", copy=True)))


def test_what_is_no_image_is_refused(detector, photo):
    for bad, kind, message in [
        (None, TypeError, "expected pixels"),
        ("photo.jpg", TypeError, "decode files"),
        (b"\xff\xd8", TypeError, "decode files"),
        (object(), TypeError, "object"),
        (np.array(["a"]), TypeError, "expected integers"),
        (photo.astype(complex), TypeError, "expected integers"),
        (np.zeros(5, np.uint8), ValueError, "height x width"),
        (np.uint8(3), ValueError, "a single number"),
        (photo.transpose(2, 0, 1), ValueError, "channels must come last"),
        (photo[None], ValueError, "detect_batch"),
        (np.zeros((0, 5, 3), np.uint8), ValueError, "at least 1 x 1"),
        (np.zeros((5, 0), np.uint8), ValueError, "at least 1 x 1"),
        (np.zeros((0, 5, 3), np.float32), ValueError, "at least 1 x 1"),
        (np.zeros((9, 9, 5), np.uint8), ValueError, "height x width"),
    ]:
        with pytest.raises(kind, match=message):
            detector.detect(bad)
    for name, message in [("rbg", "expected one of"), ("rgba", "format 'rgba'"), ("grey", "format 'grey'")]:
        with pytest.raises(libmtcnn.InvalidArgumentError, match=message):
            detector.detect(photo, name)
    wide = np.broadcast_to(np.zeros(1, np.uint8), (1 << 15, 1 << 14))
    with pytest.raises(libmtcnn.LimitError, match="pixels"):
        detector.detect(wide)


# ---- PIL


PIL_MODES = ["RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "CMYK", "YCbCr", "HSV", "F", "I", "I;16", "RGBa", "La"]


@pytest.mark.parametrize("mode", PIL_MODES)
def test_pil_modes(detector, photo, mode):
    image = Image.fromarray(photo)
    expected = detector.detect(image.convert("L" if mode in ("L", "LA", "La", "F", "I", "I;16") else "RGB"))
    if mode in ("RGBa", "La"):
        image = image.convert("RGBA" if mode == "RGBa" else "LA").convert(mode)
    elif mode == "PA":
        image = image.convert("P").convert("PA")
    elif mode in ("I", "I;16"):
        values = np.array(image.convert("L")).astype(np.uint16) * 257
        image = Image.fromarray(values.astype(np.int32) if mode == "I" else values)
    else:
        image = image.convert(mode)
    assert image.mode == mode
    if mode in ("YCbCr", "HSV"):
        # What these round may be enough for something else to be taken for a face.
        assert_same(detector.detect(image), detector.detect(np.array(image.convert("RGB"))))
    else:
        assert_close(detector.detect(image), expected)


def test_pil_black_and_white(photo):
    image = Image.fromarray(photo).convert("1")
    np.testing.assert_array_equal(as_pixels(image).array[:, :, 0], np.array(image).astype(np.uint8) * 255)


def test_pil_palette_with_transparency(detector, photo, recwarn):
    image = Image.fromarray(photo).convert("P")
    image.info["transparency"] = bytes(range(256))
    assert len(detector.detect(image)) == 1
    assert not recwarn.list


def test_pil_images_of_values_that_no_image_has():
    for image in (Image.new("I", (20, 20), -1), Image.new("I", (20, 20), 65536), Image.new("F", (20, 20), 300)):
        with pytest.raises(libmtcnn.InvalidArgumentError, match="values"):
            as_pixels(image)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright_as_their_exif_data_say(detector, photo, orientation):
    # How the camera held it, so that undoing the orientation gives the photograph.
    stored = {
        1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a), 7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](photo[:480])  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(stored)).save(file, "PNG", exif=exif)
    image = Image.open(file)
    expected = detector.detect(photo[:480])
    faces = detector.detect(image)
    assert_same(faces, expected)
    assert faces.image_size == (512, 480)
    upright = libmtcnn.upright(image)
    np.testing.assert_array_equal(np.array(upright), photo[:480])
    assert_same(detector.detect(upright), expected)  # not turned twice
    assert (upright is image) == (orientation == 1)
    # align() looks at the same upright image.
    np.testing.assert_array_equal(libmtcnn.align(image, faces[0]).image, libmtcnn.align(photo[:480], faces[0]).image)


def test_a_truncated_file_is_an_exception_of_pils(detector, photo):
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    with pytest.raises(OSError):
        detector.detect(Image.open(io.BytesIO(file.getvalue()[:9000])))


# ---- Other packages' arrays, by their interfaces


class Tensor:
    """A tensor that offers no more than it is told to."""

    def __init__(self, array, *interfaces, device=1):
        self.array, self.device = array, device
        for name in interfaces:
            setattr(self, name, None)


class DlpackTensor(Tensor):
    requires_grad = True

    def detach(self):
        other = DlpackTensor(self.array, device=self.device)
        other.requires_grad = False
        return other

    def __dlpack__(self, **kwargs):
        if self.requires_grad:
            raise BufferError("detach first")
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        if self.device is None:
            raise ValueError("no number for this device")
        return (self.device, 0)


class ArrayInterfaceTensor(Tensor):
    @property
    def __array_interface__(self):
        return self.array.__array_interface__


class ArrayTensor(Tensor):
    def __array__(self, dtype=None, copy=None):
        return self.array


def test_tensors_by_dlpack_array_interface_and_array(detector, photo):
    own = np.array(photo)
    expected = detector.detect(photo)
    for kind in (DlpackTensor, ArrayInterfaceTensor, ArrayTensor):
        assert_same(detector.detect(kind(own)), expected)
        assert np.shares_memory(as_pixels(kind(own)).array, own)
    for device in (2, None):
        with pytest.raises(ValueError, match="main memory"):
            detector.detect(DlpackTensor(own, device=device))
    assert_same(detector.detect(memoryview(own)), expected)


def test_tensors_of_torch(detector, photo):
    torch = pytest.importorskip("torch", reason="skipped: torch is not installed")
    expected = detector.detect(photo)
    tensor = torch.from_numpy(np.array(photo))
    assert_same(detector.detect(tensor), expected)
    assert as_pixels(tensor).array.ctypes.data == tensor.data_ptr()
    channels_first = tensor.permute(2, 0, 1).contiguous()
    with pytest.raises(ValueError, match="permute"):
        detector.detect(channels_first)
    assert_same(detector.detect(channels_first.permute(1, 2, 0)), expected)
    assert_same(detector.detect((tensor.float() / 255).requires_grad_()), expected)
    with pytest.raises(TypeError):
        detector.detect(tensor.bfloat16())
    with pytest.raises(ValueError, match="main memory"):
        detector.detect(torch.empty((64, 64, 3), dtype=torch.uint8, device="meta"))
