"""The preprocessing that a set's samples live in, so that it is done once and can be undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from slimdc._array import as_array, dtype_name, named_dtype, namespace, to_numpy
from slimdc._checks import shown
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization.layout import check_layout

__all__ = ["FLOATS", "Preprocessing", "checked"]

# The dtypes that samples may have, the wider ones last.
FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Preprocessing:
    """Standardisation of samples, per channel: ``(x - mean) / std``, with pixels in [0, 1].

    Parameters
    ----------
    mean : float or sequence of float
        One number, or one for each channel (each value of a flat sample), in units of [0, 1].
    std : float or sequence of float
        As many numbers, finite and above zero.

    Raises
    ------
    InvalidTypeError
        Something is not a number.
    InvalidValueError
        A number is not finite, a `std` is not above zero, or there are not as many of both.

    Examples
    --------
    >>> import numpy as np
    >>> fashion = Preprocessing(0.2861, 0.3530)
    >>> white = np.full((1, 28, 28, 1), 255, dtype=np.uint8)
    >>> x = fashion.apply(white, "channels_last")
    >>> round(float(x.max()), 3), round(float(fashion.invert(x, "channels_last").max()), 3)
    (2.022, 1.0)
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        for field in ("mean", "std"):
            object.__setattr__(
                self, field, _numbers(getattr(self, field), f"preprocessing.{field}")
            )
        if len(self.mean) != len(self.std):
            raise InvalidValueError(
                "preprocessing.std",
                found=f"{len(self.std)} numbers",
                expected=f"as many as in mean, {len(self.mean)}",
            )
        if min(self.std) <= 0.0:
            raise InvalidValueError(
                "preprocessing.std", found=str(min(self.std)), expected="numbers above zero"
            )

    @np.errstate(all="ignore")  # what overflows is infinite, whatever the caller has set
    def apply(self, x_raw: Any, layout: str) -> Any:
        """Bring raw samples into the space that the set lives in.

        Parameters
        ----------
        x_raw : array, shape (n, ...)
            Raw samples. uint8 is divided by 255 first, always; other dtypes are taken as they are
            (integers become float32).
        layout : {"flat", "channels_last", "channels_first"}
            Where the channels are. Samples without a channel axis have one channel.

        Returns
        -------
        array, same shape
            Floating point, in the namespace and on the device of `x_raw`.

        Raises
        ------
        InvalidTypeError
            `x_raw` is not an array of real numbers.
        InvalidValueError
            `layout` is unknown, or the channels do not match `mean`.

        Examples
        --------
        >>> import numpy as np
        >>> Preprocessing().apply(np.asarray([[0, 255]], dtype=np.uint8), "flat").tolist()
        [[0.0, 1.0]]
        """
        x, mean, std = self._operands(x_raw, layout, "x_raw")
        return (x - mean) / std

    @np.errstate(all="ignore")
    def invert(self, x: Any, layout: str) -> Any:
        """Bring samples back to pixels in units of [0, 1]; nothing is clipped.

        Parameters
        ----------
        x : array, shape (n, ...)
            Samples in the space that the set lives in.
        layout : {"flat", "channels_last", "channels_first"}
            Where the channels are.

        Returns
        -------
        array, same shape
            Pixels, in the namespace and on the device of `x`.

        Raises
        ------
        InvalidTypeError
            `x` is not an array of floating-point numbers.
        InvalidValueError
            `layout` is unknown, or the channels do not match `mean`.

        Examples
        --------
        >>> import numpy as np
        >>> Preprocessing(0.5, 0.25).invert(np.asarray([[2.0, -2.0]]), "flat").tolist()
        [[1.0, 0.0]]
        """
        name = dtype_name(as_array(x, "x"))
        if name not in FLOATS:
            raise InvalidTypeError("x", found=f"dtype {name}", expected="floating-point numbers")
        x, mean, std = self._operands(x, layout, "x")
        return x * std + mean

    def to_dict(self) -> dict[str, list[float]]:
        """Plain form for a file's metadata.

        Returns
        -------
        dict
            ``{"mean": [...], "std": [...]}``.

        Examples
        --------
        >>> Preprocessing(0.5, 0.25).to_dict()
        {'mean': [0.5], 'std': [0.25]}
        """
        return {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Preprocessing:
        """Undo `to_dict`.

        Parameters
        ----------
        plain : dict
            What `to_dict` gave.

        Returns
        -------
        Preprocessing
            Equal to the one that was written.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            The dictionary does not hold a mean and a std.

        Examples
        --------
        >>> Preprocessing.from_dict({"mean": [0.5], "std": [0.25]})
        Preprocessing(mean=(0.5,), std=(0.25,))
        """
        if not isinstance(plain, dict) or set(plain) != {"mean", "std"}:
            raise InvalidValueError(
                "preprocessing", found=shown(plain), expected="a dictionary of mean and std"
            )
        return cls(plain["mean"], plain["std"])

    def _operands(self, x: Any, layout: str, argument: str) -> tuple[Any, Any, Any]:
        check_layout(layout)
        x = as_array(x, argument)
        xp = namespace(x, argument=argument)
        name = dtype_name(x)
        if name.lstrip("u").startswith("int"):
            x = xp.astype(x, named_dtype(xp, "float32"))
            if name == "uint8":
                x = x / 255.0
        elif name not in FLOATS:
            raise InvalidTypeError(argument, found=f"dtype {name}", expected="real numbers")
        if len(self.mean) == 1:
            return x, self.mean[0], self.std[0]
        axis = 1 if layout == "channels_first" else x.ndim - 1
        if x.ndim <= axis or x.shape[axis] != len(self.mean):
            raise InvalidValueError(
                argument,
                found=f"shape {tuple(x.shape)}",
                expected=f"{len(self.mean)} channels on axis {axis} ({layout})",
            )
        shape = [1] * x.ndim
        shape[axis] = len(self.mean)
        mean, std = (
            xp.reshape(xp.asarray(values, dtype=x.dtype, device=x.device), tuple(shape))
            for values in (self.mean, self.std)
        )
        return x, mean, std


def checked(preprocessing: object, channels: int) -> Preprocessing:
    """Refuse what is no preprocessing of so many channels; None is the identity.

    Parameters
    ----------
    preprocessing : Preprocessing or None
        What a caller gave.
    channels : int
        Channels of the samples.

    Returns
    -------
    Preprocessing
        It, or the identity.

    Raises
    ------
    InvalidTypeError
        It is something else.
    InvalidValueError
        It is for another number of channels.

    Examples
    --------
    >>> checked(None, 3)
    Preprocessing(mean=(0.0,), std=(1.0,))
    """
    if preprocessing is None:
        return Preprocessing()
    if not isinstance(preprocessing, Preprocessing):
        raise InvalidTypeError(
            "preprocessing", found=type(preprocessing).__name__, expected="a Preprocessing"
        )
    count = len(preprocessing.mean)
    if count not in (1, channels):
        raise InvalidValueError(
            "preprocessing",
            found=f"{count} channels",
            expected="1" if channels == 1 else f"1 or {channels}",
        )
    return preprocessing


def _numbers(values: object, argument: str) -> tuple[float, ...]:
    wrong = InvalidTypeError(argument, shown(values), "a number, or one for each channel")
    if isinstance(values, list | tuple) and any(isinstance(v, bool | np.bool_) for v in values):
        raise wrong  # among numbers, NumPy would read it as one
    try:
        host = to_numpy(as_array(values, argument), argument)
    except InvalidTypeError as error:
        raise wrong from error
    if host.dtype.kind not in "iuf" or host.ndim > 1:
        raise wrong
    with np.errstate(over="ignore"):
        numbers = np.atleast_1d(host).astype(np.float64)
    if not numbers.size or not np.isfinite(numbers).all():
        raise InvalidValueError(argument, shown(values), "finite numbers")
    return tuple(numbers.tolist())
