"""What a smaller set keeps, told from the set alone: the direction of the solutions of Eq. 7."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from array_api_compat import array_namespace

from slimdc.backend import Array, Compute, Tensors
from slimdc.losses import ridge_solution
from slimdc.networks import Network, fresh, network_for
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.factors import samples_on
from slimdc.parameterization.units import Units
from slimdc.settings import PoolSettings

__all__ = ["Criterion"]

# Eq. 7 in so many networks ranks sets; one alone sways.
NETWORKS = 4


@dataclass(frozen=True)
class Criterion:
    """Measure how far the solutions of random networks turn when a set takes the place of another.

    It is Eq. 7, relative, of the multiple of the smaller set's solution that comes nearest: the
    squared sine of the angle between both. Of 0 nothing is lost, of 1 nothing is kept. Multiples
    are left free because the class that a network predicts does not change with them, while noise
    in the samples makes solutions shorter. In truncations, in chosen rows and in rounded images it
    ranks sets as the accuracy of trained networks does.

    Parameters
    ----------
    before : SlimmableDataset
        The set that others are to stand for.
    compute : Compute
        Where networks embed samples.
    network : Network
        The architecture.
    members : tuple of dict of array
        Parameters of its random networks.
    ridge : float
        λ of Eq. 7, relative to the kernel's mean diagonal.
    """

    before: SlimmableDataset
    compute: Compute
    network: Network
    members: tuple[Tensors, ...]
    ridge: float

    @classmethod
    def of(
        cls,
        before: SlimmableDataset,
        compute: Compute,
        network: str | Network,
        rng: np.random.Generator,
        pool: PoolSettings,
        ridge: float,
    ) -> Criterion:
        """Draw the networks."""
        with compute.session():
            made = network_for(network, before, pool, compute)
            members = tuple(
                fresh(made, compute.backend, rng, compute.dtype) for _ in range(NETWORKS)
            )
        return cls(before, compute, made, members, compute.safe_ridge(ridge))

    def __call__(self, after: SlimmableDataset) -> float:
        """Return what the solutions of a set lose, averaged over the networks."""
        with self.compute.session():
            pairs = zip(self._directions(after), self._before, strict=True)
            found = [_turned(*pair) for pair in pairs]
            lost = float(np.mean([self.compute.backend.to_numpy(each) for each in found]))
            return min(1.0, lost)  # lengths of 1 are rounded

    @cached_property
    def _units(self) -> Units:
        return Units.of(self.before)

    @cached_property
    def _unlabelled(self) -> bool:
        """Whether nothing is learned: a class alone has label rows of zero. It is told from 0."""
        _, y = samples_on(self.compute, self.before, self._units)
        return not bool(array_namespace(y).any(y != 0))

    @cached_property
    def _before(self) -> list[Array]:
        """Those of the set before; many sets are compared with it."""
        return self._directions(self.before)

    def _directions(self, data: SlimmableDataset) -> list[Array]:
        """Solve in each network, to a length of 1, or of 0 where nothing is learned."""
        x, y = samples_on(self.compute, data, self._units)
        if self._unlabelled:
            y = array_namespace(y).ones_like(y)
        found = []
        for member in self.members:
            embedded = self.network.embed(self.compute.backend, member, x)
            solution = ridge_solution(embedded, y, self.ridge)
            xp = array_namespace(solution)
            largest = xp.max(xp.abs(solution))
            solution = solution / xp.where(largest > 0, largest, xp.ones_like(largest))
            length = xp.sqrt(xp.sum(solution * solution))
            found.append(solution / xp.where(length > 0, length, xp.ones_like(length)))
        return found


def _turned(after: Array, before: Array) -> Array:
    """Square what is left of one direction when the other, as long as it may be, is taken away."""
    xp = array_namespace(after)
    cosine = xp.sum(after * before)
    left = before - xp.where(cosine > 0, cosine, xp.zeros_like(cosine)) * after
    return xp.sum(left * left)
