"""A chain of budgets: a set is made smaller step by step, each step given only the set before."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slimdc._array import as_array
from slimdc._checks import shown, whole_number
from slimdc._inputs import Openable, open_set
from slimdc.chains.arguments import (
    check_test,
    descending,
    digest_of,
    plain,
    slimming_ways,
    where,
)
from slimdc.chains.cells import RETRAINED, START, Chain, cell_of
from slimdc.chains.journal import Journal, begun
from slimdc.chains.options import OptionsOf, check_options, options_of
from slimdc.condensing import condense as condensed
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.evaluation import evaluate as evaluated
from slimdc.methods.registry import condensing, slimming
from slimdc.parameterization import SlimmableDataset
from slimdc.parameterization.layout import shape_of_samples
from slimdc.slimming import slim as slimmed
from slimdc.storage import dumps, load, save
from slimdc.training.progress import Progress
from slimdc.typing import CondenseMethod

__all__ = ["chain"]

# Options of `condense` that say how data are read, and not how a set is made of them.
_OF_DATA = ("classes", "layout", "preprocessed", "preprocessing")


def chain(
    x: Any,
    y: Any,
    sizes: Sequence[int],
    *,
    x_test: Any,
    y_test: Any,
    results: str | Path,
    method: CondenseMethod | str = "parameter-matching",
    slim_by: Sequence[str] | None = None,
    start: Openable | None = None,
    seed: int = 0,
    condense: Mapping[str, Any] | None = None,
    slim: Mapping[str, Any] | None = None,
    evaluate: Mapping[str, Any] | None = None,
    report: Callable[[str], None] | None = None,
    progress: Progress = False,
) -> Chain:
    """Slim a set step by step, each step given only the set before, and test every set.

    The setting of the paper's Table 1: real data are condensed to the first size; that set is
    slimmed to the second, the result to the third, and so on, by each of some methods. Beside them
    stand sets that are made of the real data at each size (RT, retrained).

    Parameters
    ----------
    x, y : array or None
        Real samples and classes, as for `slimdc.condense`; None with ``start``.
    sizes : sequence of int
        Components per class, descending.
    x_test, y_test : array
        Real samples and classes, as for `slimdc.evaluate`.
    results : path
        Folder of the results: figures in ``cells.jsonl``, sets beside it. A call that was cut off
        goes on from there, and repeats no finished cell.
    method : str
        What condenses the real data.
    slim_by : sequence of str, optional
        What slims; by default the method itself (LBS in the paper) and its learning-free companion
        (LFS): truncation for the paper's, random rows for all others.
    start : SlimmableDataset, path or pair, optional
        A set to begin with, where there are no real data: nothing is retrained then.
    seed : int
        Seed of every random draw.
    condense, slim, evaluate : mapping, optional
        Further arguments of these three, such as ``{"steps": 300}``. Those of ``slim`` go to
        methods that train.
    report : callable, optional
        Is given a line of text for each finished cell.
    progress : callable, bool or None
        As for `slimdc.slim`, given to all that takes long.

    Returns
    -------
    Chain

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument cannot be used, or the folder holds results of another configuration.
    MissingBackendError, MissingLibraryError, NumericalError
        As the calls that it makes.
    FileError
        If the folder cannot be read or written, or another process fills it.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(60) % 3
    >>> x = rng.standard_normal((60, 8)) + 2.0 * np.eye(3, 8)[y]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = chain(
    ...         x, y, (4, 2), x_test=x, y_test=y, results=folder,
    ...         condense={"steps": 5, "width": 8}, slim={"steps": 5, "width": 8},
    ...         evaluate={"steps": 20, "repeats": 1, "width": 8},
    ...     )  # fmt: skip
    >>> [(cell.way, cell.k) for cell in found.cells]
    [('RT', 4), ('RT', 2), ('parameter-matching', 2), ('truncate', 2)]
    """
    if report is not None and not callable(report):
        raise InvalidTypeError("report", shown(report), "a callable of a str, or None")
    condenses = condensing(method) if start is None else None
    ways = slimming_ways(method, slim_by)
    sizes = descending(sizes)
    seed = whole_number("seed", seed, at_least=0)
    options = options_of(condense=condense, slim=slim, evaluate=evaluate)
    if not begun(results):  # options of a folder that was begun were checked then
        check_options(options, condenses, [slimming(way) for way in ways])
    if (start is None) == (x is None):
        raise InvalidValueError("start", "real data and a set, or neither", "one of the two")
    begin = None if start is None else open_set(start, "start")
    if begin is not None and sizes[0] > begin.components_per_class:
        most = f"at most {begin.components_per_class} components, those of start"
        raise InvalidValueError("sizes", f"{sizes[0]}", most)
    configuration = {
        "method": method,
        "sizes": sizes,
        "seed": seed,
        "data": digest_of(x, y) if begin is None else hashlib.sha256(dumps(begin)).hexdigest(),
        "test": digest_of(x_test, y_test),
    } | {name: plain(given) for name, given in options.items()}
    journal = Journal(results, configuration)
    work = _Work(journal, begin, (x, y), (x_test, y_test), options, seed, progress)
    jobs = list(_jobs(method, ways, sizes, begin))
    if any(job.name not in journal.cells for job in jobs):
        if begin is None:
            shape, layout = shape_of_samples(as_array(x, "x"), options["condense"].get("layout"))
            check_test(x_test, y_test, shape, layout, options["condense"].get("classes"))
        else:
            check_test(x_test, y_test, begin.shape, begin.layout, begin.label_entries)
        with journal.alone():
            for job in jobs:
                work.fill(job, report)
    return Chain(method, tuple(cell_of(journal.cells[job.name]) for job in jobs))


@dataclass(frozen=True)
class _Job:
    """A cell to be filled: the method that makes its set, and the cell of the set before."""

    way: str
    method: str
    k: int
    before: _Job | None

    @property
    def name(self) -> str:
        return f"{self.way} {self.k}"


def _jobs(
    method: str, ways: Sequence[str], sizes: Sequence[int], begin: SlimmableDataset | None
) -> Iterator[_Job]:
    """Give what is to be done, so that each set comes after the one before it."""
    if begin is None:
        first = _Job(RETRAINED, method, sizes[0], None)
        smaller = sizes[1:]
    else:
        first = _Job(START, method, begin.components_per_class, None)
        smaller = sizes
    yield first
    latest = dict.fromkeys(ways, first)
    for k in smaller:
        if begin is None:
            yield _Job(RETRAINED, method, k, None)
        for way in ways:
            latest[way] = _Job(way, way, k, latest[way])
            yield latest[way]


@dataclass(frozen=True)
class _Work:
    """Makes and tests sets, each once."""

    journal: Journal
    begin: SlimmableDataset | None
    real: tuple[Any, Any]
    test: tuple[Any, Any]
    options: OptionsOf
    seed: int
    progress: Progress

    def fill(self, job: _Job, report: Callable[[str], None] | None) -> None:
        """Make and test the set of a cell, unless it is known."""
        if job.name in self.journal.cells:
            return
        begun = time.perf_counter()
        data = self._set_of(job)
        made = time.perf_counter()
        options = {"progress": self.progress} | dict(self.options["evaluate"])
        found = evaluated(data, *self.test, seed=self.seed, **options)
        cell = {
            "way": job.way,
            "k": job.k,
            "accuracies": list(found.accuracies),
            "bytes": data.nbytes,
            "seconds": [round(made - begun, 1), round(time.perf_counter() - made, 1)],
            "where": where(),
        }
        self.journal.note(job.name, cell)
        if report is not None:
            report(f"{job.name}: {found}, made in {made - begun:.0f} s")

    def _set_of(self, job: _Job) -> SlimmableDataset:
        """Give the set of a cell: from its file, or made anew, with those before it."""
        if job.way == START and self.begin is not None:
            return self.begin
        path = self.journal.set_path(job.name)
        if path.exists():
            return _with_its_matrix(load(path, strict=True), path.parent)
        saved = path.with_suffix(".checkpoint")
        data = self._made(job, saved)
        if data.preprocessing.whitening is not None:
            data.preprocessing.save_matrix(path.parent)
        save(data, path)
        saved.unlink(missing_ok=True)
        return data

    def _made(self, job: _Job, saved: Path) -> SlimmableDataset:
        options: dict[str, Any] = {"seed": self.seed, "method": job.method}
        options["progress"] = self.progress
        verb = "condense" if job.before is None else "slim"
        way = condensing(job.method) if job.before is None else slimming(job.method)
        known = self.options[verb]
        if way.plan is not None:
            options |= {"checkpoint": saved} | dict(known)
        else:  # it takes no settings, but reads the same data
            options |= {name: known[name] for name in _OF_DATA if name in known}
        if job.before is None:
            return condensed(*self.real, job.k, **options)
        return slimmed(self._set_of(job.before), job.k, **options)


def _with_its_matrix(data: SlimmableDataset, folder: Path) -> SlimmableDataset:
    """Give a set the matrix of its whitening, which its file does not hold."""
    if data.preprocessing.is_complete:
        return data
    return data.with_preprocessing(data.preprocessing.with_matrix(folder))
