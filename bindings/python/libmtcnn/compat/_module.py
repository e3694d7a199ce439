"""What programs call on a module of torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

Self = TypeVar("Self", bound="Module")


def torch_or_error() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError("crops as tensors need torch; output='numpy' gives arrays") from error
    return torch


class Module:
    """Has no weights of its own: most of what changes a module's weights does nothing here."""

    #: Set by train() and eval(); nothing depends on it.
    training: bool = True
    _device: Any = None

    @property
    def device(self) -> Any:
        """Where crops go: torch.device("cpu") if none was given, or "cpu" without torch."""
        if self._device is not None:
            return self._device
        try:
            return torch_or_error().device("cpu")
        except ImportError:
            return "cpu"

    @device.setter
    def device(self, value: Any) -> None:
        self._device = value

    def to(self: Self, device: Any = None, *args: Any, **kwargs: Any) -> Self:
        """Crops go to this device from now on; detection runs on the processor, and in its own types."""
        if isinstance(device, (str, int)) or hasattr(device, "type"):
            self._device = device
        return self

    def cpu(self: Self) -> Self:
        """As to("cpu")."""
        return self.to("cpu")

    def cuda(self: Self, device: Any = None) -> Self:
        """As to("cuda"), or to that device."""
        return self.to("cuda" if device is None else device)

    def train(self: Self, mode: bool = True) -> Self:
        """Sets `training`."""
        self.training = mode
        return self

    def eval(self: Self) -> Self:
        """As train(False)."""
        return self.train(False)

    def _same(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Does nothing."""
        return self

    half = float = double = bfloat16 = requires_grad_ = share_memory = _same

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Does nothing."""

    def _none(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """None: the weights are the model's."""
        return iter(())

    parameters = named_parameters = buffers = named_buffers = children = named_children = _none

    def modules(self: Self) -> Iterator[Self]:
        """This alone."""
        return iter((self,))

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Empty: the weights are the model's, and Model.save() writes them."""
        return {}
