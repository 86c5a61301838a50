"""What networks that are one chain of convolutions have in common.

Every layer is a convolution with bias that keeps the size of its images, a normalisation, ReLU and,
after some layers, a 2 x 2 pooling; a linear head is at the end. That is the form of the networks of
DatasetCondensation (github.com/VICO-UoE/DatasetCondensation, networks.py), but for its ResNet.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import at_least_one
from slimdc.backend import Array, Backend, Tensors, relu
from slimdc.errors import InvalidValueError
from slimdc.networks import normalization
from slimdc.networks.images import extra_padding, pooled
from slimdc.networks.initialization import draw_uniform_head, uniform
from slimdc.networks.normalization import Floats, Norm, Normalise

__all__ = ["Chain", "Layer"]


class Layer(NamedTuple):
    """A convolution: how many filters, of what height and width, and whether a pooling follows.

    Examples
    --------
    >>> Layer(64, pooled=True)
    Layer(filters=64, kernel=3, pooled=True)
    """

    filters: int
    kernel: int = 3
    pooled: bool = False


class Chain(ABC):
    """A network that is a chain of layers; a subclass says which, and how it pools.

    Filters are (kernel, kernel, c_in, c_out) and pad by half of their size, in the first layer more
    for 28 x 28 images. Weights and biases start as PyTorch's do.
    """

    image: tuple[int, int, int]
    outputs: int
    width: int
    norm: Norm

    def __post_init__(self) -> None:
        at_least_one(width=self.width, outputs=self.outputs)
        normalization.checked(self.norm)
        poolings = self._poolings()
        if min(pooled(self.image, poolings)) < 1:
            least = 2**poolings
            raise InvalidValueError(
                "image",
                f"{self.image[0]} x {self.image[1]}",
                f"at least {least} x {least} for {poolings} poolings",
            )

    @abstractmethod
    def _layers(self) -> tuple[Layer, ...]:
        """Name the layers from the first to the last before the head."""

    @abstractmethod
    def _pool(self, x: Array) -> Array:
        """Pool images over 2 x 2 windows."""

    def draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw parameters; filters are (kernel, kernel, c_in, c_out)."""
        parameters: dict[str, Floats] = {}
        before = self.image[2]
        for i, (after, kernel, _) in enumerate(self._layers()):
            fan_in = kernel * kernel * before
            shape = (kernel, kernel, before, after)
            parameters[f"conv{i}.weight"] = uniform(rng, shape, fan_in)
            parameters[f"conv{i}.bias"] = uniform(rng, (after,), fan_in)
            parameters |= normalization.start(self.norm, f"norm{i}", after)
            before = after
        features = math.prod(pooled(self.image, self._poolings())) * before
        return parameters | draw_uniform_head(rng, features, self.outputs)

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the running statistics: those of batch normalisation."""
        layers = range(len(self._layers())) if self.norm == "batch" else ()
        return tuple(name for i in layers for name in normalization.statistics(f"norm{i}"))

    def embed(self, ops: Backend, parameters: Tensors, x: Array) -> Array:
        """Compute features (n, f) of images (n, h, w, channels)."""
        normalise = normalization.embedding(self.norm, parameters)
        return self._features(ops, parameters, x, normalise)

    def observe(self, ops: Backend, parameters: Tensors, x: Array) -> tuple[Array, Tensors]:
        """Compute features (n, f), normalised by this batch, and the next running statistics."""
        running: Tensors = {}
        normalise = normalization.observing(self.norm, parameters, running)
        return self._features(ops, parameters, x, normalise), running

    def _features(self, ops: Backend, parameters: Tensors, x: Array, normalise: Normalise) -> Array:
        for i, (_, kernel, pooled_after) in enumerate(self._layers()):
            padding = kernel // 2 + (0 if i else extra_padding(self.image))
            x = ops.conv(x, parameters[f"conv{i}.weight"], 1, padding)
            x = relu(normalise(x + parameters[f"conv{i}.bias"], f"norm{i}"))
            x = self._pool(x) if pooled_after else x
        return array_namespace(x).reshape(x, (x.shape[0], -1))

    def _poolings(self) -> int:
        return sum(layer.pooled for layer in self._layers())
