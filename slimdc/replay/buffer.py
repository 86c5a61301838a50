"""A replay buffer: condensed sets of all tasks so far, in a budget that they never exceed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Self

import numpy as np

from slimdc._array import like as in_library
from slimdc._array import namespace
from slimdc._checks import path as checked_path
from slimdc._checks import whole_number
from slimdc.errors import FileError, InvalidValueError
from slimdc.parameterization import SlimmableDataset
from slimdc.replay.arrivals import Arrivals, joined
from slimdc.replay.batches import drawn
from slimdc.replay.budget import BufferBudget, Rounding
from slimdc.replay.held import Held
from slimdc.replay.options import condense_options, slim_options
from slimdc.replay.state import State, packed_state, unpacked_state
from slimdc.storage import loads
from slimdc.storage.atomic import write_whole
from slimdc.storage.tensor_file import read_whole

__all__ = ["ReplayBuffer"]


class ReplayBuffer:
    """Condensed sets of the tasks of a stream, slimmed whenever the next one would not fit.

    Real data of a task are condensed when they come, and never needed again: what is held is made
    smaller from itself alone. The buffer holds one message, that of `slimdc.dumps`, whose length
    is what it costs.

    Parameters
    ----------
    nbytes : int, optional
        Bytes that the message may take, header and all. What is kept is chosen as by
        ``slim(nbytes=)``.
    components : int, optional
        Components that all classes may have together, shared out evenly; held in floats. One of
        both must be given.
    classes : int, optional
        Entries of a label row: the classes of all tasks that may come. By default each task is
        condensed with as many as its largest label says, below 65,536, and rows grow.
    condense : mapping, optional
        Options of `slimdc.condense` for the data of a task, such as
        ``{"ipc": 20, "steps": 400}``; 10 per class by default.
    slim : mapping, optional
        Options of `slimdc.slim`; by default ``{"steps": 0}``, learning-free.
    rounding : {"down", "up"}
        Where components do not divide by classes. ``"up"`` is the paper's, and may exceed them.
    floor : int
        Components that each class must have, where components are counted: a task whose classes
        have fewer is refused, and so is one that would leave a class fewer.
    seed : int
        Of every draw; task i takes seed + i.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        An argument cannot be used, or options of `condense` and `slim` cannot, as far as they can
        be told from these without a task.
    MissingBackendError
        A backend that they name is unknown, or its library is not installed.

    Notes
    -----
    Fig. 7 of Liu, Ye, Yu and Wang, "Slimmable Dataset Condensation", CVPR 2023. Threads may share a
    buffer: while one adds a task, others that add wait, and others that read find it as it was.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> buffer = ReplayBuffer(nbytes=1_500, classes=4, condense={"ipc": 3, "steps": 0})
    >>> for task in (0, 1):
    ...     y = 2 * task + np.arange(40) % 2
    ...     buffer.add(rng.normal(size=(40, 8, 8)) + y[:, None, None], y)
    >>> buffer.labels, buffer.nbytes <= 1_500
    ((0, 1, 2, 3), True)
    >>> x, y = next(buffer.batches(8))
    >>> x.shape, y.shape
    ((8, 8, 8, 1), (8, 4))
    """

    def __init__(
        self,
        *,
        nbytes: int | None = None,
        components: int | None = None,
        classes: int | None = None,
        condense: Mapping[str, Any] | None = None,
        slim: Mapping[str, Any] | None = None,
        rounding: Rounding = "down",
        floor: int = 1,
        seed: int = 0,
    ) -> None:
        self._budget = BufferBudget(nbytes, components, rounding, floor)
        self._classes = None if classes is None else whole_number("classes", classes, at_least=1)
        self._condense = condense_options(condense)
        self._slim = slim_options(slim, self._budget.nbytes, self._budget.components)
        self._seed = whole_number("seed", seed, at_least=0)
        self._held, self._adding = Held(), threading.Lock()

    def __repr__(self) -> str:
        return f"ReplayBuffer({len(self.labels)} classes in {self.nbytes:,} {self._budget.limit})"

    def __len__(self) -> int:
        """Count the samples that are held."""
        return 0 if (data := self._held.data) is None else len(data)

    def __getstate__(self) -> dict[str, Any]:
        """Give what a copy is made of: all but the lock."""
        return {name: value for name, value in vars(self).items() if name != "_adding"}

    def __setstate__(self, known: dict[str, Any]) -> None:
        """Make a copy, with a lock of its own."""
        vars(self).update(known, _adding=threading.Lock())

    @property
    def data(self) -> SlimmableDataset:
        """The set that is held, in NumPy.

        Raises
        ------
        InvalidValueError
            Nothing was added yet.
        """
        data = self._held.data
        if data is None:
            raise InvalidValueError("buffer", "an empty one", "one to which a task was added")
        return data

    @property
    def message(self) -> bytes:
        """The set that is held as `slimdc.dumps` writes it; empty before the first task."""
        return self._held.message

    @property
    def nbytes(self) -> int:
        """Bytes of the message."""
        return len(self._held.message)

    @property
    def added(self) -> int:
        """How many tasks were added."""
        return self._held.added

    @property
    def labels(self) -> tuple[int, ...]:
        """Classes that are held."""
        return () if (data := self._held.data) is None else data.labels

    def add(self, x: Any, y: Any = None) -> None:
        """Take in a task, and make what is held smaller where both do not fit.

        Parameters
        ----------
        x : array, or SlimmableDataset, path or bytes
            Real samples, which are condensed: those of later tasks in the space of the first. Or a
            set.
        y : array of int, optional
            Classes of real samples. A class that is held already is merged with what comes.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            They are no task: labels outside `classes`, or samples that are not finite, or of
            another shape, space or dtype than those that are held. Or the budget holds no component
            of each class; the message says what it takes. The buffer is as it was. What can be told
            before real samples are condensed is told then, all but whether bytes suffice.
        FileError
            A path or bytes hold no set.
        NumericalError
            Training leaves the finite numbers.
        """
        with self._adding:
            held, seed = self._held.data, self._seed + self._held.added
            arrivals = Arrivals(self._classes, self._condense)
            if y is None:
                came = arrivals.opened(x)
            else:
                came = arrivals.condensed(x, y, seed, held, self._budget.check)
            both = joined(held, came)
            options: dict[str, Any] = {"progress": False} | self._slim | {"seed": seed}
            message = self._budget.fitted(both, options)
            self._held = Held(self._held.added + 1, message, both.preprocessing)

    def batches(self, size: int, *, seed: int = 0, like: Any = None) -> Iterator[tuple[Any, Any]]:
        """Draw batches of what is held, for ever: each sample once before any comes again.

        Parameters
        ----------
        size : int
            Samples of a batch; where fewer are held, all of them.
        seed : int
            Of the order.
        like : array, optional
            An array whose framework and device the batches are wanted in; by default NumPy.

        Yields
        ------
        x : array, shape (size, ...)
            Samples, as the set's `arrays` gives them.
        y : array, shape (size, c)
            Label rows.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `size` or `seed` is no such number, `like` no array, or nothing was added yet.
        """
        size = whole_number("size", size, at_least=1)
        rng = np.random.default_rng(whole_number("seed", seed, at_least=0))
        if like is not None:
            namespace(like, argument="like")
        x, y = self.data.arrays()
        batches = drawn(x, y, min(size, len(x)), rng)
        if like is None:
            return batches
        return ((in_library(a, like), in_library(b, like)) for a, b in batches)

    @property
    def state(self) -> bytes:
        """All of the buffer as bytes, equal for equal buffers: what `from_state` takes."""
        options = asdict(self._budget) | {
            "classes": self._classes,
            "condense": self._condense,
            "slim": self._slim,
            "seed": self._seed,
        }
        held = self._held
        return packed_state(State(options, held.added, held.message))

    @classmethod
    def from_state(cls, state: bytes) -> Self:
        """Make a buffer that goes on where another one was, to the bit.

        Parameters
        ----------
        state : bytes
            What `state` gave.

        Raises
        ------
        InvalidTypeError
            These are no bytes.
        FileError
            They are damaged, or of another version.

        Examples
        --------
        >>> buffer = ReplayBuffer(components=8)
        >>> buffer.add(SlimmableDataset.from_arrays(np.eye(6), [0, 0, 0, 1, 1, 1]))
        >>> ReplayBuffer.from_state(buffer.state).message == buffer.message
        True
        """
        return cls._resumed("state", state)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state to a file, whole or not at all.

        Raises
        ------
        InvalidTypeError
            `path` is not a path.
        FileError
            It cannot be written.
        """
        write_whole(checked_path("path", path), self.state)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        InvalidTypeError
            `path` is not a path.
        FileError
            It cannot be read, is damaged, or is no buffer of this version.
        """
        return cls._resumed(str(checked_path("path", path)), read_whole(path))

    @classmethod
    def _resumed(cls, name: str, state: bytes) -> Self:
        known = unpacked_state(name, state)
        try:
            made = cls(**known.options)
            if known.message:
                loads(known.message)
        except (TypeError, InvalidValueError) as error:
            raise FileError(name, str(error), "a state as it was written") from None
        made._held = Held(known.added, known.message)
        return made
