"""Patches of images for matrix products (im2col), and the way back (col2im), on NumPy arrays.

Memory is laid out for what NumPy does fast: long inner loops. Images of many channels keep them
last; those of few, below `THIN`, are turned so that rows of pixels are contiguous.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

__all__ = ["THIN", "F", "Patches", "patches", "scattered"]

F: TypeAlias = np.ndarray[Any, np.dtype[np.floating[Any]]]

# With fewer channels than these, loops over pixels are longer than loops over a patch's row.
THIN = 8


class Patches(Protocol):
    """The patches of a few images, in memory that is used again for the next ones."""

    def interior(self) -> F:
        """View the images (n, h, w, c), zeros around them left out: to be written."""
        ...

    def rows(self) -> F:
        """Gather the patches of what was written: (pixels, r * r * c)."""
        ...


def patches(
    images: tuple[int, int, int, int], r: int, padding: int, dtype: Any, stride: int = 1
) -> Patches:
    """Make memory for the r x r patches, at a stride, of images (n, h, w, c) with zeros around."""
    kind = Thin if images[3] < THIN else Wide
    return kind(images, r, padding, dtype, stride)


class Wide:
    """Patches of images with many channels; see `Patches`."""

    def __init__(
        self, images: tuple[int, int, int, int], r: int, padding: int, dtype: Any, stride: int
    ) -> None:
        n, height, width, c = images
        padded = np.zeros((n, height + 2 * padding, width + 2 * padding, c), dtype)
        self._interior = padded[:, padding : padding + height, padding : padding + width]
        h, w = ((size - r) // stride + 1 for size in padded.shape[1:3])
        image, row, column, channel = padded.strides
        steps = (image, row * stride, column * stride, row, column, channel)
        self._view = as_strided(padded, (n, h, w, r, r, c), steps)
        self._columns = np.empty(self._view.shape, dtype)

    def interior(self) -> F:
        """View the images."""
        return self._interior

    def rows(self) -> F:
        """Gather the patches."""
        self._columns[...] = self._view
        n, h, w = self._columns.shape[:3]
        return self._columns.reshape(n * h * w, -1)


class Thin:
    """Patches of images with few channels, held by planes; see `Patches`."""

    def __init__(
        self, images: tuple[int, int, int, int], r: int, padding: int, dtype: Any, stride: int
    ) -> None:
        n, height, width, c = images
        padded = np.zeros((c, n, height + 2 * padding, width + 2 * padding), dtype)
        inside = padded[:, :, padding : padding + height, padding : padding + width]
        self._interior = inside.transpose(1, 2, 3, 0)
        h, w = ((size - r) // stride + 1 for size in padded.shape[2:])
        plane, image, row, column = padded.strides
        steps = (row, column, plane, image, row * stride, column * stride)
        self._view = as_strided(padded, (r, r, c, n, h, w), steps)
        self._columns = np.empty(self._view.shape, dtype)

    def interior(self) -> F:
        """View the images."""
        return self._interior

    def rows(self) -> F:
        """Gather the patches."""
        self._columns[...] = self._view
        r, _, c = self._columns.shape[:3]
        return self._columns.reshape(r * r * c, -1).T


def scattered(columns: F, into: F, r: int, padding: int, stride: int = 1) -> None:
    """Add up what patches, held by planes (r * r * c, pixels), say of images (n, h, w, c)."""
    n, height, width, c = into.shape
    padded = np.zeros((c, n, height + 2 * padding, width + 2 * padding), into.dtype)
    h, w = ((size - r) // stride + 1 for size in padded.shape[2:])
    planes = columns.reshape(r, r, c, n, h, w)
    high, wide = (h - 1) * stride + 1, (w - 1) * stride + 1
    for i in range(r):
        for j in range(r):
            padded[:, :, i : i + high : stride, j : j + wide : stride] += planes[i, j]
    inside = padded[:, :, padding : padding + height, padding : padding + width]
    into[...] = inside.transpose(1, 2, 3, 0)
