"""A network's own step on a set: the same in the pool of Algorithm 1 and where networks are judged.

Parameters that are running statistics take no step; they are observed on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from slimdc.backend import Array, Backend, Compute, Groups, Tensors
from slimdc.networks import Network, observed, squared_error
from slimdc.training.optimizers import Adam, Optimizer, StepSize, moved
from slimdc.training.strategies import Pair

__all__ = ["Learning", "LearningLoss", "NetworkStep"]

# A scalar of a network's parameters, features and labels.
LearningLoss: TypeAlias = Callable[[Tensors, Array, Array], Array]


@dataclass(frozen=True)
class Learning:
    """How a network learns: its loss and its optimiser.

    Parameters
    ----------
    loss : callable
        Of parameters, features and label rows, such as `slimdc.networks.squared_error`.
    optimizer : Optimizer
        Turns its gradient into steps.
    """

    loss: LearningLoss = squared_error
    optimizer: Optimizer = field(default_factory=Adam)

    def losses(
        self, network: Network, backend: Backend, parameters: Tensors, pair: Pair
    ) -> tuple[Array, Tensors]:
        """Compute the loss on samples, and the next running statistics."""
        features, statistics = observed(network, backend, parameters, pair[0])
        return self.loss(parameters, features, pair[1]), statistics

    def step(
        self,
        parameters: Tensors,
        moments: Tensors,
        gradients: Tensors,
        statistics: Tensors,
        size: StepSize,
    ) -> tuple[Tensors, Tensors]:
        """Compute parameters and moments after a step: a pure function."""
        after, moments = moved(self.optimizer, parameters, gradients, moments, size)
        return after | statistics, moments


class NetworkStep:
    """A step of networks of one architecture on samples, compiled once.

    Parameters
    ----------
    network : Network
        The architecture.
    compute : Compute
        Where.
    learning : Learning
        How they learn.
    """

    def __init__(self, network: Network, compute: Compute, learning: Learning) -> None:
        self.network = network
        self.learning = learning
        self._backend = compute.backend
        self._gradients = compute.backend.differentiate(self._losses)
        self._step = compute.backend.compile(self._whole)

    def __call__(
        self, parameters: Tensors, moments: Tensors, pair: Pair, size: StepSize
    ) -> tuple[Tensors, Tensors, Array]:
        """Return parameters and moments after a step, and the loss before it."""
        after: tuple[Tensors, Tensors, Array] = self._step(parameters, moments, pair, size)
        return after

    def _losses(self, variables: Groups, pair: Pair) -> tuple[Tensors, Tensors]:
        loss, statistics = self.learning.losses(
            self.network, self._backend, variables["network"], pair
        )
        return {"network": loss}, statistics

    def _whole(
        self, parameters: Tensors, moments: Tensors, pair: Pair, size: StepSize
    ) -> tuple[Tensors, Tensors, Array]:
        values, statistics, gradients = self._gradients({"network": parameters}, pair)
        after = self.learning.step(parameters, moments, gradients["network"], statistics, size)
        return *after, values["network"]
