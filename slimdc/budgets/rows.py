"""Which samples of a class stand best for the rest: the order in which rows are kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from slimdc._array import like
from slimdc._checks import whole_number
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.balance import side_by_side
from slimdc.parameterization.description import Factors
from slimdc.parameterization.quantization.codes import Parts
from slimdc.parameterization.quantization.factoring import factors_of

__all__ = ["chosen_rows", "representative_rows"]

Floats = NDArray[np.float64]


def representative_rows(data: SlimmableDataset) -> list[NDArray[np.int64]]:
    """Order the samples of each class by what they add to those before them.

    Forward selection: the next row is the one along which the residuals of all rows of the class
    have most energy, samples and labels at equal weight.

    Parameters
    ----------
    data : SlimmableDataset
        Any set.

    Returns
    -------
    list of numpy.ndarray of int64
        For each class a permutation of its rows.

    Examples
    --------
    >>> x = np.asarray([[1.0, 0.0], [3.0, 0.1], [0.0, 1.0]])
    >>> representative_rows(SlimmableDataset.from_arrays(x, [0, 0, 0], classes=2))[0].tolist()
    [1, 2, 0]
    """
    u, s, vx, vy = data.host_factors("float64")
    found = []
    for i, (n, k) in enumerate(zip(data.samples, data.components, strict=True)):
        own, shared = min(i, u.shape[0] - 1), min(i, s.shape[0] - 1)
        left = u[own, :n, :k] * s[shared, :k]
        rows = side_by_side(left @ vx[i, :k], left @ vy[i, :k])
        found.append(_forward(rows @ rows.T))
    return found


def chosen_rows(data: SlimmableDataset, k: int) -> SlimmableDataset:
    """Keep the k most representative samples of each class as they are: U = I.

    Parameters
    ----------
    data : SlimmableDataset
        Any set.
    k : int
        Samples to keep; a class that has fewer keeps all.

    Returns
    -------
    SlimmableDataset
        A set whose components are samples, the most representative first.

    Examples
    --------
    >>> data = SlimmableDataset.from_arrays(np.eye(6), [0, 0, 0, 1, 1, 1])
    >>> small = chosen_rows(data, 2)
    >>> len(small), small.components, small.u[0].tolist()
    (4, (2, 2), [[1.0, 0.0], [0.0, 1.0]])
    """
    u, s, vx, vy = data.host_factors("float64")
    k = whole_number("k", k, at_least=1)
    orders = [order[:k] for order in representative_rows(data)]
    kept, classes = tuple(map(len, orders)), len(orders)
    width, blocks = max(kept), np.minimum(np.arange(classes), u.shape[0] - 1)
    rows = np.concatenate([vx, vy], axis=2)
    found = np.zeros((classes, width, rows.shape[2]))
    for i, order in enumerate(orders):
        left = u[blocks[i], order] * s[min(i, s.shape[0] - 1)]
        found[i, : kept[i]] = left @ rows[i]
    # Where the rows stood among those that are gone is not worth its bytes in a file.
    known = replace(data.description, samples=kept, components=kept, order=None)
    factors = factors_of(Parts(None, *np.split(found, [vx.shape[2]], axis=2)), known)
    return SlimmableDataset(Factors(*(like(x, data.u, data.factor_dtype) for x in factors)), known)


def _forward(gram: Floats) -> NDArray[np.int64]:
    """Select rows one by one, given their inner products."""
    order: list[int] = []
    left, floor = gram.copy(), 1e-12 * float(np.trace(gram))
    while len(order) < len(gram):
        size = np.diag(left)
        gains = np.where(size > floor, (left**2).sum(axis=1) / np.maximum(size, floor), -1.0)
        gains[order] = -2.0
        best = int(np.argmax(gains))
        order.append(best)
        if size[best] > floor:
            left = left - np.outer(left[:, best], left[best]) / size[best]
    return np.asarray(order, np.int64)
