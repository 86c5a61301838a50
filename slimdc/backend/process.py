"""Settings of the whole process, such as the number of BLAS threads, held while a run needs them.

Runs overlap in threads, and processes fork while one is under way. So a setting is changed for the
first run and put back after the last, and a forked child, in which no run is under way, starts with
everything put back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Event, RLock, get_ident
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from threadpoolctl import ThreadpoolController

from slimdc.errors import InvalidValueError

__all__ = ["SharedContext", "available_cores", "one_blas_thread", "parallel_map"]

T = TypeVar("T")


class SharedContext(Generic[T]):
    """A context of the whole process: entered for the first who needs it, left after the last.

    Runs in threads overlap in any order: if each put back what it had found, one would put back
    what another had set. A process that is forked while the context is held leaves it at once.

    Parameters
    ----------
    make : callable
        Makes the context. It may take arguments, which must be hashable.
    name : str
        What the context sets, for the error message.

    Examples
    --------
    >>> @contextmanager
    ... def announced():
    ...     print("set")
    ...     yield
    ...     print("put back")
    >>> setting = SharedContext(announced, "an example")
    >>> with setting():
    ...     with setting():
    ...         pass
    ...     print("held")
    set
    held
    put back
    """

    def __init__(self, make: Callable[..., AbstractContextManager[T]], name: str) -> None:
        self._make = make
        self._name = name
        self._held: list[_Held[T]] = []
        with _lock:
            _all.add(self)

    @contextmanager
    def __call__(self, *arguments: Hashable) -> Iterator[T]:
        """Hold it.

        Yields
        ------
        object
            What the context gave when it was entered.

        Raises
        ------
        InvalidValueError
            Another thread holds it with other arguments: the process has one such setting, not
            two. Within one thread, a context may be held inside of another.
        """
        process, thread = os.getpid(), get_ident()
        with _lock:
            held = self._joined(arguments, thread)
            held.threads.append(thread)
        try:
            yield held.value
        finally:
            if os.getpid() == process:  # otherwise this is a fork, which has left it already
                with _lock:
                    held.threads.remove(thread)
                    if not held.threads:
                        self._held.remove(held)
                        held.context.__exit__(None, None, None)

    def _joined(self, arguments: tuple[Hashable, ...], thread: int) -> _Held[T]:
        """Find what is held already, or enter the context."""
        if self._held:
            held = self._held[-1]
            alone = set(held.threads) == {thread}
            if held.arguments == arguments and (alone or len(self._held) == 1):
                return held
            if not alone:
                raise InvalidValueError(
                    self._name,
                    "another one than that of a run under way in this process",
                    "the same, or one run after the other",
                )
        context = self._make(*arguments)
        self._held.append(_Held(arguments, context, context.__enter__()))
        return self._held[-1]

    def _leave(self) -> None:
        while self._held:
            self._held.pop().context.__exit__(None, None, None)


@dataclass(eq=False)
class _Held(Generic[T]):
    """A context that was entered, and the threads that hold it, each as often as it does."""

    arguments: tuple[Hashable, ...]
    context: AbstractContextManager[T]
    value: T
    threads: list[int] = field(default_factory=list)


# One lock for all of them: a fork waits for it, so that it meets no setting half changed. The same
# thread may take it again, since one context may enter another.
_lock = RLock()
_all: WeakSet[SharedContext[Any]] = WeakSet()


def _leave_all() -> None:
    """Put everything back in a process that was forked from one with runs under way."""
    try:
        for context in _all:
            context._leave()
    finally:
        _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_leave_all
    )


def available_cores() -> int:
    """Count the cores in the process's affinity mask, or all where the system has no such mask.

    Examples
    --------
    >>> available_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _one_blas_thread() -> Iterator[int]:
    blas = ThreadpoolController().select(user_api="blas")
    cores = available_cores()
    allowed = min((library["num_threads"] for library in blas.info()), default=cores)
    with blas.limit(limits=1):
        yield min(allowed, cores)


# How BLAS splits a product depends on its number of threads: one keeps every bit on any number of
# cores. It gives the number of threads that may take the place of BLAS's own: as many as the caller
# lets BLAS have, and no more than there are cores.
one_blas_thread = SharedContext(_one_blas_thread, "BLAS threads")


@contextmanager
def parallel_map(threads: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """Give a `map` that works on several threads.

    Parameters
    ----------
    threads : int
        How many; with one, or where the system allows no more of them, it is the built-in `map`.

    Yields
    ------
    callable
        Takes a function and iterables, as `map` does; with threads, all calls start at once.

    Examples
    --------
    >>> with parallel_map(2) as mapped:
    ...     list(mapped(abs, (-1, 2, -3)))
    [1, 2, 3]
    """
    pool = _started(threads)
    process = os.getpid()
    try:
        yield map if pool is None else pool.map
    finally:
        if pool is not None and os.getpid() == process:  # a fork has no threads to wait for
            pool.shutdown()


def _started(threads: int) -> ThreadPoolExecutor | None:
    if threads == 1:
        return None
    pool, begin = ThreadPoolExecutor(threads), Event()
    try:
        for _ in range(threads):
            pool.submit(begin.wait)  # each starts a thread, since those before it wait
    except RuntimeError:  # the system allows no more of them
        begin.set()
        pool.shutdown()
        return None
    begin.set()
    return pool
