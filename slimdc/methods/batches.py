"""Batches of what a set is to match: drawn from all classes at once, or from each class alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from slimdc.backend import Array, Compute
from slimdc.methods.method import Host, Material, Task
from slimdc.parameterization import Description, SlimmableDataset
from slimdc.parameterization.factors import network_input
from slimdc.parameterization.units import Units
from slimdc.training.strategies import Pair

__all__ = ["ClassBatches", "RealBatches"]


@dataclass(frozen=True)
class RealBatches:
    """Batches drawn from all samples, in the units of training; all of them where they are few.

    Parameters
    ----------
    x, y : numpy.ndarray
        Samples in the space and units of the set, and their label rows.
    description : Description
        Of the set: how its samples become those that networks take.
    compute : Compute
        Where the batches go.
    rng : numpy.random.Generator
        Draws them.
    size : int
        Samples of a batch.
    """

    x: Host
    y: Host
    description: Description
    compute: Compute
    rng: np.random.Generator
    size: int

    @classmethod
    def of(cls, task: Task, start: SlimmableDataset, units: Units, size: int) -> RealBatches:
        """Draw from the material of a task."""
        dtype, (x, y) = task.compute.dtype, _in_units(task.material, units)
        x, y = x.astype(dtype), y.astype(dtype)
        return cls(x, y, start.description, task.compute, task.rng, size)

    def draw(self) -> Pair:
        """Draw samples, as networks take them, and their label rows."""
        enter, count = self.compute.backend.asarray, self.x.shape[0]
        drawn = self.rng.integers(count, size=self.size) if count > self.size else np.arange(count)
        return network_input(enter(self.x[drawn]), self.description), enter(self.y[drawn])


@dataclass(frozen=True)
class ClassBatches:
    """Batches of as many samples of each class, in the units of training.

    A class that has fewer gives all of them.

    Parameters
    ----------
    x : numpy.ndarray
        Samples in the space and units of the set.
    members : tuple of numpy.ndarray
        Numbers of the samples of each class.
    description : Description
        Of the set: how its samples become those that networks take.
    compute : Compute
        Where the batches go.
    rng : numpy.random.Generator
        Draws them.
    size : int
        Samples of a class in a batch.
    """

    x: Host
    members: tuple[Host, ...]
    description: Description
    compute: Compute
    rng: np.random.Generator
    size: int

    @classmethod
    def of(cls, task: Task, start: SlimmableDataset, units: Units, size: int) -> ClassBatches:
        """Draw from the material of a task."""
        x = _in_units(task.material, units)[0].astype(task.compute.dtype)
        members = tuple(task.material.members())
        return cls(x, members, start.description, task.compute, task.rng, size)

    def draw(self) -> Array:
        """Draw samples, as networks take them, class by class."""
        drawn = [
            m if m.size <= self.size else self.rng.choice(m, self.size, replace=False)
            for m in self.members
        ]
        x = self.compute.backend.asarray(self.x[np.concatenate(drawn)])
        return network_input(x, self.description)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Samples of each class in a batch."""
        return tuple(min(m.size, self.size) for m in self.members)


def _in_units(material: Material, units: Units) -> tuple[Host, Host]:
    return units.samples(material.x), units.labels(material.y)
