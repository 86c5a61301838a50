"""Checks of what is static about operands, so that they may run inside traces: never of values."""

from __future__ import annotations

from numbers import Real
from types import ModuleType
from typing import Any, TypeAlias

import array_api_compat
import numpy as np

from slimdc._array import namespace
from slimdc._checks import non_negative
from slimdc.errors import InvalidTypeError, InvalidValueError

__all__ = [
    "LINALG_FLOATS",
    "Array",
    "matching",
    "matching_components",
    "scalar",
    "shared_namespace",
]

Array: TypeAlias = Any

# NumPy's longdouble is none of them: LAPACK knows no such numbers.
# Of bounds and regression, most of which decompose matrices: no framework does so in shorter ones.
LINALG_FLOATS = ("float32", "float64")
_FLOATS = ("float16", "bfloat16", *LINALG_FLOATS)


def matching(
    operands: dict[str, tuple[Array, str]],
    *,
    may_be_empty: str = "",
    dtypes: tuple[str, ...] = _FLOATS,
) -> None:
    """Check ranks, shapes, dtypes and frameworks of arrays that belong together.

    Parameters
    ----------
    operands : dict of str to (array, str)
        Each array by its name in messages, with a letter for each of its axes. Axes of one letter
        have one length.
    may_be_empty : str
        Letters of the axes whose length may be 0.
    dtypes : tuple of str
        Those that are taken.

    Raises
    ------
    InvalidTypeError
        One is no array, or of none of the dtypes, or their dtypes or frameworks differ.
    InvalidValueError
        Shapes do not match, or the arrays lie on several devices.

    Examples
    --------
    >>> import numpy as np
    >>> matching({"x": (np.ones((2, 3)), "nf"), "w": (np.ones((4, 1)), "fc")})
    Traceback (most recent call last):
    slimdc.errors.InvalidValueError: w: found shape (4, 1), expected shape (3, c) (see docs/...)
    """
    arrays = [array for array, _ in operands.values()]
    for name, array in zip(operands, arrays, strict=True):
        if not _is_array(array):
            raise InvalidTypeError(name, type(array).__name__, "an array")
    _one_framework(arrays, ", ".join(operands))
    (first, (leader, _)), *_ = operands.items()
    if _name(leader.dtype) not in dtypes:
        raise InvalidTypeError(first, f"dtype {_name(leader.dtype)}", " or ".join(dtypes))
    lengths: dict[str, int] = {}
    for name, (array, axes) in operands.items():
        if array.dtype != leader.dtype:
            expected = f"that of {first}, {_name(leader.dtype)}"
            raise InvalidTypeError(name, f"dtype {_name(array.dtype)}", expected)
        fits = array.ndim == len(axes) and all(
            (length > 0 or axis in may_be_empty) and lengths.setdefault(axis, length) == length
            for axis, length in zip(axes, array.shape, strict=True)
        )
        if not fits:
            wanted = ", ".join(str(lengths.get(axis, axis)) for axis in axes)
            raise InvalidValueError(name, f"shape {tuple(array.shape)}", f"shape ({wanted})")


def matching_components(parts: dict[str, Any], *w: Array) -> Any:
    """Check that components of a set, and parameters w, match each other.

    Parameters
    ----------
    parts : dict of str to Components
        One or two of them, by their names in messages; see `slimdc.regression.Components`.
    *w : array (d, c)
        Parameters, if there are any.

    Returns
    -------
    namespace
        To compute in.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        As `matching`; or something else than components is given.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc.regression import Components
    >>> matching_components({"part": Components(np.ones(1), np.ones((1, 3)), np.ones((2, 1)))})
    Traceback (most recent call last):
    slimdc.errors.InvalidValueError: part.vy: found shape (2, 1), expected shape (1, c)
    (see docs/...)
    """
    operands: dict[str, tuple[Array, str]] = {}
    for rows, (name, part) in zip("Br", parts.items(), strict=False):
        if getattr(part, "_fields", None) != ("s", "vx", "vy"):
            raise InvalidTypeError(name, type(part).__name__, "Components")
        for of, array, axes in zip(part._fields, part, ("", "d", "c"), strict=True):
            operands[f"{name}.{of}".strip(".")] = (array, rows + axes)
    for head in w:
        operands["w"] = (head, "dc")
    matching(operands, may_be_empty="Br", dtypes=LINALG_FLOATS)
    return shared_namespace(*(array for array, _ in operands.values()))


def scalar(argument: str, value: Any, beside: Array) -> Any:
    """Check a number of at least 0, or a zero-dimensional array whose value a trace may not know.

    Parameters
    ----------
    argument : str
        Its name, for the message.
    value : float or array ()
        What was given.
    beside : array
        What it is multiplied with.

    Returns
    -------
    float or array ()
        The number; an array in the dtype of `beside`.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        It is neither, or a number that is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> scalar("eta", np.asarray(0.5), np.ones(2, dtype=np.float32)).dtype
    dtype('float32')
    """
    if isinstance(value, Real) or not _is_array(value):
        return non_negative(argument, value)
    xp = array_api_compat.array_namespace(value)
    if not xp.isdtype(value.dtype, ("integral", "real floating")):
        raise InvalidTypeError(argument, f"dtype {_name(value.dtype)}", "a real number")
    if value.ndim != 0:
        raise InvalidValueError(argument, f"shape {tuple(value.shape)}", "shape ()")
    _one_framework([value, beside], argument)
    return xp.astype(value, beside.dtype)


def shared_namespace(*arrays: Array) -> Any:
    """Namespace to compute in with arrays that passed `matching`.

    Parameters
    ----------
    *arrays : array
        Of one framework; some of them may be values that are being recorded.

    Returns
    -------
    namespace
        The one that records, if there is one.

    Examples
    --------
    >>> import numpy as np
    >>> shared_namespace(np.ones(1), np.ones(2)).__name__
    'array_api_compat.numpy'
    """
    spaces = [array_api_compat.array_namespace(array) for array in arrays]
    return next((xp for xp in spaces if not isinstance(xp, ModuleType)), spaces[0])


def _is_array(value: Any) -> bool:
    """Tell arrays from classes of arrays, and from NumPy's scalars and other kinds of its own.

    Scalars have no device in older versions; products of the other kinds are others.
    """
    if isinstance(value, type | np.generic | np.ma.MaskedArray | np.matrix):
        return False
    return bool(array_api_compat.is_array_api_obj(value))


def _one_framework(arrays: list[Array], argument: str) -> None:
    kinds = {type(array): array for array in arrays}
    # A namespace that is no module records what is done with its values, and they mix with plain
    # arrays of the library that computes.
    plain = {
        kind
        for kind, array in kinds.items()
        if isinstance(array_api_compat.array_namespace(array), ModuleType)
    }
    together = [array for array in arrays if type(array) in plain]
    if len(plain) > 1 or len({_device(array) for array in together}) > 1:
        namespace(*together, argument=argument)


def _device(array: Array) -> Any:
    # JAX spreads arrays over several devices, and inside a trace they have none.
    return None if array_api_compat.is_jax_array(array) else array.device


def _name(dtype: Any) -> str:
    return str(getattr(dtype, "name", None) or dtype).rpartition(".")[2]
