"""Norms and factorizations that keep their digits at any scale and raise in no framework."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

from slimdc._array import namespace
from slimdc.errors import InvalidTypeError, InvalidValueError

Array: TypeAlias = Any
Norm: TypeAlias = Literal["frobenius", "spectral"]


class Elimination(NamedTuple):
    """Solution of a regression in an orthonormal basis whose first part spans the kept rows.

    The coordinates of W are ``solution`` (K, c), those of W', above ``rest`` (r, c), those of
    W − W'. ``block`` (r, r) is Ṽ_x (I − P') in that basis and ``residual`` (r, c) is Ṽ_y − Ṽ_x W',
    both divided by ``lengths`` (r, 1), the lengths of the rows of Ṽ_x.
    """

    solution: Array
    rest: Array
    block: Array
    residual: Array
    lengths: Array


def nonzero(xp: Any, x: Array) -> Array:
    """`x` with 1 in place of 0, for use as a divisor."""
    return xp.where(x == 0, xp.ones_like(x), x)


def norm(xp: Any, x: Array, kind: Norm) -> Array:
    """Frobenius or spectral norm of a matrix, 0 for one without rows."""
    if 0 in x.shape:
        return xp.sum(x)
    # Squares of the entries may leave the range of the dtype where the norm does not.
    scale = xp.max(xp.abs(x))
    return scale * xp.linalg.matrix_norm(
        x / nonzero(xp, scale), ord="fro" if kind == "frobenius" else 2
    )


def lengths(xp: Any, x: Array) -> Array:
    """Euclidean length of each row, as a column."""
    scale = xp.max(xp.abs(x), axis=1, keepdims=True)
    return scale * xp.linalg.vector_norm(x / nonzero(xp, scale), axis=1, keepdims=True)


def solve(xp: Any, a: Array, b: Array, cutoff: float = 0.0) -> Array:
    """Least-norm least-squares solution a†b; singular values up to cutoff · largest count as 0."""
    if 0 in a.shape:
        return b
    # NumPy raises on a singular matrix, torch raises something else and JAX gives NaN: by SVD all
    # three say the same.
    left, sigma, right = xp.linalg.svd(a, full_matrices=False)
    held = sigma > cutoff * xp.max(sigma)
    inverse = xp.where(held, 1.0 / nonzero(xp, sigma), xp.zeros_like(sigma))
    return xp.matmul(right.mT, inverse[:, None] * xp.matmul(left.mT, b))


def eliminate(xp: Any, kept: tuple[Array, Array], removed: tuple[Array, Array]) -> Elimination:
    """Eliminate the kept rows of V_x W = V_y from the removed ones by one QR of V_xᵀ.

    With V_xᵀ = Q Lᵀ, L lower triangular, W = Q L⁻¹ V_y. Rows are scaled to length 1 first: this
    changes neither W nor W', and makes the conditioning nearly the best that scaling can give.
    """
    k = kept[0].shape[0]
    vx, vy = (xp.concat(pair, axis=0) for pair in zip(kept, removed, strict=True))
    scale = lengths(xp, vx)
    divisor = nonzero(xp, scale)
    _, upper = xp.linalg.qr((vx / divisor).mT, mode="reduced")
    lower, vy = upper.mT, vy / divisor
    solution = solve(xp, lower[:k, :k], vy[:k, :])
    block = lower[k:, k:]
    residual = vy[k:, :] - xp.matmul(lower[k:, :k], solution)
    return Elimination(solution, solve(xp, block, residual), block, residual, scale[k:, :])


def checked(*parts: tuple[Array, Array, Array], w: Array | None = None) -> Any:
    """Namespace of components (s, V_x, V_y), and of w, whose shapes and dtypes agree."""
    arrays = [a for part in parts for a in part] + ([] if w is None else [w])
    xp = namespace(*arrays, argument="components")
    d, c = parts[0][1].shape[-1], parts[0][2].shape[-1]
    for s, vx, vy in parts:
        _check(xp, s, "s", ("any",))
        _check(xp, vx, "vx", (s.shape[0], d))
        _check(xp, vy, "vy", (s.shape[0], c))
    if w is not None:
        _check(xp, w, "w", (d, c))
    dtypes = {str(a.dtype) for a in arrays}
    if len(dtypes) > 1:
        raise InvalidTypeError("components", " and ".join(sorted(dtypes)), "arrays of one dtype")
    return xp


def checked_matrix(x: Array, argument: str) -> Any:
    """Namespace of a real floating point matrix with at least one column."""
    xp = namespace(x, argument=argument)
    _check(xp, x, argument, ("any", "any"))
    return xp


def _check(xp: Any, x: Array, argument: str, shape: tuple[int | str, ...]) -> None:
    if not xp.isdtype(x.dtype, "real floating"):
        raise InvalidTypeError(argument, f"dtype {x.dtype}", "a real floating point dtype")
    fits = x.ndim == len(shape) and all(
        found == wanted or wanted == "any" for found, wanted in zip(x.shape, shape, strict=True)
    )
    if not fits or 0 in x.shape[1:]:
        wanted = ", ".join(map(str, shape))
        raise InvalidValueError(argument, f"shape {tuple(x.shape)}", f"shape ({wanted})")
