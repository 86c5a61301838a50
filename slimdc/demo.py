"""The demo: slim a small real set from 10 components per class to 5, 2 and 1, and show the cost."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from slimdc._checks import whole_number
from slimdc.certificate import certify
from slimdc.datasets import Sample, sample
from slimdc.errors import MissingLibraryError
from slimdc.evaluation import evaluate
from slimdc.parameterization import SlimmableDataset
from slimdc.pictures import samples, save_picture
from slimdc.settings import EvaluationSettings
from slimdc.slimming import slim
from slimdc.training.progress import Report, watched

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BUDGETS", "EVALUATION", "EVALUATION_STEPS", "REPEATS", "SLIM_STEPS", "WIDTH", "run"]

# Chosen to end well within 90 seconds on two cores, not for the best figures.
BUDGETS = (5, 2, 1)
WIDTH = 16
SLIM_STEPS = 60
EVALUATION_STEPS = 60
REPEATS = 2
# So few steps need a higher rate than the default one.
EVALUATION = EvaluationSettings(rate=2e-3, warm_up=500)

_COLUMNS = ("random rows", "learning-free", "learning-based")


def run(*, picture: Path, seed: int = 0) -> None:
    """Slim the set in the package both ways on NumPy, and print what networks learn from it.

    The table compares, at each number of components per class, learning-free and learning-based
    slimming with as many random rows (samples) of the set, all under one recipe and tested on 1,000
    real images. Budgets follow each other as in the paper: each set is made from the one before.
    The certificates of Proposition 1 and a picture of the images follow.

    Parameters
    ----------
    picture : pathlib.Path
        Where the picture is written, as PNG, if matplotlib is installed.
    seed : int
        Seed of the networks and of the random rows.

    Raises
    ------
    FileError
        The package's data are missing, or the picture cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> run(picture=Path("slimdc-demo.png"))  # doctest: +SKIP
    """
    start = time.perf_counter()
    seed = whole_number("seed", seed, at_least=0)
    small = sample()
    _print_opening(small.data)
    free, based = _slim_and_compare(small, seed)
    _print_certificates(small.data, free)
    _draw(picture, small.data, free, based)
    print(f"Done in {time.perf_counter() - start:.0f} s.")


def _print_opening(data: SlimmableDataset) -> None:
    print(
        f"A condensed Fashion-MNIST: {data.classes} classes, {data.components_per_class} "
        f"components per class, {data.nbytes:,} bytes.\n"
        f"Accuracy in % on 1,000 real test images, mean ± standard deviation of {REPEATS} "
        "networks.\n"
        f"To be quick this demo trains narrow networks (width {WIDTH}; the paper's have 128) for "
        f"few steps\n({SLIM_STEPS} to slim, {EVALUATION_STEPS} to evaluate): compare within the "
        "table, not with other figures.\n"
    )


def _slim_and_compare(
    small: Sample, seed: int
) -> tuple[dict[int, SlimmableDataset], dict[int, SlimmableDataset]]:
    data = small.data
    free: dict[int, SlimmableDataset] = {}
    based: dict[int, SlimmableDataset] = {}
    rng = np.random.default_rng(seed)
    print(f"{'k':>3} {'bytes':>9}" + "".join(f"{name:>16}" for name in _COLUMNS))
    whole = _accuracy(data, small, seed, "the whole set")
    print(_row(data, [whole] * len(_COLUMNS)), flush=True)
    before = data
    for k in BUDGETS:
        free[k] = slim(data, k, steps=0)
        before = based[k] = slim(
            before,
            k,
            backend="numpy",
            steps=SLIM_STEPS,
            width=WIDTH,
            seed=seed,
            progress=_counted(f"slimming to {k}"),
        )
        candidates = (_random_rows(data, k, rng), free[k], based[k])
        cells = [
            _accuracy(candidate, small, seed, f"{name}, k = {k}")
            for name, candidate in zip(_COLUMNS, candidates, strict=True)
        ]
        print(_row(free[k], cells), flush=True)
    return free, based


def _print_certificates(before: SlimmableDataset, free: dict[int, SlimmableDataset]) -> None:
    """Print the first certificate in full, and of the others the verdict and what holds."""
    print("\nWhat learning-free slimming is certain to keep (Proposition 1 of the paper):")
    for k, after in free.items():
        certificate = certify(before, after)
        title = f"\n{before.components_per_class} -> {k} components per class"
        if k == BUDGETS[0]:
            print(f"{title}\n{certificate}")
            continue
        print(f"{title}\n{certificate.verdict}")
        for bound in certificate.bounds:
            if bound.verdict == "holds":
                print(f"  {bound.equation:<16}{bound.value:.3e} <= {bound.bound:.3e}")
    print()


def _row(data: SlimmableDataset, cells: list[str]) -> str:
    head = f"{data.components_per_class:>3} {data.nbytes:>9,}"
    return head + "".join(f"{cell:>16}" for cell in cells)


def _accuracy(data: SlimmableDataset, small: Sample, seed: int, name: str) -> str:
    result = evaluate(
        data,
        small.x_test,
        small.y_test,
        backend="numpy",
        repeats=REPEATS,
        steps=EVALUATION_STEPS,
        width=WIDTH,
        seed=seed,
        protocol=EVALUATION,
        progress=_counted(f"evaluating {name}"),
    )
    return f"{result.mean:.1f} ± {result.std:.1f}"


def _counted(title: str) -> Report:
    """Say on one line of a terminal, wiped by what follows, how far a call is."""

    def report(count: int, steps: int, _terms: dict[str, float]) -> None:
        if watched():
            text = f"{title}: {count} of {steps}" if count < steps else ""
            sys.stderr.write(f"\r{text:<60}\r")
            sys.stderr.flush()

    return report


def _random_rows(data: SlimmableDataset, k: int, rng: np.random.Generator) -> SlimmableDataset:
    """Keep k random samples of each class: what one would do with no method at all."""
    x, y = data.arrays()
    starts = np.cumsum([0, *data.samples[:-1]])
    rows = np.concatenate(
        [
            start + np.sort(rng.choice(held, size=min(k, held), replace=False))
            for start, held in zip(starts, data.samples, strict=True)
        ]
    )
    return SlimmableDataset.from_arrays(
        x[rows], y[rows], layout=data.layout, preprocessing=data.preprocessing
    )


def _draw(
    picture: Path,
    data: SlimmableDataset,
    free: dict[int, SlimmableDataset],
    based: dict[int, SlimmableDataset],
) -> None:
    rows = {f"before: {data.components_per_class}": data}
    rows |= {f"learning-free: {k}": after for k, after in free.items()}
    rows |= {f"learning-based: {k}": after for k, after in based.items()}
    try:
        figure = samples(rows)
    except MissingLibraryError:
        print("No picture: matplotlib is not installed (pip install matplotlib).")
        return
    figure.suptitle("The first sample of each class, by components kept per class")
    save_picture(figure, picture)
    print(f"Picture: {picture}")
