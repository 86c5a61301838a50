"""What a buffer holds at a moment."""

from __future__ import annotations

from typing import NamedTuple

from slimdc.parameterization import Preprocessing, SlimmableDataset
from slimdc.storage import loads

__all__ = ["Held"]


class Held(NamedTuple):
    """All that a task changes: put in the place of what was before as one.

    Attributes
    ----------
    added : int
        How many tasks came.
    message : bytes
        The set as `slimdc.dumps` writes it; empty before the first task.
    space : Preprocessing or None
        Of the set, with the matrix of a whitening where it is known.
    """

    added: int = 0
    message: bytes = b""
    space: Preprocessing | None = None

    @property
    def data(self) -> SlimmableDataset | None:
        """The set, in NumPy."""
        if not self.message:
            return None
        data = loads(self.message)
        return data if self.space is None else data.with_preprocessing(self.space)
