"""Linear regression on a whole set: its components stacked over classes, and U gone.

A set X = U S V_x, Y = U S V_y (Eq. 8) whose U is block-orthonormal has XᵀX = V_xᵀ S² V_x and
XᵀY = V_xᵀ S² V_y, so regression needs no more than (S, V_x, V_y). The functions take arrays of any
namespace of the array API, compute in the dtype that they are given and may be compiled.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from slimdc import _linalg

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

        Examples
        --------
        >>> import numpy as np
        >>> kept, removed = Components(np.ones(3), np.eye(3), np.ones((3, 1))).split(1)
        >>> kept.s.shape, removed.s.shape
        ((1,), (2,))
        """
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
    xp = _linalg.checked(part, w=w)
    s = part.s[:, None]
    return xp.matmul((s * part.vx).mT, s * (xp.matmul(part.vx, w) - part.vy))


def linear_solution(part: Components, *, cutoff: float | None = None) -> Array:
    """Least-norm solution X†Y = (S V_x)†(S V_y) of a whole set of any rank, by SVD.

    Parameters
    ----------
    part : Components
        All components of the set.
    cutoff : float, optional
        Singular values of X up to this share of the largest count as zero; by default
        max(B, d) eps.

    Returns
    -------
    array (d, c)
        The solution.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        Arrays are not real floating point ones of matching shapes.

    Examples
    --------
    A component held twice counts once.

    >>> import numpy as np
    >>> part = Components(np.ones(2), np.asarray([[2.0, 0], [2, 0]]), np.ones((2, 1)))
    >>> linear_solution(part).round(6).tolist()
    [[0.5], [0.0]]
    """
    xp = _linalg.checked(part)
    if cutoff is None:
        cutoff = max(part.vx.shape) * float(xp.finfo(part.vx.dtype).eps)
    s = part.s[:, None]
    return _linalg.solve(xp, s * part.vx, s * part.vy, cutoff)


def row_independence(vx: Array, *, eps: float | None = None) -> tuple[Array, float]:
    """How far the rows of V_x are from depending on each other, and what rounding can feign.

    Rows are scaled to length 1 first, which changes no rank. Rounding of entries alone moves
    σ_min by up to √B eps; the limit allows √(B max(B, d)) eps.

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
        `vx` is no real floating point matrix.

    Examples
    --------
    >>> import numpy as np
    >>> smallest, limit = row_independence(np.asarray([[2.0, 0.0], [1.0, 1.0]]))
    >>> round(float(smallest), 6), bool(smallest > limit)
    (0.541196, True)
    """
    xp = _linalg.checked_matrix(vx, "vx")
    rows, columns = vx.shape
    if eps is None:
        eps = float(xp.finfo(vx.dtype).eps)
    limit = float(rows * max(rows, columns)) ** 0.5 * eps
    if rows > columns:
        return xp.zeros_like(xp.sum(vx)), limit
    if rows == 0:
        return xp.ones_like(xp.sum(vx)), limit
    return xp.min(xp.linalg.svdvals(vx / _linalg.nonzero(xp, _linalg.lengths(xp, vx)))), limit


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
        `vx` is no real floating point matrix.

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
        0 for orthonormal rows; at least 1 if B > d.

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
    xp = _linalg.checked_matrix(vx, "vx")
    # Singular values tell more digits than the product V_x V_xᵀ, and cost less where B > d.
    sigma = xp.linalg.svdvals(vx)
    worst = xp.max(xp.abs((sigma - 1.0) * (sigma + 1.0)))
    return worst if vx.shape[0] <= vx.shape[1] else xp.where(worst > 1, worst, xp.ones_like(worst))
