"""The training of networks on a set: compiled once, for as many networks as are asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from array_api_compat import array_namespace

from slimdc.backend import Compute, Tensors
from slimdc.errors import NumericalError
from slimdc.networks import Network
from slimdc.settings import EvaluationSettings
from slimdc.training.network_steps import Learning, NetworkStep
from slimdc.training.optimizers import cosine
from slimdc.training.strategies import Pair

__all__ = ["NetworkTraining"]

Numbers: TypeAlias = np.ndarray


class NetworkTraining:
    """Trains networks of one architecture on one set.

    A step is one of Adam on half the squared error to the set's own labels; its rate rises linearly
    over the warm-up and falls by a cosine.

    Parameters
    ----------
    network : Network
        The architecture.
    compute : Compute
        Where.
    settings : EvaluationSettings
        Rates and batch.
    steps : int
        Steps of each network.
    """

    def __init__(
        self, network: Network, compute: Compute, settings: EvaluationSettings, steps: int
    ) -> None:
        self.network = network
        self.steps = steps
        self._compute = compute
        self._settings = settings
        self._step = NetworkStep(network, compute, Learning())

    def train(self, parameters: Tensors, pair: Pair, rng: np.random.Generator) -> Tensors:
        """Train a network from given parameters on samples and labels.

        Parameters
        ----------
        parameters : dict of array
            Where it starts; they are left as they are.
        pair : pair of array
            Samples as networks take them, and label rows.
        rng : numpy.random.Generator
            Draws the batches.

        Returns
        -------
        dict of array
            The parameters after the last step.

        Raises
        ------
        NumericalError
            If the loss of the last step is not finite.
        """
        optimizer = self._step.learning.optimizer
        moments = optimizer.start(parameters)
        xp, (x, y) = array_namespace(pair[0]), pair
        for count, drawn in enumerate(self._batches(x.shape[0], rng), start=1):
            part = pair
            if drawn is not None:
                numbers = self._compute.backend.asarray(drawn)
                part = (xp.take(x, numbers, axis=0), xp.take(y, numbers, axis=0))
            size = optimizer.step_size(count, self._rate(count))
            parameters, moments, value = self._step(parameters, moments, part, size)
        if not math.isfinite(float(self._compute.backend.to_numpy(value))):
            raise NumericalError(
                "data", "a network whose loss is not finite", "a set to learn from"
            )
        return parameters

    def _batches(self, samples: int, rng: np.random.Generator) -> Iterator[Numbers | None]:
        """Yield each step's samples, None for all; each is seen once before any is again."""
        batch, order = self._settings.batch, np.arange(0)
        for _ in range(self.steps):
            if batch >= samples:
                yield None
                continue
            if order.size < batch:
                order = np.concatenate([order, rng.permutation(samples)])
            drawn, order = order[:batch], order[batch:]
            yield drawn

    def _rate(self, count: int) -> float:
        settings = self._settings
        warm_up = min(settings.warm_up, self.steps // 4)
        return settings.rate * cosine(count, self.steps, floor=settings.rate_floor, warm_up=warm_up)
