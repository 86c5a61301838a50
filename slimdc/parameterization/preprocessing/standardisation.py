"""Standardisation of channels, and the statistics that the literature standardises with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from slimdc._array import HostArray, as_array, dtype_name, namespace, to_numpy
from slimdc._checks import one_of, shown
from slimdc._magnitudes import unit
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.typing import Layout

__all__ = ["STATISTICS", "Standardisation"]

# Means and deviations of training pixels in [0, 1], as these repositories print them (2026-11):
# FRePo (lib/dataset/dataloader.py), VICO's DatasetCondensation, mtt-distillation (utils.py). Where
# names are alike the numbers are those of the data themselves.
_CIFAR = (0.4914, 0.4822, 0.4465)
_VICO = (0.2023, 0.1994, 0.2010)
_CIFAR100 = ((0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762))
STATISTICS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "cifar10": (_CIFAR, (0.2470, 0.2435, 0.2616)),
    "cifar10-vico": (_CIFAR, _VICO),
    "cifar10-mtt": (_CIFAR, _VICO),
    "cifar100": _CIFAR100,
    "cifar100-vico": _CIFAR100,
    "cifar100-mtt": (_CIFAR, _VICO),
    "fashion-mnist": ((0.2861,), (0.3530,)),
    "mnist": ((0.1307,), (0.3081,)),
}


@dataclass(frozen=True)
class Standardisation:
    """A step: ``(x - mean) / std`` per channel.

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
    >>> step = Standardisation(0.5, 0.25)
    >>> step.apply(np.asarray([[1.0, 0.0]]), "flat").tolist()
    [[2.0, -2.0]]
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

    @classmethod
    def fitted(cls, x: HostArray, layout: Layout) -> Standardisation:
        """Take the mean and the deviation of each channel; a constant channel keeps its scale.

        Examples
        --------
        >>> Standardisation.fitted(np.asarray([[0.0, 1.0], [1.0, 1.0]]), "flat")
        Standardisation(mean=(0.75,), std=(0.4330127018922193,))
        """
        axes = {"channels_last": (0, 1, 2), "channels_first": (0, 2, 3)}.get(layout)
        high, low = (f(x, axis=axes, keepdims=True) for f in (np.max, np.min))
        by = unit(np.maximum(high, -low).astype(np.float64))
        # Scaling takes a copy of all samples, which those of usual size are spared.
        scaled = x * by if (by != 1.0).any() else x
        # float64 sums: float32 ones of 47 million pixels lose digits.
        mean, std = (
            f(scaled, axis=axes, dtype=np.float64, keepdims=True) / by for f in (np.mean, np.std)
        )
        # Of a constant channel the mean's rounding leaves a deviation.
        varies = (high > low) & (std > 0)
        spread = np.where(varies, std, 1.0)
        return cls(tuple(mean.ravel().tolist()), tuple(spread.ravel().tolist()))

    @classmethod
    def named(cls, name: str) -> Standardisation:
        """Take the statistics of a data set, from `STATISTICS`.

        Examples
        --------
        >>> Standardisation.named("mnist")
        Standardisation(mean=(0.1307,), std=(0.3081,))
        """
        one_of("name", name, tuple(STATISTICS))
        return cls(*STATISTICS[name])

    def apply(self, x: Any, layout: Layout, argument: str = "x") -> Any:
        """Standardise floating-point samples (n, ...), whose dtype must hold the deviations."""
        mean, std = self._operands(x, layout, argument)
        return (x - mean) / std

    def invert(self, x: Any, layout: Layout) -> Any:
        """Undo `apply`."""
        mean, std = self._operands(x, layout, "x")
        return x * std + mean

    def _operands(self, x: Any, layout: Layout, argument: str) -> tuple[Any, Any]:
        xp = namespace(x, argument=argument)
        info, name = xp.finfo(x.dtype), dtype_name(x)
        least, most = float(info.smallest_normal), float(info.max)
        for std in self.std:
            if not least <= std <= most:
                expected = f"numbers from {least:.3g} to {most:.3g} for samples of dtype {name}"
                raise InvalidValueError("preprocessing.std", f"{std}", expected)
        if len(self.mean) == 1:
            return self.mean[0], self.std[0]
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
        return mean, std


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
