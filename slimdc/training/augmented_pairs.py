"""What networks learn from under augmentation: the same wherever they learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from slimdc.backend import Compute, Tensors
from slimdc.training.augmentation import Augmentation, augmented, mixed, placed
from slimdc.training.strategies import Pair

__all__ = ["AugmentedPairs"]


@dataclass(frozen=True)
class AugmentedPairs:
    """Augments samples and label rows, each image by draws of its own; compiled once.

    Parameters
    ----------
    augmentation : Augmentation or None
        What is drawn; None leaves pairs as they are.
    compute : Compute
        Where.
    """

    augmentation: Augmentation | None
    compute: Compute

    def __call__(self, pair: Pair, rng: np.random.Generator) -> Pair:
        """Give augmented samples, and label rows, which CutMix mixes."""
        if self.augmentation is None:
            return pair
        count, *shape = pair[0].shape
        drawn = self.augmentation.draw(rng, (shape[0], shape[1], shape[2]), count)
        return self._applied(pair, placed(drawn, self.compute))

    @cached_property
    def _applied(self) -> Callable[[Pair, Tensors], Pair]:
        return self.compute.backend.compile(_applied)


def _applied(pair: Pair, drawn: Tensors) -> Pair:
    return mixed(augmented(pair[0], drawn), pair[1], drawn)
