"""Algorithm 1, line by line: the loop that every method of slimming and condensing runs in.

The paper's lines, and where they stand here:

====== ==================================================== ==========================
line   what                                                 where
====== ==================================================== ==========================
1      delete all but the K most significant components     `slimdc.slim`
2      initialise the network pool                          `Algorithm.__init__`
3      compute the set before, X_s and Y_s                  ``Objective.batch``
4      for i = 1 … T                                        `Algorithm.steps`
5      compute X'_s and Y'_s                                `Algorithm._view`
6      draw a network θ from the pool                       `Algorithm.step`
7      embed X_s and X'_s                                   `Algorithm._local_step`
8      step of gradient descent with Eq. 13                 `Algorithm._global_step`
9      update θ with (X'_s, Y'_s)                           `Algorithm._local_step`
10–12  initialise θ anew after T' updates                   ``NetworkSource.keep``
====== ==================================================== ==========================

Line 9 uses the set of before the move of line 8, as line 5 computed it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from array_api_compat import array_namespace

from slimdc.backend import Array, Groups, Ranks, Tensors, ranks_of
from slimdc.errors import InvalidValueError, NumericalError
from slimdc.networks import keeps_statistics
from slimdc.parameterization import SlimmableDataset
from slimdc.training.monitor import Monitor, Terms
from slimdc.training.network_steps import Learning
from slimdc.training.optimizers import StepSize
from slimdc.training.plan import Plan
from slimdc.training.strategies import Constants, Member, NetworkSource, View

__all__ = ["Algorithm", "run"]

# The same on all ranks: what is trained, its moments, what it is to match, and the step's size.
Shared: TypeAlias = tuple[Tensors, Tensors, Constants, StepSize]

REPORT_INTERVAL = 10


def run(plan: Plan, monitor: Monitor, digest: Callable[[], str], title: str) -> SlimmableDataset:
    """Run Algorithm 1 to its end, from the start or from a checkpoint.

    Parameters
    ----------
    plan : Plan
        What to do.
    monitor : Monitor
        Shows progress, keeps the history, and saves and resumes the run.
    digest : callable
        Gives what identifies the run in its checkpoint, see `slimdc.training.identity`; it is asked
        only where there is one.
    title : str
        Shown with the progress.

    Returns
    -------
    SlimmableDataset
        The trained set.

    Raises
    ------
    FileError
        If the checkpoint cannot be read or written.
    InvalidValueError
        If the checkpoint belongs to another run, or to other ranks.
    NumericalError
        If the loss or the tensors are no longer finite, or make no set in the end.
    """
    backend = plan.compute.backend
    own = _generators(ranks_of(backend), plan.rng)
    rngs = (plan.rng, *own)
    with plan.compute.session(), monitor.watching(title, digest, rngs, backend) as watch:
        algorithm = Algorithm(plan, [plan.networks(rng) for rng in own or rngs])
        watch.begin(algorithm)
        for terms in algorithm.steps():
            watch.after(algorithm, terms)
    try:
        return plan.parameterization.finish(algorithm.tensors)
    except InvalidValueError as error:  # such as after too long a last step, of which no loss tells
        found = f"tensors that make no set ({error.argument}: {error.found})"
        raise NumericalError(
            "training", found, "steps that end in one; a lower rate may help"
        ) from error


class Algorithm:
    """A run of Algorithm 1: tensors in training, with all that their next step depends on.

    Parameters
    ----------
    plan : Plan
        What to do.
    sources : sequence of NetworkSource
        The networks, a source for each of this process's ranks (line 2).
    """

    def __init__(self, plan: Plan, sources: Sequence[NetworkSource]) -> None:
        self.tensors = plan.parameterization.start()
        self.count = 0
        self.total = plan.schedule.steps
        self._plan = plan
        self._sources = sources
        self._network = plan.network
        self._optimizer = plan.schedule.optimizer
        self._moments = self._optimizer.start(self.tensors)
        backend = plan.compute.backend
        self._gradients = backend.differentiate(self._loss)
        learning = self._learning = sources[0].learning
        if learning is not None:
            self._gradients_of_both = backend.differentiate(partial(self._losses, learning))
        self._step = ranks_of(backend).step(self._local_step, self._global_step)

    def steps(self) -> Iterator[list[Terms]]:
        """Take the remaining steps (line 4); give the parts of the loss of a few at a time."""
        # Reading a value waits for the device, so values are not read after every step.
        while self.count < self.total:
            few = REPORT_INTERVAL - self.count % REPORT_INTERVAL
            parts = [self.step() for _ in range(min(few, self.total - self.count))]
            read = self._plan.compute.backend.to_numpy
            terms = [{name: float(read(x)) for name, x in p.items()} for p in parts]
            if not all(math.isfinite(x) for step in terms for x in step.values()):
                raise NumericalError(
                    "training", f"a loss of {terms[-1]} by step {self.count}", "finite losses"
                )
            yield terms

    def step(self) -> Tensors:
        """Take one step (lines 5 to 12) and return the parts of the loss."""
        self.count += 1
        size = self._optimizer.step_size(self.count, self._plan.schedule(self.count))
        members = [source.draw(self.tensors) for source in self._sources]
        shared = (self.tensors, self._moments, self._plan.objective.batch(), size)
        (self.tensors, self._moments, terms), kept = self._step(shared, members)
        for source, network in zip(self._sources, kept, strict=True):
            source.keep(*network)
        parts: Tensors = terms
        return parts

    def state(self) -> dict[str, np.ndarray]:
        """Copy the tensors, their optimiser and the networks to the host, by name."""
        read = self._plan.compute.backend.to_numpy
        parts = {"factors": self.tensors, "moments": self._moments}
        state = {
            f"{part}.{name}": read(x)
            for part, tensors in parts.items()
            for name, x in tensors.items()
        }
        for i, source in enumerate(self._sources):
            state |= {f"pool{i}.{name}": x for name, x in source.state().items()}
        return state

    def restore(self, state: Mapping[str, np.ndarray], count: int) -> None:
        """Go on from a state that `state` returned after ``count`` steps."""
        enter = self._plan.compute.backend.asarray
        for part, tensors in (("factors", self.tensors), ("moments", self._moments)):
            for name in tensors:
                tensors[name] = enter(state[f"{part}.{name}"])
        for i, source in enumerate(self._sources):
            of = f"pool{i}."
            source.restore({k.removeprefix(of): x for k, x in state.items() if k.startswith(of)})
        self.count = count

    def _local_step(
        self, shared: Shared, member: Member
    ) -> tuple[tuple[Tensors, Tensors], tuple[Tensors, Tensors]]:
        """Compute gradients in one network (lines 5 to 8), which takes its own step (line 9)."""
        tensors, _, batch, _ = shared
        tensors = self._plan.seen(tensors)
        parameters, moments, drawn, step_size = member
        backend, network = self._plan.compute.backend, self._network
        target = self._plan.objective.target(backend, network, parameters, batch)
        if self._learning is None or step_size is None:
            _, terms, gradients = self._gradients({"factors": tensors}, parameters, target)
            return (gradients["factors"], terms), (parameters, moments)
        _, extras, gradients = self._gradients_of_both(
            {"factors": tensors, "network": parameters}, target, drawn
        )
        kept = network.statistics if keeps_statistics(network) else ()
        terms = {name: value for name, value in extras.items() if name not in kept}
        statistics = {name: extras[name] for name in kept}
        learned = self._learning.step(
            parameters, moments, gradients["network"], statistics, step_size
        )
        return (gradients["factors"], terms), learned

    def _global_step(
        self, shared: Shared, averages: tuple[Tensors, Tensors]
    ) -> tuple[Tensors, Tensors, Tensors]:
        """Move the tensors by their gradients, averaged over the ranks (line 8)."""
        tensors, moments, _, size = shared
        gradients, terms = averages
        held = self._plan.parameterization
        direction = held.tangent(tensors, gradients)
        step, moments = self._optimizer.step(tensors, direction, moments, size)
        # A step that an optimiser has scaled is no longer tangent.
        return held.move(tensors, held.tangent(tensors, step)), moments, terms

    def _loss(
        self, variables: Groups, parameters: Tensors, target: Constants
    ) -> tuple[Tensors, Tensors]:
        """Compute the tensors' loss in a network that does not learn from them."""
        view = self._view(variables["factors"], parameters)
        loss, terms = self._plan.objective.loss(view, target)
        return {"factors": loss}, terms

    def _losses(
        self, learning: Learning, variables: Groups, target: Constants, drawn: Array | None
    ) -> tuple[Tensors, Tensors]:
        """Compute the tensors' loss and the network's own, on one embedding where they share it."""
        parameters = variables["network"]
        backend, network = self._plan.compute.backend, self._network
        view = self._view(variables["factors"], parameters)
        x, y = view.x, view.y
        loss, terms = self._plan.objective.loss(view, target)
        if drawn is None and not keeps_statistics(network):
            error = learning.loss(parameters, view.features, y)
            return {"factors": loss, "network": error}, terms
        if drawn is not None:
            x, y = (array_namespace(v).take(v, drawn, axis=0) for v in (x, y))
        error, statistics = learning.losses(network, backend, parameters, (x, y))
        return {"factors": loss, "network": error}, terms | statistics

    def _view(self, tensors: Tensors, parameters: Tensors) -> View:
        """Show the set that the tensors stand for, in a network (line 5)."""
        x, y = self._plan.parameterization.samples(tensors)
        return View(self._plan.compute.backend, self._network, parameters, tensors, x, y)


def _generators(ranks: Ranks, rng: np.random.Generator) -> list[np.random.Generator]:
    """Random numbers of each local rank; none where a single rank draws from the run's own."""
    if ranks.count == 1:
        return []
    seed = int(rng.integers(2**63))
    return [np.random.default_rng([seed, rank]) for rank in ranks.local]
