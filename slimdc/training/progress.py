"""Progress of long calls: a bar where a person watches, nothing in pipes, or a caller's own."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeAlias, runtime_checkable

from slimdc._checks import shown
from slimdc.errors import InvalidTypeError

__all__ = ["Follower", "Progress", "Report", "check_progress", "reporting", "unreported", "watched"]

Report: TypeAlias = Callable[[int, int, dict[str, float]], None]


@runtime_checkable
class Follower(Protocol):
    """Follows all parts of a call, also those whose steps are not the steps of a run."""

    def follow(self, title: str) -> AbstractContextManager[Report]:
        """Give a callable for (count, steps, terms) of the part of that title."""
        ...


Progress: TypeAlias = Report | Follower | bool | None


def check_progress(progress: object) -> None:
    """Refuse what `reporting` cannot follow, and begin nothing.

    Raises
    ------
    InvalidTypeError
        It is neither a callable, a `Follower`, a bool nor None.
    """
    known = isinstance(progress, Follower | bool | None) or callable(progress)
    if not known:
        raise InvalidTypeError("progress", shown(progress), "a callable, a bool or None")


@contextmanager
def reporting(progress: Progress, title: str, *, aside: bool = False) -> Iterator[Report]:
    """Give a callable that shows progress as the caller of a long function wants it.

    Parameters
    ----------
    progress : callable, Follower, bool or None
        A callable is given (count, steps, terms) itself, and a `Follower` gives one. True shows a
        bar, False nothing, None a bar only where somebody watches: where standard error is a
        terminal, or in a notebook.
    title : str
        Shown beside the bar.
    aside : bool
        True says that the steps are not those of the run that the call is about; a callable is not
        given them then.

    Yields
    ------
    callable
        Takes the count of steps done, the number of steps and the latest figures by name.
    """
    check_progress(progress)
    if isinstance(progress, Follower):
        with progress.follow(title) as report:
            yield report
        return
    if callable(progress):
        yield unreported if aside else progress
        return
    if progress is None:
        progress = watched() or _in_notebook()
    if not progress or sys.stderr is None:  # a process without a console
        yield unreported
        return
    with _bar_class()(desc=title, unit="step", file=sys.stderr) as bar:

        def show(count: int, steps: int, terms: dict[str, float]) -> None:
            if bar.total != steps:
                bar.reset(total=steps)  # a notebook's bar would not see another total
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


def unreported(_count: int, _steps: int, _terms: dict[str, float]) -> None:
    """Show nothing."""


def _in_notebook() -> bool:
    """Tell whether this runs in the kernel of a notebook, whose streams are no terminals."""
    # Whoever runs in one has imported it.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and "IPKernelApp" in getattr(shell, "config", ())


def _bar_class() -> Any:
    with warnings.catch_warnings():
        # Of a notebook without ipywidgets: a bar of text is as good there.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm
    return tqdm
