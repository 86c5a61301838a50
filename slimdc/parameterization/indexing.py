"""Rows of an array by number, as sequences have them."""

from __future__ import annotations

from operator import index as as_int
from typing import Any, SupportsIndex

import numpy as np

from slimdc._array import like, namespace
from slimdc._checks import shown
from slimdc.errors import InvalidTypeError

__all__ = ["row_of"]


def row_of(x: Any, index: SupportsIndex | slice) -> Any:
    """Copy one row of an array, or those of a slice.

    Parameters
    ----------
    x : array, shape (n, ...)
        Of any framework.
    index : int or slice
        Negative numbers count from the end.

    Returns
    -------
    array, shape (...) or (m, ...)
        A copy.

    Raises
    ------
    IndexError
        There is no such row.
    InvalidTypeError
        `index` is neither.

    Examples
    --------
    >>> row_of(np.arange(6).reshape(3, 2), -1).tolist()
    [4, 5]
    >>> row_of(np.arange(3), slice(None, None, -1)).tolist()
    [2, 1, 0]
    """
    count = int(x.shape[0])
    if isinstance(index, slice):  # some frameworks know no negative steps
        try:
            numbers = np.arange(count)[index]
        except TypeError:
            raise InvalidTypeError("index", f"slice {index}", "a slice of ints") from None
        return namespace(x).take(x, like(numbers, x), axis=0)
    try:
        number = as_int(index)
    except TypeError:
        found = type(index).__name__
        raise InvalidTypeError("index", found, "an int or a slice") from None
    if not -count <= number < count:
        expected = f"{-count} to {count - 1}"
        raise IndexError(f"index: found {shown(number)}, expected {expected}")
    return namespace(x).asarray(x[number % count, ...], copy=True)
