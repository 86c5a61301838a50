"""The pool of networks in which sets are compared (Algorithm 1, lines 2, 6 and 9 to 12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from slimdc.backend import Array, Backend, Tensors
from slimdc.networks import Network, fresh
from slimdc.settings import PoolSettings
from slimdc.training.optimizers import Adam, Pace

# A network in a step: its parameters, its moments, the samples that it learns from (all where
# None) and its pace; and its parameters and moments afterwards.
Draw: TypeAlias = tuple[Tensors, Tensors, Array | None, Pace]
Learned: TypeAlias = tuple[Tensors, Tensors]

# A network's own step uses the whole set up to this many samples, a random part of it beyond.
NETWORK_BATCH = 1000

_ADAM = Adam()


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
        size = settings.size
        self._parameters: list[Tensors] = [{} for _ in range(size)]
        self._moments: list[Tensors] = [{} for _ in range(size)]
        self._counts = [0] * size
        self._drawn = 0
        self._ages = [i * settings.lifetime // size for i in range(size)]
        for i in range(size):
            self._bear(i)

    def draw(self, samples: int) -> Draw:
        """Draw a network and, beyond `NETWORK_BATCH`, those of the samples that it learns from."""
        i = self._drawn = int(self._rng.integers(len(self._parameters)))
        some = None
        if samples > NETWORK_BATCH:
            some = self._ops.asarray(self._rng.choice(samples, NETWORK_BATCH, replace=False))
        if not self._moments[i]:
            self._moments[i] = _ADAM.start(self._parameters[i])
        pace = _ADAM.pace(self._counts[i] + 1, self._rate)
        return self._parameters[i], self._moments[i], some, pace

    @staticmethod
    def learned(parameters: Tensors, gradients: Tensors, moments: Tensors, pace: Pace) -> Learned:
        """Compute a network's parameters and moments after a step: a pure function."""
        return _ADAM.moved(parameters, gradients, moments, pace)

    def settle(self, parameters: Tensors, moments: Tensors) -> None:
        """Keep what the network that was drawn has learned; draw it anew when its life is over."""
        i = self._drawn
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
            if f"{i}.moments.m" in state:
                both[1].update(_ADAM.start(both[0]))
            for kind, tensors in zip(("parameters", "moments"), both, strict=True):
                for name in tensors:
                    tensors[name] = self._ops.asarray(state[f"{i}.{kind}.{name}"])

    def _bear(self, i: int) -> None:
        self._parameters[i] = fresh(self.network, self._ops, self._rng, self._dtype)
        self._moments[i] = {}  # until it is drawn
        self._counts[i] = 0
