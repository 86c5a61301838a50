"""What a certificate measures, in float64: steps, solutions and their distances.

Factors of any scale are allowed (`slimdc.certificate.scaling`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from slimdc import _linalg, bounds
from slimdc._tolerance import numerical_rank
from slimdc.certificate.scaling import Matrix, Scaled, Step, unit_rows
from slimdc.certificate.truncation import Truncation, stacked
from slimdc.regression import Components, linear_solution, loss_gradient

__all__ = [
    "Projection",
    "norms",
    "projection",
    "solution",
    "step_bound",
    "step_distance",
    "taken_step",
]


def norms(matrix: Matrix) -> tuple[float, float]:
    """Frobenius and spectral norm of a matrix, infinite if an entry is not finite.

    Parameters
    ----------
    matrix : numpy.ndarray
        Of any scale.

    Returns
    -------
    tuple of float
        Both norms.

    Examples
    --------
    >>> [f"{norm:.3g}" for norm in norms(np.eye(4) * 1e200)]
    ['2e+200', '1e+200']
    """
    if not np.isfinite(matrix).all():
        return math.inf, math.inf
    frobenius, spectral = (_linalg.norm(np, matrix, kind) for kind in _linalg.NORMS)
    return float(frobenius), float(spectral)


def taken_step(part: Components, step: Step) -> Matrix:
    """How far a step on a set moves the parameters: η Xᵀ(Xw − Y).

    Parameters
    ----------
    part : Components
        All components of the set.
    step : Step
        w and η.

    Returns
    -------
    numpy.ndarray (d, c)
        The step, with the sign of the gradient.

    Examples
    --------
    >>> part = Components(np.asarray([2.0]), np.eye(1, 2), np.ones((1, 1)))
    >>> taken_step(part, Step(np.zeros((2, 1)), 0.5)).tolist()
    [[-2.0], [0.0]]
    """
    unit = Scaled.of(part, step)
    gradient = loss_gradient(unit.part, unit.w)
    return np.asarray(unit.undone(unit.eta * gradient, unit.exponent_of_vx))


def step_distance(removed: Components, step: Step) -> tuple[float, float]:
    """First-order distance by the removed components (`bounds.first_order_distance`).

    Parameters
    ----------
    removed : Components
        What a truncation removes.
    step : Step
        w and η.

    Returns
    -------
    tuple of float
        In the Frobenius and the spectral norm.

    Examples
    --------
    >>> removed = Components(np.asarray([2.0]), np.eye(1, 3), np.asarray([[0.5]]))
    >>> step_distance(removed, Step(np.zeros((3, 1)), 0.1))
    (0.2, 0.2)
    """
    unit = Scaled.of(removed, step)
    found = [
        bounds.first_order_distance(unit.part, unit.w, eta=unit.eta, norm=norm)
        for norm in _linalg.NORMS
    ]
    frobenius, spectral = (float(unit.undone(norm, unit.exponent_of_vx)) for norm in found)
    return frobenius, spectral


def step_bound(
    truncation: Truncation, step: Step, significance: float, length: float = 1.0
) -> float:
    """Eq. 9 (`bounds.equation_9`) with a given s, or its general form.

    Parameters
    ----------
    truncation : Truncation
        What is kept and what is removed.
    step : Step
        w and η.
    significance : float
        s.
    length : float
        ‖Ṽ_x‖₂ for the general form.

    Returns
    -------
    float
        η s ‖Xw − Y‖_F times that length.

    Examples
    --------
    >>> part = Components(np.asarray([3.0, 0.5]), np.eye(2, 3), np.asarray([[0.0], [2.0]]))
    >>> step_bound(Truncation(*part.split(1)), Step(np.zeros((3, 1)), 1.0), 0.5)
    0.5
    """
    unit = Scaled.of(stacked(truncation), step)
    sides = unit.part.split(len(truncation.kept.s))
    s = math.ldexp(significance, -unit.exponent_of_s)
    bound = bounds.equation_9(*sides, unit.w, eta=unit.eta, significance=s)
    factor, exponent = math.frexp(length)
    return float(unit.undone(factor * bound, exponent))


def solution(part: Components, full_rank: bool, eps: float) -> Matrix:
    """Least-norm solution W = X†Y of a whole set.

    Parameters
    ----------
    part : Components
        All components of the set.
    full_rank : bool
        Whether they are linearly independent. If not, directions that the precision of the factors
        cannot tell from zero are left out.
    eps : float
        Of the dtype in which the factors are held.

    Returns
    -------
    numpy.ndarray (d, c)
        W.

    Examples
    --------
    >>> part = Components(np.ones(1), 1e-200 * np.eye(1, 2), np.ones((1, 1)))
    >>> solution(part, True, 1e-16).ravel().tolist()
    [1e+200, 0.0]
    """
    if not full_rank:
        return np.asarray(linear_solution(part, cutoff=numerical_rank(part.vx.shape, eps)))
    # W = V_x†V_y whatever s is; rows of length 1 make it as well conditioned as can be.
    unit, exponent = unit_rows(part)
    lengths = np.linalg.norm(unit.vx, axis=1)
    found = linear_solution(unit._replace(s=1 / lengths), cutoff=0.0)
    return np.asarray(np.ldexp(found, exponent))


class Projection(NamedTuple):
    """What a truncation of full rank does to the solution W, which it projects.

    Attributes
    ----------
    frobenius, spectral : float
        Infinity-order distance ‖W − W'‖.
    bound : float
        Its general bound (`bounds.infinity_order_bound`).
    kept_ratio : float
        ‖W'‖_F² / ‖W‖_F².

    Examples
    --------
    >>> Projection(frobenius=0.5, spectral=0.5, bound=1.0, kept_ratio=0.75).bound
    1.0
    """

    frobenius: float
    spectral: float
    bound: float
    kept_ratio: float


def projection(truncation: Truncation) -> Projection:
    """Measure what a truncation of full rank does to the solution.

    Parameters
    ----------
    truncation : Truncation
        What is kept and what is removed.

    Returns
    -------
    Projection
        The distance, its bound and the share that is kept.

    Examples
    --------
    >>> part = Components(np.ones(2), np.eye(2, 3), np.asarray([[3.0], [4.0]]))
    >>> found = projection(Truncation(*part.split(1)))
    >>> round(found.spectral, 6), round(found.bound, 6), round(found.kept_ratio, 6)
    (4.0, 4.0, 0.36)
    """
    unit, exponent = unit_rows(stacked(truncation))
    sides = unit.split(len(truncation.kept.s))
    found = [bounds.infinity_order_distance(*sides, norm=norm) for norm in _linalg.NORMS]
    found.append(bounds.infinity_order_bound(*sides))
    frobenius, spectral, bound = (float(np.ldexp(x, exponent)) for x in found)
    return Projection(frobenius, spectral, bound, float(bounds.kept_ratio(*sides)))
