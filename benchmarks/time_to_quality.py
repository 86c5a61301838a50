"""How long slimming takes to be as good as training anew, on Fashion-MNIST from 10 to 2 components.

    python benchmarks/time_to_quality.py --runs benchmarks/runs/time_to_quality

Three ways to a set of 2 components per class are given growing numbers of steps, each a whole run
with its own schedule, and every result trains the same networks: ``slim`` from a condensed set S of
10 alone; performance matching (FRePo) with S, soft labels and all, in the place of real data; and
condensing anew from the real data. Rounds take one run of each way in turn, so that a busy machine
slows all alike; the time of a run is that of its training. The peers' best is the highest mean
accuracy among their runs, which favours them; for slimming the first run that reaches it counts.

Sets and figures are kept under ``--runs``; the command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import slimdc
from slimdc.datasets import RealDataset, fashion_mnist
from slimdc.settings import EvaluationSettings

KEPT = 2
SLIM_STEPS = (0, 10, 25, 50, 100, 250, 500)
PEER_STEPS = (100, 250, 500, 1000, 1500, 2500)
# FRePo's rate and warm-up, without its augmentation.
JUDGES = EvaluationSettings(rate=3e-4, warm_up=500)


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True, help="folder of sets and figures")
    parser.add_argument("--set", type=Path, help="S, a slimmable file; condensed here by default")
    parser.add_argument("--root", help="folder of Fashion-MNIST")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--steps", type=int, default=500, help="training steps of each network")
    parser.add_argument("--networks", type=int, default=3)
    args = parser.parse_args()
    args.runs.mkdir(parents=True, exist_ok=True)
    real = fashion_mnist(args.root)
    whole = args.set or args.runs / "whole.safetensors"
    if not whole.exists():
        condensed = slimdc.condense(real.x_train, real.y_train, 10, seed=args.seed)
        slimdc.save(condensed, whole)
    ways = ways_to_two(slimdc.load(whole), real, args)
    figures = {name: Figures(args.runs / f"{name}.json") for name in ways}
    for slim_steps, *peer_steps in rounds():
        for name, steps in (("slim", slim_steps), *zip(list(ways)[1:], peer_steps, strict=True)):
            if steps is not None:
                figures[name].fill(steps, partial(one, ways[name], steps, real, args))
    print(table(figures))


def rounds() -> list[tuple[int | None, ...]]:
    """Numbers of steps of the three ways, round by round."""
    peers = (None,) * (len(SLIM_STEPS) - len(PEER_STEPS)) + PEER_STEPS
    return list(zip(SLIM_STEPS, peers, peers, strict=True))


Way = Callable[[int], slimdc.SlimmableDataset]


def ways_to_two(
    whole: slimdc.SlimmableDataset, real: RealDataset, args: argparse.Namespace
) -> dict[str, Way]:
    """Three functions from a number of steps to a set of 2 components per class."""

    def slim(steps: int) -> slimdc.SlimmableDataset:
        options = {"seed": args.seed, "width": args.width, "progress": False}
        return slimdc.slim(whole, KEPT, steps=steps, **options)

    def matched(steps: int) -> slimdc.SlimmableDataset:
        options = {"seed": args.seed, "width": args.width, "progress": False}
        return slimdc.slim(whole, KEPT, method="frepo", steps=steps, **options)

    def anew(steps: int) -> slimdc.SlimmableDataset:
        options = {"seed": args.seed, "width": args.width, "progress": False}
        return slimdc.condense(real.x_train, real.y_train, KEPT, steps=steps, **options)

    return {"slim": slim, "matching": matched, "anew": anew}


def one(way: Way, steps: int, real: RealDataset, args: argparse.Namespace) -> dict[str, object]:
    """Time one run and test what it made."""
    begun = time.perf_counter()
    made = way(steps)
    seconds = time.perf_counter() - begun
    found = slimdc.evaluate(
        made,
        real.x_test,
        real.y_test,
        repeats=args.networks,
        steps=args.steps,
        protocol=JUDGES,
        width=args.width,
        seed=args.seed,
        progress=False,
    )
    print(f"{steps} steps in {seconds:.1f} s: {found}", flush=True)
    return {"seconds": seconds, "accuracies": list(found.accuracies)}


class Figures:
    """Figures of one way by number of steps, in a file that is written after each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.known: dict[str, dict[str, object]] = {}
        if path.exists():
            self.known = json.loads(path.read_text())

    def fill(self, steps: int, make: Callable[[], dict[str, object]]) -> None:
        """Make the figures of a run, unless they are known."""
        if str(steps) not in self.known:
            self.known[str(steps)] = make()
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(json.dumps(self.known, indent=1))
            temporary.replace(self._path)

    def rows(self) -> list[tuple[int, float, float, float]]:
        """List steps, seconds, mean accuracy and its deviation of every run."""
        found = []
        for steps, figures in sorted(self.known.items(), key=lambda item: int(item[0])):
            a = np.asarray(figures["accuracies"])
            found.append((int(steps), float(figures["seconds"]), a.mean(), a.std(ddof=1)))
        return found


def table(figures: dict[str, Figures]) -> str:
    """Write all runs, and the ratios, in Markdown."""
    titles = {
        "slim": "slim, from S alone",
        "matching": "performance matching on S alone",
        "anew": "condensing anew from real data",
    }
    lines = ["| way to 2 components | steps | seconds | accuracy |", "|---|---|---|---|"]
    for name, title in titles.items():
        for steps, seconds, mean, deviation in figures[name].rows():
            lines.append(f"| {title} | {steps} | {seconds:.1f} | {mean:.2f} ± {deviation:.2f} |")
    lines.append("")
    for name in ("matching", "anew"):
        steps, seconds, best, _ = max(figures[name].rows(), key=lambda row: row[2])
        reached = [row for row in figures["slim"].rows() if row[2] >= best]
        told = f"{titles[name]}: best {best:.2f} % in {seconds:.1f} s ({steps} steps); "
        if reached:
            steps, own, _, _ = reached[0]
            told += f"slim is there in {own:.1f} s ({steps} steps): {own / seconds:.3f} of the time"
        else:
            told += "slim does not reach it"
        lines.append(f"- {told}")
    cores = len(os.sched_getaffinity(0))
    lines.append(
        f"\nslimdc {slimdc.__version__}, NumPy {np.__version__}, Python "
        f"{platform.python_version()}, {platform.machine()}, {cores} cores."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
