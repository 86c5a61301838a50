"""How long networks have to learn from a set until its training shows.

    python benchmarks/patience.py             # what is missing
    python benchmarks/patience.py --table

20 classes of CIFAR-100 at 16 x 16 pixels, 5 per class (`tasks.py`), are condensed in
400 steps and in 3,200; both sets are slimmed to two components, at once and in 100 steps; and all
are judged by networks that learn for 300 to 3,000 steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from continual import spread
from paper import alone
from tasks import CLASSES, CONDENSE, CONFIGURATION, EVALUATE, IPC, SLIM, Tasks, arguments

import slimdc
from slimdc import SlimmableDataset
from slimdc.chains.journal import Journal, read
from slimdc.settings import EvaluationSettings

CONDENSED = (400, 3_200)
JUDGED = (300, 1_000, 3_000)
WAYS = ("whole", "2 components, at once", "2 components, trained")


def condensed(tasks: Tasks, folder: Path, steps: int) -> SlimmableDataset:
    """Condense the first task, once."""
    path = folder / f"{steps}.safetensors"
    if not path.exists():
        made = slimdc.condense(
            *tasks.train(0), IPC, classes=CLASSES, preprocessing=tasks.space, seed=tasks.order,
            progress=False, **CONDENSE | {"steps": steps, "checkpoint": f"{path}.run"},
        )  # fmt: skip
        slimdc.save(made, path)
    return slimdc.load(path)


def slimmed(data: SlimmableDataset, way: str, seed: int) -> SlimmableDataset:
    """Slim a set in one of the ways."""
    if way == "whole":
        return data
    options: dict[str, Any] = SLIM if way.endswith("trained") else {"steps": 0}
    return slimdc.slim(data, 2, seed=seed, progress=False, **options)


def judge(folder: Path, order: int) -> None:
    """Judge what is missing of an order."""
    with alone(folder / str(order)) as ours:
        if not ours:
            return
        judged = {"steps": list(JUDGED), "condense": list(CONDENSED)}
        journal = Journal(folder / str(order), CONFIGURATION | {"order": order} | judged)
        tasks = Tasks(order, journal)
        for way in WAYS:
            for steps in CONDENSED:
                made = slimmed(condensed(tasks, journal.folder / "sets", steps), way, order)
                for longer in JUDGED:
                    name = f"{steps}, {way}, {longer}"
                    if name in journal.cells:
                        continue
                    settings = EvaluationSettings(**EVALUATE | {"steps": longer})
                    cell = {"condensed": steps, "way": way, "learned": longer}
                    cell["accuracy"] = tasks.judged(made, 1, settings)
                    journal.note(name, cell)
                    print(f"{order}: {name}: {cell['accuracy']} %", flush=True)


def table(folder: Path) -> Iterator[str]:
    """Lay out what is known in Markdown, a column for each number of steps of the judges."""
    yield "| condensed in | set | " + " | ".join(f"{n:,} steps" for n in JUDGED) + " |"
    yield "|---" * (len(JUDGED) + 2) + "|"
    orders = [read(lines.parent)[1] for lines in sorted(folder.glob("*/cells.jsonl"))]
    for steps in CONDENSED:
        for way in WAYS:
            names = [f"{steps}, {way}, {longer}" for longer in JUDGED]
            found = [[cells[n]["accuracy"] for cells in orders if n in cells] for n in names]
            yield f"| {steps:,} | {way} | " + " | ".join(map(spread, found)) + " |"


if __name__ == "__main__":
    args, results = arguments(__doc__, "patience")
    if args.table:
        print("\n".join(table(results)))
    else:
        for each in args.orders:
            judge(results, each)
