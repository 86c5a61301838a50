"""DM: the mean embedding of each class is matched in random networks.

Zhao and Bilen, "Dataset Condensation with Distribution Matching", WACV 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import non_negative
from slimdc.backend import Array, Backend, Tensors
from slimdc.methods.batches import ClassBatches
from slimdc.methods.method import Method, Task, Way, random_rows
from slimdc.networks import Network, Norm, network_for
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.pixels import PixelParameterization
from slimdc.parameterization.units import Units
from slimdc.settings.fields import check_counts, check_norm, check_positive, put
from slimdc.training.optimizers import Sgd
from slimdc.training.plan import Plan, Schedule
from slimdc.training.sources import FreshNetworks
from slimdc.training.strategies import View

__all__ = ["DM", "METHODS", "DistributionMatching", "DmSettings"]


@dataclass(frozen=True)
class DmSettings:
    """Settings of DM.

    Parameters
    ----------
    steps : int
        Number of training steps.
    batch : int
        Samples of each class to match in a step.
    rate : float
        Rate of the samples.
    momentum : float
        Momentum of their gradient descent.
    width, depth, norm
        Of the networks, where they are named rather than given; see `PoolSettings`.

    Examples
    --------
    >>> DM["paper"].steps
    20000
    """

    steps: int = 1000
    batch: int = 64
    rate: float = 1.0
    momentum: float = 0.5
    width: int = 32
    depth: int = 3
    norm: Norm | None = "instance"

    def __post_init__(self) -> None:
        check_counts(self, steps=0, batch=1, width=1, depth=1)
        check_positive(self, "rate")
        put(self, "momentum", non_negative("momentum", self.momentum, below=1.0))
        check_norm(self.norm)

    def of_width(self, width: int) -> Self:
        """Give the same settings with networks of another width."""
        return replace(self, width=width)


DM: dict[str, DmSettings] = {
    "default": DmSettings(),
    "paper": DmSettings(steps=20_000, batch=256, width=128),
}


@dataclass(frozen=True)
class DistributionMatching:
    """The squared distance of each class's mean embeddings, summed over the classes.

    Parameters
    ----------
    batches : ClassBatches
        What is drawn for a step.
    real, own : array
        Matrices (C, n) that average the rows of each class, in a batch and in the set.
    """

    batches: ClassBatches
    real: Array
    own: Array

    def batch(self) -> Array:
        """Draw samples of each class."""
        return self.batches.draw()

    def target(
        self, backend: Backend, network: Network, parameters: Tensors, batch: Array
    ) -> Array:
        """Compute the mean embedding of each class (C, f)."""
        return self.real @ network.embed(backend, parameters, batch)

    def loss(self, view: View, target: Array) -> tuple[Array, Tensors]:
        """Return the sum of the squared distances."""
        difference = self.own @ view.features - target
        loss = array_namespace(difference).sum(difference * difference)
        return loss, {"distance": loss}


def _averaging(counts: Sequence[int]) -> np.ndarray:
    """Make the matrix (C, n) that averages the rows of each class."""
    rows = np.repeat(np.eye(len(counts)), counts, axis=1)
    return rows / np.asarray(counts, np.float64)[:, None]


def dm_plan(start: SlimmableDataset, task: Task) -> Plan:
    """Plan the training of samples for DM.

    Parameters
    ----------
    start : SlimmableDataset
        Where it starts.
    task : Task
        What to match, and `DmSettings`.
    """
    compute, settings = task.compute, task.settings
    pixels = PixelParameterization(start, compute, Units.of(start), "fixed")
    batches = ClassBatches.of(task, start, pixels.units, settings.batch)
    with compute.session():
        network = network_for(task.network, start, settings, compute)
        averages = (compute.asarray(_averaging(n)) for n in (batches.counts, start.samples))
    return Plan(
        parameterization=pixels,
        objective=DistributionMatching(batches, *averages),
        network=network,
        networks=lambda rng: FreshNetworks(network, compute, rng),
        schedule=Schedule(settings.steps, settings.rate, 1.0, Sgd(settings.momentum)),
        compute=compute,
        rng=task.rng,
    )


_WAY = Way(random_rows, dm_plan, DM)

METHODS = (
    Method(
        "dm",
        "Zhao and Bilen, Dataset Condensation with Distribution Matching, WACV 2023",
        condense=_WAY,
        slim=_WAY,
    ),
)
