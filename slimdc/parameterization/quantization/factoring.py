"""From the rows and coefficients that codes stand for to the factors of Eq. 8."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from slimdc.parameterization.description import Description, Factors
from slimdc.parameterization.quantization.codes import Parts

__all__ = ["factors_of"]

Floats = NDArray[np.float64]


def factors_of(parts: Parts, description: Description) -> Factors:
    """Factor parts anew, U orthonormal (Eq. 8): the components mix, the samples stay.

    Parameters
    ----------
    parts : Parts
        Rows and coefficients, padded.
    description : Description
        Which class holds how much.

    Returns
    -------
    Factors
        On the host, in float64.
    """
    classes, k, d = parts.x.shape
    u = np.zeros((classes, max(description.samples), k))
    rows = np.concatenate([parts.x, parts.y], axis=2)
    for i, (n, held) in enumerate(zip(description.samples, description.components, strict=True)):
        if parts.left is None:
            u[i, :n, :held] = np.eye(n, held)
        else:
            q, r = np.linalg.qr(parts.left[i, :n, :held])
            u[i, :n, :held], rows[i, :held] = q, r @ rows[i, :held]
    s = _significances(rows[..., :d], rows[..., d:], description.components)
    v = rows / np.where(s > 0, s, 1.0)[:, :, None]
    return Factors(u, s, v[..., :d], v[..., d:])


def _significances(x: Floats, y: Floats, components: tuple[int, ...]) -> Floats:
    """Lengths of the rows [x, αy], which weighs samples and labels of a class alike, (C, k)."""
    sizes = [np.abs(part).max(axis=(1, 2), keepdims=True) for part in (x, y)]
    # In units of their own: squares of 1e200 would overflow.
    squares = [
        ((part / np.where(size > 0, size, 1.0)) ** 2).sum(axis=2)
        for part, size in zip((x, y), sizes, strict=True)
    ]
    # Without padding, whose zeros change how sums are rounded: a class is to be the same to the
    # bit beside whatever others.
    of_x, of_y = (
        np.stack([row[:k].sum() for row, k in zip(part, components, strict=True)])[:, None]
        for part in squares
    )
    weight = np.where((of_x > 0) & (of_y > 0), of_x / np.where(of_y > 0, of_y, 1.0), 1.0)
    unit = np.where(sizes[0] > 0, sizes[0], sizes[1])[:, :, 0]
    return np.asarray(unit * np.sqrt(squares[0] + weight * squares[1]))
