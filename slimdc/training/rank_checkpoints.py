"""Checkpoints of several processes: a file each, from which all resume at the same step.

Processes take every step together, so that none can save a step before all others have saved the
one before it. Each therefore keeps its two latest saves: whenever they are killed, the oldest of
their newest steps is one that all of them hold.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from slimdc.backend import Backend, Ranks, Tensors, Tree, ranks_of
from slimdc.errors import FileError, InvalidValueError, SlimdcError
from slimdc.training.checkpoint import Checkpoint, Found, Resumable, Saved, Terms

__all__ = ["RankCheckpoints", "checkpoint_of", "gathered"]

# Averages of whole numbers below it are exact in float32, whatever is left of their digits.
_DIGIT = 1 << 12


def checkpoint_of(
    path: str | Path, digest: str, rngs: Sequence[np.random.Generator], backend: Backend
) -> Saved:
    """Find where a run is saved: in a file, or in one for each of its processes.

    Parameters
    ----------
    path : str or Path
        The file. That of a process is beside it, and named after the first rank of the process.
    digest : str
        Identifies the run.
    rngs : sequence of numpy.random.Generator
        The run's generator and those of the local ranks.
    backend : Backend
        Where the run computes.

    Returns
    -------
    Saved

    Raises
    ------
    InvalidValueError
        One process finds the files of several.
    """
    ranks = ranks_of(backend)
    if len(ranks.local) < ranks.count:
        return RankCheckpoints(path, digest, rngs, backend)
    _refuse(_beside(path, 0), "several processes", "one process")
    if ranks.count == 1:
        return Checkpoint(path, digest, rngs[0])
    return Checkpoint(path, digest, *rngs, ranks=_named(ranks))


class RankCheckpoints:
    """The file of this process among those of all, and the one that it replaced.

    Parameters
    ----------
    path, digest, rngs, backend
        As in `checkpoint_of`.
    """

    def __init__(
        self, path: str | Path, digest: str, rngs: Sequence[np.random.Generator], backend: Backend
    ) -> None:
        self._alone = Path(path)
        self._backend = backend
        ranks = ranks_of(backend)
        self._path = _beside(path, ranks.local[0])
        self._path_before = self._path.with_name(f"{self._path.name}.before")
        self._present, self._before = (
            Checkpoint(of, digest, *rngs, ranks=_named(ranks))
            for of in (self._path, self._path_before)
        )

    def save(self, run: Resumable, history: list[Terms]) -> None:
        """Save the run's present state beside the one that was saved last.

        Raises
        ------
        FileError
            If the file cannot be written.
        """
        if os.path.exists(self._path):
            _rename(self._path, self._path_before)
        self._present.save(run, history)

    def resume(self, run: Resumable) -> list[Terms]:
        """Bring a run at its start to the newest state that all processes hold.

        Raises
        ------
        FileError
            If this process's file cannot be read, is damaged, or is no checkpoint.
        InvalidValueError
            If it belongs to another run or to other ranks; or if that is so in another process,
            which says more.
        """
        found, problem = self._newest(run)
        newest = 0 if found is None else found.count
        agreed = min(high * _DIGIT + low for high, low in self._agree(problem, newest))
        earlier = agreed < newest
        if earlier:
            found, problem = self._earlier(run, agreed)
        self._agree(problem, agreed)
        if earlier:  # what is newer would pass for the save before the next one
            _rename(self._path_before, self._path)
        return [] if found is None else self._present.take(run, found)

    def _newest(self, run: Resumable) -> tuple[Found | None, SlimdcError | None]:
        try:
            _refuse(self._alone, "one process", "several processes")
            # A process that was killed between renaming and writing has but the earlier file.
            return self._present.found(run) or self._before.found(run), None
        except SlimdcError as problem:
            return None, problem

    def _earlier(self, run: Resumable, count: int) -> tuple[Found | None, SlimdcError | None]:
        try:
            found = self._before.found(run)
        except SlimdcError as problem:
            return None, problem
        if found is None or found.count != count:
            return None, InvalidValueError(
                "checkpoint",
                f"{self._path} of a later step than that of another process, which is {count}",
                "the files of all processes as they were saved; remove all of them to start anew",
            )
        return found, None

    def _agree(self, problem: SlimdcError | None, count: int) -> list[tuple[int, int]]:
        """Tell all processes a number of steps; stop all of them where one has a problem."""
        said = gathered(self._backend, (int(problem is not None), *divmod(count, _DIGIT)))
        if problem is not None:
            raise problem
        failed = [rank for rank, (bad, *_) in enumerate(said) if bad]
        if failed:
            _stop(self._path, failed)
        return [(high, low) for _, high, low in said]


def gathered(backend: Backend, numbers: Sequence[int]) -> list[tuple[int, ...]]:
    """Tell all ranks a few small numbers, by the average that every step takes.

    Parameters
    ----------
    backend : Backend
        Where the ranks compute; all of them call this at the same time.
    numbers : sequence of int
        What the ranks of this process say; as many in every process, each from 0 to 4,095.

    Returns
    -------
    list of tuple of int
        What each rank said.

    Examples
    --------
    >>> from slimdc import backend
    >>> gathered(backend.get("numpy"), (3, 1))
    [(3, 1)]
    """
    ranks = ranks_of(backend)

    def local_step(shared: Tree, own: Tensors) -> tuple[tuple[Tensors], Tensors]:  # noqa: ARG001
        return (own,), own

    def global_step(shared: Tree, averages: tuple[Tensors]) -> tuple[Tensors]:  # noqa: ARG001
        return averages

    owns: list[Tensors] = []
    for rank in ranks.local:
        table = np.zeros((ranks.count, len(numbers)), np.float32)
        table[rank] = numbers
        owns.append({"said": backend.asarray(table)})
    (averages,), _ = ranks.step(local_step, global_step)({}, owns)
    said = np.rint(backend.to_numpy(averages["said"]) * ranks.count).astype(int)
    return [tuple(row) for row in said.tolist()]


def _named(ranks: Ranks) -> str:
    several = "ranks" if len(ranks.local) > 1 else "rank"
    return f"{several} {', '.join(map(str, ranks.local))} of {ranks.count}"


def _beside(path: str | Path, rank: int) -> Path:
    whole = Path(path)
    return whole.parent / f"{whole.name}.rank{rank}"


def _refuse(path: Path, found: str, expected: str) -> None:
    if os.path.exists(path):
        raise InvalidValueError(
            "checkpoint",
            f"{path}, saved by {found}",
            f"one that {expected} saved, or a path that nothing was saved to",
        )


def _rename(source: Path, target: Path) -> None:
    try:
        os.replace(source, target)
    except (OSError, ValueError) as error:
        raise FileError(
            str(source),
            str(error),
            "a file that can be renamed",
            see="docs/parallel.md#killed-and-resumed",
        ) from error


def _stop(path: Path, failed: list[int]) -> NoReturn:
    raise InvalidValueError(
        "checkpoint",
        f"{path}, where the files of ranks {', '.join(map(str, failed))} cannot be resumed",
        "files from which all ranks can resume; these ranks say why they cannot",
    )
