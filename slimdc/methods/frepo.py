"""FRePo: performance matching on the samples themselves (Eq. 1).

Zhou, Nezhadarya and Ba, "Dataset Distillation using Neural Feature Regression", NeurIPS 2022. The
paper builds on it: its own method for real data is this one in the parameterization of Eq. 8.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from array_api_compat import array_namespace

from slimdc._checks import non_negative
from slimdc.backend import Array, Backend, Tensors
from slimdc.losses import performance_matching
from slimdc.methods.batches import RealBatches
from slimdc.methods.method import Method, Task, Way, random_rows
from slimdc.networks import Network, network_for
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.pixels import PixelParameterization
from slimdc.parameterization.units import Units
from slimdc.settings import PoolSettings
from slimdc.settings.fields import check_counts, check_kind, check_positive, put
from slimdc.training.plan import Plan, Schedule
from slimdc.training.sources import NetworkPool
from slimdc.training.strategies import Pair, View

__all__ = ["FREPO", "METHODS", "FrepoSettings", "PerformanceMatching", "label_margin"]


@dataclass(frozen=True)
class FrepoSettings:
    """Settings of FRePo.

    Parameters
    ----------
    steps : int
        Number of training steps.
    batch : int
        Samples to match in a step.
    rate : float
        LAMB's rate at the start.
    rate_floor : float
        Fraction of the rate at which the cosine ends.
    ridge : float
        λ of the pseudo-inverse, relative to the kernel's mean diagonal.
    margin : float
        Weight of the label margin beside Eq. 1, see `label_margin`. FRePo's code weighs it by 1
        beside half the squared error, that is 2 here; 0 leaves it out.
    pool : PoolSettings
        The networks.

    Examples
    --------
    >>> FREPO["paper"].ridge
    1e-06
    """

    steps: int = 1500
    batch: int = 256
    rate: float = 1e-2
    rate_floor: float = 0.1
    ridge: float = 1e-3
    margin: float = 0.0
    pool: PoolSettings = field(default_factory=PoolSettings)

    def __post_init__(self) -> None:
        check_counts(self, steps=0, batch=1)
        check_positive(self, "rate", "rate_floor", "ridge")
        put(self, "margin", non_negative("margin", self.margin))
        check_kind(self, pool=PoolSettings)

    def of_width(self, width: int) -> Self:
        """Give the same settings with networks of another width."""
        return replace(self, pool=replace(self.pool, width=width))


FREPO: dict[str, FrepoSettings] = {
    "default": FrepoSettings(),
    "paper": FrepoSettings(
        steps=500_000,
        batch=1024,
        rate=3e-4,
        ridge=1e-6,
        margin=2.0,
        pool=PoolSettings(width=128),
    ),
}


def label_margin(y: Array, most: float) -> Array:
    """Compute by how much the largest entry of label rows leads, up to a limit, on average.

    FRePo adds it, negated, to Eq. 1, with the limit 1/c: learned labels stay apart enough to name
    a class. Rows whose largest entries are equal count 0, without a gradient.

    Parameters
    ----------
    y : array
        Label rows (n, c).
    most : float
        The limit.

    Returns
    -------
    array
        A scalar.

    Examples
    --------
    >>> import numpy as np
    >>> float(label_margin(np.array([[0.9, -0.1], [0.25, 0.0], [0.3, 0.3]]), 0.5))
    0.25
    """
    xp = array_namespace(y)
    largest = xp.max(y, axis=1, keepdims=True)
    first = y == largest
    alone = xp.sum(xp.astype(first, y.dtype), axis=1) == 1
    # Far enough below itself that the lead over it is above the limit, and finite.
    second = xp.max(xp.where(first, y - 2.0 * most, y), axis=1)
    lead = largest[:, 0] - second
    lead = xp.where(lead < most, lead, most)
    return xp.sum(xp.where(alone, lead, 0.0)) * (1.0 / y.shape[0])


@dataclass(frozen=True)
class PerformanceMatching:
    """Eq. 1: regression on the embedded set predicts the labels of what it stands for.

    Parameters
    ----------
    batches : RealBatches
        What is drawn for a step.
    ridge : float
        λ of the pseudo-inverse.
    margin : float
        Weight of the label margin.
    unit : float
        Size of the labels' units.
    """

    batches: RealBatches
    ridge: float
    margin: float = 0.0
    unit: float = 1.0

    def batch(self) -> Pair:
        """Draw a batch."""
        return self.batches.draw()

    def target(self, backend: Backend, network: Network, parameters: Tensors, batch: Pair) -> Pair:
        """Embed a batch."""
        x, y = batch
        return network.embed(backend, parameters, x), y

    def loss(self, view: View, target: Pair) -> tuple[Array, Tensors]:
        """Return the loss, averaged over the batch, less the margin of the labels."""
        size = target[1].shape[0]
        loss = performance_matching(*target, view.features, view.y, self.ridge) / size
        if not self.margin:
            return loss, {"performance": loss}
        # The margin is of the size of labels, Eq. 1 of that of their squares.
        margin = label_margin(view.y, 1.0 / (view.y.shape[1] * self.unit))
        return loss - margin * (self.margin / self.unit), {"performance": loss, "margin": margin}


def frepo_plan(start: SlimmableDataset, task: Task) -> Plan:
    """Plan the training of samples and labels for Eq. 1.

    Parameters
    ----------
    start : SlimmableDataset
        Where it starts.
    task : Task
        What to match, and `FrepoSettings`.
    """
    compute, settings = task.compute, task.settings
    ridge = compute.safe_ridge(settings.ridge)
    pixels = PixelParameterization(start, compute, Units.of(start), "learned")
    batches = RealBatches.of(task, start, pixels.units, settings.batch)
    with compute.session():
        network = network_for(task.network, start, settings.pool, compute)
    return Plan(
        parameterization=pixels,
        objective=PerformanceMatching(batches, ridge, settings.margin, 2.0**pixels.units.y),
        network=network,
        networks=lambda rng: NetworkPool(network, compute, rng, settings.pool, pixels.count),
        schedule=Schedule(settings.steps, settings.rate, settings.rate_floor),
        compute=compute,
        rng=task.rng,
    )


_WAY = Way(random_rows, frepo_plan, FREPO)

METHODS = (
    Method(
        "frepo",
        "Zhou, Nezhadarya and Ba, Dataset Distillation using Neural Feature Regression, "
        "NeurIPS 2022",
        condense=_WAY,
        slim=_WAY,
    ),
)
