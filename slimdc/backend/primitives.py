"""What networks are composed of, written once: ReLU, pooling, and a block of the paper's ConvNet.

All of it is made of operations that every backend differentiates to any order, and images are
(n, h, w, channels). A backend adds `Backend.conv`, and its own fast path for the block where it has
one.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import cast

from array_api_compat import array_namespace

from slimdc.backend.protocol import Array, Backend, HasFastBlock
from slimdc.errors import InvalidValueError

__all__ = [
    "average_pool",
    "composed_conv_relu_pool",
    "conv_relu_pool",
    "convolved_shape",
    "max_pool",
    "relu",
]


def relu(x: Array) -> Array:
    """Rectify: keep what is positive; NaN stays NaN.

    Parameters
    ----------
    x : array
        Of any shape.

    Returns
    -------
    array
        Of the same shape. The gradient where x is exactly zero is zero.

    Examples
    --------
    >>> import numpy as np
    >>> relu(np.asarray([-1.0, 0.0, 2.0])).tolist()
    [-0.0, 0.0, 2.0]
    """
    return x * array_namespace(x).astype(x > 0, x.dtype)


def average_pool(x: Array, window: int, stride: int) -> Array:
    """Average over square windows.

    Parameters
    ----------
    x : array
        Images (n, h, w, channels).
    window : int
        Height and width of a window.
    stride : int
        Rows and columns from one window to the next.

    Returns
    -------
    array
        Of shape (n, h', w', channels) with h' = (h - window) // stride + 1, likewise w'. What lies
        beyond the last whole window is dropped, as frameworks do.

    Raises
    ------
    InvalidValueError
        If window or stride are below 1, or the window is larger than the images.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.asarray([[1.0, 3.0], [5.0, 7.0]]).reshape(1, 2, 2, 1)
    >>> average_pool(x, 2, 2).item()
    4.0
    """
    return _pooled(x, window, stride, operator.add) * (1.0 / window**2)


def max_pool(x: Array, window: int, stride: int) -> Array:
    """Take the largest value of square windows; NaN counts as larger than all numbers.

    Parameters
    ----------
    x : array
        Images (n, h, w, channels).
    window : int
        Height and width of a window.
    stride : int
        Rows and columns from one window to the next.

    Returns
    -------
    array
        Of shape (n, h', w', channels) with h' = (h - window) // stride + 1, likewise w'. Of equal
        values in a window the first, row by row, has the gradient.

    Raises
    ------
    InvalidValueError
        If window or stride are below 1, or the window is larger than the images.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.asarray([[1.0, 3.0], [5.0, 7.0]]).reshape(1, 2, 2, 1)
    >>> max_pool(x, 2, 2).item()
    7.0
    """
    return _pooled(x, window, stride, _larger)


def conv_relu_pool(ops: Backend, x: Array, weight: Array, bias: Array, padding: int) -> Array:
    """Compute one block of the paper's ConvNet: convolution, bias, ReLU and 2 x 2 average pooling.

    Parameters
    ----------
    ops : Backend
        Where it computes: by its own fast path where it has one, see `HasFastBlock`.
    x : array
        Images (n, h, w, c_in).
    weight : array
        Filters (r, r, c_in, c_out).
    bias : array
        Of shape (c_out,).
    padding : int
        Rows and columns of zeros around the images.

    Returns
    -------
    array
        Of shape (n, h' // 2, w' // 2, c_out) with h' = h + 2 * padding - r + 1, likewise w'.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc import backend
    >>> x, weight, bias = np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 2)), np.asarray([0.0, -6.0])
    >>> conv_relu_pool(backend.get("numpy"), x, weight, bias, 1)[0, 0, 0].tolist()
    [6.25, 0.75]
    """
    # Not `isinstance` of HasFastBlock, which takes 50 times as long, in every block of every step.
    if hasattr(ops, "conv_relu_pool"):
        return cast(HasFastBlock, ops).conv_relu_pool(x, weight, bias, padding)
    return composed_conv_relu_pool(ops, x, weight, bias, padding)


def composed_conv_relu_pool(
    ops: Backend, x: Array, weight: Array, bias: Array, padding: int
) -> Array:
    """Compose the block of `conv_relu_pool` of its parts; backends use it where theirs cannot be.

    Parameters
    ----------
    ops : Backend
        Where it convolves.
    x, weight, bias, padding
        See `conv_relu_pool`.

    Returns
    -------
    array
        See `conv_relu_pool`.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc import backend
    >>> x, weight, bias = np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 2)), np.asarray([0.0, -6.0])
    >>> composed_conv_relu_pool(backend.get("numpy"), x, weight, bias, 1)[0, 0, 0].tolist()
    [6.25, 0.75]
    """
    return average_pool(relu(ops.conv(x, weight, 1, padding) + bias), 2, 2)


def convolved_shape(
    x: Array, weight: Array, stride: int, padding: int
) -> tuple[int, int, int, int]:
    """Give the shape of what `Backend.conv` computes, and refuse what cannot be convolved.

    Parameters
    ----------
    x : array
        Images (n, h, w, c_in).
    weight : array
        Filters (r, r, c_in, c_out).
    stride : int
        Rows and columns from one pixel of the result to the next.
    padding : int
        Rows and columns of zeros around the images.

    Returns
    -------
    tuple of int
        (n, h', w', c_out) with h' = (h + 2 * padding - r) // stride + 1, likewise w'.

    Raises
    ------
    InvalidValueError
        If shapes do not fit each other, the stride is below 1, the padding is negative, or the
        filters are larger than the images with their padding.

    Examples
    --------
    >>> import numpy as np
    >>> convolved_shape(np.zeros((5, 7, 8, 3)), np.zeros((3, 3, 3, 16)), 2, 1)
    (5, 4, 4, 16)
    """
    if len(x.shape) != 4:
        raise InvalidValueError("x", f"shape {tuple(x.shape)}", "(n, h, w, channels)")
    n, h, w, channels = x.shape
    filters = tuple(weight.shape)
    if len(filters) != 4 or filters[0] != filters[1] or filters[2] != channels:
        raise InvalidValueError("weight", f"shape {filters}", f"(r, r, {channels}, c_out)")
    if stride < 1:
        raise InvalidValueError("stride", str(stride), "at least 1")
    if padding < 0:
        raise InvalidValueError("padding", str(padding), "at least 0")
    rows, columns = h + 2 * padding - filters[0], w + 2 * padding - filters[0]
    if filters[0] < 1 or min(rows, columns) < 0:
        expected = f"filters of at least 1 and at most {min(h, w) + 2 * padding} rows"
        raise InvalidValueError("weight", f"shape {filters}", expected)
    return n, rows // stride + 1, columns // stride + 1, filters[3]


def _pooled(x: Array, window: int, stride: int, join: Callable[[Array, Array], Array]) -> Array:
    """Join the values of every window: of each row first, and then the rows."""
    if len(x.shape) != 4:
        raise InvalidValueError("x", f"shape {tuple(x.shape)}", "(n, h, w, channels)")
    _, h, w, _ = x.shape
    if not 1 <= window <= min(h, w):
        expected = f"at least 1, and at most {min(h, w)} of images of {h} x {w}"
        raise InvalidValueError("window", str(window), expected)
    if stride < 1:
        raise InvalidValueError("stride", str(stride), "at least 1")

    def places(size: int, first: int) -> slice:
        """Where the windows have their value at a place, from the first: along one axis."""
        return slice(first, first + (size - window) // stride * stride + 1, stride)

    across = (x[:, :, places(w, i), :] for i in range(window))
    row = functools.reduce(join, across)
    down = (row[:, places(h, i), :, :] for i in range(window))
    return functools.reduce(join, down)


def _larger(one: Array, other: Array) -> Array:
    # Only NaN differs from itself; a run that diverges must be noticed.
    return array_namespace(one).where((other > one) | (other != other), other, one)
