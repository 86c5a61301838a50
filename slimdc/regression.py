"""Linear regression on a whole set: its components stacked over classes, and U gone.

A set X = U S V_x, Y = U S V_y (Eq. 8) whose U is block-orthonormal has XᵀX = V_xᵀ S² V_x and
XᵀY = V_xᵀ S² V_y, so regression needs no more than (S, V_x, V_y). The functions take arrays of any
namespace of the array API, compute in the dtype that they are given and may be compiled: they
check what is static about their arguments, and give NaN where a value is not finite.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from array_api_compat import array_namespace

from slimdc import _linalg, _tolerance
from slimdc._checks import non_negative, positive, whole_number
from slimdc._operands import LINALG_FLOATS, matching, matching_components
from slimdc.errors import InvalidValueError

__all__ = [
    "Components",
    "full_row_rank",
    "linear_solution",
    "loss_gradient",
    "orthonormality_defect",
    "row_independence",
]

Array: TypeAlias = Any


class Components(NamedTuple):
    """Components of a set with those of all classes stacked (Eq. 8 without U).

    Attributes
    ----------
    s : array (B,)
        Significances; their sign is of no account.
    vx : array (B, d)
        Bases of the samples.
    vy : array (B, c)
        Bases of the labels.

    Examples
    --------
    >>> import numpy as np
    >>> part = Components(np.ones(2), np.eye(2, 3), np.ones((2, 1)))
    >>> part.vx.shape
    (2, 3)
    """

    s: Array
    vx: Array
    vy: Array

    def split(self, k: int) -> tuple[Components, Components]:
        """First k components, and the others.

        Parameters
        ----------
        k : int
            How many come first, 0 ≤ k ≤ B.

        Returns
        -------
        tuple of Components
            Both parts; either may be empty.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `k` is no int from 0 to B, or the arrays do not match.

        Examples
        --------
        >>> import numpy as np
        >>> kept, removed = Components(np.ones(3), np.eye(3), np.ones((3, 1))).split(1)
        >>> kept.s.shape, removed.s.shape
        ((1,), (2,))
        """
        matching_components({"": self})
        k = whole_number("k", k, at_least=0)
        if k > self.s.shape[0]:
            raise InvalidValueError("k", str(k), f"at most {self.s.shape[0]}, the components held")
        first = Components(self.s[:k], self.vx[:k, :], self.vy[:k, :])
        return first, Components(self.s[k:], self.vx[k:, :], self.vy[k:, :])


def loss_gradient(part: Components, w: Array) -> Array:
    """Gradient Xᵀ(Xw − Y) = V_xᵀ S² (V_x w − V_y) of Eq. 5 on a whole set.

    Parameters
    ----------
    part : Components
        All components of the set.
    w : array (d, c)
        Parameters.

    Returns
    -------
    array (d, c)
        The gradient.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Arrays are not real floating point ones of matching shapes.

    Examples
    --------
    >>> import numpy as np
    >>> part = Components(np.asarray([2.0]), np.eye(1, 2), np.ones((1, 1)))
    >>> loss_gradient(part, np.zeros((2, 1))).tolist()
    [[-4.0], [0.0]]
    """
    xp = matching_components({"part": part}, w)
    s = part.s[:, None]
    return xp.matmul((s * part.vx).mT, s * (xp.matmul(part.vx, w) - part.vy))


def linear_solution(part: Components, *, cutoff: float | None = None) -> Array:
    """Least-norm solution X†Y = (S V_x)†(S V_y) of a whole set of any rank, by SVD.

    Parameters
    ----------
    part : Components
        All components of the set.
    cutoff : float, optional
        Singular values of X up to this share of the largest, from 0 and below 1, count as zero;
        by default max(B, d) eps.

    Returns
    -------
    array (d, c)
        The solution.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Arrays are not real floating point ones of matching shapes, or `cutoff` is out of range.

    Examples
    --------
    A component held twice counts once.

    >>> import numpy as np
    >>> part = Components(np.ones(2), np.asarray([[2.0, 0], [2, 0]]), np.ones((2, 1)))
    >>> linear_solution(part).round(6).tolist()
    [[0.5], [0.0]]
    """
    xp = matching_components({"part": part})
    if cutoff is None:
        cutoff = _tolerance.numerical_rank(part.vx.shape, _eps(xp, part.vx))
    else:
        cutoff = non_negative("cutoff", cutoff, below=1.0)
    if part.s.shape[0] == 0:
        return xp.matmul(part.vx.mT, part.vy)
    # The solution does not depend on the scale of s, which may leave the range of the dtype.
    s = (part.s / _linalg.nonzero(xp, xp.max(xp.abs(part.s))))[:, None]
    return _linalg.solve(xp, s * part.vx, s * part.vy, cutoff)[0]


def row_independence(vx: Array, *, eps: float | None = None) -> tuple[Array, float]:
    """How far the rows of V_x are from depending on each other, and what rounding can feign.

    Rows are scaled to length 1 first, which changes no rank. The limit is √(B max(B, d)) eps.

    Parameters
    ----------
    vx : array (B, d)
        Bases, without padding.
    eps : float, optional
        Relative precision of the entries; by default that of the dtype. Pass float32's for a
        float32 array that was widened.

    Returns
    -------
    smallest : array ()
        σ_min of the scaled rows; 0 if B > d or a row vanishes, 1 for orthogonal or no rows.
    limit : float
        V_x has full row rank, as far as its precision can tell, if `smallest` exceeds this.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        `vx` is no real floating point matrix, or `eps` no number above zero.

    Examples
    --------
    >>> import numpy as np
    >>> smallest, limit = row_independence(np.asarray([[2.0, 0.0], [1.0, 1.0]]))
    >>> round(float(smallest), 6), bool(smallest > limit)
    (0.541196, True)
    """
    matching({"vx": (vx, "Bd")}, may_be_empty="B", dtypes=LINALG_FLOATS)
    xp = array_namespace(vx)
    rows, columns = vx.shape
    if eps is None:
        eps = _eps(xp, vx)
    limit = _tolerance.row_dependence((rows, columns), positive("eps", eps))
    if rows > columns:
        return xp.zeros_like(xp.sum(vx)), limit
    if rows == 0:
        return xp.ones_like(xp.sum(vx)), limit
    scaled = vx / _linalg.nonzero(xp, _linalg.lengths(xp, vx))
    return xp.min(_linalg.singular_values(xp, scaled)), limit


def full_row_rank(vx: Array, *, eps: float | None = None) -> Array:
    """Whether V_x has full row rank as far as its precision can tell (`row_independence`).

    Parameters
    ----------
    vx : array (B, d)
        Bases, without padding.
    eps : float, optional
        Relative precision of the entries; by default that of the dtype.

    Returns
    -------
    array (), bool
        False if B > d, or rows vanish, repeat or otherwise depend on each other.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        `vx` is no real floating point matrix, or `eps` no number above zero.

    Examples
    --------
    >>> import numpy as np
    >>> bool(full_row_rank(np.eye(2, 3))), bool(full_row_rank(np.ones((2, 3))))
    (True, False)
    """
    smallest, limit = row_independence(vx, eps=eps)
    return smallest > limit


def orthonormality_defect(vx: Array) -> Array:
    """Distance ‖V_x V_xᵀ − I‖₂ of the rows of V_x from being orthonormal.

    Parameters
    ----------
    vx : array (B, d)
        Bases, without padding.

    Returns
    -------
    array ()
        0 for orthonormal rows or none; at least 1 if B > d.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        `vx` is no real floating point matrix.

    Examples
    --------
    >>> import numpy as np
    >>> float(orthonormality_defect(np.asarray([[2.0, 0.0], [0.0, 1.0]])))
    3.0
    """
    matching({"vx": (vx, "Bd")}, may_be_empty="B", dtypes=LINALG_FLOATS)
    xp = array_namespace(vx)
    if vx.shape[0] == 0:
        return xp.sum(vx)
    # Singular values tell more digits than the product V_x V_xᵀ, and cost less where B > d.
    sigma = _linalg.singular_values(xp, vx)
    worst = xp.max(xp.abs((sigma - 1.0) * (sigma + 1.0)))
    return worst if vx.shape[0] <= vx.shape[1] else xp.where(worst > 1, worst, xp.ones_like(worst))


def _eps(xp: Any, x: Array) -> float:
    return float(xp.finfo(x.dtype).eps)
