"""Infinity order in rational arithmetic: an oracle for any conditioning and scale."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np

Rational = list[list[Fraction]]


@dataclass(frozen=True)
class Exact:
    """‖W − W'‖₂, its general bound, ‖W‖₂ and ‖W'‖_F² / ‖W‖_F² of a truncation."""

    distance: float
    bound: float
    solution: float
    kept_ratio: float


def infinity_order(vx: np.ndarray, vy: np.ndarray, k: int) -> Exact:
    """Evaluate the definitions with G = V_x V_xᵀ, first k rows kept, rounding once at the end."""
    x, y = rational(vx), rational(vy)
    gram = times(x, transposed(x))
    held = [row[:k] for row in gram[:k]]
    # WᵀW = V_yᵀ G⁻¹ V_y; the same for W' = P'W, and (W − W')ᵀ(W − W') is the difference.
    whole = times(transposed(y), solved(gram, y))
    kept = times(transposed(y[:k]), solved(held, y[:k]))
    lost = minus(whole, kept)
    total = trace(whole)
    # Ṽ_y − Ṽ_x W', and Ṽ_x (I − P') Ṽ_xᵀ, the square of what σ_min is taken of.
    cross = [row[:k] for row in gram[k:]]
    residual = minus(y[k:], times(cross, solved(held, y[:k])))
    schur = minus([row[k:] for row in gram[k:]], times(cross, solved(held, transposed(cross))))
    squares = [gram[i][i] for i in range(k, len(gram))]
    scaled = [[a / q for a in row] for row, q in zip(residual, squares, strict=True)]
    numerator = largest(times(transposed(residual), scaled))
    inverse = solved(schur, identity(len(schur)))
    # Rows of length 1: σ_min⁻² is the largest eigenvalue of ℓ S⁻¹ ℓ, whose entries are roots.
    size = max(abs(a) * squares[i] for i, row in enumerate(inverse) for a in row)
    entries = [
        [root(a * a * squares[i] * squares[j] / size**2) * (1 if a >= 0 else -1)
         for j, a in enumerate(row)]
        for i, row in enumerate(inverse)
    ]  # fmt: skip
    factor = Fraction(float(np.linalg.eigvalsh(np.asarray(entries))[-1])) * size
    return Exact(
        root(largest(lost)),
        root(numerator * factor),
        root(largest(whole)),
        1.0 if total == 0 else float(trace(kept) / total),
    )


def rational(matrix: np.ndarray) -> Rational:
    return [[Fraction(float(a)) for a in row] for row in matrix]


def identity(n: int) -> Rational:
    return [[Fraction(int(i == j)) for j in range(n)] for i in range(n)]


def transposed(a: Rational) -> Rational:
    return [list(column) for column in zip(*a, strict=True)]


def times(a: Rational, b: Rational) -> Rational:
    columns = transposed(b)
    return [[sum((p * q for p, q in zip(r, c, strict=True)), Fraction()) for c in columns]
            for r in a]  # fmt: skip


def minus(a: Rational, b: Rational) -> Rational:
    return [[p - q for p, q in zip(r, s, strict=True)] for r, s in zip(a, b, strict=True)]


def trace(a: Rational) -> Fraction:
    return sum((a[i][i] for i in range(len(a))), Fraction())


def solved(a: Rational, b: Rational) -> Rational:
    """Solve a x = b for a regular matrix by elimination."""
    rows = [[*p, *q] for p, q in zip(a, b, strict=True)]
    n = len(a)
    for i in range(n):
        pivot = next(j for j in range(i, n) if rows[j][i] != 0)
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for j in range(n):
            if j != i and rows[j][i] != 0:
                rows[j] = [v - rows[j][i] * w for v, w in zip(rows[j], rows[i], strict=True)]
    return [row[n:] for row in rows]


def largest(a: Rational) -> Fraction:
    """Largest eigenvalue of a positive semidefinite matrix, to a few eps of itself."""
    total = trace(a)
    if total == 0:
        return total
    floats = np.asarray([[float(v / total) for v in row] for row in a])
    return Fraction(float(np.linalg.eigvalsh(floats)[-1])) * total


def root(value: Fraction) -> float:
    with localcontext(prec=40):
        return float((Decimal(value.numerator) / Decimal(value.denominator)).sqrt())
