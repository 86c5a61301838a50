"""Settings of the whole process, such as the number of BLAS threads, held while a run needs them.

Runs overlap in threads, and processes fork while one is under way. So a setting is changed for the
first run and put back after the last, and a forked child, in which no run is under way, starts with
everything put back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import RLock
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from threadpoolctl import ThreadpoolController

from slimdc.errors import InvalidValueError

__all__ = ["SharedContext", "one_blas_thread"]

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
        self._count = 0
        self._arguments: tuple[Hashable, ...] = ()
        self._context: AbstractContextManager[T] | None = None
        self._value: Any = None
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
            It is held with other arguments: the process has one such setting, not two.
        """
        with _lock:
            if self._context is None:
                context = self._make(*arguments)
                self._value = context.__enter__()
                self._context, self._arguments = context, arguments
            elif arguments != self._arguments:
                raise InvalidValueError(
                    self._name,
                    "another one than that of a run under way in this process",
                    "the same, or one run after the other",
                )
            self._count += 1
        process = os.getpid()
        try:
            yield self._value
        finally:
            if os.getpid() == process:  # otherwise this is a fork, which has left it already
                with _lock:
                    self._count -= 1
                    if not self._count:
                        self._leave()

    def _leave(self) -> None:
        context, self._context, self._value = self._context, None, None
        self._count = 0
        if context is not None:
            context.__exit__(None, None, None)


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


@contextmanager
def _one_blas_thread() -> Iterator[int]:
    blas = ThreadpoolController().select(user_api="blas")
    allowed = min((x["num_threads"] for x in blas.info()), default=os.cpu_count() or 1)
    with blas.limit(limits=1):
        yield allowed


# How BLAS splits a product depends on its number of threads: one keeps every bit on any number of
# cores. It gives the number of threads that the caller lets BLAS have, for other use.
one_blas_thread = SharedContext(_one_blas_thread, "BLAS threads")
