"""Proposition 1 and its general forms on a truncation: each bound with its conditions.

A condition holds up to the precision of the factors. By as much as it is missed, a bound that
needs it may be exceeded as well; that is part of the bound's tolerance. The rest of it is rounding
(see `slimdc._tolerance`).
"""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

import numpy as np

from slimdc._tolerance import RESOLVED, orthonormality, rounding, vanishing
from slimdc.certificate.distances import Projection, norms, step_bound
from slimdc.certificate.report import Bound, Condition, Distance
from slimdc.certificate.scaling import Step
from slimdc.certificate.truncation import Truncation, stacked
from slimdc.regression import Components, orthonormality_defect, row_independence

__all__ = ["EPS", "Order", "Setting", "bounds_of", "rank_conditions"]

# Of float64, in which certificates compute, whatever dtype the factors are held in.
EPS = sys.float_info.epsilon


class Setting(NamedTuple):
    """A truncation of full rank, and what its bounds depend on.

    Attributes
    ----------
    truncation : Truncation
        What is kept and what is removed.
    step : Step
        The step that Eq. 9 is about.
    second : float
        s₂ of the set before.
    rank : tuple of Condition
        That the set before has full rank; see `rank_conditions`.
    eps : float
        Of the dtype in which the factors are held.

    Examples
    --------
    >>> part = Components(np.ones(2), np.eye(2), np.ones((2, 1)))
    >>> step, rank = Step(np.zeros((2, 1)), 1.0), rank_conditions(part, 1e-16)
    >>> Setting(Truncation(*part.split(1)), step, 1.0, rank, 1e-16).second
    1.0
    """

    truncation: Truncation
    step: Step
    second: float
    rank: tuple[Condition, ...]
    eps: float


class Order(NamedTuple):
    """A distance that bounds are compared with.

    Attributes
    ----------
    name, norm : str
        As `slimdc.certificate.Bound` has them.
    value : float
        The distance.
    trivial : float or None
        What bounds it anyway.
    tolerance : float
        Relative rounding error of the comparison.
    allowance : float
        Absolute rounding error of the distance, where it was found by subtracting.

    Examples
    --------
    >>> order = Order("first order", "frobenius", 1.0, None, 1e-12)
    >>> order.compared("Eq. 9", 2.0).verdict
    'holds'
    """

    name: str
    norm: str
    value: float
    trivial: float | None
    tolerance: float
    allowance: float = 0.0

    def compared(
        self,
        equation: str,
        bound: float,
        conditions: tuple[Condition, ...] = (),
        excess: float = 0.0,
        reason: str | None = None,
    ) -> Bound:
        """Compare the distance with one bound.

        Parameters
        ----------
        equation : str
            Name of the bound.
        bound : float
            Its value, if the conditions hold.
        conditions : tuple of Condition
            What it asks for.
        excess : float
            By how much conditions that hold up to rounding are missed, as a part of the bound.
        reason : str, optional
            Why rounding leaves the comparison undecided.

        Returns
        -------
        Bound
            With its verdict.

        Examples
        --------
        >>> order = Order("first order", "frobenius", 1.0, None, 1e-12)
        >>> order.compared("Eq. 9", 2.0, reason="no digits are left").verdict
        'undecided'
        """
        applies = all(condition.holds for condition in conditions)
        if self.value > 0 and max(self.value, bound) < sys.float_info.min:
            reason = "both lie below the normal numbers of float64, which hold all its digits"
        elif math.isnan(bound):
            reason = "the bound leaves the range of float64"
        return Bound(
            name=self.name,
            equation=equation,
            norm=self.norm,
            value=self.value,
            bound=bound if applies else None,
            trivial=self.trivial,
            conditions=conditions,
            tolerance=self.tolerance + excess,
            reason=reason if applies else None,
            allowance=self.allowance,
        )


def rank_conditions(part: Components, eps: float) -> tuple[Condition, ...]:
    """Check that the components of a set are linearly independent.

    Parameters
    ----------
    part : Components
        All components of the set.
    eps : float
        Of the dtype in which the factors are held.

    Returns
    -------
    tuple of Condition
        On the number of components, on s, and on V_x.

    Examples
    --------
    >>> part = Components(np.ones(2), np.ones((2, 3)), np.ones((2, 1)))
    >>> [condition.holds for condition in rank_conditions(part, 1e-16)]
    [True, True, False]
    """
    rows, columns = part.vx.shape
    size = np.abs(part.s)
    largest = float(size.max())
    skew = float(size.min()) / largest if largest > 0 else 0.0
    floor = vanishing(rows, eps)
    smallest, limit = (float(x) for x in row_independence(part.vx, eps=eps))
    return (
        Condition("components in all", rows, "<=", columns, rows <= columns),
        Condition("smallest s over largest", skew, ">", floor, skew > floor),
        Condition("smallest singular value of V_x", smallest, ">", limit, smallest > limit),
    )


def bounds_of(
    setting: Setting, first: Distance, last: Projection, solution: float
) -> tuple[Bound, ...]:
    """Compare both distances with all bounds.

    Parameters
    ----------
    setting : Setting
        The truncation, which has full rank.
    first : Distance
        First-order distance.
    last : Projection
        Infinity-order distance, with its general bound.
    solution : float
        ‖W‖₂.

    Returns
    -------
    tuple of Bound
        Three forms of Eq. 9, then Eq. 10 and its general form.

    Examples
    --------
    See `slimdc.certify`.
    """
    truncation, removed = setting.truncation, setting.truncation.removed
    whole = stacked(truncation)
    allowance = orthonormality(max(whole.vx.shape), setting.eps)

    def at_most(name: str, value: float, limit: float) -> Condition:
        return Condition(name, value, "<=", limit, value <= limit + allowance)

    defect = float(orthonormality_defect(whole.vx))
    longest, labels = norms(removed.vx)[1], norms(whole.vy)[1]
    orthonormal = at_most("distance of V_x V_x^T from I", defect, 0.0)
    short = at_most("spectral norm of the removed V_x", longest, 1.0)
    small = at_most("spectral norm of V_y", labels, 1.0)
    too_long = max(longest - 1.0, 0.0)
    # ‖W − W'‖₂ ≤ ‖V_y‖₂ / σ_min(V_x), and a defect δ leaves σ_min ≥ √(1 − δ).
    beyond_1 = max(labels, 1.0) / max(1.0 - defect, EPS) ** 0.5 - 1.0

    computed = rounding(*whole.vx.shape, whole.vy.shape[1], eps=EPS)
    # With orthonormal rows the kept and the removed part of a step are orthogonal, so that their
    # difference is no longer than the step; otherwise nothing bounds it beforehand.
    length = first.reference if orthonormal.holds else None
    tolerance = allowance + computed
    step = Order("first order", "frobenius", first.frobenius, length, tolerance)
    end = Order("infinity order", "spectral", last.spectral, solution, tolerance)

    size = float(np.abs(removed.s).max(initial=0.0))
    printed = step_bound(truncation, setting.step, setting.second)
    tight = step_bound(truncation, setting.step, size)
    general = step_bound(truncation, setting.step, size, longest)
    return (
        step.compared("Eq. 9, with s2", printed, (short,), too_long),
        step.compared("Eq. 9, with the largest removed s", tight, (short,), too_long),
        step.compared("Eq. 9, any V_x", general),
        end.compared("Eq. 10", 1.0, (orthonormal, small), beyond_1),
        end.compared("Eq. 10, any V", last.bound, setting.rank, reason=_doubt(setting, computed)),
    )


def _doubt(setting: Setting, computed: float) -> str | None:
    """Why rounding leaves the solutions without digits, if it does."""
    # Rounding acts like a change of each row of V_x by that part of its length, and such a change
    # moves W and W' by up to 1 / σ_min times that part of their own.
    smallest = setting.rank[-1].value
    moved = computed / smallest
    if moved <= RESOLVED:
        return None
    return (
        f"rounding may move W by {moved:.0e} of its length (smallest singular value of V_x: "
        f"{smallest:.1e})"
    )
