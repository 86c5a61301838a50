"""Powers of two that bring numbers to where their squares neither overflow nor vanish.

They round nothing, and are 1 for numbers of usual size, whose results stay as they are to the bit:
`slimdc._linalg` divides by the largest number instead, which rounds, and does so outside training.
All runs inside traces, and has no gradient of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from array_api_compat import array_namespace

__all__ = ["norms", "squarable", "unit"]

Array: TypeAlias = Any
Axes: TypeAlias = int | tuple[int, ...] | None


def unit(largest: Array) -> Array:
    """Give what numbers are to be multiplied with before they are squared.

    Parameters
    ----------
    largest : array
        The largest size among the numbers, of each group of them.

    Returns
    -------
    array, same shape
        Powers of two: 1 from 2^-48 to 2^48 in float32, from 2^-384 to 2^384 in float64, and where
        all numbers are zero.

    Examples
    --------
    >>> import numpy as np
    >>> unit(np.asarray([1e-300, 1.0, 1e300, 0.0])) == [2.0**768, 1.0, 2.0**-768, 1.0]
    array([ True,  True,  True,  True])
    """
    xp = array_namespace(largest)
    # 128 in float32 and 1024 in float64: such powers exist by the dtype's definition, whereas
    # logarithms and powers that a framework computes may be off by a rounding.
    reach = math.frexp(float(xp.finfo(largest.dtype).max))[1]
    edge, step = 2.0 ** (reach * 3 // 8), 2.0 ** (reach * 3 // 4)
    ones = xp.ones_like(largest)
    # Zeros stay in their units: gradients at zero are multiplied with what is given here.
    small = (largest > 0.0) & (largest < 1.0 / edge)
    return xp.where(small, ones * step, xp.where(largest > edge, ones / step, ones))


def squarable(x: Array, axis: Axes = None) -> tuple[Array, Array]:
    """Bring an array to where its squares neither overflow nor vanish.

    Parameters
    ----------
    x : array
        Real numbers, at least one of them.
    axis : int or tuple of int, optional
        What is summed over: numbers along it share a unit. All of them by default.

    Returns
    -------
    x : array, same shape
        Multiplied with the unit.
    unit : array
        Of the shape of a sum over `axis` that keeps its dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> x, by = squarable(np.asarray([[3e200, 4e200], [3.0, 4.0]]), axis=1)
    >>> np.sqrt(np.sum(x * x, axis=1, keepdims=True)) / by
    array([[5.e+200],
           [5.e+000]])
    """
    xp = array_namespace(x)
    by = unit(xp.max(xp.abs(x), axis=axis, keepdims=True))
    return x * by, by


def norms(tensors: Sequence[Array]) -> Array:
    """Give the Euclidean norm of each tensor: units of all take a handful of operations.

    Parameters
    ----------
    tensors : sequence of array
        Of one dtype, and any shapes.

    Returns
    -------
    array
        As many numbers.

    Examples
    --------
    >>> import numpy as np
    >>> norms([np.asarray([3e200, 4e200]), np.asarray([[3.0], [4.0]])])
    array([5.e+200, 5.e+000])
    """
    xp = array_namespace(*tensors)
    units = unit(xp.stack([xp.max(xp.abs(x)) for x in tensors]))
    scaled = [x * units[i] for i, x in enumerate(tensors)]
    return xp.sqrt(xp.stack([xp.sum(x * x) for x in scaled])) / units
