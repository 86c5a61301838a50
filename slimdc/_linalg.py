"""Norms and factorizations that keep their digits at any scale and raise in no framework.

A matrix that holds NaN or infinity has NaN singular values, norms and solutions: NumPy and torch
would raise errors of their own, each another one.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias, get_args

from array_api_compat import device

from slimdc.typing import MatrixNorm

__all__ = [
    "NORMS",
    "Array",
    "Elimination",
    "Norm",
    "eliminate",
    "hypotenuse",
    "lengths",
    "nonzero",
    "norm",
    "polar",
    "projected",
    "singular_values",
    "solve",
]

Array: TypeAlias = Any
Norm: TypeAlias = MatrixNorm
NORMS: tuple[Norm, ...] = get_args(Norm)


class Elimination(NamedTuple):
    """Solution of a regression in an orthonormal basis whose first part spans the kept rows.

    The coordinates of W are ``solution`` (K, c), those of W', above ``rest`` (r, c), those of
    W − W'. ``residual`` (r, c) is Ṽ_y − Ṽ_x W', and ``smallest`` () is the smallest singular value
    of Ṽ_x (I − P'), 1 for r = 0, each row of Ṽ_x and Ṽ_y divided by the length of that of Ṽ_x.
    """

    solution: Array
    rest: Array
    residual: Array
    smallest: Array


def nonzero(xp: Any, x: Array) -> Array:
    """`x` with 1 in place of 0, for use as a divisor."""
    return xp.where(x == 0, xp.ones_like(x), x)


def norm(xp: Any, x: Array, kind: Norm) -> Array:
    """Frobenius or spectral norm of a matrix, 0 for one without rows."""
    if 0 in x.shape:
        return xp.sum(x)
    # Squares of the entries may leave the range of the dtype where the norm does not.
    scale = xp.max(xp.abs(x))
    scaled = x / nonzero(xp, scale)
    if kind == "spectral":
        return scale * xp.max(singular_values(xp, scaled))
    return scale * xp.linalg.matrix_norm(scaled, ord="fro")


def lengths(xp: Any, x: Array) -> Array:
    """Euclidean length of each row, as a column."""
    scale = xp.max(xp.abs(x), axis=1, keepdims=True)
    return scale * xp.linalg.vector_norm(x / nonzero(xp, scale), axis=1, keepdims=True)


def hypotenuse(xp: Any, a: Array, b: Array) -> Array:
    """√(a² + b²) of two numbers of at least 0, whose squares may leave the range of the dtype."""
    larger = xp.where(a > b, a, b)
    infinite = xp.isinf(larger)
    scale = nonzero(xp, xp.where(infinite, xp.ones_like(larger), larger))
    a, b = a / scale, b / scale
    return xp.where(infinite, larger, scale * xp.sqrt(a * a + b * b))


def polar(xp: Any, x: Array) -> Array:
    """Orthogonal factor of a square matrix: of all orthogonal ones the nearest to it."""
    finite = xp.all(xp.isfinite(x))
    left, _, right = xp.linalg.svd(xp.where(finite, x, xp.zeros_like(x)), full_matrices=False)
    found = xp.matmul(left, right)
    return xp.where(finite, found, xp.full_like(found, float("nan")))


def projected(xp: Any, x: Array, rows: Array) -> Array:
    """Columns of x projected on the span of some independent rows."""
    basis, _ = xp.linalg.qr(rows.mT, mode="reduced")
    return xp.matmul(basis, xp.matmul(basis.mT, x))


def singular_values(xp: Any, x: Array) -> Array:
    """Singular values of a matrix in descending order; NaN if an entry is not finite."""
    finite = xp.all(xp.isfinite(x))
    sigma = xp.linalg.svdvals(xp.where(finite, x, xp.zeros_like(x)))
    return xp.where(finite, sigma, xp.full_like(sigma, float("nan")))


def solve(xp: Any, a: Array, b: Array, cutoff: float = 0.0) -> tuple[Array, Array]:
    """Least-norm least-squares solution a†b, and the singular values of a.

    Singular values up to cutoff times the largest count as 0.
    """
    if 0 in a.shape:
        zeros = xp.zeros((a.shape[1], b.shape[1]), dtype=b.dtype, device=device(b))
        return zeros, xp.sum(a, axis=1)
    # NumPy raises on a singular matrix, torch raises something else and JAX gives NaN: by SVD all
    # three say the same.
    finite = xp.all(xp.isfinite(a))
    left, sigma, right = xp.linalg.svd(xp.where(finite, a, xp.zeros_like(a)), full_matrices=False)
    sigma = xp.where(finite, sigma, xp.full_like(sigma, float("nan")))
    counts = (sigma > cutoff * xp.max(sigma)) | ~finite
    inverse = xp.where(counts, 1.0 / nonzero(xp, sigma), xp.zeros_like(sigma))
    return xp.matmul(right.mT, inverse[:, None] * xp.matmul(left.mT, b)), sigma


def eliminate(xp: Any, kept: tuple[Array, Array], removed: tuple[Array, Array]) -> Elimination:
    """Eliminate the kept rows of V_x W = V_y from the removed ones by one QR of V_xᵀ.

    With V_xᵀ = Q Lᵀ, L lower triangular, W = Q L⁻¹ V_y. Rows are scaled to length 1 first: this
    changes neither W nor W', and makes the conditioning nearly the best that scaling can give.
    """
    k = kept[0].shape[0]
    vx, vy = (xp.concat(pair, axis=0) for pair in zip(kept, removed, strict=True))
    divisor = nonzero(xp, lengths(xp, vx))
    _, upper = xp.linalg.qr((vx / divisor).mT, mode="reduced")
    lower, vy = upper.mT, vy / divisor
    solution, _ = solve(xp, lower[:k, :k], vy[:k, :])
    residual = vy[k:, :] - xp.matmul(lower[k:, :k], solution)
    # ‖rest‖ and ‖residual‖ / smallest come from one SVD: so however ill-conditioned the block is,
    # rounding cannot make the former the larger of the two by more than some eps.
    rest, sigma = solve(xp, lower[k:, k:], residual)
    smallest = xp.min(sigma) if sigma.shape[0] else xp.ones_like(xp.sum(sigma))
    return Elimination(solution, rest, residual, smallest)
