"""Convolution, ReLU and average pooling as one block on NumPy arrays, forward and backward.

Images are taken a few at a time: their patches are gathered by a strided view (im2col) for one
matrix product, and everything after it works on memory that is still in the cache. Chunks have a
fixed size and weight gradients a fixed order of summation, so that results do not depend on how
many threads share the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

# Four 16 x 16 images of 32 channels have patches of 1.2 MB: they stay in a core's cache.
CHUNK = 4
# Chunks are shared among threads in at most this many groups, each with buffers of its own.
GROUPS = 8

F = np.ndarray[Any, np.dtype[np.floating[Any]]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
Map = Callable[[Callable[[slice], Any], Iterable[slice]], Iterable[Any]]


@dataclass(frozen=True)
class Block:
    """One block: images (n, h, w, c_in), filters (r, r, c_in, c_out), and the zeros around.

    Parameters
    ----------
    x, weight : numpy.ndarray
        Images and filters.
    padding : int
        Rows and columns of zeros on each side.
    """

    x: F
    weight: F
    padding: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the convolution's output."""
        grow = 2 * self.padding - self.weight.shape[0] + 1
        return self.x.shape[1] + grow, self.x.shape[2] + grow

    @property
    def matrix(self) -> F:
        """The filters as a matrix (r * r * c_in, c_out)."""
        return self.weight.reshape(-1, self.weight.shape[3])

    def groups(self) -> Iterator[slice]:
        """Split the images for threads."""
        n = self.x.shape[0]
        return _split(slice(0, n), CHUNK * -(-n // (CHUNK * GROUPS)))

    def patches(self, images: slice) -> Iterator[tuple[slice, F]]:
        """Yield chunks of images and their patches (pixels, r * r * c_in), in one buffer."""
        _, height, width, channels = self.x.shape
        (h, w), r, p = self.size, self.weight.shape[0], self.padding
        # Buffers are made once for a group: fresh memory costs as much as the copy into it.
        padded = np.zeros((CHUNK, height + 2 * p, width + 2 * p, channels), dtype=self.x.dtype)
        image, row, column, channel = padded.strides
        view = as_strided(
            padded, (CHUNK, h, w, r, r, channels), (image, row, column, row, column, channel)
        )
        columns = np.empty(view.shape, dtype=self.x.dtype)
        for part in _split(images, CHUNK):
            count = part.stop - part.start
            padded[:count, p : p + height, p : p + width] = self.x[part]
            columns[:count] = view[:count]
            yield part, columns[:count].reshape(count * h * w, -1)


def forward(
    x: F, weight: F, bias: F, padding: int, parallel: Map, keep: bool
) -> tuple[F, Bools | None]:
    """Compute a block's output (n, h // 2, w // 2, c_out), and where ReLU let values through.

    The second result has the shape of the convolution's output; it is None unless ``keep``.
    """
    block = Block(x, weight, padding)
    n, (h, w), channels = x.shape[0], block.size, weight.shape[3]
    out = np.empty((n, h // 2, w // 2, channels), dtype=x.dtype)
    passed = np.empty((n, h, w, channels), dtype=np.bool_) if keep else None
    matrix = block.matrix

    def group(images: slice) -> None:
        convolved = np.empty((CHUNK, h, w, channels), dtype=x.dtype)
        for part, columns in block.patches(images):
            z = convolved[: part.stop - part.start]
            np.matmul(columns, matrix, out=z.reshape(-1, channels))
            z += bias
            if passed is not None:
                np.greater(z, 0, out=passed[part])
            np.maximum(z, 0, out=z)
            pooled, corners = out[part], _corners(z)
            np.add(corners[0], corners[1], out=pooled)
            pooled += corners[2]
            pooled += corners[3]
            pooled *= 0.25

    for _ in parallel(group, block.groups()):
        pass
    return out, passed


def backward(
    gradient: F,
    x: F,
    weight: F,
    passed: Bools,
    padding: int,
    parallel: Map,
    wanted: tuple[bool, bool],
) -> tuple[F | None, F | None, F | None]:
    """Gradients of a block in x, weight and bias; ``wanted`` says which (x, parameters)."""
    block = Block(x, weight, padding)
    parts = list(block.groups())
    of_x = _in_x(gradient, block, passed, parallel) if wanted[0] else None
    if not wanted[1]:
        return of_x, None, None
    channels = weight.shape[3]

    def group(images: slice) -> tuple[F, F]:
        of_weight, of_bias = np.zeros_like(block.matrix), np.zeros(channels, dtype=x.dtype)
        ungated = _ungated(gradient, passed, images)
        for (_, columns), (_, g) in zip(block.patches(images), ungated, strict=True):
            rows = g.reshape(-1, channels)
            of_weight += columns.T @ rows
            of_bias += rows.sum(axis=0)
        return of_weight, of_bias

    # Added in the order of the groups, as they are ready: few are held at a time.
    sums = iter(parallel(group, parts))
    total, bias = next(sums)
    for more, more_bias in sums:
        total += more
        bias += more_bias
    return of_x, total.reshape(weight.shape), bias


def _in_x(gradient: F, block: Block, passed: Bools, parallel: Map) -> F:
    of_x = np.empty_like(block.x)
    matrix, r, p = block.matrix, block.weight.shape[0], block.padding
    _, height, width, c_in = block.x.shape
    h, w = block.size

    def group(images: slice) -> None:
        padded = np.empty((CHUNK, height + 2 * p, width + 2 * p, c_in), dtype=block.x.dtype)
        scattered = np.empty((CHUNK, h, w, r, r, c_in), dtype=block.x.dtype)
        for part, g in _ungated(gradient, passed, images):
            count = part.stop - part.start
            rows = g.reshape(-1, g.shape[3])
            np.matmul(rows, matrix.T, out=scattered[:count].reshape(len(rows), -1))
            padded[:count] = 0
            for i in range(r):
                for j in range(r):
                    padded[:count, i : i + h, j : j + w] += scattered[:count, :, :, i, j]
            of_x[part] = padded[:count, p : p + height, p : p + width]

    for _ in parallel(group, block.groups()):
        pass
    return of_x


def _ungated(gradient: F, passed: Bools, images: slice) -> Iterator[tuple[slice, F]]:
    """Yield chunks of the gradient of the convolution's output: back through pool and ReLU."""
    buffer = np.zeros((CHUNK, *passed.shape[1:]), dtype=gradient.dtype)
    for part in _split(images, CHUNK):
        g = buffer[: part.stop - part.start]
        quarter = gradient[part] * gradient.dtype.type(0.25)
        for into, mask in zip(_corners(g), _corners(passed[part]), strict=True):
            np.multiply(quarter, mask, out=into)
        yield part, g


def _split(images: slice, size: int) -> Iterator[slice]:
    for i in range(images.start, images.stop, size):
        yield slice(i, min(i + size, images.stop))


def _corners(x: Any) -> tuple[Any, Any, Any, Any]:
    """View the four values of every 2 x 2 window; a last odd row or column is left out."""
    h, w = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    return x[:, 0:h:2, 0:w:2], x[:, 0:h:2, 1:w:2], x[:, 1:h:2, 0:w:2], x[:, 1:h:2, 1:w:2]
