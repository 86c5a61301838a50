"""Networks as pure functions of a backend's primitives, their parameters and images.

A network embeds: ``embed`` returns the features X^θ before the head. `predict` applies the head.
Parameters are drawn on the host in float64 and then rounded, so that one seed means the same
network on every backend and in every dtype.
"""

from __future__ import annotations

from typing import Protocol, TypeGuard, runtime_checkable

import numpy as np
from array_api_compat import array_namespace

from slimdc.backend import Array, Backend, Tensors
from slimdc.networks.normalization import Floats

__all__ = [
    "HEAD",
    "HEAD_BIAS",
    "Network",
    "Observing",
    "cross_entropy",
    "fresh",
    "keeps_statistics",
    "observed",
    "predict",
    "squared_error",
]

HEAD = "head.weight"


HEAD_BIAS = "head.bias"


class Network(Protocol):
    """What slimming, condensing and evaluating ask of a network.

    A network may also keep running statistics among its parameters, see `Observing`.
    """

    def draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw initial parameters, `HEAD` (f, c) and `HEAD_BIAS` (c,) among them."""
        ...

    def embed(self, ops: Backend, parameters: Tensors, x: Array) -> Array:
        """Compute features (n, f) of samples: images (n, h, w, channels) or vectors (n, d)."""
        ...


@runtime_checkable
class Observing(Network, Protocol):
    """A network with running statistics: `embed` uses them, and only its own steps update them."""

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the parameters that are running statistics; none where nothing is observed."""
        ...

    def observe(self, ops: Backend, parameters: Tensors, x: Array) -> tuple[Array, Tensors]:
        """Compute features by the statistics of ``x`` itself, and the next running statistics."""
        ...


def fresh(network: Network, ops: Backend, rng: np.random.Generator, dtype: str) -> Tensors:
    """Draw a network's initial parameters onto a backend, in a dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc import backend
    >>> from slimdc.networks import MLP
    >>> drawn = fresh(MLP(5, 3), backend.get("numpy"), np.random.default_rng(0), "float32")
    >>> drawn[HEAD].dtype, drawn[HEAD].shape
    (dtype('float32'), (256, 3))
    """
    return {name: ops.asarray(x.astype(dtype)) for name, x in network.draw(rng).items()}


def predict(parameters: Tensors, features: Array) -> Array:
    """Apply the linear head to features (n, f): predictions (n, c)."""
    return features @ parameters[HEAD] + parameters[HEAD_BIAS]


def squared_error(parameters: Tensors, features: Array, y: Array) -> Array:
    """Half the squared error of the head on features, summed over label entries, their mean."""
    error = predict(parameters, features) - y
    return array_namespace(error).sum(error * error) * (0.5 / error.shape[0])


def cross_entropy(parameters: Tensors, features: Array, y: Array) -> Array:
    """Cross-entropy of the softmax of the head on features, mean over samples.

    Rows of y are probabilities (n, c): one-hot for classes.
    """
    scores = predict(parameters, features)
    xp = array_namespace(scores)
    largest = xp.max(scores, axis=1, keepdims=True)
    total = xp.log(xp.sum(xp.exp(scores - largest), axis=1, keepdims=True)) + largest
    return xp.sum((total - scores) * y) * (1.0 / scores.shape[0])


def observed(
    network: Network, ops: Backend, parameters: Tensors, x: Array
) -> tuple[Array, Tensors]:
    """Compute features for a network's own training step, and its next running statistics."""
    if keeps_statistics(network):
        return network.observe(ops, parameters, x)
    return network.embed(ops, parameters, x), {}


def keeps_statistics(network: Network) -> TypeGuard[Observing]:
    """Whether a network's own steps see other features than `Network.embed` gives."""
    return isinstance(network, Observing) and bool(network.statistics)
