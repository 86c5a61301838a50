"""Factors of any scale: divided by powers of two, which rounds nothing.

Products of factors may leave the range of float64 where a result does not, so they are scaled
before, and results multiplied with what is due. Results that leave the range are 0 or infinite.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from slimdc.regression import Components

__all__ = ["Matrix", "Scaled", "Step", "unit_rows"]

Matrix: TypeAlias = NDArray[np.float64]


class Step(NamedTuple):
    """One step of gradient descent on Eq. 5.

    Attributes
    ----------
    w : numpy.ndarray (d, c)
        Where it starts.
    eta : float
        Its rate.

    Examples
    --------
    >>> Step(np.zeros((3, 1)), 0.5).eta
    0.5
    """

    w: Matrix
    eta: float


class Scaled(NamedTuple):
    """Components, w and η divided by powers of two, so that no entry is above 1.

    Attributes
    ----------
    part : Components
        Divided by powers of two, each of its arrays by one.
    w : numpy.ndarray (d, c)
        Divided so that V_x w and V_y are divided by the same.
    eta : float
        Between ½ and 1, or 0.
    exponent_of_vx, exponent_of_s : int
        Of the powers that V_x and s were divided by.
    exponent : int
        Of the power that η S² (V_x w − V_y) was divided by.

    Examples
    --------
    >>> part = Components(np.asarray([4.0]), np.eye(1, 2), np.ones((1, 1)))
    >>> unit = Scaled.of(part, Step(np.zeros((2, 1)), 1.0))
    >>> unit.part.s.tolist(), unit.undone(np.ones(1), 0).tolist()
    ([0.5], [256.0])
    """

    part: Components
    w: Matrix
    eta: float
    exponent_of_vx: int
    exponent_of_s: int
    exponent: int

    @classmethod
    def of(cls, part: Components, step: Step) -> Scaled:
        """Scale the components of a set, and a step on it.

        Parameters
        ----------
        part : Components
            All components that the step is about.
        step : Step
            w and η.

        Returns
        -------
        Scaled
            Both.

        Examples
        --------
        >>> part = Components(np.ones(1), 6 * np.eye(1, 2), np.zeros((1, 1)))
        >>> Scaled.of(part, Step(np.ones((2, 1)), 1.0)).w.tolist()
        [[0.5], [0.5]]
        """
        s, vx = _exponent(part.s), _exponent(part.vx)
        # V_x w and V_y are subtracted, so they are divided by the same.
        terms = ((part.vy, 0), (step.w, vx))
        vy = max((_exponent(a) + more for a, more in terms if a.any()), default=0)
        eta, others = math.frexp(step.eta)
        scaled = Components(np.ldexp(part.s, -s), np.ldexp(part.vx, -vx), np.ldexp(part.vy, -vy))
        return cls(scaled, np.ldexp(step.w, vx - vy), eta, vx, s, others + 2 * s + vy)

    def undone(self, result: Matrix, exponent: int) -> Matrix:
        """Multiply a result of the degree of η S² (V_x w − V_y) with what it was divided by.

        Parameters
        ----------
        result : numpy.ndarray
            What was computed from what is held.
        exponent : int
            Of the powers that further factors of the result were divided by.

        Returns
        -------
        numpy.ndarray
            The result for what was given.

        Examples
        --------
        See the class.
        """
        return np.asarray(np.ldexp(result, self.exponent + exponent))


def unit_rows(part: Components) -> tuple[Components, int]:
    """Rows divided by powers of two: V_x to entries near 1, V_y to entries of at most 1.

    Parameters
    ----------
    part : Components
        No row of V_x is zero.

    Returns
    -------
    scaled : Components
        With significances of 1.
    exponent : int
        W of the set is 2**exponent times that of the result.

    Examples
    --------
    >>> part = Components(np.ones(1), 6 * np.eye(1, 2), np.asarray([[32.0]]))
    >>> unit, exponent = unit_rows(part)
    >>> unit.vx.tolist(), unit.vy.tolist(), exponent
    ([[0.75, 0.0]], [[0.5]], 3)
    """
    rows = np.frexp(np.abs(part.vx).max(axis=1))[1]
    labels = np.frexp(np.abs(part.vy).max(axis=1))[1] - rows
    held = part.vy.any(axis=1)
    exponent = int(labels[held].max()) if held.any() else 0
    vx = np.ldexp(part.vx, -rows[:, None])
    vy = np.ldexp(part.vy, -(rows + exponent)[:, None])
    return Components(np.ones_like(part.s), vx, vy), exponent


def _exponent(array: Matrix) -> int:
    """Power of two just above the largest entry; 0 if there is none but zeros."""
    return math.frexp(float(np.abs(array).max(initial=0.0)))[1]
