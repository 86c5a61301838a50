"""Fig. 7, left: what a replay buffer of fixed size keeps of five tasks of CIFAR-100, one by one.

    python benchmarks/continual.py                         # everything that is missing
    python benchmarks/continual.py --orders 0 --only "slimdc, trained, bytes"
    python benchmarks/continual.py --table
    python benchmarks/continual.py --picture continual.png

The buffer holds 100 samples, or the bytes of 100 real images with their labels (`tasks.py` says at
what scale). Results are kept cell by cell; several processes share the work by orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from real_images import as_set, herded_images, reservoir
from tasks import CLASSES, IMAGE, IPC, SLIM, TASKS, Tasks, arguments, fill

from slimdc import ReplayBuffer, SlimmableDataset
from slimdc.chains.journal import read

SAMPLES = IPC * CLASSES // TASKS
BYTES = SAMPLES * IMAGE
PAPER = {"components": SAMPLES, "rounding": "up"}

Made = Callable[[Tasks, int], tuple[SlimmableDataset, int]]


def buffered(name: str, condensed_by: str, slim: dict[str, Any], **budget: Any) -> Made:
    """Give a buffer that holds sets: its state is kept after each task."""

    def made(tasks: Tasks, count: int) -> tuple[SlimmableDataset, int]:
        path = tasks.folder / f"buffer {name} {count}"
        if not path.exists():
            if count > 1:
                made(tasks, count - 1)
                buffer = ReplayBuffer.load(tasks.folder / f"buffer {name} {count - 1}")
            else:
                buffer = ReplayBuffer(classes=CLASSES, slim=slim, seed=tasks.order, **budget)
            buffer.add(tasks.condensed(count - 1, condensed_by))
            buffer.save(path)
        buffer = ReplayBuffer.load(path)
        return buffer.data, buffer.nbytes

    return made


def real(choose: Callable[[Tasks, int, dict[int, int]], np.ndarray]) -> Made:
    """Give a buffer full of real images, as many of each class as of any other, or one more."""

    def made(tasks: Tasks, count: int) -> tuple[SlimmableDataset, int]:
        seen = np.concatenate([tasks.labels(task) for task in range(count)])
        lucky = np.random.default_rng(tasks.order).permutation(seen)[: SAMPLES % len(seen)]
        share = {int(c): SAMPLES // len(seen) + int(c in lucky) for c in seen}
        xs, ys = [], []
        for task in range(count):
            x, y = tasks.train(task)
            chosen = choose(tasks, task, share)
            xs.append(x[chosen])
            ys.append(y[chosen])
        x, y = np.concatenate(xs), np.concatenate(ys)
        return as_set(x, y, tasks.space, CLASSES), len(x) * IMAGE

    return made


def random(tasks: Tasks, task: int, share: dict[int, int]) -> np.ndarray:
    """Choose images of a task at random."""
    return reservoir(tasks.train(task)[1], share, tasks.order)


def herded(tasks: Tasks, task: int, share: dict[int, int]) -> np.ndarray:
    """Choose images of a task by herding."""
    return herded_images(*tasks.train(task), share, tasks.space, tasks.order)


OURS, FREPO = "parameter-matching", "frepo"
METHODS: dict[str, Made] = {
    "slimdc, at once, bytes": buffered("free-bytes", OURS, {"steps": 0}, nbytes=BYTES),
    "slimdc, at once, 100 components": buffered("free", OURS, {"steps": 0}, **PAPER),
    "random rows of our sets": buffered("rows", OURS, {"method": "random", "steps": None}, **PAPER),
    "performance matching, random rows": buffered(
        "frepo-rows", FREPO, {"method": "random", "steps": None}, **PAPER
    ),
    "real images, reservoir": real(random),
    "real images, herding": real(herded),
    "slimdc, trained, 100 components": buffered("trained", OURS, SLIM, **PAPER),
    "performance matching, trained": buffered(
        "frepo-trained", FREPO, SLIM | {"method": "frepo"}, **PAPER
    ),
    "slimdc, trained, bytes": buffered("trained-bytes", OURS, SLIM, nbytes=BYTES),
}


def command(text: str, name: str, what: str, methods: dict[str, Made]) -> None:
    """Do what is missing, or show what is known."""
    args, folder = arguments(text, name)
    if args.table:
        print("\n".join(table(known(folder), what)))
    elif args.picture:
        draw(known(folder), args.picture, what)
    else:
        for order in args.orders:
            fill(folder, order, args.only, methods)


def known(folder: Path) -> dict[str, dict[int, list[dict[str, Any]]]]:
    """Read the cells of all orders, by method and number of tasks."""
    found: dict[str, dict[int, list[dict[str, Any]]]] = {}
    for lines in sorted(folder.glob("*/cells.jsonl")):
        for cell in read(lines.parent)[1].values():
            found.setdefault(cell["method"], {}).setdefault(cell["tasks"], []).append(cell)
    return found


def table(found: dict[str, dict[int, list[dict[str, Any]]]], what: str) -> Iterator[str]:
    """Lay the accuracies out in Markdown, with the bytes held at the end."""
    counts = range(1, TASKS + 1)
    yield f"| {what} | " + " | ".join(map(str, counts)) + " | bytes | orders |"
    yield "|---" * (TASKS + 3) + "|"
    for method, cells in found.items():
        row = [spread([cell["accuracy"] for cell in cells.get(count, [])]) for count in counts]
        last = cells[max(cells)]
        held = max(cell["bytes"] for cell in last)
        yield f"| {method} | " + " | ".join(row) + f" | {held:,} | {len(last)} |"


def spread(accuracies: list[float]) -> str:
    """Write a mean, and how far orders are apart."""
    if not accuracies:
        return ""
    mean = f"{np.mean(accuracies):.1f}"
    return mean if len(accuracies) == 1 else f"{mean} ± {np.std(accuracies, ddof=1):.1f}"


def draw(found: dict[str, dict[int, list[dict[str, Any]]]], path: Path, what: str) -> None:
    """Draw accuracy against tasks or participants, a line for each method."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for method, cells in found.items():
        means = [np.mean([cell["accuracy"] for cell in cells[count]]) for count in sorted(cells)]
        style = {"linewidth": 2.5, "marker": "o"} if "slimdc" in method else {"marker": "."}
        axes.plot(sorted(cells), means, label=method, **style)
    axes.set(xlabel=what, ylabel="accuracy over all classes (%)", xticks=range(1, TASKS + 1))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    command(__doc__, "continual", "tasks", METHODS)
