"""A network's own step on a set: the same in the pool of Algorithm 1 and where networks are judged.

It is a step of Adam on half the squared error. Parameters that are running statistics take no step;
they are observed on the way.
"""

from __future__ import annotations

from slimdc.backend import Array, Backend, Tensors
from slimdc.networks import Network, observed, squared_error
from slimdc.training.optimizers import Adam, StepSize

__all__ = ["ADAM", "own_loss", "own_step"]

ADAM = Adam()


def own_loss(
    network: Network, backend: Backend, parameters: Tensors, x: Array, y: Array
) -> tuple[Array, Tensors]:
    """Compute half the squared error on samples, and the next running statistics."""
    features, statistics = observed(network, backend, parameters, x)
    return squared_error(parameters, features, y), statistics


def own_step(
    parameters: Tensors,
    moments: Tensors,
    gradients: Tensors,
    statistics: Tensors,
    step_size: StepSize,
) -> tuple[Tensors, Tensors]:
    """Compute a network's parameters and moments after a step: a pure function."""
    moved, moments = ADAM.moved(parameters, gradients, moments, step_size)
    return moved | statistics, moments
