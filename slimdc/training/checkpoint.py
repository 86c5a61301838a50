"""Checkpoints of a training run: written atomically, refused where they belong to another run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from slimdc.errors import FileError, InvalidValueError
from slimdc.storage.tensor_file import read_tensors, write_tensors

Terms: TypeAlias = dict[str, float]

FORMAT = "slimdc-checkpoint-1"


class Resumable(Protocol):
    """What a checkpoint holds: arrays by name, and the number of steps taken."""

    count: int

    def state(self) -> dict[str, np.ndarray]:
        """Copy the state to the host."""
        ...

    def restore(self, state: Mapping[str, np.ndarray], count: int) -> None:
        """Go on from a state."""
        ...


class Checkpoint:
    """A file that holds a run: factors, pool, optimisers, generator, history.

    Parameters
    ----------
    path : str or Path
        The file; it need not exist yet.
    digest : str
        Identifies the run; see `slimdc.training.identity`.
    rng : numpy.random.Generator
        The run's generator, saved and restored with it.
    """

    def __init__(self, path: str | Path, digest: str, rng: np.random.Generator) -> None:
        self._path = Path(path)
        self._digest = digest
        self._rng = rng

    def save(self, run: Resumable, history: list[Terms]) -> None:
        """Replace the file by the run's present state, at once or not at all."""
        names = list(history[0]) if history else []
        table = np.array([[terms[name] for name in names] for terms in history])
        metadata = {
            "format": FORMAT,
            "digest": self._digest,
            "count": str(run.count),
            "generator": json.dumps(self._rng.bit_generator.state),
            "terms": json.dumps(names),
        }
        write_tensors(self._path, run.state() | {"history": table}, metadata)

    def resume(self, run: Resumable) -> list[Terms]:
        """Bring the run to the saved state, if there is one, and return its history.

        Raises
        ------
        FileError
            If the file cannot be read, or is not a checkpoint.
        InvalidValueError
            If it belongs to other data or arguments.
        """
        if not self._path.exists():
            return []
        tensors, metadata = read_tensors(self._path)
        if metadata.get("format") != FORMAT:
            raise FileError(str(self._path), "another kind of file", "a checkpoint of slimdc")
        if metadata.get("digest") != self._digest:
            raise InvalidValueError(
                "checkpoint",
                f"{self._path}, saved by a run on other data or with other arguments",
                "a checkpoint of this very run, or a path that does not exist yet",
            )
        run.restore(tensors, int(metadata["count"]))
        self._rng.bit_generator.state = json.loads(metadata["generator"])
        names = json.loads(metadata["terms"])
        return [dict(zip(names, map(float, row), strict=True)) for row in tensors["history"]]
