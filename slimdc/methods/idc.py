"""IDC: gradients are matched in networks that learn from real data, several samples to an image.

Kim, Kim, Oh, Yun, Song, Jeong, Ha and Song, "Dataset Condensation via Efficient Synthetic-Data
Parameterization", ICML 2022. Numbers that the paper leaves open are those of its published code
(github.com/snu-mllab/Efficient-Dataset-Condensation); its networks are those named
``"convnet-in"``. It keeps pixels in [0, 1] by clipping; here samples are trained in the space of
the set, whatever its preprocessing, and clipped to the range of each channel of what is matched. It
moves the images after each class in turn; here a step moves those of all classes at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, Self, TypeAlias, get_args

import numpy as np

from slimdc._checks import non_negative, one_of, shown
from slimdc.errors import InvalidValueError
from slimdc.methods.batches import ClassBatches, RealBatches
from slimdc.methods.class_gradients import (
    ClassGradients,
    Distance,
    absolute,
    inner_weights,
    one_hot,
    squared,
)
from slimdc.methods.lessons import RealLesson, require_images
from slimdc.methods.method import Method, Task, Way, random_rows
from slimdc.networks import Norm, cross_entropy, network_for
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.box import BoxedParameterization, channel_ranges
from slimdc.parameterization.formation import FormationParameterization
from slimdc.parameterization.pixels import PixelParameterization
from slimdc.parameterization.units import Units
from slimdc.settings.fields import check_counts, check_kind, check_norm, check_positive, put
from slimdc.training.augmentation import Augmentation
from slimdc.training.augmented_pairs import AugmentedPairs
from slimdc.training.network_steps import Learning
from slimdc.training.optimizers import Sgd
from slimdc.training.plan import Plan, Schedule
from slimdc.training.sources import Course, TaughtNetworks

__all__ = ["IDC", "METHODS", "IdcSettings", "Metric", "formed_rows", "idc_plan"]

Metric: TypeAlias = Literal["squared", "absolute"]
_DISTANCES: dict[str, Distance] = {"squared": squared, "absolute": absolute}


def _matched() -> Augmentation:
    return Augmentation(("color", "crop", "cutout"), mode="all")


def _taught() -> Augmentation:
    """CutMix takes the place of cutting out."""
    return Augmentation(("color", "crop"), mode="all", cutmix=0.5)


# The samples per class that the source's rates of samples are for; they grow in proportion.
_BASE = 10


@dataclass(frozen=True)
class IdcSettings:
    """Settings of IDC.

    Parameters
    ----------
    steps : int
        Number of training steps.
    batch : int
        Samples of each class to match in a step.
    rate : float
        Rate of the samples, at ten of a class; it grows in proportion to their number. Where a set
        is slimmed, ``"default"`` has 0.2.
    momentum : float
        Momentum of their gradient descent.
    metric : {"squared", "absolute"}
        Distance of gradients: the sum of the squares, or of the sizes, of what differs. The rate
        depends on it.
    factor : int
        f of the multi-formation: an image stands for f² samples, each of which is a part of it of
        1/f of its height and width, enlarged. The set then has f² times as many samples as were
        asked for, and as many components: these count the enlarged samples.
    lifetime : int
        Steps that a network is compared in; then a fresh one takes its place.
    lessons : int
        Own steps of a network, on real data, between two such steps.
    network_rate, network_momentum, weight_decay : float
        Of the networks' own gradient descent.
    network_batch : int
        Samples of a network's own step.
    augmentation : Augmentation or None
        Of real samples and of the set, which are compared under the same draws, one for each class
        in each step.
    network_augmentation : Augmentation or None
        Of what networks learn from, where each image has draws of its own.
    width, depth, norm
        Of the networks, where they are named rather than given; see `PoolSettings`.

    Examples
    --------
    >>> IDC["paper"].lifetime, IDC["paper"].lessons
    (100, 32)
    """

    steps: int = 300
    batch: int = 16
    rate: float = 0.5
    momentum: float = 0.5
    metric: Metric = "squared"
    factor: int = 1
    lifetime: int = 100
    lessons: int = 1
    network_rate: float = 0.01
    network_momentum: float = 0.9
    weight_decay: float = 5e-4
    network_batch: int = 64
    augmentation: Augmentation | None = field(default_factory=_matched)
    network_augmentation: Augmentation | None = field(default_factory=_taught)
    width: int = 32
    depth: int = 3
    norm: Norm | None = "instance"

    def __post_init__(self) -> None:
        counts = ("batch", "factor", "lifetime", "lessons", "network_batch", "width", "depth")
        check_counts(self, steps=0, **dict.fromkeys(counts, 1))
        check_positive(self, "rate", "network_rate")
        for name in ("momentum", "network_momentum"):
            put(self, name, non_negative(name, getattr(self, name), below=1.0))
        put(self, "weight_decay", non_negative("weight_decay", self.weight_decay))
        one_of("metric", self.metric, get_args(Metric))
        check_norm(self.norm)
        for name in ("augmentation", "network_augmentation"):
            if getattr(self, name) is not None:
                check_kind(self, **{name: Augmentation})

    def of_width(self, width: int) -> Self:
        """Give the same settings with networks of another width."""
        return replace(self, width=width)

    @property
    def course(self) -> Course:
        """How networks learn."""
        learning = Learning(cross_entropy, Sgd(self.network_momentum, self.weight_decay))
        return Course(learning, self.network_rate, self.lessons, self.lifetime)


# The source's rate is 5e-3 for pixels in [0, 1]; for CIFAR's, standardised by deviations of a
# quarter, it is 16 times that. It trains on 2,000 real samples, in batches of 64, between steps.
IDC: dict[str, IdcSettings] = {
    "default": IdcSettings(),
    "paper": IdcSettings(steps=200_000, batch=64, rate=0.08, lessons=32, width=128),
}


def formed_rows(task: Task) -> SlimmableDataset:
    """Take random samples of each class, as many as images of multi-formation hold.

    With a factor above 1 each is replaced by the nearest enlargement of a small image.

    Parameters
    ----------
    task : Task
        What to match, and `IdcSettings`.

    Raises
    ------
    InvalidValueError
        If every class has fewer samples, or the factor does not fit the images.
    """
    factor, most = task.settings.factor, max(m.size for m in task.material.members())
    if factor == 1:
        return random_rows(task)
    if task.count * factor**2 > most:
        found = f"{shown(task.count)}, each of {factor}² samples"
        expected = f"at most {most // factor**2}: the largest class has {most} samples"
        raise InvalidValueError(task.argument, found, expected)
    start = random_rows(replace(task, count=task.count * factor**2))
    held = _held(start, task)
    with task.compute.session():
        return held.finish(held.start())


def idc_plan(start: SlimmableDataset, task: Task) -> Plan:
    """Plan the training of samples for IDC.

    Parameters
    ----------
    start : SlimmableDataset
        Where it starts.
    task : Task
        What to match, and `IdcSettings`.
    """
    compute, settings, classes = task.compute, task.settings, one_hot(start)
    require_images(start, settings.augmentation, settings.network_augmentation)
    held, units = _held(start, task), Units.of(start)
    batches = ClassBatches.of(task, start, units, settings.batch)
    labels = np.asarray(start.labels)
    rows = classes[np.searchsorted(labels, task.material.classes)].astype(compute.dtype)
    with compute.session():
        network = network_for(task.network, start, settings, compute)
        entered = compute.asarray(classes)

    def networks(rng: np.random.Generator) -> TaughtNetworks:
        size = settings.network_batch
        lesson = RealBatches(batches.x, rows, batches.description, compute, rng, size)
        augment = AugmentedPairs(settings.network_augmentation, compute)
        return TaughtNetworks(network, compute, rng, settings.course, RealLesson(lesson, augment))

    distance = _DISTANCES[settings.metric]
    rate = settings.rate * (max(start.samples) / settings.factor**2) / _BASE
    return Plan(
        parameterization=held,
        objective=ClassGradients(
            batches,
            start.samples,
            entered,
            inner_weights(network),
            distance,
            settings.augmentation,
        ),
        network=network,
        networks=networks,
        schedule=Schedule(settings.steps, rate, 1.0, Sgd(settings.momentum)),
        compute=compute,
        rng=task.rng,
    )


def _held(start: SlimmableDataset, task: Task) -> BoxedParameterization:
    units, factor, compute = Units.of(start), task.settings.factor, task.compute
    pixels = PixelParameterization(start, compute, units, "fixed")
    edges = (units.samples(edge) for edge in channel_ranges(task.material.x, start.layout))
    if factor == 1:
        wide = (np.broadcast_to(edge, start.shape).reshape(1, -1) for edge in edges)
        return BoxedParameterization(pixels, *map(compute.asarray, wide))
    formation = FormationParameterization(pixels, factor)
    return BoxedParameterization(formation, *(compute.asarray(edge.reshape(-1)) for edge in edges))


# Networks soon know a small set by heart, and their gradients on all else grow. On a part of
# Fashion-MNIST that no set was made of, sets slimmed to 5 and to 1 were best with this rate, and
# with 1 worse than the rows that they start from.
_SLIM = IDC | {"default": replace(IDC["default"], rate=0.2)}

METHODS = (
    Method(
        "idc",
        "Kim, Kim, Oh, Yun, Song, Jeong, Ha and Song, Dataset Condensation via Efficient "
        "Synthetic-Data Parameterization, ICML 2022",
        condense=Way(formed_rows, idc_plan, IDC),
        slim=Way(formed_rows, idc_plan, _SLIM),
    ),
)
