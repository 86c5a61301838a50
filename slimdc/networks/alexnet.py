"""AlexNet for small images."""

from __future__ import annotations

from dataclasses import dataclass

from slimdc.backend import Array, max_pool
from slimdc.networks.chain import Chain, Layer
from slimdc.networks.normalization import Norm

__all__ = ["AlexNet"]


@dataclass(frozen=True)
class AlexNet(Chain):
    """AlexNet for 32 x 32 images, of DatasetCondensation and FRePo: five layers, three poolings.

    128 filters 5 x 5, max pooling, 192 filters 5 x 5, max pooling, 256, 192 and 192 filters 3 x 3,
    max pooling, and a linear head on 3,072 features; all with bias, without normalisation
    (github.com/VICO-UoE/DatasetCondensation, networks.py, classes AlexNet and AlexNetBN;
    github.com/yongchaoz/FRePo, lib/models/networks.py, has the same layers). FRePo's script pools
    averages by default. The first layer pads 28 x 28 images to 32 x 32. Parameters start as
    PyTorch's layers do.

    Parameters
    ----------
    image : tuple of int
        Height, width and channels; at least 8 x 8.
    outputs : int
        Label entries c.
    width : int
        Filters of the first layer; the others are in proportion, 3/2, 2, 3/2 and 3/2, rounded down.
    norm : {"none", "batch", "instance"}
        Normalisation between convolution and ReLU; the source has the first two.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a number is none, or below 1, the images are too small, or there is no such
        normalisation.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc import backend
    >>> network = AlexNet((32, 32, 3), 10, width=8)
    >>> parameters = network.draw(np.random.default_rng(0))
    >>> network.embed(backend.get("numpy"), parameters, np.zeros((1, 32, 32, 3))).shape
    (1, 192)
    """

    image: tuple[int, int, int]
    outputs: int
    width: int = 128
    norm: Norm = "none"

    def _layers(self) -> tuple[Layer, ...]:
        wider, widest = self.width * 3 // 2, self.width * 2
        return (
            Layer(self.width, kernel=5, pooled=True),
            Layer(wider, kernel=5, pooled=True),
            Layer(widest),
            Layer(wider),
            Layer(wider, pooled=True),
        )

    def _pool(self, x: Array) -> Array:
        return max_pool(x, 2, 2)
