"""`MTCNN().detect_faces(image)` as in the package `mtcnn`, version 1.0.0, and 0.1.1 where its arguments are used.

from libmtcnn.compat.mtcnn import MTCNN
for face in MTCNN().detect_faces(image):
    print(face["box"], face["confidence"], face["keypoints"]["nose"])

`mtcnn.mtcnn`, `mtcnn.stages`, `mtcnn.exceptions`, `mtcnn.utils.images` and `mtcnn.utils.plotting` are here, too.
"""

from .exceptions import InvalidImage
from .mtcnn import MTCNN

__all__ = ["MTCNN", "InvalidImage"]
