"""Version 0.1.1's exception."""

from ..._errors import InvalidArgumentError


class InvalidImage(InvalidArgumentError):
    """What was given is no image."""
