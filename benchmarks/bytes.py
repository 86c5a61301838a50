"""Accuracy against bytes: what a set keeps in every way of making it smaller.

    python benchmarks/bytes.py fashion-mnist               # the set in the package
    python benchmarks/bytes.py cifar10 --set SET           # a set of 10 components, by paper.py
    python benchmarks/bytes.py rfad --set best.npz         # RFAD's published set, 10 per class
    python benchmarks/bytes.py fashion-mnist --only "trained 4500" --seeds 0 1 2
    python benchmarks/bytes.py fashion-mnist --picture bytes.png
    python benchmarks/bytes.py fashion-mnist --table

Every way is judged by the ``quick`` protocol, five networks; Fashion-MNIST on the 1,000 test images
in the package, CIFAR-10 on 2,000. Results are kept cell by cell, as in ``paper.py``; several
processes share the work by cells (``--only``) or data.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from paper import RESULTS, alone
from rivals import Stored, rivals

import slimdc
from slimdc import SlimmableDataset, datasets
from slimdc.chains.journal import Journal, read

STEPS = 500
BUDGETS = {
    "fashion-mnist": (1_000, 2_500, 4_500, 8_500, 11_000, 16_000, 24_000),
    "cifar10": (2_000, 5_000, 10_000, 20_000, 40_000, 80_000, 160_000),
    "rfad": (2_000, 5_000, 10_000, 20_000, 40_000, 80_000, 160_000),
}
FEWER = (5, 3, 2, 1)
EVALUATE = {"protocol": "quick", "repeats": 5, "backend": "numpy"}


@dataclass(frozen=True)
class Problem:
    """A condensed set, real images to test on, and to take instead."""

    before: SlimmableDataset
    x_test: np.ndarray
    y_test: np.ndarray
    real: Callable[[], datasets.RealDataset] = field(repr=False)


def problem(name: str, path: Path | None) -> Problem:
    """Open a set and its test images."""
    if name == "fashion-mnist":
        sample = datasets.sample()
        real = partial(datasets.read, "fashion-mnist")
        return Problem(sample.data, sample.x_test, sample.y_test, real)
    if path is None:
        raise SystemExit("--set: which set?")
    real = datasets.read("cifar10")
    some = np.random.default_rng(0).permutation(len(real.y_test))[:2_000]
    if name == "cifar10":
        before = slimdc.load(path)
    else:
        real = channels_first(real)
        space = slimdc.Preprocessing.zca(real.x_train, "channels_first", recipe="rfad")
        before = slimdc.read(path, format="rfad", preprocessing=space)
    return Problem(before, real.x_test[some], real.y_test[some], lambda: real)


def channels_first(real: datasets.RealDataset) -> datasets.RealDataset:
    """Move the channels, as torch has them."""
    x = {name: getattr(real, name).transpose(0, 3, 1, 2).copy() for name in ("x_train", "x_test")}
    return real._replace(**x)


def ways(name: str, given: Problem, seed: int) -> Iterator[tuple[str, Callable[[], Stored]]]:
    """Give every way of storing the set, by name; each is computed when it is called."""
    before = given.before
    yield "whole", lambda: Stored("whole", before, before.nbytes)
    if seed == 0:
        stored = {each.name: each for each in rivals(before)}
        for rival, each in stored.items():
            yield rival, partial(_given, each)
        for k in FEWER:
            yield f"float32 {k}", partial(_slimmed, before, k=k, steps=0)
    for k in FEWER:
        for method in ("random", "yoco"):
            yield f"{method} rows {k}, levels 2", partial(_rows, before, method, k, seed)
        yield f"{k} real images", partial(_real, given, k, seed)
    for nbytes in BUDGETS[name]:
        if seed == 0:
            yield f"free {nbytes}", partial(_slimmed, before, nbytes=nbytes, steps=0)
        trained = {"nbytes": nbytes, "steps": STEPS, "seed": seed, "backend": "numpy"}
        yield f"trained {nbytes}", partial(_slimmed, before, **trained)


def _given(stored: Stored) -> Stored:
    return stored


def _slimmed(before: SlimmableDataset, **options: Any) -> Stored:
    small = slimdc.slim(before, progress=False, **options)
    return Stored(str(small), small, small.nbytes)


def _rows(before: SlimmableDataset, method: str, k: int, seed: int) -> Stored:
    fewer = slimdc.slim(before, k, method=method, seed=seed, backend="numpy", progress=False)
    found = [each for each in rivals(fewer) if each.name == "levels 2"]
    return found[0]


def _real(given: Problem, k: int, seed: int) -> Stored:
    real, before = given.real(), given.before
    rng = np.random.default_rng(seed)
    chosen = np.concatenate(
        [rng.choice(np.flatnonzero(real.y_train == c), k, replace=False) for c in before.labels]
    )
    x = real.x_train[chosen].reshape(len(chosen), *before.shape)
    data = SlimmableDataset.from_arrays(
        x, real.y_train[chosen], layout=before.layout, preprocessing=before.preprocessing
    )
    return Stored("real", data, x.size + len(chosen))


def main() -> None:
    """Do what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=BUDGETS)
    parser.add_argument("--set", type=Path, help="the condensed set, for CIFAR-10")
    parser.add_argument("--only", nargs="+", default=[], help="ways, as --table names them")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print what is known, no more")
    parser.add_argument("--picture", type=Path, help="draw what is known, no more")
    args = parser.parse_args()
    folder = args.results / "small" / "bytes" / args.data
    if args.table or args.picture:
        found = known(folder)
        print("\n".join(table(found))) if args.table else draw(found, args.picture)
        return
    given = problem(args.data, args.set)
    for seed in args.seeds:
        with alone(folder / str(seed)) as ours:
            if ours:
                fill(folder / str(seed), ways(args.data, given, seed), given, args.only)


def fill(
    folder: Path,
    ways: Iterator[tuple[str, Callable[[], Stored]]],
    given: Problem,
    only: list[str],
) -> None:
    """Fill the cells that are missing."""
    journal = Journal(folder, {"steps": STEPS, "evaluate": EVALUATE, "seed": int(folder.name)})
    for way, make in ways:
        if way in journal.cells or (only and way not in only):
            continue
        begun = time.perf_counter()
        stored = make()
        made = time.perf_counter() - begun
        found = slimdc.evaluate(stored.data, given.x_test, given.y_test, progress=False, **EVALUATE)
        cell = {
            "way": way,
            "bytes": stored.nbytes,
            "accuracies": [round(float(a), 3) for a in found.accuracies],
            "seconds": round(made, 1),
        }
        if stored.data.codes is not None:
            cell |= {"chosen": stored.data.codes.reason, "k": stored.data.components_per_class}
            cell |= {"file": len(slimdc.dumps(stored.data))}
        journal.note(way, cell)
        print(f"{way}: {stored.nbytes:,} bytes, {found}", flush=True)


def known(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the cells of all seeds, by way."""
    found: dict[str, list[dict[str, Any]]] = {}
    for lines in sorted(folder.glob("*/cells.jsonl")):
        for way, cell in read(lines.parent)[1].items():
            found.setdefault(way, []).append(cell)
    return found


def table(found: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Lay the cells out in Markdown, most bytes first."""
    yield "| stored | bytes | accuracy | seeds |"
    yield "|---|---|---|---|"
    points = {way: point(cells) for way, cells in found.items()}
    for way, (nbytes, mean, spread) in sorted(points.items(), key=lambda p: -p[1][0]):
        yield f"| {way} | {nbytes:,} | {mean:.1f} ± {spread:.1f} | {len(found[way])} |"


def point(cells: list[dict[str, Any]]) -> tuple[int, float, float]:
    """Give the bytes of a way, its mean accuracy, and the spread over its networks."""
    accuracies = np.asarray([a for cell in cells for a in cell["accuracies"]])
    nbytes = max(int(cell["bytes"]) for cell in cells)
    return nbytes, float(accuracies.mean()), float(accuracies.std(ddof=1))


def draw(found: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Draw accuracy against bytes, a line for each family of ways."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    families = {
        "slimdc, trained": "trained",
        "slimdc, at once": "free",
        "fewer bits, levels of each image's own": "levels",
        "fewer bits, uniform": "uniform",
        "patches": "patches",
        "WebP": "WEBP",
        "JPEG": "JPEG",
        "float32 components": "float32",
        "random rows, 2 bits": "random rows",
        "YOCO's rows, 2 bits": "yoco rows",
        "real images": ("1 real", "2 real", "3 real", "5 real"),
    }
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for label, prefix in families.items():
        points = sorted(point(c)[:2] for way, c in found.items() if way.startswith(prefix))
        if points:
            ours = label.startswith("slimdc")
            style = {"linewidth": 2.5, "marker": "o"} if ours else {"linewidth": 1, "marker": "."}
            style |= {"color": "black"} if label == "real images" else {}
            axes.plot(*zip(*points, strict=True), label=label, **style)
    nbytes, whole, _ = point(found["whole"])
    axes.axhline(whole, color="gray", linestyle=":", label=f"the whole set, {nbytes:,} bytes")
    axes.set(xscale="log", xlabel="bytes", ylabel="accuracy (%)")
    axes.grid(alpha=0.3)
    figure.legend(fontsize="small", ncols=3, loc="outside lower center")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
