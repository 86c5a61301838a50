"""Learning-free slimming: which components of Eq. 8 stay."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from slimdc._array import like, namespace, to_numpy
from slimdc._checks import shown, whole_number
from slimdc.errors import InvalidValueError, SlimdcWarning

__all__ = ["components_after", "largest_components"]


def components_after(k: object, components: tuple[int, ...]) -> tuple[int, ...]:
    """Count the components of each class after truncation to k.

    Parameters
    ----------
    k : int
        Components wanted per class, at least 1.
    components : tuple of int
        Components that each class holds.

    Returns
    -------
    tuple of int
        ``min(k, held)`` of each class.

    Raises
    ------
    InvalidTypeError
        `k` is not an int (a bool is none).
    InvalidValueError
        `k` is below 1 or above what every class holds.

    Warns
    -----
    SlimdcWarning
        Some classes hold fewer than `k`.

    Examples
    --------
    >>> components_after(2, (3, 2))
    (2, 2)
    """
    k, largest = whole_number("k", k, at_least=1), max(components)
    if k > largest:
        raise InvalidValueError("k", shown(k), f"1 to {largest}, the most that a class holds")
    if k <= min(components):
        return (k,) * len(components)
    short = sum(held < k for held in components)
    warnings.warn(
        f"k: {short} of {len(components)} classes hold fewer than {k} components "
        "and keep all of theirs",
        SlimdcWarning,
        stacklevel=3,
    )
    return tuple(min(k, held) for held in components)


def largest_components(u: Any, s: Any, vx: Any, vy: Any, k: int) -> tuple[Any, Any, Any, Any]:
    """Keep the k components of largest ``|s|`` of each class, in descending order.

    Factors stay where they are: only the significances, a few numbers for each class, go to the
    host, which sorts them alike for every framework.

    Parameters
    ----------
    u, s, vx, vy : array
        Factors of one namespace, shapes (C or 1, n, b), (C or 1, b), (C, b, d) and (C, b, c), zero
        padded.
    k : int
        Components to keep.

    Returns
    -------
    u, s, vx, vy : array
        Copies of what stays. A shared U stays shared unless classes keep different columns of it.

    Examples
    --------
    >>> import numpy as np
    >>> v = np.asarray([[[1.0], [2.0]]])
    >>> u, s, vx, vy = largest_components(np.eye(2)[None], np.asarray([[3.0, -4.0]]), v, v, 1)
    >>> s.tolist(), vx.tolist()
    ([[-4.0]], [[[2.0]]])
    """
    xp = namespace(u)
    size = np.abs(to_numpy(s))
    if (size[:, 1:] <= size[:, :-1]).all():  # as sets normally come: nothing to gather
        prefixes = (u[:, :, :k], s[:, :k], vx[:, :k, :], vy[:, :k, :])
        u, s, vx, vy = (xp.asarray(prefix, device=prefix.device, copy=True) for prefix in prefixes)
        return u, s, vx, vy
    # Stable: of equal ones the first stays, and padding, which is zero and last, goes first.
    order = np.argsort(-size, axis=1, kind="stable")[:, :k]
    classes = int(vx.shape[0])
    everywhere = np.broadcast_to(order, (classes, k))
    if u.shape[0] == 1 and not (order == order[0]).all():
        u = xp.broadcast_to(u, (classes, *u.shape[1:]))
    columns = like(everywhere[: u.shape[0], None, :], u)
    rows = like((everywhere + s.shape[1] * np.arange(classes)[:, None]).reshape(-1), u)
    return (
        xp.take_along_axis(u, columns, axis=2),
        xp.take_along_axis(s, like(order, u), axis=1),
        _rows(xp, vx, rows),
        _rows(xp, vy, rows),
    )


def _rows(xp: Any, v: Any, rows: Any) -> Any:
    """Rows of all blocks by number: whole ones, many times faster than entry by entry."""
    classes, b, width = v.shape
    return xp.reshape(
        xp.take(xp.reshape(v, (classes * b, width)), rows, axis=0), (classes, -1, width)
    )
