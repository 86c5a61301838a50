"""The training of networks on a set: compiled once, for as many networks as are asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias, cast

import numpy as np
from array_api_compat import array_namespace

from slimdc.backend import Compute, Tensors
from slimdc.errors import InvalidValueError, NumericalError
from slimdc.networks import Network, cross_entropy, squared_error
from slimdc.settings import EvaluationSettings
from slimdc.training.augmented_pairs import AugmentedPairs
from slimdc.training.network_steps import Learning, NetworkStep
from slimdc.training.optimizers import Optimizer
from slimdc.training.progress import Report
from slimdc.training.strategies import Pair

__all__ = ["NetworkTraining", "batches_of"]

Numbers: TypeAlias = np.ndarray

_LOSSES = {"squared": squared_error, "cross-entropy": cross_entropy}
# Reading a loss waits for the device: so often in the training of a network, and no oftener.
_REPORTS = 100


class NetworkTraining:
    """Trains networks of one architecture on one set, as settings say.

    Parameters
    ----------
    network : Network
        The architecture.
    compute : Compute
        Where.
    settings : EvaluationSettings
        Optimiser, schedule, batches, loss and augmentation.
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
        # Settings have put an optimiser in the place of its name.
        learning = Learning(_LOSSES[settings.loss], cast(Optimizer, settings.optimizer))
        self._step = NetworkStep(network, compute, learning)
        self._augment = AugmentedPairs(settings.augmentation, compute)

    def train(
        self,
        parameters: Tensors,
        pair: Pair,
        rng: np.random.Generator,
        report: Report | None = None,
    ) -> Tensors:
        """Train a network from given parameters on samples and labels.

        Parameters
        ----------
        parameters : dict of array
            Where it starts; they are left as they are.
        pair : pair of array
            Samples as networks take them, and label rows.
        rng : numpy.random.Generator
            Draws the batches, and after each what happens to its images.
        report : callable, optional
            Is given (count, steps, {"loss": loss}) now and then, but not at the last step.

        Returns
        -------
        dict of array
            The parameters after the last step.

        Raises
        ------
        InvalidValueError
            If vectors are to be augmented.
        NumericalError
            If a loss that is reported, or that of the last step, is not finite.
        """
        if self._settings.augmentation is not None and pair[0].ndim != 4:
            raise InvalidValueError(
                "protocol", "augmentation of vectors", "images, or settings with augmentation=None"
            )
        optimizer = self._step.learning.optimizer
        moments, every = optimizer.start(parameters), -(-self.steps // _REPORTS)
        epoch = self._steps_of_an_epoch(pair[0].shape[0])
        for count, drawn in enumerate(self._batches(pair[0].shape[0], rng), start=1):
            part = self._part(pair, drawn, rng)
            size = optimizer.step_size(count, self._rate(count, epoch))
            parameters, moments, value = self._step(parameters, moments, part, size)
            if count == self.steps or (report is not None and count % every == 0):
                loss = self._finite(value)
                if report is not None and count < self.steps:
                    report(count, self.steps, {"loss": loss})
        return parameters

    def _part(self, pair: Pair, drawn: Numbers | None, rng: np.random.Generator) -> Pair:
        """Take the samples of a step, and augment them."""
        if drawn is not None:
            xp, numbers = array_namespace(pair[0]), self._compute.backend.asarray(drawn)
            pair = (xp.take(pair[0], numbers, axis=0), xp.take(pair[1], numbers, axis=0))
        return self._augment(pair, rng)

    def _batches(self, samples: int, rng: np.random.Generator) -> Iterator[Numbers | None]:
        """Yield each step's samples, None for all."""
        made = batches_of(
            samples, self._settings.batch, rng, whole=self._settings.epochs is not None
        )
        for _ in range(self.steps):
            yield next(made)

    def _steps_of_an_epoch(self, samples: int) -> int:
        return 1 if self._settings.epochs is None else -(-samples // self._settings.batch)

    def _rate(self, count: int, epoch: int) -> float:
        settings = self._settings
        warm_up = min(settings.warm_up, self.steps // 4)
        return settings.rate * settings.schedule.fraction(
            count, self.steps, warm_up=warm_up, epoch=epoch
        )

    def _finite(self, value: object) -> float:
        loss = float(self._compute.backend.to_numpy(value))
        if not math.isfinite(loss):
            raise NumericalError(
                "data",
                "a network whose loss is not finite",
                "a set to learn from, or a smaller rate in the settings",
            )
        return loss


def batches_of(
    samples: int, batch: int, rng: np.random.Generator, *, whole: bool
) -> Iterator[Numbers | None]:
    """Yield the numbers of the samples of one batch after another, without an end; None for all.

    Each sample is seen once before any is seen again.

    Parameters
    ----------
    samples : int
        Number of samples.
    batch : int
        Samples of a batch; all where there are no more.
    rng : numpy.random.Generator
        Shuffles them.
    whole : bool
        Whether epochs are whole: what is left at the end of one is a batch of its own. Otherwise
        it goes into the next batch, with the first of the next epoch.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> made = batches_of(5, 2, rng, whole=True)
    >>> [len(next(made)) for _ in range(6)]
    [2, 2, 1, 2, 2, 1]
    """
    order = np.arange(0)
    while True:
        if batch >= samples:
            yield None
            continue
        if order.size < (1 if whole else batch):
            order = np.concatenate([order, rng.permutation(samples)])
        drawn, order = order[:batch], order[batch:]
        yield drawn
