"""Where the networks come from in which sets are compared.

Three sources: Algorithm 1's pool, whose networks learn from the set in the step that they are drawn
for; networks that are fresh in each step; and networks that are taught between the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from slimdc.backend import Compute, Tensors
from slimdc.networks import Network, fresh
from slimdc.settings import PoolSettings
from slimdc.training.network_steps import Learning, NetworkStep
from slimdc.training.strategies import Member, Pair

__all__ = ["Course", "FreshNetworks", "NetworkPool", "TaughtNetworks"]


class NetworkPool:
    """M networks of different ages: one is drawn per step, trained on the set, renewed when old.

    Algorithm 1, lines 2, 6 and 9 to 12. Ages are staggered at the start, as in FRePo, so that the
    networks are not all initialised anew at once.

    Parameters
    ----------
    network : Network
        The architecture.
    compute : Compute
        Where the networks live, and the dtype of their parameters.
    rng : numpy.random.Generator
        Source of every draw; the pool and its caller may share it.
    settings : PoolSettings
        Size M, lifetime T', and rate and batch of the networks' own steps.
    samples : int
        Number of samples of the set.
    """

    def __init__(
        self,
        network: Network,
        compute: Compute,
        rng: np.random.Generator,
        settings: PoolSettings,
        samples: int,
    ) -> None:
        self.network = network
        self.learning = Learning()
        self._samples = samples
        self._compute = compute
        self._rng = rng
        self._settings = settings
        size = settings.size
        self._parameters: list[Tensors] = [{} for _ in range(size)]
        self._moments: list[Tensors] = [{} for _ in range(size)]
        self._counts = [0] * size
        self._drawn = 0
        self._ages = [i * settings.lifetime // size for i in range(size)]
        for i in range(size):
            self._initialise(i)

    def draw(self, tensors: Tensors) -> Member:  # noqa: ARG002
        """Draw a network (line 6) and, from a set larger than its batch, what it learns from."""
        i = self._drawn = int(self._rng.integers(len(self._parameters)))
        batch, some = self._settings.batch, None
        if self._samples > batch:
            numbers = self._rng.choice(self._samples, batch, replace=False)
            some = self._compute.backend.asarray(numbers)
        optimizer = self.learning.optimizer
        if not self._moments[i]:
            self._moments[i] = optimizer.start(self._parameters[i])
        step_size = optimizer.step_size(self._counts[i] + 1, self._settings.rate)
        return Member(self._parameters[i], self._moments[i], some, step_size)

    def keep(self, parameters: Tensors, moments: Tensors) -> None:
        """Take back the network that was drawn, or initialise it anew (lines 9 to 12)."""
        i = self._drawn
        self._parameters[i], self._moments[i] = parameters, moments
        self._counts[i] += 1
        self._ages[i] += 1
        if self._ages[i] >= self._settings.lifetime:
            self._ages[i] = 0
            self._initialise(i)

    def state(self) -> dict[str, np.ndarray]:
        """Copy everything that the pool would need to go on: host arrays by name."""
        state: dict[str, np.ndarray] = {
            "ages": np.array(self._ages),
            "counts": np.array(self._counts),
        }
        for i, both in enumerate(zip(self._parameters, self._moments, strict=True)):
            for kind, tensors in zip(("parameters", "moments"), both, strict=True):
                for name, x in tensors.items():
                    state[f"{i}.{kind}.{name}"] = self._compute.backend.to_numpy(x)
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state that `state` returned."""
        self._ages = [int(x) for x in state["ages"]]
        self._counts = [int(x) for x in state["counts"]]
        for i, both in enumerate(zip(self._parameters, self._moments, strict=True)):
            if f"{i}.moments.m" in state:
                both[1].update(self.learning.optimizer.start(both[0]))
            for kind, tensors in zip(("parameters", "moments"), both, strict=True):
                for name in tensors:
                    tensors[name] = self._compute.backend.asarray(state[f"{i}.{kind}.{name}"])

    def _initialise(self, i: int) -> None:
        self._parameters[i] = fresh(
            self.network, self._compute.backend, self._rng, self._compute.dtype
        )
        self._moments[i] = {}  # until it is drawn
        self._counts[i] = 0


class FreshNetworks:
    """A network of its own for each step, drawn and never trained (DM, RFAD).

    Parameters
    ----------
    network : Network
        The architecture.
    compute : Compute
        Where the networks live, and the dtype of their parameters.
    rng : numpy.random.Generator
        Source of every draw.
    """

    learning = None

    def __init__(self, network: Network, compute: Compute, rng: np.random.Generator) -> None:
        self.network = network
        self._compute = compute
        self._rng = rng

    def draw(self, tensors: Tensors) -> Member:  # noqa: ARG002
        """Draw a network."""
        backend, dtype = self._compute.backend, self._compute.dtype
        return Member(fresh(self.network, backend, self._rng, dtype), {}, None, None)

    def keep(self, parameters: Tensors, moments: Tensors) -> None:
        """Forget the network."""

    def state(self) -> dict[str, np.ndarray]:
        """Give nothing: every step draws anew."""
        return {}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on; there is nothing to restore."""


@dataclass(frozen=True)
class Course:
    """How networks are taught between the steps that they are compared in.

    Parameters
    ----------
    learning : Learning
        How a network learns.
    rate : float
        Rate of its own steps.
    steps : int
        Own steps of a network before each step that it is drawn for, but the first.
    lifetime : int
        Steps that a network is drawn for; then a fresh one takes its place.
    """

    learning: Learning
    rate: float
    steps: int
    lifetime: int


class TaughtNetworks:
    """One network at a time, taught between the steps on the set itself (DC) or real data (IDC).

    Parameters
    ----------
    network : Network
        The architecture.
    compute : Compute
        Where it lives, and the dtype of its parameters.
    rng : numpy.random.Generator
        Draws the networks.
    course : Course
        How long it learns, and how.
    lesson : callable
        Gives samples and labels for one own step, from the tensors in training.
    """

    learning = None

    def __init__(
        self,
        network: Network,
        compute: Compute,
        rng: np.random.Generator,
        course: Course,
        lesson: Callable[[Tensors], Pair],
    ) -> None:
        self.network = network
        self._compute = compute
        self._rng = rng
        self._course = course
        self._lesson = lesson
        self._step = NetworkStep(network, compute, course.learning)
        self._parameters: Tensors = {}
        self._moments: Tensors = {}
        self._age = 0
        self._count = 0
        self._renew()

    def draw(self, tensors: Tensors) -> Member:
        """Teach the network, unless it is fresh, and give it."""
        optimizer = self._course.learning.optimizer
        for _ in range(self._course.steps if self._age else 0):
            self._count += 1
            size = optimizer.step_size(self._count, self._course.rate)
            self._parameters, self._moments, _ = self._step(
                self._parameters, self._moments, self._lesson(tensors), size
            )
        return Member(self._parameters, {}, None, None)

    def keep(self, parameters: Tensors, moments: Tensors) -> None:  # noqa: ARG002
        """Count a step, and draw a fresh network where this one is old."""
        self._age += 1
        if self._age >= self._course.lifetime:
            self._renew()

    def state(self) -> dict[str, np.ndarray]:
        """Copy everything that the source would need to go on: host arrays by name."""
        read = self._compute.backend.to_numpy
        state = {"age": np.array(self._age), "count": np.array(self._count)}
        for kind, tensors in (("network", self._parameters), ("optimizer", self._moments)):
            state |= {f"{kind}.{name}": read(x) for name, x in tensors.items()}
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state that `state` returned."""
        self._age, self._count = int(state["age"]), int(state["count"])
        for kind, tensors in (("network", self._parameters), ("optimizer", self._moments)):
            for name in tensors:
                tensors[name] = self._compute.backend.asarray(state[f"{kind}.{name}"])

    def _renew(self) -> None:
        backend, dtype = self._compute.backend, self._compute.dtype
        self._parameters = fresh(self.network, backend, self._rng, dtype)
        self._moments = self._course.learning.optimizer.start(self._parameters)
        self._age = self._count = 0
