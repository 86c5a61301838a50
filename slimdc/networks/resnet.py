"""ResNet-18 for small images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import at_least_one
from slimdc.backend import Array, Backend, Tensors, relu
from slimdc.errors import InvalidValueError
from slimdc.networks import normalization
from slimdc.networks.initialization import draw_uniform_head, uniform
from slimdc.networks.normalization import Floats, Norm, Normalise

__all__ = ["ResNet18"]

_STAGES = 4
_BLOCKS = 2  # of each stage


class _Block(NamedTuple):
    name: str
    before: int
    after: int
    stride: int

    @property
    def projects(self) -> bool:
        """Whether the way around the block needs a convolution, to have the block's shape."""
        return self.stride != 1 or self.before != self.after


@dataclass(frozen=True)
class ResNet18:
    """ResNet-18 for 32 x 32 images, of DatasetCondensation: four stages of two basic blocks.

    A stem of 64 filters 3 x 3, stages of 64, 128, 256 and 512 filters 3 x 3, the last three of
    which begin with stride 2, the mean over all positions (4 x 4 of them in 32 x 32 images), and a
    linear head with bias on 512 features. A block is convolution, normalisation, ReLU, convolution
    and normalisation, added to its input, and ReLU; where shapes differ, the input passes through a
    1 x 1 convolution and a normalisation. Convolutions have no bias
    (github.com/VICO-UoE/DatasetCondensation, networks.py, classes ResNet18 and ResNet18BN; the
    layers are those of He et al., arXiv 1512.03385, with the stem for small images). Parameters
    start as PyTorch's layers do.

    FRePo's (github.com/yongchaoz/FRePo, lib/models/networks.py) has the same convolutions, but, as
    published, a normalisation after the stem only, none unless asked for, and a head on all
    8,192 values of the last stage.

    Parameters
    ----------
    image : tuple of int
        Height, width and channels; with instance norm more than 8 rows or columns, since one pixel
        normalised by itself is always zero.
    outputs : int
        Label entries c.
    width : int
        Filters of the stem and the first stage; the others are in proportion.
    norm : {"instance", "batch", "none"}
        Normalisation; the source has the first two.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a number is none, or below 1, the images are too small, or there is no such
        normalisation.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc import backend
    >>> network = ResNet18((32, 32, 3), 10, width=4)
    >>> parameters = network.draw(np.random.default_rng(0))
    >>> network.embed(backend.get("numpy"), parameters, np.zeros((1, 32, 32, 3))).shape
    (1, 32)
    """

    image: tuple[int, int, int]
    outputs: int
    width: int = 64
    norm: Norm = "instance"

    def __post_init__(self) -> None:
        at_least_one(width=self.width, outputs=self.outputs)
        normalization.checked(self.norm)
        least = 8 if self.norm == "instance" else 0
        if min(self.image[:2]) < 1 or max(self.image[:2]) <= least:
            raise InvalidValueError(
                "image",
                f"{self.image[0]} x {self.image[1]}",
                f"more than {least} rows or columns, and none of 0, with norm={self.norm!r}",
            )

    def draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw parameters; filters are (3, 3, c_in, c_out), or (1, 1, c_in, c_out)."""
        parameters: dict[str, Floats] = {}
        for name, (kernel, before, after) in self._convolutions():
            shape, fan_in = (kernel, kernel, before, after), kernel * kernel * before
            parameters[f"{name}.weight"] = uniform(rng, shape, fan_in)
            parameters |= normalization.start(self.norm, name, after)
        return parameters | draw_uniform_head(rng, self.width << _STAGES - 1, self.outputs)

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the running statistics: those of batch normalisation."""
        names = [name for name, _ in self._convolutions()] if self.norm == "batch" else ()
        return tuple(held for name in names for held in normalization.statistics(name))

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
        def convolved(x: Array, name: str, stride: int = 1) -> Array:
            weight = parameters[f"{name}.weight"]
            return normalise(ops.conv(x, weight, stride, weight.shape[0] // 2), name)

        x = relu(convolved(x, "stem"))
        for block in self._blocks():
            inside = relu(convolved(x, f"{block.name}.first", block.stride))
            inside = convolved(inside, f"{block.name}.second")
            if block.projects:
                x = convolved(x, f"{block.name}.shortcut", block.stride)
            x = relu(inside + x)
        return array_namespace(x).sum(x, axis=(1, 2)) * (1.0 / (x.shape[1] * x.shape[2]))

    def _blocks(self) -> Iterator[_Block]:
        before = self.width
        for i in range(_STAGES * _BLOCKS):
            stage, place = divmod(i, _BLOCKS)
            after, stride = self.width << stage, 2 if stage and not place else 1
            yield _Block(f"block{i}", before, after, stride)
            before = after

    def _convolutions(self) -> Iterator[tuple[str, tuple[int, int, int]]]:
        """Name every convolution, each with its kernel, and its channels before and after."""
        yield "stem", (3, self.image[2], self.width)
        for block in self._blocks():
            yield f"{block.name}.first", (3, block.before, block.after)
            yield f"{block.name}.second", (3, block.after, block.after)
            if block.projects:
                yield f"{block.name}.shortcut", (1, block.before, block.after)
