"""The loop of Algorithm 1, shared by slimming and condensing.

Each step draws a network, embeds what is to be matched, moves the factors by one gradient step,
and gives the network one step on the set of before that move, as the algorithm's lines 5 and 9 say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import whole_number
from slimdc.backend import Array, Backend, Groups, Ranks, Tensors, ranks_of
from slimdc.errors import InvalidTypeError, InvalidValueError, NumericalError
from slimdc.networks import Network, keeps_statistics, observed, squared_error
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.factors import Assembly, factors_on, finished
from slimdc.settings import PoolSettings
from slimdc.training.checkpoint import Checkpoint, Terms
from slimdc.training.monitor import Progress, reporting
from slimdc.training.optimizers import Lamb, Pace, cosine, retract, tangent
from slimdc.training.sources import Draw, Learned, NetworkPool

Pair: TypeAlias = tuple[Array, Array]
# Factors, their moments, what they are to match, and their pace: the same on all ranks.
Shared: TypeAlias = tuple[Tensors, Tensors, Pair, Pace]

REPORT_INTERVAL = 10


class Objective(Protocol):
    """What the factors are trained for: embeddings of a set and of what it is to match."""

    def batch(self) -> tuple[Array, Array]:
        """Give what the next step is to match: samples as networks take them, and labels."""
        ...

    def terms(
        self, after: Pair, factors: Tensors, parameters: Tensors, before: Pair
    ) -> tuple[Array, Tensors]:
        """Return the loss and its parts, of features (n, f) and labels after and before."""
        ...


@dataclass(frozen=True)
class Schedule:
    """How far the factors move: LAMB's rate, falling by a cosine to a fraction of it."""

    steps: int
    rate: float
    floor: float

    def __call__(self, count: int) -> float:
        """Return the rate of step ``count``, from 1."""
        return self.rate * cosine(count, self.steps, floor=self.floor)


class Trainer:
    """Factors in training, with all that their next step depends on.

    Parameters
    ----------
    factors : dict of array
        U, s, V_x and V_y on the backend.
    assembly : Assembly
        How they become samples.
    objective : Objective
        What they are trained for.
    pools : sequence of NetworkPool
        The networks, one pool for each of this process's ranks.
    schedule : Schedule
        The rates.
    ops : Backend
        Where all of it lives.
    """

    def __init__(
        self,
        factors: Tensors,
        assembly: Assembly,
        objective: Objective,
        pools: Sequence[NetworkPool],
        schedule: Schedule,
        ops: Backend,
    ) -> None:
        self.factors = factors
        self.count = 0
        self.schedule = schedule
        self._assembly = assembly
        self._objective = objective
        self._pools = pools
        self._ops = ops
        self._lamb = Lamb()
        self._moments = self._lamb.start(factors)
        self._gradients = ops.differentiate(self._losses)
        self._step = ranks_of(ops).step(self._explore, self._agree)

    def step(self) -> Tensors:
        """Take one step of Algorithm 1 (lines 5 to 12) and return the parts of the loss."""
        self.count += 1
        pace = self._lamb.pace(self.count, self.schedule(self.count))
        drawn = [pool.draw(self._assembly.count) for pool in self._pools]
        shared = (self.factors, self._moments, self._objective.batch(), pace)
        (self.factors, self._moments, terms), kept = self._step(shared, drawn)
        for pool, learned in zip(self._pools, kept, strict=True):
            pool.settle(*learned)
        parts: Tensors = terms
        return parts

    def state(self) -> dict[str, np.ndarray]:
        """Copy the factors, their optimiser and the pools to the host, by name."""
        parts = {"factors": self.factors, "moments": self._moments}
        state = {
            f"{part}.{name}": self._ops.to_numpy(x)
            for part, tensors in parts.items()
            for name, x in tensors.items()
        }
        for i, pool in enumerate(self._pools):
            state |= {f"pool{i}.{name}": x for name, x in pool.state().items()}
        return state

    def restore(self, state: Mapping[str, np.ndarray], count: int) -> None:
        """Go on from a state that `state` returned after ``count`` steps."""
        for part, tensors in (("factors", self.factors), ("moments", self._moments)):
            for name in tensors:
                tensors[name] = self._ops.asarray(state[f"{part}.{name}"])
        for i, pool in enumerate(self._pools):
            of = f"pool{i}."
            pool.restore({k.removeprefix(of): x for k, x in state.items() if k.startswith(of)})
        self.count = count

    def _explore(self, shared: Shared, own: Draw) -> tuple[tuple[Tensors, Tensors], Learned]:
        """Compute the factors' gradients in one network, which then learns from them (line 9)."""
        factors, _, (x, y), _ = shared
        parameters, moments, drawn, pace = own
        network = self._network
        before = network.embed(self._ops, parameters, x), y
        _, extras, gradients = self._gradients(
            {"factors": factors, "network": parameters}, before, drawn
        )
        kept = network.statistics if keeps_statistics(network) else ()
        terms = {name: value for name, value in extras.items() if name not in kept}
        statistics = {name: extras[name] for name in kept}
        learned, moments = NetworkPool.learned(parameters, gradients["network"], moments, pace)
        return (gradients["factors"], terms), (learned | statistics, moments)

    def _agree(
        self, shared: Shared, averages: tuple[Tensors, Tensors]
    ) -> tuple[Tensors, Tensors, Tensors]:
        """Move the factors by their gradients (line 8), U along its manifold."""
        factors, moments, _, pace = shared
        gradients, terms = averages
        gradients = gradients | {"u": tangent(factors["u"], gradients["u"])}
        changes, moments = self._lamb.step(factors, gradients, moments, pace)
        moved = {name: x + changes[name] for name, x in factors.items() if name != "u"}
        turn = tangent(factors["u"], changes["u"])
        return {"u": retract(factors["u"], turn)} | moved, moments, terms

    def _losses(
        self, variables: Groups, before: Pair, drawn: Array | None
    ) -> tuple[Tensors, Tensors]:
        """Compute the factors' loss and the network's own, on one embedding where they share it."""
        factors, parameters = variables["factors"], variables["network"]
        network, ops = self._network, self._ops
        x, y = self._assembly.samples(factors)
        features = network.embed(ops, parameters, x)
        loss, terms = self._objective.terms((features, y), factors, parameters, before)
        statistics: Tensors = {}
        if drawn is not None or keeps_statistics(network):
            if drawn is not None:
                x, y = (array_namespace(v).take(v, drawn, axis=0) for v in (x, y))
            features, statistics = observed(network, ops, parameters, x)
        error = squared_error(parameters, features, y)
        return {"factors": loss, "network": error}, terms | statistics

    @property
    def _network(self) -> Network:
        return self._pools[0].network


class Settings(Protocol):
    """The part of the settings of slimming and of condensing that the loop reads."""

    @property
    def steps(self) -> int:
        """Number of training steps."""
        ...

    @property
    def rate(self) -> float:
        """LAMB's rate at the start."""
        ...

    @property
    def rate_floor(self) -> float:
        """Fraction of the rate at the end."""
        ...

    @property
    def pool(self) -> PoolSettings:
        """The networks."""
        ...


@dataclass(frozen=True)
class Watch:
    """What a caller wants to see and keep of a run.

    Parameters
    ----------
    progress : callable, bool or None
        See `slimdc.progress.reporting`.
    history : list or None
        Is filled with the parts of the loss of every step.
    checkpoint : path or None
        File to save to and to resume from.
    interval : int
        Steps between saves.
    """

    progress: Progress
    history: list[Terms] | None
    checkpoint: str | Path | None
    interval: int

    def __post_init__(self) -> None:
        whole_number("checkpoint_interval", self.interval, at_least=1)
        if self.history is not None and not isinstance(self.history, list):
            raise InvalidTypeError("history", type(self.history).__name__, "a list to fill")
        if self.checkpoint is not None and not isinstance(self.checkpoint, str | Path):
            raise InvalidTypeError("checkpoint", type(self.checkpoint).__name__, "a str or a Path")


def fit(
    start: SlimmableDataset,
    objective: Callable[[Assembly], Objective],
    network: Network,
    settings: Settings,
    ops: Backend,
    dtype: str,
    rng: np.random.Generator,
    watch: Watch,
    identity: Callable[[], str],
    title: str,
) -> SlimmableDataset:
    """Train the factors of a set for an objective, in a pool of networks.

    Parameters
    ----------
    start : SlimmableDataset
        Where the factors start.
    objective : callable
        Makes the objective, given how the factors are stacked.
    network : Network
        The pool's architecture.
    settings : Settings
        Steps, rates and pool.
    ops : Backend
        Where the run computes.
    dtype : str
        What it computes in.
    rng : numpy.random.Generator
        Source of every draw.
    watch : Watch
        Progress, history and checkpoint.
    identity : callable
        Gives the digest of data and arguments that identifies the run in its checkpoint.
    title : str
        Shown with its progress.

    Returns
    -------
    SlimmableDataset
        Like ``start``, with the trained factors.

    Raises
    ------
    InvalidValueError
        If a checkpoint is asked of several ranks, or belongs to another run.
    NumericalError
        If the loss is no longer finite.
    """
    assembly = Assembly.of(start, ops)
    generators = _generators(ranks_of(ops), rng)
    if watch.checkpoint is not None and ranks_of(ops).count > 1:
        raise InvalidValueError("checkpoint", "one of several ranks", "None, or a single rank")
    saved = None
    if watch.checkpoint is not None:
        saved = Checkpoint(watch.checkpoint, identity(), rng)
    with ops.session(), reporting(watch.progress, title) as report:
        pools = [NetworkPool(network, ops, g, settings.pool, dtype) for g in generators]
        schedule = Schedule(settings.steps, settings.rate, settings.rate_floor)
        factors = factors_on(ops, start, dtype)
        trainer = Trainer(factors, assembly, objective(assembly), pools, schedule, ops)
        history = [] if saved is None else saved.resume(trainer)
        if saved is not None and trainer.count == 0:
            saved.save(trainer, history)  # a target that cannot be written is told at once
        if watch.history is not None:
            watch.history.extend(history)
        for terms in _chunks_of_steps(trainer, ops):
            history += terms
            if watch.history is not None:
                watch.history.extend(terms)
            report(trainer.count, settings.steps, history[-1])
            due = trainer.count // watch.interval > (trainer.count - len(terms)) // watch.interval
            if saved is not None and (due or trainer.count == settings.steps):
                saved.save(trainer, history)
    return finished(trainer.factors, start, ops)


def _generators(ranks: Ranks, rng: np.random.Generator) -> list[np.random.Generator]:
    """One source of networks for each local rank: the run's own where there is but one rank."""
    if ranks.count == 1:
        return [rng]
    seed = int(rng.integers(2**63))
    return [np.random.default_rng([seed, rank]) for rank in ranks.local]


def _chunks_of_steps(trainer: Trainer, ops: Backend) -> Iterator[list[Terms]]:
    """Take the remaining steps; give the parts of the loss of a few at a time."""
    # Reading a value waits for the device, so values are not read after every step.
    while trainer.count < trainer.schedule.steps:
        few = REPORT_INTERVAL - trainer.count % REPORT_INTERVAL
        parts = [trainer.step() for _ in range(min(few, trainer.schedule.steps - trainer.count))]
        terms = [{name: float(ops.to_numpy(x)) for name, x in p.items()} for p in parts]
        if not all(math.isfinite(x) for step in terms for x in step.values()):
            raise NumericalError(
                "training", f"a loss of {terms[-1]} by step {trainer.count}", "finite losses"
            )
        yield terms
