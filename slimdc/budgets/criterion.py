"""What a smaller set keeps, told from the set alone: Eq. 7, relative, in random networks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from slimdc.backend import Compute, Tensors
from slimdc.losses import infinity_order
from slimdc.networks import Network, fresh, network_for
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.factors import samples_on
from slimdc.parameterization.units import Units
from slimdc.settings import PoolSettings
from slimdc.training.strategies import Pair

__all__ = ["Criterion"]

# Eq. 7 in so many networks ranks sets; one alone sways.
NETWORKS = 4


@dataclass(frozen=True)
class Criterion:
    """Measure how far the solutions of random networks move when a set takes the place of another.

    Of 0 nothing is lost; of 1 and more nothing is known to be kept. In truncations, in chosen rows
    and in rounded images it ranks sets as the accuracy of trained networks does.

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
        """Return Eq. 7 of a set, relative, averaged over the networks."""
        with self.compute.session():
            pairs = zip(self._embedded(after), self._before, strict=True)
            found = [infinity_order(*a, *b, self.ridge, "relative") for a, b in pairs]
            return float(np.mean([self.compute.backend.to_numpy(loss) for loss in found]))

    @cached_property
    def _units(self) -> Units:
        return Units.of(self.before)

    @cached_property
    def _before(self) -> list[Pair]:
        """The set before in each network; many sets are compared with it."""
        return self._embedded(self.before)

    def _embedded(self, data: SlimmableDataset) -> list[Pair]:
        x, y = samples_on(self.compute, data, self._units)
        embed = self.network.embed
        return [(embed(self.compute.backend, member, x), y) for member in self.members]
