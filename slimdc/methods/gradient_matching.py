"""DC: the gradients of each class are matched, in networks that learn from the set.

Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", ICLR 2021. Numbers that the
paper leaves open are those of its published code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import non_negative, one_of
from slimdc.backend import Array, Compute, Tensors
from slimdc.methods.batches import ClassBatches
from slimdc.methods.class_gradients import ClassGradients, one_hot, unit_cosines, weights
from slimdc.methods.method import Method, Task, Way, random_rows
from slimdc.networks import NORMS, Norm, cross_entropy, network_for
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.pixels import PixelParameterization
from slimdc.parameterization.units import Units
from slimdc.settings.fields import check_counts, check_positive, put
from slimdc.training.network_steps import Learning
from slimdc.training.optimizers import Sgd
from slimdc.training.plan import Plan, Schedule
from slimdc.training.sources import Course, TaughtNetworks
from slimdc.training.strategies import Pair

__all__ = ["DC", "METHODS", "DcSettings", "OwnLesson", "dc_plan"]

# How often a network of the published code learns between two steps, in passes over the set, by the
# samples of a class.
_PASSES = {1: 1, 10: 50, 20: 25, 30: 20, 40: 15, 50: 10}


@dataclass(frozen=True)
class DcSettings:
    """Settings of DC.

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
    lifetime : int or None
        Steps that a network is compared in, the source's outer loop; None takes the source's
        number, which is that of samples per class.
    passes : int or None
        Passes of a network over the set between two such steps, the source's inner loop; None takes
        the source's number, which falls with the samples per class.
    network_rate : float
        Rate of the networks' own gradient descent.
    network_batch : int
        Samples of a network's own step.
    width, depth, norm
        Of the networks, where they are named rather than given; see `PoolSettings`.

    Examples
    --------
    >>> DC["paper"].batch, DC["paper"].passes is None
    (256, True)
    """

    steps: int = 300
    batch: int = 32
    rate: float = 1.0
    momentum: float = 0.5
    lifetime: int | None = None
    passes: int | None = 5
    network_rate: float = 0.01
    network_batch: int = 256
    width: int = 32
    depth: int = 3
    norm: Norm = "instance"

    def __post_init__(self) -> None:
        check_counts(self, steps=0, batch=1, network_batch=1, width=1, depth=1)
        check_positive(self, "rate", "network_rate")
        put(self, "momentum", non_negative("momentum", self.momentum, below=1.0))
        one_of("norm", self.norm, NORMS)
        for name in ("lifetime", "passes"):
            if getattr(self, name) is not None:
                check_counts(self, **{name: 1})

    def of_width(self, width: int) -> Self:
        """Give the same settings with networks of another width."""
        return replace(self, width=width)

    def course(self, data: SlimmableDataset) -> Course:
        """Say how networks learn from a set of this size."""
        largest, lots = max(data.samples), -(-len(data) // self.network_batch)
        lifetime = largest if self.lifetime is None else self.lifetime
        passes = _passes(largest) if self.passes is None else self.passes
        return Course(Learning(cross_entropy, Sgd()), self.network_rate, passes * lots, lifetime)


def _passes(largest: int) -> int:
    """Follow the source's numbers, and between them 500 over both loops together."""
    return _PASSES.get(largest, max(1, 500 // largest))


DC: dict[str, DcSettings] = {
    "default": DcSettings(),
    "paper": DcSettings(steps=10_000, batch=256, rate=0.1, passes=None, width=128),
}


@dataclass(frozen=True)
class OwnLesson:
    """What networks learn from between steps: the set as it stands, a random part if it is large.

    Parameters
    ----------
    pixels : PixelParameterization
        What is trained.
    rows : array, shape (N, c)
        A one-hot row for each sample.
    compute : Compute
        Where.
    rng : numpy.random.Generator
        Draws the parts.
    size : int
        Samples of a step.
    """

    pixels: PixelParameterization
    rows: Array
    compute: Compute
    rng: np.random.Generator
    size: int

    def __call__(self, tensors: Tensors) -> Pair:
        """Give samples, as networks take them, and their rows."""
        x, y = self.pixels.samples(tensors)[0], self.rows
        if x.shape[0] <= self.size:
            return x, y
        drawn = self.rng.choice(x.shape[0], self.size, replace=False)
        numbers, xp = self.compute.backend.asarray(drawn), array_namespace(x)
        return xp.take(x, numbers, axis=0), xp.take(y, numbers, axis=0)


def dc_plan(start: SlimmableDataset, task: Task) -> Plan:
    """Plan the training of samples for DC.

    Parameters
    ----------
    start : SlimmableDataset
        Where it starts.
    task : Task
        What to match, and `DcSettings`.
    """
    compute, settings, classes = task.compute, task.settings, one_hot(start)
    pixels = PixelParameterization(start, compute, Units.of(start), "fixed")
    batches = ClassBatches.of(task, start, pixels.units, settings.batch)
    with compute.session():
        network = network_for(task.network, start, settings, compute)
        labels = compute.asarray(classes)
        rows = compute.asarray(np.repeat(classes, start.samples, axis=0))
    course = settings.course(start)

    def networks(rng: np.random.Generator) -> TaughtNetworks:
        lesson = OwnLesson(pixels, rows, compute, rng, settings.network_batch)
        return TaughtNetworks(network, compute, rng, course, lesson)

    return Plan(
        parameterization=pixels,
        objective=ClassGradients(batches, start.samples, labels, weights(network), unit_cosines),
        network=network,
        networks=networks,
        schedule=Schedule(settings.steps, settings.rate, 1.0, Sgd(settings.momentum)),
        compute=compute,
        rng=task.rng,
    )


_WAY = Way(random_rows, dc_plan, DC)

METHODS = (
    Method(
        "dc",
        "Zhao, Mopuri and Bilen, Dataset Condensation with Gradient Matching, ICLR 2021",
        condense=_WAY,
        slim=_WAY,
    ),
)
