"""Batches for rehearsal, drawn without end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["drawn"]


def drawn(x: Any, y: Any, size: int, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    """Draw batches, each row once before any comes again.

    Parameters
    ----------
    x, y : array
        Samples and label rows.
    size : int
        Rows of a batch, at most as many as there are.
    rng : numpy.random.Generator
        Of the order.

    Yields
    ------
    x, y : array

    Examples
    --------
    >>> rows = np.arange(3)
    >>> batches = drawn(rows, rows, 2, np.random.default_rng(0))
    >>> sorted(np.concatenate([next(batches)[0] for _ in range(3)]).tolist())
    [0, 0, 1, 1, 2, 2]
    """
    left = np.zeros(0, np.int64)
    while True:
        while left.size < size:
            left = np.concatenate([left, rng.permutation(len(x))])
        now, left = left[:size], left[size:]
        yield x[now], y[now]
