"""Gradients of networks on each class: the objective that DC, DSA and IDC share.

Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", ICLR 2021; Zhao and Bilen,
"Dataset Condensation with Differentiable Siamese Augmentation", ICML 2021.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import shown
from slimdc.backend import Array, Backend, Tensors, value_and_grad
from slimdc.errors import InvalidValueError
from slimdc.methods.batches import ClassBatches
from slimdc.methods.method import Host
from slimdc.networks import HEAD, Network, cross_entropy
from slimdc.parameterization import SlimmableDataset
from slimdc.training.augmentation import Augmentation, augmented, placed
from slimdc.training.strategies import View

__all__ = [
    "ClassGradients",
    "Distance",
    "Many",
    "absolute",
    "inner_weights",
    "one_hot",
    "squared",
    "unit_cosines",
    "weights",
]

# Of the two gradients of a weight; the last axis counts output units.
Distance: TypeAlias = Callable[[Array, Array], Array]
# Tensors of each class, in ascending order; none at all where there is nothing to tell.
Many: TypeAlias = tuple[Tensors, ...]

# Keeps units whose gradient is zero, such as dead ones, from dividing by zero.
_SMALL = 1e-6


@dataclass(frozen=True)
class ClassGradients:
    """The distance of the gradients that real samples and the set give a network, class by class.

    The gradients are those of the mean cross-entropy of one class's samples; the distances are
    added up over weights and classes.

    Parameters
    ----------
    batches : ClassBatches
        Real samples of a step.
    own : tuple of int
        Samples of each class in the set.
    labels : array, shape (C, c)
        One-hot row of each class.
    names : tuple of str
        Weights whose gradients are compared.
    distance : callable
        Of a weight's two gradients.
    augmentation : Augmentation or None
        Siamese augmentation: in each step one draw for each class, the same for its real samples
        and those of the set.
    """

    batches: ClassBatches
    own: tuple[int, ...]
    labels: Array
    names: tuple[str, ...]
    distance: Distance
    augmentation: Augmentation | None

    def batch(self) -> tuple[Array, Many]:
        """Draw samples of each class, and how each class is augmented."""
        x, compute, rng = self.batches.draw(), self.batches.compute, self.batches.rng
        if self.augmentation is None:
            return x, ()
        h, w, channels = x.shape[1:]
        drawn = (self.augmentation.draw(rng, (h, w, channels), 1) for _ in self.own)
        return x, tuple(placed(one, compute) for one in drawn)

    def target(
        self, backend: Backend, network: Network, parameters: Tensors, batch: tuple[Array, Many]
    ) -> tuple[Many, Many]:
        """Compute the gradients on real samples, for each class."""
        x, drawn = batch
        parts = _parted(x, self.batches.counts, drawn)
        return self._gradients(backend, network, parameters, parts), drawn

    def loss(self, view: View, target: tuple[Many, Many]) -> tuple[Array, Tensors]:
        """Return the sum of the distances."""
        expected, drawn = target
        parts = _parted(view.x, self.own, drawn)
        found = self._gradients(view.backend, view.network, view.parameters, parts)
        distances = (
            self.distance(own[name], real[name])
            for own, real in zip(found, expected, strict=True)
            for name in self.names
        )
        loss = functools.reduce(operator.add, distances)
        return loss, {"distance": loss}

    def _gradients(
        self, backend: Backend, network: Network, parameters: Tensors, parts: Sequence[Array]
    ) -> Many:
        compared = {name: parameters[name] for name in self.names}
        others = {name: x for name, x in parameters.items() if name not in compared}

        def error(variables: Tensors, x: Array, y: Array) -> tuple[Array, Tensors]:
            whole = variables | others
            return cross_entropy(whole, network.embed(backend, whole, x), y), {}

        slopes = value_and_grad(backend, error)
        rows = (self.labels[i : i + 1, :] for i in range(len(parts)))
        return tuple(slopes(compared, x, y)[2] for x, y in zip(parts, rows, strict=True))


def _parted(x: Array, counts: Sequence[int], drawn: Many) -> list[Array]:
    """Part samples class by class, and augment each class by its own draw where there is one."""
    ends = itertools.accumulate(counts)
    parts = [x[end - n : end, ...] for n, end in zip(counts, ends, strict=True)]
    return [augmented(*part) for part in zip(parts, drawn, strict=True)] if drawn else parts


def unit_cosines(own: Array, real: Array) -> Array:
    """Add up 1 − cosine over output units: DC's distance of two gradients of a weight.

    DC's published code adds 1e-6 to the product of the lengths; here its square stands under the
    root, so that the derivative exists where a gradient is zero.

    Parameters
    ----------
    own, real : array, shape (..., units)
        The gradients; the last axis counts output units.

    Returns
    -------
    array
        A scalar, from 0 to twice the number of units.

    Examples
    --------
    >>> own = np.asarray([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    >>> real = np.asarray([[4.0, 1.0, -1.0], [0.0, 0.0, 0.0]])
    >>> unit_cosines(own, real).round(9).item()
    3.0
    """
    xp, axes = array_namespace(own), tuple(range(own.ndim - 1))
    product, a, b = (xp.sum(z, axis=axes) for z in (own * real, own * own, real * real))
    return xp.sum(1.0 - product / xp.sqrt(a * b + _SMALL**2))


def squared(own: Array, real: Array) -> Array:
    """Add up squared differences: IDC's distance on CIFAR and SVHN.

    Examples
    --------
    >>> squared(np.asarray([1.0, 2.0]), np.asarray([1.0, 5.0])).item()
    9.0
    """
    difference = own - real
    return array_namespace(difference).sum(difference * difference)


def absolute(own: Array, real: Array) -> Array:
    """Add up absolute differences: IDC's distance on MNIST, Fashion-MNIST and ImageNet.

    Examples
    --------
    >>> absolute(np.asarray([1.0, 2.0]), np.asarray([1.0, 5.0])).item()
    3.0
    """
    xp = array_namespace(own)
    return xp.sum(xp.abs(own - real))


def weights(network: Network) -> tuple[str, ...]:
    """Name what DC compares: every weight with two axes or more, and no bias or normalisation.

    Examples
    --------
    >>> from slimdc.networks import ConvNet
    >>> weights(ConvNet((8, 8, 1), 3, width=2, depth=2, norm="instance"))
    ('conv0.weight', 'conv1.weight', 'head.weight')
    """
    drawn = network.draw(np.random.default_rng(0))
    return tuple(name for name, x in drawn.items() if x.ndim > 1)


def inner_weights(network: Network) -> tuple[str, ...]:
    """Name what IDC compares: the same but for the head's, in a ConvNet the convolutions'.

    Raises
    ------
    InvalidValueError
        If the network has no other weight than the head's.

    Examples
    --------
    >>> from slimdc.networks import MLP
    >>> inner_weights(MLP(4, 2, width=8, depth=2))
    ('dense0.weight', 'dense1.weight')
    """
    names = tuple(name for name in weights(network) if name != HEAD)
    if not names:
        raise InvalidValueError(
            "network", shown(network), "one with weights of two axes beside the head's"
        )
    return names


def one_hot(data: SlimmableDataset) -> Host:
    """Give each class of a set its row of probabilities, (C, c).

    Raises
    ------
    InvalidValueError
        If label rows have one entry only, which no cross-entropy can learn from.

    Examples
    --------
    >>> one_hot(SlimmableDataset.from_arrays(np.eye(3), [2, 0, 1])).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    entries = data.label_entries
    if entries < 2:
        raise InvalidValueError("y", f"{entries} class", "at least 2 classes to be told apart")
    return np.asarray(np.eye(entries)[list(data.labels)])
