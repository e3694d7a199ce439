"""facenet-pytorch's MTCNN. PyPI's torchvision does not run beside every build of PyTorch, and all that this package
takes from it is NMS and a conversion: where torchvision is missing, OpenCV's NMS in C++ stands in."""

import sys
import types

TITLE = "facenet-pytorch"
MIN_FACE = "its option"
VENV = "torch"
PACKAGES = [
    "torch==2.13.0",
    "numpy pillow requests tqdm opencv-python-headless<5",
    "--no-deps facenet-pytorch==2.6.0",
]


def stand_in_for_torchvision():
    import cv2
    import torch

    def batched_nms(boxes, scores, groups, threshold):
        corners = boxes.double().numpy()
        corners[:, 2:] -= corners[:, :2]
        kept = cv2.dnn.NMSBoxesBatched(corners, scores.numpy(), groups.int().numpy(), -1e9, threshold)
        return torch.as_tensor(kept, dtype=torch.long).reshape(-1)

    names = {
        "torchvision": {},
        "torchvision.ops": {},
        "torchvision.ops.boxes": {"batched_nms": batched_nms},
        "torchvision.transforms": {},
        "torchvision.transforms.functional": {"to_tensor": None},
    }
    for name, members in names.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(members)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])


def version():
    from importlib.metadata import version as of

    return f"{of('facenet-pytorch')}, PyTorch {of('torch')}"


def load(settings):
    import torch

    torch.set_num_threads(settings.threads)
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        if "facenet_pytorch" not in sys.modules:
            stand_in_for_torchvision()
    from facenet_pytorch import MTCNN

    detector = MTCNN(min_face_size=settings.min_face, keep_all=True, device="cpu")

    def detect(image):
        boxes, _ = detector.detect(image)
        return [] if boxes is None else boxes

    return detect
