"""The loop of Algorithm 1, shared by slimming and condensing.

Each step draws a network, embeds what is to be matched, moves the factors by one gradient step,
and gives the network one step on the set of before that move, as the algorithm's lines 5 and 9 say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from array_api_compat import array_namespace

from slimdc.assembly import Assembly, factors_of, finished
from slimdc.backend import Array, Backend, Groups, Tensors
from slimdc.checkpoint import Checkpoint, Terms
from slimdc.errors import InvalidTypeError, NumericalError
from slimdc.networks import Network, keeps_statistics, observed, squared_error
from slimdc.optimizers import Lamb, Pace, cosine, retract, tangent
from slimdc.parameterization import SlimmableDataset
from slimdc.pool import NetworkPool
from slimdc.progress import Progress, reporting
from slimdc.settings import PoolSettings, whole_number

Pair: TypeAlias = tuple[Array, Array]

# The network's own step uses the whole set up to this many samples, a random part of it beyond.
NETWORK_BATCH = 1000

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
    pool : NetworkPool
        The networks.
    schedule : Schedule
        The rates.
    ops : Backend
        Where all of it lives.
    rng : numpy.random.Generator
        Source of every draw, shared with the pool and the objective.
    """

    def __init__(
        self,
        factors: Tensors,
        assembly: Assembly,
        objective: Objective,
        pool: NetworkPool,
        schedule: Schedule,
        ops: Backend,
        rng: np.random.Generator,
    ) -> None:
        self.factors = factors
        self.count = 0
        self.schedule = schedule
        self._assembly = assembly
        self._objective = objective
        self._pool = pool
        self._ops = ops
        self._rng = rng
        self._lamb = Lamb()
        self._moments = self._lamb.start(factors)
        self._gradients = ops.differentiate(self._losses)
        self._step = ops.compile(self._stepped)

    def step(self) -> Tensors:
        """Take one step of Algorithm 1 (lines 5 to 12) and return the parts of the loss."""
        i, parameters, own = self._pool.draw()
        batch, drawn = self._objective.batch(), self._minibatch()
        self.count += 1
        pace = self._lamb.pace(self.count, self.schedule(self.count))
        terms: Tensors
        self.factors, self._moments, parameters, own, terms = self._step(
            self.factors, self._moments, parameters, own, batch, drawn, pace, self._pool.pace(i)
        )
        self._pool.settle(i, parameters, own)
        return terms

    def state(self) -> dict[str, np.ndarray]:
        """Copy the factors, their optimiser and the pool to the host, by name."""
        parts = {"factors": self.factors, "moments": self._moments}
        state = {
            f"{part}.{name}": self._ops.to_numpy(x)
            for part, tensors in parts.items()
            for name, x in tensors.items()
        }
        return state | {f"pool.{name}": x for name, x in self._pool.state().items()}

    def restore(self, state: Mapping[str, np.ndarray], count: int) -> None:
        """Go on from a state that `state` returned after ``count`` steps."""
        for part, tensors in (("factors", self.factors), ("moments", self._moments)):
            for name in tensors:
                tensors[name] = self._ops.asarray(state[f"{part}.{name}"])
        self._pool.restore(
            {name.removeprefix("pool."): x for name, x in state.items() if name[:5] == "pool."}
        )
        self.count = count

    def _minibatch(self) -> Array | None:
        """Draw the samples of the network's own step, where they are not all of them."""
        samples = self._assembly.count
        if samples <= NETWORK_BATCH:
            return None
        return self._ops.asarray(self._rng.choice(samples, NETWORK_BATCH, replace=False))

    def _stepped(
        self,
        factors: Tensors,
        moments: Tensors,
        parameters: Tensors,
        own: Tensors,
        batch: Pair,
        drawn: Array | None,
        pace: Pace,
        own_pace: Pace,
    ) -> tuple[Tensors, Tensors, Tensors, Tensors, Tensors]:
        x, y = batch
        before = self._pool.network.embed(self._ops, parameters, x), y
        _, extras, gradients = self._gradients(
            {"factors": factors, "network": parameters}, before, drawn
        )
        terms = {name: extras.pop(name) for name in tuple(extras) if name not in parameters}
        factors, moments = self._moved(factors, gradients["factors"], moments, pace)
        learned, own = self._pool.learned(parameters, gradients["network"], own, own_pace)
        return factors, moments, learned | extras, own, terms

    def _losses(
        self, variables: Groups, before: Pair, drawn: Array | None
    ) -> tuple[Tensors, Tensors]:
        """Compute the factors' loss and the network's own, on one embedding where they share it."""
        factors, parameters = variables["factors"], variables["network"]
        network, ops = self._pool.network, self._ops
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

    def _moved(
        self, factors: Tensors, gradients: Tensors, moments: Tensors, pace: Pace
    ) -> tuple[Tensors, Tensors]:
        gradients = gradients | {"u": tangent(factors["u"], gradients["u"])}
        changes, moments = self._lamb.step(factors, gradients, moments, pace)
        moved = {name: x + changes[name] for name, x in factors.items() if name != "u"}
        turn = tangent(factors["u"], changes["u"])
        return {"u": retract(factors["u"], turn)} | moved, moments


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
    NumericalError
        If the loss is no longer finite.
    """
    host = factors_of(start)
    assembly = Assembly.of(start, ops)
    saved = None
    if watch.checkpoint is not None:
        saved = Checkpoint(watch.checkpoint, identity(), rng)
    with ops.session(), reporting(watch.progress, title) as report:
        pool = NetworkPool(network, ops, rng, settings.pool, str(host["u"].dtype))
        schedule = Schedule(settings.steps, settings.rate, settings.rate_floor)
        factors = {name: ops.asarray(x) for name, x in host.items()}
        trainer = Trainer(factors, assembly, objective(assembly), pool, schedule, ops, rng)
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
