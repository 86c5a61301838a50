"""What networks learn from between the steps that they are compared in: the set, or real data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace

from slimdc.backend import Array, Tensors
from slimdc.errors import InvalidValueError
from slimdc.methods.batches import RealBatches
from slimdc.parameterization import SlimmableDataset
from slimdc.training.augmentation import Augmentation
from slimdc.training.augmented_pairs import AugmentedPairs
from slimdc.training.strategies import Pair, Parameterization

__all__ = ["OwnLesson", "RealLesson", "require_images"]


@dataclass(frozen=True)
class OwnLesson:
    """Teaches networks the set as it stands, a random part of it where it is large.

    Parameters
    ----------
    held : Parameterization
        What is trained.
    rows : array, shape (N, c)
        A one-hot row for each sample.
    augment : AugmentedPairs
        Augments the samples.
    rng : numpy.random.Generator
        Source of every draw.
    size : int
        Samples of an own step.
    """

    held: Parameterization
    rows: Array
    augment: AugmentedPairs
    rng: np.random.Generator
    size: int

    def __call__(self, tensors: Tensors) -> Pair:
        """Give samples, as networks take them, and their rows."""
        x, y = self.held.samples(tensors)[0], self.rows
        if x.shape[0] > self.size:
            drawn = self.rng.choice(x.shape[0], self.size, replace=False)
            numbers, xp = self.augment.compute.backend.asarray(drawn), array_namespace(x)
            x, y = xp.take(x, numbers, axis=0), xp.take(y, numbers, axis=0)
        return self.augment((x, y), self.rng)


@dataclass(frozen=True)
class RealLesson:
    """Teaches networks real data, or the set before where that is slimmed.

    Parameters
    ----------
    batches : RealBatches
        Draws the samples; label rows are one-hot.
    augment : AugmentedPairs
        Augments the samples.
    """

    batches: RealBatches
    augment: AugmentedPairs

    def __call__(self, tensors: Tensors) -> Pair:  # noqa: ARG002 - reads no set
        """Draw samples, as networks take them, and their rows."""
        return self.augment(self.batches.draw(), self.batches.rng)


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
