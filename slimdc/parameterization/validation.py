"""Checks of the factors U, s, V_x, V_y of Eq. 8 before a set is built from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slimdc._array import HostArray, dtype_name, namespace, to_numpy
from slimdc._tolerance import accepted_orthonormality
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization.description import NAMES

AXES = {"u": "(C or 1, n, b)", "s": "(C or 1, b)", "vx": "(C, b, d)", "vy": "(C, b, c)"}


@dataclass(frozen=True)
class Counts:
    """Label, held rows and held components of each class block; what is beyond is padding.

    Parameters
    ----------
    labels, samples, components : tuple of int
        One entry for each class block.

    Examples
    --------
    >>> Counts(labels=(0, 1), samples=(3, 2), components=(2, 2)).samples
    (3, 2)
    """

    labels: tuple[int, ...]
    samples: tuple[int, ...]
    components: tuple[int, ...]


def check_factors(
    u: Any,
    s: Any,
    vx: Any,
    vy: Any,
    labels: Sequence[int] | None = None,
    samples: Sequence[int] | None = None,
    components: Sequence[int] | None = None,
) -> Counts:
    """Check that factors form a slimmable set (Eq. 8), with U orthonormal for each class.

    Parameters
    ----------
    u : array, shape (C or 1, n, b)
        Left factors; ``UᵀU = I`` on the components that a class holds.
    s : array, shape (C or 1, b)
        Weights of the components, of any sign.
    vx : array, shape (C, b, d)
        Right factors of the samples.
    vy : array, shape (C, b, c)
        Right factors of the labels.
    labels, samples, components : sequence of int, optional
        Label, held rows and held components of each class block. By default ``0 .. C-1``, n and b.

    Returns
    -------
    Counts
        The three, completed.

    Raises
    ------
    InvalidTypeError
        A factor is no array of float32 or float64, or frameworks or dtypes are mixed.
    InvalidValueError
        Shapes do not fit, a value is not finite, U is not orthonormal, padding is not zero, or
        labels, samples or components do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> ones = np.ones((2, 1, 1))
    >>> check_factors(ones, np.ones((1, 1)), np.ones((2, 1, 5)), np.ones((2, 1, 2))).labels
    (0, 1)
    """
    arrays = dict(zip(NAMES, (u, s, vx, vy), strict=True))
    namespace(u, s, vx, vy, argument="u, s, vx, vy")
    for name, array in arrays.items():
        if dtype_name(array) not in ("float32", "float64"):
            raise InvalidTypeError(
                name, found=f"dtype {dtype_name(array)}", expected="float32 or float64"
            )
        if dtype_name(array) != dtype_name(u):
            raise InvalidTypeError(
                name, found=f"dtype {dtype_name(array)}", expected=f"that of u, {dtype_name(u)}"
            )
    _check_shapes(arrays)
    classes, b, c = vy.shape
    n = u.shape[1]
    held = Counts(
        _counts("labels", labels, tuple(range(classes)), classes, 0, c - 1),
        _counts("samples", samples, (n,) * classes, classes, 1, n),
        _counts("components", components, (b,) * classes, classes, 1, b),
    )
    _check_held(held, arrays)
    host = {name: to_numpy(array, name) for name, array in arrays.items()}
    for name, values in host.items():
        check_finite(name, values)
    _check_padding(host, held)
    _check_orthonormal(host["u"], held)
    return held


def check_finite(name: str, values: HostArray) -> None:
    """Refuse a factor that holds NaN or infinity.

    Parameters
    ----------
    name : str
        Factor to blame.
    values : numpy.ndarray
        What it holds.

    Raises
    ------
    InvalidValueError
        A value is not finite.

    Examples
    --------
    >>> check_finite("s", np.asarray([np.inf]))
    Traceback (most recent call last):
    slimdc.errors.InvalidValueError: s: found NaN or infinite values, expected finite values
    """
    if not np.isfinite(values).all():
        raise InvalidValueError(name, found="NaN or infinite values", expected="finite values")


def _check_shapes(arrays: dict[str, Any]) -> None:
    for name, array in arrays.items():
        if array.ndim != AXES[name].count(",") + 1 or 0 in array.shape:
            raise InvalidValueError(
                name, found=f"shape {tuple(array.shape)}", expected=f"shape {AXES[name]}"
            )
    classes, b = arrays["vx"].shape[:2]
    for name, axis in (("u", 2), ("s", 1), ("vx", 1), ("vy", 1)):
        leading = arrays[name].shape[0]
        if arrays[name].shape[axis] != b or leading not in {
            classes,
            1 if name in "us" else classes,
        }:
            raise InvalidValueError(
                name,
                found=f"shape {tuple(arrays[name].shape)}",
                expected=f"shape {AXES[name]} with C = {classes} and b = {b}, as vx has them",
            )
    n = arrays["u"].shape[1]
    if n < b:
        raise InvalidValueError(
            "u", found=f"{n} rows for {b} components", expected="at least as many rows"
        )


def _counts(
    name: str,
    given: Sequence[int] | None,
    default: tuple[int, ...],
    classes: int,
    lowest: int,
    highest: int,
) -> tuple[int, ...]:
    given = default if given is None else given
    wrong = InvalidTypeError(name, found=repr(given), expected="a sequence of int")
    try:
        counts = tuple(given)
    except TypeError:
        raise wrong from None
    if not all(isinstance(i, int | np.integer) and not isinstance(i, bool) for i in counts):
        raise wrong
    counts = tuple(map(int, counts))
    if len(counts) != classes or min(counts) < lowest or max(counts) > highest:
        raise InvalidValueError(
            name, found=str(counts), expected=f"{classes} numbers from {lowest} to {highest}"
        )
    return counts


def _check_held(held: Counts, arrays: dict[str, Any]) -> None:
    if len(set(held.labels)) != len(held.labels):
        raise InvalidValueError("labels", found=str(held.labels), expected="distinct labels")
    for name, counts, length in (
        ("samples", held.samples, arrays["u"].shape[1]),
        ("components", held.components, arrays["vx"].shape[1]),
    ):
        if max(counts) != length:
            raise InvalidValueError(
                name, found=str(counts), expected=f"a largest entry of {length}, the padded length"
            )
    if any(k > n for k, n in zip(held.components, held.samples, strict=True)):
        raise InvalidValueError(
            "components",
            found=f"{held.components} for {held.samples} samples",
            expected="at most as many components as samples in each class",
        )
    for name, uneven in (("u", (held.samples, held.components)), ("s", (held.components,))):
        if arrays[name].shape[0] == 1 and any(len(set(counts)) > 1 for counts in uneven):
            raise InvalidValueError(
                name, found="one block for classes of unequal size", expected="a block for each"
            )


def _check_padding(host: dict[str, HostArray], held: Counts) -> None:
    for i, (n, k) in enumerate(zip(held.samples, held.components, strict=True)):
        u, s = (host[name][min(i, host[name].shape[0] - 1)] for name in "us")
        padding = {
            "u": (u[n:], u[:, k:]),
            "s": (s[k:],),
            "vx": (host["vx"][i, k:],),
            "vy": (host["vy"][i, k:],),
        }
        for name, parts in padding.items():
            if any(part.any() for part in parts):
                raise InvalidValueError(
                    name,
                    found=f"values beyond the {n} samples and {k} components of class block {i}",
                    expected="zeros",
                )


def _check_orthonormal(u: HostArray, held: Counts) -> None:
    tolerance = accepted_orthonormality(u.shape[1], float(np.finfo(u.dtype).eps))
    for i, block in enumerate(u.astype(np.float64)):
        k = held.components[i]
        error = float(np.abs(block[:, :k].T @ block[:, :k] - np.eye(k)).max())
        if error > tolerance:
            raise InvalidValueError(
                "u",
                found=f"|UᵀU - I| of {error:.1e} in class block {i}",
                expected=f"orthonormal columns (at most {tolerance:.1e})",
            )
