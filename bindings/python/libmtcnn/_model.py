"""The weights of a cascade."""

from __future__ import annotations

import os
from typing import Any

from . import _core
from ._types import ModelInfo

StrPath = str | os.PathLike[str]


class Model:
    """The weights of a cascade, immutable. Copies share them; pickles carry them (2 MB).

    Made by load(), builtin(), from_bytes() or convert().
    """

    __slots__ = ("_native",)

    def __init__(self, native: _core.Model) -> None:
        """Not to be called: see load(), builtin(), from_bytes() and convert()."""
        if not isinstance(native, _core.Model):
            raise TypeError("use Model.load(), Model.builtin(), Model.from_bytes() or Model.convert()")
        self._native = native

    @staticmethod
    def load(path: StrPath) -> Model:
        """Reads a model file (.safetensors).

        Raises FileError if it can't be read, FormatError with what was expected if it is no whole model,
        LimitError above 64 MiB, UnsupportedError for a newer version of the format.
        """
        return Model(_core.Model.load(os.fsencode(path)))

    @staticmethod
    def from_bytes(data: bytes | bytearray | memoryview, name: str = "model") -> Model:
        """The model whose file has these bytes. `name` stands for the file in messages.

        Raises FormatError, LimitError and UnsupportedError as load() does.
        """
        return Model(_core.Model.parse(bytes(data), name))

    @staticmethod
    def builtin() -> Model:
        """The model that came with the package. Raises UnsupportedError if this build has none."""
        return Model(_core.Model.builtin())

    @staticmethod
    def convert(*paths: StrPath) -> Model:
        """Imports other programs' weights from files, or from folders that hold them.

        Recognised by content: Caffe (.caffemodel), facenet (.npy), facenet-pytorch (.pt), the `mtcnn` package
        (.lz4), ONNX, and this project's own .npz and .safetensors; one file a net, P-, R- and O-Net and
        perhaps L-Net. Pickles are read as data: nothing in them is run.

        Raises FileError, FormatError with what was expected, LimitError above 64 MiB a file, and
        UnsupportedError if this build lacks what a format needs.
        """
        return Model(_core.Model.convert([os.fsencode(path) for path in paths]))

    def save(self, path: StrPath) -> None:
        """Writes a model file; an interrupted save leaves the old one whole. Raises FileError."""
        self._native.save(os.fsencode(path))

    def to_bytes(self) -> bytes:
        """The bytes of a model file: from_bytes(to_bytes()) is the same model."""
        return self._native.serialize()

    @property
    def info(self) -> ModelInfo:
        """What the model says of itself."""
        return ModelInfo(**self._native.info())

    def __repr__(self) -> str:
        info = self.info
        origin = info.metadata.get("provenance", "")
        return f"<Model of {', '.join(info.nets)}{': ' if origin else ''}{origin}>"

    def __copy__(self) -> Model:
        return self

    def __deepcopy__(self, memo: Any) -> Model:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Model.from_bytes, (self.to_bytes(),)
