"""Tasks of CIFAR-100 for `continual.py` and `federated.py`: 20 random classes each, and their sets.

Two cores pay for it so: images are averaged over 2 x 2 pixels to 16 x 16, networks are of width 32,
the buffer holds 100 samples where the paper's holds 500, a set takes 400 steps to be condensed and
100 to be slimmed, and two networks judge it, trained by 300 steps on it and tested on 50 images of
each class. Orders of classes give the spread.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from paper import RESULTS, alone

import slimdc
from slimdc import SlimmableDataset, datasets
from slimdc.chains.journal import Journal
from slimdc.settings import CONDENSE as PRESETS
from slimdc.settings import EvaluationSettings

TASKS, CLASSES, IPC, EACH = 5, 100, 5, 50
CONDENSE = {"steps": 400, "width": 32, "backend": "numpy"}
SLIM = {"steps": 100, "width": 32, "backend": "numpy"}
EVALUATE = {"steps": 300, "batch": 100, "width": 32, "labels": "scaled", "repeats": 2}
# Of one real image, with its label.
IMAGE = 16 * 16 * 3 + 1
CONFIGURATION = {
    "tasks": TASKS,
    "ipc": IPC,
    "size": 16,
    "test images of a class": EACH,
    "condense": CONDENSE,
    # Of the paper's method; the others have neither.
    "rate of u and s": PRESETS["default"].u_s_rate_for(CLASSES),
    "ortho": PRESETS["default"].ortho_for(CLASSES),
    "slim": SLIM,
    "evaluate": EVALUATE,
}


@dataclass(frozen=True)
class Tasks:
    """One order of the classes.

    Parameters
    ----------
    order : int
        Its seed.
    journal : Journal
        Where condensed sets, and what they teach, are kept for all benchmarks.
    """

    order: int
    journal: Journal

    @property
    def folder(self) -> Path:
        """Where sets are kept."""
        return self.journal.folder / "sets"

    @cached_property
    def _real(self) -> datasets.RealDataset:
        return datasets.read("cifar100")

    def labels(self, task: int) -> np.ndarray:
        """Give the classes of a task."""
        shuffled = np.random.default_rng(self.order).permutation(CLASSES)
        return np.sort(shuffled.reshape(TASKS, -1)[task])

    def train(self, task: int) -> tuple[np.ndarray, np.ndarray]:
        """Give the real images of a task."""
        mine = np.isin(self._real.y_train, self.labels(task))
        return smaller(self._real.x_train[mine]), self._real.y_train[mine]

    def test(self, tasks: int) -> tuple[np.ndarray, np.ndarray]:
        """Give test images of all classes of the first tasks."""
        y = self._real.y_test
        seen = np.concatenate([self.labels(task) for task in range(tasks)])
        chosen = np.concatenate([np.flatnonzero(y == label)[:EACH] for label in seen])
        return smaller(self._real.x_test[chosen]), y[chosen]

    @cached_property
    def space(self) -> slimdc.Preprocessing:
        """The space of all tasks: that of the first, since later ones are not known then."""
        x = self.train(0)[0].reshape(-1, 3) / 255
        return slimdc.Preprocessing(x.mean(axis=0), x.std(axis=0))

    def condensed(self, task: int, method: str) -> SlimmableDataset:
        """Condense a task, once."""
        path = self.folder / f"{method}-{task}.safetensors"
        if not path.exists():
            options = {} if method == "random" else CONDENSE | {"checkpoint": f"{path}.run"}
            made = slimdc.condense(
                *self.train(task),
                IPC,
                classes=CLASSES,
                method=method,
                preprocessing=self.space,
                seed=self.order,
                progress=False,
                **options,
            )
            slimdc.save(made, path)
        return slimdc.load(path)

    def accuracy(self, data: SlimmableDataset, tasks: int) -> float:
        """Judge a set by the classes of the first tasks, in percent."""
        name = f"{hashlib.sha256(slimdc.dumps(data)).hexdigest()[:16]} {tasks}"
        if name in self.journal.cells:
            return float(self.journal.cells[name]["accuracy"])
        accuracy = self.judged(data, tasks, EvaluationSettings(**EVALUATE))
        self.journal.note(name, {"accuracy": accuracy})
        return accuracy

    def judged(self, data: SlimmableDataset, tasks: int, settings: EvaluationSettings) -> float:
        """Judge a set by other networks than `accuracy` does."""
        found = slimdc.evaluate(
            data, *self.test(tasks), protocol=settings, seed=self.order, backend="numpy",
            progress=False,
        )  # fmt: skip
        return round(found.mean, 2)


def smaller(x: np.ndarray) -> np.ndarray:
    """Average 2 x 2 pixels."""
    blocks = x.reshape(-1, 16, 2, 16, 2, 3).astype(np.float64)
    return np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)


def arguments(text: str, name: str) -> tuple[argparse.Namespace, Path]:
    """Read the command line of a benchmark of tasks; give the folder of its results too."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("--orders", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", default=[], help="methods")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print what is known, no more")
    parser.add_argument("--picture", type=Path, help="draw what is known, no more")
    args = parser.parse_args()
    return args, args.results / "small" / name


def fill(
    folder: Path,
    order: int,
    only: list[str],
    methods: dict[str, Callable[[Tasks, int], tuple[SlimmableDataset, int]]],
) -> None:
    """Fill the cells of an order that are missing: a method gives a set and what it costs."""
    with alone(folder / str(order)) as ours:
        if not ours:
            return
        configuration = CONFIGURATION | {"order": order}
        journal = Journal(folder / str(order), configuration)
        # Sets go with a configuration as results do: those of another one are refused.
        tasks = Tasks(order, Journal(folder.parent / "tasks" / str(order), configuration))
        for count in range(1, TASKS + 1):
            for method, made in methods.items():
                name = f"{method} {count}"
                if name in journal.cells or (only and method not in only):
                    continue
                begun = time.perf_counter()
                data, nbytes = made(tasks, count)
                seconds = time.perf_counter() - begun
                cell: dict[str, Any] = {"method": method, "tasks": count, "bytes": nbytes}
                cell |= {"accuracy": tasks.accuracy(data, count), "seconds": round(seconds, 1)}
                journal.note(name, cell)
                print(f"{order}: {name}: {cell['accuracy']} % in {nbytes:,} bytes", flush=True)
