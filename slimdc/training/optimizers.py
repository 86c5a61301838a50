"""Adam, LAMB, their schedule, and steps that keep U orthonormal: pure functions on arrays.

Moments are one vector each, whatever the number of tensors: a step is a handful of operations,
which matters where each is a kernel launch. Callers count the steps and ask for their pace.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from array_api_compat import array_namespace

Array: TypeAlias = Any
Tensors: TypeAlias = dict[str, Array]

# Newton–Schulz is quadratic near 1; from the smallest singular value that a step of a trust-ratio
# optimiser leaves, about 0.3, eight iterations reach float64's precision, and two are spare.
RETRACTION_ITERATIONS = 10


class Pace(NamedTuple):
    """What a step's count and rate come to.

    Attributes
    ----------
    rate : float
        The rate.
    first, second : float
        What corrects the bias of the first and of the second moment.
    """

    rate: float
    first: float
    second: float


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015), with bias correction.

    Parameters
    ----------
    beta1, beta2 : float
        Decay of the first and the second moment.
    epsilon : float
        Added to the root of the second moment.

    Examples
    --------
    >>> import numpy as np
    >>> adam, w = Adam(), {"w": np.array([1.0])}
    >>> pace = adam.pace(1, 0.1)
    >>> changes, state = adam.step(w, {"w": np.array([4.0])}, adam.start(w), pace)
    >>> changes["w"].round(6)
    array([-0.1])
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def start(self, parameters: Tensors) -> Tensors:
        """Make zero moments."""
        some = next(iter(parameters.values()))
        size = sum(math.prod(x.shape) for x in parameters.values())

        def zeros() -> Array:
            return array_namespace(some).zeros(size, dtype=some.dtype, device=some.device)

        return {"m": zeros(), "v": zeros()}

    def pace(self, count: int, rate: float) -> Pace:
        """Give the pace of step ``count``, from 1."""
        return Pace(rate, 1.0 / (1.0 - self.beta1**count), 1.0 / (1.0 - self.beta2**count))

    def step(
        self, parameters: Tensors, gradients: Tensors, state: Tensors, pace: Pace
    ) -> tuple[Tensors, Tensors]:
        """Return changes, of the size of the rate, and the next moments."""
        g = _joined(gradients, parameters)
        m = state["m"] * self.beta1 + g * (1.0 - self.beta1)
        v = state["v"] * self.beta2 + (g * g) * (1.0 - self.beta2)
        root = array_namespace(v).sqrt(v * pace.second)
        changes = m / (root + self.epsilon) * (-pace.rate * pace.first)
        return _parted(changes, parameters), {"m": m, "v": v}

    def moved(
        self, parameters: Tensors, gradients: Tensors, state: Tensors, pace: Pace
    ) -> tuple[Tensors, Tensors]:
        """Return parameters after a step, and the next moments."""
        changes, state = self.step(parameters, gradients, state, pace)
        return {name: x + changes[name] for name, x in parameters.items()}, state


@dataclass(frozen=True)
class Lamb:
    """LAMB (You et al., 2020) without weight decay: Adam's direction, scaled per tensor.

    Each tensor moves by ``rate`` times its own norm, whatever the scale of its gradient.

    Parameters
    ----------
    adam : Adam
        Gives the direction; LAMB's usual epsilon is 1e-6.

    Examples
    --------
    >>> import numpy as np
    >>> lamb, w = Lamb(), {"w": np.array([3.0, 4.0])}
    >>> pace = lamb.pace(1, 0.1)
    >>> changes, state = lamb.step(w, {"w": np.array([9.0, -1.0])}, lamb.start(w), pace)
    >>> changes["w"].round(4)
    array([-0.3536,  0.3536])
    """

    adam: Adam = Adam(epsilon=1e-6)

    def start(self, parameters: Tensors) -> Tensors:
        """Make zero moments."""
        return self.adam.start(parameters)

    def pace(self, count: int, rate: float) -> Pace:
        """Give the pace of step ``count``, from 1."""
        return self.adam.pace(count, rate)

    def step(
        self, parameters: Tensors, gradients: Tensors, state: Tensors, pace: Pace
    ) -> tuple[Tensors, Tensors]:
        """Return changes of norm rate times the parameters' own, and the next moments."""
        directions, state = self.adam.step(parameters, gradients, state, pace._replace(rate=1.0))
        changes: Tensors = {}
        for name, direction in directions.items():
            xp = array_namespace(direction)
            own, other = _norm(parameters[name]), _norm(direction)
            neither_zero = (own > 0) & (other > 0)
            safe = xp.where(other > 0, other, xp.ones_like(other))
            ratio = xp.where(neither_zero, own / safe, xp.ones_like(other))
            changes[name] = direction * (ratio * pace.rate)
        return changes, state


def cosine(count: int, steps: int, *, floor: float, warm_up: int = 0) -> float:
    """Fraction of the rate at step ``count`` (from 1): linear warm-up, then cosine to ``floor``.

    Examples
    --------
    >>> [round(cosine(i, 5, floor=0.1, warm_up=2), 3) for i in range(1, 6)]
    [0.5, 1.0, 0.775, 0.325, 0.1]
    """
    if count <= warm_up:
        return count / warm_up
    through = (count - warm_up) / max(1, steps - warm_up)
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * through))


def tangent(u: Array, direction: Array) -> Array:
    """Project a direction on the tangent space of matrices with orthonormal columns at U.

    Returns D − U(UᵀD + DᵀU)/2, batched over leading axes. Gradients of U pass through it before
    the optimiser and its step passes after, since a scaled direction is no longer tangent.

    Examples
    --------
    >>> import numpy as np
    >>> tangent(np.eye(2), np.array([[1.0, 2.0], [0.0, 1.0]]))
    array([[ 0.,  1.],
           [-1.,  0.]])
    """
    inner = u.mT @ direction
    return direction - u @ ((inner + inner.mT) * 0.5)


def retract(u: Array, step: Array) -> Array:
    """Move U along a tangent step and return to orthonormal columns, by the polar factor of U + D.

    Newton–Schulz iterations find it: no decomposition, no transfer to the host. Since
    (U + D)ᵀ(U + D) = I + DᵀD, dividing by √(1 + ‖D‖_F²) first keeps every singular value in (0, 1],
    where they converge, and does not change the factor. Zero rows and columns (padding) stay zero.

    Examples
    --------
    >>> import numpy as np
    >>> retract(np.eye(2), np.array([[0.0, 1.0], [-1.0, 0.0]])).round(4)
    array([[ 0.7071,  0.7071],
           [-0.7071,  0.7071]])
    """
    xp = array_namespace(u)
    size = xp.sum(step * step, axis=(-2, -1), keepdims=True)
    u = (u + step) / xp.sqrt(size + 1.0)
    for _ in range(RETRACTION_ITERATIONS):
        u = u * 1.5 - (u @ (u.mT @ u)) * 0.5
    return u


def _joined(tensors: Tensors, names: Iterable[str]) -> Array:
    xp = array_namespace(*tensors.values())
    return xp.concat([xp.reshape(tensors[name], (-1,)) for name in names], axis=0)


def _parted(vector: Array, like: Tensors) -> Tensors:
    xp, parts, start = array_namespace(vector), {}, 0
    for name, x in like.items():
        stop = start + math.prod(x.shape)
        parts[name] = xp.reshape(vector[start:stop], x.shape)
        start = stop
    return parts


def _norm(x: Array) -> Array:
    xp = array_namespace(x)
    return xp.sqrt(xp.sum(x * x))
