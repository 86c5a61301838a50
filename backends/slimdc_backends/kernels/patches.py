"""Patches of images for matrix products (im2col), and the way back (col2im), on NumPy arrays.

Memory is laid out for what NumPy does fast: long inner loops. Images of many channels keep them
last; those of few, below `THIN`, are turned so that rows of pixels are contiguous.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

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


def patches(images: tuple[int, int, int, int], r: int, padding: int, dtype: Any) -> Patches:
    """Make memory for the r x r patches of images (n, h, w, c) with zeros around."""
    kind = Thin if images[3] < THIN else Wide
    return kind(images, r, padding, dtype)


class Wide:
    """Patches of images with many channels; see `Patches`."""

    def __init__(self, images: tuple[int, int, int, int], r: int, padding: int, dtype: Any) -> None:
        n, height, width, c = images
        padded = np.zeros((n, height + 2 * padding, width + 2 * padding, c), dtype)
        self._interior = padded[:, padding : padding + height, padding : padding + width]
        h, w = padded.shape[1] - r + 1, padded.shape[2] - r + 1
        image, row, column, channel = padded.strides
        self._view = as_strided(
            padded, (n, h, w, r, r, c), (image, row, column, row, column, channel)
        )
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

    def __init__(self, images: tuple[int, int, int, int], r: int, padding: int, dtype: Any) -> None:
        n, height, width, c = images
        padded = np.zeros((c, n, height + 2 * padding, width + 2 * padding), dtype)
        inside = padded[:, :, padding : padding + height, padding : padding + width]
        self._interior = inside.transpose(1, 2, 3, 0)
        h, w = padded.shape[2] - r + 1, padded.shape[3] - r + 1
        plane, image, row, column = padded.strides
        self._view = as_strided(
            padded, (r, r, c, n, h, w), (row, column, plane, image, row, column)
        )
        self._columns = np.empty(self._view.shape, dtype)

    def interior(self) -> F:
        """View the images."""
        return self._interior

    def rows(self) -> F:
        """Gather the patches."""
        self._columns[...] = self._view
        r, _, c = self._columns.shape[:3]
        return self._columns.reshape(r * r * c, -1).T


def scattered(columns: F, into: F, r: int, padding: int) -> None:
    """Add up what patches, held by planes (r * r * c, pixels), say of images (n, h, w, c)."""
    n, height, width, c = into.shape
    padded = np.zeros((c, n, height + 2 * padding, width + 2 * padding), into.dtype)
    h, w = padded.shape[2] - r + 1, padded.shape[3] - r + 1
    planes = columns.reshape(r, r, c, n, h, w)
    for i in range(r):
        for j in range(r):
            padded[:, :, i : i + h, j : j + w] += planes[i, j]
    inside = padded[:, :, padding : padding + height, padding : padding + width]
    into[...] = inside.transpose(1, 2, 3, 0)
