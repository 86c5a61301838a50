"""What watches a run: progress for a person, a history for the caller, a checkpoint for later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from slimdc._checks import path, whole_number
from slimdc.backend import Backend
from slimdc.errors import InvalidTypeError
from slimdc.training.checkpoint import Resumable, Saved, Terms
from slimdc.training.progress import Progress, Report, reporting
from slimdc.training.rank_checkpoints import checkpoint_of

__all__ = ["Monitor", "Terms", "Watch"]


@dataclass(frozen=True)
class Monitor:
    """What a caller wants to see and keep of a run.

    Parameters
    ----------
    progress : callable, bool or None
        See `slimdc.training.progress.reporting`.
    history : list or None
        Is filled with the parts of the loss of every step.
    checkpoint : path or None
        File to save to and to resume from; of several processes each has its own beside it.
    checkpoint_interval : int
        Steps between saves.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        One of them is of no use.
    """

    progress: Progress
    history: list[Terms] | None
    checkpoint: str | Path | None
    checkpoint_interval: int

    def __post_init__(self) -> None:
        whole_number("checkpoint_interval", self.checkpoint_interval, at_least=1)
        if self.history is not None and not isinstance(self.history, list):
            raise InvalidTypeError("history", type(self.history).__name__, "a list to fill")
        if self.checkpoint is not None:
            path("checkpoint", self.checkpoint)

    @contextmanager
    def watching(
        self,
        title: str,
        digest: Callable[[], str],
        rngs: Sequence[np.random.Generator],
        backend: Backend,
    ) -> Iterator[Watch]:
        """Watch a run of that digest and generators while the context is open.

        The generators are the run's, and those of the local ranks where these have their own.
        """
        saved = None
        if self.checkpoint is not None:
            saved = checkpoint_of(self.checkpoint, digest(), rngs, backend)
        with reporting(self.progress, title) as report:
            yield Watch(self, report, saved)


@dataclass
class Watch:
    """A monitor at work on one run.

    Parameters
    ----------
    monitor : Monitor
        What the caller wants.
    report : callable
        Shows progress.
    saved : Saved or None
        Where the run is saved.
    """

    monitor: Monitor
    report: Report
    saved: Saved | None
    history: list[Terms] = field(default_factory=list)

    def begin(self, run: Resumable) -> None:
        """Resume the run where it was saved; otherwise save it, so that no bad path comes late."""
        if self.saved is not None:
            self._note(self.saved.resume(run))
            if run.count == 0:
                self.saved.save(run, self.history)

    def after(self, run: Resumable, terms: list[Terms]) -> None:
        """Note the parts of the loss of the latest steps, show them, and save the run if due."""
        self._note(terms)
        self.report(run.count, run.total, self.history[-1])
        interval = self.monitor.checkpoint_interval
        due = run.count // interval > (run.count - len(terms)) // interval
        if self.saved is not None and (due or run.count == run.total):
            self.saved.save(run, self.history)

    def _note(self, terms: list[Terms]) -> None:
        self.history += terms
        if self.monitor.history is not None:
            self.monitor.history.extend(terms)
