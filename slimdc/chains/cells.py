"""What a chain has found: a cell for each set, by the way in which it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slimdc._accuracies import accuracies_of, mean, spread
from slimdc._checks import instance_of, instances_of, shown, whole_number
from slimdc.chains.journal import read
from slimdc.errors import FileError

__all__ = ["RETRAINED", "START", "Cell", "Chain", "cell_of"]

# What cells are called whose set is made of the real data, or was given.
RETRAINED, START = "RT", "start"


@dataclass(frozen=True)
class Cell:
    """One set of a chain, and what networks learn from it.

    Parameters
    ----------
    way : str
        ``"RT"`` for a set that was made of the real data; otherwise the method that slimmed it.
    k : int
        Components per class.
    accuracies : tuple of float
        Of each network, in percent.
    nbytes : int
        What the set costs to keep.
    """

    way: str
    k: int
    accuracies: tuple[float, ...]
    nbytes: int

    def __post_init__(self) -> None:
        instance_of("way", self.way, str)
        object.__setattr__(self, "accuracies", accuracies_of(self.accuracies))
        object.__setattr__(self, "k", whole_number("k", self.k, at_least=1))
        object.__setattr__(self, "nbytes", whole_number("nbytes", self.nbytes, at_least=0))

    @property
    def mean(self) -> float:
        """Mean accuracy in percent."""
        return mean(self.accuracies)

    @property
    def std(self) -> float:
        """Sample standard deviation over the networks, in points; 0 for a single one."""
        return spread(self.accuracies)


@dataclass(frozen=True)
class Chain:
    """The cells of a chain; `slimdc.chain` makes it.

    Parameters
    ----------
    method : str
        The method that condensed the real data.
    cells : tuple of Cell
        All of them, as they were made.
    """

    method: str
    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        instance_of("method", self.method, str)
        object.__setattr__(self, "cells", instances_of("cells", self.cells, Cell))

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways in which its sets were made, in the order of the cells."""
        return tuple(dict.fromkeys(cell.way for cell in self.cells))

    @classmethod
    def read(cls, results: str | Path) -> Chain:
        """Read the finished cells of a folder of results.

        Raises
        ------
        FileError
            If there is no such folder, or it holds something else.
        """
        configuration, cells = read(results)
        return cls(str(configuration.get("method")), tuple(map(cell_of, cells.values())))

    def accuracy(self, way: str, k: int) -> float | None:
        """Give the mean accuracy of a cell in percent; None where there is none."""
        return next((c.mean for c in self.cells if (c.way, c.k) == (way, k)), None)

    def gap(self, way: str, k: int) -> float | None:
        """How many points a slimmed set is behind one that was made of the real data."""
        slim, anew = self.accuracy(way, k), self.accuracy(RETRAINED, k)
        return None if slim is None or anew is None else anew - slim


def cell_of(kept: Mapping[str, Any]) -> Cell:
    """Read a cell as a journal keeps it."""
    try:
        accuracies = tuple(float(x) for x in kept["accuracies"])
        return Cell(str(kept["way"]), int(kept["k"]), accuracies, int(kept["bytes"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FileError("results", f"a cell {shown(kept)}", "a cell of a chain") from error
