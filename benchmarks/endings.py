"""How condensing for slimming should go and end: with the factors as trained, or factored anew.

    python benchmarks/endings.py small --data cifar10 --trained
    python benchmarks/endings.py small --data cifar100

Sets of real images of half the side are condensed, of more than ten classes also with U and s at a
tenth of the rate, and with Eq. 12 at a hundredth of its weight besides; they are slimmed as trained
and factored anew, at once and, where asked for, step by step by training. All are judged on 5,000
training images that no set was made of, FRePo's set beside them. Results, cuts and several
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
from slimdc.methods.parameter_matching import condensing_plan, factored_anew
from slimdc.parameterization.factors import FactorParameterization, as_trained
from slimdc.training.plan import Plan

HELD_OUT = 5_000
CASES: dict[str, dict[str, Any]] = {
    "1": {"u_s_rate": 1.0, "ortho": 1e-4},
    "0.1": {"u_s_rate": 0.1, "ortho": 1e-4},
    "0.1 and 0.01": {"u_s_rate": 0.1, "ortho": 1e-6},
}


def main() -> None:
    """Do what is missing."""
    parser = parser_of(__doc__, "cifar10")
    parser.add_argument("--trained", action="store_true", help="slim by training, too")
    args = parser.parse_args()
    scale, job = SCALES[args.scale], Job(args.data, "parameter-matching", args.seed)
    into = args.results / args.scale / "endings" / f"{args.data}-{args.seed}"
    with alone(into) as ours:
        if ours:
            known = {"condense": scale.condense(job), "slim": scale.slim(job), "held_out": HELD_OUT}
            journal = Journal(into, known | {"evaluate": repr(scale.judged(args.data))})
            for cell, found in Study(scale, job, args.trained).cells(journal):
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
    trained : bool
        Whether to slim by training, too.
    """

    def __init__(self, scale: Scale, job: Job, trained: bool) -> None:
        self.scale, self.job, self.trained = scale, job, trained
        self.sizes = scale.sizes[job.data]
        real = load(job.data)
        order = np.random.default_rng(job.seed).permutation(len(real.y_train))
        x, y = halved(real.x_train), real.y_train
        self.cases = list(CASES) if y.max() >= 10 else ["1"]
        self.held = x[order[:HELD_OUT]], y[order[:HELD_OUT]]
        self.rest = x[order[HELD_OUT:]], y[order[HELD_OUT:]]

    def cells(self, journal: Journal) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give what is missing, set by set."""
        if "frepo" not in journal.cells:
            yield "frepo", self.judged(self.condensed("frepo", "default"))
        last = "trained" if self.trained else "at once"
        for case in self.cases:
            if f"{case}, anew, {last}, {self.sizes[-1]}" in journal.cells:
                continue
            preset = replace(slimdc.settings.CONDENSE["default"], **CASES[case])
            whole = self.condensed(AS_TRAINED, preset)
            if case not in journal.cells:
                yield case, self.judged(whole)
            for way, start in (("as trained", whole), ("anew", factored_anew(whole))):
                for slimmed, data in self.slimmed(start):
                    name = f"{case}, {way}, {slimmed}, {max(data.components)}"
                    if name not in journal.cells:
                        yield name, self.judged(data)

    def slimmed(
        self, start: slimdc.SlimmableDataset
    ) -> Iterator[tuple[str, slimdc.SlimmableDataset]]:
        """Slim to each size, at once and from the size before."""
        options = self.scale.slim(self.job) | {"seed": self.job.seed, "progress": False}
        data = start
        for k in self.sizes[1:]:
            yield "at once", start.truncate(k)
            if self.trained:
                data = slimdc.slim(data, k, **options)
                yield "trained", data

    def condensed(self, method: str | Method, preset: Any) -> slimdc.SlimmableDataset:
        """Condense all images but those that judge."""
        options = self.scale.condense(self.job) | {"seed": self.job.seed, "progress": False}
        options |= {"method": method, "preset": preset}
        return slimdc.condense(*self.rest, self.sizes[0], **options)

    def judged(self, data: slimdc.SlimmableDataset) -> dict[str, Any]:
        """Evaluate a set, and count the rows whose largest label entry is that of their class."""
        options = self.scale.judged(self.job.data) | {"seed": self.job.seed, "progress": False}
        found = slimdc.evaluate(data, *self.held, **options)
        own = float(np.mean(data.arrays()[1].argmax(axis=1) == data.members))
        return {"k": max(data.components), "own": own, "accuracies": [*found.accuracies]}


def halved(x: np.ndarray) -> np.ndarray:
    """Average images (n, h, w[, channels]) over squares of 2 x 2, to values from 0 to 1."""
    n, height, width, *channels = x.shape
    squares = x.reshape(n, height // 2, 2, width // 2, 2, *channels)
    return np.asarray(squares.mean(axis=(2, 4), dtype=np.float32) / 255)


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
