"""Learning-free slimming: which components of Eq. 8 stay."""

from __future__ import annotations

import warnings

import numpy as np

from slimdc._array import HostArray
from slimdc.errors import InvalidTypeError, InvalidValueError, SlimdcWarning


def kept_components(k: object, components: tuple[int, ...]) -> tuple[int, ...]:
    """Decide how many components each class keeps.

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
    >>> kept_components(2, (3, 2))
    (2, 2)
    """
    if not isinstance(k, int | np.integer) or isinstance(k, bool):
        raise InvalidTypeError("k", found=f"{k!r} ({type(k).__name__})", expected="an int")
    if not 1 <= k <= max(components):
        raise InvalidValueError(
            "k",
            found=str(k),
            expected=f"1 to {max(components)}, the most that a class holds",
        )
    short = sum(held < k for held in components)
    if short:
        warnings.warn(
            f"k: {short} of {len(components)} classes hold fewer than {k} components "
            "and keep all of theirs",
            SlimdcWarning,
            stacklevel=3,
        )
    return tuple(min(int(k), held) for held in components)


def largest_components(
    u: HostArray, s: HostArray, vx: HostArray, vy: HostArray, k: int
) -> tuple[HostArray, HostArray, HostArray, HostArray]:
    """Keep the k components of largest ``|s|`` of each class, in descending order.

    Parameters
    ----------
    u, s, vx, vy : numpy.ndarray
        Factors, shapes (C or 1, n, b), (C or 1, b), (C, b, d) and (C, b, c), zero padded.
    k : int
        Components to keep.

    Returns
    -------
    u, s, vx, vy : numpy.ndarray
        Copies of what stays. A shared U stays shared unless classes keep different columns of it.

    Examples
    --------
    >>> import numpy as np
    >>> v = np.asarray([[[1.0], [2.0]]])
    >>> u, s, vx, vy = largest_components(np.eye(2)[None], np.asarray([[3.0, -4.0]]), v, v, 1)
    >>> s.tolist(), vx.tolist()
    ([[-4.0]], [[[2.0]]])
    """
    classes = vx.shape[0]
    # Stable: of equal ones the first stays, and padding, which is zero and last, goes first.
    order = np.argsort(-np.abs(s), axis=1, kind="stable")[:, :k]
    blocks = 1 if u.shape[0] == 1 and (order == order[0]).all() else classes
    everywhere = np.broadcast_to(order, (classes, k))
    return (
        np.take_along_axis(
            np.broadcast_to(u, (max(blocks, u.shape[0]), *u.shape[1:])),
            everywhere[:blocks, None, :],
            axis=2,
        ),
        np.take_along_axis(s, order, axis=1),
        np.take_along_axis(vx, everywhere[:, :, None], axis=1),
        np.take_along_axis(vy, everywhere[:, :, None], axis=1),
    )
