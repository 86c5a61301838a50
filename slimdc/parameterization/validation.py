"""Checks of the factors U, s, V_x, V_y of Eq. 8 before a set is built of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from slimdc._array import HostArray, as_array, dtype_name, namespace, to_numpy
from slimdc._checks import shown
from slimdc._tolerance import accepted_orthonormality
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization.description import NAMES, Description, Factors

__all__ = ["check_factors", "check_finite", "checked_shapes"]

AXES = {"u": "(C or 1, n, b)", "s": "(C or 1, b)", "vx": "(C, b, d)", "vy": "(C, b, c)"}


def checked_shapes(factors: Any) -> Factors:
    """Check what factors show without a look at their values.

    Parameters
    ----------
    factors : Factors
        U, s, V_x and V_y as a caller gave them.

    Returns
    -------
    Factors
        Arrays of one framework and dtype, of shapes that fit each other.

    Raises
    ------
    InvalidTypeError
        There are not four of them, one is no array of float32 or float64, or frameworks or dtypes
        are mixed.
    InvalidValueError
        Shapes do not fit.

    Examples
    --------
    >>> ones = np.ones((2, 1, 1))
    >>> given = Factors(ones, np.ones((1, 1)), np.ones((2, 1, 5)), np.ones((2, 1, 2)))
    >>> checked_shapes(given).u is ones
    True
    """
    if not isinstance(factors, tuple) or len(factors) != len(NAMES):
        raise InvalidTypeError("factors", type(factors).__name__, f"Factors{NAMES}")
    found = Factors(*(as_array(array, name) for name, array in zip(NAMES, factors, strict=True)))
    namespace(*found, argument="u, s, vx, vy")
    dtype = dtype_name(found.u)
    for name, array in found._asdict().items():
        if dtype_name(array) not in ("float32", "float64"):
            raise InvalidTypeError(
                name, found=f"dtype {dtype_name(array)}", expected="float32 or float64"
            )
        if dtype_name(array) != dtype:
            raise InvalidTypeError(
                name, found=f"dtype {dtype_name(array)}", expected=f"that of u, {dtype}"
            )
    _check_shapes(found._asdict())
    return found


def check_factors(factors: Factors, description: Description) -> Factors:
    """Check that factors form the set that is described (Eq. 8), with U orthonormal in each class.

    Parameters
    ----------
    factors : Factors
        What `checked_shapes` gave.
    description : Description
        What is said about them.

    Returns
    -------
    Factors
        Copies on the host, which are what was checked.

    Raises
    ------
    InvalidTypeError
        Values cannot be copied to the host.
    InvalidValueError
        The description does not fit the shapes, a value is not finite, U is not orthonormal on the
        components that a class holds, or padding is not zero.

    Examples
    --------
    >>> from slimdc.parameterization.preprocessing import Preprocessing
    >>> known = Description((5,), "flat", Preprocessing(), "float64", (0, 1), (1, 1), (1, 1))
    >>> ones = np.ones((2, 1, 1))
    >>> given = Factors(ones, np.ones((1, 1)), np.ones((2, 1, 5)), np.ones((2, 1, 2)))
    >>> check_factors(given, known).vx.shape
    (2, 1, 5)
    """
    _check_described(factors, description)
    host = Factors(*(to_numpy(array, name) for name, array in factors._asdict().items()))
    for name, values in host._asdict().items():
        check_finite(name, values)
    _check_padding(host, description)
    _check_orthonormal(host.u, description)
    return host


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
    (see docs/...)
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


def _check_described(factors: Factors, held: Description) -> None:
    classes, b, d = factors.vx.shape
    if held.size != d:
        raise InvalidValueError(
            "shape", found=str(held.shape), expected=f"the {d} values of a row of vx"
        )
    if len(held.labels) != classes or max(held.labels) >= factors.vy.shape[2]:
        raise InvalidValueError(
            "labels",
            found=shown(held.labels),
            expected=f"{classes} numbers from 0 to {factors.vy.shape[2] - 1}",
        )
    for name, counts, length in (
        ("samples", held.samples, factors.u.shape[1]),
        ("components", held.components, b),
    ):
        if max(counts) != length:
            raise InvalidValueError(
                name,
                found=shown(counts),
                expected=f"a largest entry of {length}, the padded length",
            )
    for name, uneven in (("u", (held.samples, held.components)), ("s", (held.components,))):
        if getattr(factors, name).shape[0] == 1 and any(len(set(counts)) > 1 for counts in uneven):
            raise InvalidValueError(
                name, found="one block for classes of unequal size", expected="a block for each"
            )


def _check_padding(host: Factors, held: Description) -> None:
    for i, (n, k) in enumerate(zip(held.samples, held.components, strict=True)):
        u, s, vx, vy = (factor[min(i, factor.shape[0] - 1)] for factor in host)
        padding = {"u": (u[n:], u[:, k:]), "s": (s[k:],), "vx": (vx[k:],), "vy": (vy[k:],)}
        for name, parts in padding.items():
            if any(part.any() for part in parts):
                raise InvalidValueError(
                    name,
                    found=f"values beyond the {n} samples and {k} components of class block {i}",
                    expected="zeros",
                )


def _check_orthonormal(u: HostArray, held: Description) -> None:
    tolerance = accepted_orthonormality(u.shape[1], float(np.finfo(u.dtype).eps))
    for i, block in enumerate(u.astype(np.float64)):
        k = held.components[i]
        error = float(np.abs(block[:, :k].T @ block[:, :k] - np.eye(k)).max())
        if not error <= tolerance:  # what overflows is NaN
            raise InvalidValueError(
                "u",
                found=f"|UᵀU - I| of {error:.1e} in class block {i}",
                expected=f"orthonormal columns (at most {tolerance:.1e})",
            )
