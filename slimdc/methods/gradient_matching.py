"""DC and DSA: the gradients of each class are matched, in networks that learn from the set.

DC is Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", ICLR 2021. DSA is the
same under augmentation, alike on real samples and on the set: Zhao and Bilen, "Dataset Condensation
with Differentiable Siamese Augmentation", ICML 2021. Numbers that the papers leave open are those
of their published code (github.com/VICO-UoE/DatasetCondensation); its networks are those named
``"convnet-in"``. A step costs a gradient of a gradient for each class.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from slimdc._checks import non_negative
from slimdc.methods.batches import ClassBatches
from slimdc.methods.class_gradients import ClassGradients, one_hot, unit_cosines, weights
from slimdc.methods.lessons import OwnLesson, require_images
from slimdc.methods.method import Method, Task, Way, random_rows
from slimdc.networks import Norm, cross_entropy, network_for
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.pixels import PixelParameterization
from slimdc.parameterization.units import Units
from slimdc.settings.fields import check_counts, check_kind, check_norm, check_positive, put
from slimdc.training.augmentation import Augmentation
from slimdc.training.augmented_pairs import AugmentedPairs
from slimdc.training.network_steps import Learning
from slimdc.training.optimizers import Sgd
from slimdc.training.plan import Plan, Schedule
from slimdc.training.sources import Course, TaughtNetworks

__all__ = ["DC", "DSA", "METHODS", "DcSettings", "dc_plan"]

# How often a network of the published code learns between two steps, in passes over the set, by the
# samples of a class.
_PASSES = {1: 1, 10: 50, 20: 25, 30: 20, 40: 15, 50: 10}


@dataclass(frozen=True)
class DcSettings:
    """Settings of DC and of DSA.

    Parameters
    ----------
    steps : int
        Number of training steps.
    batch : int
        Samples of each class to match in a step.
    rate : float
        Rate of the samples, as they are standardised.
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
    augmentation : Augmentation or None
        Of real samples and of the set, which are compared under the same draws, one for each class
        in each step; and of what networks learn from, where each image has draws of its own. None
        in DC.
    width, depth, norm
        Of the networks, where they are named rather than given; see `PoolSettings`.

    Examples
    --------
    >>> DC["paper"].batch, DC["paper"].passes is None
    (256, True)
    """

    steps: int = 300
    batch: int = 16
    rate: float = 1.0
    momentum: float = 0.5
    lifetime: int | None = None
    passes: int | None = 1
    network_rate: float = 0.01
    network_batch: int = 256
    augmentation: Augmentation | None = None
    width: int = 32
    depth: int = 3
    norm: Norm | None = "instance"

    def __post_init__(self) -> None:
        check_counts(self, steps=0, batch=1, network_batch=1, width=1, depth=1)
        check_positive(self, "rate", "network_rate")
        put(self, "momentum", non_negative("momentum", self.momentum, below=1.0))
        check_norm(self.norm)
        if self.augmentation is not None:
            check_kind(self, augmentation=Augmentation)
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

DSA: dict[str, DcSettings] = {
    name: replace(settings, augmentation=Augmentation()) for name, settings in DC.items()
}


def dc_plan(start: SlimmableDataset, task: Task) -> Plan:
    """Plan the training of samples for DC or DSA.

    Parameters
    ----------
    start : SlimmableDataset
        Where it starts.
    task : Task
        What to match, and `DcSettings`.
    """
    compute, settings, classes = task.compute, task.settings, one_hot(start)
    require_images(start, settings.augmentation)
    pixels = PixelParameterization(start, compute, Units.of(start), "fixed")
    batches = ClassBatches.of(task, start, pixels.units, settings.batch)
    with compute.session():
        network = network_for(task.network, start, settings, compute)
        labels = compute.asarray(classes)
        rows = compute.asarray(np.repeat(classes, start.samples, axis=0))
    course = settings.course(start)

    def networks(rng: np.random.Generator) -> TaughtNetworks:
        augment = AugmentedPairs(settings.augmentation, compute)
        lesson = OwnLesson(pixels, rows, augment, rng, settings.network_batch)
        return TaughtNetworks(network, compute, rng, course, lesson)

    return Plan(
        parameterization=pixels,
        objective=ClassGradients(
            batches,
            start.samples,
            labels,
            weights(network),
            unit_cosines,
            settings.augmentation,
        ),
        network=network,
        networks=networks,
        schedule=Schedule(settings.steps, settings.rate, 1.0, Sgd(settings.momentum)),
        compute=compute,
        rng=task.rng,
    )


METHODS = (
    Method(
        "dc",
        "Zhao, Mopuri and Bilen, Dataset Condensation with Gradient Matching, ICLR 2021",
        condense=Way(random_rows, dc_plan, DC),
        slim=Way(random_rows, dc_plan, DC),
    ),
    Method(
        "dsa",
        "Zhao and Bilen, Dataset Condensation with Differentiable Siamese Augmentation, ICML 2021",
        condense=Way(random_rows, dc_plan, DSA),
        slim=Way(random_rows, dc_plan, DSA),
    ),
)
