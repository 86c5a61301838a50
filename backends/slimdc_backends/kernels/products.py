"""A convolution of NumPy arrays and its two gradients, each by matrix products of patches.

Images are taken a few at a time, as in ``convolution.py``, whose block of convolution, ReLU and
pooling is faster than its parts; this is what all other networks are made of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from slimdc_backends.kernels.chunks import Map, chunks, groups
from slimdc_backends.kernels.patches import THIN, F, Patches, patches, scattered

__all__ = ["NumpyProducts"]


@dataclass(frozen=True)
class NumpyProducts:
    """The three products of a convolution; see `slimdc_backends.tape.Products`.

    Parameters
    ----------
    image : tuple of int
        Height, width and channels of the images.
    r, stride, padding : int
        Size of the filters, the way from one patch to the next, and zeros on each side.
    parallel : Map
        Maps a function over groups of images.
    """

    image: tuple[int, int, int]
    r: int
    stride: int
    padding: int
    parallel: Map

    def of_both(self, x: F, weight: F) -> F:
        """Convolve images (n, h, w, c_in) with filters (r, r, c_in, c_out)."""
        channels, dtype = weight.shape[3], np.result_type(x, weight)
        rows, columns = ((n + 2 * self.padding - self.r) // self.stride + 1 for n in self.image[:2])
        z = np.empty((x.shape[0], rows, columns, channels), dtype)
        matrix = weight.reshape(-1, channels).astype(dtype, copy=False)

        def group(images: slice) -> None:
            for part, gathered in chunks(images, self._memory(dtype)):
                gathered.interior()[...] = x[part]
                np.matmul(gathered.rows(), matrix, out=z[part].reshape(-1, channels))

        for _ in self.parallel(group, groups(x.shape[0])):
            pass
        return z

    def of_filters(self, x: F, gradient: F) -> F:
        """Bring the gradient of z back to the filters."""
        channels, dtype = gradient.shape[3], np.result_type(x, gradient)
        total = np.zeros((self.r * self.r * self.image[2], channels), dtype)

        def group(images: slice) -> F:
            of_group = np.zeros_like(total)
            for part, gathered in chunks(images, self._memory(dtype)):
                gathered.interior()[...] = x[part]
                of_group += gathered.rows().T @ gradient[part].reshape(-1, channels)
            return of_group

        # Added in the order of the groups, as they are ready: few are held at a time.
        for of_group in self.parallel(group, groups(x.shape[0])):
            total += of_group
        return total.reshape(self.r, self.r, self.image[2], channels)

    def of_images(self, weight: F, gradient: F) -> F:
        """Bring the gradient of z back to the images.

        As in ``convolution.py``, the product of gradient and filters is scattered, or the gradient,
        with zeros around, is convolved with turned filters.
        """
        channels = gradient.shape[3]
        if self.stride == 1 and self.image[2] >= THIN and self.padding < self.r:
            turned = weight[::-1, ::-1].transpose(0, 1, 3, 2)
            around = self.r - 1 - self.padding
            back = NumpyProducts(gradient.shape[1:], self.r, 1, around, self.parallel)
            return back.of_both(gradient, turned)
        of_x = np.empty((gradient.shape[0], *self.image), np.result_type(weight, gradient))
        matrix = weight.reshape(-1, channels)

        def group(images: slice) -> None:
            for part, _ in chunks(images, lambda _: None):
                columns = matrix @ gradient[part].reshape(-1, channels).T
                scattered(columns, of_x[part], self.r, self.padding, self.stride)

        for _ in self.parallel(group, groups(gradient.shape[0])):
            pass
        return of_x

    def _memory(self, dtype: Any) -> Callable[[int], Patches]:
        """Make memory for the patches of so many images."""
        return lambda n: patches((n, *self.image), self.r, self.padding, dtype, self.stride)
