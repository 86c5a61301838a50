"""Steps that keep the columns of U orthonormal: pure functions on arrays, batched over classes."""

from __future__ import annotations

from typing import Any, TypeAlias

from array_api_compat import array_namespace

__all__ = ["RETRACTION_ITERATIONS", "Array", "retract", "tangent"]

Array: TypeAlias = Any

# Newton–Schulz is quadratic near 1; from the smallest singular value that a step of a trust-ratio
# optimiser leaves, about 0.3, eight iterations reach float64's precision, and two are spare.
RETRACTION_ITERATIONS = 10


def tangent(u: Array, direction: Array) -> Array:
    """Project a direction on the tangent space of matrices with orthonormal columns at U.

    Returns D − U(UᵀD + DᵀU)/2, batched over leading axes. Gradients of U pass through it before
    the optimiser and its step passes after, since a scaled direction is no longer tangent.

    Examples
    --------
    >>> import numpy as np
    >>> tangent(np.eye(2), np.array([[1.0, 2.0], [0.0, 1.0]]))
    array([[ 0.,  1.],
           [-1.,  0.]])
    """
    inner = u.mT @ direction
    return direction - u @ ((inner + inner.mT) * 0.5)


def retract(u: Array, step: Array) -> Array:
    """Move U along a tangent step and return to orthonormal columns, by the polar factor of U + D.

    Newton–Schulz iterations find it: no decomposition, no transfer to the host. Since
    (U + D)ᵀ(U + D) = I + DᵀD, dividing by √(1 + ‖D‖_F²) first keeps every singular value in (0, 1],
    where they converge, and does not change the factor. Zero rows and columns (padding) stay zero.

    Examples
    --------
    >>> import numpy as np
    >>> retract(np.eye(2), np.array([[0.0, 1.0], [-1.0, 0.0]])).round(4)
    array([[ 0.7071,  0.7071],
           [-0.7071,  0.7071]])
    """
    xp = array_namespace(u)
    size = xp.sum(step * step, axis=(-2, -1), keepdims=True)
    u = (u + step) / xp.sqrt(size + 1.0)
    for _ in range(RETRACTION_ITERATIONS):
        u = u * 1.5 - (u @ (u.mT @ u)) * 0.5
    return u
