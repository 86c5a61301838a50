"""Proposition 1 on a set whose kept components, or samples, were changed as well.

Each distance is bounded by what slimming removed, exactly or by Eqs. 9 and 10, and what the change
of the kept adds (`slimdc.changes`). The distance itself is measured on the two sets, and not by
these parts: rounding leaves an absolute allowance, of a part of what is subtracted there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from slimdc import _linalg, changes
from slimdc._tolerance import RESOLVED, orthonormality, rounding
from slimdc.certificate.compression import Compression
from slimdc.certificate.distances import norms, projection, step_bound, step_distance
from slimdc.certificate.proposition import EPS, Order
from slimdc.certificate.report import Bound, Condition, Distance
from slimdc.certificate.scaling import Matrix, Scaled, Step, unit_rows
from slimdc.certificate.truncation import Truncation, stacked
from slimdc.regression import Components, row_independence

__all__ = ["Sides", "Solutions", "of_solution", "of_step"]

_Gauge = Callable[[Components, Components], Components]


class Sides(NamedTuple):
    """A compression whose kept were changed, and both sets whole.

    Attributes
    ----------
    compression : Compression
        What was kept, and what the set after holds instead.
    before, after : Components
        All components of either set.
    eps : float
        Of the dtype in which the factors are held.

    Examples
    --------
    >>> part = Components(np.ones(2), np.eye(2), np.ones((2, 1)))
    >>> kept, removed = part.split(1)
    >>> Sides(Compression("truncation", [kept], removed, [kept]), part, kept, 1e-16).eps
    1e-16
    """

    compression: Compression
    before: Components
    after: Components
    eps: float

    @property
    def computed(self) -> float:
        """Part of a norm by which its computation may change it."""
        return rounding(*self.before.vx.shape, self.before.vy.shape[1], eps=EPS)

    @property
    def tolerance(self) -> float:
        """Relative tolerance of a comparison."""
        return orthonormality(max(self.before.vx.shape), self.eps) + self.computed

    @property
    def truncation(self) -> Truncation:
        """What the compression keeps and leaves out, of all classes."""
        return Truncation(stacked(self.compression.kept), self.compression.removed)


class Solutions(NamedTuple):
    """Least-norm solutions of two sets, and whether they are the only ones.

    Attributes
    ----------
    before, after : numpy.ndarray (d, c)
        W and W'.
    rank_before, rank_after : tuple of Condition
        That either set has full rank; see `slimdc.certificate.proposition.rank_conditions`.

    Examples
    --------
    >>> Solutions(np.ones((2, 1)), np.zeros((2, 1)), (), ()).after.shape
    (2, 1)
    """

    before: Matrix
    after: Matrix
    rank_before: tuple[Condition, ...]
    rank_after: tuple[Condition, ...]


def of_step(sides: Sides, step: Step, measured: Distance) -> tuple[Distance, tuple[Bound, ...]]:
    """Split the first-order distance into what was removed and what was changed, and bound it.

    Parameters
    ----------
    sides : Sides
        Both sets.
    step : Step
        w and η.
    measured : Distance
        First-order distance.

    Returns
    -------
    distance : Distance
        The same with its parts.
    bounds : tuple of Bound
        Of it.

    Examples
    --------
    See `slimdc.certify`.
    """
    compression = sides.compression
    unit = Scaled.of(stacked([*compression.kept, *compression.after]), step)
    kept, rotated = _by_class(compression, unit.part, changes.nearest_rotation)
    found = [
        changes.first_order_change(kept, rotated, unit.w, eta=unit.eta, norm=norm)
        for norm in _linalg.NORMS
    ]
    found.append(changes.first_order_change_bound(kept, rotated, unit.w, eta=unit.eta))
    *changed, added = (float(unit.undone(x, unit.exponent_of_vx)) for x in found)
    removed = step_distance(compression.removed, step)
    allowance = sides.computed * sum(
        _size_of_step(part, step) for part in (sides.before, sides.after)
    )
    order = Order(
        "first order",
        "frobenius",
        measured.frobenius,
        measured.reference,
        sides.tolerance,
        allowance,
    )
    bounds = [order.compared("Eq. 9, changed, exact removal", removed[0] + added)]
    if compression.kind == "truncation":
        longest = norms(compression.removed.vx)[1]
        size = float(np.abs(compression.removed.s).max(initial=0.0))
        general = step_bound(sides.truncation, step, size, longest)
        bounds.insert(0, order.compared("Eq. 9, changed, any V_x", general + added))
    return _with_parts(measured, removed, (changed[0], changed[1])), tuple(bounds)


def of_solution(
    sides: Sides, solutions: Solutions, measured: Distance
) -> tuple[Distance, float | None, tuple[Bound, ...]]:
    """Split the infinity-order distance likewise, and bound it.

    Parameters
    ----------
    sides : Sides
        Both sets; that before has full rank.
    solutions : Solutions
        Of both.
    measured : Distance
        Infinity-order distance.

    Returns
    -------
    distance : Distance
        The same with its parts, if they are known.
    kept_ratio : float or None
        Share of ‖W‖_F² that the kept hold as they were before.
    bounds : tuple of Bound
        Of the distance.

    Examples
    --------
    See `slimdc.certify`.
    """
    compression = sides.compression
    conditions = [_of("before", solutions.rank_before[-1])]
    conditions += [_of("after", one) for one in solutions.rank_after if not one.holds]
    if all(condition.holds for condition in conditions):
        conditions.append(_of("after", solutions.rank_after[-1]))
        if compression.kind == "rows":
            conditions.append(_independence("of the kept", stacked(compression.kept), sides.eps))
    length = norms(solutions.before)
    order = Order("infinity order", "spectral", measured.spectral, length[1], sides.tolerance)
    names = ["Eq. 10, changed, exact removal"]
    if compression.kind == "truncation":
        names.insert(0, "Eq. 10, changed, any V")
    if not all(condition.holds for condition in conditions):
        none = tuple(order.compared(name, np.nan, tuple(conditions)) for name in names)
        return measured, None, none

    unit, exponent = unit_rows(stacked([*compression.kept, *compression.after]))
    kept, moved = _by_class(compression, unit, changes.nearest_basis)
    conditions.append(_independence("of the changed", moved, sides.eps))
    whole = np.ldexp(solutions.before, -exponent)
    removed = [changes.compression_distance(kept, whole, norm=norm) for norm in _linalg.NORMS]
    changed = [changes.infinity_order_change(kept, moved, norm=norm) for norm in _linalg.NORMS]
    removals = [float(removed[1])]
    if compression.kind == "truncation":
        removals.insert(0, float(np.ldexp(projection(sides.truncation).bound, -exponent)))

    doubt = sides.computed / max(min(one.value for one in conditions), EPS)
    order = order._replace(allowance=doubt * (length[0] + norms(solutions.after)[0]))
    reason = (
        None if doubt <= RESOLVED else f"rounding may move W or W' by {doubt:.0e} of its length"
    )
    bounds = []
    for name, removal in zip(names, removals, strict=True):
        bound = changes.infinity_order_change_bound(
            kept, moved, whole, removed=removal, norm="spectral"
        )
        bounds.append(
            order.compared(name, float(np.ldexp(bound, exponent)), tuple(conditions), reason=reason)
        )
    lost, turned = (
        (float(np.ldexp(x[0], exponent)), float(np.ldexp(x[1], exponent)))
        for x in (removed, changed)
    )
    share = lost[0] / length[0] if length[0] > 0 else 0.0
    return _with_parts(measured, lost, turned), max(1.0 - share * share, 0.0), tuple(bounds)


def _by_class(
    compression: Compression, unit: Components, gauge: _Gauge
) -> tuple[Components, Components]:
    """Bring what is held instead of the kept near to it, class by class; give both."""
    kept, after = unit.split(sum(len(part.s) for part in compression.kept))
    sizes = [len(part.s) for part in compression.kept]
    pairs = zip(_of_classes(kept, sizes), _of_classes(after, sizes), strict=True)
    return kept, stacked([gauge(old, new) if len(new.s) else new for old, new in pairs])


def _of_classes(part: Components, sizes: Sequence[int]) -> list[Components]:
    found = []
    for size in sizes:
        first, part = part.split(size)
        found.append(first)
    return found


def _size_of_step(part: Components, step: Step) -> float:
    """η ‖X‖(‖X‖‖w‖ + ‖Y‖): what a step is small against where its terms cancel."""
    unit = Scaled.of(part, step)
    s = unit.part.s[:, None]
    x, y, w = (float(np.linalg.norm(a)) for a in (s * unit.part.vx, s * unit.part.vy, unit.w))
    return float(unit.undone(np.asarray(unit.eta * x * (x * w + y)), unit.exponent_of_vx))


def _independence(of: str, part: Components, eps: float) -> Condition:
    smallest, limit = (float(x) for x in row_independence(part.vx, eps=eps))
    name = f"smallest singular value {of} V_x"
    return Condition(name, smallest, ">", limit, smallest > limit)


def _of(side: str, condition: Condition) -> Condition:
    return dataclasses.replace(condition, name=f"{condition.name}, {side}")


def _with_parts(
    whole: Distance, removed: tuple[float, float], changed: tuple[float, float]
) -> Distance:
    parts = (Distance(*part, reference=whole.reference) for part in (removed, changed))
    return dataclasses.replace(whole, removed=next(parts), changed=next(parts))
