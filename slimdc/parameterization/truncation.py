"""Learning-free slimming: which components of Eq. 8 stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from slimdc._array import like, namespace, to_numpy
from slimdc._checks import shown, whole_number, whole_numbers
from slimdc._warning import warn
from slimdc.errors import InvalidValueError

__all__ = ["capped", "components_after", "largest_components", "largest_of_each"]


def components_after(
    k: object, components: tuple[int, ...], labels: tuple[int, ...] = ()
) -> tuple[int, ...]:
    """Count the components of each class after truncation to k.

    Parameters
    ----------
    k : int or mapping of int to int
        Components wanted per class, at least 1; or of some classes by their labels, where others
        keep all.
    components : tuple of int
        Components that each class holds.
    labels : tuple of int, optional
        Label of each class; without them `k` is an int.

    Returns
    -------
    tuple of int
        ``min(k, held)`` of each class.

    Raises
    ------
    InvalidTypeError
        `k` is not an int (a bool is none), or holds something else.
    InvalidValueError
        `k` is below 1 or above what every class holds, or names no class.

    Warns
    -----
    SlimdcWarning
        Some classes hold fewer than `k`.

    Examples
    --------
    >>> components_after(2, (3, 2))
    (2, 2)
    >>> components_after({5: 1}, (3, 2), (4, 5))
    (3, 1)
    """
    if isinstance(k, Mapping) and labels:
        wanted, than = _of_each(k, components, labels), "components than k says"
    else:
        wanted = (whole_number("k", k, at_least=1),) * len(components)
        than = f"than {shown(k)} components"
    largest = max(components)
    if max(wanted) > largest:
        found = shown(max(wanted))
        raise InvalidValueError("k", found, f"1 to {largest}, the most that a class holds")
    short = sum(held < mine for held, mine in zip(components, wanted, strict=True))
    if short:
        warn(
            f"k: {short} of {len(components)} classes hold fewer {than} and keep all of theirs",
        )
    return tuple(min(pair) for pair in zip(components, wanted, strict=True))


def capped(k: int, components: tuple[int, ...], labels: tuple[int, ...]) -> dict[int, int]:
    """Say class by class what truncation to k keeps, so that none is said to hold fewer.

    Examples
    --------
    >>> capped(2, (3, 1), (4, 5))
    {4: 2, 5: 1}
    """
    return {label: min(k, held) for label, held in zip(labels, components, strict=True)}


def _of_each(
    k: Mapping[Any, Any], components: tuple[int, ...], labels: tuple[int, ...]
) -> tuple[int, ...]:
    named = whole_numbers("k", k, at_least=0)
    wanted = dict(zip(named, (whole_number("k", v, at_least=1) for v in k.values()), strict=True))
    unknown = sorted(set(named) - set(labels))
    if unknown:
        raise InvalidValueError("k", f"class {unknown[0]}", f"classes of the set, {shown(labels)}")
    return tuple(wanted.get(label, held) for label, held in zip(labels, components, strict=True))


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


def largest_of_each(factors: Any, kept: tuple[int, ...], components: tuple[int, ...]) -> Any:
    """Keep as many components of each class as is said, those of largest ``|s|``.

    Parameters
    ----------
    factors : tuple of array
        U, s, V_x and V_y as for `largest_components`.
    kept : tuple of int
        How many components each class is to keep.
    components : tuple of int
        How many it holds.

    Returns
    -------
    u, s, vx, vy : array
        Copies of what stays, padded to the largest class. What classes shared they keep sharing,
        unless they keep different numbers.

    Examples
    --------
    >>> u, v = np.eye(2)[None], np.asarray([[[1.0], [2.0]], [[3.0], [4.0]]])
    >>> found = largest_of_each((u, np.asarray([[5.0, 4.0]]), v, v), (2, 1), (2, 2))
    >>> found[1].tolist(), found[2].tolist()
    ([[5.0, 4.0], [5.0, 0.0]], [[[1.0], [2.0]], [[3.0], [0.0]]])
    """
    k = max(kept)
    u, s, vx, vy = factors
    found = largest_components(u, s, vx, vy, k)
    if all(mine == min(k, held) for mine, held in zip(kept, components, strict=True)):
        return found
    u, s, vx, vy = found
    xp = namespace(u)
    stays = like(np.arange(k) < np.asarray(kept)[:, None], u)
    u, s = (xp.broadcast_to(part, (len(kept), *part.shape[1:])) for part in (u, s))
    return (
        xp.where(stays[:, None, :], u, xp.zeros_like(u)),
        xp.where(stays, s, xp.zeros_like(s)),
        *(xp.where(stays[:, :, None], v, xp.zeros_like(v)) for v in (vx, vy)),
    )


def _rows(xp: Any, v: Any, rows: Any) -> Any:
    """Rows of all blocks by number: whole ones, many times faster than entry by entry."""
    classes, b, width = v.shape
    return xp.reshape(
        xp.take(xp.reshape(v, (classes * b, width)), rows, axis=0), (classes, -1, width)
    )
