"""How parameters start: lecun-normal with biases at zero, or uniform as PyTorch's layers do."""

from __future__ import annotations

import math

import numpy as np

from slimdc.networks.normalization import Floats
from slimdc.networks.protocol import HEAD, HEAD_BIAS

__all__ = ["draw_head", "draw_uniform_head", "lecun_normal", "uniform"]


def draw_head(rng: np.random.Generator, features: int, outputs: int) -> dict[str, Floats]:
    """Draw a linear head's weights and zero biases."""
    return {HEAD: lecun_normal(rng, (features, outputs)), HEAD_BIAS: np.zeros(outputs)}


def draw_uniform_head(rng: np.random.Generator, features: int, outputs: int) -> dict[str, Floats]:
    """Draw a linear head's weights and biases, as PyTorch's linear layer starts."""
    return {
        HEAD: uniform(rng, (features, outputs), features),
        HEAD_BIAS: uniform(rng, (outputs,), features),
    }


def lecun_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw a normal truncated at 2 deviations, of variance 1 / fan-in."""
    z = rng.standard_normal(shape)
    while (far := np.abs(z) > 2).any():
        z[far] = rng.standard_normal(int(far.sum()))
    # 0.8796... is the deviation of a standard normal truncated at 2.
    return z / (0.87962566103423978 * math.sqrt(math.prod(shape[:-1])))


def uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> Floats:
    """Draw evenly from ±1/√fan-in: PyTorch's default, Kaiming's uniform with a = √5, for both.

    Weights and biases of a layer have one fan-in, the values that an output is a sum of.
    """
    bound = 1.0 / math.sqrt(fan_in)
    return rng.uniform(-bound, bound, shape)
