"""The certificate: Proposition 1 checked on two sets, with every condition and the slack."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from slimdc._array import as_array, to_numpy
from slimdc._checks import non_negative
from slimdc._inputs import Openable, open_set
from slimdc.certificate.distances import (
    Matrix,
    Step,
    norms,
    projection,
    solution,
    step_distance,
    taken_step,
)
from slimdc.certificate.proposition import Setting, bounds_of, rank_conditions
from slimdc.certificate.report import Bound, Certificate, Condition, Distance
from slimdc.certificate.truncation import as_truncation, classes_of, second_significance, stacked
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError
from slimdc.parameterization import SlimmableDataset
from slimdc.regression import Components

__all__ = ["certify"]


def certify(before: Openable, after: Openable, w: Any = None, eta: float = 1.0) -> Certificate:
    """Measure how far slimming moved the linear solution, and check the bounds of Proposition 1.

    Computes in NumPy float64 from the factors of both sets, whatever their framework. It speaks
    of linear regression on the samples themselves (no bias, no network). If `after` is no
    truncation of `before`, as after training, distances are measured and no bound is claimed; so
    also if components depend on each other linearly or a significance vanishes. Where rounding
    leaves no digits to compare, a bound is undecided, and says why.

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
        A distance leaves the range of float64.

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
    _check_one_space(before, after)
    old_classes, new_classes = classes_of(before), classes_of(after)
    old, new = (stacked([one.part for one in side]) for side in (old_classes, new_classes))
    step = Step(_head(w, old), non_negative("eta", eta))
    eps = max(_eps(before), _eps(after))
    truncation = as_truncation(old_classes, new_classes)

    kept_ratio: float | None = None
    bounds: tuple[Bound, ...] = ()
    with np.errstate(all="ignore"):  # what leaves the range of float64 is found below
        old_rank, new_rank = rank_conditions(old, eps), rank_conditions(new, eps)
        full_rank = _all_hold(old_rank)
        move, end = taken_step(old, step), solution(old, full_rank, eps)
        if truncation is None:
            first = norms(move - taken_step(new, step))
        else:  # the removed components are the difference: no digits are lost by subtracting
            first = step_distance(truncation.removed, step)
        first_order = Distance(*first, reference=norms(move)[0])
        if truncation is None or not full_rank:
            last = norms(end - solution(new, _all_hold(new_rank), eps))
        else:
            projected = projection(truncation)
            last, kept_ratio = (projected.frobenius, projected.spectral), projected.kept_ratio
            second = second_significance(old_classes)
            setting = Setting(truncation, step, second, old_rank, eps)
            bounds = bounds_of(setting, first_order, projected, norms(end)[1])
        infinity_order = Distance(*last, reference=norms(end)[0])

    if not all(math.isfinite(x) for x in (*first, *last)):
        raise NumericalError("before, after", "distances beyond float64", "factors of lesser scale")
    return Certificate(
        truncation=truncation is not None,
        full_rank=full_rank,
        components=(len(old.s), len(new.s)),
        eta=step.eta,
        first_order=first_order,
        infinity_order=infinity_order,
        kept_ratio=kept_ratio,
        bounds=bounds,
        notes=_notes(truncation is not None, old_rank, new_rank),
    )


def _notes(
    truncation: bool, old_rank: tuple[Condition, ...], new_rank: tuple[Condition, ...]
) -> tuple[str, ...]:
    notes = []
    if not truncation:
        notes.append("the set after is no truncation of the set before; no bound applies")
    for side, conditions in (("before", old_rank), ("after", new_rank)):
        failed = "; ".join(str(c) for c in conditions if not c.holds)
        if failed:
            notes.append(f"the set {side} is rank-deficient ({failed}): exact distances only")
    return tuple(notes)


def _all_hold(conditions: tuple[Condition, ...]) -> bool:
    return all(condition.holds for condition in conditions)


def _eps(data: SlimmableDataset) -> float:
    return float(np.finfo(data.factor_dtype).eps)


def _check_one_space(before: SlimmableDataset, after: SlimmableDataset) -> None:
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
