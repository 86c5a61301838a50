"""Slimming within a budget: what is kept is chosen, trained as it will be rounded, and coded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, get_args

import numpy as np
from array_api_compat import array_namespace

from slimdc._checks import one_of
from slimdc._warning import warn
from slimdc.budgets.budget import Budget
from slimdc.budgets.choice import (
    Candidate,
    Choice,
    candidates,
    choose_by_share,
    choose_within,
    share,
)
from slimdc.budgets.criterion import Criterion
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.methods.method import Task, Way
from slimdc.methods.parameter_matching import truncated
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.factors import FactorParameterization
from slimdc.parameterization.quantization.in_training import StraightThrough, Support
from slimdc.parameterization.quantization.transform import SampleTransform
from slimdc.parameterization.truncation import components_after
from slimdc.settings import SLIM, SlimSettings
from slimdc.storage.content import dumped
from slimdc.training.plan import Plan
from slimdc.training.progress import Report, unreported
from slimdc.typing import KeptSamples

__all__ = ["Hurdle", "agree", "choose", "coded", "fits", "rounding_plan"]

# A cosine may be trained if it is at least half a step at first: so it takes bits, or nearly.
SUPPORT = 0.5

# Training fits the very kind of networks that tell what is lost, so that a small gain there is none
# elsewhere. Of the set in the package, trained by 500 steps in 4,500 bytes, 1.21 times as much was
# kept as before, and taught 1.0 points more; in 6,000 bytes 1.09 times, and 1.3 points less (five
# networks; more in docs/accuracy.md).
GAIN = 1.1

# Of what is lost: sets that lose more teach no better than chance.
_NEARLY_ALL = 0.99


def agree(budget: Budget, way: Way, samples: KeptSamples) -> None:
    """Refuse what cannot be had together, of whatever set.

    Parameters
    ----------
    budget : Budget
        What may be spent.
    way : Way
        Of the method.
    samples : {"keep", "match"}
        Whether all samples stay, or as many as components.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        The method needs k, or another of the three goes without the others only.
    """
    one_of("samples", samples, get_args(KeptSamples))
    if not budget.coded:
        return
    if samples == "match":
        raise InvalidValueError("samples", "'match' with few bits", "'keep', or start='rows'")
    if way.start is truncated:
        return
    if budget.keep is not None or budget.start == "rows":
        name = "keep" if budget.start != "rows" else "start"
        found = f"{getattr(budget, name)!r} with a method that makes samples of its own"
        raise InvalidValueError(name, found, "k, and bits= or nbytes=")
    if budget.k is None:
        raise InvalidTypeError("k", "None", "k beside bits= or nbytes=: this method needs it")


def choose(budget: Budget, task: Task, way: Way, report: Report = unreported) -> Choice:
    """Choose what is kept of a set, and the step with which it is rounded.

    Parameters
    ----------
    budget : Budget
        Bits, bytes, or a share to be kept.
    task : Task
        The set before, and where to compute.
    way : Way
        Of the method. One that truncates leaves the choice to the budget; others make a set of k,
        which they have (`agree`).
    report : callable
        Is given how many of all that might be kept were tried.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        The budget is too small for anything.
    """
    # As a decorator it would stand between warnings and the caller's line.
    with np.errstate(all="ignore"):
        return _chosen(budget, task, way, report)


def _chosen(budget: Budget, task: Task, way: Way, report: Report) -> Choice:
    before = task.whole
    if way.start is not truncated:
        tried = [Candidate("components", task.count, way.begun(task))]
    else:
        start, k = budget.start, budget.k
        if k is not None:  # refuses what no class holds, and says that some hold fewer
            components_after(k, before.samples if start == "rows" else before.components)
        if budget.bits is not None:
            start = "components" if start == "auto" else start
            k = k or max(before.samples if start == "rows" else before.components)
        tried = list(candidates(before, start, k))
    # Networks are asked of one candidate, too, where it may be thinned: it was rounded before.
    thinned = budget.nbytes is not None and before.codes is not None
    if len(tried) == 1 and budget.keep is None and not thinned:
        if budget.nbytes is not None:
            return choose_within(budget.nbytes, tried, None)
        only, rounder = tried[0], tried[0].rounder
        nbytes = rounder.bytes_of(budget.bits or 0.0, only.data.numbers)
        return Choice(only, nbytes, rounder.step(nbytes), math.nan, "")
    criterion = _criterion(task)
    counted = _counted(tried, report)
    if budget.nbytes is not None:
        choice = choose_within(budget.nbytes, counted, criterion)
        if choice.lost > _NEARLY_ALL:
            kept = f"what fits keeps {share(choice.lost)} of the solutions of random ones"
            warn(f"nbytes: networks learn next to nothing from {budget.nbytes} bytes: {kept}")
        return choice
    return choose_by_share(budget.keep or 0.0, counted, criterion)


def _counted(tried: list[Candidate], report: Report) -> Iterator[Candidate]:
    for count, candidate in enumerate(tried):
        report(count, len(tried), {})
        yield candidate
    report(len(tried), len(tried), {})


def _criterion(task: Task) -> Criterion:
    """Draw networks for the choice; draws of its own, so that training's stay as they are."""
    settings = task.settings if isinstance(task.settings, SlimSettings) else SLIM["default"]
    rng = np.random.default_rng(0)
    return Criterion.of(task.whole, task.compute, task.network, rng, settings.pool, settings.ridge)


def coded(choice: Choice, data: SlimmableDataset) -> SlimmableDataset:
    """Code what was chosen, or what training made of it, in the library of its arrays."""
    with np.errstate(all="ignore"):
        codes = replace(choice.codes(data), reason=choice.reason)
    dtype: Any = data.factor_dtype
    found = SlimmableDataset.from_codes(
        codes, data.description, data.label_entries, dtype=dtype, like=data.u
    )
    excess = 0 if choice.whole is None else len(dumped(found)) - choice.whole
    return found if excess <= 0 else coded(choice.narrowed(excess), data)


def fits(data: SlimmableDataset, nbytes: int) -> bool:
    """Tell whether the file of a set has so many bytes at most: then nothing need be lost."""
    # A set whose components alone are larger is not written only to be measured.
    return data.nbytes <= nbytes and len(dumped(data)) <= nbytes


@dataclass(frozen=True)
class Hurdle:
    """What training must gain, or its start is kept.

    Parameters
    ----------
    choice : Choice
        What was chosen, and may be trained.
    criterion : Criterion
        Measures what is lost.
    """

    choice: Choice
    criterion: Criterion

    @classmethod
    def of(cls, choice: Choice, task: Task) -> Hurdle:
        """Judge by the networks of the choice."""
        return cls(choice, _criterion(task))

    @cached_property
    def kept(self) -> float:
        """What the choice keeps as it is."""
        return 1.0 - self.criterion(coded(self.choice, self.choice.candidate.data))

    @property
    def is_out_of_reach(self) -> bool:
        """Whether nothing could keep as much: then no step need be taken."""
        return self.kept * GAIN > 1.0

    def start(self) -> SlimmableDataset:
        """Code the choice where nothing could gain enough."""
        said = f"not trained: nothing keeps {GAIN:g} times {share(1.0 - self.kept)}"
        return self._coded(said, self.choice.candidate.data)

    def cleared(self, trained: SlimmableDataset) -> SlimmableDataset:
        """Code what training made of the choice, or the choice itself where that gained too little.

        The reason of the set says what training did.
        """
        kept = 1.0 - self.criterion(coded(self.choice, trained))
        told = share(1.0 - kept)
        if kept > self.kept and kept >= GAIN * self.kept:
            return self._coded(f"trained to keep {told}", trained)
        before = share(1.0 - self.kept)
        said = f"not trained: {told} in the place of {before} is too little a gain"
        return self._coded(said, self.choice.candidate.data)

    def _coded(self, said: str, data: SlimmableDataset) -> SlimmableDataset:
        reason = "; ".join(filter(None, (self.choice.reason, said)))
        return coded(replace(self.choice, reason=reason), data)


def rounding_plan(plan: Plan, choice: Choice) -> Plan:
    """Show networks the set as it will be rounded; keep samples samples."""
    held = plan.parameterization
    if not isinstance(held, FactorParameterization):
        return plan
    transform = SampleTransform(held.start_set.description)
    step = float(np.ldexp(choice.step, -held.units.x))
    with plan.compute.session():
        tensors = held.start()
        cosines = transform.forward(tensors["s"][:, :, None] * tensors["vx"])
        seen = StraightThrough(transform, step)
        xp = array_namespace(cosines)
        mask = xp.astype(xp.abs(cosines) >= SUPPORT * seen.steps(cosines), cosines.dtype)
    allowed = Support(transform, mask, fixed=choice.candidate.kind == "rows")
    return replace(
        plan,
        parameterization=replace(held, allowed=allowed),
        seen=seen,
    )
