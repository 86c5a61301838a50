"""Rounding: rows to multiples of a step, then coefficients and labels that go best with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from slimdc.parameterization.description import Description, Factors
from slimdc.parameterization.quantization.codes import Codes, Numbers, Parts
from slimdc.parameterization.quantization.entropy import LARGEST
from slimdc.parameterization.quantization.transform import SampleTransform, turned

__all__ = ["parts_of_factors", "rounded_to"]

Floats = NDArray[np.float64]

# Labels are this much finer than samples, both measured by their mean squares.
LABELS = 0.125

# Numbers of one size, to a 16th of the step, are thinned by their frequencies. So are those of more
# than 31 steps, which are the last to go.
_SIZES = 16
_BANDS = 64


def parts_of_factors(factors: Factors, *, rows: bool) -> Parts:
    """Give the parts of a set: coefficients and rows, or samples as rows.

    Parameters
    ----------
    factors : Factors
        On the host.
    rows : bool
        Whether samples themselves are to be the rows.
    """
    u, s, vx, vy = (np.asarray(factor, np.float64) for factor in factors)
    x, y = s[:, :, None] * vx, s[:, :, None] * vy
    if rows:
        return Parts(None, u @ x, u @ y)
    return Parts(np.broadcast_to(u, (x.shape[0], *u.shape[1:])), x, y)


def rounded_to(
    step: float, parts: Parts, description: Description, thinned: float = 0.0
) -> tuple[Codes, Numbers]:
    """Round parts to multiples of a step.

    Samples' rows come first; the coefficients are fitted to the rounded rows by least squares,
    and the rows of labels to the rounded coefficients, before they are rounded in their turn.

    Parameters
    ----------
    step : float
        Step of the samples' cosine coefficients, at frequency 0.
    parts : Parts
        What is rounded.
    description : Description
        Of the set.
    thinned : float
        The share of the samples' numbers, the smallest of those that are not 0, that is taken for
        0.

    Returns
    -------
    codes : Codes
        The steps, without bytes.
    numbers : Numbers
    """
    transform = SampleTransform(description)
    cosines, weights = transform.forward(parts.x), transform.weights
    sizes = cosines / (weights * step)
    x = _whole(np.rint(sizes))
    if thinned:
        x = _thinned(x, np.abs(sizes), transform.bands, thinned)
    y = parts.y if parts.left is None else parts.left @ parts.y
    label_step = step * LABELS * _unit(y, parts, description)
    codes = Codes(step, label_step, parts.left is None, ())
    if parts.left is None:
        return codes, Numbers(None, x, _whole(np.rint(turned(y, description.labels) / label_step)))
    length = np.sqrt(((weights * x) ** 2).sum(axis=2))
    length = np.where(length > 0, length, 1.0)
    basis, target = weights * x / length[:, :, None], parts.left @ cosines
    wanted = _least_squares(basis.mT, target.mT).mT
    left = _whole(np.rint(wanted / step))
    lost = _lost(left, parts)
    left[:, :, 0] += _present(lost, description)
    x[lost], length[lost] = 0, 1.0
    labels = _least_squares(left / length[:, None, :], turned(y, description.labels))
    return codes, Numbers(left, x, _whole(np.rint(labels / label_step)))


def _thinned(
    x: NDArray[np.int64], sizes: Floats, bands: NDArray[np.int64], share: float
) -> NDArray[np.int64]:
    """Take the smallest numbers for 0: of those of one size, the highest frequencies first."""
    most = np.iinfo(np.int16).max // _BANDS - 1  # 16 bits are sorted fastest
    levels = np.minimum(np.rint(_SIZES * sizes), most) * _BANDS - np.minimum(bands, _BANDS - 1)
    kept = _last_first(x).ravel()
    places = np.flatnonzero(kept)
    order = np.argsort(_last_first(levels.astype(np.int16)).ravel()[places], kind="stable")
    kept[places[order[: round(share * places.size)]]] = 0
    return np.ascontiguousarray(kept.reshape(x.shape[::-1])[::-1, ::-1].transpose(2, 1, 0))


def _last_first(values: NDArray[Any]) -> NDArray[Any]:
    # Classes side by side, so that of equal numbers none of them loses more than another.
    return values.transpose(2, 1, 0)[::-1, ::-1]


def _lost(left: NDArray[np.int64], parts: Parts) -> NDArray[np.bool_]:
    """Tell of which classes nothing is left beside others, or nothing was there."""
    lost, energy = ~left.any(axis=(1, 2)), (parts.x**2).sum(axis=(1, 2))
    empty = energy <= 1e-24 * energy.sum()
    # Where nothing is left of any class, the set is as small as can be, and teaches nothing.
    return np.asarray(lost & (empty | ~lost.all()))


def _present(lost: NDArray[np.bool_], description: Description) -> NDArray[np.int64]:
    """Give 1 for the samples of each class that is lost: their labels need it."""
    counts = np.where(lost, description.samples, 0)
    return np.asarray(np.arange(max(description.samples)) < counts[:, None], np.int64)


def _unit(y: Floats, parts: Parts, description: Description) -> float:
    """How large a label's entry is beside a sample's, both by their mean squares."""
    squares = (y**2).sum(), (parts.x**2).sum()  # the columns of U have length 1
    if not all(squares):
        return 1.0
    return float(np.sqrt(squares[0] / y.shape[2] / (squares[1] / description.size)))


def _whole(values: Floats) -> NDArray[np.int64]:
    # One more than can be coded tells that the step was too fine.
    return np.asarray(np.clip(values, -LARGEST - 1, LARGEST + 1), np.int64)


def _least_squares(a: Floats, b: Floats) -> Floats:
    """Solve a z = b in each class; columns of zeros, and what depends on others, get little."""
    gram = a.mT @ a
    ridge = 1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None] + 1e-300
    return np.linalg.solve(gram + ridge * np.eye(gram.shape[1]), a.mT @ b)
