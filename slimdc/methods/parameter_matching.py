"""The paper's method: networks are to learn from the smaller set what they learned before.

`SetMatching` slims a set from the set alone (Eq. 13); `RealMatching` condenses real data into a set
that can be slimmed (Eq. 1 with Eqs. 11 and 12).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from slimdc._array import like
from slimdc.backend import Array, Backend, Tensors
from slimdc.losses import (
    first_order,
    infinity_order,
    orthogonality,
    performance_matching,
    skewness,
    weighted_sum,
)
from slimdc.methods.batches import RealBatches
from slimdc.methods.method import Material, Method, Task, Way, random_rows
from slimdc.networks import HEAD, Network, network_for
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.factors import FactorParameterization, samples_on
from slimdc.parameterization.units import Units
from slimdc.settings import CONDENSE, FREE, SLIM, CondenseSettings, SlimSettings
from slimdc.training.plan import Plan, Schedule
from slimdc.training.sources import NetworkPool
from slimdc.training.strategies import Objective, Pair, View

__all__ = [
    "METHODS",
    "RealMatching",
    "SetMatching",
    "condensing_plan",
    "factored_anew",
    "slimming_plan",
]


def truncated(task: Task) -> SlimmableDataset:
    """Keep the most significant components (Algorithm 1, line 1)."""
    return task.whole.truncate(task.count if task.by_class is None else task.by_class)


def slimming_plan(start: SlimmableDataset, task: Task) -> Plan:
    """Plan the training of a truncated set for Eq. 13.

    Parameters
    ----------
    start : SlimmableDataset
        The truncation.
    task : Task
        The set before it, and `SlimSettings`.
    """
    compute, before = task.compute, task.whole
    settings = replace(task.settings, ridge=compute.safe_ridge(task.settings.ridge))
    units = Units.of(before)
    factors = FactorParameterization(start, compute, units, u_s_rate=settings.u_s_rate)
    with compute.session():
        target = samples_on(compute, before, units)
    return _plan(task, factors, SetMatching(target, factors, settings), settings)


def condensing_plan(start: SlimmableDataset, task: Task) -> Plan:
    """Plan the training of a set for Eq. 1 on real data.

    Parameters
    ----------
    start : SlimmableDataset
        Where it starts.
    task : Task
        Real data, and `CondenseSettings`.
    """
    compute = task.compute
    settings = replace(task.settings, ridge=compute.safe_ridge(task.settings.ridge))
    factors = FactorParameterization(
        start,
        compute,
        Units.of(start),
        ending=factored_anew,
        u_s_rate=settings.u_s_rate_for(start.label_entries),
    )
    batches = RealBatches.of(task, start, factors.units, settings.batch)
    objective = RealMatching(batches, factors, settings, settings.ortho_for(start.label_entries))
    return _plan(task, factors, objective, settings)


def factored_anew(data: SlimmableDataset) -> SlimmableDataset:
    """Factor a set's samples and labels as those of others are: by the SVD of [X, αY] side by side.

    Training leaves labels spread over all components. The SVD gathers them, so that the first
    components hold what they can; the samples stay what they are, to rounding.

    Parameters
    ----------
    data : SlimmableDataset
        Of as many components in each class as `SlimmableDataset.from_arrays` gives to its samples.
    """
    factors = Material.of(data).dataset(np.arange(len(data))).factors
    return data.with_factors(*(like(factor, data.u, data.factor_dtype) for factor in factors))


def _plan(
    task: Task,
    factors: FactorParameterization,
    objective: Objective,
    settings: SlimSettings | CondenseSettings,
) -> Plan:
    compute = task.compute
    with compute.session():
        network = network_for(task.network, factors.start_set, settings.pool, compute)
    return Plan(
        parameterization=factors,
        objective=objective,
        network=network,
        networks=lambda rng: NetworkPool(network, compute, rng, settings.pool, factors.count),
        schedule=Schedule(settings.steps, settings.rate, settings.rate_floor),
        compute=compute,
        rng=task.rng,
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
            "ortho": orthogonality(*bases, centred=self.settings.centred, rows=self.settings.group),
        }
        return weighted_sum(parts, self.settings.weights), parts


@dataclass(frozen=True)
class RealMatching:
    """Eq. 1 on batches of real data, with skewness and orthogonality (Eqs. 11 and 12).

    Parameters
    ----------
    batches : RealBatches
        What is drawn for a step.
    factors : FactorParameterization
        What is trained.
    settings : CondenseSettings
        Weight of skewness and ridge.
    ortho : float
        Weight of orthogonality.
    """

    batches: RealBatches
    factors: FactorParameterization
    settings: CondenseSettings
    ortho: float

    def batch(self) -> Pair:
        """Draw a batch of real samples."""
        return self.batches.draw()

    def target(self, backend: Backend, network: Network, parameters: Tensors, batch: Pair) -> Pair:
        """Embed a batch."""
        x, y = batch
        return network.embed(backend, parameters, x), y

    def loss(self, view: View, target: Pair) -> tuple[Array, Tensors]:
        """Return the loss and its three parts, unweighted."""
        s, pair = self.settings, (view.features, view.y)
        bases = self.factors.bases(view.tensors)
        size = target[1].shape[0]
        parts = {
            "performance": performance_matching(*target, *pair, s.ridge) / size,
            "skew": skewness(view.tensors["s"]),
            "ortho": orthogonality(*bases, centred=s.centred, rows=s.group),
        }
        return parts["performance"] + parts["skew"] * s.skew + parts["ortho"] * self.ortho, parts


METHODS = (
    Method(
        "parameter-matching",
        "Liu, Ye, Yu and Wang, Slimmable Dataset Condensation, CVPR 2023",
        condense=Way(random_rows, condensing_plan, CONDENSE),
        slim=Way(truncated, slimming_plan, SLIM),
    ),
    Method(
        "truncate",
        "Liu, Ye, Yu and Wang, Slimmable Dataset Condensation, CVPR 2023, Proposition 1",
        condense=None,
        slim=Way(truncated, None, FREE),
    ),
)
