"""Adam, LAMB, gradient descent with momentum, and their schedule: pure functions on arrays.

Moments are one vector each, whatever the number of tensors: a step is a handful of operations,
which matters where each is a kernel launch. Callers count the steps and ask for their size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

from array_api_compat import array_namespace

from slimdc._checks import non_negative, shown
from slimdc._magnitudes import norms
from slimdc.errors import InvalidTypeError

__all__ = ["Adam", "Array", "Lamb", "Optimizer", "Sgd", "StepSize", "Tensors", "cosine", "moved"]

Array: TypeAlias = Any
Tensors: TypeAlias = dict[str, Array]


class StepSize(NamedTuple):
    """The size of a step: the rate, and what corrects the moments' bias at its count.

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


class Optimizer(Protocol):
    """What turns gradients into steps: moments that it keeps, and a pure function of both."""

    def start(self, parameters: Tensors) -> Tensors:
        """Make zero moments."""
        ...

    def step_size(self, count: int, rate: float) -> StepSize:
        """Give the size of step ``count``, from 1."""
        ...

    def step(
        self, parameters: Tensors, gradients: Tensors, state: Tensors, size: StepSize
    ) -> tuple[Tensors, Tensors]:
        """Return changes of the parameters, and the next moments."""
        ...


def moved(
    optimizer: Optimizer, parameters: Tensors, gradients: Tensors, state: Tensors, size: StepSize
) -> tuple[Tensors, Tensors]:
    """Return parameters after a step of an optimiser, and its next moments.

    Examples
    --------
    >>> import numpy as np
    >>> sgd, w = Sgd(), {"w": np.array([1.0])}
    >>> size = sgd.step_size(1, 0.1)
    >>> moved(sgd, w, {"w": np.array([4.0])}, sgd.start(w), size)[0]["w"]
    array([0.6])
    """
    changes, state = optimizer.step(parameters, gradients, state, size)
    return {name: x + changes[name] for name, x in parameters.items()}, state


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015), with bias correction; with decay, AdamW (Loshchilov, 2019).

    Parameters
    ----------
    beta1, beta2 : float
        Decay of the first and the second moment.
    epsilon : float
        Added to the root of the second moment.
    weight_decay : float
        Fraction of the parameters, times the rate, that each step takes from them, beside the
        gradient.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        A moment's decay is no number in [0, 1), or another is none of 0 or more.

    Examples
    --------
    >>> import numpy as np
    >>> adam, w = Adam(), {"w": np.array([1.0])}
    >>> size = adam.step_size(1, 0.1)
    >>> changes, state = adam.step(w, {"w": np.array([4.0])}, adam.start(w), size)
    >>> changes["w"].round(6)
    array([-0.1])
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for name in ("beta1", "beta2"):
            object.__setattr__(self, name, non_negative(name, getattr(self, name), below=1.0))
        object.__setattr__(self, "epsilon", non_negative("epsilon", self.epsilon))
        decay = non_negative("weight_decay", self.weight_decay)
        object.__setattr__(self, "weight_decay", decay)

    def start(self, parameters: Tensors) -> Tensors:
        """Make zero moments."""
        return {"m": _zeros(parameters), "v": _zeros(parameters)}

    def step_size(self, count: int, rate: float) -> StepSize:
        """Give the size of step ``count``, from 1."""
        return StepSize(rate, 1.0 / (1.0 - self.beta1**count), 1.0 / (1.0 - self.beta2**count))

    def step(
        self, parameters: Tensors, gradients: Tensors, state: Tensors, size: StepSize
    ) -> tuple[Tensors, Tensors]:
        """Return changes, of the size of the rate, and the next moments.

        Where the square of a gradient overflows, in float32 beyond 1e19, changes are NaN.
        """
        g = _joined(gradients, parameters)
        m = state["m"] * self.beta1 + g * (1.0 - self.beta1)
        v = state["v"] * self.beta2 + (g * g) * (1.0 - self.beta2)
        root = _finite(array_namespace(v).sqrt(v * size.second))
        changes = m / (root + self.epsilon) * (-size.rate * size.first)
        if self.weight_decay:
            changes = changes - _joined(parameters, parameters) * (size.rate * self.weight_decay)
        return _parted(changes, parameters), {"m": m, "v": v}


@dataclass(frozen=True)
class Sgd:
    """Gradient descent with momentum and weight decay.

    Parameters
    ----------
    momentum : float
        Fraction of the last direction that is added to the gradient.
    weight_decay : float
        Fraction of the parameters that is added to their gradient.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        One is no number of 0 or more.

    Examples
    --------
    >>> import numpy as np
    >>> sgd, w = Sgd(momentum=0.5), {"w": np.array([1.0])}
    >>> size, g = sgd.step_size(1, 0.1), {"w": np.array([4.0])}
    >>> first, state = sgd.step(w, g, sgd.start(w), size)
    >>> second, state = sgd.step(w, g, state, size)
    >>> first["w"].round(6), second["w"].round(6)
    (array([-0.4]), array([-0.6]))
    """

    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for name in ("momentum", "weight_decay"):
            object.__setattr__(self, name, non_negative(name, getattr(self, name)))

    def start(self, parameters: Tensors) -> Tensors:
        """Make zero moments."""
        return {"m": _zeros(parameters)}

    def step_size(self, count: int, rate: float) -> StepSize:  # noqa: ARG002
        """Give the size of any step."""
        return StepSize(rate, 1.0, 1.0)

    def step(
        self, parameters: Tensors, gradients: Tensors, state: Tensors, size: StepSize
    ) -> tuple[Tensors, Tensors]:
        """Return changes, and the next moments."""
        g = _joined(gradients, parameters)
        if self.weight_decay:
            g = g + _joined(parameters, parameters) * self.weight_decay
        m = state["m"] * self.momentum + g
        return _parted(m * -size.rate, parameters), {"m": m}


@dataclass(frozen=True)
class Lamb:
    """LAMB (You et al., 2020) without weight decay: Adam's direction, scaled per tensor.

    Each tensor moves by ``rate`` times its own norm, whatever the scale of its gradient, as long as
    the squares of its entries are finite: `Adam.step` says what happens beyond.

    Parameters
    ----------
    adam : Adam
        Gives the direction; LAMB's usual epsilon is 1e-6.

    Raises
    ------
    InvalidTypeError
        `adam` is none.

    Examples
    --------
    >>> import numpy as np
    >>> lamb, w = Lamb(), {"w": np.array([3.0, 4.0])}
    >>> size = lamb.step_size(1, 0.1)
    >>> changes, state = lamb.step(w, {"w": np.array([9.0, -1.0])}, lamb.start(w), size)
    >>> changes["w"].round(4)
    array([-0.3536,  0.3536])
    """

    adam: Adam = Adam(epsilon=1e-6)

    def __post_init__(self) -> None:
        if not isinstance(self.adam, Adam):
            raise InvalidTypeError("adam", shown(self.adam), "an Adam")

    def start(self, parameters: Tensors) -> Tensors:
        """Make zero moments."""
        return self.adam.start(parameters)

    def step_size(self, count: int, rate: float) -> StepSize:
        """Give the size of step ``count``, from 1."""
        return self.adam.step_size(count, rate)

    def step(
        self, parameters: Tensors, gradients: Tensors, state: Tensors, size: StepSize
    ) -> tuple[Tensors, Tensors]:
        """Return changes of norm rate times the parameters' own, and the next moments."""
        directions, state = self.adam.step(parameters, gradients, state, size._replace(rate=1.0))
        changes: Tensors = {}
        own_norms, other_norms = (
            norms([x[n] for n in directions]) for x in (parameters, directions)
        )
        for i, (name, direction) in enumerate(directions.items()):
            xp = array_namespace(direction)
            own, other = own_norms[i], other_norms[i]
            neither_zero = (own > 0) & (other > 0)
            safe = xp.where(other > 0, other, xp.ones_like(other))
            ratio = xp.where(neither_zero, own / safe, xp.ones_like(other))
            changes[name] = direction * (ratio * size.rate)
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


def _zeros(parameters: Tensors) -> Array:
    """Make a vector of zeros for each number of the parameters."""
    some = next(iter(parameters.values()))
    size = sum(math.prod(x.shape) for x in parameters.values())
    return array_namespace(some).zeros(size, dtype=some.dtype, device=some.device)


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


def _finite(root: Array) -> Array:
    """Take infinity for NaN: divided by it, a tensor would stand still, and nobody be told."""
    xp = array_namespace(root)
    return xp.where(root < math.inf, root, xp.full_like(root, math.nan))
