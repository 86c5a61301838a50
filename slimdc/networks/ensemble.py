"""Several networks of one architecture as one network: their features side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import at_least_one
from slimdc.backend import Array, Backend, Tensors
from slimdc.networks.normalization import Floats
from slimdc.networks.protocol import HEAD, HEAD_BIAS, Network

__all__ = ["Ensemble"]


@dataclass(frozen=True)
class Ensemble:
    """Several networks as one, whose kernel is the mean of theirs.

    Features are those of all networks side by side, divided by the root of their number N. Their
    inner products average those of the networks: for fresh ones, that estimates the kernel of an
    infinitely wide network (NNGP) with N times the samples of one.

    It is meant for networks that are drawn and compared, not trained: running statistics of a
    normalisation stay as they are drawn.

    Parameters
    ----------
    network : Network
        The architecture of each.
    count : int
        N.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If the count is no int of at least 1.

    Examples
    --------
    >>> from slimdc import backend
    >>> from slimdc.networks import MLP
    >>> network = Ensemble(MLP(5, 3, width=16), 4)
    >>> parameters = network.draw(np.random.default_rng(0))
    >>> network.embed(backend.get("numpy"), parameters, np.zeros((2, 5))).shape
    (2, 64)
    """

    network: Network
    count: int

    def __post_init__(self) -> None:
        at_least_one(count=self.count)

    def draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw each network's parameters; one head over the heads of all."""
        drawn = [self.network.draw(rng) for _ in range(self.count)]
        parameters = {
            f"{i}.{name}": x
            for i, own in enumerate(drawn)
            for name, x in own.items()
            if name not in (HEAD, HEAD_BIAS)
        }
        bias = sum((own[HEAD_BIAS] for own in drawn), np.zeros(())) / math.sqrt(self.count)
        return parameters | {
            HEAD: np.concatenate([own[HEAD] for own in drawn], axis=0),
            HEAD_BIAS: bias,
        }

    def embed(self, ops: Backend, parameters: Tensors, x: Array) -> Array:
        """Compute the features (n, N f) of all networks."""
        features = [self.network.embed(ops, self._own(parameters, i), x) for i in range(self.count)]
        joined = array_namespace(features[0]).concat(features, axis=1)
        return joined * (1.0 / math.sqrt(self.count))

    def _own(self, parameters: Tensors, i: int) -> Tensors:
        of = f"{i}."
        return {k.removeprefix(of): x for k, x in parameters.items() if k.startswith(of)}
