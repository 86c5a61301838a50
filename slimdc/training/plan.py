"""What a run is made of: three strategies, how far it goes, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from slimdc.backend import Compute, Tensors
from slimdc.networks import Network
from slimdc.parameterization.factors import as_they_are
from slimdc.training.optimizers import Lamb, Optimizer, cosine
from slimdc.training.strategies import NetworkSource, Objective, Parameterization

__all__ = ["Plan", "Schedule"]


@dataclass(frozen=True)
class Schedule:
    """How far tensors move: an optimiser's rate, falling by a cosine to a fraction of it.

    Parameters
    ----------
    steps : int
        T, the number of steps.
    rate : float
        The rate at the start.
    floor : float
        Fraction of it at the end.
    optimizer : Optimizer
        What the rate is of.
    """

    steps: int
    rate: float
    floor: float
    optimizer: Optimizer = field(default_factory=Lamb)

    def __call__(self, count: int) -> float:
        """Return the rate of step ``count``, from 1."""
        return self.rate * cosine(count, self.steps, floor=self.floor)


@dataclass(frozen=True)
class Plan:
    """What a run does: its three strategies, how far, where, and by which random numbers.

    Parameters
    ----------
    parameterization : Parameterization
        What is trained.
    objective : Objective
        What for.
    network : Network
        The architecture of the networks that it is trained in.
    networks : callable
        Makes the source of networks of a rank from its random numbers.
    schedule : Schedule
        Number and size of the steps.
    compute : Compute
        Where.
    rng : numpy.random.Generator
        Source of every draw.
    seen : callable
        What of the tensors the loss and the networks see: the tensors themselves, or rounded ones,
        whose gradients then move the tensors (straight through the rounding).
    """

    parameterization: Parameterization
    objective: Objective
    network: Network
    networks: Callable[[np.random.Generator], NetworkSource]
    schedule: Schedule
    compute: Compute
    rng: np.random.Generator
    seen: Callable[[Tensors], Tensors] = as_they_are
