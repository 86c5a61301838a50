"""The ConvNet on which most of the literature evaluates condensed sets."""

from __future__ import annotations

from dataclasses import dataclass

from slimdc._checks import at_least_one
from slimdc.backend import Array, average_pool
from slimdc.errors import InvalidValueError
from slimdc.networks.chain import Chain, Layer
from slimdc.networks.images import pooled
from slimdc.networks.normalization import Norm

__all__ = ["LiteratureConvNet"]


@dataclass(frozen=True)
class LiteratureConvNet(Chain):
    """The literature's ConvNet: convolution, instance norm, ReLU, 2 x 2 average pooling.

    It is that of DC, DSA, DM and those that evaluate as they do
    (github.com/VICO-UoE/DatasetCondensation, networks.py, class ConvNet): 3 x 3 filters with bias,
    of one width in every block, and a linear head with bias on 2,048 features of 32 x 32 images.
    The first block pads 28 x 28 images to 32 x 32. Parameters start as PyTorch's layers do,
    uniform in ±1/√fan-in, biases too. The paper's own, after FRePo, is `ConvNet`.

    Parameters
    ----------
    image : tuple of int
        Height, width and channels.
    outputs : int
        Label entries c.
    width : int
        Filters of each block.
    depth : int
        Number of blocks.
    norm : {"instance", "batch", "none"}
        Normalisation between convolution and ReLU; the source has all three.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a number is none, or below 1, the images are too small for that many poolings, or there
        is no such normalisation.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc import backend
    >>> network = LiteratureConvNet((32, 32, 3), 10)
    >>> parameters = network.draw(np.random.default_rng(0))
    >>> sum(x.size for x in parameters.values())
    320010
    >>> network.embed(backend.get("numpy"), parameters, np.zeros((1, 32, 32, 3))).shape
    (1, 2048)
    """

    image: tuple[int, int, int]
    outputs: int
    width: int = 128
    depth: int = 3
    norm: Norm = "instance"

    def __post_init__(self) -> None:
        at_least_one(depth=self.depth)
        if min(pooled(self.image, self.depth)) < 1:
            raise InvalidValueError(
                "depth",
                f"{self.depth} poolings of {self.image[0]} x {self.image[1]} images",
                "fewer: a smaller depth in the settings, network='resnet18', or layout='flat'",
            )
        super().__post_init__()

    def _layers(self) -> tuple[Layer, ...]:
        return (Layer(self.width, pooled=True),) * self.depth

    def _pool(self, x: Array) -> Array:
        return average_pool(x, 2, 2)
