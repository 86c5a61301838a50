"""VGG-11 for small images."""

from __future__ import annotations

from dataclasses import dataclass

from slimdc.backend import Array, max_pool
from slimdc.networks.chain import Chain, Layer
from slimdc.networks.normalization import Norm

__all__ = ["VGG11"]


@dataclass(frozen=True)
class VGG11(Chain):
    """VGG-11 for 32 x 32 images, of DatasetCondensation: eight layers, five max poolings.

    64, 128, 256, 256, 512, 512, 512 and 512 filters 3 x 3 with bias, pooled after the first, the
    second and every second one from there, and a linear head on 512 features
    (github.com/VICO-UoE/DatasetCondensation, networks.py, classes VGG11 and VGG11BN). The first
    layer pads 28 x 28 images to 32 x 32. Parameters start as PyTorch's layers do.

    FRePo's (github.com/yongchaoz/FRePo, lib/models/networks.py) has the same layers and poolings,
    but, as published, 128 filters in each layer, no normalisation unless asked for, and in its
    script average pooling.

    Parameters
    ----------
    image : tuple of int
        Height, width and channels; at least 32 x 32, or 28 x 28.
    outputs : int
        Label entries c.
    width : int
        Filters of the first layer; the others are in proportion.
    norm : {"instance", "batch", "none"}
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
    >>> network = VGG11((28, 28, 1), 10, width=4)
    >>> parameters = network.draw(np.random.default_rng(0))
    >>> network.embed(backend.get("numpy"), parameters, np.zeros((1, 28, 28, 1))).shape
    (1, 32)
    """

    image: tuple[int, int, int]
    outputs: int
    width: int = 64
    norm: Norm = "instance"

    def _layers(self) -> tuple[Layer, ...]:
        once, twice, four, eight = (self.width * times for times in (1, 2, 4, 8))
        return (
            Layer(once, pooled=True),
            Layer(twice, pooled=True),
            Layer(four),
            Layer(four, pooled=True),
            Layer(eight),
            Layer(eight, pooled=True),
            Layer(eight),
            Layer(eight, pooled=True),
        )

    def _pool(self, x: Array) -> Array:
        return max_pool(x, 2, 2)
