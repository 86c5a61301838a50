"""The pool of networks in which sets are compared (Algorithm 1, lines 2, 6 and 9 to 12)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from slimdc.backend import Backend, Tensors
from slimdc.networks import Network, fresh
from slimdc.optimizers import Adam, Pace
from slimdc.settings import PoolSettings


class NetworkPool:
    """M networks of different ages: one is drawn per step, trained on the set, reborn when old.

    Ages are staggered at the start, as in FRePo, so that the networks are not all reborn at once.

    Parameters
    ----------
    network : Network
        The architecture.
    ops : Backend
        Where the networks live.
    rng : numpy.random.Generator
        Source of every draw; the pool and its caller may share it.
    settings : PoolSettings
        Size M, lifetime T' and the rate of the networks' own steps.
    dtype : str
        Dtype of the parameters.
    """

    def __init__(
        self,
        network: Network,
        ops: Backend,
        rng: np.random.Generator,
        settings: PoolSettings,
        dtype: str,
    ) -> None:
        self.network = network
        self._ops = ops
        self._rng = rng
        self._lifetime = settings.lifetime
        self._rate = settings.rate
        self._dtype = dtype
        self._adam = Adam()
        size = settings.size
        self._parameters: list[Tensors] = [{} for _ in range(size)]
        self._moments: list[Tensors] = [{} for _ in range(size)]
        self._counts = [0] * size
        self._ages = [i * settings.lifetime // size for i in range(size)]
        for i in range(size):
            self._bear(i)

    def draw(self) -> tuple[int, Tensors, Tensors]:
        """Draw a network: its place in the pool, its parameters and its optimiser's moments."""
        i = int(self._rng.integers(len(self._parameters)))
        return i, self._parameters[i], self._moments[i]

    def pace(self, i: int) -> Pace:
        """Give the pace of network ``i``'s next step."""
        return self._adam.pace(self._counts[i] + 1, self._rate)

    def learned(
        self, parameters: Tensors, gradients: Tensors, moments: Tensors, pace: Pace
    ) -> tuple[Tensors, Tensors]:
        """Compute a network's parameters and moments after a step: a pure function."""
        changes, moments = self._adam.step(parameters, gradients, moments, pace)
        return {name: p + changes[name] for name, p in parameters.items()}, moments

    def settle(self, i: int, parameters: Tensors, moments: Tensors) -> None:
        """Keep what network ``i`` has learned in a step; draw it anew when its life is over."""
        self._parameters[i], self._moments[i] = parameters, moments
        self._counts[i] += 1
        self._ages[i] += 1
        if self._ages[i] >= self._lifetime:
            self._ages[i] = 0
            self._bear(i)

    def state(self) -> dict[str, np.ndarray]:
        """Copy everything that the pool would need to go on: host arrays by name."""
        state: dict[str, np.ndarray] = {
            "ages": np.array(self._ages),
            "counts": np.array(self._counts),
        }
        for i, both in enumerate(zip(self._parameters, self._moments, strict=True)):
            for kind, tensors in zip(("parameters", "moments"), both, strict=True):
                for name, x in tensors.items():
                    state[f"{i}.{kind}.{name}"] = self._ops.to_numpy(x)
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state that `state` returned."""
        self._ages = [int(x) for x in state["ages"]]
        self._counts = [int(x) for x in state["counts"]]
        for i, both in enumerate(zip(self._parameters, self._moments, strict=True)):
            for kind, tensors in zip(("parameters", "moments"), both, strict=True):
                for name in tensors:
                    tensors[name] = self._ops.asarray(state[f"{i}.{kind}.{name}"])

    def _bear(self, i: int) -> None:
        self._parameters[i] = fresh(self.network, self._ops, self._rng, self._dtype)
        self._moments[i] = self._adam.start(self._parameters[i])
        self._counts[i] = 0
