"""Accuracies of several networks that learned from one set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slimdc._checks import percentage, values_of
from slimdc.errors import InvalidValueError

__all__ = ["accuracies_of", "mean", "spread"]


def accuracies_of(given: object) -> tuple[float, ...]:
    """Check accuracies in percent, one at least.

    Examples
    --------
    >>> accuracies_of([70, 72])
    (70.0, 72.0)
    """
    expected = "a sequence of accuracies in percent"
    values = values_of("accuracies", given, expected)
    if not values:
        raise InvalidValueError("accuracies", "none", expected)
    return tuple(percentage("accuracies", value) for value in values)


def mean(accuracies: Sequence[float]) -> float:
    """Compute their mean.

    Examples
    --------
    >>> mean((70.0, 72.0))
    71.0
    """
    return float(np.mean(accuracies))


def spread(accuracies: Sequence[float]) -> float:
    """Compute their sample standard deviation; 0 for a single one.

    Examples
    --------
    >>> spread((70.0,))
    0.0
    """
    return float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0
