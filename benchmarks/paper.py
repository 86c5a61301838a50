"""The paper's Tables 1 and 2 as a command: at an honest small scale, or at the paper's own.

    python benchmarks/paper.py small                       # everything that is missing
    python benchmarks/paper.py small --only fashion-mnist/frepo-0
    python benchmarks/paper.py small --list

A job is one chain of one method, seed and data set; it is kept under ``benchmarks/results`` cell by
cell, with checkpoints beside, so that the command may be stopped at any moment and goes on where it
was. Several processes may share the work: a job that another one holds is passed over. Each process
should have a core of its own (``taskset``) and one thread (``OMP_NUM_THREADS=1``).
"""

from __future__ import annotations

import argparse
import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import slimdc
from slimdc import datasets
from slimdc.chains.journal import read
from slimdc.settings import EvaluationSettings

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Job:
    """One chain: a data set, a method, a seed."""

    data: str
    method: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder under the results."""
        return f"{self.data}/{self.method}-{self.seed}"


@dataclass(frozen=True)
class Scale:
    """How large everything is."""

    sizes: dict[str, tuple[int, ...]]
    seeds: dict[str, dict[str, tuple[int, ...]]]
    condense: Callable[[Job], dict[str, Any]]
    slim: Callable[[Job], dict[str, Any]]
    evaluate: dict[str, Any]
    longer: dict[str, dict[str, Any]] = field(default_factory=dict)

    def judged(self, data: str) -> dict[str, Any]:
        """Give how sets of some data are judged."""
        return self.evaluate | self.longer.get(data, {})

    def jobs(self) -> Iterator[Job]:
        """All jobs, first seeds first."""
        most = max(len(s) for methods in self.seeds.values() for s in methods.values())
        for place in range(most):
            for data, methods in self.seeds.items():
                for method, seeds in methods.items():
                    if place < len(seeds):
                        yield Job(data, method, seeds[place])


THREE, ONE = (0, 1, 2), (0,)


# What slims a method's sets: k real images are no chain, and ours is held against random rows too.
SLIM_BY = {
    "random": (),
    "parameter-matching": ("parameter-matching", "truncate", "random", "yoco"),
    "frepo": ("frepo", "random", "yoco"),
    "dm": ("dm", "random", "yoco"),
}

MANY_CLASSES = EvaluationSettings(steps=600, batch=100)

# A step of these compares every class or several networks, and takes three times as long or more.
SLOW = ("dc", "dsa", "idc", "rfad")


def _small(job: Job, steps: int, fewer: int) -> dict[str, Any]:
    """Give what a method is called with: as many steps as the others, or fewer slow ones."""
    if job.method == "random":
        return {}
    width = {} if job.method == "kip" else {"width": 32}
    return {"steps": fewer if job.method in SLOW else steps, "backend": "numpy"} | width


def _full_slim(job: Job) -> dict[str, Any]:
    """Give the paper's numbers."""
    if job.method == "random":
        return {}
    return {"preset": "paper", "steps": 30_000, "backend": "torch", "device": "cuda"}


def _full_condense(job: Job) -> dict[str, Any]:
    """Give the paper's numbers, but for its 500,000 steps: 30,000, as it slims in."""
    space = "standardise" if job.data == "fashion-mnist" else "zca"
    return _full_slim(job) | {"preprocessing": space}


SCALES = {
    "small": Scale(
        sizes={
            "fashion-mnist": (10, 5, 2, 1),
            "cifar10": (10, 5, 2, 1),
            "cifar100": (5, 2, 1),
        },
        seeds={
            "fashion-mnist": {
                "parameter-matching": THREE,
                "frepo": THREE,
                "random": THREE,
                "dm": THREE,
            }
            | dict.fromkeys(("dc", "dsa", "idc", "kip", "rfad"), ONE),
            "cifar10": dict.fromkeys(
                ("parameter-matching", "frepo", "random", "dm", "dc", "dsa", "idc"), ONE
            ),
            "cifar100": dict.fromkeys(("parameter-matching", "frepo", "random"), ONE),
        },
        condense=partial(_small, steps=400, fewer=150),
        slim=partial(_small, steps=200, fewer=75),
        evaluate={
            "protocol": "quick",
            "repeats": 3,
            "backend": "numpy",
        },
        # 100 classes take more steps to learn than ten, and 500 samples are too many for each.
        longer={"cifar100": {"protocol": MANY_CLASSES, "repeats": 1}},
    ),
    "full": Scale(
        sizes={
            "fashion-mnist": (50, 20, 10, 5, 2, 1),
            "cifar10": (50, 20, 10, 5, 2, 1),
            "cifar100": (20, 10, 5, 2, 1),
        },
        seeds={
            data: dict.fromkeys(("parameter-matching", "frepo", "random", "dm"), ONE)
            for data in ("fashion-mnist", "cifar10", "cifar100")
        },
        condense=_full_condense,
        slim=_full_slim,
        evaluate={"protocol": "frepo", "repeats": 5, "backend": "torch", "device": "cuda"},
    ),
}


def main() -> None:
    """Do what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scale", choices=SCALES)
    parser.add_argument("--only", nargs="+", default=[], help="jobs, as --list names them")
    parser.add_argument("--list", action="store_true", help="say what is done and what is not")
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    scale, folder = SCALES[args.scale], args.results / args.scale
    jobs = [job for job in scale.jobs() if not args.only or job.name in args.only]
    if args.list:
        for job in jobs:
            print(f"{job.name}: {done(folder / job.name)} cells")
        return
    for job in jobs:
        with alone(folder / job.name) as ours:
            if ours:
                run(job, scale, folder / job.name)


def run(job: Job, scale: Scale, folder: Path) -> None:
    """Fill the cells of a job that are missing."""
    real = load(job.data)
    slim_by = SLIM_BY.get(job.method, (job.method, "random"))
    slimdc.chain(
        real.x_train,
        real.y_train,
        scale.sizes[job.data],
        x_test=real.x_test,
        y_test=real.y_test,
        results=folder,
        method=job.method,
        slim_by=slim_by,
        seed=job.seed,
        condense=scale.condense(job),
        slim=scale.slim(job),
        evaluate=scale.judged(job.data),
        report=lambda line: print(f"{job.name}: {line}", flush=True),
    )


def parser_of(said: str | None, data: str = "fashion-mnist") -> argparse.ArgumentParser:
    """Make the parser of a study of one data set and seed; its help is the first line said."""
    parser = argparse.ArgumentParser(description=(said or "").splitlines()[0])
    parser.add_argument("scale", choices=SCALES)
    parser.add_argument("--data", default=data)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser


def load(data: str) -> datasets.RealDataset:
    """Read a data set from where `slimdc.datasets` looks for it."""
    return datasets.read(data)


def done(folder: Path) -> int:
    """Count the finished cells of a job."""
    return len(read(folder)[1]) if (folder / "cells.jsonl").exists() else 0


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Hold a job, unless another process does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


if __name__ == "__main__":
    main()
