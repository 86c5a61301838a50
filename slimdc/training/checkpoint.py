"""Checkpoints of a training run: written atomically, refused where they belong to another run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from slimdc.errors import FileError, InvalidTypeError, InvalidValueError
from slimdc.storage.tensor_file import DIGEST, read_tensors, write_tensors

__all__ = ["Checkpoint", "Found", "Resumable", "Saved", "Terms"]

Terms: TypeAlias = dict[str, float]

FORMAT = "slimdc-checkpoint-2"
ALONE = "rank 0 of 1"
_PAGE = "docs/parallel.md#killed-and-resumed"


class Resumable(Protocol):
    """What a checkpoint holds: arrays by name, and how many steps of all were taken."""

    count: int
    total: int

    def state(self) -> dict[str, np.ndarray]:
        """Copy the state to the host.

        A network's arrays are named ``<network>.parameters.<name>``. Once it has been trained, it
        has ``<network>.moments.m`` and ``.v`` as well, vectors as long as all its parameters.
        Integers are counts.
        """
        ...

    def restore(self, state: Mapping[str, np.ndarray], count: int) -> None:
        """Go on from a state."""
        ...


class Saved(Protocol):
    """Where a run is saved, and resumed from: a file, or the files of several processes."""

    def save(self, run: Resumable, history: list[Terms]) -> None:
        """Save the run's present state, at once or not at all."""
        ...

    def resume(self, run: Resumable) -> list[Terms]:
        """Bring a run at its start to the saved state, if there is one, and return its history."""
        ...


class Found(NamedTuple):
    """What a checkpoint holds, checked and not yet taken.

    Attributes
    ----------
    count : int
        Steps taken.
    arrays : mapping of str to numpy.ndarray
        The run's state.
    history : list of dict
        Parts of the loss of every step.
    generators : list of dict
        States of the generators.
    """

    count: int  # type: ignore[assignment]  # a tuple counts what is in it
    arrays: Mapping[str, np.ndarray]
    history: list[Terms]
    generators: list[dict[str, Any]]


class Checkpoint:
    """A file that holds a run: factors, pool, optimisers, generators, history.

    It has the digest of all that it holds, so that no damage goes unseen, and the identity of the
    run, so that no other run goes on from it.

    Parameters
    ----------
    path : str or Path
        The file; it need not exist yet.
    digest : str
        Identifies the run; see `slimdc.training.identity`.
    *rngs : numpy.random.Generator
        The run's generator, and those of the ranks of this process where these have their own:
        saved and restored with it.
    ranks : str
        Whose networks it holds; the only rank's by default.
    """

    def __init__(
        self,
        path: str | Path,
        digest: str,
        *rngs: np.random.Generator,
        ranks: str = ALONE,
    ) -> None:
        self._path = Path(path)
        self._digest = digest
        self._rngs = rngs
        self._ranks = ranks

    def save(self, run: Resumable, history: list[Terms]) -> None:
        """Replace the file by the run's present state, at once or not at all.

        Raises
        ------
        FileError
            If the file cannot be written.
        """
        names = list(history[0]) if history else []
        values = [terms[name] for terms in history for name in names]
        states = [rng.bit_generator.state for rng in self._rngs]
        metadata = {
            "format": FORMAT,
            "run": self._digest,
            "count": str(run.count),
            "generator": json.dumps(states[0]),
            "terms": json.dumps(names),
        }
        if self._ranks != ALONE:
            metadata |= {"ranks": self._ranks, "generators": json.dumps(states[1:])}
        table = np.array(values, np.float64).reshape(len(history), len(names))
        write_tensors(self._path, run.state() | {"history": table}, metadata)

    def resume(self, run: Resumable) -> list[Terms]:
        """Bring a run at its start to the saved state, if there is one, and return its history.

        The file is checked as a whole before anything changes.

        Raises
        ------
        FileError
            If the file cannot be read, is damaged, or is not a checkpoint of this version.
        InvalidValueError
            If it belongs to other data, arguments or ranks.
        """
        found = self.found(run)
        return [] if found is None else self.take(run, found)

    def found(self, run: Resumable) -> Found | None:
        """Read and check the file, if there is one; see `resume`."""
        if not os.path.exists(self._path):  # which takes any path, where Path.exists may raise
            return None
        arrays, metadata = read_tensors(self._path)
        name = metadata.get("format")
        if name != FORMAT or DIGEST not in metadata:
            old = name == "slimdc-checkpoint-1"
            raise FileError(
                str(self._path),
                "a checkpoint of an earlier version" if old else "another kind of file",
                "a checkpoint of slimdc, of this version; remove the file to start anew",
                see=_PAGE,
            )
        ranks = metadata.get("ranks", ALONE)
        if ranks != self._ranks:
            raise InvalidValueError(
                "checkpoint", f"{self._path}, saved by {ranks}", f"one that {self._ranks} saved"
            )
        if metadata.get("run") != self._digest:
            raise InvalidValueError(
                "checkpoint",
                f"{self._path}, saved by a run on other data or with other arguments",
                "a checkpoint of this very run, or a path that does not exist yet",
            )
        try:
            count = _count(metadata["count"], run.total)
            history = _history(arrays.pop("history"), json.loads(metadata["terms"]), count)
            states = [json.loads(metadata["generator"])]
            if ranks != ALONE:
                states += json.loads(metadata["generators"])
            generators = [_generator(*both) for both in zip(states, self._rngs, strict=True)]
            _check_state(arrays, run.state())
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise FileError(
                str(self._path),
                f"a damaged checkpoint ({type(error).__name__}: {error})",
                "a checkpoint as it was saved",
                see=_PAGE,
            ) from error
        return Found(count, arrays, history, generators)

    def take(self, run: Resumable, found: Found) -> list[Terms]:
        """Bring a run to what was found; return its history."""
        run.restore(found.arrays, found.count)
        for rng, state in zip(self._rngs, found.generators, strict=True):
            rng.bit_generator.state = state
        return found.history


def _count(written: str, total: int) -> int:
    count = int(written)
    if str(count) != written or not 0 <= count <= total:
        raise InvalidValueError("count", repr(written), f"a number of steps up to {total}")
    return count


def _history(table: np.ndarray, names: Any, count: int) -> list[Terms]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidTypeError("terms", repr(names), "a list of names")
    if table.dtype != np.float64 or table.shape != (count, len(set(names))):
        raise InvalidValueError(
            "history",
            f"{table.dtype} of shape {table.shape}",
            f"float64 of shape {(count, len(set(names)))}, a row for each step",
        )
    return [dict(zip(names, map(float, row), strict=True)) for row in table]


def _generator(state: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Check that a generator of the same kind takes a state as it is."""
    trial = type(rng.bit_generator)()
    trial.state = state
    if trial.state != state:
        raise InvalidValueError("generator", repr(state), f"a state of {type(trial).__name__}")
    return dict(trial.state)


def _check_state(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    """Compare arrays with those of the run at its start, which may lack moments."""
    owners: dict[str, list[np.ndarray]] = {}
    for name, x in expected.items():
        owner, is_parameter, _ = name.partition(".parameters.")
        if is_parameter:
            owners.setdefault(owner, []).append(x)
    wanted = dict(expected)
    for owner, parameters in owners.items():
        moments = [f"{owner}.moments.{part}" for part in "mv"]
        if any(name in found for name in moments):
            vector = np.concatenate([x.ravel() for x in parameters])
            wanted |= dict.fromkeys(moments, vector)
    if set(found) != set(wanted):
        differing = sorted(set(found) ^ set(wanted))
        raise InvalidValueError("arrays", f"{differing} too many or missing", "those of this run")
    for name, x in found.items():
        if (x.dtype, x.shape) != (wanted[name].dtype, wanted[name].shape):
            raise InvalidValueError(
                name,
                f"{x.dtype} of shape {x.shape}",
                f"{wanted[name].dtype} of shape {wanted[name].shape}",
            )
        if x.dtype.kind in "iu" and x.size and x.min() < 0:
            raise InvalidValueError(name, str(x.min()), "counts, from 0")
