"""Sets larger than memory: a folder of shards, each a slimmable file of some of the classes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

from slimdc._checks import path, positive, shown, whole_number
from slimdc._inputs import Openable, open_set
from slimdc._warning import warn
from slimdc.backend import one_blas_thread
from slimdc.errors import FileError, InvalidTypeError, InvalidValueError
from slimdc.parameterization import SlimmableDataset
from slimdc.storage import dumps
from slimdc.storage.atomic import write_whole

__all__ = ["slim_shards"]

Source: TypeAlias = Openable | Callable[[], Openable]
SUFFIX = ".safetensors"
PARTS = "pairs (name, source) with names that files can have"


class Job(Protocol):
    """One job under way, such as a `concurrent.futures.Future`."""

    def result(self) -> Any:
        """Wait for its result."""
        ...

    def cancel(self) -> object:
        """Give it up, if it has not begun."""
        ...


class Submits(Protocol):
    """What runs jobs elsewhere: an executor of `concurrent.futures`, or one like it."""

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Job:
        """Start a job; function and arguments can be pickled."""
        ...


class Wanted(NamedTuple):
    """What a shard is made into."""

    k: int
    bits: float | None
    classes: int | None


class Made(NamedTuple):
    """A shard as a file, and whether it held fewer components than were wanted."""

    payload: bytes
    short: bool


def slim_shards(
    shards: Iterable[tuple[str, Source]],
    folder: str | os.PathLike[str],
    k: int,
    *,
    bits: float | None = None,
    classes: int | None = None,
    executor: Submits | None = None,
    ahead: int = 16,
) -> list[Path]:
    """Slim a set that comes in parts, learning-free, into a folder of slimmable files.

    Classes do not depend on each other in Eq. 8, so each can be decomposed, truncated (Prop. 1)
    and rounded where it is. Parts are taken one after the other and each is written as soon as it
    is done. So no process holds more than one part, but the caller's, which holds `ahead` of those
    that are not callables.

    Parameters
    ----------
    shards : iterable of (name, source)
        The parts, each of some classes; it may be a generator. A source is a SlimmableDataset, the
        path or URL of one, a pair (samples, labels), or a function that gives one of these where
        the job runs.
    folder : path
        Where ``<name>.safetensors`` is written, whole or not at all; it is made if need be. A file
        of that name is replaced.
    k : int
        Components to keep per class, at least 1. A class that holds fewer keeps them all.
    bits : float, optional
        Bits for each number, on average, as for `SlimmableDataset.quantize`.
    classes : int, optional
        Number c of classes of the whole set, for pairs: the label entries of every part.
    executor : object with ``submit``, optional
        Runs the jobs: any executor of `concurrent.futures`, that of a Dask client, and what wraps
        Ray; see docs/large.md. By default they run here, one after the other, to the same bits.
    ahead : int
        Parts that are under way at most.

    Returns
    -------
    list of pathlib.Path
        The files, in the order of the parts. Each can be loaded, truncated and sent alone.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        An argument cannot be used, a name comes twice, or a part is no set. What is raised for a
        part names it in a note.
    FileError
        A file cannot be read or written. What was written before stays.

    Warns
    -----
    SlimdcWarning
        Some parts hold fewer than k components.

    Examples
    --------
    >>> import numpy as np, slimdc, tempfile
    >>> def parts():
    ...     for c in range(3):
    ...         x = np.random.default_rng(c).standard_normal((8, 6))
    ...         yield f"class-{c}", (x, [c] * 8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for path in slim_shards(parts(), folder, 2, classes=3):
    ...         small = slimdc.load(path)
    ...         print(path.name, small.labels, small.components)
    class-0.safetensors (0,) (2,)
    class-1.safetensors (1,) (2,)
    class-2.safetensors (2,) (2,)
    """
    wanted = Wanted(
        whole_number("k", k, at_least=1),
        None if bits is None else positive("bits", bits),
        None if classes is None else whole_number("classes", classes, at_least=1),
    )
    limit = 0 if executor is None else whole_number("ahead", ahead, at_least=1)
    submit: Any = Here if executor is None else getattr(executor, "submit", None)
    if not callable(submit):
        raise InvalidTypeError("executor", type(executor).__name__, "an object with submit")
    parts = _parts(shards)
    where = _made_folder(folder)
    written: dict[Path, bool] = {}
    waiting: deque[tuple[Path, Job]] = deque()
    try:
        for part in parts:
            name, source = _checked(part)
            target = where / f"{name}{SUFFIX}"
            if target in written or any(target == other for other, _ in waiting):
                raise InvalidValueError("shards", f"the name {name!r} twice", "distinct names")
            waiting.append((target, submit(_slimmed, source, wanted)))
            del part, source  # the job's alone: it is let go when that is done
            while len(waiting) > limit:
                _finish(waiting, written)
        while waiting:
            _finish(waiting, written)
    finally:
        for _, job in waiting:
            job.cancel()
    if any(written.values()):
        warn(
            f"k: {sum(written.values())} of {len(written)} shards hold fewer than {k} components "
            "and keep all of theirs",
        )
    return list(written)


class Here:
    """A job that is done when its result is wanted, by the one who wants it."""

    def __init__(self, function: Callable[..., Any], /, *args: Any) -> None:
        self._function, self._args = function, args

    def result(self) -> Any:
        """Do it."""
        return self._function(*self._args)

    def cancel(self) -> None:
        """Leave it."""


def _slimmed(source: Source, wanted: Wanted) -> Made:
    """Slim one part: what a job does."""
    with one_blas_thread():  # jobs on one machine share its cores among themselves
        given = source() if callable(source) else source
        if isinstance(given, tuple | list) and len(given) == 2:
            data = SlimmableDataset.from_arrays(*given, classes=wanted.classes)
        else:
            data = open_set(given, "shards")
        most = data.components_per_class
        if wanted.k <= most:
            data = data.truncate(wanted.k)
        if wanted.bits is not None:
            data = data.quantize(wanted.bits)
        return Made(dumps(data), wanted.k > most)


def _finish(waiting: deque[tuple[Path, Job]], written: dict[Path, bool]) -> None:
    """Write the first of the parts that are under way."""
    target, job = waiting.popleft()
    try:
        made = job.result()
    except Exception as error:
        error.add_note(f"(in the shard {target.name.removesuffix(SUFFIX)!r})")
        raise
    write_whole(target, made.payload)
    written[target] = made.short


def _parts(shards: Any) -> Iterator[Any]:
    try:
        return iter(shards)
    except Exception as error:  # of an array without axes, or an object that is broken
        raise InvalidTypeError("shards", type(shards).__name__, PARTS) from error


def _checked(part: Any) -> tuple[str, Source]:
    if not isinstance(part, tuple | list) or len(part) != 2 or not isinstance(part[0], str):
        raise InvalidTypeError("shards", type(part).__name__, PARTS)
    name, source = part
    if not name or name.startswith(".") or {"/", "\\", "\0"} & set(name):
        raise InvalidValueError("shards", f"the name {shown(name)}", PARTS)
    return name, source


def _made_folder(folder: str | os.PathLike[str]) -> Path:
    where = path("folder", folder)
    try:
        where.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise FileError(
            str(where),
            str(error),
            "a folder that can be written to",
            see="docs/large.md#a-folder-of-shards",
        ) from error
    return where
