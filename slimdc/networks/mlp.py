"""The perceptron for flat vectors."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from slimdc._checks import at_least_one
from slimdc.backend import Array, Backend, Tensors, relu
from slimdc.networks.initialization import draw_head, lecun_normal
from slimdc.networks.normalization import Floats

__all__ = ["MLP"]


@dataclass(frozen=True)
class MLP:
    """A perceptron for flat vectors: ``depth`` layers of ``width`` ReLU units and a linear head.

    Parameters
    ----------
    inputs : int
        Values per sample d.
    outputs : int
        Label entries c.
    width : int
        Units of each layer; also the number of features.
    depth : int
        Number of layers before the head.

    Raises
    ------
    InvalidValueError
        If a number is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc import backend
    >>> network = MLP(5, 3, width=16)
    >>> parameters = network.draw(np.random.default_rng(0))
    >>> network.embed(backend.get("numpy"), parameters, np.zeros((2, 5))).shape
    (2, 16)
    """

    inputs: int
    outputs: int
    width: int = 256
    depth: int = 2

    def __post_init__(self) -> None:
        at_least_one(inputs=self.inputs, width=self.width, depth=self.depth, outputs=self.outputs)

    def draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw parameters; layers are (units before, units)."""
        units = (self.inputs, *([self.width] * self.depth))
        parameters: dict[str, Floats] = {}
        for i, shape in enumerate(itertools.pairwise(units)):
            parameters[f"dense{i}.weight"] = lecun_normal(rng, shape)
            parameters[f"dense{i}.bias"] = np.zeros(shape[1])
        return parameters | draw_head(rng, self.width, self.outputs)

    def embed(self, ops: Backend, parameters: Tensors, x: Array) -> Array:  # noqa: ARG002 - as any network's
        """Compute features (n, width) of vectors (n, d)."""
        for i in range(self.depth):
            x = relu(x @ parameters[f"dense{i}.weight"] + parameters[f"dense{i}.bias"])
        return x
