"""The three strategies that a run is made of: what is trained, for what, and in which networks.

A method of condensing or slimming is a choice of the three; `slimdc.training.algorithm` drives any
such choice, on any backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from slimdc.backend import Array, Backend, Tensors
from slimdc.networks import Network
from slimdc.parameterization import SlimmableDataset
from slimdc.training.optimizers import StepSize

if TYPE_CHECKING:
    from slimdc.training.network_steps import Learning

Pair: TypeAlias = tuple[Array, Array]
# Arrays in tuples and dicts, as `slimdc.backend.Backend.compile` takes them.
Constants: TypeAlias = Any

__all__ = ["Constants", "Member", "NetworkSource", "Objective", "Pair", "Parameterization", "View"]


class Parameterization(Protocol):
    """What is trained: tensors, and how they become samples.

    `start` and `finish` cross between a set and the backend; all else is pure functions of tensors,
    which may be differentiated and compiled.
    """

    @property
    def count(self) -> int:
        """Number of samples."""
        ...

    def start(self) -> Tensors:
        """Give the tensors with which training starts."""
        ...

    def samples(self, tensors: Tensors) -> Pair:
        """Compute samples as networks take them, and label rows."""
        ...

    def tangent(self, tensors: Tensors, gradients: Tensors) -> Tensors:
        """Project gradients, or steps, on the directions in which the tensors may move."""
        ...

    def move(self, tensors: Tensors, step: Tensors) -> Tensors:
        """Take a tangent step."""
        ...

    def finish(self, tensors: Tensors) -> SlimmableDataset:
        """Make a set of trained tensors."""
        ...


@dataclass(frozen=True)
class View:
    """What an objective sees of a step: a network, and the set that is trained.

    Parameters
    ----------
    backend : Backend
        What computes.
    network : Network
        The architecture.
    parameters : dict of array
        Its parameters θ.
    tensors : dict of array
        What is trained.
    x, y : array
        The samples that these stand for, as networks take them, and their labels.
    """

    backend: Backend
    network: Network
    parameters: Tensors
    tensors: Tensors
    x: Array
    y: Array

    @cached_property
    def features(self) -> Array:
        """The embedding X^θ of the samples, computed once for all who need it."""
        return self.network.embed(self.backend, self.parameters, self.x)


class Objective(Protocol):
    """What the tensors are trained for."""

    def batch(self) -> Constants:
        """Give what the next step is to match: all of a set, or a random part of real data."""
        ...

    def target(
        self, backend: Backend, network: Network, parameters: Tensors, batch: Constants
    ) -> Constants:
        """Compute what of a batch is constant in the tensors, such as its embedding."""
        ...

    def loss(self, view: View, target: Constants) -> tuple[Array, Tensors]:
        """Compute the loss, and its parts by name."""
        ...


class Member(NamedTuple):
    """A network that was drawn for a step.

    Attributes
    ----------
    parameters, moments : dict of array
        Of the network, and of its own optimiser.
    drawn : array or None
        Numbers of the samples that the network itself learns from in this step; None for all.
    step_size : StepSize or None
        Of its own step; None where it takes none.
    """

    parameters: Tensors
    moments: Tensors
    drawn: Array | None
    step_size: StepSize | None


class NetworkSource(Protocol):
    """Where the networks come from in which a set is compared."""

    @property
    def learning(self) -> Learning | None:
        """How a network learns in the step that it is drawn for; None where it does not."""
        ...

    def draw(self, tensors: Tensors) -> Member:
        """Draw the network of the next step, for the tensors as they are before it."""
        ...

    def keep(self, parameters: Tensors, moments: Tensors) -> None:
        """Take back the network that was drawn, after its own step."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Copy everything that the source would need to go on to the host, by name."""
        ...

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state that `state` returned."""
        ...
