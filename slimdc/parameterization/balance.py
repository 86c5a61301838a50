"""Samples and labels side by side, so that neither drowns in the other's units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["side_by_side"]

Floats = NDArray[np.float64]


def side_by_side(x: Floats, y: Floats, like: tuple[Floats, Floats] | None = None) -> Floats:
    """Join rows of samples and labels, each block divided by a Frobenius norm.

    Parameters
    ----------
    x, y : numpy.ndarray, shapes (n, d) and (n, c)
        Rows of one class.
    like : pair of numpy.ndarray, optional
        The blocks whose norms are taken; by default x and y. A block of zeros divides by 1.

    Returns
    -------
    numpy.ndarray, shape (n, d + c)

    Examples
    --------
    >>> side_by_side(np.asarray([[3.0, 4.0]]), np.asarray([[1e-9]])).round(6).tolist()
    [[0.6, 0.8, 1.0]]
    """
    found = []
    for block, measured in zip((x, y), (x, y) if like is None else like, strict=True):
        # Divided first, since squares may leave the range of float64.
        scale = float(np.abs(measured).max(initial=0.0)) or 1.0
        found.append(block / scale / (float(np.linalg.norm(measured / scale)) or 1.0))
    return np.concatenate(found, axis=1)
