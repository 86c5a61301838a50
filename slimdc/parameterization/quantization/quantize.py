"""Factors to codes of a number of bytes."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from slimdc._checks import shown
from slimdc.errors import InvalidValueError
from slimdc.parameterization.description import Description, Factors
from slimdc.parameterization.quantization.codes import Codes, Parts, packed, parts_of
from slimdc.parameterization.quantization.factoring import factors_of
from slimdc.parameterization.quantization.rate import (
    coarsest,
    estimated,
    least_bytes,
    share_within,
    step_within,
)
from slimdc.parameterization.quantization.rounding import parts_of_factors, rounded_to

__all__ = ["Rounder", "are_rows", "quantized"]

# Steps of larger sets, and of smaller ones, would be no normal numbers of float64.
_REACH = 1000
# How many times too many bytes a step is taken for that makes numbers too large to code.
_TOO_FINE = 1.1


class Rounder:
    """Factors that can be rounded to any step.

    Parameters
    ----------
    factors : Factors
        On the host.
    description : Description
        Of their set.
    rows : bool
        Whether samples themselves are rounded, rather than components: then there must be as many
        samples as components.

    Raises
    ------
    InvalidValueError
        A value is 1e301 or larger.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> x = np.random.default_rng(0).normal(size=(6, 40))
    >>> data = SlimmableDataset.from_arrays(x, np.arange(6) % 2)
    >>> rounder = Rounder(data.host_factors(), data.description, rows=False)
    >>> rounder.least <= rounder.codes(300).nbytes <= 300
    True
    """

    def __init__(self, factors: Factors, description: Description, *, rows: bool) -> None:
        left, x, y = parts_of_factors(factors, rows=rows)
        # By powers of two, which change no bit: squares of 1e200 would overflow.
        x, y = map(_not_tiny, (x, y))
        self._exponents = [int(np.frexp(np.abs(part).max())[1]) for part in (x, y)]
        if max(self._exponents) > _REACH:
            raise InvalidValueError("factors", "values of 1e301 and more", "smaller ones")
        x, y = (np.ldexp(part, -e) for part, e in zip((x, y), self._exponents, strict=True))
        self._parts = Parts(left, x, y)
        self._description = description

    @cached_property
    def least(self) -> int:
        """Bytes in which the factors can be coded in any case, at the coarsest of steps."""
        return least_bytes(self._parts, self._description)

    def bytes_of(self, bits: float, numbers: int) -> int:
        """Count the bytes of so many numbers of so many bits each.

        Raises
        ------
        InvalidValueError
            They are fewer than `least`.
        """
        nbytes = int(bits * numbers / 8)
        if nbytes < self.least:
            found = f"{shown(bits)}, which is {nbytes} bytes"
            least = math.ceil(self.least * 8e4 / numbers) / 1e4
            raise InvalidValueError("bits", found, f"at least {least:g}, {self.least} bytes")
        return nbytes

    def step(self, nbytes: float) -> float:
        """Find the finest step with which the factors take at most so many bytes, by estimate.

        Raises
        ------
        InvalidValueError
            No step is coarse enough; the message says what the set takes at least.
        """
        if nbytes < self.least:
            raise InvalidValueError("nbytes", f"{nbytes:.0f}", f"at least {self.least}")
        found = step_within(nbytes, self._parts, self._description)
        return float(np.ldexp(found, self._exponents[0]))

    def share_within(self, step: float, nbytes: float) -> float:
        """Find the share of numbers to take for 0, so that a step takes so many bytes at most.

        It is 1 where no smaller one suffices, and that need not either. What was rounded before has
        many numbers of one size, which a coarser step rounds away all at once: a finer one that
        leaves some of them out keeps more.
        """
        return share_within(nbytes, self._own(step), self._parts, self._description)

    def bytes_at(self, step: float) -> float:
        """Estimate the bytes that the factors take at a step; infinite where it is too fine."""
        _, numbers = rounded_to(self._own(step), self._parts, self._description)
        return estimated(numbers, self._description)

    def rounded(self, step: float, thinned: float = 0.0) -> Factors:
        """Round to a step, thinned or not, and give what would be decoded."""
        steps, numbers = rounded_to(self._own(step), self._parts, self._description, thinned)
        return factors_of(
            parts_of(numbers, self._scaled(steps), self._description), self._description
        )

    def codes(self, nbytes: int) -> Codes:
        """Code the factors in at most so many bytes, as finely as these allow.

        Raises
        ------
        InvalidValueError
            No step is coarse enough; the message says what the set takes at least.
        """
        step, last = self.step(nbytes), coarsest(self._parts, self._description)
        last = float(np.ldexp(last, self._exponents[0]))
        codes = self._coded(step)
        while (codes is None or codes.nbytes > nbytes) and step < last:
            excess = _TOO_FINE if codes is None else codes.nbytes / nbytes
            step = min(last, step * 1.002 * excess**0.5)
            codes = self._coded(step)
        if codes is None or codes.nbytes > nbytes:
            least = self.least if codes is None else codes.nbytes
            raise InvalidValueError("nbytes", f"{nbytes}", f"at least {least}")
        return codes

    def thinned_codes(self, step: float, nbytes: int) -> Codes:
        """Code the factors at a step in at most so many bytes, thinned as far as it takes.

        Where nothing would be left, they are coded as by `codes`.

        Raises
        ------
        InvalidValueError
            As there.
        """
        room = nbytes
        while (share := self.share_within(step, room)) < 1.0:
            codes = self.codes_at(step, share)
            if codes.nbytes <= nbytes:
                return codes
            room -= codes.nbytes - nbytes
        return self.codes(nbytes)

    def codes_at(self, step: float, thinned: float = 0.0) -> Codes:
        """Code the factors at a step, whatever they take.

        Raises
        ------
        InvalidValueError
            The step is too fine for numbers that can be coded.
        """
        steps, numbers = rounded_to(self._own(step), self._parts, self._description, thinned)
        return self._scaled(replace(steps, components=packed(numbers, self._description)))

    def _coded(self, step: float) -> Codes | None:
        # Labels are fitted to what was rounded: a coarser step may make their numbers too large.
        try:
            return self.codes_at(step)
        except InvalidValueError:
            return None

    def _own(self, step: float) -> float:
        return float(np.ldexp(step, -self._exponents[0]))

    def _scaled(self, codes: Codes) -> Codes:
        x, y = self._exponents
        step, label_step = np.ldexp(codes.step, x), np.ldexp(codes.label_step, y)
        return replace(codes, step=float(step), label_step=float(label_step))


def quantized(factors: Factors, description: Description, bits: float, numbers: int) -> Codes:
    """Code factors in at most so many bits for each number, as finely as these allow.

    Parameters
    ----------
    factors : Factors
        On the host.
    description : Description
        Of their set.
    bits : float
        Bits for each number, on average.
    numbers : int
        How many numbers count.

    Returns
    -------
    Codes
        Of rows where the components are the samples themselves, U = I.

    Raises
    ------
    InvalidValueError
        No step is coarse enough; the message says what the set takes at least.

    Examples
    --------
    >>> from slimdc.parameterization import SlimmableDataset
    >>> x = np.random.default_rng(0).normal(size=(6, 40))
    >>> data = SlimmableDataset.from_arrays(x, np.arange(6) % 2)
    >>> quantized(data.host_factors(), data.description, 6, 400).nbytes <= 300
    True
    """
    rows = are_rows(factors, description)
    rounder = Rounder(factors, description, rows=rows)
    return rounder.codes(rounder.bytes_of(bits, numbers))


def are_rows(factors: Factors, description: Description) -> bool:
    """Tell whether U is the identity in each class: components are samples then."""
    if description.samples != description.components:
        return False
    padded = [np.diag(np.arange(factors.u.shape[2]) < k) for k in description.components]
    return bool((factors.u == np.stack(padded[: factors.u.shape[0]])).all())


def _not_tiny(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take samples, or labels, of which all are below 1e-301 for zeros."""
    tiny = int(np.frexp(np.abs(part).max())[1]) < -_REACH
    return np.zeros_like(part) if tiny else part
