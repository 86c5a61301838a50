"""The network that does nothing: samples are their own features."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import at_least_one
from slimdc.backend import Array, Backend, Tensors
from slimdc.networks.normalization import Floats
from slimdc.networks.protocol import HEAD, HEAD_BIAS

__all__ = ["Pixels"]


@dataclass(frozen=True)
class Pixels:
    """A network without layers: its features are the flat samples, its head starts at zero.

    Kernels in closed form are formed from them, and nothing about it is random.

    Parameters
    ----------
    shape : tuple of int
        Of a sample, as networks take it.
    outputs : int
        Label entries c.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If the outputs are no int of at least 1.

    Examples
    --------
    >>> from slimdc import backend
    >>> network = Pixels((2, 2, 3), 10)
    >>> parameters = network.draw(np.random.default_rng(0))
    >>> network.embed(backend.get("numpy"), parameters, np.zeros((5, 2, 2, 3))).shape
    (5, 12)
    """

    shape: tuple[int, ...]
    outputs: int

    def __post_init__(self) -> None:
        at_least_one(outputs=self.outputs)

    def draw(self, rng: np.random.Generator) -> dict[str, Floats]:  # noqa: ARG002 - as any network's
        """Make a head of zeros."""
        size = math.prod(self.shape)
        return {HEAD: np.zeros((size, self.outputs)), HEAD_BIAS: np.zeros(self.outputs)}

    def embed(self, ops: Backend, parameters: Tensors, x: Array) -> Array:  # noqa: ARG002 - as any network's
        """Flatten samples (n, ...) to (n, d)."""
        return array_namespace(x).reshape(x, (x.shape[0], -1))
