"""Factors to codes of a number of bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from slimdc.parameterization.description import Description, Factors
from slimdc.parameterization.quantization.codes import (
    Codes,
    Parts,
    factors_of,
    packed,
    parts_of,
)
from slimdc.parameterization.quantization.rate import estimated, least_bytes, step_within
from slimdc.parameterization.quantization.rounding import parts_of_factors, rounded_to

__all__ = ["Rounder", "are_rows", "quantized"]


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
        self._exponents = [int(np.frexp(np.abs(part).max())[1]) for part in (x, y)]
        x, y = (np.ldexp(part, -e) for part, e in zip((x, y), self._exponents, strict=True))
        self._parts = Parts(left, x, y)
        self._description = description

    @property
    def least(self) -> int:
        """Bytes that the factors take at the coarsest of steps."""
        return least_bytes(self._parts, self._description)

    def step(self, nbytes: float) -> float:
        """Find the finest step with which the factors take at most so many bytes, by estimate."""
        found = step_within(nbytes, self._parts, self._description)
        return float(np.ldexp(found, self._exponents[0]))

    def bytes_at(self, step: float) -> float:
        """Estimate the bytes that the factors take at a step."""
        _, numbers = rounded_to(self._own(step), self._parts, self._description)
        return estimated(numbers, self._description)

    def rounded(self, step: float) -> Factors:
        """Round to a step, and give what would be decoded."""
        steps, numbers = rounded_to(self._own(step), self._parts, self._description)
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
        step = self._own(self.step(nbytes))
        while True:
            steps, numbers = rounded_to(step, self._parts, self._description)
            codes = replace(steps, components=packed(numbers, self._description))
            if codes.nbytes <= nbytes:
                return self._scaled(codes)
            step *= 1.002 * (codes.nbytes / nbytes) ** 0.5

    def _own(self, step: float) -> float:
        return float(np.ldexp(step, -self._exponents[0]))

    def _scaled(self, codes: Codes) -> Codes:
        x, y = self._exponents
        step, label_step = np.ldexp(codes.step, x), np.ldexp(codes.label_step, y)
        return replace(codes, step=float(step), label_step=float(label_step))


def quantized(factors: Factors, description: Description, nbytes: int) -> Codes:
    """Code factors in at most so many bytes, as finely as these allow.

    Parameters
    ----------
    factors : Factors
        On the host.
    description : Description
        Of their set.
    nbytes : int
        Bytes of all components.

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
    >>> quantized(data.host_factors(), data.description, 300).nbytes <= 300
    True
    """
    rows = are_rows(factors, description)
    return Rounder(factors, description, rows=rows).codes(nbytes)


def are_rows(factors: Factors, description: Description) -> bool:
    """Tell whether U is the identity in each class: components are samples then."""
    if description.samples != description.components:
        return False
    padded = [np.diag(np.arange(factors.u.shape[2]) < k) for k in description.components]
    return bool((factors.u == np.stack(padded[: factors.u.shape[0]])).all())
