"""YOCO: the samples of a condensed set that networks learn best are kept, as many of each class.

He, Xiao and Zhou, "You Only Condense Once: Two Rules for Pruning Condensed Datasets", NeurIPS 2023:
low scores of prediction error (LBPE) first, and balanced classes. It prunes condensed sets; real
data it does not condense.

Where text and code differ, this follows the code: the error is that of the softmax, and passes are
taken by their training accuracy. The code records outputs of augmented and mixed samples while it
trains; here samples are as they are, and outputs those after each pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import non_negative
from slimdc.backend import Array, Tensors
from slimdc.errors import InvalidValueError, NumericalError
from slimdc.methods.method import Host, Method, Task, Way, members_to_choose
from slimdc.networks import Network, Norm, cross_entropy, fresh, network_for, predict
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.factors import network_input
from slimdc.parameterization.units import Units
from slimdc.settings.fields import check_counts, check_norm, check_positive, put
from slimdc.training.network_steps import Learning, NetworkStep
from slimdc.training.optimizers import Sgd

__all__ = ["METHODS", "YOCO", "YocoSettings", "prediction_errors"]

_AT_ONCE = 500  # samples that are embedded together to be scored


@dataclass(frozen=True)
class YocoSettings:
    """Settings of YOCO.

    Parameters
    ----------
    steps : int
        E, the passes over the set that a network learns for; its outputs are read after each.
    best : int
        K, how many passes are scored: those of the highest training accuracy.
    networks : int
        Networks whose scores are summed.
    batch : int
        Samples of a network's step.
    rate : float
        Rate of its gradient descent.
    momentum, weight_decay : float
        Of its gradient descent.
    width, depth, norm
        Of the networks, where they are named rather than given; see `PoolSettings`.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a number cannot be used, or `steps` are fewer than `best`.

    Examples
    --------
    >>> YOCO["paper"].networks
    1
    """

    steps: int = 100
    best: int = 10
    networks: int = 3
    batch: int = 64
    rate: float = 1e-2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    width: int = 32
    depth: int = 3
    norm: Norm | None = "instance"

    def __post_init__(self) -> None:
        check_counts(self, steps=1, best=1, networks=1, batch=1, width=1, depth=1)
        check_positive(self, "rate")
        put(self, "momentum", non_negative("momentum", self.momentum, below=1.0))
        put(self, "weight_decay", non_negative("weight_decay", self.weight_decay))
        check_norm(self.norm)
        if self.steps < self.best:
            raise InvalidValueError(
                "steps", str(self.steps), f"at least {self.best}, the passes to score"
            )

    def of_width(self, width: int) -> Self:
        """Give the same settings with networks of another width."""
        return replace(self, width=width)


YOCO: dict[str, YocoSettings] = {
    "default": YocoSettings(),
    "paper": YocoSettings(networks=1, width=128),
}


def prediction_errors(outputs: Host, classes: Host, best: int) -> Host:
    """Compute the LBPE score of each sample from the outputs of a network after each pass.

    It is the distance of the softmax of the outputs from the one-hot class, summed over the K
    passes of the highest accuracy; of equal ones, the earlier are taken.

    Parameters
    ----------
    outputs : numpy.ndarray, shape (E, n, c)
        Outputs after each pass.
    classes : numpy.ndarray of int, shape (n,)
        The class of each sample.
    best : int
        K.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        Low where networks learn a sample soon and surely.

    Examples
    --------
    >>> outputs = np.array([[[9.0, 0.0], [1.0, 0.0]], [[0.0, 9.0], [0.0, 9.0]]])
    >>> prediction_errors(outputs, np.array([0, 0]), 1).round(3)
    array([0.  , 0.38])
    """
    scores = np.asarray(outputs, np.float64)
    correct = (scores.argmax(axis=2) == classes).sum(axis=1)
    taken = scores[np.argsort(-correct, kind="stable")[:best]]
    odds = np.exp(taken - taken.max(axis=2, keepdims=True))
    wanted = np.eye(scores.shape[2])[classes]
    error = odds / odds.sum(axis=2, keepdims=True) - wanted
    return np.asarray(np.sqrt((error * error).sum(axis=2)).sum(axis=0))


def easiest_rows(task: Task) -> SlimmableDataset:
    """Take the samples of each class with the lowest scores.

    Raises
    ------
    InvalidValueError
        If every class has fewer than are asked for.
    NumericalError
        If a network leaves the finite numbers.

    Warns
    -----
    SlimdcWarning
        If some classes have fewer.
    """
    members = members_to_choose(task)
    scores = _scores(task)
    kept = [m[np.argsort(scores[m], kind="stable")[: task.count]] for m in members]
    return task.dataset(np.concatenate(kept))


def _scores(task: Task) -> Host:
    data, compute, settings = task.whole, task.compute, task.settings
    classes = task.material.classes
    with compute.session():
        network = network_for(task.network, data, settings, compute)
        host = Units.of(data).samples(task.material.x)
        x = network_input(compute.asarray(host), data.description)
        y = compute.asarray(np.eye(data.label_entries)[classes])
        total = np.zeros(classes.size)
        for _ in range(settings.networks):
            outputs = np.stack([*_dynamics(network, (x, y), task)])
            if not np.isfinite(outputs).all():
                raise NumericalError(
                    "data", "a network whose outputs are not finite", "a set to learn from"
                )
            total += prediction_errors(outputs, classes, settings.best)
    return total


def _dynamics(network: Network, pair: tuple[Array, Array], task: Task) -> Iterator[Host]:
    """Train a fresh network, and yield its outputs after each pass."""
    compute, settings = task.compute, task.settings
    enter, xp, count = compute.backend.asarray, array_namespace(pair[0]), pair[0].shape[0]
    learning = Learning(cross_entropy, Sgd(settings.momentum, settings.weight_decay))
    step = NetworkStep(network, compute, learning)
    parameters = fresh(network, compute.backend, task.rng, compute.dtype)
    moments, taken = learning.optimizer.start(parameters), 0
    for _ in range(settings.steps):
        order = task.rng.permutation(count)
        for part in np.array_split(order, math.ceil(count / settings.batch)):
            taken += 1
            batch = tuple(xp.take(v, enter(part), axis=0) for v in pair)
            size = learning.optimizer.step_size(taken, settings.rate)
            parameters, moments, _ = step(parameters, moments, (batch[0], batch[1]), size)
        yield _outputs(network, parameters, pair[0], task)


def _outputs(network: Network, parameters: Tensors, x: Array, task: Task) -> Host:
    backend = task.compute.backend
    parts = (x[i : i + _AT_ONCE, ...] for i in range(0, x.shape[0], _AT_ONCE))
    embedded = (network.embed(backend, parameters, part) for part in parts)
    return np.concatenate([backend.to_numpy(predict(parameters, part)) for part in embedded])


METHODS = (
    Method(
        "yoco",
        "He, Xiao and Zhou, You Only Condense Once: Two Rules for Pruning Condensed Datasets, "
        "NeurIPS 2023",
        condense=None,
        slim=Way(easiest_rows, None, YOCO),
    ),
)
