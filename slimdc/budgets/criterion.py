"""What a smaller set keeps, told from the set alone: Eq. 7, relative, in random networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slimdc.backend import Compute, Tensors
from slimdc.losses import infinity_order
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
        units = Units.of(self.before)
        with self.compute.session():
            pairs = [samples_on(self.compute, data, units) for data in (after, self.before)]
            found = [self._in(member, *pairs) for member in self.members]
        return float(np.mean(found))

    def _in(self, member: Tensors, after: tuple, before: tuple) -> float:  # type: ignore[type-arg]
        backend = self.compute.backend
        (x, y), (x_before, y_before) = (
            (self.network.embed(backend, member, x), y) for x, y in (after, before)
        )
        loss = infinity_order(x, y, x_before, y_before, self.ridge, "relative")
        return float(backend.to_numpy(loss))
