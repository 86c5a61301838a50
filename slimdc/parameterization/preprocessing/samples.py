"""Samples as preprocessing takes them: arrays of real numbers, pixels in units of [0, 1]."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any, cast, get_args

import numpy as np

from slimdc._array import HostArray, as_array, dtype_name, named_dtype, namespace, to_numpy
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization.layout import shape_of_samples
from slimdc.typing import FloatDtype, Layout

__all__ = ["FLOATS", "digest", "flat", "opened", "parts", "pixels", "widest"]

# The dtypes that samples may have, the wider ones last.
FLOATS: tuple[str, ...] = get_args(FloatDtype)

# Samples that are brought into a space at once, which bounds the memory that it takes.
_PART = 1024


def widest(*dtypes: str) -> FloatDtype:
    """Name the narrowest of the dtypes that samples may have that holds the values of all given.

    Examples
    --------
    >>> widest("float16", "float64", "float32"), widest("float16", "bfloat16")
    ('float64', 'float32')
    """
    if {"float16", "bfloat16"} <= set(dtypes):  # neither holds the values of the other
        dtypes = (*dtypes, "float32")
    return cast(FloatDtype, max(dtypes, key=FLOATS.index))


def pixels(x: Any, argument: str) -> Any:
    """Take floats as they are, integers as float32, and uint8 in units of 255.

    Examples
    --------
    >>> pixels(np.asarray([[0, 255]], np.uint8), "x").tolist()
    [[0.0, 1.0]]
    """
    x = as_array(x, argument)
    xp = namespace(x, argument=argument)
    name = dtype_name(x)
    if name.lstrip("u").startswith("int"):
        x = xp.astype(x, named_dtype(xp, "float32"))
        return x / 255.0 if name == "uint8" else x
    if name not in FLOATS:
        raise InvalidTypeError(argument, found=f"dtype {name}", expected="real numbers")
    return x


def flat(x: Any, shape: tuple[int, ...], argument: str) -> Any:
    """Lay out samples of a shape as rows.

    Examples
    --------
    >>> flat(np.zeros((5, 2, 2, 1)), (2, 2, 1), "x").shape
    (5, 4)
    """
    if x.ndim < 2 or math.prod(x.shape[1:]) != math.prod(shape):
        raise InvalidValueError(
            argument, f"shape {tuple(x.shape)}", f"samples of shape {shape}, (n, ...)"
        )
    return namespace(x, argument=argument).reshape(x, (-1, math.prod(shape)))


def opened(x: Any, layout: Layout | None) -> tuple[HostArray, tuple[int, ...], Layout]:
    """Read samples to the host, and complete their shape and layout.

    Examples
    --------
    >>> opened(np.zeros((5, 28, 28)), None)[1:]
    ((28, 28, 1), 'channels_last')
    """
    host = to_numpy(as_array(x, "x"), "x")
    if host.dtype.kind not in "iuf":
        raise InvalidTypeError("x", f"dtype {dtype_name(host)}", "real numbers")
    if host.ndim < 2 or host.shape[0] == 0:
        raise InvalidValueError("x", f"shape {host.shape}", "at least one sample, (n, ...)")
    shape, layout = shape_of_samples(host, layout)
    return host.reshape(-1, *shape), shape, layout


def parts(x: HostArray) -> Iterator[HostArray]:
    """Give samples a part at a time.

    Examples
    --------
    >>> [len(part) for part in parts(np.zeros((1500, 2)))]
    [1024, 476]
    """
    return (x[i : i + _PART] for i in range(0, x.shape[0], _PART))


def digest(x: HostArray) -> str:
    """Hash samples in units of [0, 1], in float32: uint8 and its quotients by 255 are the same.

    Examples
    --------
    >>> white = np.full((1, 2), 255, np.uint8)
    >>> digest(white) == digest(white / np.float32(255.0))
    True
    """
    found = hashlib.sha256(f"float32 {x.shape}".encode())
    for part in parts(x):
        values = np.asarray(pixels(part, "x")).astype("<f4")
        found.update(np.ascontiguousarray(values).data)
    return found.hexdigest()
