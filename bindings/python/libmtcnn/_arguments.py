"""Numbers that callers give, as the library takes them."""

from __future__ import annotations

from typing import Any

from ._errors import InvalidArgumentError

_LARGEST_INT = 2**31 - 1


def whole(name: str, value: Any, expected: str = "a whole number") -> int:
    """`value`, which must be whole; what is beyond the library's int comes out at its end. The range is the library's
    to check, and its message names it."""
    try:
        number = int(value)
        if number == value:
            return max(-_LARGEST_INT, min(number, _LARGEST_INT))
    except (TypeError, ValueError, OverflowError):  # no number, NaN, infinity
        pass
    raise InvalidArgumentError(f"{name} is {value!r}, expected {expected}")


def real(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidArgumentError(f"{name} is {value!r}, expected a number") from None
