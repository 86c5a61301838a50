"""Opening what a caller gives: a set in any of its forms, or real samples to go with it."""

from __future__ import annotations

import math
import os
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from slimdc._array import as_array, dtype_name, namespace, to_numpy
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.labels import class_indices
from slimdc.parameterization.layout import sample_shape
from slimdc.parameterization.preprocessing import Preprocessing, in_space
from slimdc.storage import load, loads
from slimdc.typing import Layout

__all__ = ["Openable", "open_real", "open_set"]

Openable: TypeAlias = SlimmableDataset | str | os.PathLike[str] | bytes | tuple[Any, Any]


def open_set(data: Openable, argument: str = "data") -> SlimmableDataset:
    """Pass a set through, load it from a path, a URL or bytes, or take in a pair.

    Raises
    ------
    InvalidTypeError
        If it is none of these.
    """
    if isinstance(data, SlimmableDataset):
        return data
    if isinstance(data, str | os.PathLike):
        return load(data)
    if isinstance(data, bytes):
        return loads(data)
    if isinstance(data, tuple | list) and len(data) == 2:
        return SlimmableDataset.from_arrays(*data)
    raise InvalidTypeError(
        argument, type(data).__name__, "a SlimmableDataset, a path, or a pair (samples, labels)"
    )


@np.errstate(all="ignore")  # what overflows is refused as not finite
def open_real(
    x: Any,
    y: Any,
    shape: tuple[int, ...],
    layout: Layout,
    preprocessing: Preprocessing,
    suffix: str,
) -> tuple[np.ndarray, npt.NDArray[np.int64]]:
    """Read real samples and their classes to the host, in the space of a set.

    Parameters
    ----------
    x, y : array
        Samples (n, *shape), a channel axis of 1 may be missing; classes (n,).
    shape, layout : tuple of int, str
        Of the set's samples.
    preprocessing : Preprocessing
        Brings the samples into the set's space; the identity where they are in it.
    suffix : str
        Ends the arguments' names in messages: ``"_test"`` for ``x_test``.

    Returns
    -------
    x : numpy.ndarray, shape (n, *shape), float32 or float64
    y : numpy.ndarray of int64, shape (n,)

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If they are no samples of that shape, are not finite, or labels do not match.
    """
    name = f"x{suffix}"
    x = as_array(x, name)
    if hasattr(y, "dtype"):
        namespace(x, y, argument=f"{name}, y{suffix}")
    classes = class_indices(y, f"y{suffix}")
    host = open_samples(x, shape, layout, preprocessing, name)
    if host.shape[0] != classes.shape[0]:
        raise InvalidValueError(
            f"y{suffix}", f"{classes.shape[0]} labels for {host.shape[0]} samples", "one each"
        )
    return host, classes


def open_samples(
    x: Any, shape: tuple[int, ...], layout: Layout, preprocessing: Preprocessing, argument: str
) -> np.ndarray:
    """Read real samples to the host, in the space of a set; see `open_real`."""
    name, host = argument, to_numpy(as_array(x, argument), argument)
    if host.dtype.kind not in "iuf" or host.dtype.itemsize > 8:
        raise InvalidTypeError(name, f"dtype {dtype_name(host)}", "real numbers")
    if host.ndim < 2 or host.shape[0] == 0:
        raise InvalidValueError(name, f"shape {host.shape}", "at least one sample, (n, ...)")
    found = host.shape[1:]
    if layout == "flat":
        found = (math.prod(found),)
    elif len(found) == 2:
        found = sample_shape(found, layout)[0]
    if found != shape:
        raise InvalidValueError(name, f"samples of shape {found}", f"samples of shape {shape}")
    host = in_space(host.reshape(-1, *shape), layout, preprocessing)
    if not np.isfinite(host).all():
        raise InvalidValueError(name, "values that are not finite", "finite samples")
    return host
