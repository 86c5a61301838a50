"""The paper's ConvNet, after FRePo."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import at_least_one
from slimdc.backend import Array, Backend, Tensors, conv_relu_pool
from slimdc.errors import InvalidValueError
from slimdc.networks import normalization
from slimdc.networks.images import extra_padding, pooled
from slimdc.networks.initialization import draw_head, lecun_normal
from slimdc.networks.normalization import Floats, Norm, Normalise

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
        if min(pooled(self.image, self.depth)) < 1:
            raise InvalidValueError(
                "depth",
                f"{self.depth} poolings of {self.image[0]} x {self.image[1]} images",
                "fewer: a smaller depth in the settings, network='resnet18', or layout='flat'",
            )

    def draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw parameters; filters are (3, 3, c_in, c_out)."""
        channels = (self.image[2], *(self.width << i for i in range(self.depth)))
        parameters: dict[str, Floats] = {}
        for i, (before, after) in enumerate(itertools.pairwise(channels)):
            parameters[f"conv{i}.weight"] = lecun_normal(rng, (3, 3, before, after))
            parameters[f"conv{i}.bias"] = np.zeros(after)
            parameters |= normalization.start(self.norm, f"norm{i}", before) if i else {}
        features = math.prod(pooled(self.image, self.depth)) * channels[-1]
        return parameters | draw_head(rng, features, self.outputs)

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the running statistics: those of batch normalisation."""
        blocks = range(1, self.depth) if self.norm == "batch" else ()
        return tuple(name for i in blocks for name in normalization.statistics(f"norm{i}"))

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
        for i in range(self.depth):
            x = normalise(x, f"norm{i}") if i else x
            weight, bias = parameters[f"conv{i}.weight"], parameters[f"conv{i}.bias"]
            padding = 1 if i else 1 + extra_padding(self.image)
            x = conv_relu_pool(ops, x, weight, bias, padding)
        return array_namespace(x).reshape(x, (x.shape[0], -1))
