"""The paper's ConvNet, after FRePo."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import at_least_one
from slimdc.backend import Array, Backend, Tensors, conv_relu_pool
from slimdc.errors import InvalidValueError
from slimdc.networks import normalization
from slimdc.networks.initialization import draw_head, lecun_normal
from slimdc.networks.normalization import Floats, Norm

__all__ = ["ConvNet"]


@dataclass(frozen=True)
class ConvNet:
    """The paper's ConvNet: ``depth`` blocks of convolution, ReLU and 2 x 2 average pooling.

    Filters are 3 x 3 with bias, the width doubles from block to block (128-256-512 in the paper,
    after FRePo), and the head is linear with bias. The first block pads 28 x 28 images to 32 x 32,
    as FRePo does. Parameters start lecun-normal, biases at zero. Where there is a normalisation,
    it stands before every convolution but the first, FRePo's place for it.

    Parameters
    ----------
    image : tuple of int
        Height, width and channels.
    outputs : int
        Label entries c.
    width : int
        Filters of the first block.
    depth : int
        Number of blocks.
    norm : {"none", "instance", "batch"}
        Normalisation: none, of each image's channels, or of channels over the batch, with running
        statistics that only the network's own steps update; see `slimdc.normalization`.

    Raises
    ------
    InvalidValueError
        If a number is below 1, the images are too small for that many poolings, or there is no
        such normalisation.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc import backend
    >>> network = ConvNet((28, 28, 1), 10, width=8)
    >>> parameters = network.draw(np.random.default_rng(0))
    >>> network.embed(backend.get("numpy"), parameters, np.zeros((2, 28, 28, 1))).shape
    (2, 512)
    """

    image: tuple[int, int, int]
    outputs: int
    width: int = 128
    depth: int = 3
    norm: Norm = "none"

    def __post_init__(self) -> None:
        at_least_one(width=self.width, depth=self.depth, outputs=self.outputs)
        normalization.checked(self.norm)
        if min(self._size()) < 1:
            raise InvalidValueError(
                "depth",
                f"{self.depth} poolings of {self.image[0]} x {self.image[1]} images",
                "fewer: a smaller depth in the settings, or layout='flat'",
            )

    def draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw parameters; filters are (3, 3, c_in, c_out)."""
        channels = (self.image[2], *(self.width << i for i in range(self.depth)))
        parameters: dict[str, Floats] = {}
        for i, (before, after) in enumerate(itertools.pairwise(channels)):
            parameters[f"conv{i}.weight"] = lecun_normal(rng, (3, 3, before, after))
            parameters[f"conv{i}.bias"] = np.zeros(after)
            parameters |= normalization.start(self.norm, f"norm{i}", before) if i else {}
        return parameters | draw_head(rng, math.prod(self._size()) * channels[-1], self.outputs)

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the running statistics: those of batch normalisation."""
        blocks = range(1, self.depth) if self.norm == "batch" else ()
        return tuple(name for i in blocks for name in normalization.statistics(f"norm{i}"))

    def embed(self, ops: Backend, parameters: Tensors, x: Array) -> Array:
        """Compute features (n, f) of images (n, h, w, channels)."""

        def normalise(x: Array, name: str) -> Array:
            if self.norm == "instance":
                moments = normalization.moments_of(x, (1, 2))
            else:
                mean, variance = normalization.statistics(name)
                moments = parameters[mean], parameters[variance]
            return normalization.normalised(x, moments, parameters, name)

        return self._features(ops, parameters, x, normalise)

    def observe(self, ops: Backend, parameters: Tensors, x: Array) -> tuple[Array, Tensors]:
        """Compute features (n, f), normalised by this batch, and the next running statistics."""
        running: Tensors = {}

        def normalise(x: Array, name: str) -> Array:
            moments = normalization.moments_of(x, (0, 1, 2))
            running.update(normalization.remembered(moments, parameters, name))
            return normalization.normalised(x, moments, parameters, name)

        return self._features(ops, parameters, x, normalise), running

    def _features(
        self,
        ops: Backend,
        parameters: Tensors,
        x: Array,
        normalise: Callable[[Array, str], Array],
    ) -> Array:
        for i in range(self.depth):
            if i and self.norm != "none":
                x = normalise(x, f"norm{i}")
            weight, bias = parameters[f"conv{i}.weight"], parameters[f"conv{i}.bias"]
            x = conv_relu_pool(ops, x, weight, bias, self._padding(i))
        return array_namespace(x).reshape(x, (x.shape[0], -1))

    def _padding(self, block: int) -> int:
        return 3 if block == 0 and self.image[:2] == (28, 28) else 1

    def _size(self) -> tuple[int, int]:
        grown = 2 * (self._padding(0) - 1)
        return (self.image[0] + grown) >> self.depth, (self.image[1] + grown) >> self.depth
