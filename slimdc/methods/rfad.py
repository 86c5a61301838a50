"""RFAD: Eq. 1 with the kernel of infinitely wide networks, estimated by fresh random ones.

Loo, Hasani, Amini and Rus, "Efficient Dataset Distillation using Random Feature Approximation",
NeurIPS 2022. The features of N networks, drawn anew in each step and never trained, stand for
the kernel (NNGP) that KIP computes exactly.

Some of the paper's code is not ours: its networks have biases of deviation 0.1, where ours start at
zero, and 256 filters in each block, where our ConvNet doubles them; its last layer adds 0.01 to the
kernel. Its optimiser is AdaBelief, ours is Adam; it also learns a linear map of the pixels, and
stops early by a validation set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self, TypeAlias, get_args

import numpy as np
from array_api_compat import array_namespace, device

from slimdc._checks import one_of
from slimdc.backend import Array, Backend, Tensors
from slimdc.losses import ridge_solution
from slimdc.methods.batches import RealBatches
from slimdc.methods.frepo import PerformanceMatching
from slimdc.methods.method import Method, Task, Way, random_rows
from slimdc.networks import HEAD, HEAD_BIAS, Network, Norm, cross_entropy, network_for
from slimdc.networks.ensemble import Ensemble
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.pixels import PixelParameterization
from slimdc.parameterization.units import Units
from slimdc.settings.fields import check_counts, check_norm, check_positive
from slimdc.training.optimizers import Adam
from slimdc.training.plan import Plan, Schedule
from slimdc.training.sources import FreshNetworks
from slimdc.training.strategies import Pair, View

__all__ = ["METHODS", "RFAD", "PlattMatching", "RfadSettings"]

Loss: TypeAlias = Literal["squared", "platt"]

PLATT = "platt"


@dataclass(frozen=True)
class RfadSettings:
    """Settings of RFAD.

    Parameters
    ----------
    steps : int
        Number of training steps.
    batch : int
        Samples to match in a step.
    rate : float
        Adam's rate at the start.
    rate_floor : float
        Fraction of the rate at which the cosine ends.
    ridge : float
        λ of the pseudo-inverse, relative to the kernel's mean diagonal.
    networks : int
        N, the number of networks of a step.
    loss : {"squared", "platt"}
        Of the predictions: squared error (Eq. 1), or cross-entropy after Platt scaling.
    width, depth, norm
        Of the networks, where they are named rather than given; see `PoolSettings`.

    Examples
    --------
    >>> RFAD["paper"].networks
    8
    """

    steps: int = 300
    batch: int = 256
    rate: float = 1e-2
    rate_floor: float = 0.1
    ridge: float = 5e-3
    networks: int = 4
    loss: Loss = "squared"
    width: int = 32
    depth: int = 3
    norm: Norm | None = None

    def __post_init__(self) -> None:
        check_counts(self, steps=0, batch=1, networks=1, width=1, depth=1)
        check_positive(self, "rate", "rate_floor", "ridge")
        one_of("loss", self.loss, get_args(Loss))
        check_norm(self.norm)

    def of_width(self, width: int) -> Self:
        """Give the same settings with networks of another width."""
        return replace(self, width=width)


RFAD: dict[str, RfadSettings] = {
    "default": RfadSettings(),
    "paper": RfadSettings(
        steps=100_000,
        batch=5120,
        rate=1e-3,
        rate_floor=1.0,
        networks=8,
        loss="platt",
        width=256,
    ),
}


@dataclass(frozen=True)
class ScaledPixels(PixelParameterization):
    """Samples and labels in training, and the scale of Platt's loss beside them."""

    def start(self) -> Tensors:
        """Copy samples and labels to the backend; the logarithm of the scale starts at 0."""
        return super().start() | {PLATT: self.compute.asarray(np.zeros(1))}


@dataclass(frozen=True)
class PlattMatching:
    """Cross-entropy of the softmax of predictions, times a scale that is learned (Platt, 1999).

    The class of a sample in a batch is the largest entry of its label row.

    Parameters
    ----------
    batches : RealBatches
        What is drawn for a step.
    ridge : float
        λ of the pseudo-inverse.
    unit : float
        Size of the labels' units.
    """

    batches: RealBatches
    ridge: float
    unit: float

    def batch(self) -> Pair:
        """Draw a batch."""
        return self.batches.draw()

    def target(self, backend: Backend, network: Network, parameters: Tensors, batch: Pair) -> Pair:
        """Embed a batch, and give its classes as one-hot rows."""
        x, y = batch
        xp = array_namespace(y)
        entries = xp.arange(y.shape[1], device=device(y))
        largest = xp.argmax(y, axis=1, keepdims=True)
        return network.embed(backend, parameters, x), xp.astype(entries == largest, y.dtype)

    def loss(self, view: View, target: Pair) -> tuple[Array, Tensors]:
        """Return the cross-entropy, averaged over the batch."""
        x, probabilities = target
        solution = ridge_solution(view.features, view.y, self.ridge)
        xp = array_namespace(solution)
        predictions = xp.astype(x, solution.dtype) @ solution
        scale = xp.exp(xp.astype(view.tensors[PLATT], solution.dtype)) * self.unit
        outputs = predictions.shape[1]
        where = {"dtype": solution.dtype, "device": device(x)}
        scaling = {HEAD: xp.eye(outputs, **where) * scale, HEAD_BIAS: xp.zeros(outputs, **where)}
        loss = cross_entropy(scaling, predictions, xp.astype(probabilities, solution.dtype))
        return loss, {"cross-entropy": loss}


def rfad_plan(start: SlimmableDataset, task: Task) -> Plan:
    """Plan the training of samples and labels for RFAD.

    Parameters
    ----------
    start : SlimmableDataset
        Where it starts.
    task : Task
        What to match, and `RfadSettings`.
    """
    compute, settings = task.compute, task.settings
    ridge, units = compute.safe_ridge(settings.ridge), Units.of(start)
    batches = RealBatches.of(task, start, units, settings.batch)
    with compute.session():
        one = network_for(task.network, start, settings, compute)
    ensemble = Ensemble(one, settings.networks)
    platt = settings.loss == "platt"
    kind = ScaledPixels if platt else PixelParameterization
    return Plan(
        parameterization=kind(start, compute, units, "learned"),
        objective=PlattMatching(batches, ridge, 2.0**units.y)
        if platt
        else PerformanceMatching(batches, ridge),
        network=ensemble,
        networks=lambda rng: FreshNetworks(ensemble, compute, rng),
        schedule=Schedule(settings.steps, settings.rate, settings.rate_floor, Adam()),
        compute=compute,
        rng=task.rng,
    )


_WAY = Way(random_rows, rfad_plan, RFAD)

METHODS = (
    Method(
        "rfad",
        "Loo, Hasani, Amini and Rus, Efficient Dataset Distillation using Random Feature "
        "Approximation, NeurIPS 2022",
        condense=_WAY,
        slim=_WAY,
    ),
)
