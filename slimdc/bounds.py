"""Proposition 1 and beyond it: exact distances and their bounds, as pure functions on arrays.

A set is seen whole, as in `slimdc.regression`: the components of all classes stacked, U gone. The
functions take arrays of any namespace of the array API, compute in the dtype that they are given,
return zero-dimensional arrays of it, and may be compiled: they check what is static about their
arguments (words, ranks, shapes, dtypes), and give NaN where a value is not finite. `slimdc.certify`
runs them in NumPy float64 on two sets, and says what rounding leaves undecided.

(The file is longer than others for its docstrings: each quantity has one function.)
"""

from __future__ import annotations

from typing import Any, TypeAlias

from array_api_compat import array_namespace

from slimdc import _linalg
from slimdc._checks import one_of
from slimdc._linalg import Norm
from slimdc._operands import matching_components, scalar
from slimdc.errors import InvalidValueError
from slimdc.regression import Components

__all__ = [
    "Norm",
    "equation_9",
    "equation_10_distance",
    "first_order_bound",
    "first_order_distance",
    "infinity_order_bound",
    "infinity_order_distance",
    "kept_ratio",
]

Array: TypeAlias = Any


def first_order_distance(
    removed: Components, w: Array, *, eta: float = 1.0, norm: Norm = "frobenius"
) -> Array:
    """Distance between the parameters after one gradient step on each set, exactly.

    The step is that of Eq. 5 with rate η from the same w, so the difference is
    Δ = η Ṽ_xᵀ S̃² (Ṽ_x w − Ṽ_y): only removed components take part. The paper prints the squared
    norm (Eq. 6 without embedding).

    Parameters
    ----------
    removed : Components
        The r ≥ 0 components that slimming removes.
    w : array (d, c)
        Parameters before the step.
    eta : float or array ()
        Learning rate η ≥ 0.
    norm : {"frobenius", "spectral"}
        Norm of Δ.

    Returns
    -------
    array ()
        ‖Δ‖, in the namespace and dtype of the input.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Arrays are not real floating point ones of matching shapes, η is no number of at least 0,
        or the norm is another one.

    Examples
    --------
    >>> import numpy as np
    >>> removed = Components(np.asarray([2.0]), np.eye(1, 3), np.asarray([[0.5]]))
    >>> float(first_order_distance(removed, np.zeros((3, 1)), eta=0.1))
    0.2
    """
    one_of("norm", norm, _linalg.NORMS)
    xp = matching_components({"removed": removed}, w)
    eta = scalar("eta", eta, w)
    if removed.s.shape[0] == 0:
        return xp.sum(removed.s)
    largest = xp.max(xp.abs(removed.s))
    ratio = (removed.s / _linalg.nonzero(xp, largest))[:, None]
    # The square of a significance may leave the range of the dtype where Δ itself does not.
    direction = xp.matmul(removed.vx.mT, ratio * (ratio * (xp.matmul(removed.vx, w) - removed.vy)))
    return largest * (eta * _linalg.norm(xp, direction, norm) * largest)


def equation_9(
    kept: Components,
    removed: Components,
    w: Array,
    *,
    eta: float = 1.0,
    significance: Array | float | None = None,
    norm: Norm = "frobenius",
) -> Array:
    """Eq. 9: bound η s ‖Xw − Y‖ of the first-order distance where ‖Ṽ_x‖₂ ≤ 1.

    Orthonormal rows of V_x, the paper's assumption, are one way to have ‖Ṽ_x‖₂ ≤ 1. The paper
    prints squares, and s = s₂, which bounds any removed significance because the first component
    stays. The largest removed value is the tight choice and the default.

    Parameters
    ----------
    kept, removed : Components
        The set, split by slimming.
    w : array (d, c)
        Parameters before the step.
    eta : float or array ()
        Learning rate η ≥ 0.
    significance : float or array (), optional
        s ≥ 0; pass s₂ (over several classes the largest second value of any) for the printed form.
    norm : {"frobenius", "spectral"}
        Norm of both sides.

    Returns
    -------
    array ()
        The bound. Whether ‖Ṽ_x‖₂ ≤ 1 is the caller's to check.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        As `first_order_distance`; s is no number of at least 0.

    Examples
    --------
    Equality: one component is removed and w solves the kept ones.

    >>> import numpy as np
    >>> s, vx, vy = np.asarray([3.0, 0.5]), np.eye(2, 3), np.asarray([[1.0], [2.0]])
    >>> kept, removed = Components(s, vx, vy).split(1)
    >>> w = np.asarray([[1.0], [0.0], [0.0]])
    >>> float(first_order_distance(removed, w)), float(equation_9(kept, removed, w))
    (0.5, 0.5)
    """
    one_of("norm", norm, _linalg.NORMS)
    xp = matching_components({"kept": kept, "removed": removed}, w)
    eta = scalar("eta", eta, w)
    if significance is not None:
        significance = scalar("significance", significance, w)
    else:
        if removed.s.shape[0] == 0:
            return xp.sum(removed.s)
        significance = xp.max(xp.abs(removed.s))
    # Each block's residual is formed alone, as the distance forms it, so that rounding where
    # Xw − Y nearly vanishes is the same on both sides of the inequality.
    residual = [p.s[:, None] * (xp.matmul(p.vx, w) - p.vy) for p in (kept, removed)]
    return significance * (eta * _linalg.norm(xp, xp.concat(residual, axis=0), norm))


def first_order_bound(
    kept: Components,
    removed: Components,
    w: Array,
    *,
    eta: float = 1.0,
    norm: Norm = "frobenius",
) -> Array:
    """Bound η ‖Ṽ_x‖₂ max s̃ ‖Xw − Y‖ of the first-order distance, whatever V_x is.

    The general form of Eq. 9; it asks only that U be block-orthonormal.

    Parameters
    ----------
    kept, removed : Components
        The set, split by slimming.
    w : array (d, c)
        Parameters before the step.
    eta : float or array ()
        Learning rate η ≥ 0.
    norm : {"frobenius", "spectral"}
        Norm of both sides; ‖Ṽ_x‖₂ is spectral in both.

    Returns
    -------
    array ()
        The bound.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        As `first_order_distance`.

    Examples
    --------
    >>> import numpy as np
    >>> s, vx, vy = np.asarray([3.0, 0.5]), 2 * np.eye(2, 3), np.asarray([[0.0], [2.0]])
    >>> kept, removed = Components(s, vx, vy).split(1)
    >>> float(first_order_bound(kept, removed, np.zeros((3, 1))))
    1.0
    """
    residual = equation_9(kept, removed, w, eta=eta, norm=norm)
    return _linalg.norm(array_namespace(residual), removed.vx, "spectral") * residual


def infinity_order_distance(
    kept: Components, removed: Components, *, norm: Norm = "frobenius"
) -> Array:
    """Distance ‖X'†Y' − X†Y‖ between the least-norm solutions of the two sets, exactly.

    For V_x of full row rank and s > 0 the solutions are W = V_x†V_y and W' = V_x'†V_y', whatever
    U and s are. One QR factorization of V_xᵀ, kept rows first, gives coordinates of W whose first
    K rows are those of W' and whose others are those of W − W', so nothing is subtracted (Eq. 7
    without embedding, not squared).

    Parameters
    ----------
    kept, removed : Components
        The set, split by slimming: K ≥ 1 and r ≥ 0 components, K + r ≤ d.
    norm : {"frobenius", "spectral"}
        Norm of the difference.

    Returns
    -------
    array ()
        The distance; meaningless where `full_row_rank` is false.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Arrays are not real floating point ones of matching shapes, nothing is kept, there are more
        components than dimensions, or the norm is another one.

    Examples
    --------
    >>> import numpy as np
    >>> s, vx, vy = np.ones(2), np.asarray([[1.0, 0, 0], [1, 1, 0]]), np.asarray([[1.0], [4.0]])
    >>> kept, removed = Components(s, vx, vy).split(1)
    >>> round(float(infinity_order_distance(kept, removed)), 6)
    3.0
    """
    one_of("norm", norm, _linalg.NORMS)
    xp, parts = _eliminated(kept, removed)
    return _linalg.norm(xp, parts.rest, norm)


def infinity_order_bound(kept: Components, removed: Components) -> Array:
    """Bound ‖D (Ṽ_y − Ṽ_x W')‖₂ / σ_min(D Ṽ_x (I − P')) of the spectral infinity-order distance.

    P' projects on the row space of the kept V_x. Any positive diagonal D gives a bound; this one
    divides each row by the length of that of Ṽ_x. So rows of V scaled against s, which leave the
    set as it is, leave the bound as it is too, and rows of very different length cost no digits.

    The general form of Eq. 10: any V_x of full row rank, any V_y. It is an equality where one
    component is removed, and where V_x has orthonormal rows.

    Parameters
    ----------
    kept, removed : Components
        The set, split by slimming: K ≥ 1 and r ≥ 0 components, K + r ≤ d.

    Returns
    -------
    array ()
        The bound, infinite where σ_min is 0; meaningless where `full_row_rank` is false.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        As `infinity_order_distance`.

    Examples
    --------
    >>> import numpy as np
    >>> s, vx, vy = np.ones(2), np.asarray([[1.0, 0, 0], [1, 1, 0]]), np.asarray([[1.0], [4.0]])
    >>> kept, removed = Components(s, vx, vy).split(1)
    >>> round(float(infinity_order_bound(kept, removed)), 6)
    3.0
    """
    xp, parts = _eliminated(kept, removed)
    residual = _linalg.norm(xp, parts.residual, "spectral")
    infinite = xp.full_like(residual, float("inf"))
    divisor = _linalg.nonzero(xp, parts.smallest)
    return xp.where(parts.smallest == 0, infinite, residual / divisor)


def kept_ratio(kept: Components, removed: Components) -> Array:
    """Share ‖W'‖_F² / ‖W‖_F² of the linear solution that the kept components hold.

    W' = P'W with an orthogonal projector P', so the share lies in [0, 1] and grows with K. It is
    1 where W vanishes.

    Parameters
    ----------
    kept, removed : Components
        The set, split by slimming: K ≥ 1 and r ≥ 0 components, K + r ≤ d.

    Returns
    -------
    array ()
        The share; meaningless where `full_row_rank` is false.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        As `infinity_order_distance`.

    Examples
    --------
    >>> import numpy as np
    >>> s, vx, vy = np.ones(2), np.eye(2, 3), np.asarray([[2.0], [1.0]])
    >>> kept, removed = Components(s, vx, vy).split(1)
    >>> round(float(kept_ratio(kept, removed)), 6)
    0.8
    """
    xp, parts = _eliminated(kept, removed)
    held, lost = (
        _linalg.norm(xp, parts.solution, "frobenius"),
        _linalg.norm(xp, parts.rest, "frobenius"),
    )
    larger = xp.where(held > lost, held, lost)
    held, lost = held / _linalg.nonzero(xp, larger), lost / _linalg.nonzero(xp, larger)
    return xp.where(
        larger > 0, held * held / _linalg.nonzero(xp, held * held + lost * lost), 1.0 + held
    )


def equation_10_distance(removed: Components) -> Array:
    """Eq. 10: ‖Ṽ_xᵀ Ṽ_y‖₂, the infinity-order distance where V_x has orthonormal rows.

    It then equals ‖Ṽ_y‖₂, and is at most 1 where ‖V_y‖₂ ≤ 1 also. The bound of 1 speaks of the
    spectral norm only: the Frobenius norm can reach √min(c, B − K).

    Parameters
    ----------
    removed : Components
        The r ≥ 0 components that slimming removes.

    Returns
    -------
    array ()
        The distance, if V_x has orthonormal rows.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Arrays are not real floating point ones of matching shapes.

    Examples
    --------
    >>> import numpy as np
    >>> float(equation_10_distance(Components(np.ones(1), np.eye(1, 3), np.asarray([[0.5]]))))
    0.5
    """
    xp = matching_components({"removed": removed})
    return _linalg.norm(xp, xp.matmul(removed.vx.mT, removed.vy), "spectral")


def _eliminated(kept: Components, removed: Components) -> tuple[Any, _linalg.Elimination]:
    xp = matching_components({"kept": kept, "removed": removed})
    rows, columns = kept.vx.shape[0] + removed.vx.shape[0], kept.vx.shape[1]
    if rows > columns:
        raise InvalidValueError(
            "components", f"{rows} of them in {columns} dimensions", "no more than dimensions"
        )
    if kept.vx.shape[0] == 0:
        raise InvalidValueError("kept", "no component", "at least one")
    return xp, _linalg.eliminate(xp, (kept.vx, kept.vy), (removed.vx, removed.vy))
