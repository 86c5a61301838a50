"""Several samples in one stored image, as IDC holds them (multi-formation).

Kim, Kim, Oh, Yun, Song, Jeong, Ha and Song, "Dataset Condensation via Efficient Synthetic-Data
Parameterization", ICML 2022. A stored image is a mosaic of f by f small ones, and each of these is
enlarged by bilinear interpolation to a sample. So that many samples are had for the numbers of one
image, and the small images are what is trained. A set and its file hold the enlarged samples:
fewer numbers are stored only where the set is slimmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import whole_number
from slimdc.backend import Array, Tensors
from slimdc.errors import InvalidValueError
from slimdc.parameterization.dataset import SlimmableDataset
from slimdc.parameterization.factors import network_input
from slimdc.parameterization.pixels import PixelParameterization

__all__ = ["FormationParameterization", "Host", "bilinear", "enlarged"]

Host = np.ndarray


def bilinear(size: int, factor: int) -> Host:
    """Make the matrix that enlarges an axis by bilinear interpolation.

    Values sit in the middle of their cells, and beyond the outermost the nearest is taken, as in
    PyTorch's ``interpolate`` without ``align_corners``.

    Parameters
    ----------
    size : int
        Values after it.
    factor : int
        How many times as many these are as before it.

    Returns
    -------
    numpy.ndarray of float64, shape (size, size // factor)

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If the factor is no whole number from 1, or does not divide the size.

    Examples
    --------
    >>> bilinear(4, 2).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    whole_number("factor", factor, at_least=1, at_most=size)
    if size % factor:
        raise InvalidValueError("factor", str(factor), f"a divisor of the images' side of {size}")
    small = size // factor
    place = np.clip((np.arange(size) + 0.5) / factor - 0.5, 0.0, small - 1.0)
    low = np.minimum(place.astype(np.int64), max(small - 2, 0))
    matrix = np.zeros((size, small))
    rows = np.arange(size)
    matrix[rows, low] = 1.0 - (place - low)
    matrix[rows, np.minimum(low + 1, small - 1)] += place - low
    return matrix


def enlarged(x: Array, rows: Array, columns: Array) -> Array:
    """Apply a matrix to the rows, and one to the columns, of images (n, h, w, channels).

    Examples
    --------
    >>> x = np.asarray([[1.0, 5.0]]).reshape(1, 1, 2, 1)
    >>> enlarged(x, np.ones((2, 1)), bilinear(4, 2))[0, :, :, 0].tolist()
    [[1.0, 2.0, 4.0, 5.0], [1.0, 2.0, 4.0, 5.0]]
    """
    xp, (n, h, w, c) = array_namespace(x), x.shape
    x = xp.matmul(rows, xp.reshape(x, (n, h, w * c)))
    x = xp.matmul(columns, xp.reshape(x, (-1, w, c)))
    return xp.reshape(x, (n, rows.shape[0], columns.shape[0], c))


@dataclass(frozen=True)
class FormationParameterization:
    """A set held as small images, which are trained, each enlarged to a sample.

    Parameters
    ----------
    pixels : PixelParameterization
        The samples that training starts from, and what the result is like. Its labels are fixed.
    factor : int
        How many times as high and as wide a sample is as its small image.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If samples are no images, or the factor does not divide their height and width.
    """

    pixels: PixelParameterization
    factor: int

    def __post_init__(self) -> None:
        known = self.pixels.start_set.description
        if known.layout == "flat":
            found = f"{self.factor} for samples of shape {known.shape}"
            raise InvalidValueError("factor", found, "1 where samples are no images")
        self._matrices()

    @property
    def count(self) -> int:
        """Number of samples."""
        return self.pixels.count

    def start(self) -> Tensors:
        """Give the small images whose enlargements are nearest to the samples."""
        x = network_input(self.pixels.start()["x"], self.pixels.start_set.description)
        inverses = (self.pixels.compute.asarray(np.linalg.pinv(m)) for m in self._matrices())
        return {"x": enlarged(x, *inverses)}

    def samples(self, tensors: Tensors) -> tuple[Array, Array]:
        """Give samples as networks take them, and label rows (N, c)."""
        return self.pixels.samples(self._pixels(tensors))

    def tangent(self, tensors: Tensors, gradients: Tensors) -> Tensors:
        """Give gradients, or steps, as they are: small images may move anywhere."""
        return self.pixels.tangent(tensors, gradients)

    def move(self, tensors: Tensors, step: Tensors) -> Tensors:
        """Take a step."""
        return self.pixels.move(tensors, step)

    def finish(self, tensors: Tensors) -> SlimmableDataset:
        """Make a set of all samples, by the SVD of each class.

        Raises
        ------
        NumericalError
            A sample is not finite.
        """
        return self.pixels.finish(self._pixels(tensors))

    def _pixels(self, tensors: Tensors) -> Tensors:
        x = enlarged(tensors["x"], *self._entered)
        xp = array_namespace(x)
        if self.pixels.start_set.layout == "channels_first":
            x = xp.permute_dims(x, (0, 3, 1, 2))
        return {"x": xp.reshape(x, (x.shape[0], -1))}

    def _matrices(self) -> tuple[Host, Host]:
        known = self.pixels.start_set.description
        h, w = known.shape[1:] if known.layout == "channels_first" else known.shape[:2]
        return bilinear(h, self.factor), bilinear(w, self.factor)

    @cached_property
    def _entered(self) -> tuple[Array, Array]:
        rows, columns = self._matrices()
        return self.pixels.compute.asarray(rows), self.pixels.compute.asarray(columns)
