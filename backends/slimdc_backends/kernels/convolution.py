"""Convolution, ReLU and average pooling as one block on NumPy arrays, forward and backward.

Images are taken a few at a time: their patches are gathered for one matrix product, and everything
after it works on memory that is still in the cache. Chunks have a fixed size and weight gradients a
fixed order of summation, so that results do not depend on how many threads share the work. The
quarter of the average is taken in the filters, which a power of two does not round.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from slimdc_backends.kernels.chunks import Map, chunks, groups
from slimdc_backends.kernels.patches import THIN, F, Patches, patches, scattered

__all__ = ["Bools", "backward", "forward"]

QUARTER = 0.25

Bools: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]


def forward(
    x: F, weight: F, bias: F, padding: int, parallel: Map, keep: bool
) -> tuple[F, Bools | None]:
    """Compute a block's output (n, h // 2, w // 2, c_out), and where ReLU let values through.

    Shapes are x (n, height, width, c_in), weight (r, r, c_in, c_out). The second result has the
    shape of the convolution's output (n, h, w, c_out); it is None unless ``keep``.
    """
    r, channels = weight.shape[0], weight.shape[3]
    h, w = _size(x, weight, padding)
    out = np.empty((x.shape[0], h // 2, w // 2, channels), x.dtype)
    passed = np.empty((x.shape[0], h, w, channels), np.bool_) if keep else None
    matrix = _matrix(weight) * QUARTER
    # Repeated along a row of pixels: a longer inner loop.
    shift = np.tile(bias * QUARTER, w)

    def memory(count: int) -> tuple[Patches, F]:
        z = np.empty((count, h, w, channels), x.dtype)
        return patches((count, *x.shape[1:]), r, padding, x.dtype), z

    def group(images: slice) -> None:
        for part, (gathered, z) in chunks(images, memory):
            gathered.interior()[...] = x[part]
            np.matmul(gathered.rows(), matrix, out=z.reshape(-1, channels))
            lines = z.reshape(-1, w * channels)
            lines += shift
            if passed is not None:
                np.greater(z, 0, out=passed[part])
            np.maximum(z, 0, out=z)
            pooled, corners = out[part], _corners(z)
            np.add(corners[0], corners[1], out=pooled)
            pooled += corners[2]
            pooled += corners[3]

    for _ in parallel(group, groups(x.shape[0])):
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
    of_x = _in_x(gradient, x, weight, passed, padding, parallel) if wanted[0] else None
    if not wanted[1]:
        return of_x, None, None
    return of_x, *_in_parameters(gradient, x, weight, passed, padding, parallel)


def _in_parameters(
    gradient: F, x: F, weight: F, passed: Bools, padding: int, parallel: Map
) -> tuple[F, F]:
    r, channels = weight.shape[0], weight.shape[3]
    h, w = _size(x, weight, padding)

    def memory(count: int) -> tuple[Patches, F]:
        g = np.zeros((count, h, w, channels), x.dtype)
        return patches((count, *x.shape[1:]), r, padding, x.dtype), g

    def group(images: slice) -> tuple[F, F]:
        of_weight, of_bias = np.zeros_like(_matrix(weight)), np.zeros(channels, x.dtype)
        for part, (gathered, g) in chunks(images, memory):
            gathered.interior()[...] = x[part]
            _ungated(gradient[part], passed[part], g)
            rows = g.reshape(-1, channels)
            of_weight += gathered.rows().T @ rows
            of_bias += np.ones(len(rows), x.dtype) @ rows
        return of_weight, of_bias

    # Added in the order of the groups, as they are ready: few are held at a time.
    sums = iter(parallel(group, groups(x.shape[0])))
    total, bias = next(sums)
    for more, more_bias in sums:
        total += more
        bias += more_bias
    return total.reshape(weight.shape) * QUARTER, bias * QUARTER


def _in_x(gradient: F, x: F, weight: F, passed: Bools, padding: int, parallel: Map) -> F:
    """Scatter the product of gradient and filters, or gather the gradient for turned filters.

    Both give the same sums. Scattering costs by the channels that come in, gathering by those that
    go out; it needs zeros around the gradient, of which there are r - 1 - padding.
    """
    r, _, c_in, channels = weight.shape
    h, w = _size(x, weight, padding)
    of_x = np.empty_like(x)
    few = c_in < THIN or padding >= r
    if few:
        matrix = _matrix(weight) * QUARTER
    else:
        matrix = np.empty((r * r * channels, c_in), x.dtype)
        turned = weight[::-1, ::-1].transpose(0, 1, 3, 2)
        np.multiply(turned, QUARTER, out=matrix.reshape(turned.shape))

    def scatter(images: slice) -> None:
        for part, g in chunks(images, lambda count: np.zeros((count, h, w, channels), x.dtype)):
            _ungated(gradient[part], passed[part], g)
            scattered(matrix @ g.reshape(-1, channels).T, of_x[part], r, padding)

    def gather(images: slice) -> None:
        shape = (h, w, channels)
        around = r - 1 - padding
        for part, g in chunks(images, lambda n: patches((n, *shape), r, around, x.dtype)):
            _ungated(gradient[part], passed[part], g.interior())
            np.matmul(g.rows(), matrix, out=of_x[part].reshape(-1, c_in))

    for _ in parallel(scatter if few else gather, groups(x.shape[0])):
        pass
    return of_x


def _ungated(gradient: F, passed: Bools, into: F) -> None:
    """Bring gradients back through pooling and ReLU; a last odd row or column stays zero."""
    for corner, mask in zip(_corners(into), _corners(passed), strict=True):
        np.multiply(gradient, mask, out=corner)


def _size(x: F, weight: F, padding: int) -> tuple[int, int]:
    grow = 2 * padding - weight.shape[0] + 1
    return x.shape[1] + grow, x.shape[2] + grow


def _matrix(weight: F) -> F:
    return weight.reshape(-1, weight.shape[3])


def _corners(x: Any) -> tuple[Any, Any, Any, Any]:
    """View the four values of every 2 x 2 window; a last odd row or column is left out."""
    h, w = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    return x[:, 0:h:2, 0:w:2], x[:, 0:h:2, 1:w:2], x[:, 1:h:2, 0:w:2], x[:, 1:h:2, 1:w:2]
