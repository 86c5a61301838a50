"""Progress of long calls: a bar where a person watches, nothing in pipes, or a callable."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from slimdc._checks import shown
from slimdc.errors import InvalidTypeError

__all__ = ["Progress", "Report", "reporting", "watched"]

Report: TypeAlias = Callable[[int, int, dict[str, float]], None]
Progress: TypeAlias = Report | bool | None


@contextmanager
def reporting(progress: Progress, title: str) -> Iterator[Report]:
    """Give a callable that shows progress as the caller of a long function wants it.

    Parameters
    ----------
    progress : callable, bool or None
        A callable is given (count, steps, terms) itself. True shows a bar where tqdm is
        installed, False nothing, None a bar only where standard error is a terminal.
    title : str
        Shown beside the bar.

    Yields
    ------
    callable
        Takes the count of steps done, the number of steps and the latest figures by name.
    """
    if callable(progress):
        yield progress
        return
    if progress is not None and not isinstance(progress, bool):
        raise InvalidTypeError("progress", shown(progress), "a callable, a bool or None")
    if progress is None:
        progress = watched()
    try:
        from tqdm import tqdm
    except ImportError:
        progress = False
    if sys.stderr is None:  # a process without a console
        progress = False
    if not progress:
        yield _silent
        return
    with tqdm(desc=title, unit="step", file=sys.stderr) as bar:

        def show(count: int, steps: int, terms: dict[str, float]) -> None:
            bar.total = steps
            bar.set_postfix({k: f"{v:.3g}" for k, v in terms.items()}, refresh=False)
            bar.update(count - bar.n)

        yield show


def watched() -> bool:
    """Tell whether standard error is a terminal; it may be missing, closed or of another kind.

    Examples
    --------
    >>> from contextlib import redirect_stderr
    >>> with redirect_stderr(None):
    ...     watched()
    False
    """
    try:
        return bool(sys.stderr.isatty())
    except (AttributeError, ValueError):  # missing, or of another kind; closed
        return False


def _silent(count: int, steps: int, terms: dict[str, float]) -> None:
    pass
