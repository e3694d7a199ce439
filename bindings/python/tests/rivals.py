"""The real packages, where they are installed (./dev setup compat), for comparison."""

import importlib.util
import os
import pathlib
import sys
import types

import numpy as np
import pytest
from conftest import iou


def folder_of(package: str) -> pathlib.Path:
    """Where an installed package lies; skips the test if there is none."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"skipped: {package} is not installed")
    return pathlib.Path(spec.origin).parent


def real_facenet_pytorch():
    folder_of("torch")
    folder_of("facenet_pytorch")
    if importlib.util.find_spec("torchvision") is None and "torchvision" not in sys.modules:
        _stand_in_for_torchvision()
    import facenet_pytorch

    return facenet_pytorch


def real_mtcnn():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    folder_of("mtcnn")
    folder_of("tensorflow")
    import mtcnn

    return mtcnn


def _stand_in_for_torchvision() -> None:
    """The two functions that facenet-pytorch takes from torchvision, which does not run with every torch."""
    import torch

    def batched_nms(boxes, scores, groups, threshold):
        order = torch.argsort(scores, descending=True, stable=True).tolist()
        values, groups = boxes.double().numpy(), groups.tolist()
        kept = {}
        for i in order:
            rivals = kept.setdefault(groups[i], [])
            if not rivals or iou(values[[i]], values[rivals]).max() <= threshold:
                rivals.append(i)
        chosen = {i for rivals in kept.values() for i in rivals}
        return torch.tensor([i for i in order if i in chosen], dtype=torch.int64)

    def to_tensor(image):
        return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))

    for name, contents in {
        "torchvision": {},
        "torchvision.ops": {},
        "torchvision.ops.boxes": {"batched_nms": batched_nms},
        "torchvision.transforms": {},
        "torchvision.transforms.functional": {"to_tensor": to_tensor},
    }.items():
        module = types.ModuleType(name)
        module.__dict__.update(contents)
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)


class Comparison:
    """Faces of two detectors on the same photographs, matched one to one by their boxes."""

    def __init__(self) -> None:
        self.theirs = self.ours = 0
        self.ious, self.shifts, self.points, self.scores = [], [], [], []
        self.lost, self.extra = [], []  # the scores of faces that only one of them has

    def add(self, theirs, ours):
        """Each: boxes N x 4, scores N, points N x 5 x 2 or None."""
        boxes, scores, points = theirs
        our_boxes, our_scores, our_points = ours
        self.theirs += len(boxes)
        self.ours += len(our_boxes)
        overlaps = iou(np.reshape(boxes, (-1, 4)), np.reshape(our_boxes, (-1, 4)))
        left, right = set(range(len(boxes))), set(range(len(our_boxes)))
        while left and right:
            i, j = max(((i, j) for i in left for j in right), key=lambda pair: overlaps[pair])
            if overlaps[i, j] < 0.5:
                break
            left.remove(i)
            right.remove(j)
            side = boxes[i][2] - boxes[i][0]
            self.ious.append(overlaps[i, j])
            self.shifts.append((np.asarray(our_boxes[j], float) - np.asarray(boxes[i], float)) / side)
            self.scores.append(our_scores[j] - scores[i])
            if points is not None:
                difference = np.asarray(our_points[j], float) - np.asarray(points[i], float)
                self.points.append(np.hypot(*difference.T).mean() / side)
        self.lost += [float(scores[i]) for i in left]
        self.extra += [float(our_scores[j]) for j in right]

    @property
    def matched(self):
        return len(self.ious)

    def __str__(self):
        if not self.ious:
            return f"{self.theirs} of theirs, {self.ours} of ours, none the same"
        return (
            f"{self.theirs} of theirs, {self.ours} of ours, {self.matched} the same; "
            f"IoU median {np.median(self.ious):.3f}, 5th percentile {np.percentile(self.ious, 5):.3f}; "
            f"shift of the edges {np.round(np.median(self.shifts, axis=0), 3)} of the face's width; "
            f"points {np.median(self.points):.3f}, 95th percentile {np.percentile(self.points, 95):.3f}; "
            f"scores {np.median(np.abs(self.scores)):.4f}; only theirs {np.round(self.lost, 2)}, "
            f"only ours {np.round(self.extra, 2)}"
        )
