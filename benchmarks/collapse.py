"""Whether it is its ridge in float32 by which FRePo collapses when it slims its own sets.

    python benchmarks/collapse.py small

The set that ``paper.py`` condensed by FRePo at the largest size is slimmed by FRePo step by step,
with the ridge of its authors, 1e-6, or ours, 1e-3; the kernel of Eq. 1 is formed and solved in
float32, as in JAX by default, or in float64. Results, cuts and several processes as in
``paper.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from paper import SCALES, Job, alone, load, parser_of

import slimdc
from slimdc import SlimmableDataset
from slimdc.backend import Array, Compute, Tensors
from slimdc.chains.journal import Journal
from slimdc.methods.batches import RealBatches
from slimdc.methods.frepo import FREPO, PerformanceMatching, frepo_plan
from slimdc.methods.method import Task, random_rows
from slimdc.training.algorithm import run
from slimdc.training.monitor import Monitor
from slimdc.training.strategies import Pair, View

RIDGES, PRECISIONS = (1e-6, 1e-3), ("float32", "float64")


@dataclass(frozen=True)
class NarrowMatching(PerformanceMatching):
    """Eq. 1 with its kernel in the dtype of the features, float32: formed and solved there."""

    batches: RealBatches
    ridge: float

    def loss(self, view: View, target: Pair) -> tuple[Array, Tensors]:
        """Return the loss, averaged over the batch."""
        x_t, y_t = target
        xp, n = array_namespace(view.features), view.features.shape[0]
        kernel = view.features @ view.features.mT
        mean = xp.sum(view.features * view.features) * (self.ridge / n)
        kernel = kernel + xp.eye(n, dtype=kernel.dtype) * mean
        error = (x_t @ view.features.mT) @ xp.linalg.solve(kernel, view.y) - y_t
        loss = xp.sum(error * error) / y_t.shape[0]
        return loss, {"performance": loss}


def main() -> None:
    """Do what is missing."""
    args = parser_of(__doc__).parse_args()
    scale, folder = SCALES[args.scale], args.results / args.scale
    into = folder / "collapse" / f"{args.data}-{args.seed}"
    sizes = scale.sizes[args.data]
    first = folder / args.data / f"frepo-{args.seed}" / "sets" / f"RT-{sizes[0]}.safetensors"
    with alone(into) as ours:
        if not ours:
            return
        slim = scale.slim(Job(args.data, "frepo", args.seed))
        journal, real = Journal(into, {"slim": slim, "seed": args.seed}), load(args.data)
        for ridge in RIDGES:
            for precision in PRECISIONS:
                way = f"{precision} {ridge:g}"
                if f"{way} {sizes[-1]}" in journal.cells:
                    continue
                for k, data in slimmed(
                    slimdc.load(first), sizes[1:], ridge, precision, args, scale
                ):
                    options = dict(scale.evaluate) | {"progress": False, "seed": args.seed}
                    found = slimdc.evaluate(data, real.x_test, real.y_test, **options)
                    cell = {"ridge": ridge, "precision": precision, "k": k}
                    journal.note(f"{way} {k}", cell | {"accuracies": list(found.accuracies)})
                    print(f"{way}: k = {k}: {found}", flush=True)


def slimmed(
    data: SlimmableDataset,
    sizes: tuple[int, ...],
    ridge: float,
    precision: str,
    args: argparse.Namespace,
    scale: Any,
) -> Iterator[tuple[int, SlimmableDataset]]:
    """Give the sets of a chain of FRePo's with that ridge and precision."""
    options = scale.slim(Job(args.data, "frepo", args.seed))
    settings = replace(FREPO["default"], steps=options["steps"], ridge=ridge)
    settings = settings.of_width(options["width"])
    compute = Compute.chosen(data.u, options["backend"], None, "float32")
    for k in sizes:
        rng = np.random.default_rng(args.seed)
        task = Task.slimming(data, k, "auto", settings, rng, lambda: compute)
        plan = frepo_plan(random_rows(task), task)
        if precision == "float32":
            assert isinstance(plan.objective, PerformanceMatching)
            plan = replace(plan, objective=NarrowMatching(plan.objective.batches, ridge))
        try:
            data = run(plan, Monitor(False, None, None, 20), str, "collapse")
        except slimdc.errors.NumericalError as error:
            print(f"{precision} {ridge:g}: k = {k}: {error}", flush=True)
            return
        yield k, data


if __name__ == "__main__":
    main()
