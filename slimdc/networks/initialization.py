"""How parameters start: lecun-normal weights, biases at zero."""

from __future__ import annotations

import math

import numpy as np

from slimdc.networks.normalization import Floats
from slimdc.networks.protocol import HEAD, HEAD_BIAS

__all__ = ["draw_head", "lecun_normal"]


def draw_head(rng: np.random.Generator, features: int, outputs: int) -> dict[str, Floats]:
    """Draw a linear head's weights and zero biases."""
    return {HEAD: lecun_normal(rng, (features, outputs)), HEAD_BIAS: np.zeros(outputs)}


def lecun_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw a normal truncated at 2 deviations, of variance 1 / fan-in."""
    z = rng.standard_normal(shape)
    while (far := np.abs(z) > 2).any():
        z[far] = rng.standard_normal(int(far.sum()))
    # 0.8796... is the deviation of a standard normal truncated at 2.
    return z / (0.87962566103423978 * math.sqrt(math.prod(shape[:-1])))
