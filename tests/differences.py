"""Oracles that gradients are held against: central differences, and errors relative to a norm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def central_differences(
    function: Callable[[dict[str, np.ndarray]], float],
    variables: dict[str, np.ndarray],
    step: float = 1e-5,
) -> dict[str, np.ndarray]:
    """Differentiate a function of named float64 arrays, entry by entry."""
    gradients = {}
    for name, x in variables.items():
        slope = np.zeros(x.shape)
        for place in np.ndindex(x.shape):
            sides = []
            for sign in (1, -1):
                moved = x.copy()
                moved[place] += sign * step
                sides.append(float(function(variables | {name: moved})))
            slope[place] = (sides[0] - sides[1]) / (2 * step)
        gradients[name] = slope
    return gradients


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """Error in the Frobenius norm over the norm of what is expected."""
    assert found.shape == expected.shape
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
