"""The pool of networks in which sets are compared (Algorithm 1, lines 2, 6 and 9 to 12)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from slimdc.backend import Array, Backend, Tensors
from slimdc.networks import Network, fresh, squared_error
from slimdc.optimizers import Adam
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
        self._step = ops.value_and_grad(self._loss)
        size = settings.size
        self._parameters: list[Tensors] = [{} for _ in range(size)]
        self._moments: list[Tensors] = [{} for _ in range(size)]
        self._counts = [0] * size
        self._ages = [i * settings.lifetime // size for i in range(size)]
        for i in range(size):
            self._bear(i)

    def draw(self) -> tuple[int, Tensors]:
        """Draw a network: its place in the pool and its parameters."""
        i = int(self._rng.integers(len(self._parameters)))
        return i, self._parameters[i]

    def train(self, i: int, x: Array, y: Array) -> None:
        """Give network ``i`` one step on samples as it takes them and their labels (n, c).

        The loss is half the squared error summed over label entries, averaged over samples.
        """
        _, _, gradients = self._step(self._parameters[i], x, y)
        self._counts[i] += 1
        changes, self._moments[i] = self._adam.step(
            self._parameters[i], gradients, self._moments[i], self._counts[i], self._rate
        )
        self._parameters[i] = {k: p + changes[k] for k, p in self._parameters[i].items()}
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

    def _loss(self, parameters: Tensors, x: Array, y: Array) -> tuple[Array, Tensors]:
        return squared_error(self.network, self._ops, parameters, x, y), {}
