"""The step with which a set takes no more than so many bytes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from slimdc.errors import InvalidValueError
from slimdc.parameterization.description import Description
from slimdc.parameterization.quantization.codes import Numbers, Parts, band_of, held
from slimdc.parameterization.quantization.component import expected_bytes
from slimdc.parameterization.quantization.entropy import LARGEST
from slimdc.parameterization.quantization.rounding import rounded_to

__all__ = ["estimated", "least_bytes", "step_within"]

# Steps are sought between 2^-10 and 2^6 times the root mean square of the samples.
_FINEST, _COARSEST = -10.0, 6.0
_HALVINGS = 12


def estimated(numbers: Numbers, description: Description) -> float:
    """Estimate the bytes of numbers without coding them; infinite where they are too large."""
    if any(part is not None and int(np.abs(part).max()) > LARGEST for part in numbers):
        return math.inf
    bands = band_of(description, numbers.y.shape[2], rows=numbers.left is None)
    return sum(expected_bytes(component, bands) for component in held(numbers, description))


def step_within(budget: float, parts: Parts, description: Description) -> float:
    """Find the finest step with which parts take no more than so many bytes, by estimate.

    Parameters
    ----------
    budget : float
        Bytes of all components.
    parts : Parts
        What is to be rounded.
    description : Description
        Of the set.

    Returns
    -------
    float

    Raises
    ------
    InvalidValueError
        The budget is below what any step leaves; the message says the least.
    """
    mean = _mean_size(parts, description)

    def bytes_at(exponent: float) -> float:
        return estimated(rounded_to(mean * 2.0**exponent, parts, description)[1], description)

    least = least_bytes(parts, description)
    if least > budget:
        raise InvalidValueError("nbytes", f"{budget:.0f}", f"at least {least:.0f}")
    exponent = _highest_failing(lambda e: bytes_at(e) > budget)
    return float(mean * 2.0**exponent)


def least_bytes(parts: Parts, description: Description) -> int:
    """Count the bytes of parts at the coarsest of steps."""
    step = _mean_size(parts, description) * 2.0**_COARSEST
    return math.ceil(estimated(rounded_to(step, parts, description)[1], description))


def _mean_size(parts: Parts, description: Description) -> float:
    values = sum(description.samples) * description.size
    return math.sqrt(float((parts.x**2).sum()) / values) or 1.0


def _highest_failing(fails: Callable[[float], bool]) -> float:
    """Find by halving the least exponent that does not fail."""
    low, high = _FINEST, _COARSEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if fails(middle) else (low, middle)
    return high
