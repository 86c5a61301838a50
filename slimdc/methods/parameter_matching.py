"""The paper's method: networks are to learn from the smaller set what they learned before.

`SetMatching` slims a set from the set alone (Eq. 13); `RealMatching` condenses real data into a set
that can be slimmed (Eq. 1 with Eqs. 11 and 12).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slimdc.backend import Array, Backend, Compute, Tensors
from slimdc.losses import (
    first_order,
    infinity_order,
    orthogonality,
    performance_matching,
    skewness,
    weighted_sum,
)
from slimdc.networks import HEAD, Network, network_for
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.factors import FactorParameterization, network_input, samples_on
from slimdc.parameterization.units import Units
from slimdc.settings import CondenseSettings, SlimSettings
from slimdc.training.algorithm import Plan, Schedule
from slimdc.training.sources import NetworkPool
from slimdc.training.strategies import Pair, View

__all__ = ["RealMatching", "SetMatching", "condensing_plan", "slimming_plan"]


def slimming_plan(
    before: SlimmableDataset,
    after: SlimmableDataset,
    network: str | Network,
    settings: SlimSettings,
    compute: Compute,
    rng: np.random.Generator,
) -> Plan:
    """Plan the training of a truncated set for Eq. 13.

    Parameters
    ----------
    before, after : SlimmableDataset
        The set before slimming, and its truncation.
    network : str or Network
        The architecture, as for `slimdc.networks.build`.
    settings : SlimSettings
        Steps, weights and pool.
    compute : Compute
        Where.
    rng : numpy.random.Generator
        Source of every draw.
    """
    units = Units.of(before)
    factors = FactorParameterization(after, compute, units)
    with compute.session():
        target = samples_on(compute, before, units)
        architecture = network_for(network, before, settings.pool, compute)
    return Plan(
        parameterization=factors,
        objective=SetMatching(target, factors, settings),
        network=architecture,
        networks=lambda own: NetworkPool(architecture, compute, own, settings.pool),
        schedule=Schedule(settings.steps, settings.rate, settings.rate_floor),
        compute=compute,
        rng=rng,
    )


def condensing_plan(
    start: SlimmableDataset,
    real: tuple[np.ndarray, np.ndarray],
    network: str | Network,
    settings: CondenseSettings,
    compute: Compute,
    rng: np.random.Generator,
) -> Plan:
    """Plan the training of a set for Eq. 1 on real data.

    Parameters
    ----------
    start : SlimmableDataset
        Where it starts.
    real : pair of numpy.ndarray
        Real samples in the space of the set, and their label rows.
    network, settings, compute, rng
        As for `slimming_plan`.
    """
    units = Units.of(start)
    factors = FactorParameterization(start, compute, units)
    x, y = units.samples(real[0]), units.labels(real[1])
    pair = x.astype(compute.dtype), y.astype(compute.dtype)
    with compute.session():
        architecture = network_for(network, start, settings.pool, compute)
    return Plan(
        parameterization=factors,
        objective=RealMatching(*pair, factors, rng, settings),
        network=architecture,
        networks=lambda own: NetworkPool(architecture, compute, own, settings.pool),
        schedule=Schedule(settings.steps, settings.rate, settings.rate_floor),
        compute=compute,
        rng=rng,
    )


@dataclass(frozen=True)
class SetMatching:
    """Eq. 13: the slimmed set is to train networks as the set before it does.

    Parameters
    ----------
    before : pair of array
        The set before slimming: samples as networks take them, and labels.
    factors : FactorParameterization
        What is trained.
    settings : SlimSettings
        Weights, form and ridge.
    """

    before: Pair
    factors: FactorParameterization
    settings: SlimSettings

    def batch(self) -> Pair:
        """Give the whole set before slimming (Algorithm 1, line 3)."""
        return self.before

    def target(self, backend: Backend, network: Network, parameters: Tensors, batch: Pair) -> Pair:
        """Embed the set before slimming (line 7)."""
        x, y = batch
        return network.embed(backend, parameters, x), y

    def loss(self, view: View, target: Pair) -> tuple[Array, Tensors]:
        """Return Eq. 13 and its four parts, unweighted."""
        pair = (view.features, view.y, *target)
        form, ridge = self.settings.form, self.settings.ridge
        bases = self.factors.bases(view.tensors)
        parts = {
            "first": first_order(*pair, view.parameters[HEAD], form),
            "infinity": infinity_order(*pair, ridge, form),
            "skew": skewness(view.tensors["s"]),
            "ortho": orthogonality(*bases, centred=self.settings.centred),
        }
        return weighted_sum(parts, self.settings.weights), parts


@dataclass(frozen=True)
class RealMatching:
    """Eq. 1 on batches of real data, with skewness and orthogonality (Eqs. 11 and 12).

    Parameters
    ----------
    x, y : numpy.ndarray
        Real samples in the space and units of the set, and their label rows.
    factors : FactorParameterization
        What is trained.
    rng : numpy.random.Generator
        Draws the batches.
    settings : CondenseSettings
        Batch, weights and ridge.
    """

    x: np.ndarray
    y: np.ndarray
    factors: FactorParameterization
    rng: np.random.Generator
    settings: CondenseSettings

    def batch(self) -> Pair:
        """Draw a batch of real samples."""
        enter = self.factors.compute.backend.asarray
        drawn = self.rng.integers(self.x.shape[0], size=self.settings.batch)
        x = network_input(enter(self.x[drawn]), self.factors.start_set.description)
        return x, enter(self.y[drawn])

    def target(self, backend: Backend, network: Network, parameters: Tensors, batch: Pair) -> Pair:
        """Embed a batch."""
        x, y = batch
        return network.embed(backend, parameters, x), y

    def loss(self, view: View, target: Pair) -> tuple[Array, Tensors]:
        """Return the loss and its three parts, unweighted."""
        s, pair = self.settings, (view.features, view.y)
        bases = self.factors.bases(view.tensors)
        parts = {
            "performance": performance_matching(*target, *pair, s.ridge) / s.batch,
            "skew": skewness(view.tensors["s"]),
            "ortho": orthogonality(*bases, centred=s.centred),
        }
        return parts["performance"] + parts["skew"] * s.skew + parts["ortho"] * s.ortho, parts
