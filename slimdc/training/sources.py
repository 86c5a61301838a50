"""Where the networks come from in which sets are compared: Algorithm 1's pool."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from slimdc.backend import Compute, Tensors
from slimdc.networks import Network, fresh
from slimdc.settings import PoolSettings
from slimdc.training.network_steps import ADAM
from slimdc.training.strategies import Member

__all__ = ["NetworkPool"]


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
    """

    def __init__(
        self, network: Network, compute: Compute, rng: np.random.Generator, settings: PoolSettings
    ) -> None:
        self.network = network
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

    def draw(self, samples: int) -> Member:
        """Draw a network (line 6) and, from a set larger than its batch, what it learns from."""
        i = self._drawn = int(self._rng.integers(len(self._parameters)))
        batch, some = self._settings.batch, None
        if samples > batch:
            numbers = self._rng.choice(samples, batch, replace=False)
            some = self._compute.backend.asarray(numbers)
        if not self._moments[i]:
            self._moments[i] = ADAM.start(self._parameters[i])
        step_size = ADAM.step_size(self._counts[i] + 1, self._settings.rate)
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
                both[1].update(ADAM.start(both[0]))
            for kind, tensors in zip(("parameters", "moments"), both, strict=True):
                for name in tensors:
                    tensors[name] = self._compute.backend.asarray(state[f"{i}.{kind}.{name}"])

    def _initialise(self, i: int) -> None:
        self._parameters[i] = fresh(
            self.network, self._compute.backend, self._rng, self._compute.dtype
        )
        self._moments[i] = {}  # until it is drawn
        self._counts[i] = 0
