"""How condensing for slimming should go and end: with the factors as trained, or factored anew.

    python benchmarks/endings.py small --data cifar10
    python benchmarks/endings.py small --data cifar100

Sets of real images of half the side are condensed with U and s at the full rate or at a tenth, end
as trained or factored anew, and are slimmed step by step, at once and by training. All are judged
on 5,000 training images that no set was made of, FRePo's set beside them. Results, cuts and several
processes as in ``paper.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from paper import SCALES, Job, Scale, alone, load, parser_of

import slimdc
from slimdc.chains.journal import Journal
from slimdc.methods import METHODS, Method, Task
from slimdc.methods.parameter_matching import condensing_plan
from slimdc.parameterization.factors import FactorParameterization, as_trained
from slimdc.training.plan import Plan

HELD_OUT = 5_000
RATES = (1.0, 0.1)


def main() -> None:
    """Do what is missing."""
    parser = parser_of(__doc__, "cifar10")
    args = parser.parse_args()
    scale, job = SCALES[args.scale], Job(args.data, "parameter-matching", args.seed)
    into = args.results / args.scale / "endings" / f"{args.data}-{args.seed}"
    with alone(into) as ours:
        if not ours:
            return
        known = {"condense": _told(scale, job), "slim": scale.slim(job), "held_out": HELD_OUT}
        journal = Journal(into, known | {"evaluate": repr(scale.judged(args.data))})
        for cell, found in Study(scale, job).cells(journal):
            journal.note(cell, found)
            print(f"{cell}: {found}", flush=True)


class Study:
    """The sets of one data set and seed.

    Parameters
    ----------
    scale : Scale
        How long to train, and how to judge.
    job : Job
        Which data and seed.
    """

    def __init__(self, scale: Scale, job: Job) -> None:
        self.scale, self.job = scale, job
        real = load(job.data)
        order = np.random.default_rng(job.seed).permutation(len(real.y_train))
        x, y = halved(real.x_train), real.y_train
        self.held = x[order[:HELD_OUT]], y[order[:HELD_OUT]]
        self.rest = x[order[HELD_OUT:]], y[order[HELD_OUT:]]

    def cells(self, journal: Journal) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give what is missing, set by set."""
        if "frepo" not in journal.cells:
            yield "frepo", self.judged(self.condensed("frepo", "default"), rate=None, way="frepo")
        for rate in RATES:
            for way, method in (("as trained", AS_TRAINED), ("anew", "parameter-matching")):
                if f"{way}, {rate:g}, trained, {self.sizes[-1]}" not in journal.cells:
                    for cell, found in self.chain(rate, way, method):
                        if cell not in journal.cells:
                            yield cell, found

    def chain(
        self, rate: float, way: str, method: str | Method
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Condense, and slim step by step."""
        preset = replace(slimdc.settings.CONDENSE["default"], u_s_rate=rate)
        whole = trained = self.condensed(method, preset)
        told: dict[str, Any] = {"way": way, "rate": rate}
        yield f"{way}, {rate:g}", self.judged(whole, **told)
        options = self.scale.slim(self.job) | {"seed": self.job.seed, "progress": False}
        for k in self.sizes[1:]:
            name = f"{way}, {rate:g}, at once, {k}"
            yield name, self.judged(whole.truncate(k), **told, slimmed="at once")
            trained = slimdc.slim(trained, k, **options)
            name = f"{way}, {rate:g}, trained, {k}"
            yield name, self.judged(trained, **told, slimmed="trained")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Components per class, from the whole set on."""
        return self.scale.sizes[self.job.data]

    def condensed(self, method: str | Method, preset: Any) -> slimdc.SlimmableDataset:
        """Condense all images but those that judge."""
        options = _told(self.scale, self.job) | {"seed": self.job.seed, "progress": False}
        options |= {"method": method, "preset": preset}
        return slimdc.condense(*self.rest, self.sizes[0], **options)

    def judged(self, data: slimdc.SlimmableDataset, **told: Any) -> dict[str, Any]:
        """Evaluate a set, and count the rows whose largest label entry is that of their class."""
        options = self.scale.judged(self.job.data) | {"seed": self.job.seed, "progress": False}
        found = slimdc.evaluate(data, *self.held, **options)
        own = float(np.mean(data.arrays()[1].argmax(axis=1) == data.members))
        return {"k": max(data.components), **told, "own": own, "accuracies": [*found.accuracies]}


def halved(x: np.ndarray) -> np.ndarray:
    """Average images (n, h, w[, channels]) over squares of 2 x 2, to values from 0 to 1."""
    n, height, width, *channels = x.shape
    squares = x.reshape(n, height // 2, 2, width // 2, 2, *channels)
    return np.asarray(squares.mean(axis=(2, 4), dtype=np.float32) / 255)


def _told(scale: Scale, job: Job) -> dict[str, Any]:
    """Give what sets are condensed with, but for the settings of a method."""
    return {name: x for name, x in scale.condense(job).items() if name != "preset"}


def _plan(start: slimdc.SlimmableDataset, task: Task) -> Plan:
    plan = condensing_plan(start, task)
    held = plan.parameterization
    assert isinstance(held, FactorParameterization)
    return replace(plan, parameterization=replace(held, ending=as_trained))


_OURS = METHODS["parameter-matching"]
assert _OURS.condense is not None
AS_TRAINED = Method("as trained", _OURS.paper, replace(_OURS.condense, plan=_plan), None)


if __name__ == "__main__":
    main()
