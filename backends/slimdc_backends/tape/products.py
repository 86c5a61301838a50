"""Rules of products of matrices and vectors, and of linear systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimdc_backends.tape.rules import Array, Rule
from slimdc_backends.tape.variables import fit, newest, shape_of

if TYPE_CHECKING:
    from slimdc_backends.tape.namespace import Recorder

__all__ = ["LINALG_RULES", "RULES"]


def matmul(xp: Recorder, a: Array, b: Array, /) -> Array:
    """Multiply matrices (..., n, m) and (..., m, k), batched."""
    tape = newest(a, b)
    if tape is None:
        return a @ b
    _require_matrices("matmul", a, b)
    x, y = tape.lower(a), tape.lower(b)

    def pullback(g: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, Array | None]:
        return (
            fit(xp.matmul(g, xp.matrix_transpose(y)), shape_of(x)) if wanted[0] else None,
            fit(xp.matmul(xp.matrix_transpose(x), g), shape_of(y)) if wanted[1] else None,
        )

    return tape.record(xp.matmul(x, y), (a, b), pullback)


def vecdot(xp: Recorder, a: Array, b: Array, /, *, axis: int = -1) -> Array:
    """Multiply real vectors along an axis."""
    if newest(a, b) is None:
        return xp.plain.vecdot(a, b, axis=axis)
    return xp.sum(a * b, axis=axis)


def solve(xp: Recorder, a: Array, b: Array, /) -> Array:
    """Solve a x = b for x (..., n, m); the gradient uses one more solve with aᵀ."""
    tape = newest(a, b)
    if tape is None:
        return xp.plain.linalg.solve(a, b)
    _require_matrices("solve", a, b)
    left, right = tape.lower(a), tape.lower(b)
    x = xp.linalg.solve(left, right)

    def pullback(g: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, Array]:
        of_b = xp.linalg.solve(xp.matrix_transpose(left), g)
        of_a = fit(-xp.matmul(of_b, xp.matrix_transpose(x)), shape_of(left)) if wanted[0] else None
        return of_a, fit(of_b, shape_of(right))

    return tape.record(x, (a, b), pullback)


def _require_matrices(name: str, a: Array, b: Array) -> None:
    if a.ndim < 2 or b.ndim < 2:
        message = f"the tape has no rule to differentiate {name!r} of vectors; give them an axis"
        raise TypeError(message)


RULES: dict[str, Rule] = {"matmul": matmul, "vecdot": vecdot}
LINALG_RULES: dict[str, Rule] = {"solve": solve}
