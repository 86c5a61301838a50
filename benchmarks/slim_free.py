"""Learning-free slimming and taking in a pair, against what no implementation can do without.

    python benchmarks/slim_free.py [--classes 100] [--samples 50] [--values 3072]

`SlimmableDataset.truncate` and ``slim(..., steps=0)`` are held against copying the four factors'
parts that stay, and `SlimmableDataset.from_arrays` against LAPACK's SVDs of the same class blocks.
What is compared takes turns, so that a busy machine slows both sides alike. Every figure is a
median over the rounds, also the ratios, each of which is that of one round. It ends by printing the
tables in Markdown, with versions and machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

import slimdc
from slimdc.parameterization.labels import centred_one_hot

SIZES = (1, 5, 10, 25)
FLOOR = "copy"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--samples", type=int, default=50, help="samples of each class")
    parser.add_argument("--values", type=int, default=3072, help="values of each sample")
    parser.add_argument("--rounds", type=int, default=51, help="rounds of slimming")
    parser.add_argument("--svd-rounds", type=int, default=9, help="rounds of taking in")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    x = rng.standard_normal((args.classes * args.samples, args.values), dtype=np.float32)
    y = rng.permutation(np.repeat(np.arange(args.classes), args.samples))
    print(slimming(slimdc.SlimmableDataset.from_arrays(x, y), args.rounds))
    print()
    print(intake(x, y, args.svd_rounds))
    print(
        f"\n{args.classes} classes of {args.samples} samples of {args.values} values in float32, "
        f"seed {args.seed}; medians of {args.rounds} and {args.svd_rounds} rounds. "
        f"slimdc {slimdc.__version__}, NumPy {np.__version__}, Python "
        f"{platform.python_version()}, {platform.machine()}, {CORES} cores."
    )


def slimming(data: slimdc.SlimmableDataset, rounds: int) -> str:
    """Make the table of learning-free slimming."""
    backwards = data.with_factors(
        data.u[:, :, ::-1], data.s[:, ::-1], data.vx[:, ::-1], data.vy[:, ::-1]
    )
    lines = [
        "| components | copying what stays | `truncate` | of it | `slim(..., steps=0)` | of it "
        "| `truncate`, unsorted | of it |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for k in (size for size in SIZES if size <= data.components_per_class):
        parts = data.u[:, :, :k], data.s[:, :k], data.vx[:, :k], data.vy[:, :k]
        found = in_turns(
            {
                FLOOR: lambda parts=parts: [np.ascontiguousarray(np.copy(part)) for part in parts],
                "truncate": lambda k=k: data.truncate(k),
                "slim": lambda k=k: slimdc.slim(data, k, steps=0),
                "unsorted": lambda k=k: backwards.truncate(k),
            },
            rounds,
        )
        cells = [f"{k}", milliseconds(found[FLOOR])]
        for name in ("truncate", "slim", "unsorted"):
            cells += [milliseconds(found[name]), ratio(found[name], found[FLOOR])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def intake(x: np.ndarray, y: np.ndarray, rounds: int) -> str:
    """Make the table of taking in a pair."""
    rows = centred_one_hot(y, int(y.max()) + 1)
    joint = np.concatenate([x, rows], axis=1)[np.argsort(y, kind="stable")]
    double = joint.reshape(int(y.max()) + 1, -1, joint.shape[1])
    contenders: dict[str, Callable[[], object]] = {
        "`from_arrays`": lambda: slimdc.SlimmableDataset.from_arrays(x, y)
    }
    for dtype in ("float32", "float64"):
        blocks = double.astype(dtype, copy=False)
        contenders |= {
            f"SVDs in {dtype}": lambda blocks=blocks: list(map(svd, blocks)),
            f"SVDs in {dtype}, BLAS on one thread": lambda blocks=blocks: on_one_thread(blocks, 1),
            f"SVDs in {dtype}, one on each core": lambda blocks=blocks: on_one_thread(
                blocks, CORES
            ),
        }
    found = in_turns(contenders, rounds)
    ours = found["`from_arrays`"]
    lines = ["| taking in a pair | time | `from_arrays` over it |", "|---|---|---|"]
    lines += [
        f"| {name} | {milliseconds(times)} | {ratio(ours, times)} |"
        for name, times in found.items()
    ]
    return "\n".join(lines)


def svd(block: np.ndarray) -> object:
    """LAPACK's SVD of one class."""
    return np.linalg.svd(block, full_matrices=False)


def on_one_thread(blocks: np.ndarray, at_once: int) -> list[object]:
    """LAPACK's SVDs without BLAS' threads, which rather slow such small blocks down."""
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(svd, blocks))


def in_turns(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Time each once a round, after a round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds + 1):
        for name, call in contenders.items():
            begun = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - begun)
    return {name: np.asarray(found[1:]) for name, found in times.items()}


def milliseconds(times: np.ndarray) -> str:
    """Write the median."""
    return f"{1e3 * np.median(times):.3g} ms"


def ratio(times: np.ndarray, floor: np.ndarray) -> str:
    """Write the median ratio of the rounds."""
    return f"{np.median(times / floor):.2f}"


if __name__ == "__main__":
    main()
