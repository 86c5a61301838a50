"""The demo: a condensed set within a few bytes, beside what else the same bytes could hold."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from slimdc._checks import whole_number
from slimdc.certificate import certify
from slimdc.datasets import Sample, sample
from slimdc.evaluation import evaluate
from slimdc.parameterization import SlimmableDataset
from slimdc.pictures.canvas import save_drawn
from slimdc.pictures.pixels import first_of_each_class
from slimdc.pictures.sheet import Line, sheet
from slimdc.settings import EvaluationSettings
from slimdc.slimming import slim
from slimdc.storage import dumps
from slimdc.training.progress import Progress, watched

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BUDGETS", "EVALUATION", "NAMES", "SLIM_STEPS", "SLIM_WIDTH", "Budget", "run"]


class Budget(NamedTuple):
    """What is made within a number of bytes.

    Attributes
    ----------
    nbytes : int
        Bytes of a file, header and all.
    real : int
        Real images of each class. Of 3, 5, 10, 20 and more a network learned most from so many,
        written in these bytes.
    rows : int
        Random rows of each class.
    trained : bool
        Whether a set is trained too.
    """

    nbytes: int
    real: int
    rows: int
    trained: bool = False


# Training pays below about 5,000 bytes (docs/bytes.md); where it pays most, it is shown.
BUDGETS = (Budget(16_000, 20, 5), Budget(4_500, 20, 5), Budget(2_500, 10, 5, trained=True))
# Chosen to end well within a minute on two cores, not for the best figures: small batches at a high
# rate bring a network in 2 seconds to where the protocol "quick" brings it in 12.
EVALUATION = EvaluationSettings(width=16, repeats=1, steps=100, batch=20, rate=5e-3)
SLIM_STEPS = 50
SLIM_WIDTH = 16

# As https://github.com/zalandoresearch/fashion-mnist numbers them.
NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


class _Shown(NamedTuple):
    """A set, what it is called, and what a network learned from it."""

    name: str
    data: SlimmableDataset
    accuracy: float


def run(*, picture: Path, seed: int = 0, progress: Progress = None) -> None:
    """Make the set in the package small on NumPy, and print what networks learn from it.

    Within 16,000, 4,500 and 2,500 bytes it compares what `slim` makes of the set with random rows
    (samples) of it and with real images, all written by the same coder, under one recipe and tested
    on real images. Real images to be learned from are the first of each class of the 1,000 test
    images in the package; networks are tested on the others. A certificate of Proposition 1 and a
    picture follow.

    Parameters
    ----------
    picture : pathlib.Path
        Where the picture is written, as SVG.
    seed : int
        Seed of the networks and of the random rows.
    progress : callable, bool or None
        As for `slimdc.evaluate`, given to all that takes long; None shows a line on terminals.

    Raises
    ------
    FileError
        The package's data are missing, or the picture cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> run(picture=Path("slimdc-demo.svg"))  # doctest: +SKIP
    """
    start = time.perf_counter()
    work = _Work(sample(), whole_number("seed", seed, at_least=0), progress)
    data = work.data
    print(_opening(data, len(work.y_test)))
    whole = work.shown("the whole set", data)
    print(f"{data.nbytes:>15,}{'the whole set, as it is':>31}{whole.accuracy:>13.1f}", flush=True)
    found: dict[Budget, list[_Shown]] = {}
    for budget in BUDGETS:
        found[budget] = list(work.within(budget))
        print(_row(budget, found[budget]), flush=True)
    print(_LEGEND)
    half = data.components_per_class // 2
    certain = certify(data, data.truncate(half)).verdict
    certain = f"Certain without any network, with {half} components in full precision: {certain}"
    print(textwrap.fill(certain, 79) + "\n")
    note = f"Accuracy of a small network on {len(work.y_test)} real images, and bytes of the file"
    save_drawn(_drawn(whole, found, note).encode(), picture)
    print(f"Picture: {picture}")
    print(f"Done in {time.perf_counter() - start:.0f} s.")


class _Work:
    """Makes sets, and tells what a network learns from them."""

    def __init__(self, small: Sample, seed: int, progress: Progress) -> None:
        self.data = small.data
        self._seed = seed
        self._progress = progress
        self._rng = np.random.default_rng(seed)
        most = max(budget.real for budget in BUDGETS)
        classes = range(small.data.classes)
        real = np.stack([np.flatnonzero(small.y_test == c)[:most] for c in classes])
        tested = np.delete(np.arange(len(small.y_test)), real)
        self._real, self._small = real, small
        self._x_test, self.y_test = small.x_test[tested], small.y_test[tested]

    def within(self, budget: Budget) -> Iterable[_Shown]:
        """Give what fills the bytes, in the order of the table."""
        nbytes = budget.nbytes
        real, rows = self._real_images(budget.real), self._random_rows(budget.rows)
        # The coder alone: neither has anything to choose.
        for name, kept in (("real images", real), ("random rows", rows)):
            k = kept.components_per_class
            coded = slim(kept, k, nbytes=nbytes, start="rows", steps=0, progress=False)
            yield self.shown(f"{k} {name} a class", coded)
        # Rows are not chosen of this set in these bytes: to try them would take seconds.
        options: dict[str, Any] = {"nbytes": nbytes, "start": "components"}
        made = slim(self.data, steps=0, progress=self._progress, **options)
        yield self.shown("slimdc, at once", made)
        if budget.trained:
            made = slim(
                self.data,
                made.components_per_class,
                **options,
                steps=SLIM_STEPS,
                width=SLIM_WIDTH,
                seed=self._seed,
                backend="numpy",
                progress=self._followed("training a set"),
            )
            yield self.shown("slimdc, trained", made)

    def shown(self, name: str, data: SlimmableDataset) -> _Shown:
        """Train a network on a set and test it."""
        result = evaluate(
            data,
            self._x_test,
            self.y_test,
            protocol=EVALUATION,
            backend="numpy",
            seed=self._seed,
            progress=self._followed(f"a network learns from {name}"),
        )
        return _Shown(name, data, result.mean)

    def _real_images(self, k: int) -> SlimmableDataset:
        images, data = self._real[:, :k].ravel(), self.data
        return SlimmableDataset.from_arrays(
            self._small.x_test[images].reshape(-1, *data.shape),
            self._small.y_test[images],
            layout=data.layout,
            preprocessing=data.preprocessing,
        )

    def _random_rows(self, k: int) -> SlimmableDataset:
        """Keep k random samples of each class: what one would do with no method at all."""
        data, (x, y) = self.data, self.data.arrays()
        members = data.members
        rows = np.concatenate(
            [
                np.sort(self._rng.choice(np.flatnonzero(members == c), k, replace=False))
                for c in range(data.classes)
            ]
        )
        return SlimmableDataset.from_arrays(
            x[rows],
            y[rows],
            members=members[rows],
            layout=data.layout,
            preprocessing=data.preprocessing,
        )

    def _followed(self, title: str) -> Progress:
        """Say on one line of a terminal, wiped by what follows, how far a call is."""
        if self._progress is not None or not watched():
            return self._progress

        def report(count: int, steps: int, _terms: dict[str, float]) -> None:
            text = f"{title}: {count} of {steps}" if count < steps else ""
            sys.stderr.write(f"\r{text:<70}\r")
            sys.stderr.flush()

        return report


def _opening(data: SlimmableDataset, tested: int) -> str:
    held = f"{len(data)} synthetic images of {data.classes} classes, {data.nbytes:,} bytes"
    recipe = f"a ConvNet of width {EVALUATION.width} and {EVALUATION.steps} steps"
    return f"""\
A condensed Fashion-MNIST: {held}.
slimdc makes it smaller without the real data. The table gives accuracies in %
on {tested} real images of networks that have learned from so many bytes alone.
To be quick, each figure is of one network, {recipe}:
compare within the table, and take a point more or less for chance.

{"within":>6}{"":9}{"real images":>15}{"random rows":>16}{"slimdc":>20}
{"":6}{"bytes":>9}{"k":>7}{"%":>8}{"k":>8}{"%":>8}{"at once":>13}{"trained":>10}"""


_LEGEND = f"""
within       bytes of a file with its header; every column uses the same coder
real images  k of each class, taken out of the 1,000 test images in the package
random rows  k of the 10 images that the set has of each class
at once      slimdc.slim(data, nbytes=N, start="components", steps=0)
trained      and then {SLIM_STEPS} steps, to teach networks what the whole set teaches
"""


def _row(budget: Budget, found: list[_Shown]) -> str:
    real, rows, *ours = (f"{each.accuracy:.1f}" for each in found)
    head = f"{budget.nbytes:>15,}{budget.real:>7}{real:>8}{budget.rows:>8}{rows:>8}"
    return head + f"{ours[0]:>13}" + "".join(f"{each:>10}" for each in ours[1:])


def _drawn(whole: _Shown, found: dict[Budget, list[_Shown]], note: str) -> str:
    lines = [_line(whole, whole.data.nbytes, "")]
    for budget, sets in found.items():
        head = f"Within {budget.nbytes:,} bytes"
        for each in sets:
            lines.append(_line(each, len(dumps(each.data)), head))
            head = ""
    title = "Fashion-MNIST in few bytes: the first image of each class"
    return sheet(title, [note], NAMES, lines)


def _line(shown: _Shown, nbytes: int, begins: str) -> Line:
    figures = (f"{shown.accuracy:.1f} %", f"{nbytes:,} bytes")
    return Line(shown.name, first_of_each_class(shown.data), figures, begins)
