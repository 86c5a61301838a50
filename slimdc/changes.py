"""Proposition 1 where what slimming keeps was changed as well: rounded, for one.

Slimming leaves, of each class, fewer equations x w = y than there were: some components, or some
samples. A compressed set whose kept components were changed holds other equations than those, and
its distance is what slimming removed and what the change adds. The functions are as those of
`slimdc.bounds`: on arrays of any namespace of the array API, in the dtype that they are given, and
they may be compiled. `kept` are the components that slimming leaves as they were, `changed` those
that the set holds instead. The proofs are on the page of the mathematics.

(The file is longer than others for its docstrings: each quantity has one function.)
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from slimdc import _linalg
from slimdc._checks import one_of
from slimdc._linalg import Norm
from slimdc._operands import LINALG_FLOATS, matching, scalar, shared_namespace
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.regression import Components

__all__ = [
    "compression_distance",
    "first_order_change",
    "first_order_change_bound",
    "infinity_order_change",
    "infinity_order_change_bound",
    "nearest_basis",
    "nearest_rotation",
]

Array: TypeAlias = Any


def nearest_rotation(kept: Components, after: Components) -> Components:
    """Components with the gradients of `after`, as near to `kept` as a rotation brings them.

    Xᵀ(Xw − Y) is the same for O X and O Y with any orthogonal O. This O minimizes the distance of
    O S'[V_x', αV_y'] from S[V_x, αV_y], where α gives both blocks of the latter equal energy: the
    orthogonal Procrustes problem (Schönemann 1966).

    Parameters
    ----------
    kept : Components
        The K ≥ 1 components, of one class, that slimming leaves.
    after : Components
        As many that the set holds instead.

    Returns
    -------
    Components
        O S'V_x' and O S'V_y', with significances of 1.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Arrays are not real floating point ones of matching shapes.

    Examples
    --------
    >>> import numpy as np
    >>> kept = Components(np.asarray([3.0, 2.0]), np.eye(2, 3), np.ones((2, 1)))
    >>> after = Components(-kept.s[::-1], kept.vx[::-1], kept.vy[::-1])
    >>> nearest_rotation(kept, after).vx.round(6).tolist()
    [[3.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """
    xp = _matching({"kept": kept, "after": after})
    aim, weight = _side_by_side(xp, kept.s[:, None] * kept.vx, kept.s[:, None] * kept.vy)
    x, y = after.s[:, None] * after.vx, after.s[:, None] * after.vy
    rotation = _linalg.polar(xp, xp.matmul(aim, xp.concat([x, weight * y], axis=1).mT))
    return Components(xp.ones_like(kept.s), xp.matmul(rotation, x), xp.matmul(rotation, y))


def nearest_basis(kept: Components, after: Components) -> Components:
    """Components with the least-norm solution of `after`, as near to `kept` as they come.

    W = V_x†V_y is the same for G V with any invertible G. With G = V_x V_x'† each row of G V_x' is
    the point nearest to that of V_x in the span of the rows of V_x', and where labels alone were
    changed, it is V_x itself. If the rows of G V_x' are independent, G is invertible.

    Parameters
    ----------
    kept : Components
        The K ≥ 1 components, of one class, that slimming leaves.
    after : Components
        As many that the set holds instead, with independent rows of V_x.

    Returns
    -------
    Components
        G V', with the significances of `kept`.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Arrays are not real floating point ones of matching shapes.

    Examples
    --------
    >>> import numpy as np
    >>> kept = Components(np.ones(2), np.asarray([[1.0, 0, 0], [1, 1, 0]]), np.ones((2, 1)))
    >>> after = Components(np.ones(2), np.asarray([[0.0, 1, 0], [1, 0, 0]]), np.eye(2)[:, 1:])
    >>> nearest_basis(kept, after).vx.round(6).tolist()
    [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    """
    xp = _matching({"kept": kept, "after": after})
    length = _linalg.nonzero(xp, _linalg.lengths(xp, after.vx))
    rows = after.vx / length
    solution, _ = _linalg.solve(xp, rows, after.vy / length)
    found = _linalg.projected(xp, kept.vx.mT, rows).mT
    return Components(kept.s, found, xp.matmul(kept.vx, solution))


def first_order_change(
    kept: Components,
    changed: Components,
    w: Array,
    *,
    eta: float = 1.0,
    norm: Norm = "frobenius",
) -> Array:
    """Distance between the parameters after one gradient step on either of two sets, exactly.

    With samples X = S V_x, X' = S'V_x' of `kept` and `changed`, residuals R = Xw − Y, and
    D = X' − X, e = R' − R, it is η ‖Dᵀ R + X'ᵀ e‖, so that equal parts are not subtracted.

    Parameters
    ----------
    kept, changed : Components
        K ≥ 1 components each; see `nearest_rotation`.
    w : array (d, c)
        Parameters before the step.
    eta : float or array ()
        Learning rate η ≥ 0.
    norm : {"frobenius", "spectral"}
        Norm of the difference.

    Returns
    -------
    array ()
        The distance.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Arrays are not real floating point ones of matching shapes, η is no number of at least 0,
        or the norm is another one.

    Examples
    --------
    >>> import numpy as np
    >>> kept = Components(np.ones(1), np.eye(1, 3), np.ones((1, 1)))
    >>> changed = kept._replace(vy=np.asarray([[1.5]]))
    >>> float(first_order_change(kept, changed, np.zeros((3, 1))))
    0.5
    """
    one_of("norm", norm, _linalg.NORMS)
    xp, parts = _stepped(kept, changed, w)
    eta = scalar("eta", eta, w)
    moved = xp.matmul(parts.moved.mT, parts.residual) + xp.matmul(parts.after.mT, parts.error)
    return eta * _linalg.norm(xp, moved, norm)


def first_order_change_bound(
    kept: Components,
    changed: Components,
    w: Array,
    *,
    eta: float = 1.0,
    norm: Norm = "frobenius",
) -> Array:
    """Bound η min(‖D‖₂‖R‖ + ‖X'‖₂‖e‖, ‖D‖₂‖R'‖ + ‖X‖₂‖e‖) of `first_order_change`.

    Parameters
    ----------
    kept, changed : Components
        K ≥ 1 components each; see `nearest_rotation`.
    w : array (d, c)
        Parameters before the step.
    eta : float or array ()
        Learning rate η ≥ 0.
    norm : {"frobenius", "spectral"}
        Norm of both sides; those of D, X and X' are spectral in both.

    Returns
    -------
    array ()
        The bound.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        As `first_order_change`.

    Examples
    --------
    Equality where one component changes in its label only.

    >>> import numpy as np
    >>> kept = Components(np.ones(1), np.eye(1, 3), np.ones((1, 1)))
    >>> changed = kept._replace(vy=np.asarray([[1.5]]))
    >>> float(first_order_change_bound(kept, changed, np.zeros((3, 1))))
    0.5
    """
    one_of("norm", norm, _linalg.NORMS)
    xp, parts = _stepped(kept, changed, w)
    eta = scalar("eta", eta, w)
    moved, before, after = (
        _linalg.norm(xp, x, "spectral") for x in (parts.moved, parts.before, parts.after)
    )
    error, residual, missed = (
        _linalg.norm(xp, x, norm) for x in (parts.error, parts.residual, parts.missed)
    )
    one, other = moved * residual + after * error, moved * missed + before * error
    return eta * xp.where(one < other, one, other)


def compression_distance(kept: Components, solution: Array, *, norm: Norm = "frobenius") -> Array:
    """Distance ‖(I − P)W‖ of W from the least-norm solution of fewer equations, exactly.

    P is the orthogonal projector on the rows of V_x that are kept. They may be some of the
    components, some of the samples, or any linear combinations of them: V_x W = V_y for all.

    Parameters
    ----------
    kept : Components
        K ≥ 1 of those, with independent rows of V_x.
    solution : array (d, c)
        W.
    norm : {"frobenius", "spectral"}
        Norm of the difference.

    Returns
    -------
    array ()
        The distance.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Arrays are not real floating point ones of matching shapes, there are more components than
        dimensions, or the norm is another one.

    Examples
    --------
    >>> import numpy as np
    >>> kept = Components(np.ones(1), np.asarray([[2.0, 0, 0]]), np.asarray([[6.0]]))
    >>> float(compression_distance(kept, np.asarray([[3.0], [4.0], [0.0]])))
    4.0
    """
    one_of("norm", norm, _linalg.NORMS)
    xp = _matching({"kept": kept}, solution=solution)
    _no_more_than_dimensions(kept)
    rows = kept.vx / _linalg.nonzero(xp, _linalg.lengths(xp, kept.vx))
    return _linalg.norm(xp, solution - _linalg.projected(xp, solution, rows), norm)


def infinity_order_change(
    kept: Components, changed: Components, *, norm: Norm = "frobenius"
) -> Array:
    """Distance ‖W' − W‖ between the least-norm solutions of either of two sets, exactly.

    With E = V' − V, W = V_xᵀ Z and P' the projector on the rows of V_x', it is that of the sum of
    V_x'†(E_y − E_x W) and (I − P') E_xᵀ Z, whose columns are orthogonal; nothing equal is
    subtracted.

    Parameters
    ----------
    kept, changed : Components
        1 ≤ K ≤ d components each; see `nearest_basis`.
    norm : {"frobenius", "spectral"}
        Norm of the difference.

    Returns
    -------
    array ()
        The distance; meaningless where one of both has dependent rows of V_x.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Arrays are not real floating point ones of matching shapes, there are more components than
        dimensions, or the norm is another one.

    Examples
    --------
    >>> import numpy as np
    >>> kept = Components(np.ones(1), np.asarray([[2.0, 0.0]]), np.ones((1, 1)))
    >>> changed = kept._replace(vy=np.asarray([[2.0]]))
    >>> float(infinity_order_change(kept, changed))
    0.5
    """
    one_of("norm", norm, _linalg.NORMS)
    xp, parts = _solved(kept, changed)
    inside, _ = _linalg.solve(xp, parts.rows, parts.missed_by(xp, parts.solution))
    outside = parts.turned - _linalg.projected(xp, parts.turned, parts.rows)
    return _linalg.norm(xp, inside + outside, norm)


def infinity_order_change_bound(
    kept: Components,
    changed: Components,
    solution: Array | None = None,
    *,
    removed: Array | float = 0.0,
    norm: Norm = "frobenius",
) -> Array:
    """Bound √((‖D(E_y − E_x W)‖ / σ_min(D V_x'))² + (r + ‖E_xᵀ Z‖)²) of ‖W − W'‖.

    W' is the least-norm solution of `changed`, W any solution of the equations of `kept`, and r at
    least the distance of W from their least-norm solution V_xᵀ Z. D divides each row by the length
    of that of V_x.

    Parameters
    ----------
    kept, changed : Components
        1 ≤ K ≤ d components each; see `nearest_basis`.
    solution : array (d, c), optional
        W; by default that least-norm solution itself, so that `infinity_order_change` is bounded.
    removed : float or array ()
        r ≥ 0: `compression_distance`, or `slimdc.bounds.infinity_order_bound` of a truncation.
    norm : {"frobenius", "spectral"}
        Norm of both sides; r is one in the same norm.

    Returns
    -------
    array ()
        The bound, infinite where σ_min is 0; meaningless where one of both has dependent rows of
        V_x.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        As `infinity_order_change`, or r is no number of at least 0.

    Examples
    --------
    Equality where labels alone change.

    >>> import numpy as np
    >>> kept = Components(np.ones(1), np.asarray([[2.0, 0.0]]), np.asarray([[6.0]]))
    >>> changed = kept._replace(vy=np.asarray([[12.0]]))
    >>> whole = np.asarray([[3.0], [4.0]])
    >>> float(infinity_order_change_bound(kept, changed, whole, removed=4.0))
    5.0
    """
    one_of("norm", norm, _linalg.NORMS)
    heads = {} if solution is None else {"solution": solution}
    xp, parts = _solved(kept, changed, **heads)
    removed = scalar("removed", removed, kept.vx)
    missed = parts.missed_by(xp, parts.solution if solution is None else solution)
    missing = _linalg.norm(xp, missed, norm)
    smallest = xp.min(_linalg.singular_values(xp, parts.rows))
    inside = xp.where(
        smallest == 0,
        xp.full_like(missing, float("inf")),
        missing / _linalg.nonzero(xp, smallest),
    )
    return _linalg.hypotenuse(xp, inside, removed + _linalg.norm(xp, parts.turned, norm))


class _Stepped(NamedTuple):
    """Samples and residuals of both sets of a step, and their differences."""

    before: Array
    after: Array
    moved: Array  # X' − X
    residual: Array  # Xw − Y
    missed: Array  # X'w − Y'
    error: Array  # (X' − X)w − (Y' − Y)


def _stepped(kept: Components, changed: Components, w: Array) -> tuple[Any, _Stepped]:
    xp = _matching({"kept": kept, "changed": changed}, w=w)
    (x, y), (x_after, y_after) = (
        (part.s[:, None] * part.vx, part.s[:, None] * part.vy) for part in (kept, changed)
    )
    moved = x_after - x
    residual, missed = xp.matmul(x, w) - y, xp.matmul(x_after, w) - y_after
    error = xp.matmul(moved, w) - (y_after - y)
    return xp, _Stepped(x, x_after, moved, residual, missed, error)


class _Solved(NamedTuple):
    """Two sets of equations, rows divided by the length of the first's, and their difference."""

    rows: Array  # D V_x'
    solution: Array  # V_x†V_y = V_xᵀ Z
    turned: Array  # E_xᵀ Z
    moved: tuple[Array, Array]  # D E_x, D E_y

    def missed_by(self, xp: Any, solution: Array) -> Array:
        """Find what a solution of the first equations misses of the others, D (E_y − E_x W)."""
        return self.moved[1] - xp.matmul(self.moved[0], solution)


def _solved(kept: Components, changed: Components, **heads: Array) -> tuple[Any, _Solved]:
    xp = _matching({"kept": kept, "changed": changed}, **heads)
    _no_more_than_dimensions(kept)
    length = _linalg.nonzero(xp, _linalg.lengths(xp, kept.vx))
    rows, labels = kept.vx / length, kept.vy / length
    moved = (changed.vx - kept.vx) / length, (changed.vy - kept.vy) / length
    solution, _ = _linalg.solve(xp, rows, labels)
    z, _ = _linalg.solve(xp, rows.mT, solution)
    return xp, _Solved(changed.vx / length, solution, xp.matmul(moved[0].mT, z), moved)


def _side_by_side(xp: Any, x: Array, y: Array) -> tuple[Array, Array]:
    """[x, αy] with blocks of equal energy, and α; 1 where there is none in one of them."""
    of_x, of_y = (_linalg.norm(xp, block, "frobenius") for block in (x, y))
    weight = _linalg.nonzero(xp, of_x) / _linalg.nonzero(xp, of_y)
    weight = xp.where((of_x == 0) | (of_y == 0), xp.ones_like(weight), weight)
    return xp.concat([x, weight * y], axis=1), weight


def _matching(parts: dict[str, Components], **heads: Array) -> Any:
    """Check that as many components, and parameters, match; give their namespace."""
    operands: dict[str, tuple[Array, str]] = {}
    for name, part in parts.items():
        if getattr(part, "_fields", None) != Components._fields:
            raise InvalidTypeError(name, type(part).__name__, "Components")
        for of, array, axes in zip(part._fields, part, ("K", "Kd", "Kc"), strict=True):
            operands[f"{name}.{of}"] = (array, axes)
    operands |= {name: (head, "dc") for name, head in heads.items()}
    matching(operands, dtypes=LINALG_FLOATS)
    return shared_namespace(*(array for array, _ in operands.values()))


def _no_more_than_dimensions(kept: Components) -> None:
    rows, columns = kept.vx.shape
    if rows > columns:
        raise InvalidValueError(
            "kept", f"{rows} components in {columns} dimensions", "no more than dimensions"
        )
