"""How large the numbers of a component are expected to be: a scale for each row and each band."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slimdc.parameterization.quantization.entropy import (
    CATEGORIES,
    SCALES,
    bits_of_categories,
    categories,
)

__all__ = ["MIDDLE", "Scales", "fitted"]

Integers = NDArray[np.int64]

# A number in a row of scale r and in a band of scale b is of scale r + b - MIDDLE.
MIDDLE = SCALES // 2
_ROUNDS = 3


class Scales(NamedTuple):
    """Scales of a component's numbers, each from 0 to 127.

    Attributes
    ----------
    rows : numpy.ndarray of int64, shape (r,)
    bands : numpy.ndarray of int64, shape (b,)
    """

    rows: Integers
    bands: Integers

    def of(self, band_of: Integers) -> Integers:
        """Give the scale of every number, shape (r, n)."""
        together = self.rows[:, None] + self.bands[band_of][None, :] - MIDDLE
        return np.asarray(np.clip(together, 0, SCALES - 1), np.int64)


def fitted(numbers: Integers, band_of: Integers) -> tuple[Scales, float]:
    """Find scales with which numbers take few bits, rows and bands in turn.

    Parameters
    ----------
    numbers : numpy.ndarray of int64, shape (r, n)
        What is to be coded.
    band_of : numpy.ndarray of int64, shape (n,)
        Band of each column.

    Returns
    -------
    scales : Scales
    bits : float
        What the numbers cost with them.

    Examples
    --------
    >>> scales, bits = fitted(np.asarray([[9, 0, 0, 0], [5, 1, 0, 0]]), np.asarray([0, 1, 1, 1]))
    >>> bool(scales.bands[0] > scales.bands[1]), bool(bits < 20)
    (True, True)
    """
    rows, bands = numbers.shape[0], int(band_of.max()) + 1
    place = (np.arange(rows)[:, None] * bands + band_of[None, :]) * CATEGORIES
    counted = np.bincount((place + categories(numbers)).reshape(-1), minlength=rows * bands * 16)
    cost = counted.reshape(rows, bands, CATEGORIES) @ bits_of_categories().T
    # cost[r, b, t]: what the numbers of row r in band b cost at scale t.
    scale = np.arange(SCALES)
    own, shared = np.full(rows, MIDDLE), np.full(bands, MIDDLE)
    for _ in range(_ROUNDS):
        at = np.clip(scale[None, None, :] + own[:, None, None] - MIDDLE, 0, SCALES - 1)
        shared = np.take_along_axis(cost, at, axis=2).sum(axis=0).argmin(axis=1)
        at = np.clip(scale[None, None, :] + shared[None, :, None] - MIDDLE, 0, SCALES - 1)
        sums = np.take_along_axis(cost, np.broadcast_to(at, cost.shape), axis=2).sum(axis=1)
        own = sums.argmin(axis=1)
    return Scales(own, shared), float(sums.min(axis=1).sum())
