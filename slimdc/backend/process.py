"""Settings of a whole process, held while any run needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Any

from threadpoolctl import threadpool_limits


class SharedContext:
    """Enters a context for the first who needs it, and leaves it after the last.

    Runs in threads overlap in any order: if each restored what it found, one would restore what
    another had set.

    Parameters
    ----------
    make : callable
        Makes the context.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[Any]]) -> None:
        self._make = make
        self._lock = Lock()
        self._count = 0
        self._context: AbstractContextManager[Any] | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Hold it."""
        with self._lock:
            if self._context is None:
                context = self._make()
                context.__enter__()
                self._context = context
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1
                if not self._count:
                    context, self._context = self._context, None
                    context.__exit__(None, None, None)


# How BLAS splits a product depends on its number of threads: one keeps every bit on any number of
# cores, and leaves the others to threads of ours.
one_blas_thread = SharedContext(lambda: threadpool_limits(1, user_api="blas"))
