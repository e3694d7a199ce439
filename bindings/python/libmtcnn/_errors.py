"""The exceptions of this package."""

from __future__ import annotations


class Error(RuntimeError):
    """What the library could not do; the message says why. Every exception of this package's own is one.

    `code` is the library's name for the kind of failure.
    """

    code: str = ""


class InvalidArgumentError(Error, ValueError):
    """An option, an argument or an image outside of what is taken. Also a ValueError."""

    code = "invalid_argument"


class FileError(Error, OSError):
    """A file that can't be opened, read or written. Also an OSError."""

    code = "io"


class FormatError(Error, ValueError):
    """A file whose content is not what it should be. Also a ValueError."""

    code = "format"


class UnsupportedError(Error):
    """Well-formed, but nothing that this build or this machine can use."""

    code = "unsupported"


class LimitError(Error, ValueError):
    """Larger than a stated limit. Also a ValueError."""

    code = "limit"


class OutOfMemoryError(Error, MemoryError):
    """Not enough memory. Also a MemoryError."""

    code = "out_of_memory"


# In the order of the library's ErrorCode: the compiled half raises by number.
BY_CODE = (InvalidArgumentError, FileError, FormatError, UnsupportedError, LimitError, OutOfMemoryError)
