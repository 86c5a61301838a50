"""Accuracies of several networks that learned from one set."""

from __future__ import annotations

import numpy as np

from slimdc._checks import percentage, values_of
from slimdc.errors import InvalidValueError

__all__ = ["OfNetworks"]


class OfNetworks:
    """What is known by the accuracies of networks: mean, and how far they are apart.

    Attributes
    ----------
    accuracies : tuple of float
        One for each network, in percent.
    """

    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean accuracy in percent."""
        return float(np.mean(self.accuracies))

    @property
    def std(self) -> float:
        """Sample standard deviation over the networks, in points; 0 for a single one."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else 0.0

    def _check_accuracies(self) -> None:
        """Keep accuracies as a tuple of plain numbers."""
        expected = "a sequence of accuracies in percent"
        given = values_of("accuracies", self.accuracies, expected)
        if not given:
            raise InvalidValueError("accuracies", "none", expected)
        checked = tuple(percentage("accuracies", value) for value in given)
        object.__setattr__(self, "accuracies", checked)
