"""The step with which a set takes no more than so many bytes."""

from __future__ import annotations

import math
from collections.abc import Callable

from slimdc.parameterization.description import Description
from slimdc.parameterization.quantization.codes import Numbers, Parts, band_of, held, largest_of
from slimdc.parameterization.quantization.component import expected_bytes, most_bytes
from slimdc.parameterization.quantization.entropy import LARGEST
from slimdc.parameterization.quantization.rounding import rounded_to

__all__ = ["coarsest", "estimated", "least_bytes", "share_within", "step_within"]

# Steps are sought between 2^-10 and 2^6 times the root mean square of the samples.
_FINEST, _COARSEST = -10.0, 6.0
_HALVINGS = 12
# And shares of numbers to about a thousandth.
_SHARES = 10


def estimated(numbers: Numbers, description: Description) -> float:
    """Estimate the bytes of numbers without coding them; infinite where they are too large."""
    if largest_of(numbers) > LARGEST:
        return math.inf
    bands = band_of(description, numbers.y.shape[2], rows=numbers.left is None)
    return sum(expected_bytes(component, bands) for component in held(numbers, description))


def step_within(budget: float, parts: Parts, description: Description) -> float:
    """Find the finest step with which parts take no more than so many bytes, by estimate.

    Parameters
    ----------
    budget : float
        Bytes of all components, `least_bytes` or more.
    parts : Parts
        What is to be rounded.
    description : Description
        Of the set.

    Returns
    -------
    float

    """
    mean = _mean_size(parts, description)

    def bytes_at(exponent: float) -> float:
        return estimated(rounded_to(mean * 2.0**exponent, parts, description)[1], description)

    exponent = _highest_failing(lambda e: bytes_at(e) > budget)
    return float(mean * 2.0**exponent)


def share_within(budget: float, step: float, parts: Parts, description: Description) -> float:
    """Find the least share of numbers to take for 0, so that a step takes so many bytes at most.

    Parameters
    ----------
    budget : float
        Bytes of all components, `least_bytes` or more.
    step : float
        A finer step than that of `step_within`.
    parts : Parts
        What is to be rounded.
    description : Description
        Of the set.

    Returns
    -------
    float
        Above 0; 1 where no smaller share suffices.
    """
    low, high = 0.0, 1.0
    for _ in range(_SHARES):
        share = (low + high) / 2
        numbers = rounded_to(step, parts, description, share)[1]
        low, high = (share, high) if estimated(numbers, description) > budget else (low, share)
    return high


def least_bytes(parts: Parts, description: Description) -> int:
    """Bound the bytes of parts at the coarsest of steps: so many are enough."""
    numbers = rounded_to(coarsest(parts, description), parts, description)[1]
    bands = band_of(description, numbers.y.shape[2], rows=numbers.left is None)
    return sum(most_bytes(component, bands) for component in held(numbers, description))


def coarsest(parts: Parts, description: Description) -> float:
    """Give the coarsest step that is tried."""
    return float(_mean_size(parts, description) * 2.0**_COARSEST)


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
