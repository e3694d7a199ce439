"""The stages of the cascade, for the argument `stages` of MTCNN: how far it goes."""

from __future__ import annotations


class Stage:
    """One of the cascade. It only says which: the nets are the model's, and are run by MTCNN alone."""

    def __init__(self, stage_name: str, stage_id: int) -> None:
        self._name, self._id = stage_name, stage_id

    @property
    def name(self) -> str:
        """As given."""
        return self._name

    @property
    def id(self) -> int:
        """As given."""
        return self._id


class StagePNet(Stage):
    """Proposes boxes."""

    def __init__(self, stage_name: str = "Stage PNET", stage_id: int = 1) -> None:
        super().__init__(stage_name, stage_id)


class StageRNet(Stage):
    """Refines them."""

    def __init__(self, stage_name: str = "Stage RNET", stage_id: int = 2) -> None:
        super().__init__(stage_name, stage_id)


class StageONet(Stage):
    """Decides, and finds the points."""

    def __init__(self, stage_name: str = "Stage ONET", stage_id: int = 3) -> None:
        super().__init__(stage_name, stage_id)


ALL = (StagePNet, StageRNet, StageONet)

__all__ = ["StageONet", "StagePNet", "StageRNet"]
