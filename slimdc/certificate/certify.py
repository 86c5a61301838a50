"""The certificate: Proposition 1 checked on two sets, with every condition and the slack."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from slimdc._array import as_array, to_numpy
from slimdc._checks import non_negative
from slimdc._inputs import Openable, open_set
from slimdc.backend import one_blas_thread
from slimdc.certificate.changed import Sides, Solutions, of_solution, of_step
from slimdc.certificate.compression import as_compression, without_vanished
from slimdc.certificate.distances import norms, projection, solution, step_distance, taken_step
from slimdc.certificate.proposition import Setting, bounds_of, rank_conditions
from slimdc.certificate.report import Bound, Certificate, Condition, Distance
from slimdc.certificate.scaling import Matrix, Step
from slimdc.certificate.truncation import as_truncation, classes_of, second_significance, stacked
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError
from slimdc.parameterization import SlimmableDataset
from slimdc.regression import Components

__all__ = ["certify"]


def certify(before: Openable, after: Openable, w: Any = None, eta: float = 1.0) -> Certificate:
    """Measure how far slimming moved the linear solution, and check the bounds of Proposition 1.

    Computes in NumPy float64 from the factors of both sets, whatever their framework. It speaks
    of linear regression on the samples themselves (no bias, no network). The set after may be a
    truncation of that before, or hold as many samples and no more components, or some samples of
    each class: rounded, trained, or as they were. Then each distance is bounded by what was removed
    and what the change of the kept adds, which is much after training. Of any other two sets, and
    where components before depend on each other linearly or a significance vanishes, distances
    are measured and no bound is claimed. Where rounding leaves no digits to compare, a bound is
    undecided, and says why.

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
        Distances, and for slimmed sets Eqs. 9 and 10 or what they become, and the kept ratio. Its
        text begins with a verdict.

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
    eps = max(_eps(before), _eps(after))
    truncation = as_truncation(old_classes, new_classes)
    if truncation is None:
        new_classes = without_vanished(new_classes)
    old, new = (stacked([one.part for one in side]) for side in (old_classes, new_classes))
    step = Step(_head(w, old), non_negative("eta", eta))
    compression = None if truncation else as_compression(old_classes, new_classes)

    kept_ratio: float | None = None
    bounds: tuple[Bound, ...] = ()
    # One thread: hundreds of small decompositions take 0.11 s with one and 0.15 to 0.3 s with two
    # on two cores, and much longer where others want these. What leaves the range of float64 is
    # found below.
    with one_blas_thread(), np.errstate(all="ignore"):
        ranks = rank_conditions(old, eps), rank_conditions(new, eps)
        full_rank, also_after = (all(condition.holds for condition in rank) for rank in ranks)
        move, end = taken_step(old, step), solution(old, full_rank, eps)
        end_after = solution(new, also_after, eps)
        projected = projection(truncation) if truncation and full_rank else None
        if truncation is None:
            first = norms(move - taken_step(new, step))
        else:  # the removed components are the difference: no digits are lost by subtracting
            first = step_distance(truncation.removed, step)
        last = projected[:2] if projected else norms(end - end_after)
        if not all(math.isfinite(x) for x in (*first, *last)):
            raise NumericalError(
                "before, after", "distances beyond float64", "factors of lesser scale"
            )
        first_order = Distance(*first, reference=norms(move)[0])
        infinity_order = Distance(*last, reference=norms(end)[0])
        if truncation and projected:
            setting = Setting(truncation, step, second_significance(old_classes), ranks[0], eps)
            kept_ratio = projected.kept_ratio
            bounds = bounds_of(setting, first_order, projected, norms(end)[1])
        elif compression:
            sides = Sides(compression, old, new, eps)
            first_order, bounds = of_step(sides, step, first_order)
            if full_rank:
                solutions = Solutions(end, end_after, *ranks)
                infinity_order, kept_ratio, more = of_solution(sides, solutions, infinity_order)
                bounds += more
            else:
                bounds = ()

    kind = "truncation" if truncation else compression.kind if compression else "measured"
    return Certificate(
        kind=kind,
        full_rank=full_rank,
        components=(len(old.s), len(new.s)),
        eta=step.eta,
        first_order=first_order,
        infinity_order=infinity_order,
        kept_ratio=kept_ratio,
        bounds=bounds,
        notes=_notes(kind, len(new.s) > len(old.s), *ranks),
    )


def _notes(
    kind: str, grown: bool, old_rank: tuple[Condition, ...], new_rank: tuple[Condition, ...]
) -> tuple[str, ...]:
    notes = []
    if kind == "measured":
        asked = "; perhaps the two are swapped" if grown else ""
        notes.append(
            "the set after holds neither fewer components nor fewer samples of the same classes"
            + asked
        )
    for side, conditions in (("before", old_rank), ("after", new_rank)):
        failed = "; ".join(str(c) for c in conditions if not c.holds)
        if failed:
            notes.append(f"the set {side} is rank-deficient ({failed}): exact distances only")
    return tuple(notes)


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
