"""The certificate: Proposition 1 checked on two sets, with every condition and the slack."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slimdc import bounds
from slimdc._array import as_array, to_numpy
from slimdc._inputs import Openable, open_set
from slimdc.certificate.comparison import Block, Split, blocks, split, stack
from slimdc.certificate.report import Bound, Certificate, Condition, Distance
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError
from slimdc.parameterization import SlimmableDataset
from slimdc.regression import (
    Components,
    linear_solution,
    loss_gradient,
    orthonormality_defect,
    row_independence,
)

__all__ = ["Bound", "Certificate", "Condition", "Distance", "certify"]

Matrix = NDArray[np.float64]


def certify(before: Openable, after: Openable, w: Any = None, eta: float = 1.0) -> Certificate:
    """Measure how far slimming moved the linear solution, and check the bounds of Proposition 1.

    Computes in NumPy float64 from the factors of both sets, whatever their framework. It speaks
    of linear regression on the samples themselves (no bias, no network). If `after` is no
    truncation of `before`, as after training, distances are measured and no bound is claimed; so
    also if components depend on each other linearly or a significance vanishes.

    Parameters
    ----------
    before, after : SlimmableDataset, path or pair (samples, labels)
        Sets with samples of one shape and preprocessing, and label rows of one width.
    w : array_like (d, c), optional
        Parameters from which the first-order step is taken; by default zeros.
    eta : float
        Rate η of that step.

    Returns
    -------
    Certificate
        Distances, and for a truncation Eqs. 9 and 10, their general forms and the kept ratio.

    Raises
    ------
    InvalidTypeError
        An argument is of the wrong type.
    InvalidValueError
        The sets live in different spaces, `w` has the wrong shape or is not finite, or η is
        negative or not finite.
    NumericalError
        A result leaves the range of float64.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> data = SlimmableDataset.from_arrays(rng.normal(size=(12, 30)), np.arange(12) % 3)
    >>> report = certify(data, data.truncate(2))
    >>> report.truncation, report.full_rank, report.holds
    (True, True, True)
    >>> [bound.verdict for bound in report.bounds][-1]
    'holds'
    """
    before, after = open_set(before, "before"), open_set(after, "after")
    _comparable(before, after)
    classes = blocks(before)
    old, new = (stack([b.part for b in side]) for side in (classes, blocks(after)))
    head, rate, eps = _head(w, old), _rate(eta), max(_eps(before), _eps(after))
    cut = split(classes, blocks(after))
    independent = [_independence(part, eps) for part in (old, new)]
    full_rank = all(condition.holds for condition in independent[0])
    notes = [] if cut else ["the set after is no truncation of the set before; no bound applies"]
    for side, conditions in zip(("before", "after"), independent, strict=True):
        failed = "; ".join(str(c) for c in conditions if not c.holds)
        if failed:
            notes.append(f"the set {side} is rank-deficient ({failed}): exact distances only")

    with np.errstate(all="ignore"):  # what overflows is found below
        step = rate * loss_gradient(old, head)
        solution = _solution(old, independent[0], eps)
        if cut and full_rank:
            first = _first_order(cut, head, rate)
            last = _infinity_order(cut)
            ratio = float(bounds.kept_ratio(*cut))
            found = _bounds(cut, classes, head, rate, eps, first, last, (step, solution))
        else:
            # The removed components are the difference: no digits are lost by subtracting.
            first = (
                _first_order(cut, head, rate)
                if cut
                else _norms(step - rate * loss_gradient(new, head))
            )
            last = _norms(solution - _solution(new, independent[1], eps))
            ratio, found = None, ()
    distances = [Distance(*first, _norms(step)[0]), Distance(*last, _norms(solution)[0])]
    if not all(math.isfinite(x) for d in distances for x in (d.frobenius, d.spectral)):
        raise NumericalError("before, after", "distances beyond float64", "factors of lesser scale")
    return Certificate(
        truncation=cut is not None,
        full_rank=full_rank,
        components=(len(old.s), len(new.s)),
        eta=rate,
        first_order=distances[0],
        infinity_order=distances[1],
        kept_ratio=ratio,
        bounds=found,
        notes=tuple(notes),
    )


def _first_order(cut: Split, w: Matrix, eta: float) -> tuple[float, float]:
    frobenius = bounds.first_order_distance(cut.removed, w, eta=eta, norm="frobenius")
    spectral = bounds.first_order_distance(cut.removed, w, eta=eta, norm="spectral")
    return float(frobenius), float(spectral)


def _infinity_order(cut: Split) -> tuple[float, float]:
    frobenius = bounds.infinity_order_distance(*cut, norm="frobenius")
    spectral = bounds.infinity_order_distance(*cut, norm="spectral")
    return float(frobenius), float(spectral)


def _bounds(
    cut: Split,
    classes: list[Block],
    w: Matrix,
    eta: float,
    eps: float,
    first: tuple[float, float],
    last: tuple[float, float],
    reference: tuple[Matrix, Matrix],
) -> tuple[Bound, ...]:
    whole = stack([cut.kept, cut.removed])
    tolerance = _tolerance(whole, eps)

    def at_most(name: str, value: float, limit: float) -> Condition:
        return Condition(name, value, "<=", limit, value <= limit + tolerance)

    orthonormal = at_most(
        "distance of V_x V_x^T from I", float(orthonormality_defect(whole.vx)), 0.0
    )
    short = at_most("spectral norm of the removed V_x", _norms(cut.removed.vx)[1], 1.0)
    small = at_most("spectral norm of V_y", _norms(whole.vy)[1], 1.0)
    step, solution = (_norms(matrix) for matrix in reference)
    # With orthonormal rows the kept and the removed part of a step are orthogonal, so that their
    # difference is no longer than the step; otherwise nothing bounds it beforehand.
    length = step[0] if orthonormal.holds else None
    # Any class's second value bounds what is removed from it, for its first component stays.
    second = max(
        (float(np.sort(np.abs(b.part.s))[-2]) for b in classes if len(b.part.s) > 1), default=0.0
    )

    def row(
        equation: str, bound: float, trivial: float | None, conditions: tuple[Condition, ...]
    ) -> Bound:
        name, norm, value = ("infinity order", "spectral", last[1])
        if equation.startswith("Eq. 9"):
            name, norm, value = ("first order", "frobenius", first[0])
        applies = all(condition.holds for condition in conditions)
        found = bound if applies else None
        return Bound(name, equation, norm, value, found, trivial, conditions, tolerance)

    printed = float(bounds.equation_9(*cut, w, eta=eta, significance=second))
    tight = float(bounds.equation_9(*cut, w, eta=eta))
    general = float(bounds.first_order_bound(*cut, w, eta=eta))
    last_general = float(bounds.infinity_order_bound(*cut))
    return (
        row("Eq. 9, with s2", printed, length, (short,)),
        row("Eq. 9, with the largest removed s", tight, length, (short,)),
        row("Eq. 9, any V_x", general, length, ()),
        row("Eq. 10", 1.0, solution[1], (orthonormal, small)),
        row("Eq. 10, any V", last_general, solution[1], _independence(whole, eps)),
    )


def _independence(part: Components, eps: float) -> tuple[Condition, ...]:
    rows, columns = part.vx.shape
    size = np.abs(part.s)
    largest = float(size.max())
    skew = float(size.min()) / largest if largest > 0 else 0.0
    floor = math.sqrt(rows) * eps
    smallest, limit = (float(x) for x in row_independence(part.vx, eps=eps))
    return (
        Condition("components in all", rows, "<=", columns, rows <= columns),
        Condition("smallest s over largest", skew, ">", floor, skew > floor),
        Condition("smallest singular value of V_x", smallest, ">", limit, smallest > limit),
    )


def _solution(part: Components, independent: tuple[Condition, ...], eps: float) -> Matrix:
    if all(condition.holds for condition in independent):
        # W = V_x†V_y whatever s is; rows of length 1 make it as well conditioned as can be.
        length = np.linalg.norm(part.vx, axis=1)
        return np.asarray(linear_solution(part._replace(s=1 / length), cutoff=0.0))
    return np.asarray(linear_solution(part, cutoff=max(part.vx.shape) * eps))


def _norms(matrix: Matrix) -> tuple[float, float]:
    if matrix.size == 0 or not np.isfinite(matrix).all():
        return (0.0, 0.0) if matrix.size == 0 else (math.inf, math.inf)
    return float(np.linalg.norm(matrix)), float(np.linalg.norm(matrix, ord=2))


def _tolerance(part: Components, eps: float) -> float:
    # The precision to which float factors are orthonormal; measured: 1 to 3 eps √max(B, d).
    return 10 * math.sqrt(max(part.vx.shape)) * eps


def _eps(data: SlimmableDataset) -> float:
    return float(np.finfo(data.factor_dtype).eps)


def _comparable(before: SlimmableDataset, after: SlimmableDataset) -> None:
    for what in ("shape", "layout", "preprocessing"):
        found, expected = getattr(after, what), getattr(before, what)
        if found != expected:
            raise InvalidValueError("after", f"{what} {found}", f"that of before, {expected}")
    widths = [data.label_entries for data in (before, after)]
    if widths[0] != widths[1]:
        raise InvalidValueError(
            "after", f"label rows of {widths[1]}", f"those of before, {widths[0]}"
        )


def _head(w: Any, part: Components) -> Matrix:
    shape = (part.vx.shape[1], part.vy.shape[1])
    if w is None:
        return np.zeros(shape)
    host = to_numpy(as_array(w, "w"), "w")
    if host.dtype.kind not in "biuf":
        raise InvalidTypeError("w", f"dtype {host.dtype}", "real numbers")
    if host.shape != shape:
        raise InvalidValueError("w", f"shape {host.shape}", f"shape {shape}")
    if not np.isfinite(host).all():
        raise InvalidValueError("w", "values that are not finite", "finite values")
    return host.astype(np.float64)


def _rate(eta: object) -> float:
    if not isinstance(eta, numbers.Real) or isinstance(eta, bool):
        raise InvalidTypeError("eta", f"{eta!r} ({type(eta).__name__})", "a number")
    rate = float(eta)
    if not 0 <= rate < math.inf:
        raise InvalidValueError("eta", f"{rate}", "a finite number of at least 0")
    return rate
