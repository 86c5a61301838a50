"""What networks learn from between the steps that they are compared in: the set, or real data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from array_api_compat import array_namespace

from slimdc.backend import Array, Compute, Tensors
from slimdc.errors import InvalidValueError
from slimdc.methods.batches import RealBatches
from slimdc.parameterization import SlimmableDataset
from slimdc.training.augmentation import Augmentation, augmented, mixed, placed
from slimdc.training.strategies import Pair, Parameterization

__all__ = ["Augmented", "OwnLesson", "RealLesson", "require_images"]


@dataclass(frozen=True)
class Augmented:
    """Augments a pair, each image by draws of its own.

    Parameters
    ----------
    augmentation : Augmentation or None
        What is drawn; None leaves pairs as they are.
    compute : Compute
        Where.
    rng : numpy.random.Generator
        Source of every draw.
    """

    augmentation: Augmentation | None
    compute: Compute
    rng: np.random.Generator

    def __call__(self, pair: Pair) -> Pair:
        """Give augmented samples, and label rows, which CutMix mixes."""
        if self.augmentation is None:
            return pair
        count, *shape = pair[0].shape
        drawn = self.augmentation.draw(self.rng, (shape[0], shape[1], shape[2]), count)
        return self._applied(pair, placed(drawn, self.compute))

    @cached_property
    def _applied(self) -> Callable[[Pair, Tensors], Pair]:
        return self.compute.backend.compile(_applied)


def _applied(pair: Pair, drawn: Tensors) -> Pair:
    return mixed(augmented(pair[0], drawn), pair[1], drawn)


@dataclass(frozen=True)
class OwnLesson:
    """Teaches networks the set as it stands, a random part of it where it is large.

    Parameters
    ----------
    held : Parameterization
        What is trained.
    rows : array, shape (N, c)
        A one-hot row for each sample.
    augment : Augmented
        Augments the samples.
    size : int
        Samples of an own step.
    """

    held: Parameterization
    rows: Array
    augment: Augmented
    size: int

    def __call__(self, tensors: Tensors) -> Pair:
        """Give samples, as networks take them, and their rows."""
        x, y = self.held.samples(tensors)[0], self.rows
        if x.shape[0] > self.size:
            drawn = self.augment.rng.choice(x.shape[0], self.size, replace=False)
            numbers, xp = self.augment.compute.backend.asarray(drawn), array_namespace(x)
            x, y = xp.take(x, numbers, axis=0), xp.take(y, numbers, axis=0)
        return self.augment((x, y))


@dataclass(frozen=True)
class RealLesson:
    """Teaches networks real data, or the set before where that is slimmed.

    Parameters
    ----------
    batches : RealBatches
        Draws the samples; label rows are one-hot.
    augment : Augmented
        Augments the samples.
    """

    batches: RealBatches
    augment: Augmented

    def __call__(self, tensors: Tensors) -> Pair:  # noqa: ARG002
        """Draw samples, as networks take them, and their rows."""
        return self.augment(self.batches.draw())


def require_images(data: SlimmableDataset, *augmentations: Augmentation | None) -> None:
    """Refuse to augment vectors.

    Raises
    ------
    InvalidValueError
        If samples are vectors, and there is an augmentation.

    Examples
    --------
    >>> require_images(SlimmableDataset.from_arrays(np.eye(4), [0, 0, 1, 1]), None)
    """
    if data.layout == "flat" and any(a is not None for a in augmentations):
        raise InvalidValueError(
            "preset", "augmentation of vectors", "images, or settings with no augmentation"
        )
